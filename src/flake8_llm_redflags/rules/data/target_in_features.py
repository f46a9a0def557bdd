"""LRF314: the target column is still among the features."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code
    from ...code.flow.data import Data


class TargetInFeatures(Rule):
    """A model that is handed the answer as a column looks perfect, and fails on the first row without it."""

    code = "LRF314"
    name = "target-in-features"
    severity = Severity.ERROR
    trigger = Trigger(words=(("fit", "train_test_split"),), pattern=r"read_\w+\(")

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each fit, or split that no fit follows, whose features hold the target column."""
        flow = code.flow.data
        reported = set()
        for training in flow.trainings:
            estimator, target = training.estimator, training.target
            if estimator.category == "models" and target is not None and id(training.node) not in reported:
                column = _target_inside(training.features, target)
                if column is not None:
                    reported.add(id(training.node))
                    yield self.finding(code, training.node, _message(column))
        if flow.trainings or any(fit.estimator.inside for fit in flow.fits):
            return
        for node, features, target in flow.split_targets:
            column = _target_inside(features, target)
            if column is not None and id(node) not in reported:
                reported.add(id(node))
                yield self.finding(code, node, _message(column))


def _target_inside(features: Data, target: Data) -> str | None:
    """Return the target's column where the features are the whole table, or hold it by name."""
    table, column = features.table, target.column
    if table is None or target.table is None or column is None or table.source is not target.table.source:
        return None
    alone = table.chosen is not None and len(table.chosen) == 1
    return column if table.has(column) and not alone else None


def _message(column: str) -> str:
    return f"the target `{column}` is still a column of the features: the model is handed the answer, drop it from X"
