"""LRF604: prompts generated from one at a time in a loop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class GenerateOneByOne(Rule):
    """Decoding reads all weights for every token, for one sequence as for sixteen: a batch of one wastes the reads."""

    code = "LRF604"
    name = "generate-one-by-one"
    severity = Severity.WARNING
    reads_tests = False
    trigger = Trigger(
        words=(("torch", "transformers", "vllm"), ("generate", "pipeline"), ("for",)),
        pattern=(r"generate\(", r"pipeline\("),
    )

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding at the call that generates from one prompt in each turn of a loop."""
        for found in code.generation.one_by_one:
            what = code.short_text(found.call.func, 36)
            if found.is_same:
                message = (
                    f"`{what}` draws one sample of the same prompt per turn, reading all weights for each token:"
                    " expand the prompt to a batch (predicted 4-7× for 8)"
                )
            else:
                message = (
                    f"`{what}` runs one prompt per turn, reading all weights for each token: generate from a padded"
                    " batch of prompts (predicted 4-7× for 8)"
                )
            yield self.finding(code, found.call, message)
