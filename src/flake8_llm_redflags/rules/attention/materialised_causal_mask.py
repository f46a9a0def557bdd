"""LRF503: a matrix that says "do not look ahead" handed to a fused attention that takes a flag for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.constants import is_false
from ...finding import Edit, Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code
    from ...code.fused import FusedAttention
    from ...code.masks import Mask


class MaterialisedCausalMask(Rule):
    """A mask keeps the flash kernel away and half of the work in; ``is_causal=True`` skips what is masked."""

    code = "LRF503"
    name = "materialised-causal-mask"
    severity = Severity.WARNING
    fixable = "safe"
    reads_tests = False
    trigger = Trigger(
        words=(("scaled_dot_product_attention",),),
        pattern=("tril", "triu", "arange", "generate_square_subsequent_mask"),
    )

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding at each fused attention whose mask is nothing but causal."""
        from ...code.fused import fused_attentions
        from ...code.masks import Masks

        for attention in fused_attentions(code):
            given = attention.argument("attn_mask")
            if given is None or attention.is_open:
                continue
            mask = Masks(code).read(given)
            if mask is not None and _is_applied(mask) and not _has_cache(code, attention):
                message = (
                    f"`{code.short_text(given, 30)}` is only causal: as a T×T mask it keeps the flash kernel away (predicted 2×"
                    " the work); pass `is_causal=True` instead"
                )
                yield self.finding(code, attention.call, message, _edit(code, attention, mask))


def _is_applied(mask: Mask) -> bool:
    """Does the fused attention read the mask as it is meant: True keeps, or minus infinity is added?"""
    return (
        mask.is_causal
        and mask.sides is not None
        and (mask.form == "added" or (mask.form == "bool" and mask.marks == "keep"))
    )


def _has_cache(code: Code, attention: FusedAttention) -> bool:
    """Do the keys hold earlier ones? Then the flag, which counts from the first key, is not what is wanted."""
    from ...code.lineage import lineage
    from ...code.tensors import Place

    return bool(lineage(code, Place(attention.key)).growths)


def _edit(code: Code, attention: FusedAttention, mask: Mask) -> Edit | None:
    """Put the flag in place of the mask, where queries and keys are surely as long as its sides."""
    from ...code.trimming import statements_for

    given, flag = attention.arg("attn_mask"), attention.arg("is_causal")
    if given is None or (
        given.keyword is None and attention.call.args[-1] is not given and attention.call.args[4].keyword is None
    ):
        return None
    if flag is not None and (flag.keyword is None or not is_false(flag.value)):
        return None
    if not _covers_exactly(code, attention, mask):
        return None
    edit = code.edit("let the attention be causal by itself", safe=True)
    if flag is not None:
        edit.remove_argument(attention.call, flag)
    edit.replace_argument(given, "is_causal=True")
    return edit.remove_statements(statements_for(code, given)).done()


def _covers_exactly(code: Code, attention: FusedAttention, mask: Mask) -> bool:
    """Is the mask surely as large as the scores, so that a side of 1 is not stretched over many queries or keys?"""
    from ...code.lineage import are_of_one_length
    from ...code.masks import is_length_of
    from ...code.tensors import Place

    if are_of_one_length(code, Place(attention.query), Place(attention.key)):
        return True
    if mask.sides is None:
        return False
    return is_length_of(code, mask.sides[0], attention.query) and is_length_of(code, mask.sides[1], attention.key)
