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
        unbounded: dict[int, bool] = {}
        for call in code.llm.call_sites(exposed=True):
            loop = next(code.context.loops(call), None)
            if not isinstance(loop, cst.While) or not is_endless(loop):
                continue
            if id(loop) not in unbounded:
                unbounded[id(loop)] = not waits_for_somebody(code, loop) and not is_limited(code, loop)
            if unbounded[id(loop)] and _is_tried_again(code, call, loop):
                unbounded[id(loop)] = False  # one finding is enough
                message = (
                    f"`{code.short_text(call.func, 36)}` is tried again without end, even after an error that no wait mends: bound the"
                    " attempts and back off"
                )
                yield self.finding(code, loop.test, message)


def _is_tried_again(code: Code, call: cst.Call, loop: cst.While) -> bool:
    """Does every handler around the call lead to another turn with the same question?"""
    statement = next(code.context.tries(call), None)
    if statement is None or not code.tree.contains(loop, statement):
        return False
    if any(code.values.depends_on(arg, loop) for arg in call.args):
        return False  # another question in each turn: a worker, no retry
    is_left = _is_left_at_the_end(loop)
    return all(_goes_on(code, handler, is_left) for handler in statement.handlers)


def _goes_on(code: Code, handler: cst.CSTNode, is_left: bool) -> bool:
    """Does the handler always lead to the next turn, in a loop that is left or not where its body ends?"""
    if is_left and not any(code.tree.within(handler, cst.Continue)):
        return False
    return not any(code.tree.within(handler, cst.Raise, cst.Return, cst.Break))


def _is_left_at_the_end(loop: cst.While) -> bool:
    """Does the body of the loop end by leaving it?"""
    last = loop.body.body[-1] if loop.body.body else None
    return isinstance(last, cst.SimpleStatementLine) and isinstance(last.body[-1], (cst.Break, cst.Return, cst.Raise))
