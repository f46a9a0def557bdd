"""LRF218: a provider wrapper that lets the call's exception through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule
from .triggers import MODEL_CALL

if TYPE_CHECKING:
    from ...code import Code


class UnguardedWrapper(Rule):
    """A method of a provider class that lets errors of the library through: right by design, if its callers know them."""

    code = "LRF218"
    name = "unguarded-wrapper"
    severity = Severity.INFO
    preview = True
    reads_tests = False
    trigger = MODEL_CALL

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each unguarded model call of a provider class."""
        for call in code.llm.remote_calls:
            if (
                not call.is_self_guarded
                and code.guards.is_provider_wrapper(call.node)
                and not code.guards.is_guarded(call.node)
            ):
                message = (
                    f"`{code.short_text(call.func, 36)}` lets {call.provider}'s own errors through to callers that should not know the"
                    " library: translate them into the interface's"
                )
                yield self.finding(code, call.node, message)
