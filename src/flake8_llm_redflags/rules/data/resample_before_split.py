"""LRF307: rows are created, copied or altered at random before the split or outside of cross-validation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule, Trigger
from .triggers import ALTERS, DIVIDED, DIVIDES_PICTURES, JUDGED, RESAMPLERS

if TYPE_CHECKING:
    from ...code import Code


class ResampleBeforeSplit(Rule):
    """Copies and blends of one row land on both sides of the split: the model is tested on what it has learnt."""

    code = "LRF307"
    name = "resample-before-split"
    severity = Severity.ERROR
    trigger = Trigger(words=((*JUDGED, *DIVIDES_PICTURES), (*DIVIDED, *ALTERS), (*RESAMPLERS, *ALTERS)))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each step that makes rows out of rows, or alters them, before they are divided."""
        for leak in code.flow.data.leaks_of("resampling"):
            what = leak.statistic.what if leak.statistic.what.startswith("`") else "this line"
            done = "cross-validation" if leak.kind == "cross-validation" else "split"
            message = (
                f"{what} makes new rows out of all rows, and the {done} on line {code.line(leak.sink)} parts them:"
                " resample the training part only"
            )
            yield self.finding(code, leak.statistic.node, message)
        for part in code.augmentation.altered_parts():
            message = (
                f"`{part.transform}` alters all pictures at random, those split off to judge by on line"
                f" {code.line(part.split)} too: give each part its own transform"
            )
            yield self.finding(code, part.made, message)
