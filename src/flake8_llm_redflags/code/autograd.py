"""Where autograd records what is computed, and where it is off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from ..knowledge import table
from .arguments import argument, keyword
from .constants import is_false, is_true
from .names import dotted
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

#: How many calls up a question follows.
_CALLS_UP = 4


class Autograd:
    """Answers whether gradients are recorded at a node."""

    def __init__(self, code: Code) -> None:
        self._code, self._tree, self._context = code, code.tree, code.context
        self._off_in: dict[int, bool] = {}

    def is_off(self, node: Node) -> bool:
        """Is autograd off here: by ``with``, a decorator, a hook that runs without it, or in all callers?"""
        return self._is_off(node, _CALLS_UP)

    def is_wanted(self, node: Node) -> bool:
        """Is autograd switched on outright around the node: ``with torch.enable_grad():``?"""
        withs = (above for above in self._tree.ancestors(node) if isinstance(above, cst.With))
        calls = (item.item for above in withs for item in above.items if isinstance(item.item, cst.Call))
        return any(dotted(call.func).rpartition(".")[2] == "enable_grad" for call in calls)

    def _is_off(self, node: Node, calls_up: int) -> bool:
        function, child = None, node
        for above in self._tree.ancestors(node):
            if isinstance(above, cst.With):
                if child is above.body and any(self.switches_off(item.item) for item in above.items):
                    return True
            elif isinstance(above, cst.FunctionDef):
                if any(self.switches_off(decorator.decorator) for decorator in above.decorators):
                    return True
                function = function or above
            child = above
        if self._switched_off_before(node, function):
            return True
        if function is None or calls_up == 0:
            return False
        if self._is_hook(function):
            return True
        key = id(function)
        if key not in self._off_in:
            self._off_in[key] = False  # what a cycle sees
            calls = self._context.callers(function)
            self._off_in[key] = bool(calls) and all(self._is_off(call, calls_up - 1) for call in calls)
        return self._off_in[key]

    def switches_off(self, expression: Node) -> bool:
        """Does an expression switch autograd off? ``set_grad_enabled(flag)`` counts: somebody decided."""
        callee = expression.func if isinstance(expression, cst.Call) else expression
        if isinstance(callee, cst.IfExp):
            return self.switches_off(callee.body) or self.switches_off(callee.orelse)
        if isinstance(expression, cst.IfExp):
            return self.switches_off(expression.body) or self.switches_off(expression.orelse)
        last = (self._code.qualified_name(callee) or dotted(callee)).rpartition(".")[2]
        if last == "set_grad_enabled":
            given = argument(expression, 0, "mode") if isinstance(expression, cst.Call) else None
            return not is_true(given)
        if any(word in last for word in table("torch_training")["no_grad"]["names"]):
            if isinstance(expression, cst.Call):
                return not is_false(keyword(expression, "mode") or argument(expression, 0))
            return True
        if isinstance(expression, cst.Name):  # `context = torch.no_grad()` made earlier
            return any(
                origin.name is not None
                and any(word in origin.name for word in table("torch_training")["no_grad"]["names"])
                for origin in self._code.values.origins(expression)
            )
        return False

    def _switched_off_before(self, node: Node, function: Node | None) -> bool:
        """Was ``torch.set_grad_enabled(False)`` called as a statement, for the file or earlier in the function?"""
        for call in self._code.calls("set_grad_enabled", "_set_grad_enabled"):
            if isinstance(self._tree.parent(call), cst.Expr) and not is_true(argument(call, 0, "mode")):
                around = self._context.function(call)
                if around is None or (around is function and self._tree.comes_before(call, node)):
                    return True
        return False

    def _is_hook(self, function: cst.FunctionDef) -> bool:
        """Is this a hook that a framework calls without autograd (Lightning's ``validation_step``)?"""
        facts = table("torch_training")["no_grad"]
        owner = self._context.method_owner(function)
        if owner is None or function.name.value not in facts["hooks"]:
            return False
        return any(
            name.rpartition(".")[2].endswith(tuple(facts["hook_classes"])) for name in self._context.base_names(owner)
        ) or any(isinstance(base.value, (cst.Name, cst.Attribute)) for base in owner.bases)

    def is_unknown(self, node: Node, calls_up: int = 3) -> bool:
        """Is it up to another file: in a method of somebody's subclass that nothing here calls, or called only so?"""
        function = self._context.function(node)
        if not isinstance(function, cst.FunctionDef) or calls_up == 0:
            return False
        calls = self._context.callers(function)
        if calls:
            return all(self.is_off(call) or self.is_unknown(call, calls_up - 1) for call in calls)
        owner = self._context.method_owner(function)
        return owner is not None and any(self._is_foreign(base.value) for base in owner.bases)

    def _is_foreign(self, base: Node) -> bool:
        """Does a base class come from elsewhere, so that its framework may call what derives from it?"""
        if isinstance(base, cst.Name) and (found := self._code.names.bindings(base.value, base)):
            local = [binding.node for binding in found if isinstance(binding.node, cst.ClassDef)]
            if local:
                return any(self._is_foreign(above.value) for cls in local for above in cls.bases)
        return dotted(base) != "object"
