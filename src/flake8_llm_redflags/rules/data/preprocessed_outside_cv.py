"""LRF305: a transformer fitted on all rows, which are then cross-validated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule, Trigger
from .triggers import DIVIDED, FITS, JUDGED

if TYPE_CHECKING:
    from ...code import Code


class PreprocessedOutsideCv(Rule):
    """Each fold is to be unseen; a scaler fitted outside of the folds has seen them all."""

    code = "LRF305"
    name = "preprocessed-outside-cv"
    severity = Severity.WARNING
    trigger = Trigger(words=(JUDGED, DIVIDED), pattern=FITS)

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each transformer whose output is cross-validated."""
        for leak in code.flow.data.leaks_of("transformer", sinks=("cross-validation",)):
            message = (
                f"{leak.statistic.what} is fitted on all rows, which are cross-validated on line"
                f" {code.line(leak.sink)}: put it into a pipeline and cross-validate that"
            )
            yield self.finding(code, leak.statistic.node, message)
