"""What else is done with the scores and weights of an attention: a fused one never makes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import libcst as cst

from ..names import last_name
from ..tree import Node
from .parts import Attention
from .words import says

if TYPE_CHECKING:
    from ..program import Code


class Uses:
    """Finds arithmetic on the scores and weights of an attention besides its own."""

    def __init__(self, code: Code) -> None:
        self._code = code

    def of_weights(self, attention: Attention) -> bool:
        """Are the weights computed with, besides the product with V? Returning, storing or logging them is no use."""
        return self._are_used((attention.softmax.node, *(step.node for step in attention.after)), attention)

    def of_scores(self, attention: Attention) -> bool:
        """Are the scores computed with, besides the softmax, so that they have to be made in any case?"""
        steps = (attention.scores.place.node, *(step.node for step in attention.before))
        return self._are_used(steps, attention) or self._is_used_again(attention.softmax.operands[0], attention)

    def _are_used(self, nodes: Iterable[Node], attention: Attention) -> bool:
        for node in nodes:
            statement = self._code.context.statement(node)
            if not isinstance(statement, cst.Assign) or len(statement.targets) != 1:
                continue
            target = statement.targets[0].target
            if not isinstance(target, cst.Name):
                continue
            scope = self._code.context.function(node)
            for name in self._code.tree.within(scope, cst.Name) if scope is not None else ():
                if name.value == target.value and name is not target and self._reaches(name, statement):
                    if self._is_computed_with(name, attention):
                        return True
        return False

    def _is_used_again(self, operand: Node, attention: Attention) -> bool:
        """Is what the softmax takes, if it has a name, computed with elsewhere?"""
        bindings = self._code.values.definitions(operand) if isinstance(operand, cst.Name) else ()
        return len(bindings) == 1 and any(
            use is not operand and self._is_computed_with(use, attention) for use in self._code.values.uses(bindings[0])
        )

    def _reaches(self, name: cst.Name, statement: Node) -> bool:
        return any(binding.node is statement for binding in self._code.values.definitions(name))

    def _is_computed_with(self, name: cst.Name, attention: Attention) -> bool:
        """Is this use of scores or weights arithmetic other than the steps that lead to the product with V?"""
        steps = (*attention.before, *attention.after)
        known = {id(attention.product.place.node), id(attention.softmax.node), *(id(step.node) for step in steps)}
        if lends_its_shape(self._code, name):
            return False
        child: Node = name
        for above in self._code.tree.ancestors(name):
            if id(above) in known:
                return False
            if isinstance(above, cst.Attribute) and above.attr.value in ("shape", "dtype", "device", "size", "ndim"):
                return False
            if isinstance(above, cst.Attribute) and above.attr.value in ("register_hook", "retain_grad"):
                return True  # their gradients are looked at
            if isinstance(above, (cst.BinaryOperation, cst.Comparison)):
                return True
            if isinstance(above, cst.Call) and child is not above.func:
                if isinstance(self._code.tree.parent(above), cst.Expr):
                    # handed over whole: to a logger, or to a cache that needs it
                    return not says(last_name(above.func) or "", "logging_words")
                return self._code.tensors.operation(above) is not None
            if isinstance(above, cst.Assign):
                return self._is_part_used(above, name, attention)
            if isinstance(above, cst.BaseSmallStatement):
                return False
            child = above
        return False

    def _is_part_used(self, statement: cst.Assign, name: cst.Name, attention: Attention) -> bool:
        """Is a part of the scores given a name and computed with: ``best = scores[..., :n]``, ``best.topk(k)``?"""
        if not isinstance(statement.value, cst.Subscript) or statement.value.value is not name:
            return False
        parts = (
            binding
            for target in statement.targets
            if isinstance(target.target, cst.Name)
            for binding in self._code.names.bindings(target.target.value, target.target)
            if binding.node is statement and binding.name != name.value
        )
        return any(
            self._is_computed_with(use, attention) or self._is_receiver(use)
            for part in parts
            for use in self._code.values.uses(part)
        )

    def _is_receiver(self, use: cst.Name) -> bool:
        """Is a method of the tensor called that computes with it: ``part.topk(k)``?"""
        attribute = self._code.tree.parent(use)
        call = self._code.tree.parent(attribute) if isinstance(attribute, cst.Attribute) else None
        return isinstance(call, cst.Call) and call.func is attribute and self._code.tensors.operation(call) is not None


def lends_its_shape(code: Code, name: cst.Name) -> bool:
    """Is the name an argument of ``expand_as`` and its like, which take only a shape?"""
    argument = code.tree.parent(name)
    call = code.tree.parent(argument) if isinstance(argument, cst.Arg) else None
    return isinstance(call, cst.Call) and (last_name(call.func) or "").endswith(("_as", "_like"))
