"""LRF511: a mask that does not mask: ones and zeros added to the scores, or True where it should be False."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Edit, Finding, Severity
from ..rule import Rule, Trigger
from .triggers import TORCH

if TYPE_CHECKING:
    from ...code import Code
    from ...code.masks import Mask

#: What takes masks.
_TAKERS = (
    "scaled_dot_product_attention",
    "MultiheadAttention",
    "Transformer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
)


class FloatMask(Rule):
    """A float mask is added to the scores: 1 and 0 shift them a little and hide nothing. A boolean one has a sense."""

    code = "LRF511"
    name = "float-mask"
    severity = Severity.ERROR
    fixable = "unsafe"
    trigger = Trigger(words=(TORCH, _TAKERS), pattern=("tril", "triu"))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding at each mask of ones and zeros, and at each causal one of the opposite sense."""
        from ...code.fused import fused_attentions, module_masks
        from ...code.masks import Masks

        masks = Masks(code)
        for attention in fused_attentions(code):
            given = attention.argument("attn_mask")
            if given is not None and (mask := masks.read(given)) is not None:
                yield from self._judged(code, given, mask, "scaled_dot_product_attention", true_keeps=True)
        for handed in module_masks(code):
            if (mask := masks.read(handed.value)) is not None:
                yield from self._judged(code, handed.value, mask, handed.module.rpartition(".")[2], true_keeps=False)

    def _judged(self, code: Code, given: cst.CSTNode, mask: Mask, taker: str, *, true_keeps: bool) -> Iterator[Finding]:
        name = code.short_text(given, 24)
        if mask.form == "number":
            message = (
                f"`{name}` holds ones and zeros, which `{taker}` adds to the scores: nothing is masked; pass a boolean mask, True to"
                f" {'keep' if true_keeps else 'block'}"
            )
            yield self.finding(code, given, message, _as_boolean(code, given, mask, true_keeps=true_keeps))
        elif mask.form == "bool" and mask.is_causal and (mask.marks == "keep") is not true_keeps:
            message = (
                f"`{name}` is True where keys must {'not ' if true_keeps else ''}be seen, but to `{taker}` True means"
                f" {'keep' if true_keeps else 'block'}: only the future is seen; invert it"
            )
            edit = code.edit("turn the mask round", safe=False).replace(given, _inverted(code, given)).done()
            yield self.finding(code, given, message, edit)


def _as_boolean(code: Code, given: cst.CSTNode, mask: Mask, *, true_keeps: bool) -> Edit | None:
    """Make a boolean mask of ones and zeros, in the sense that the taker reads."""
    text = code.text_as_operand(given)
    keeps_where_one = mask.marks == "keep"
    boolean = f"{text}.bool()" if keeps_where_one is true_keeps else f"{text} == 0"
    return code.edit("pass a boolean mask", safe=False).replace(given, boolean).done()


def _inverted(code: Code, given: cst.CSTNode) -> str:
    if isinstance(given, cst.UnaryOperation) and isinstance(given.operator, cst.BitInvert):
        return code.text_of(given.expression)
    return f"~{code.text_as_operand(given)}"
