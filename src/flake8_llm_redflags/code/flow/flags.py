"""What a call says of the flags of a local function: which arm of ``if fill:`` or ``if names is None:`` it runs."""

from __future__ import annotations

from typing import TypeVar

import libcst as cst

from ..tree import Node
from .store import Frame

State = TypeVar("State")


def is_chosen(test: Node, frame: Frame[State], nothing: State) -> bool | None:
    """Return what a condition comes to by the arguments of the call under way, None where they do not say.

    ``nothing`` is the state of values of which nothing is known.
    """
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        inner = is_chosen(test.expression, frame, nothing)
        return None if inner is None else not inner
    if isinstance(test, cst.Name):
        given = frame.given(test.value)
        return given.constant if given is not None and isinstance(given.constant, bool) else None
    if isinstance(test, cst.Comparison) and isinstance(test.left, cst.Name) and len(test.comparisons) == 1:
        [target] = test.comparisons
        asks_for_none = isinstance(target.comparator, cst.Name) and target.comparator.value == "None"
        if asks_for_none and isinstance(target.operator, (cst.Is, cst.IsNot)):
            left_out = _is_left_out(test.left.value, frame, nothing)
            return None if left_out is None else left_out is isinstance(target.operator, cst.Is)
    return None


class Arms:
    """The arms that flags have chosen, and the functions in which some arm was never run."""

    def __init__(self) -> None:
        self._run: set[int] = set()
        self._left_aside: dict[int, int] = {}

    def choose(self, node: cst.If, function: int, *, holds: bool) -> cst.If | cst.Else | None:
        """Return the arm that is run, and keep in mind which function holds the other."""
        arm, other = (node, node.orelse) if holds else (node.orelse, node)
        self._run.add(id(arm))
        self._left_aside.pop(id(arm), None)
        if other is not None and id(other) not in self._run:
            self._left_aside[id(other)] = function
        return arm

    def functions_cut_short(self) -> set[int]:
        """Return the functions of which no call has run all that is in them."""
        return set(self._left_aside.values())


def _is_left_out(name: str, frame: Frame[State], nothing: State) -> bool | None:
    """Does a parameter hold the None of its default (True), or a value that is known (False)?"""
    given = frame.given(name)
    if given is None:
        return None
    if name in frame.left_out:
        return True
    is_known = given.state is not nothing or given.function is not None or given.constant is not None
    return False if is_known else None
