"""What is known of a value of data science code, and what such code is seen to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import libcst as cst

from ..tree import Node
from .api import Category
from .rows import Mark, Rows, Split, Statistic, StatisticKind, covers
from .store import Thing

NONE: frozenset[Rows] = frozenset()
NO_MARKS: frozenset[Mark] = frozenset()

Shape = Literal[
    "table",
    "row",  # one row of a table: what is averaged in it is no statistic over rows
    "window",  # the rows before each row
    "column",
    "grouped",
    "grouped column",
    "mask",
    "index",  # the numbers of rows
    "others",  # all numbers but these
    "place",  # the number of one row
    "count",
    "number",
    "parts",
    "object",
]
SinkKind = Literal["split", "cross-validation", "evaluation"]

_KINDS: dict[str, StatisticKind] = {
    "supervised": "supervised",
    "unsupervised": "transformer",
    "clusterers": "transformer",
    "encoders": "encoder",
    "labels": "encoder",
}


@dataclass(frozen=True, slots=True, eq=False)
class Estimator:
    """An object that is fitted: what it is, its class or name, the call that made it and the estimators inside."""

    category: Category
    name: str
    node: Node | None
    qualified: str | None = None
    inside: tuple[Estimator, ...] = ()

    @property
    def statistic(self) -> StatisticKind | None:
        """What a fit of this object computes for those that later transform with it."""
        if self.category in ("pipelines", "transformers"):
            kinds = {part.statistic for part in self.inside}
            ranked: tuple[StatisticKind, ...] = ("supervised", "transformer", "encoder")
            return next((kind for kind in ranked if kind in kinds), None)
        return _KINDS.get(self.category)

    @property
    def trains(self) -> bool:
        """Is this, or its last step, a model that predicts?"""
        if self.category == "pipelines":
            return not self.inside or self.inside[-1].trains
        return self.category in ("models", "searchers") or self.name in (
            "LinearDiscriminantAnalysis",
            "PLSRegression",
            "RFE",
            "RFECV",
        )


@dataclass(slots=True, eq=False)
class Data:
    """What is known of a value. Never changed in place: things get another ``Data``.

    ``rows``: whose rows it holds, one entry for each row (none for a number). ``marks``: the statistics inside.
    ``column``: its name where it is one column. ``each``: what a loop takes out. ``estimator``, ``fitted``: for objects
    that are fitted. ``prediction``: which model made it, as it was fitted then. ``score``: the evaluation that it
    comes from. ``table``: the columns, where they are all known. ``form``: the table that its rows were last built
    into; those picked from one table have the same, so only they can be copies of one another. ``keys``: the columns
    by which it is grouped.
    """

    rows: frozenset[Rows] = NONE
    marks: frozenset[Mark] = NO_MARKS
    shape: Shape = "object"
    column: str | None = None
    each: Thing[Data] | None = None
    estimator: Estimator | None = None
    fitted: Fit | None = None
    prediction: Prediction | None = None
    score: Evaluation | None = None
    table: Columns | None = None
    form: object = field(default_factory=object)
    keys: frozenset[str] = frozenset()

    @property
    def is_data(self) -> bool:
        """Does the value hold rows, or something computed from them?"""
        return bool(self.rows or self.marks) and self.shape not in ("count", "index", "others", "place")

    def holds(self, rows: Rows) -> bool:
        """Are all of the rows among those of this value?"""
        return covers(self.rows, rows)

    def statistics(self) -> set[Statistic]:
        """Return the statistics inside."""
        return {statistic for statistic, _ in self.marks}

    def in_order(self) -> list[Statistic]:
        """Return the statistics inside in the order of the run, the same in every run."""
        return sorted(self.statistics(), key=lambda statistic: (statistic.number, statistic.column or ""))


NOTHING = Data()


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """What an object was fitted on: the features and the target, as they were then."""

    node: cst.Call
    estimator: Estimator
    features: Data
    target: Data | None
    statistic: Statistic | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """Whose output a value is: the model object and what it was fitted on at that time."""

    model: Thing[Data]
    fit: Fit | None
    features: Data


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The columns of a table: those of the ``source`` rows as read, or only ``chosen``, less ``dropped``."""

    source: Rows
    chosen: frozenset[str] | None = None
    dropped: frozenset[str] = frozenset()

    def has(self, name: str) -> bool:
        """Is the column in the table?"""
        return name not in self.dropped and (self.chosen is None or name in self.chosen)


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """A model is fitted."""

    node: cst.Call
    model: Thing[Data]
    estimator: Estimator
    features: Data
    target: Data | None


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A model predicts (``scored`` False), or its predictions are compared with the truth."""

    node: cst.Call
    model: Thing[Data]
    features: Data
    scored: bool
    fit: Fit | None
    in_loop: bool = False
    #: Whether it is certain that the model was fitted on these very features.
    on_fitted: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Scores are compared, or the best of several is taken, at ``node``."""

    node: Node
    scores: tuple[Evaluation, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """A fit is watched on data that picks its epoch, round or checkpoint: ``signal`` says by what."""

    node: Node
    model: Thing[Data]
    features: Data
    signal: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Leak:
    """A statistic that saw rows which later were to be unseen; ``sink`` is the split or evaluation that shows it."""

    statistic: Statistic
    sink: Node
    kind: SinkKind
    #: Whether it goes through tables that were joined for the statistic and cut apart again.
    across_tables: bool = False


@dataclass(slots=True)
class Seen:
    """What the run has come across."""

    trainings: list[Training] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    fits: list[Fit] = field(default_factory=list)
    splits: list[Split] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    watches: list[Watch] = field(default_factory=list)
    targets: list[tuple[cst.Call, Data, Data]] = field(default_factory=list)
    cross_validations: list[cst.Call] = field(default_factory=list)
    #: What each of them scores, where both are in view: the estimator and the target.
    folded: list[tuple[cst.Call, Estimator, Data]] = field(default_factory=list)
