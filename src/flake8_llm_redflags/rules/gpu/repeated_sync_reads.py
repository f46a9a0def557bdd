"""LRF703: several device scalars read one after another, or one of them twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Edit, Finding, Severity
from ..rule import Rule
from .triggers import READ_IN_STEP

if TYPE_CHECKING:
    from ...code import Code
    from ...code.reads import StepRead


class RepeatedSyncReads(Rule):
    """Each ``.item()`` is a round trip to the device; ``torch.stack((a, b, c)).tolist()`` is one for all."""

    code = "LRF703"
    name = "repeated-sync-reads"
    severity = Severity.WARNING
    fixable = "safe"
    reads_tests = False
    trigger = READ_IN_STEP

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for the first of several reads in a row, and for a read of what was read before."""
        for read in code.reads.in_steps:
            if read.earlier is not None:
                message = (
                    f"`{code.short_text(read.node, 36)}` reads again what line {code.line(read.earlier.node)} has read:"
                    " a second wait for the GPU for one number, keep the first"
                )
                yield self.finding(code, read.node, message, _reuse(code, read))
            elif read.others and not read.before_backward:
                count = len(read.others) + 1
                message = (
                    f"{count} reads in a row from `{code.short_text(read.node, 30)}` on, a wait for the GPU each:"
                    " `torch.stack(…).tolist()` waits once (gain predicted)"
                )
                yield self.finding(code, read.node, message)


def _reuse(code: Code, read: StepRead) -> Edit | None:
    """Return the edit that uses the name which holds the earlier read, where one does."""
    assert read.earlier is not None
    statement = code.tree.parent(read.earlier.node)
    if not isinstance(statement, cst.Assign) or len(statement.targets) != 1:
        return None
    target = statement.targets[0].target
    if not isinstance(target, cst.Name) or _last_part(code.text_of(read.node)) != _last_part(
        code.text_of(read.earlier.node)
    ):
        return None
    if code.context.function(statement) is not code.context.function(read.node):
        return None
    bound, used = code.tree.start(statement), code.tree.start(read.node)
    if any(bound < binding.at < used for binding in code.names.bindings(target.value, read.node)):
        return None
    return code.edit("use the number that was read before", safe=True).replace(read.node, target.value).done()


def _last_part(text: str) -> str:
    return text.rpartition(".")[2]
