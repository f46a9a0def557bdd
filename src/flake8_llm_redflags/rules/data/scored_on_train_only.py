"""LRF311: the only score in the file is on the training rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule, Trigger
from .triggers import FITS

if TYPE_CHECKING:
    from ...code import Code


class ScoredOnTrainOnly(Rule):
    """A forest that has seen its rows knows them by heart; nothing here says how it does on others."""

    code = "LRF311"
    name = "scored-on-train-only"
    severity = Severity.WARNING
    trigger = Trigger(words=(("score", "predict", "evaluate"),), pattern=FITS)

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for the first score of each model, where no score anywhere is on other rows."""
        flow = code.flow.data
        if (
            flow.cross_validations
            or flow.watches
            or any(split.kind in ("random", "folds", "named") for split in flow.splits)
        ):
            return
        scored = [evaluation for evaluation in flow.evaluations if evaluation.scored]
        if any(not evaluation.on_fitted for evaluation in flow.evaluations):
            return
        reported = set()
        for evaluation in scored:
            assert evaluation.fit is not None
            if evaluation.fit.estimator.category != "models" or id(evaluation.fit.node) in reported:
                continue
            if _is_in_test(code, evaluation.node):
                continue
            reported.add(id(evaluation.fit.node))
            message = (
                f"`{code.short_text(evaluation.node, 40)}` scores the rows of the fit on line"
                f" {code.line(evaluation.fit.node)}, and nothing scores others: hold a test part back"
            )
            yield self.finding(code, evaluation.node, message)


def _is_in_test(code: Code, node: cst.CSTNode) -> bool:
    """Does the score stand in a unit test, where it checks that the code runs?"""
    function = code.context.function(node)
    return isinstance(function, cst.FunctionDef) and function.name.value.startswith("test")
