"""LRF102: a real-looking secret behind the environment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule
from .secret_findings import suspects
from .secret_trigger import SECRET_TRIGGER

if TYPE_CHECKING:
    from ...code import Code


class SecretFallback(Rule):
    """``os.getenv("OPENAI_API_KEY", "sk-…")``: where the variable is missing, the secret in the code is used."""

    code = "LRF102"
    name = "secret-fallback"
    severity = Severity.ERROR
    hides_place = True
    trigger = SECRET_TRIGGER

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each secret that the environment falls back to."""
        for literal, evidence in suspects(code, self.config):
            if literal.is_fallback and evidence.kind != "word":
                message = (
                    f"`{literal.name}` falls back to a secret in the code ({evidence.shown}), used unnoticed where the variable"
                    " is missing: revoke it and fail without it"
                )
                yield self.finding(code, literal.node, message)
