"""LRF707: the allocator's cache emptied in every training step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule, Trigger
from .synchronize_in_loop import remove_line

if TYPE_CHECKING:
    from ...code import Code
    from ...code.tree import Node


class EmptyCacheInLoop(Rule):
    """``torch.cuda.empty_cache()`` gives the memory back to the driver, and the next step pays to get it again."""

    code = "LRF707"
    name = "empty-cache-in-loop"
    severity = Severity.WARNING
    fixable = "safe"
    reads_tests = False
    trigger = Trigger(words=(("torch",), ("empty_cache",), ("for", "while")))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each ``empty_cache`` in a training step, or in a loop over steps but not epochs."""
        for call in code.calls("empty_cache"):
            loop = code.training.loop_over_steps(call)
            if (
                loop is None
                or code.rarity.is_rare(call, loop)
                or code.training.is_demo(call)
                or _starts_runs(code, loop)
            ):
                continue
            message = (
                f"`{code.short_text(call, 36)}` in every step: it waits for the GPU and the next step allocates anew;"
                " remove it, the allocator reuses its blocks (gain predicted)"
            )
            yield self.finding(code, call, message, remove_line(code, call, "keep the allocator's cache"))


def _starts_runs(code: Code, loop: Node) -> bool:
    """Does each turn make an optimizer of its own, so that it is a run of many steps and what the last one held may go?"""
    calls = code.tree.within(loop, cst.Call) if isinstance(loop, (cst.For, cst.While)) else ()
    return any((code.qualified_name(call.func) or "").startswith("torch.optim.") for call in calls)
