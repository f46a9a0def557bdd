"""LRF601: a decode loop that feeds the whole sequence to the model again for every token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class DecodeWithoutCache(Rule):
    """Without a KV cache n new tokens cost O(n·T) tokens through the model; with one each token passes once."""

    code = "LRF601"
    name = "decode-without-cache"
    severity = Severity.WARNING
    reads_tests = False
    trigger = Trigger(
        words=(("torch",), ("for", "while")),
        pattern=("argmax", "multinomial", "topk", r"sample\w*\(", r"torch\.max\(", "ategorical", "gumbel"),
    )

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding at the statement that makes the sequence longer, or at the call where a list or text grows."""
        for found in code.decoding.without_cache:
            sequence, model = found.growth.sequence, code.short_text(found.call.func, 24)
            node = found.growth.statement if found.growth.is_tensor else found.call
            cure = "keep its state" if found.keeps_a_state else "keep the KV cache"
            gain = "" if found.keeps_a_state else " (predicted 4× at 7B, grows with length)"
            message = (
                f"each turn feeds all of `{sequence}` to `{model}` again: {cure} and feed only the new token{gain}"
            )
            yield self.finding(code, node, message)
