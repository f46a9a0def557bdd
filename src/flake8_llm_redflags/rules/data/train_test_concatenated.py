"""LRF304: training and test tables joined, something computed over both, then cut apart again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule, Trigger
from .triggers import DIVIDED, JUDGED

if TYPE_CHECKING:
    from ...code import Code


class TrainTestConcatenated(Rule):
    """Joining is convenient for encoders, but what is fitted on the joined table has seen the rows it is tested on."""

    code = "LRF304"
    name = "train-test-concatenated"
    severity = Severity.WARNING
    trigger = Trigger(words=(JUDGED, DIVIDED, ("concat", "append", "concatenate", "vstack", "r_")))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each fit or statistic over a joined table whose parts are trained on and tested."""
        flow = code.flow.data
        for leak in flow.leaks:
            statistic = leak.statistic
            apart = statistic.kind in ("encoder", "resampling", "thinning") or flow.is_target_mean(statistic)
            if not leak.across_tables or apart:
                continue
            what = statistic.what if statistic.what.startswith("`") else f"`{code.short_text(statistic.node, 36)}`"
            joined = next(rows.node for rows in statistic.rows if rows.part == "joined")
            message = (
                f"{what} sees the tables joined on line {code.line(joined)}, whose rows are tested on line"
                f" {code.line(leak.sink)}: compute it on the training table alone"
            )
            yield self.finding(code, statistic.node, message)
