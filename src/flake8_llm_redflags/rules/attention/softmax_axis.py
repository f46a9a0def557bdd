"""LRF512: the softmax of an attention runs over an axis that is not the keys'."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule, Trigger
from .triggers import PRODUCTS, SOFTMAX, TORCH

if TYPE_CHECKING:
    from ...code import Code


class SoftmaxAxis(Rule):
    """The weights of one query must sum to one over the keys, the axis that the product with V sums over."""

    code = "LRF512"
    name = "softmax-axis"
    severity = Severity.ERROR
    reads_tests = False
    trigger = Trigger(words=(TORCH, SOFTMAX), pattern=PRODUCTS)

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding at each softmax whose axis is known and is another than the one summed over."""
        for attention in code.attention.all:
            if attention.is_over_keys is False and not attention.changed_after_softmax:
                message = (
                    f"softmax over axis {attention.softmax_axis} of the scores, but the product with"
                    f" `{code.short_text(attention.value, 24)}` sums over axis {attention.key_axis}:"
                    f" weights do not sum to 1, use `dim={attention.key_axis}`"
                )
                yield self.finding(code, attention.softmax.node, message)
