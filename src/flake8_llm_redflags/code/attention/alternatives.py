"""Fused attention that stands beside one written out by hand: then that one is a way out, and meant."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from ..names import last_name
from ..tree import Node
from .words import says

if TYPE_CHECKING:
    from ..program import Code

#: How many callers up a fused attention beside the call is looked for.
_CALLERS = 3


class Alternatives:
    """Finds what a hand-written attention is the other way of."""

    def __init__(self, code: Code) -> None:
        self._code = code

    def is_fallback(self, node: Node) -> bool:
        """Does a fused attention stand beside the node: the other arm of an ``if``, an early return, a try?

        The same is asked of all callers in the file, when the node is in a helper.
        """
        return self._is_beside_fused(node, _CALLERS) or self._has_fused_relative(node)

    def _is_beside_fused(self, node: Node, depth: int) -> bool:
        tree = self._code.tree
        child = node
        function = None
        for above in tree.ancestors(node):
            if isinstance(above, (cst.If, cst.IfExp)) and child is not above.test:
                other = above.orelse if child is above.body else above.body
                if self._mentions_fused(above.test) or (other is not None and self._mentions_fused(other)):
                    return True
            elif isinstance(above, (cst.Try, cst.ExceptHandler)) and child is not getattr(above, "type", None):
                if isinstance(above, cst.Try) and child is not above.body and self._mentions_fused(above.body):
                    return True
            elif isinstance(above, cst.IndentedBlock) and self._returns_fused_before(above, child):
                return True
            elif isinstance(above, cst.FunctionDef):
                function = above
                break
            child = above
        if function is None or depth == 0:
            return False
        callers = self._code.context.callers(function)
        return bool(callers) and all(self._is_beside_fused(call, depth - 1) for call in callers)

    def _returns_fused_before(self, block: cst.IndentedBlock, child: Node) -> bool:
        for statement in block.body:
            if statement is child:
                return False
            if isinstance(statement, cst.If) and isinstance(statement.body, cst.IndentedBlock) and statement.body.body:
                last = statement.body.body[-1]
                ends = last.body[-1] if isinstance(last, cst.SimpleStatementLine) else None
                if isinstance(ends, (cst.Return, cst.Continue)) and (
                    self._mentions_fused(statement.test) or self._mentions_fused(statement.body)
                ):
                    return True
            elif isinstance(statement, cst.Try) and self._mentions_fused(statement.body):
                return True
        return False

    def _has_fused_relative(self, node: Node) -> bool:
        """Does the file hold the same class once more with a fused attention: derived from it, or with its name in its own?"""
        owner = self._code.names.enclosing_class(node)
        if owner is None:
            return False
        return any(
            owner.name.value in other.name.value
            or any(base is owner for base in self._code.context.class_and_bases(other))
            for other in self._fused_classes
            if other is not owner
        )

    @cached_property
    def _fused_classes(self) -> list[cst.ClassDef]:
        return [cls for cls in self._code.all(cst.ClassDef) if self._mentions_fused(cls)]

    def _mentions_fused(self, node: Node) -> bool:
        names = self._code.tree.within(node, cst.Name, cst.Attribute)
        return any(says(last_name(name) or "", "fused_words") for name in names)
