"""LRF502: keys and values copied to every query head, which a fused attention shares by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.constants import is_false, is_none
from ...code.syntax import cst
from ...finding import Edit, Finding, Severity
from ..rule import Rule, Trigger
from ..torch_version import may_have_torch, must_have_torch
from .triggers import SOFTMAX, TORCH

if TYPE_CHECKING:
    from ...code import Code
    from ...code.fused import FusedAttention
    from ...code.head_copies import HeadCopy

#: The first torch whose function takes ``enable_gqa``.
_SHARES_HEADS = (2, 5)


class RepeatedKvHeads(Rule):
    """The copy multiplies what grouped-query attention saves; ``enable_gqa=True`` reads each head where it is."""

    code = "LRF502"
    name = "repeated-kv-heads"
    severity = Severity.WARNING
    fixable = "safe"
    reads_tests = False
    trigger = Trigger(
        words=(TORCH, ("scaled_dot_product_attention", *SOFTMAX)), pattern=("repeat_kv", "repeat_interleave")
    )

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding at the copy of the keys, where keys and values of one attention are both copied."""
        from ...code.fused import fused_attentions
        from ...code.head_copies import head_copy
        from ...code.tensors import Place

        if not may_have_torch(self.config, code.path, _SHARES_HEADS):
            return
        for attention in fused_attentions(code):
            if _is_masked(attention) or code.context.is_reference(attention.call):
                continue
            keys, values = head_copy(code, Place(attention.key)), head_copy(code, Place(attention.value))
            if keys is not None and values is not None and not _has_way_without(code, attention, keys):
                message = (
                    f"`{code.short_text(keys.node, 36)}` copies K and V to every query head (predicted 17× in decode):"
                    " give the attention `enable_gqa=True` instead"
                )
                yield self.finding(code, keys.node, message, self._edit(code, attention, keys, values))
        for by_hand in code.attention.all:
            keys = head_copy(code, by_hand.key)
            values = head_copy(code, Place(by_hand.value, by_hand.product.place.frame)) if keys is not None else None
            if (
                keys is None
                or values is None
                or code.attention.is_masked(by_hand)
                or not code.attention.can_be_fused(by_hand)
            ):
                continue
            message = (
                f"`{code.short_text(keys.node, 36)}` copies K and V to every query head (predicted 17× in decode): call"
                " `F.scaled_dot_product_attention` with `enable_gqa=True`"
            )
            yield self.finding(code, keys.node, message)

    def _edit(self, code: Code, attention: FusedAttention, keys: HeadCopy, values: HeadCopy) -> Edit | None:
        """Take both copies out, where they repeat every head in place, alike, and for this call only."""
        given = ("attn_mask", "enable_gqa")
        if (
            attention.is_open
            or any(attention.argument(name) is not None for name in given)
            or _chooses_kernel(code, attention)
        ):
            return None
        if not must_have_torch(self.config, code.path, _SHARES_HEADS):
            return None
        if keys.factor is None or values.factor is None or code.text_of(keys.factor) != code.text_of(values.factor):
            return None
        if not all(copy.is_in_order and copy.serves_only(code, attention.call) for copy in (keys, values)):
            return None
        edit = code.edit("let the attention share the heads", safe=True)
        for copy in (keys, values):
            line = copy.idle_line(code)
            if line is not None:
                edit.remove_statement(line)
            else:
                edit.replace(copy.node, code.text_of(copy.source))
        return edit.append_argument(attention.call, "enable_gqa=True").done()


def _has_way_without(code: Code, attention: FusedAttention, keys: HeadCopy) -> bool:
    """Is the same attention called elsewhere in the function with the heads as they are, where the version allows it?"""
    from ...code.fused import fused_attentions

    function, source = code.context.function(attention.call), code.text_of(keys.source)
    return any(
        other.call is not attention.call
        and code.text_of(other.key) == source
        and code.context.function(other.call) is function
        for other in fused_attentions(code)
    )


def _is_masked(attention: FusedAttention) -> bool:
    """Does the attention always get a mask? With one, shared heads have no kernel but the one that copies them itself."""
    mask, flag = attention.argument("attn_mask"), attention.argument("is_causal")
    if mask is None or is_none(mask):
        return False
    return flag is None or is_false(flag)


def _chooses_kernel(code: Code, attention: FusedAttention) -> bool:
    """Is the kernel prescribed (``with sdpa_kernel(…)``)? Not every one shares heads."""
    from ...code.names import last_name

    calls = (
        call
        for block in code.context.withs(attention.call)
        for item in block.items
        for call in code.tree.within(item, cst.Call)
    )
    return any(last_name(call.func) in ("sdpa_kernel", "sdp_kernel") for call in calls)
