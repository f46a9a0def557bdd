"""LRF702: a host read between the forward and the backward pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule
from .triggers import READ_IN_STEP

if TYPE_CHECKING:
    from ...code import Code


class SyncBeforeBackward(Rule):
    """``loss.item()`` before ``loss.backward()`` drains the queue, so that the whole backward pass starts cold."""

    code = "LRF702"
    name = "sync-before-backward"
    severity = Severity.WARNING
    reads_tests = False
    trigger = READ_IN_STEP

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each read, or the first of a row, that runs before the step's backward pass."""
        for read in code.reads.in_steps:
            if read.before_backward and read.earlier is None:
                message = (
                    f"`{code.short_text(read.node, 36)}` waits for the GPU before backward, which then starts on an"
                    " empty queue: read it after the step (predicted)"
                )
                yield self.finding(code, read.node, message)
