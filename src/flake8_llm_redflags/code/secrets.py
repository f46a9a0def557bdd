"""Where the literals of a file stand that may be secrets: every place that gives a literal a name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import libcst as cst

from ..finding import Span
from ..knowledge import words
from .comments import comments
from .environment import reads_environment
from .names import dotted, last_name
from .secret_evidence import Evidence, as_signing_key, by_format, judge, key_formats
from .signing import Signing
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

_places = partial(words, "secrets", "places")

#: Longer literals are data, not code.
_LONGEST = 20_000


@dataclass(frozen=True, slots=True)
class NamedLiteral:
    """A string in the program, with the name it is bound to (None where it has none); or a key in a comment.

    ``is_fallback``: it stands in for a value that the environment does not give. ``is_bound``: the whole literal is the
    value of that name, so that another expression may take its place.
    """

    node: Node | Span  #: a place where no node stands: in a comment
    value: str
    name: str | None
    is_fallback: bool
    is_bound: bool


class Secrets:
    """Finds the literals of one file and judges them."""

    def __init__(self, code: Code) -> None:
        self._code, self._tree = code, code.tree

    @cached_property
    def suspects(self) -> list[tuple[NamedLiteral, Evidence]]:
        """The literals that may be secrets, with the evidence."""
        judged = ((literal, self._judge(literal)) for literal in self.literals())
        return [(literal, evidence) for literal, evidence in judged if evidence is not None]

    @cached_property
    def in_comments(self) -> list[tuple[NamedLiteral, Evidence]]:
        """The providers' keys in comments, code that is commented out among it, but those that a literal holds too."""
        found = []
        for place, key in comments(self._code.text, key_formats()):
            evidence = by_format(key)
            if evidence is not None and not any(key in literal.value for literal, _ in self.suspects):
                found.append((NamedLiteral(place, key, None, False, False), evidence))
        return found

    def _judge(self, literal: NamedLiteral) -> Evidence | None:
        assert not isinstance(literal.node, Span)
        if isinstance(self._tree.parent(literal.node), cst.Expr):
            return by_format(literal.value)  # text about the code, or code put aside: examples of names and values
        evidence = judge(literal.name, literal.value)
        if isinstance(literal.node, cst.FormattedStringText) and evidence is not None and evidence.kind == "word":
            return None  # a part of a text is no word
        is_sure = evidence is not None and evidence.kind != "word"
        return evidence if is_sure or not self._signing.signs(literal.node) else as_signing_key(literal.value)

    @cached_property
    def _signing(self) -> Signing:
        return Signing(self._code)

    def literals(self) -> Iterator[NamedLiteral]:
        """Yield every string literal of the file, in document order per kind of literal."""
        for node in self._code.all(
            cst.SimpleString, cst.ConcatenatedString, cst.BinaryOperation, cst.FormattedStringText
        ):
            parent = self._tree.parent(node)
            if isinstance(parent, (cst.ConcatenatedString, cst.BinaryOperation)) and _constant(parent) is not None:
                continue  # part of a larger literal
            value = _constant(node)
            if value and len(value) <= _LONGEST:
                yield self._named(node, value)

    def _named(self, node: Node, value: str) -> NamedLiteral:
        if isinstance(node, cst.FormattedStringText):
            whole = self._tree.parent(node)
            assert whole is not None
            return NamedLiteral(node, value, *self._place(whole)[:2], False)
        return NamedLiteral(node, value, *self._place(node))

    def _place(self, node: Node) -> tuple[str | None, bool, bool]:
        """Return the name that the value of ``node`` is bound to, whether it is a fallback, and whether it is bound whole."""
        is_fallback = False
        child, parent = node, self._tree.parent(node)
        while parent is not None:
            if isinstance(parent, cst.BooleanOperation):
                is_fallback |= child is parent.right and reads_environment(self._code, parent.left)
            elif isinstance(parent, cst.Arg):
                call = self._tree.parent(parent)
                if not isinstance(call, cst.Call):
                    return None, is_fallback, False
                if parent.keyword is None and last_name(call.func) in _places("wrappers"):
                    child, parent = call, self._tree.parent(call)
                    continue
                name, reads = self._argument_name(call, parent)
                return name, is_fallback or reads, parent.keyword is not None and not is_fallback and not reads
            elif not isinstance(parent, (cst.IfExp, cst.FormattedStringExpression)):
                name = self._bound_name(child, parent)
                return (
                    name,
                    is_fallback,
                    name is not None and not isinstance(parent, (cst.Comparison, cst.ComparisonTarget)),
                )
            child, parent = parent, self._tree.parent(parent)
        return None, is_fallback, False

    def _bound_name(self, child: Node, parent: Node) -> str | None:
        """Return the name that ``parent`` gives to ``child``."""
        if isinstance(parent, cst.Assign):
            return next((name for t in parent.targets if (name := _name_of(t.target)) is not None), None)
        if isinstance(parent, (cst.AnnAssign, cst.AugAssign, cst.NamedExpr)):
            return _name_of(parent.target)
        if isinstance(parent, cst.Param):
            return parent.name.value
        if isinstance(parent, cst.DictElement):
            return (_constant(parent.key) or _name_of(parent.key)) if child is parent.value else None
        if isinstance(parent, cst.ComparisonTarget):
            above = self._tree.parent(parent)
            return _name_of(above.left) if isinstance(above, cst.Comparison) and _is_equality(above) else None
        if isinstance(parent, cst.Comparison):
            return _name_of(parent.comparisons[0].comparator) if _is_equality(parent) else None
        if isinstance(parent, cst.Element):
            return self._unpacked_name(parent)
        return None

    def _takes_secret(self, call: cst.Call, argument: str) -> bool:
        """Does the call take a secret under this keyword, or at this place?"""
        callees = {self._code.qualified_name(call.func) or dotted(call.func)}
        if isinstance(call.func, cst.Attribute):
            callees |= {f"{maker}.{call.func.attr.value}" for maker in self._code.values.made_by(call.func.value)}
        return any(f"{callee}:{argument}" in _places("secret_arguments") for callee in callees)

    def _unpacked_name(self, element: cst.Element) -> str | None:
        """Return ``key`` for the second literal of ``user, key = "me", "…"``, and the password of ``auth=("me", "…")``."""
        row = self._tree.parent(element)
        statement = self._tree.parent(row) if row is not None else None
        if isinstance(statement, cst.Arg) and statement.keyword is not None and isinstance(row, cst.Tuple):
            is_last = len(row.elements) == 2 and row.elements[1] is element
            return "password" if is_last and statement.keyword.value in _places("pairs") else None
        if isinstance(row, (cst.Tuple, cst.List)) and isinstance(statement, cst.Assign):
            target = statement.targets[0].target
            if isinstance(target, (cst.Tuple, cst.List)) and len(target.elements) == len(row.elements):
                position = next(i for i, other in enumerate(row.elements) if other is element)
                return _name_of(target.elements[position].value)
        return None

    def _argument_name(self, call: cst.Call, argument: cst.Arg) -> tuple[str | None, bool]:
        """Return the name of a literal argument, and whether it is what the environment falls back to."""
        callee = last_name(call.func)
        named_by_string = callee in _places("name_then_value") and call.args and _constant(call.args[0].value)
        if argument.keyword is not None:
            if argument.keyword.value == "default" and named_by_string:
                return str(named_by_string).lstrip("-"), reads_environment(self._code, call)
            own_name = argument.keyword.value
            return "api_key" if self._takes_secret(call, own_name) else own_name, False
        position = next(i for i, other in enumerate(call.args) if other is argument)
        if self._takes_secret(call, str(position)):
            return "password", False
        if named_by_string:
            before = _constant(call.args[position - 1].value) if position else None
            if before is not None:
                return before.lstrip("-"), reads_environment(self._code, call)
        return None, False


def _constant(node: Node | None) -> str | None:
    """Return the text of a literal: a string, adjoining strings, literals added up, the text of an f-string."""
    if isinstance(node, cst.FormattedStringText):
        return node.value
    if isinstance(node, (cst.SimpleString, cst.ConcatenatedString)):
        value = node.evaluated_value
        return value.decode("latin-1") if isinstance(value, bytes) else value
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Add):
        left = _constant(node.left)
        right = _constant(node.right) if left is not None else None
        return left + right if left is not None and right is not None else None
    return None


def _name_of(node: Node | None) -> str | None:
    """Return the name under which a target keeps its value: ``x``, ``self.x``, ``settings["x"]``."""
    if isinstance(node, cst.Subscript) and len(node.slice) == 1 and isinstance(node.slice[0].slice, cst.Index):
        return _constant(node.slice[0].slice.value)
    return last_name(node) if node is not None else None


def _is_equality(node: cst.Comparison) -> bool:
    return len(node.comparisons) == 1 and isinstance(node.comparisons[0].operator, (cst.Equal, cst.NotEqual))
