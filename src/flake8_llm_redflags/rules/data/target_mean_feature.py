"""LRF315: the mean of the target per group, over all rows, becomes a feature."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule, Trigger
from .triggers import DIVIDED, JUDGED

if TYPE_CHECKING:
    from ...code import Code


class TargetMeanFeature(Rule):
    """Each row's own answer is in the mean of its group: small groups give it away."""

    code = "LRF315"
    name = "target-mean-feature"
    severity = Severity.ERROR
    trigger = Trigger(words=(("groupby",), JUDGED, DIVIDED))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each statistic of the target by group that reaches features of rows tested later."""
        flow = code.flow.data
        for leak in flow.leaks:
            statistic = leak.statistic
            if statistic.kind == "statistic" and flow.is_target_mean(statistic):
                message = (
                    f"the target `{statistic.column}` is summed up by group over all rows, tested on line"
                    f" {code.line(leak.sink)}: encode it from training rows, out of fold"
                )
                yield self.finding(code, statistic.node, message)
