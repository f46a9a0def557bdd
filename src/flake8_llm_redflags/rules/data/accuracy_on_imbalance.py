"""LRF333: accuracy is the only metric on data that the code itself shows to be imbalanced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule, Trigger
from .triggers import may_show_imbalance

if TYPE_CHECKING:
    from ...code import Code
    from ...code.flow.facts import Data, Estimator


class AccuracyOnImbalance(Rule):
    """Where one row in a hundred counts, always saying no is 99 % accurate."""

    code = "LRF333"
    name = "accuracy-on-imbalance"
    severity = Severity.WARNING
    trigger = Trigger(
        words=(("fit", "cross_val_score"), ("score", "accuracy_score", "evaluate", "cross_val_score")),
        test=may_show_imbalance,
    )

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each accuracy of a classifier fitted on such data, where nothing else is measured."""
        if code.imbalance.is_handled or code.imbalance.aware_metric:
            return
        reported = set()
        for score, estimator, target in _scores(code):
            if id(score) in reported or not code.imbalance.is_accuracy(score, estimator.name):
                continue
            shown = code.imbalance.shown_by_target(target)
            if shown is not None:
                reported.add(id(score))
                message = (
                    f"{shown}, and `{code.short_text(score, 24)}` is accuracy: finding no rare row scores"
                    " as well, report recall"
                )
                yield self.finding(code, score, message)


def _scores(code: Code) -> Iterator[tuple[cst.Call, Estimator, Data]]:
    """Yield each score of a model, on a part of the data or in cross-validation, with the target it has learnt."""
    for evaluation in code.flow.data.evaluations:
        fit = evaluation.fit
        if evaluation.scored and fit is not None and fit.target is not None:
            yield evaluation.node, fit.estimator, fit.target
    yield from code.flow.data.folded
