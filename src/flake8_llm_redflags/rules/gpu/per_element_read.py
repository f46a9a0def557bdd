"""LRF708: the elements of a device tensor read one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class PerElementRead(Rule):
    """``for i in range(n): x[i].item()`` waits for the device n times where one ``x.tolist()`` would do."""

    code = "LRF708"
    name = "per-element-read"
    severity = Severity.WARNING
    reads_tests = False
    trigger = Trigger(words=(("torch",), ("item", "tolist", "float", "int", "cpu", "numpy"), ("for",)))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each read of an element in a loop over a tensor that does not change in it."""
        for read, _ in code.reads.per_element:
            message = (
                f"`{code.short_text(read.node, 40)}` waits for the GPU once per element: read the whole tensor with one"
                " `.tolist()` before the loop (predicted: n waits become 1)"
            )
            yield self.finding(code, read.node, message)
