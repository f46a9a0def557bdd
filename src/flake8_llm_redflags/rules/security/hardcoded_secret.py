"""LRF101: a key, token or password written into the code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity, Span
from ..rule import Rule
from .secret_findings import read_from_environment, suspects
from .secret_trigger import SECRET_TRIGGER

if TYPE_CHECKING:
    from ...code import Code


class HardcodedSecret(Rule):
    """A provider's key anywhere in a literal, or a credible secret bound to the name of one."""

    code = "LRF101"
    name = "hardcoded-secret"
    severity = Severity.ERROR
    fixable = "unsafe"
    hides_place = True
    trigger = SECRET_TRIGGER

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each literal that holds a secret."""
        for literal, evidence in suspects(code, self.config):
            if evidence.kind == "word" or literal.is_fallback:
                continue
            if code.is_test and evidence.kind != "format":
                continue  # made up, nearly always; a provider's whole key is believed everywhere
            what = f"`{literal.name}` holds" if literal.name is not None and literal.is_bound else "this text holds"
            what = (
                f"{what} a secret as a literal" if not isinstance(literal.node, Span) else "this comment holds a secret"
            )
            owner = f"{evidence.provider}, " if evidence.provider is not None else ""
            if evidence.kind == "signing":
                key = f"`{literal.name}`" if literal.name is not None else "this signing key"
                message = (
                    f"{key} is a literal: whoever reads or guesses it forges any session of this application; make it"
                    " random and read it from the environment"
                )
                yield self.finding(code, literal.node, message, read_from_environment(code, literal, evidence))
                continue
            message = (
                f"{what} ({owner}{evidence.shown}): whoever reads the code has it;"
                " revoke it and read it from the environment"
            )
            yield self.finding(code, literal.node, message, read_from_environment(code, literal, evidence))
