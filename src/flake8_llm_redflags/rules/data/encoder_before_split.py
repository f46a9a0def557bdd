"""LRF319: an encoder fitted on all rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule, Trigger
from .triggers import DIVIDED, JUDGED

if TYPE_CHECKING:
    from ...code import Code


class EncoderBeforeSplit(Rule):
    """The vocabulary of categories comes from the test rows too; the measured effect is tiny, the habit is not."""

    code = "LRF319"
    name = "encoder-before-split"
    severity = Severity.INFO
    preview = True
    trigger = Trigger(words=(JUDGED, DIVIDED, ("get_dummies", "factorize", "fit", "fit_transform")))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each vocabulary learnt from rows that a split or a cross-validation hands out later."""
        for leak in code.flow.data.leaks:
            if leak.statistic.kind == "encoder":
                what = leak.statistic.what if leak.statistic.what.startswith("`") else f"`{leak.statistic.what}`"
                message = (
                    f"{what} takes its categories from all rows, which are divided on line {code.line(leak.sink)}:"
                    " fit it on the training part, ignore unknown ones"
                )
                yield self.finding(code, leak.statistic.node, message)
