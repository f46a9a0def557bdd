"""LRF303: a pandas or numpy statistic over all rows, written back into a feature before the split."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ...knowledge import words
from ..rule import Rule, Trigger
from .leaks import one_a_statement
from .triggers import DIVIDED, JUDGED, STATISTICS

if TYPE_CHECKING:
    from ...code import Code


class StatisticBeforeSplit(Rule):
    """A mean, a mode or a bin edge of all rows carries the test rows into the training features."""

    code = "LRF303"
    name = "statistic-before-split"
    severity = Severity.WARNING
    trigger = Trigger(words=(JUDGED, DIVIDED, STATISTICS))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each statistic over rows that a split hands out later."""
        for leak in one_a_statement(code, code.flow.data.leaks_of("statistic", sinks=("split", "evaluation"))):
            node = leak.statistic.node
            split = f"split on line {code.line(leak.sink)}"
            if leak.statistic.what in words("data", "pandas", "gap_fillers"):
                message = (
                    f"`{code.short_text(node)}` fills gaps from rows nearby, on either side of the {split}:"
                    " divide first, then fill each part by itself"
                )
            else:
                message = (
                    f"`{code.short_text(node)}` is taken over all rows, which are {split}:"
                    " take it from the training rows and apply it to both"
                )
            yield self.finding(code, node, message)
