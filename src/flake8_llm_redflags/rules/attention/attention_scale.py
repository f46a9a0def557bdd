"""LRF510: scores of an attention that are not scaled, scaled twice, or scaled by the width of the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule, Trigger
from .triggers import PRODUCTS, SOFTMAX, TORCH

if TYPE_CHECKING:
    from ...code import Code
    from ...code.attention import Attention
    from ...code.fused import FusedAttention


class AttentionScale(Rule):
    """Products of d features have variance d: without 1/√d the softmax saturates, with it twice it is nearly flat."""

    code = "LRF510"
    name = "attention-scale"
    severity = Severity.ERROR
    reads_tests = False
    trigger = Trigger(
        words=(TORCH, (*SOFTMAX, "scaled_dot_product_attention")), pattern=(*PRODUCTS, "sqrt", r"\*\* ?\(?-")
    )

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding at each attention whose scale the file shows to be wrong."""
        from ...code.fused import fused_attentions

        for attention in code.attention.all:
            if (
                code.attention.is_over_channels(attention.product.place.node)
                or attention.product.place.frame is not None
            ):
                continue
            message = _twice(code, attention) or _by_model_width(code, attention) or _missing(code, attention)
            if message is not None:
                yield self.finding(code, attention.softmax.node, message)
        for fused in fused_attentions(code):
            if (message := _before_fused(code, fused)) is not None:
                yield self.finding(code, fused.call, message)


def _twice(code: Code, attention: Attention) -> str | None:
    from ...code.attention_scale import are_certain, factors, has_norm

    found = factors(code, attention)
    powers = [factor.power for factor in found]
    if len(powers) < 2 or None in powers or sum(power or 0.0 for power in powers) != -1.0 or -0.5 not in powers:
        return None
    if has_norm(code, attention) or not are_certain(code, found, attention.softmax.node):
        return None
    scaling = [factor for factor in found if factor.power]
    first, second = scaling[0], scaling[-1]
    return (
        f"scores are scaled twice, by `{code.short_text(first.node, 24)}` and `{code.short_text(second.node, 24)}`:"
        " 1/d instead of 1/√d leaves the softmax nearly flat; drop one"
    )


def _before_fused(code: Code, fused: FusedAttention) -> str | None:
    from ...code.attention_scale import are_certain, factors_before, power_of

    if fused.is_open:
        return None
    given = fused.argument("scale")
    own = -0.5 if given is None else power_of(code, given)
    found = factors_before(code, fused)
    powers = [factor.power for factor in found]
    if (
        own is None
        or not powers
        or None in powers
        or own + sum(power or 0.0 for power in powers) != -1.0
        or own != -0.5
    ):
        return None
    if not are_certain(code, found, fused.call):
        return None
    scaled = next(factor for factor in found if factor.power)
    return (
        f"`{code.short_text(scaled.node, 30)}` scales what `scaled_dot_product_attention` scales again by 1/√d: the softmax is nearly"
        " flat; drop it or pass `scale=1.0`"
    )


def _by_model_width(code: Code, attention: Attention) -> str | None:
    from ...code.attention_scale import factors

    found = factors(code, attention)
    if len([factor for factor in found if factor.power != 0.0]) != 1:
        return None
    factor = next(factor for factor in found if factor.power != 0.0)
    if (
        factor.power != -0.5
        or factor.base is None
        or (heads := code.attention.heads_of(attention, factor.base)) is None
    ):
        return None
    width = code.short_text(factor.base, 20)
    return f"scores are divided by √`{width}`, the width of all heads: attention is too flat; divide by the root of one head's, {heads}"


def _missing(code: Code, attention: Attention) -> str | None:
    from ...code.attention_scale import factors, projected

    if factors(code, attention) or attention.scores.scale is not None or not code.attention.wants_scale(attention):
        return None
    if projected(code, attention) is None:
        return None
    query, key = code.short_text(attention.query.node, 20), code.short_text(attention.key.node, 20)
    return (
        f"scores of `{query}` and `{key}` are not scaled: they grow with the width, the softmax saturates and gradients vanish;"
        " multiply by 1/√d"
    )
