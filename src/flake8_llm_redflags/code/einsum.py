"""Einsum equations: which axes are shared, contracted and kept, in torch's letters or in einops' names."""

from __future__ import annotations

import re
from dataclasses import dataclass

_AXIS = re.compile(r"\.\.\.|\w+|[^\s\w]")

#: Stands for any number of batch axes.
ELLIPSIS = "..."


@dataclass(frozen=True, slots=True)
class Equation:
    """``bhid,bhjd->bhij``: the axis names of two operands and of the result, in order."""

    left: tuple[str, ...]
    right: tuple[str, ...]
    result: tuple[str, ...]

    @property
    def contracted(self) -> tuple[str, ...]:
        """The axes that are multiplied and summed: in both operands, not in the result."""
        return tuple(axis for axis in self.left if axis in self.right and axis not in self.result)

    @property
    def only_left(self) -> tuple[str, ...]:
        """The axes of the result that come from the left operand alone."""
        return tuple(axis for axis in self.result if axis in self.left and axis not in self.right)

    @property
    def only_right(self) -> tuple[str, ...]:
        """The axes of the result that come from the right operand alone."""
        return tuple(axis for axis in self.result if axis in self.right and axis not in self.left)


def from_end(axes: tuple[str, ...], axis: str) -> int | None:
    """Return the position of an axis counted from the end (-1 is last); None if it is absent or an ellipsis follows it."""
    if axis not in axes:
        return None
    place = axes.index(axis)
    return None if ELLIPSIS in axes[place:] else place - len(axes)


def parse(text: str) -> Equation | None:
    """Read an equation of two operands; None for any other, and for one that no einsum would take.

    Letters may stand together (``bhid``) or, as in einops, be words set apart by spaces (``b h i d``).
    """
    inputs, arrow, result = text.partition("->")
    operands = inputs.split(",")
    if not arrow or len(operands) != 2:
        return None
    # Words of several letters that are set apart are einops axes; without any space each letter is an axis.
    spaced = any(" " in part.strip().replace("...", "").strip() for part in (*operands, result))
    axes = [_axes(part, spaced) for part in (*operands, result)]
    if any(found is None for found in axes):
        return None
    left, right, out = (found or () for found in axes)
    known = {*left, *right}
    if any(axis not in known for axis in out) or len(set(out)) != len(out):
        return None
    return Equation(left, right, out)


def _axes(part: str, spaced: bool) -> tuple[str, ...] | None:
    tokens = _AXIS.findall(part.strip())
    if any(token != ELLIPSIS and not token.isidentifier() for token in tokens):
        return None
    if spaced:
        return tuple(tokens)
    if any(token != ELLIPSIS and not token.isalpha() for token in tokens):  # `bc1`: torch takes letters only
        return None
    return tuple(axis for token in tokens for axis in ((token,) if token == ELLIPSIS else token))
