"""Functions and loops that evaluate or sample, and never train."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from ..knowledge import table
from .arguments import argument
from .constants import is_false
from .names import dotted, words_in
from .tree import Node

if TYPE_CHECKING:
    from .program import Code


class Evaluation:
    """Finds where a model is evaluated: by names, by ``model.eval()``."""

    def __init__(self, code: Code) -> None:
        self._code, self._tree, self._context = code, code.tree, code.context

    @cached_property
    def all(self) -> list[Node]:
        """All functions and loops that ``around`` may return, in document order per class."""
        functions = [function for function in self._tree.all(cst.FunctionDef) if self.is_evaluation(function)]
        if not self._eval_calls:
            return functions
        return functions + [loop for loop in self._tree.all(cst.For, cst.While) if self._follows_eval(loop)]

    def around(self, node: Node) -> Node | None:
        """Return the function, or the loop after ``model.eval()``, that evaluates or samples at the node."""
        function = self._context.function(node)
        if isinstance(function, cst.FunctionDef) and self.is_evaluation(function):
            return function
        loops = list(self._context.loops(node))
        if any(self._tree.contains(loop, call) for loop in loops[:1] for call in self._code.training.backward_calls):
            return None
        return next((loop for loop in loops if self._follows_eval(loop)), None)

    def is_evaluation(self, function: Node) -> bool:
        """Does a function evaluate or sample, by its name or by ``model.eval()``, and never train?"""
        if not isinstance(function, cst.FunctionDef):
            return False
        if any(self._tree.contains(function, call) for call in self._gradient_calls):
            return False
        facts, name = table("torch_training"), function.name.value
        if name in facts["backward"]["step_methods"] or name == "__init__":
            return False
        words = words_in(name)
        if not words.isdisjoint(facts["evaluation"]["words"]):
            return True
        return words.isdisjoint(facts["evaluation"]["other_words"]) and self.sets_eval_mode(function)

    def sets_eval_mode(self, function: Node) -> bool:
        """Does the function put a model in evaluation mode?"""
        return any(self._tree.contains(function, call) for call in self._eval_calls)

    @cached_property
    def _gradient_calls(self) -> list[cst.Call]:
        """All calls that need autograd: backward passes, whoever steps, and ``torch.autograd.grad``."""
        facts = table("torch_training")["backward"]
        found = [call for call in self._code.calls(*facts["methods"]) if isinstance(call.func, cst.Attribute)]
        wanted = set(facts["functions"])
        return found + [
            call
            for call in self._code.calls(*{name.rpartition(".")[2] for name in wanted}, "requires_grad_")
            if self._code.qualified_name(call.func) in wanted or dotted(call.func).endswith("requires_grad_")
        ]

    @cached_property
    def _eval_calls(self) -> list[cst.Call]:
        return [call for call in self._code.calls("eval") if not call.args and isinstance(call.func, cst.Attribute)]

    def _follows_eval(self, loop: Node) -> bool:
        """Is ``model.eval()`` the last word on the mode before the loop, in its own block?"""
        block = self._tree.parent(loop)
        body = getattr(block, "body", ())
        said = False
        for statement in body if isinstance(body, (tuple, list)) else ():
            if statement is loop:
                break
            if isinstance(statement, cst.SimpleStatementLine):
                for call in self._tree.within(statement, cst.Call):
                    if isinstance(call.func, cst.Attribute) and call.func.attr.value in ("eval", "train"):
                        said = call.func.attr.value == "eval" or is_false(argument(call, 0, "mode"))
        return said
