"""How the last two axes of a tensor stand: positions before features, exchanged, or channels before pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from ..constants import as_integer
from ..tensors import Operation, Place, group
from .products import Products
from .ranks import Ranks
from .words import listed

if TYPE_CHECKING:
    from ..program import Code


@dataclass(frozen=True, slots=True)
class Orientation:
    """How an operand's last two axes came to stand as they do."""

    swapped: bool  #: are the last two axes exchanged on the way?
    explicit: bool  #: by an exchange of the last two, whatever their number
    is_channels_first: bool  #: did they stand as channels, pixels before?


class Orientations:
    """Reads transpositions, views and einops patterns."""

    def __init__(self, code: Code, products: Products, ranks: Ranks) -> None:
        self._code, self._tensors, self._products, self._ranks = code, code.tensors, products, ranks

    def of(self, place: Place) -> Orientation:
        """Tell how the last two axes of an operand come to stand as they do."""
        swapped = explicit = has_four_axes = False
        for _ in range(12):
            operation = self._tensors.operation(place.node)
            if operation is None:
                if isinstance(place.node, cst.Subscript):
                    break
                found = self._tensors.sources(place)
                if not found:
                    break
                place = found[-1]
                continue
            if operation.name in group("transposes"):
                axes = {as_integer(o) for o in operation.operands[1:]}
                if axes == {1, 2} and has_four_axes:
                    pass  # heads and positions
                elif self.swaps_last_two(operation):
                    swapped = not swapped
                    explicit = explicit or self._swaps_by_negative_axes(operation)
                elif operation.name != "permute" and operation.name not in ("transpose", "swapaxes"):
                    break
                has_four_axes = has_four_axes or 3 in axes
                place = Place(operation.operands[0], place.frame)
            elif operation.name == "rearrange":
                flat, flipped = self._rearranged(operation)
                return Orientation(swapped != flipped, explicit, flat)
            elif operation.name in group("views"):
                return Orientation(swapped, explicit, self._is_channels_first(operation))
            elif operation.name in group("casts") or operation.name in group("scalings"):
                place = Place(operation.operands[0], place.frame)
            else:
                break
        return Orientation(swapped, explicit, self._comes_from_convolution(place))

    def swaps_last_two(self, operation: Operation) -> bool:
        """Does a transposition exchange rows and features, rather than move the heads?"""
        if operation.name in ("mT", "T", "mH", "t", "adjoint"):
            return True
        axes = [as_integer(axis) for axis in operation.rest]
        if operation.name == "permute":
            if len(axes) < 2 or None in axes:
                return False
            last = [axis if axis is not None and axis >= 0 else (axis or 0) + len(axes) for axis in axes[-2:]]
            return last[0] == last[1] + 1 if len(axes) != 4 else last in ([3, 1], [3, 2])
        if operation.name in ("transpose", "swapaxes", "swapdims"):
            pair = set(axes)
            if pair == {1, 2}:  # in four axes this moves the heads, in three it swaps rows and features
                return self._ranks.of(Place(operation.operands[0])) != 4
            return pair in ({-1, -2}, {2, 3}, {0, 1})
        return False

    def _swaps_by_negative_axes(self, operation: Operation) -> bool:
        return operation.name in ("mT", "mH") or {as_integer(o) for o in operation.operands[1:]} in ({-1, -2}, {2, 3})

    def _comes_from_convolution(self, place: Place) -> bool:
        """``conv(x)`` with nothing done to its shape: channels before pixels."""
        call = place.node
        if not isinstance(call, cst.Call):
            return False
        return any(name.startswith("torch.nn.Conv") for name in self._code.values.made_by(call.func))

    def _rearranged(self, operation: Operation) -> tuple[bool, bool]:
        """Return, of an einops pattern: does it leave pixels last; does it leave features before positions?"""
        pattern = self._products.pattern(*operation.operands[1:])
        if pattern is None or "->" not in pattern:
            return False, False
        result = pattern.partition("->")[2].strip()
        if result.endswith(")"):
            inside = result[result.rindex("(") + 1 : -1].split()
            before = result[: result.rindex("(")].split()
            pixels = len(inside) > 1 and listed("pixel_letters").issuperset(inside)
            return pixels and bool(before) and before[-1] in listed("channel_letters"), False
        axes = result.split()
        if len(axes) < 2:
            return False, False
        return False, axes[-2] in listed("feature_letters") and axes[-1] in listed("position_letters")

    def _is_channels_first(self, view: Operation) -> bool:
        """``x.view(b, c, h * w)``, ``x.flatten(2)``: pixels last."""
        if view.name == "flatten":
            return as_integer(view.setting(0, "start_dim")) == 2
        shape = view.rest
        if len(shape) not in (3, 4):
            return False
        last, before = shape[-1], shape[-2]
        channels = isinstance(before, cst.Name) and before.value in listed("channel_names")
        pixels = isinstance(last, cst.BinaryOperation) and isinstance(last.operator, cst.Multiply)
        if pixels and any("head" in n.value or "dim" in n.value for n in self._code.tree.within(last, cst.Name)):
            pixels = False
        return (channels and (pixels or as_integer(last) == -1)) or (pixels and as_integer(before) == -1)
