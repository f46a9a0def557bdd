"""Tokens chosen on the host: the distribution over the vocabulary is copied there for every token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import libcst as cst

from ..knowledge import words
from .arguments import argument, keyword
from .constants import as_text
from .kinds import Kind
from .names import dotted, last_name
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

_words = partial(words, "torch_ops", "sampling")

#: How many expressions the distribution is followed back through.
_STEPS = 24


@dataclass(frozen=True, slots=True)
class HostChoice:
    """One choice of a token from a distribution that was taken to the host."""

    choice: cst.Call
    move: cst.Call  #: ``probabilities.cpu()``
    moved: Node  #: what is taken


class Sampling:
    """How a file chooses tokens."""

    def __init__(self, code: Code) -> None:
        self._code, self._tree = code, code.tree

    @cached_property
    def on_host(self) -> tuple[HostChoice, ...]:
        """Every choice of the next token from a distribution on the host, one for each copy."""
        found: dict[int, HostChoice] = {}
        for choice, distribution in self._choices():
            move = self._move(distribution)
            if move is not None and id(move[0]) not in found and self._is_next_token(choice, distribution):
                found[id(move[0])] = HostChoice(choice, *move)
        return tuple(found.values())

    def _choices(self) -> Iterator[tuple[cst.Call, Node]]:
        """Yield the calls that choose, with what they choose from."""
        for call in self._code.calls(*_words("choices")):
            operation = self._code.tensors.operation(call)
            given = keyword(call, "p") or keyword(call, "weights") or keyword(call, "probs") or keyword(call, "logits")
            if given is None and last_name(call.func) not in ("choice", "choices"):
                given = operation.operands[0] if operation is not None and operation.operands else argument(call, 0)
            if given is not None:
                yield call, given

    def _move(self, distribution: Node) -> tuple[cst.Call, Node] | None:
        """Return the copy to the host that a distribution comes through, and what is copied there."""
        for node in self._way(distribution):
            if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
                name, receiver = node.func.attr.value, node.func.value
                to_host = name in _words("host_methods") or (name == "to" and self._names_host(node))
                if to_host and not self._is_on_host(receiver):
                    return node, receiver
        return None

    def _names_host(self, call: cst.Call) -> bool:
        return as_text(argument(call, 0, "device")) == "cpu"

    def _is_on_host(self, node: Node) -> bool:
        """Was it copied before, or made there?"""
        if self._code.devices.kind(node) in (Kind.HOST, Kind.PYTHON):
            return True
        return any(isinstance(n, cst.Call) and last_name(n.func) in _words("host_methods") for n in self._way(node))

    def _way(self, node: Node) -> Iterator[Node]:
        """Yield an expression and what it is computed from since the model: receivers, operands, assigned values."""
        waiting, seen = [node], set[int]()
        while waiting and len(seen) < _STEPS:
            here = waiting.pop(0)
            if id(here) in seen:
                continue
            seen.add(id(here))
            yield here
            if isinstance(here, cst.Call) and not self._code.decoding.is_model_call(here):
                if isinstance(here.func, cst.Attribute):
                    waiting.append(here.func.value)
                waiting.extend(arg.value for arg in here.args[:1])
            elif isinstance(here, cst.Subscript):
                waiting.append(here.value)
            elif isinstance(here, cst.BinaryOperation):
                waiting.extend((here.left, here.right))
            elif isinstance(here, cst.Name):
                waiting.extend(
                    b.value for b in self._code.values.definitions(here) if b.kind == "assign" and b.value is not None
                )

    # ---- is it a token?

    def _is_next_token(self, choice: cst.Call, distribution: Node) -> bool:
        if self._code.context.is_reference(choice):
            return False
        return self._is_fed_back(choice) or self._is_sampler(choice, distribution)

    def _is_sampler(self, choice: cst.Call, distribution: Node) -> bool:
        """Is this a function ``sample(logits)`` that returns what it chose?"""
        function = self._code.context.function(choice)
        if not isinstance(function, cst.FunctionDef) or last_name(choice.func) == "argmax":
            return False
        if not any(word in function.name.value.lower() for word in ("sample", "next_token")):
            return False
        params = {
            name
            for name in self._code.names.in_scope(function)
            if any(word in name.lower() for word in _words("distributions"))
        }
        return any(isinstance(node, cst.Name) and node.value in params for node in self._way(distribution))

    def _is_fed_back(self, choice: cst.Call) -> bool:
        """Does the next turn of a loop give the choice to the model whose output it was chosen from?"""
        for loop in self._code.context.loops(choice):
            chosen = self._carried(choice, loop)
            if not chosen:
                continue
            for call in self._tree.within(loop.body, cst.Call):
                if self._code.decoding.is_model_call(call) and not self._tree.contains(call, choice):
                    arguments = {
                        dotted(name) for arg in call.args for name in self._tree.within(arg, cst.Name, cst.Attribute)
                    }
                    if arguments & chosen:
                        return True
        return False

    def _carried(self, choice: cst.Call, loop: cst.For | cst.While) -> set[str]:
        """Return the names that hold the choice, or a sequence that it was added to, at the end of a turn."""
        statements = sorted(self._tree.within(loop.body, cst.Assign, cst.AugAssign, cst.Expr), key=self._tree.start)
        names: set[str] = set()
        for statement in statements:
            value = statement.value
            if not self._tree.contains(statement, choice):
                if self._tree.comes_before(statement, choice) or not self._passes_on(value, names):
                    continue
            if isinstance(statement, cst.Assign):
                names |= {
                    dotted(t.target.value if isinstance(t.target, cst.Subscript) else t.target)
                    for t in statement.targets
                }
            elif isinstance(statement, cst.AugAssign):
                names.add(dotted(statement.target))
            elif (
                isinstance(value, cst.Call)
                and isinstance(value.func, cst.Attribute)
                and last_name(value.func) in _words("filling")
            ):
                names.add(dotted(value.func.value))
        return names - {""}

    def _passes_on(self, value: Node, names: set[str]) -> bool:
        """Is a value one of the names, or made of one by nothing but packing: ``torch.tensor([[token]])``, ``cat``, ``append``?"""
        if not any(dotted(node) in names for node in self._tree.within(value, cst.Name, cst.Attribute)):
            return False
        return all(last_name(call.func) in _words("packing") for call in self._tree.within(value, cst.Call))
