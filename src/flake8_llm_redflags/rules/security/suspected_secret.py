"""LRF104: an ordinary word bound to the name of a secret."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule, Trigger
from .secret_findings import suspects
from .secret_trigger import may_hold_word

if TYPE_CHECKING:
    from ...code import Code


class SuspectedSecret(Rule):
    """A secret's name with an ordinary word or a short text for a value: perhaps a password, mostly nothing."""

    code = "LRF104"
    name = "suspected-secret"
    severity = Severity.INFO
    preview = True
    hides_place = True
    reads_tests = False
    trigger = Trigger(test=may_hold_word)

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each literal whose name alone makes it suspect."""
        for literal, evidence in suspects(code, self.config):
            if evidence.kind == "word":
                message = f"`{literal.name}` holds an ordinary word: if it opens anything, read it from the environment instead"
                yield self.finding(code, literal.node, message)
