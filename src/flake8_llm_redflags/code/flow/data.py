"""The data science reading of a file: whose rows went into what, and what was trained and scored on which part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from .facts import Data, Evaluation, Fit, Leak, SinkKind, Training
from .learning import Learning
from .rows import Rows, Statistic, StatisticKind, covers, origins_of
from .store import Thing

if TYPE_CHECKING:
    from ..program import Code

__all__ = ["Data", "DataFlow", "Evaluation", "Fit", "Leak", "Training"]


class DataFlow:
    """The result of the abstract run: trainings, evaluations, fits and leaks, in the order of the run."""

    def __init__(self, code: Code) -> None:
        run = Learning(code)
        run.run()
        self.trainings = run.seen.trainings
        self.evaluations = run.seen.evaluations
        self.fits = run.seen.fits
        self.splits = run.seen.splits
        self.choices = run.seen.choices
        self.watches = run.seen.watches
        self.split_targets = run.seen.targets
        self.cross_validations = run.seen.cross_validations
        self.folded = run.seen.folded
        self.leaks = run.leaks()
        self._origins: dict[int, set[Rows]] = {}  # of the tables that each fit has seen

    def leaks_of(
        self, kind: StatisticKind, *, sinks: Sequence[SinkKind] = ("split", "evaluation", "cross-validation")
    ) -> Iterator[Leak]:
        """Yield the leaks of one kind of statistic, those through joined tables and target means aside."""
        for leak in self.leaks:
            statistic = leak.statistic
            apart = leak.across_tables or self.is_target_mean(statistic)
            is_of_kind = kind == ("transformer" if self.fills_a_feature(statistic) else statistic.kind)
            if is_of_kind and leak.kind in sinks and (not apart or kind == "resampling"):
                yield leak

    def is_target_mean(self, statistic: Statistic) -> bool:
        """Is it a statistic of the target for each group?"""
        return statistic.grouped and statistic.column in self.target_columns

    def fills_a_feature(self, statistic: Statistic) -> bool:
        """Does a model predict a column that other models are given, as an imputer does?"""
        if statistic.learnt is None:
            return False
        if statistic.fills:
            return True
        others = [one.target for one in self.trainings if one.node is not statistic.node and one.target is not None]
        if any(target.column == statistic.learnt for target in others):
            return False
        return any(target.column is not None for target in others)

    @cached_property
    def target_columns(self) -> frozenset[str]:
        """The names of the columns that are predicted somewhere in the file."""
        targets = [training.target for training in self.trainings] + [target for _, _, target in self.split_targets]
        return frozenset(target.column for target in targets if target is not None and target.column is not None)

    def is_last_test(self, rows: Rows, model: Thing[Data] | None = None) -> bool:
        """Were the rows put aside by a split, not out of a training part, and does nothing else judge the model(s)?"""
        part = next((one for one in rows.line() if one.part == "test"), None)
        if part is None or any(one.part == "train" for one in part.parents[0].line()):
            return False
        whole = frozenset(part.parents)
        origins = origins_of(whole)
        return all(
            covers(whole, other)
            for evaluation in self.evaluations
            if (evaluation.model is model if model is not None else self._learns_from(evaluation, origins))
            for other in evaluation.features.rows
        )

    def _learns_from(self, evaluation: Evaluation, origins: set[Rows]) -> bool:
        """May the judged model have learnt from one of these tables? A file can hold several data sets."""
        fit = evaluation.fit
        if fit is None or not fit.features.rows:
            return True
        if id(fit) not in self._origins:
            self._origins[id(fit)] = origins_of(fit.features.rows)
        return not origins.isdisjoint(self._origins[id(fit)])
