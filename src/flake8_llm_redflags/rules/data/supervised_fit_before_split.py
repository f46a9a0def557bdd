"""LRF302: a selector, target encoder or other transformer that sees the target, fitted on later test rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule, Trigger
from .leaks import one_a_statement
from .triggers import DIVIDED, FITS, JUDGED

if TYPE_CHECKING:
    from ...code import Code


class SupervisedFitBeforeSplit(Rule):
    """What was chosen or encoded by the test rows' own targets scores well on them, even on pure noise."""

    code = "LRF302"
    name = "supervised-fit-before-split"
    severity = Severity.ERROR
    trigger = Trigger(words=(JUDGED, DIVIDED), pattern=FITS + r"|\.corr\w*\(")

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each look at the target on rows that a split or a cross-validation hands out."""
        for leak in one_a_statement(code, code.flow.data.leaks_of("supervised")):
            what = leak.statistic.what
            looked = f"{what} learns the target" if what.startswith("`") else f"`{what}` chooses columns by the target"
            done = "cross-validated" if leak.kind == "cross-validation" else "tested"
            message = (
                f"{looked} on all rows, which are {done} on line {code.line(leak.sink)}: scores come out too good,"
                " fit it on training rows only"
            )
            yield self.finding(code, leak.statistic.node, message)
