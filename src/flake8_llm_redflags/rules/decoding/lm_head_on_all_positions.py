"""LRF605: logits of every position, of which one is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class LmHeadOnAllPositions(Rule):
    """The product with the vocabulary is the largest of the model, and T-1 of its T rows are thrown away."""

    code = "LRF605"
    name = "lm-head-on-all-positions"
    severity = Severity.WARNING
    fixable = "safe"
    reads_tests = False
    trigger = Trigger(words=(("torch",),), pattern=(r"\[:, ?\[?-1", r"\.\.\., ?\[?-1"))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding at each call of an output head whose result is cut to the last position."""
        for call in code.decoding.heads_cut_to_last:
            hidden = call.args[0].value
            text = code.text_of(hidden)
            edit = code.edit("compute the last position only", safe=True).replace(hidden, f"{text}[:, -1:]").done()
            message = (
                f"`{code.short_text(call, 32)}` computes logits of every position for the last one alone:"
                f" give it `{code.short_text(hidden, 20)}[:, -1:]` (predicted 180× at prefill)"
            )
            yield self.finding(code, call, message, edit)
