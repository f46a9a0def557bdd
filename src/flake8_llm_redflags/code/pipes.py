"""Runnables that are piped into each other: ``prompt | model | parser | (lambda text: …)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from .constants import as_text
from .names import last_name
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

#: How many names a pipe is followed through.
_DEPTH = 6


class Pipes:
    """Knows what the functions in the pipes of one file are handed."""

    def __init__(self, code: Code) -> None:
        self._code, self._tree = code, code.tree

    def hands_answer(self, param: cst.Param, key: str | None) -> bool:
        """Does a pipe hand a model's answer to a function that stands in it, whole or under a key of a table?"""
        function = self._tree.parent(self._tree.parent(param) or param)
        if isinstance(function, cst.Lambda):
            places: list[Node] = [function]
        elif isinstance(function, cst.FunctionDef):
            places = list(self._code.references(function.name.value))
        else:
            return False
        fronts = [front for place in places if (front := self._in_front(place))]
        return any(self._is_answer(front, _DEPTH) if key is None else self._holds(front, key) for front in fronts)

    def _in_front(self, place: Node) -> list[Node]:
        """Return the steps of a pipe before the one that the place is in."""
        child: Node = place
        for above in self._tree.ancestors(place):
            if isinstance(above, cst.BinaryOperation) and isinstance(above.operator, cst.BitOr):
                if child is above.right:
                    return self._steps(above.left, _DEPTH)
            elif not isinstance(above, (cst.Arg, cst.Call, cst.Dict, cst.DictElement)):
                return []
            child = above
        return []

    def _steps(self, pipe: Node, depth: int) -> list[Node]:
        """Return the steps of a pipe in their order; one that is no pipe is its own."""
        if depth == 0:
            return [pipe]
        if isinstance(pipe, cst.BinaryOperation) and isinstance(pipe.operator, cst.BitOr):
            return [*self._steps(pipe.left, depth), *self._steps(pipe.right, depth)]
        if isinstance(pipe, cst.Name):
            for origin in self._code.values.origins(pipe):
                if isinstance(origin.node, cst.BinaryOperation):
                    return self._steps(origin.node, depth - 1)
        return [pipe]

    def _is_answer(self, steps: list[Node], depth: int) -> bool:
        """Does the last of these steps give a model's answer, or what is made of one?"""
        for number, step in reversed(list(enumerate(steps))):
            if self._code.llm.is_model(step):
                return True
            if isinstance(step, cst.Call) and last_name(step.func) == "itemgetter":
                wanted = as_text(step.args[0].value) if step.args else None
                return depth > 0 and wanted is not None and self._holds(steps[:number], wanted)
            if _entries(step) is not None:
                return False
        return False

    def _holds(self, steps: list[Node], key: str) -> bool:
        """Is what the table in front holds under a key a model's answer?"""
        for step in reversed(steps):
            entries = _entries(step)
            if entries is not None and key in entries:
                return self._is_answer(self._steps(entries[key], _DEPTH), _DEPTH - 1)
        return False


def _entries(step: Node) -> dict[str, Node] | None:
    """Return what a step puts under keys: ``{"query": chain}``, ``RunnablePassthrough.assign(query=chain)``."""
    if isinstance(step, cst.Dict):
        return {
            key: entry.value
            for entry in step.elements
            if isinstance(entry, cst.DictElement) and (key := as_text(entry.key)) is not None
        }
    if isinstance(step, cst.Call) and last_name(step.func) in ("assign", "RunnableParallel", "RunnableMap"):
        inner = step.args[0].value if step.args and step.args[0].keyword is None else None
        named = {arg.keyword.value: arg.value for arg in step.args if arg.keyword is not None}
        return {**(_entries(inner) or {} if isinstance(inner, cst.Dict) else {}), **named}
    return None
