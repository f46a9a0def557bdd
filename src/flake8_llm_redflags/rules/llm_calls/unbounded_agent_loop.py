"""LRF210: an agent that may go on for ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule
from .endless_loops import counts, is_endless, waits_for_somebody
from .triggers import ENDLESS_LOOP

if TYPE_CHECKING:
    from ...code import Code


class UnboundedAgentLoop(Rule):
    """``while True`` in which a model's answer decides alone whether there is another turn: no limit of steps, time or cost."""

    code = "LRF210"
    name = "unbounded-agent-loop"
    severity = Severity.WARNING
    reads_tests = False
    trigger = ENDLESS_LOOP

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each endless loop that feeds a growing conversation to a model."""
        reported = set()
        for call in code.llm.remote_calls:
            loop = next((one for one in code.context.loops(call.node) if is_endless(one)), None)
            if loop is None or id(loop) in reported or waits_for_somebody(code, loop) or counts(code, loop):
                continue
            if _grows(code, call.node, loop):
                reported.add(id(loop))
                message = (
                    f"only the model's answer ends this loop around `{code.short_text(call.node.func, 30)}`: one that keeps calling tools"
                    " runs up the bill; limit the steps"
                )
                yield self.finding(code, loop.test, message)


def _grows(code: Code, call: cst.Call, loop: cst.While) -> bool:
    """Is something handed to the model that the loop itself appends to?"""
    given = {name.value for arg in call.args for name in code.tree.within(arg, cst.Name)}
    for change in code.calls("append", "extend"):
        receiver = change.func.value if isinstance(change.func, cst.Attribute) else None
        if isinstance(receiver, cst.Name) and receiver.value in given and code.tree.contains(loop, change):
            return True
    return False
