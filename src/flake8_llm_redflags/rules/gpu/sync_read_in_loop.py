"""LRF701: a device scalar read on the host in every training step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Edit, Finding, Severity
from ..rule import Rule
from .triggers import READ_IN_STEP

if TYPE_CHECKING:
    from ...code import Code
    from ...code.reads import Read


class SyncReadInLoop(Rule):
    """``total += loss.item()`` in every step makes the host wait until the device has caught up."""

    code = "LRF701"
    name = "sync-read-in-loop"
    severity = Severity.WARNING
    fixable = "unsafe"
    reads_tests = False
    trigger = READ_IN_STEP

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each single read after the backward pass."""
        for read in code.reads.in_steps:
            if not read.before_backward and read.earlier is None and not read.others:
                message = (
                    f"`{code.short_text(read.node, 36)}` waits for the GPU in every step: keep it on the device, read"
                    " it when you log (predicted: up to 2x on small steps)"
                )
                yield self.finding(code, read.node, message, _edit(code, read))


def _edit(code: Code, read: Read) -> Edit | None:
    """Return the edit for ``total += x.item()``: sum detached tensors instead."""
    statement = code.tree.parent(read.node)
    if not isinstance(statement, cst.AugAssign) or not isinstance(statement.operator, cst.AddAssign):
        return None
    if not isinstance(statement.target, cst.Name) or not code.text_of(read.node).endswith(".item()"):
        return None
    return (
        code.edit("add up on the device", safe=False).replace(read.node, f"{code.text_of(read.value)}.detach()").done()
    )
