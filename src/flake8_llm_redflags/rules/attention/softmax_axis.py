"""LRF512: the weights of an attention do not sum to one over the keys: a softmax over another axis, or a mask after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule, Trigger
from .triggers import PRODUCTS, SOFTMAX, TORCH

if TYPE_CHECKING:
    from ...code import Code
    from ...code.attention import Attention, Step


class SoftmaxAxis(Rule):
    """The weights of one query must sum to one over the keys, the axis that the product with V sums over."""

    code = "LRF512"
    name = "softmax-axis"
    severity = Severity.ERROR
    reads_tests = False
    trigger = Trigger(words=(TORCH, SOFTMAX), pattern=PRODUCTS)

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding at each softmax over another axis than the one summed over, and at each mask that comes late."""
        for attention in code.attention.all:
            if not attention.changed_after_softmax:
                if attention.is_over_keys is False:
                    yield self.finding(code, attention.softmax.node, _axis_message(code, attention))
            elif (late := _late_mask(code, attention)) is not None and late.operand is not None:
                message = (
                    f"`{code.short_text(late.operand, 24)}` masks weights after the softmax: masked keys keep their share of each sum,"
                    " rows are below 1; fill the scores with -inf before it"
                )
                yield self.finding(code, late.node, message)


def _axis_message(code: Code, attention: Attention) -> str:
    return (
        f"softmax over axis {attention.softmax_axis} of the scores, but the product with"
        f" `{code.short_text(attention.value, 24)}` sums over axis {attention.key_axis}:"
        f" weights do not sum to 1, use `dim={attention.key_axis}`"
    )


def _late_mask(code: Code, attention: Attention) -> Step | None:
    """Return the only change of the weights where it is a mask of keys, and none stands before the softmax."""
    changes = attention.changed_after_softmax
    if len(changes) != 1 or attention.steps("fill", "where", "add", "clamp", "triangle"):
        return None
    return (
        changes[0] if code.attention.masks_keys(changes[0]) and not code.attention.fills_in_place(attention) else None
    )
