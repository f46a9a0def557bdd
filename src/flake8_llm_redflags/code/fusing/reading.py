"""The steps of a hand-written attention read backwards, through names whose lines can go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import libcst as cst

from ..attention import Attention, Stage, Step
from ..constants import is_none
from ..names import Binding
from ..tensors import Operation
from ..tree import Node
from ..trimming import own_line
from .moving import Unsure

if TYPE_CHECKING:
    from ..program import Code

_STEPS = 40


@dataclass(frozen=True, slots=True)
class Taken:
    """A step on the way, with what its mask must not be None for it to be taken."""

    step: Step
    operation: Operation
    unless_none: Node | None = None


@dataclass(slots=True)
class Reading:
    """What was met between ·V and QKᵀ, latest first."""

    after: list[Taken] = field(default_factory=list)  #: between softmax and ·V
    before: list[Taken] = field(default_factory=list)  #: between QKᵀ and softmax
    scores: Node | None = None
    gone: list[cst.SimpleStatementLine | cst.If] = field(default_factory=list)
    bindings: list[Binding] = field(default_factory=list)

    @property
    def masks(self) -> list[Taken]:
        """The steps that mask the scores, in the order of the code."""
        return [taken for taken in reversed(self.before) if taken.step.kind in ("add", "fill", "where")]


class Reader:
    """Reads from ·V back to QKᵀ. Everything raises ``Unsure`` where a step cannot be taken into one call."""

    def __init__(self, code: Code, attention: Attention, block: Node | None) -> None:
        self._code, self._attention, self._block = code, attention, block
        self._reading = Reading()

    def read(self, weights: Node) -> Reading:
        """Return the steps between the weights of ·V and QKᵀ, and the lines that they fill."""
        node = weights
        stage: Stage = "weights"
        condition: Node | None = None
        for _ in range(_STEPS):
            if isinstance(node, cst.Name):
                node, condition = self._assigned(node, stage)
                continue
            operation = self._code.tensors.operation(node)
            taken = self._code.attention.step_back(operation, stage) if operation is not None else None
            if operation is None or not taken:
                raise Unsure
            if taken is True:
                if condition is not None:
                    raise Unsure
                if stage == "scores":
                    self._reading.scores = node
                    return self._reading
                if operation.is_module and not self._is_bare_softmax(operation):
                    raise Unsure
                stage, node = "scores", operation.operands[0]
                continue
            assert isinstance(taken, tuple)
            steps = self._reading.after if stage == "weights" else self._reading.before
            steps.append(Taken(taken[1], operation, condition))
            node = taken[0]
            if condition is not None and not isinstance(node, cst.Name):
                raise Unsure  # more than one step under the condition
            condition = None
        raise Unsure

    def _is_bare_softmax(self, operation: Operation) -> bool:
        """Is a called module a softmax alone, rather than one of several in a row?"""
        call = operation.node
        return isinstance(call, cst.Call) and self._code.values.made_by(call.func) == {"torch.nn.Softmax"}

    def _assigned(self, name: cst.Name, stage: Stage) -> tuple[Node, Node | None]:
        """Return what a name was given, and what had to be there for it; its line goes."""
        bindings = sorted(self._code.values.definitions(name), key=lambda binding: binding.at)
        if not bindings or len(bindings) > 2:
            raise Unsure
        latest = bindings[-1]
        condition = None
        self._in_place(name, bindings, stage)
        if len(bindings) == 2:
            condition = self._guard(latest)
            value = latest.node if latest.kind == "augment" else latest.value
            inner = self._code.tensors.operation(value) if value is not None else None
            taken = self._code.attention.step_back(inner, "scores") if inner is not None and stage == "scores" else None
            if not isinstance(taken, tuple) or not isinstance(taken[0], cst.Name):
                raise Unsure
            if list(self._code.values.definitions(taken[0])) != [bindings[0]]:
                raise Unsure
        else:
            self._take_out(latest.node)
        self._reading.bindings.append(latest)
        if latest.kind == "augment":
            return latest.node, condition
        statement = latest.node
        if (
            latest.kind != "assign"
            or latest.path
            or not isinstance(statement, cst.Assign)
            or len(statement.targets) != 1
        ):
            raise Unsure
        return statement.value, condition

    def _take_out(self, statement: Node) -> None:
        line = own_line(self._code, statement)
        if line is None or self._code.tree.parent(line) is not self._block:
            raise Unsure
        self._reading.gone.append(line)

    def _guard(self, binding: Binding) -> Node:
        """Return M where the binding is all that ``if M is not None:`` holds; the whole statement goes."""
        line = own_line(self._code, binding.node)
        block = self._code.tree.parent(line) if line is not None else None
        test = self._code.tree.parent(block) if isinstance(block, cst.IndentedBlock) else None
        if not isinstance(test, cst.If) or test.orelse is not None or len(test.body.body) != 1:
            raise Unsure
        if self._code.tree.parent(test) is not self._block:
            raise Unsure
        subject = _not_none(test.test)
        if subject is None:
            raise Unsure
        self._reading.gone.append(test)
        return subject

    def _in_place(self, name: cst.Name, bindings: list[Binding], stage: Stage) -> None:
        """Take ``scores.masked_fill_(mask, -inf)`` on lines of their own, between the assignment and this use."""
        for use in reversed(self._code.values.uses(bindings[-1])):
            if not self._code.tree.comes_before(use, name):
                continue
            attribute = self._code.tree.parent(use)
            call = self._code.tree.parent(attribute) if isinstance(attribute, cst.Attribute) else None
            statement = self._code.tree.parent(call) if isinstance(call, cst.Call) else None
            if not isinstance(statement, cst.Expr) or call is None:
                continue
            if any(self._code.tree.contains(gone, use) for gone in self._reading.gone):
                continue
            operation = self._code.tensors.operation(call)
            if operation is None or stage != "scores" or not isinstance(attribute, cst.Attribute):
                raise Unsure
            taken = self._code.attention.step_back(operation, "scores")
            if not isinstance(taken, tuple):
                raise Unsure
            if not attribute.attr.value.endswith("_") or len(bindings) > 1:
                raise Unsure
            line = own_line(self._code, statement)
            if line is not None and self._code.tree.parent(line) is self._block:
                self._reading.gone.append(line)
                self._reading.before.append(Taken(taken[1], operation))
            else:
                guard = self._guard(Binding(name.value, "augment", statement, 0))
                self._reading.before.append(Taken(taken[1], operation, guard))


def _not_none(test: Node) -> Node | None:
    """Return M of ``M is not None``."""
    if not isinstance(test, cst.Comparison) or len(test.comparisons) != 1:
        return None
    target = test.comparisons[0]
    is_not_none = isinstance(target.operator, cst.IsNot) and is_none(target.comparator)
    return test.left if is_not_none and isinstance(test.left, cst.Name) else None
