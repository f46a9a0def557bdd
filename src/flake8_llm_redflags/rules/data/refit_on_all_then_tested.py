"""LRF310: a model trained on all rows, then scored on a part of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule, Trigger
from .triggers import DIVIDED, FITS, JUDGED

if TYPE_CHECKING:
    from ...code import Code
    from ...code.flow.data import Evaluation
    from ...code.flow.rows import Rows


class RefitOnAllThenTested(Rule):
    """The test rows were part of the training: the score measures memory."""

    code = "LRF310"
    name = "refit-on-all-then-tested"
    severity = Severity.ERROR
    trigger = Trigger(words=(JUDGED, DIVIDED), pattern=FITS)

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each fit on rows of which a split has put some aside that are scored with it."""
        reported = set()
        for evaluation in code.flow.data.evaluations:
            fit = evaluation.fit
            if fit is None or not evaluation.scored or id(fit.node) in reported or not self._knows_the_test(evaluation):
                continue
            reported.add(id(fit.node))
            message = (
                f"`{code.short_text(fit.node.func, 30)}` trains on all rows, the test rows scored on line"
                f" {code.line(evaluation.node)} among them: fit on the training part"
            )
            yield self.finding(code, fit.node, message)

    @staticmethod
    def _knows_the_test(evaluation: Evaluation) -> bool:
        """Was the model fitted on everything that the split of the scored rows divided?"""
        fit = evaluation.fit
        assert fit is not None
        if any(statistic.kind == "resampling" for statistic in fit.features.statistics()):
            return False  # resample-before-split speaks about it
        for rows in evaluation.features.rows:
            part = next((one for one in rows.line() if one.part == "test"), None)
            if part is None or _is_one_of_two_branches(fit.features.rows, part):
                continue
            if any(fit.features.holds(whole) for whole in part.parents):
                return True
        return False


def _is_one_of_two_branches(fitted: frozenset[Rows], test: Rows) -> bool:
    """Are the fitted rows all rows in one branch and the training part in the other, as ``if hold_out: …`` leaves them?"""
    return any(one.split is test.split and one.part == "train" for rows in fitted for one in rows.line())
