"""The parts of an attention that is written out by hand."""

from __future__ import annotations

from dataclasses import dataclass

from .. import einsum
from ..tensors import Operation, Place
from ..tree import Node


@dataclass(frozen=True, slots=True)
class Step:
    """What happens on the way: ``scale``, ``add``, ``fill``, ``gate``, ``transpose``, ``view``, ``upcast``, ``dropout`` …"""

    kind: str
    node: Node  #: the expression or augmented assignment
    operand: Node | None = None  #: the other operand: the scale, the mask


@dataclass(frozen=True, slots=True)
class Product:
    """A product of two tensors: ``left @ right``, or an einsum with its equation."""

    place: Place
    left: Node
    right: Node
    equation: einsum.Equation | None = None
    scale: Node | None = None  #: ``alpha`` of ``baddbmm``
    mask: Node | None = None  #: what ``baddbmm`` adds


@dataclass(frozen=True, slots=True)
class Attention:
    """One softmax(QKᵀ)·V. ``value`` and the operands of ``scores`` are as written."""

    product: Product  #: weights·V
    softmax: Operation
    scores: Product  #: QKᵀ
    value: Node
    query: Place
    key: Place
    before: tuple[Step, ...]  #: between QKᵀ and the softmax
    after: tuple[Step, ...]  #: between the softmax and ·V
    #: Axis of the scores that ·V sums over, from the end (-1, -2 …); None where it cannot be told.
    key_axis: int | None
    #: Axis of the softmax, from the end; None where it is not given or cannot be told.
    softmax_axis: int | None
    rank: int | None  #: number of axes of the scores, where the code shows it

    @property
    def is_over_keys(self) -> bool | None:
        """Does the softmax run over the keys? None where the code does not show it."""
        if self.key_axis is None or self.softmax_axis is None:
            return None
        return self.key_axis == self.softmax_axis

    @property
    def changed_after_softmax(self) -> tuple[Step, ...]:
        """What changes the weights between the softmax and V, dropout aside."""
        return tuple(step for step in self.after if step.kind in ("gate", "fill", "add"))

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every part of the computation, from QKᵀ to the product with V."""
        steps = (step.node for step in (*self.before, *self.after))
        return (self.scores.place.node, *steps, self.softmax.node, self.product.place.node)

    def steps(self, *kinds: str) -> list[Step]:
        """Return the steps before the softmax of these kinds."""
        return [step for step in self.before if step.kind in kinds]
