"""LRF333: accuracy is the only metric on data that the code itself shows to be imbalanced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule, Trigger
from .triggers import may_show_imbalance

if TYPE_CHECKING:
    from ...code import Code


class AccuracyOnImbalance(Rule):
    """Where one row in a hundred counts, always saying no is 99 % accurate."""

    code = "LRF333"
    name = "accuracy-on-imbalance"
    severity = Severity.WARNING
    trigger = Trigger(words=(("fit",), ("score", "accuracy_score", "evaluate")), test=may_show_imbalance)

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each accuracy of a classifier fitted on such data, where nothing else is measured."""
        if code.imbalance.is_handled or code.imbalance.aware_metric:
            return
        reported = set()
        for evaluation in code.flow.data.evaluations:
            fit = evaluation.fit
            if not evaluation.scored or fit is None or fit.target is None or id(evaluation.node) in reported:
                continue
            if not code.imbalance.is_accuracy(evaluation.node, fit.estimator.name):
                continue
            shown = next((s for rows in fit.target.rows if (s := code.imbalance.shown_by_data(rows)) is not None), None)
            if shown is not None:
                reported.add(id(evaluation.node))
                message = (
                    f"{shown}, and `{code.short_text(evaluation.node, 24)}` is accuracy: finding no rare row scores"
                    " as well, report recall"
                )
                yield self.finding(code, evaluation.node, message)
