"""The way back from the product with V to the softmax, and from there to QKᵀ: through scales, masks, casts, views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import libcst as cst

from ..constants import as_integer
from ..tensors import Operation, Place, group
from ..tree import Node
from .orientation import Orientations
from .parts import Step
from .uses import lends_its_shape
from .words import listed

if TYPE_CHECKING:
    from ..program import Code

#: ``weights``: from ·V to the softmax; ``scores``: from the softmax to QKᵀ.
Stage = Literal["weights", "scores"]

#: What an operation is on the way back: a step, with each operand that the way may go on to; True for the end of the way;
#: None where it has no place there.
_Taken = list[tuple[Node, Step]] | bool | None


@dataclass(frozen=True, slots=True)
class Trail:
    """Where a value comes from, through which steps; several ends where branches of the code lead to several."""

    ends: tuple[Place, ...] = ()
    steps: tuple[Step, ...] = ()

    def joined(self, other: Trail) -> Trail:
        """Return both together."""
        return Trail(tuple(dict.fromkeys((*self.ends, *other.ends))), tuple(dict.fromkeys((*self.steps, *other.steps))))

    def kinds(self) -> set[str]:
        """Return the kinds of the steps."""
        return {step.kind for step in self.steps}


class Trails:
    """Follows values back through the steps of an attention."""

    def __init__(self, code: Code, orientations: Orientations) -> None:
        self._code, self._tensors, self._orientations = code, code.tensors, orientations
        self._trails: dict[tuple[Stage, int, int], Trail | None] = {}

    def back(self, place: Place, stage: Stage) -> Trail | None:
        """Follow a value back; None where any of its sources leads elsewhere. A source met again adds nothing."""
        key = (stage, *place.key)
        if key in self._trails:
            return self._trails[key]
        self._trails[key] = Trail()
        self._trails[key] = found = self._trace(place, stage)
        return found

    def _trace(self, place: Place, stage: Stage) -> Trail | None:
        operation = self._tensors.operation(place.node)
        if operation is not None:
            taken = self._step(operation, stage)
            if taken is True:
                return Trail((place,))
            if isinstance(taken, list):
                for operand, passed in taken:
                    trail = self.back(Place(operand, place.frame), stage)
                    if trail is not None and trail.ends:
                        return Trail(trail.ends, (*trail.steps, passed))
                return None
        sources = self._tensors.sources(place)
        if sources is None:
            return None
        joined = Trail()
        for source in sources:
            trail = self.back(source, stage)
            if trail is None:
                return None
            joined = joined.joined(trail)
        return joined

    def step_back(self, operation: Operation, stage: Stage) -> tuple[Node, Step] | bool | None:
        """Return, on the way from ·V back to QKᵀ, the operand that an operation works on and what it does to it.

        True where the stage ends with this operation (the softmax, QKᵀ); None where it is no step of an attention.
        """
        taken = self._step(operation, stage)
        if not isinstance(taken, list):
            return taken
        for operand, passed in taken:
            trail = self.back(Place(operand), stage)
            if trail is not None and trail.ends:
                return operand, passed
        return None

    def _step(self, operation: Operation, stage: Stage) -> _Taken:
        return self._weights_step(operation) if stage == "weights" else self._scores_step(operation)

    def _weights_step(self, operation: Operation) -> _Taken:
        name, operands = operation.name, operation.operands
        if not operands:
            return None
        first = operands[0]
        if name in group("softmaxes"):
            return True
        if (kind := _plain_kind(name)) is not None:
            return [(first, Step(kind, operation.node))]
        if name in group("dropouts"):
            return [(first, Step("dropout", operation.node, operation.setting(0, "p")))]
        if name in group("transposes") and self._orientations.swaps_last_two(operation):
            return [(first, Step("transpose", operation.node))]
        if name in ("mul", "multiply") and len(operands) == 2:
            return [(o, Step("gate", operation.node, operands[1 - i])) for i, o in enumerate(operands)]
        if name == "masked_fill" and len(operands) >= 2:
            return [(first, Step("fill", operation.node, operands[1]))]
        return None

    def _scores_step(self, operation: Operation) -> _Taken:
        name, operands = operation.name, operation.operands
        if name in group("products") or name in ("einsum", "contract", "baddbmm"):
            return True
        if not operands:
            return None
        first = operands[0]
        if (kind := _plain_kind(name)) is not None:
            return [(first, Step(kind, operation.node))]
        if name in group("scalings") and len(operands) == 2:
            kind = "divide" if name in ("div", "divide", "true_divide") else "scale"
            both = operands if kind == "scale" else operands[:1]
            return [
                (o, Step(kind, operation.node, operands[1 - i]))
                for i, o in enumerate(both)
                if self._may_scale(operands[1 - i])
            ]
        if name in group("additions") and len(operands) == 2:
            if name == "add":
                options = [(o, Step("add", operation.node, operands[1 - i])) for i, o in enumerate(operands)]
                return options if not all(self._leads_to_product(o) for o in operands) else None
            kind = "shift" if self._is_own_maximum(operands[1]) else "add"
            return [(first, Step(kind, operation.node, operands[1]))]
        if name == "masked_fill" and len(operands) >= 2:
            fill = (first, Step("fill", operation.node, operands[1]))
            return None if self._depends_on(operands[1], first) else [fill]
        if name == "where" and len(operands) == 3:
            if self._depends_on(operands[0], operands[1]) or self._depends_on(operands[0], operands[2]):
                return None
            return [(o, Step("where", operation.node, operands[0])) for o in operands[1:]]
        is_of_two = len(operands) == 2 and as_integer(operands[1]) is None  # `max(x, floor)`, and not `max(x, -1)`
        if name in group("clamps") and (name != "max" or is_of_two):
            return [(first, Step("clamp", operation.node))]
        if name in group("triangles"):
            return [(first, Step("triangle", operation.node))]
        return None

    def _may_scale(self, node: Node) -> bool:
        """May the factor be a number or one per head, rather than a tensor as large as the scores?"""
        gates = group("products") | group("softmaxes") | listed("gate_makers")
        values = [node]
        if isinstance(node, cst.Name):
            values += [
                binding.value
                for binding in self._code.values.definitions(node)
                if binding.value is not None and not binding.path
            ]
        operations = (self._tensors.operation(value) for value in values)
        return not any(operation is not None and operation.name in gates for operation in operations)

    def _leads_to_product(self, node: Node) -> bool:
        trail = self.back(Place(node), "scores")
        return trail is not None and bool(trail.ends)

    def _is_own_maximum(self, node: Node) -> bool:
        """``scores - scores.amax(-1, keepdim=True)``, which changes no softmax."""
        inner = node.value if isinstance(node, (cst.Subscript, cst.Attribute)) else node
        operation = self._tensors.operation(self._tensors.followed(Place(inner)).node)
        return operation is not None and operation.name in ("amax", "max", "detach")

    def _depends_on(self, mask: Node, scores: Node) -> bool:
        """Is the mask made from the scores themselves (a top-k, a threshold)? Then no fused attention can take it."""
        if not isinstance(scores, cst.Name):
            return False
        texts = [mask]
        followed = self._tensors.followed(Place(mask)).node
        if followed is not mask and not isinstance(followed, cst.AugAssign):
            texts.append(followed)
        for text in texts:
            for name in self._code.tree.within(text, cst.Name):
                if name.value == scores.value:
                    parent = self._code.tree.parent(name)
                    if isinstance(parent, cst.Attribute) and parent.attr.value in ("dtype", "shape", "device", "size"):
                        continue
                    if not lends_its_shape(self._code, name):
                        return True
        return False


def _plain_kind(name: str) -> str | None:
    """Return the kind of an operation that keeps every value: ``cast`` or ``view``."""
    if name in group("casts") or name in group("repairs"):
        return "cast"
    return "view" if name in group("views") else None
