"""What grows in a loop: by a concatenation, an append, a text added to, a buffer filled from left to right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from ..constants import as_integer
from ..names import dotted, last_name
from ..tree import Node
from .words import listed

if TYPE_CHECKING:
    from ..program import Code


@dataclass(frozen=True, slots=True)
class Growth:
    """One statement that makes a sequence longer."""

    sequence: str
    statement: Node
    added: tuple[Node, ...]  #: what is appended
    is_tensor: bool  #: by concatenating tensors, rather than by growing a list or a string


class Growths:
    """The statements of a file that make sequences longer."""

    def __init__(self, code: Code) -> None:
        self._code, self._tree = code, code.tree

    def all(self) -> Iterator[Growth]:
        """Yield everything that may grow in a loop."""
        yield from self._concatenations()
        yield from self._helpers()
        yield from self._additions()
        yield from self._appends()
        yield from self._filled_buffers()

    def _concatenations(self) -> Iterator[Growth]:
        """``ids = torch.cat((ids, chosen), dim=1)``."""
        for call in self._code.calls(*listed("growing")):
            statement = self._code.context.statement(call)
            parts = call.args[0].value if call.args else None
            if isinstance(parts, (cst.Tuple, cst.List)) and len(parts.elements) == 2:
                first, second = (element.value for element in parts.elements)
                if dotted(first) in self._targets(statement)[:1]:
                    yield Growth(dotted(first), statement, (second,), is_tensor=True)

    def _helpers(self) -> Iterator[Growth]:
        """``ids, mask = append_token(ids, chosen, mask)``: a function of the project's own, by its name."""
        for statement in self._code.all(cst.Assign):
            call = statement.value
            if not isinstance(call, cst.Call) or len(call.args) < 2 or not self._says_that_it_grows(call):
                continue
            first, *others = (arg.value for arg in call.args)
            if dotted(first) and dotted(first) in self._targets(statement):
                yield Growth(dotted(first), statement, tuple(others), is_tensor=True)

    def _says_that_it_grows(self, call: cst.Call) -> bool:
        words = (last_name(call.func) or "").lower().split("_")
        return not listed("growing_words").isdisjoint(words) and self._code.qualified_name(call.func) is None

    def _additions(self) -> Iterator[Growth]:
        """``text += chosen``."""
        for statement in self._code.all(cst.AugAssign):
            target = dotted(statement.target)
            if isinstance(statement.operator, cst.AddAssign) and target and "." not in target:
                if not self._is_of_turn(statement):
                    yield Growth(target, statement, (statement.value,), is_tensor=False)

    def _is_of_turn(self, statement: cst.AugAssign) -> bool:
        """Was the name given its value earlier in the same turn, so that nothing grows: ``x = embed(ids)``, ``x += positions``?"""
        loop = next(self._code.context.loops(statement), None)
        definitions = self._code.values.definitions(statement.target) if isinstance(statement.target, cst.Name) else ()
        return bool(definitions) and all(
            binding.kind == "assign" and loop is not None and self._tree.contains(loop, binding.node)
            for binding in definitions
        )

    def _appends(self) -> Iterator[Growth]:
        """``ids.append(chosen)``, ``rows[0].append(chosen)``."""
        for call in self._code.calls("append"):
            if not isinstance(call.func, cst.Attribute) or len(call.args) != 1:
                continue
            owner = call.func.value
            if isinstance(owner, cst.Subscript) and _is_one_of(owner):
                owner = owner.value
            if target := dotted(owner):
                yield Growth(target, self._code.context.statement(call), (call.args[0].value,), is_tensor=False)

    def _filled_buffers(self) -> Iterator[Growth]:
        """``tokens[:, position] = chosen`` in a loop over ``position`` that feeds ``tokens[:, :position]``."""
        for statement in self._code.all(cst.Assign):
            target = statement.targets[0].target
            if not isinstance(target, cst.Subscript) or not (name := dotted(target.value)):
                continue
            last = target.slice[-1].slice
            # `x[chosen] = y` may fill any position, as diffusion does.
            is_position = len(target.slice) > 1 or self._counts(target)
            if is_position and isinstance(last, cst.Index) and isinstance(last.value, (cst.Name, cst.BinaryOperation)):
                yield Growth(name, statement, (statement.value,), is_tensor=True)

    def _counts(self, target: cst.Subscript) -> bool:
        """Is the index made of the variable of a loop around?"""
        names = {name.value for name in self._tree.within(target.slice[0], cst.Name)}
        return any(
            name.value in names
            for loop in self._code.context.loops(target)
            if isinstance(loop, cst.For)
            for name in self._tree.within(loop.target, cst.Name)
        )

    @staticmethod
    def _targets(statement: Node) -> list[str]:
        """Return the names that one assignment gives values: of ``out, shape = pack([out, chosen], ...)`` both."""
        if not isinstance(statement, cst.Assign) or len(statement.targets) != 1:
            return []
        target = statement.targets[0].target
        parts = [element.value for element in target.elements] if isinstance(target, cst.Tuple) else [target]
        return [name for part in parts if (name := dotted(part))]


def _is_one_of(node: cst.Subscript) -> bool:
    """``rows[0]``, ``rows[b]``."""
    if len(node.slice) != 1 or not isinstance(node.slice[0].slice, cst.Index):
        return False
    index = node.slice[0].slice.value
    return isinstance(index, cst.Name) or as_integer(index) is not None
