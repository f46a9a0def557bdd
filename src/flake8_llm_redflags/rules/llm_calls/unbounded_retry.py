"""LRF206: retrying for ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule
from .endless_loops import is_endless, is_limited, waits_for_somebody
from .triggers import ENDLESS_LOOP

if TYPE_CHECKING:
    from ...code import Code


class UnboundedRetry(Rule):
    """``while True`` around a model call whose handler neither gives up nor counts: a wrong key is tried for ever."""

    code = "LRF206"
    name = "unbounded-retry"
    severity = Severity.WARNING
    reads_tests = False
    trigger = ENDLESS_LOOP

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each endless loop that tries a model call again whatever happens."""
        reported = set()
        for call in code.llm.call_sites(exposed=True):
            loop = next(code.context.loops(call), None)
            if loop is None or not is_endless(loop) or id(loop) in reported or waits_for_somebody(code, loop):
                continue
            statement = next(code.context.tries(call), None)
            if statement is None or not code.tree.contains(loop, statement):
                continue
            if any(code.values.depends_on(arg, loop) for arg in call.args):
                continue  # another question in each turn: a worker, no retry
            if all(_goes_on(code, handler) for handler in statement.handlers) and not is_limited(code, loop):
                reported.add(id(loop))
                message = (
                    f"`{code.short_text(call.func, 36)}` is tried again without end, even after an error that no wait mends: bound the"
                    " attempts and back off"
                )
                yield self.finding(code, loop.test, message)


def _goes_on(code: Code, handler: cst.CSTNode) -> bool:
    """Does the handler always lead to the next turn?"""
    return not any(code.tree.within(handler, cst.Raise, cst.Return, cst.Break))
