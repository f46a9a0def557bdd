"""LRF501: attention written out by hand, with the whole matrix of scores in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule, Trigger
from ..torch_version import may_have_torch, must_have_torch
from .triggers import PRODUCTS, SOFTMAX, TORCH

if TYPE_CHECKING:
    from ...code import Code
    from ...code.attention import Attention

#: The first torch with ``scaled_dot_product_attention``, and the first whose function takes ``scale``.
_HAS_FUSED, _TAKES_SCALE = (2, 0), (2, 1)


class UnfusedAttention(Rule):
    """softmax(QKᵀ)·V in single operations writes and reads the T×T scores several times; SDPA keeps them on the chip."""

    code = "LRF501"
    name = "unfused-attention"
    severity = Severity.WARNING
    fixable = "unsafe"
    reads_tests = False
    trigger = Trigger(words=(TORCH, SOFTMAX), pattern=PRODUCTS)

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding at each product of attention weights with values that a fused attention could replace."""
        from ...code.fusing import fusing_edit

        if not may_have_torch(self.config, code.path, _HAS_FUSED):
            return
        for attention in code.attention.all:
            if code.attention.can_be_fused(attention):
                takes_scale = must_have_torch(self.config, code.path, _TAKES_SCALE)
                edit = fusing_edit(code, attention) if takes_scale else None
                yield self.finding(code, attention.product.place.node, _message(code, attention), edit, attention.nodes)


def _message(code: Code, attention: Attention) -> str:
    query, key, value = (
        code.short_text(node, 18) for node in (attention.query.node, attention.key.node, attention.value)
    )
    return (
        f"attention of `{query}`, `{key}`, `{value}` by hand stores all T×T scores (predicted 10× at T=4096): call"
        " `F.scaled_dot_product_attention` instead"
    )
