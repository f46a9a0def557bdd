"""Expressions that an edit moves: to be said again elsewhere, they must mean there what they meant here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from ..tree import Node
from ..trimming import has_no_effect

if TYPE_CHECKING:
    from ..program import Code


class Unsure(Exception):
    """Something that the fused call might not carry over."""


class Moved:
    """Says expressions as text, and keeps which they are."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self.nodes: list[Node] = []

    def text(self, node: Node) -> str:
        """Return the text of a node that moves; raises ``Unsure`` where it does not fit on a line."""
        self.nodes.append(node)
        text = self._code.text_of(node)
        if "\n" in text or "#" in text:
            raise Unsure
        return text

    def operand(self, node: Node) -> str:
        """Return such a text with parentheses around it unless a dot or a sign may stand beside it."""
        self.text(node)
        return self._code.text_as_operand(node)

    def check(self, place: Node) -> None:
        """Raise ``Unsure`` unless every expression means at ``place`` what it meant where it stood."""
        for expression in self.nodes:
            if not has_no_effect(self._code, expression):
                raise Unsure
            for name in self._code.tree.within(expression, cst.Name):
                here = {id(binding) for binding in self._code.values.definitions(name)}
                there = {id(binding) for binding in self._code.values.definitions_at(name.value, place)}
                if here != there:
                    raise Unsure
