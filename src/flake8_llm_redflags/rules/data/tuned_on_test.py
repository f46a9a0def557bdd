"""LRF313: a parameter, a threshold or a model is chosen by its score on the test part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule, Trigger
from .triggers import FITS
from .triggers import VALIDATION as _VALIDATION

if TYPE_CHECKING:
    from ...code import Code
    from ...code.flow.data import Choice


class TunedOnTest(Rule):
    """Whoever picks the best of many by the test part has no test part left."""

    code = "LRF313"
    name = "tuned-on-test"
    severity = Severity.WARNING
    trigger = Trigger(
        words=(("train_test_split", "ShuffleSplit", "StratifiedShuffleSplit", "load_dataset"),), pattern=FITS
    )

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding at the score that takes part in each choice."""
        reported = set()
        for choice in code.flow.data.choices:
            if not self._is_on_the_test(code, choice):
                continue
            score = max((evaluation.node for evaluation in choice.scores), key=code.tree.start)
            if id(score) in reported or any(
                _VALIDATION.search(name.value) for name in code.tree.within(score, cst.Name)
            ):
                continue
            reported.add(id(score))
            message = (
                f"`{code.short_text(score, 40)}` is a test score that picks the best on line {code.line(choice.node)}:"
                " choose on a validation part, test once"
            )
            yield self.finding(code, score, message)

    @staticmethod
    def _is_on_the_test(code: Code, choice: Choice) -> bool:
        """Are all scores on the last test part, and are they of several models or of several turns of a loop?"""
        flow = code.flow.data
        several = len({id(evaluation.node) for evaluation in choice.scores}) > 1
        if not several and not all(evaluation.in_loop for evaluation in choice.scores):
            return False
        return all(
            evaluation.features.rows and all(flow.is_last_test(rows) for rows in evaluation.features.rows)
            for evaluation in choice.scores
        )
