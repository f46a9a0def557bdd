"""LRF706: an explicit synchronisation in every training step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Edit, Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class SynchronizeInLoop(Rule):
    """``torch.cuda.synchronize()`` in each step empties the queue that hides the host's work."""

    code = "LRF706"
    name = "synchronize-in-loop"
    severity = Severity.WARNING
    fixable = "safe"
    reads_tests = False
    trigger = Trigger(words=(("torch",), ("synchronize",), ("for", "while")))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each synchronisation of the device in a training step that measures nothing."""
        for call in code.calls("synchronize"):
            if not (code.qualified_name(call.func) or "").startswith("torch."):
                continue
            step = code.training.step(call)
            if step is None or code.rarity.is_rare(call, step.owner) or code.training.measures_time(call):
                continue
            message = (
                f"`{code.short_text(call, 36)}` in every training step waits until the GPU is idle and nothing needs"
                " it: remove it (gain predicted, largest on small steps)"
            )
            yield self.finding(code, call, message, remove_line(code, call, "remove the synchronisation"))


def remove_line(code: Code, call: cst.Call, title: str) -> Edit | None:
    """Return the edit that takes out the line which is only this call; None where the call is part of something."""
    statement = code.tree.parent(call)
    line = code.tree.parent(statement) if isinstance(statement, cst.Expr) else None
    if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
        return None
    return code.edit(title, safe=True).remove_statement(line).done()
