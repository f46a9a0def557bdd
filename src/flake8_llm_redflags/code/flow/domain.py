"""What the interpreter asks of the one who knows what values are: what names, operators, attributes, items and calls give."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import libcst as cst

from ..tree import Node
from .store import Thing

State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class Argument(Generic[State]):
    """One argument of a call: its keyword (None where positional), its star, the value and the syntax."""

    keyword: str | None
    star: str
    value: Thing[State]
    node: Node


@dataclass(frozen=True, slots=True)
class Range(Generic[State]):
    """The bounds of ``x[lower:upper]``, None where they are left out."""

    lower: Thing[State] | None
    upper: Thing[State] | None


#: What stands between the brackets of a subscript, comma by comma.
Key = Thing[State] | Range[State]


def constant_key(keys: Sequence[Key[State]]) -> object:
    """Return the constant that a subscript asks for, None where it is no constant."""
    return keys[0].constant if len(keys) == 1 and isinstance(keys[0], Thing) else None


class Domain(ABC, Generic[State]):
    """Says of the values of one field, data science for instance, what comes of them. ``State`` is what it knows of one."""

    @abstractmethod
    def nothing(self) -> State:
        """Return the state of a value of which nothing is known."""

    @abstractmethod
    def join_states(self, one: State, other: State) -> State:
        """Return what holds of a value that is the one or the other."""

    @abstractmethod
    def unknown(self, node: Node) -> Thing[State]:
        """Return the value of a name that nothing in the file binds, or of an uncalled function's parameter."""

    @abstractmethod
    def combined(self, node: Node, parts: Sequence[Thing[State]]) -> Thing[State]:
        """Return the value that an operator, an f-string or a comparison makes of its operands."""

    def filtered(self, result: Thing[State], conditions: Sequence[Thing[State]]) -> Thing[State]:
        """Return what a comprehension gives of which the conditions let some elements through."""
        return result

    def told(self, result: Thing[State], test: Thing[State]) -> Thing[State]:
        """Return what a conditional expression gives: ``result`` stands for either side."""
        return result

    def decided(self, result: Thing[State], conditions: Sequence[Thing[State]]) -> Thing[State]:
        """Return what a function gives for one element, whose conditions say which of its results that is."""
        return result

    @abstractmethod
    def attribute(self, node: cst.Attribute, owner: Thing[State]) -> Thing[State]:
        """Return ``owner.name``, where the owner is no instance of a class in view."""

    @abstractmethod
    def item(self, node: cst.Subscript, owner: Thing[State], keys: Sequence[Key[State]]) -> Thing[State]:
        """Return ``owner[...]``, where no element in view answers."""

    @abstractmethod
    def element(self, node: Node, owner: Thing[State], position: int | None) -> Thing[State]:
        """Return what a loop (``position`` None) or an unpacking takes out of a value without elements in view."""

    @abstractmethod
    def call(self, node: cst.Call, receiver: Thing[State] | None, arguments: Sequence[Argument[State]]) -> Thing[State]:
        """Return what a call gives that runs no function in view. ``receiver`` is ``x`` of ``x.method()``."""

    def store_item(
        self, node: cst.Subscript, owner: Thing[State], keys: Sequence[Key[State]], value: Thing[State]
    ) -> None:
        """Take in ``owner[...] = value``."""

    def delete_item(self, node: cst.Subscript, owner: Thing[State], keys: Sequence[Key[State]]) -> None:
        """Take in ``del owner[...]``."""

    def store_attribute(self, node: cst.Attribute, owner: Thing[State], value: Thing[State]) -> None:
        """Take in ``owner.name = value``, where the owner is no instance of a class in view."""
