"""LRF201: a call of a remote model that nothing protects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule
from .model_call_edit import guard_with_fallback
from .triggers import MODEL_CALL

if TYPE_CHECKING:
    from ...code import Code


#: How editors mark the cells of a notebook that is kept as a Python file.
_CELL = re.compile(r"^# (?:%%|In\[)", re.MULTILINE)


class UnguardedLlmCall(Rule):
    """A remote model call outside ``try``, without a retry, a fallback or a caller that catches what it raises."""

    code = "LRF201"
    name = "unguarded-llm-call"
    severity = Severity.WARNING
    fixable = "unsafe"
    reads_tests = False
    trigger = MODEL_CALL

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each call that would let a time-out, a rate limit or a server error through."""
        has_cells = _CELL.search(code.text) is not None
        for call in code.llm.remote_calls:
            if call.is_self_guarded or code.guards.is_guarded(call.node) or code.guards.is_provider_wrapper(call.node):
                continue
            if has_cells and code.context.function(call.node) is None:
                continue  # whoever runs a cell sees it fail, and runs it again
            error = call.facts["error"]
            message = (
                f"`{code.short_text(call.func, 36)}` is unguarded: a time-out, rate limit or server error ends the program"
                f" here; catch {error.rpartition('.')[2]} and fall back"
            )
            yield self.finding(code, call.node, message, guard_with_fallback(code, call.node, error))
