"""The data science reading of a file: whose rows went into what, and what was trained and scored on which part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import libcst as cst

from ..names import dotted
from ..tree import Node, children
from . import api
from .api import Category
from .interpreter import Argument, Interpreter, Key, Range
from .rows import Mark, Rows, Split, Statistic, StatisticKind, covers, joined, with_parents
from .store import Thing

if TYPE_CHECKING:
    from ..program import Code

NONE: frozenset[Rows] = frozenset()
NO_MARKS: frozenset[Mark] = frozenset()
#: A value remembers at most so many statistics: one finding for each of the first is enough.
_MARKS = 64

Shape = Literal["table", "column", "grouped", "grouped column", "mask", "index", "count", "number", "parts", "object"]


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


_KINDS: dict[str, StatisticKind] = {
    "supervised": "supervised",
    "unsupervised": "transformer",
    "clusterers": "transformer",
    "encoders": "encoder",
    "labels": "encoder",
}


@dataclass(slots=True, eq=False)
class Data:
    """What is known of a value. Never changed in place: things get another ``Data``.

    ``rows``: whose rows it holds, one entry for each row (none for a number). ``marks``: the statistics inside.
    ``column``: its name where it is one column. ``each``: what a loop takes out. ``estimator``, ``fitted``: for objects
    that are fitted. ``prediction``: which model made it, as it was fitted then. ``score``: the evaluation that it
    comes from. ``table``: the columns, where they are all known.
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

    @property
    def is_data(self) -> bool:
        """Does the value hold rows, or something computed from them?"""
        return bool(self.rows or self.marks) and self.shape not in ("count", "index")

    def holds(self, rows: Rows) -> bool:
        """Are all of the rows among those of this value?"""
        return covers(self.rows, rows)

    def statistics(self) -> Iterator[Statistic]:
        """Yield the statistics inside, each once."""
        yield from dict.fromkeys(statistic for statistic, _ in self.marks)


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


SinkKind = Literal["split", "cross-validation", "evaluation"]


@dataclass(frozen=True, slots=True, eq=False)
class Leak:
    """A statistic that saw rows which later were to be unseen; ``sink`` is the split or evaluation that shows it."""

    statistic: Statistic
    sink: Node
    kind: SinkKind
    #: Whether it goes through tables that were joined for the statistic and cut apart again.
    across_tables: bool = False


@dataclass(slots=True)
class _Seen:
    """What the run has come across."""

    trainings: list[Training] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    fits: list[Fit] = field(default_factory=list)
    splits: list[Split] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    watches: list[Watch] = field(default_factory=list)
    targets: list[tuple[cst.Call, Data, Data]] = field(default_factory=list)
    cross_validations: list[cst.Call] = field(default_factory=list)


class DataFlow:
    """The result of the abstract run: trainings, evaluations, fits and leaks, in the order of the run."""

    def __init__(self, code: Code) -> None:
        run = _Run(code)
        run.run()
        self.trainings = run.seen.trainings
        self.evaluations = run.seen.evaluations
        self.fits = run.seen.fits
        self.splits = run.seen.splits
        self.choices = run.seen.choices
        self.watches = run.seen.watches
        self.split_targets = run.seen.targets
        self.cross_validations = run.seen.cross_validations
        self.leaks = run.leaks()

    def leaks_of(
        self, kind: StatisticKind, *, sinks: Sequence[SinkKind] = ("split", "evaluation", "cross-validation")
    ) -> Iterator[Leak]:
        """Yield the leaks of one kind of statistic, those through joined tables and target means aside."""
        for leak in self.leaks:
            statistic = leak.statistic
            apart = leak.across_tables or self.is_target_mean(statistic)
            if statistic.kind == kind and leak.kind in sinks and (not apart or kind == "resampling"):
                yield leak

    def is_target_mean(self, statistic: Statistic) -> bool:
        """Is it a statistic of the target for each group?"""
        return statistic.grouped and statistic.column in self.target_columns

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
        return all(
            covers(whole, other)
            for evaluation in self.evaluations
            if model is None or evaluation.model is model
            for other in evaluation.features.rows
        )


class _Run(Interpreter[Data]):
    """Runs a file over ``Data``."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.seen = _Seen()
        self._origins: dict[tuple[int, int], Rows] = {}
        self._splits: dict[object, Split] = {}
        self._candidates: dict[tuple[int, int], tuple[Statistic, Split, Rows]] = {}
        self._confirmed: dict[tuple[int, int], Leak] = {}
        self._settled: set[int] = set()  # splits whose parts have reached a model
        self._unused: dict[int, tuple[Thing[Data], list[Statistic]]] = {}  # fits that nothing has used yet
        self._whole: dict[Split, list[Rows]] = {}  # what each split divided
        self._searched: dict[int, tuple[cst.Call, Data]] = {}  # searches whose own score is the only one so far

    # ---- states

    def nothing(self) -> Data:
        return NOTHING

    def join_states(self, one: Data, other: Data) -> Data:
        if one is other or other is NOTHING:
            return one
        if one is NOTHING:
            return other
        return Data(
            one.rows | other.rows,
            _bounded(one.marks | other.marks),
            one.shape if one.shape == other.shape else "object",
            one.column if one.column == other.column else None,
            one.each or other.each,
            one.estimator or other.estimator,
            one.fitted or other.fitted,
            one.prediction or other.prediction,
            one.score or other.score,
            one.table if one.table is other.table else None,
        )

    def unknown(self, node: Node) -> Thing[Data]:
        if isinstance(node, (cst.Name, cst.Attribute)) and self.code.qualified_name(node) is not None:
            return Thing(NOTHING)
        return Thing(Data(self._origin(node), shape="object"))

    def _origin(self, node: Node) -> frozenset[Rows]:
        key = (self.context, id(node))
        if key not in self._origins:
            self._origins[key] = Rows(node)
        return frozenset((self._origins[key],))

    def _split_at(
        self, node: Node, kind: Literal["random", "folds", "named", "pieces"], *, ordered: bool = False
    ) -> Split:
        key = (self.context, id(node))
        if key not in self._splits:
            self._splits[key] = Split(node, kind, ordered)
            self.seen.splits.append(self._splits[key])
        return self._splits[key]

    # ---- expressions

    def combined(self, node: Node, parts: Sequence[Thing[Data]]) -> Thing[Data]:
        if isinstance(node, cst.FormattedString):
            return Thing(NOTHING)
        scored = [part for part in parts if part.state.score is not None]
        if scored:
            if isinstance(node, cst.Comparison) and len(scored) > 1:
                self._choose(node, scored)
            return Thing(Data(score=scored[0].state.score))
        states = [part.state for part in parts if part.state.is_data]
        if not states:
            return Thing(NOTHING)
        result = self._blend(states)
        if (
            isinstance(node, cst.Comparison)
            or (isinstance(node, cst.UnaryOperation) and states[0].shape == "mask")
            or (isinstance(node, cst.BinaryOperation) and all(state.shape == "mask" for state in states))
        ):
            result.shape = "mask"
        if isinstance(node, (cst.Tuple, cst.List, cst.Dict, cst.ListComp, cst.GeneratorExp, cst.Set)):
            result.column = None
        return Thing(result)

    @staticmethod
    def _blend(states: Sequence[Data]) -> Data:
        """Return a value that all of these flow into."""
        rows, marks = states[0].rows, states[0].marks
        for state in states[1:]:
            if state.rows is not rows:
                rows = rows | state.rows
            if state.marks is not marks:
                marks = marks | state.marks
        first = next((state for state in states if state.rows), states[0])
        return Data(rows, _bounded(marks), first.shape, first.column, prediction=first.prediction)

    def attribute(self, node: cst.Attribute, owner: Thing[Data]) -> Thing[Data]:
        name, state = node.attr.value, owner.state
        if name in api.names("pandas", "locators"):
            return owner
        if state.estimator is not None:
            return self._estimator_attribute(name, owner)
        if name == "shape":
            return Thing(Data(state.rows, shape="count"))
        if name == "index":
            return Thing(Data(state.rows, shape="index") if state.rows else state)
        if name in api.names("pandas", "views"):
            return owner
        if not state.is_data or name in api.names("pandas", "not_data") or name.startswith("_"):
            return Thing(NOTHING)
        return Thing(self._column(state, name))

    def _estimator_attribute(self, name: str, owner: Thing[Data]) -> Thing[Data]:
        state = owner.state
        if name in api.names("transformer_methods", "per_row") and state.fitted is not None:
            self._use(owner)
            return Thing(self._transformed(owner, state.fitted.features))
        if name == "best_estimator_":
            return owner
        self._use(owner)
        if (
            name in api.names("models", "importances")
            and state.fitted is not None
            and state.fitted.statistic is not None
        ):
            return Thing(Data(marks=frozenset({(state.fitted.statistic, None)}), shape="number"))
        return Thing(NOTHING)

    def _column(self, state: Data, name: str) -> Data:
        """Return one column: of the statistics in the table, those that stand in it."""
        marks = frozenset(mark for mark in state.marks if mark[1] is None or mark[1] == name)
        table = None if state.table is None else Columns(state.table.source, frozenset((name,)))
        return Data(state.rows, marks, "grouped column" if state.shape == "grouped" else "column", name, table=table)

    def element(self, node: Node, owner: Thing[Data], position: int | None) -> Thing[Data]:
        state = owner.state
        if position is None:
            if state.each is not None:
                return state.each
            if isinstance(node, cst.Name) and state.shape == "table":
                return Thing(NOTHING)  # a loop over a table yields its column names
            if state.shape in ("table", "column", "index", "count", "mask"):
                return Thing(NOTHING)
            return Thing(replace(state, each=None))
        if state.shape == "parts" and state.rows:
            split = self._split_at(node, "pieces")
            return Thing(replace(state, rows=self._cut(state.rows, split, position), shape="object"))
        return Thing(replace(state, each=None) if state is not NOTHING else NOTHING)

    def _cut(self, rows: Iterable[Rows], split: Split, part: object) -> frozenset[Rows]:
        rows = tuple(rows)
        known = self._whole.setdefault(split, [])
        known.extend(one for one in rows if one not in known)
        return frozenset(one.cut(split, part) for one in rows)

    # ---- subscripts

    def item(self, node: cst.Subscript, owner: Thing[Data], keys: Sequence[Key[Data]]) -> Thing[Data]:
        state = owner.state
        if not state.is_data:
            chosen = _chosen_by(keys)
            if chosen:
                return Thing(Data(marks=chosen, shape="number"))
            return Thing(state) if state.shape in ("count", "index") else Thing(NOTHING)
        chosen = _chosen_by(keys if len(keys) == 1 else keys[1:])
        if chosen:
            state = replace(state, marks=_bounded(state.marks | chosen))
        if isinstance(node.value, cst.Attribute) and node.value.attr.value in api.names("pandas", "locators"):
            rows_key, column_key = keys[0], keys[1] if len(keys) > 1 else None
            by_label = node.value.attr.value not in ("iloc", "iat")
            part = node.slice[0].slice
            selected = self._select_rows(state, rows_key, part)
            if column_key is None:
                return Thing(selected)
            return Thing(self._select_columns(selected, column_key) if by_label else replace(selected, table=None))
        if len(keys) > 1:
            return Thing(replace(self._select_rows(state, keys[0], node.slice[0].slice), table=None))
        key = keys[0]
        if isinstance(key, Thing):
            if state.shape == "parts" and isinstance(key.constant, str):
                return Thing(self._named_part(state, key.constant, node))
            if _column_names(key) is not None:
                return Thing(self._select_columns(state, key))
            if not key.state.is_data and key.state.shape != "index":
                return Thing(replace(state, column=None, each=None, table=None))
        return Thing(self._select_rows(state, key, node.slice[0].slice))

    def _named_part(self, state: Data, name: str, node: Node) -> Data:
        split = self._splits.setdefault(("named", *sorted(id(rows) for rows in state.rows)), Split(node, "named"))
        part = "test" if "test" in name else "train" if name == "train" else name
        return Data(self._cut(state.rows, split, part), state.marks, "table")

    def _select_columns(self, state: Data, key: Key[Data]) -> Data:
        names = _column_names(key) if isinstance(key, Thing) else None
        if names is None:
            return replace(state, column=None, table=None)
        if isinstance(key, Thing) and isinstance(key.constant, str):
            return self._column(state, key.constant)
        marks = frozenset(mark for mark in state.marks if mark[1] is None or mark[1] in names)
        table = None if state.table is None else Columns(state.table.source, frozenset(names))
        shape: Shape = "grouped" if state.shape == "grouped" else "table"
        return replace(state, marks=marks, column=None, shape=shape, table=table)

    def _select_rows(self, state: Data, key: Key[Data], part: cst.BaseSlice) -> Data:
        """Return the rows that a slice, a condition or an index picks; no statistic of a condition is a feature."""
        if isinstance(key, Range):
            return self._slice(state, key, part)
        index = key.state
        if index.shape == "index" and index.rows:
            return replace(state, rows=self._picked(state.rows, index.rows))
        if index.is_data:
            assert isinstance(part, cst.Index)
            side, condition = _condition(part.value)
            split = self._named_split("mask", fingerprint(condition), part.value)
            table = state.table if index.shape == "mask" else None  # anything else may be a list of columns
            return replace(state, rows=self._cut(state.rows, split, side), table=table)
        return state

    def _slice(self, state: Data, bounds: Range[Data], part: cst.BaseSlice) -> Data:
        lower, upper = bounds.lower, bounds.upper
        if (lower is None) == (upper is None):
            if lower is None:
                return state
            split = self._named_split("cut", fingerprint(part), part)
            return replace(state, rows=self._cut(state.rows, split, "piece"))
        bound = upper if lower is None else lower
        assert bound is not None
        assert isinstance(part, cst.Slice)
        if bound.state.shape == "count" and bound.state.rows:
            found = _joined_back(state.rows, bound.state.rows, is_head=lower is None)
            if found is not None:
                return replace(state, rows=found)
        node = part.upper if lower is None else part.lower
        assert node is not None
        split = self._named_split("cut", fingerprint(node), node)
        return replace(state, rows=self._cut(state.rows, split, "head" if lower is None else "tail"))

    def _named_split(self, kind: Literal["cut", "mask"], name: object, node: Node) -> Split:
        return self._splits.setdefault((kind, name), Split(node, kind, ordered=kind == "cut"))

    def _picked(self, rows: frozenset[Rows], chosen: frozenset[Rows]) -> frozenset[Rows]:
        """Return the parts of ``rows`` that an index holds, which may come from another table of the same length."""
        found: set[Rows] = set()
        for one in rows:
            own = [other for other in chosen if one in other.line()]
            if own:
                found.update(own)
                continue
            splits = [other for other in chosen if other.split is not None]
            for other in splits:
                assert other.split is not None
                found |= self._cut((one,), other.split, other.part)
            if not splits:
                found.add(one)
        return frozenset(found)

    def store_item(
        self, node: cst.Subscript, owner: Thing[Data], keys: Sequence[Key[Data]], value: Thing[Data]
    ) -> None:
        state = owner.state
        if state.shape in ("count", "index") or state.estimator is not None:
            return
        if value.state.score is not None:
            self.store.write(owner, replace(state, score=value.state.score))
        located = isinstance(node.value, cst.Attribute) and node.value.attr.value in api.names("pandas", "locators")
        target = keys[-1] if located and len(keys) > 1 else keys[0]
        names = _column_names(target) if isinstance(target, Thing) else None
        everywhere = isinstance(keys[0], Range) and keys[0].lower is None and keys[0].upper is None
        whole = everywhere or (names is not None and not located)
        self._write_columns(owner, names, value.state, whole=whole)

    def delete_item(self, node: cst.Subscript, owner: Thing[Data], keys: Sequence[Key[Data]]) -> None:
        names = _column_names(keys[0])
        if names is not None and owner.state.is_data:
            self.store.write(owner, _without(owner.state, names))

    def store_attribute(self, node: cst.Attribute, owner: Thing[Data], value: Thing[Data]) -> None:
        if (
            owner.state.is_data
            and owner.state.estimator is None
            and node.attr.value not in ("columns", "index", "name", "shape")
        ):
            self._write_columns(owner, (node.attr.value,), value.state, whole=True)

    def _write_columns(self, owner: Thing[Data], names: Sequence[str] | None, value: Data, *, whole: bool) -> None:
        """Put a value into columns of a table: what stood in them is gone where they are written from top to bottom."""
        state = owner.state
        kept = state.marks
        if whole and names is not None and kept:
            kept = frozenset(mark for mark in kept if mark[1] is None or mark[1] not in names)
        incoming = value.marks if value.shape not in ("count", "index") else NO_MARKS
        column = names[0] if names is not None and len(names) == 1 else None
        if column is not None:
            added = frozenset((statistic, column) for statistic, _ in incoming)
        elif names is not None and value.shape != "table":
            added = frozenset((statistic, name) for statistic, _ in incoming for name in names)
        else:
            added = incoming
        rows = state.rows or (value.rows if value.is_data else NONE)
        if not state.rows and names is None and not whole:  # `out[fold] = …` fills an empty array part by part
            rows = frozenset(whole for one in rows for whole in one.parents or (one,))
        if kept is not state.marks or added or rows is not state.rows:
            self.store.write(owner, replace(state, rows=rows, marks=_bounded(kept | added)))

    # ---- calls

    def call(self, node: cst.Call, receiver: Thing[Data] | None, arguments: Sequence[Argument[Data]]) -> Thing[Data]:
        function = node.func
        name = function.attr.value if isinstance(function, cst.Attribute) else getattr(function, "value", "")
        qualified = self._qualified(function)
        if isinstance(function, cst.Attribute) and qualified is None and receiver is not None:
            return self._method(node, name, receiver, arguments)
        if isinstance(function, (cst.Name, cst.Attribute)) and isinstance(name, str):
            if qualified is None and receiver is not None and receiver.state.estimator is not None:
                return self._unknown_call(node, arguments)  # `model(x)`
            return self._function(node, name, qualified, arguments)
        return self._unknown_call(node, arguments)

    def _qualified(self, function: Node) -> str | None:
        qualified = self.code.qualified_name(function)
        if qualified is None and isinstance(function, cst.Attribute):
            root: Node = function.value
            path = [function.attr.value]
            while isinstance(root, cst.Attribute):
                path.append(root.attr.value)
                root = root.value
            if (
                isinstance(root, cst.Name)
                and root.value in api.conventional_modules()
                and not self.code.names.bindings(root.value, root)
            ):
                return ".".join([api.conventional_modules()[root.value], *reversed(path)])
        return qualified

    def _unknown_call(self, node: cst.Call, arguments: Sequence[Argument[Data]]) -> Thing[Data]:
        """Return what an unknown function gives: the rows that went in, or rows of its own."""
        states = [
            argument.value.state for argument in arguments if argument.value.state.rows and argument.value.state.is_data
        ]
        if states:
            result = self._blend(states)
            result.shape, result.column, result.prediction = "parts", None, None
            return Thing(result)
        return Thing(Data(self._origin(node), shape="parts"))

    def _function(
        self, node: cst.Call, name: str, qualified: str | None, arguments: Sequence[Argument[Data]]
    ) -> Thing[Data]:
        root = qualified.partition(".")[0] if qualified is not None else ""
        first = arguments[0].value if arguments else None
        if (category := api.category_of(name, qualified)) is not None:
            estimator = self._estimator(category, name, node, qualified, arguments)
            prefit = any(a.keyword == "prefit" and a.value.constant is True for a in arguments)
            return Thing(Data(estimator=estimator, fitted=first.state.fitted if prefit and first is not None else None))
        if api.is_trusted(qualified):
            if name in api.names("splits", "functions"):
                return self._train_test_split(node, arguments)
            if name in api.names("splits", "evaluators"):
                return self._cross_validate(node, arguments)
            if name in api.names("metrics"):
                return self._metric(node, arguments)
            if name == "shuffle" and first is not None:
                return self._passed(arguments)
            if name == "resample" and first is not None and (qualified or "").startswith("sklearn"):
                return self._resample(node, arguments)
        if name in api.names("transformer_functions") and (qualified or "").rpartition(".")[0] in api.names(
            "transformer_functions", "modules"
        ):
            return self._transformer_function(node, name, first)
        if root == "builtins":
            return self._builtin(node, name, arguments)
        if root in ("numpy", "pandas", "scipy"):
            return self._table_function(node, name, root, arguments)
        if name in api.names("trainers", "loaders"):
            return Thing(self._loaded(node, arguments))
        if name in api.names("trainers"):
            return self._trainer(node, name, qualified, arguments)
        if name in api.names("models", "containers") and first is not None and first.state.is_data:
            return Thing(replace(first.state, each=None))
        if (qualified or "") in api.names("models", "functions"):
            return self._boosted(node, name, qualified, arguments)
        if name[:1].isupper() and any(argument.value.state.fitted is not None for argument in arguments):
            return Thing(Data(estimator=Estimator("stateless", name, node, qualified)))  # looks at a fitted model
        if name[:1].isupper() and not any(argument.value.state.is_data for argument in arguments):
            return Thing(Data(estimator=Estimator("models", name, node, qualified, tuple(_estimators(arguments)))))
        return self._unknown_call(node, arguments)

    def _estimator(
        self, category: Category, name: str, node: cst.Call, qualified: str | None, arguments: Sequence[Argument[Data]]
    ) -> Estimator:
        if name.endswith("Imputer") and any(
            a.keyword == "strategy" and a.value.constant == "constant" for a in arguments
        ):
            category = "stateless"
        if name == "SplineTransformer" and any(a.keyword == "knots" and a.value.constant is None for a in arguments):
            category = "stateless"
        return Estimator(category, name, node, qualified, tuple(_estimators(arguments)))

    def _loaded(self, node: cst.Call, arguments: Sequence[Argument[Data]]) -> Data:
        """Return a hub data set: all its splits, or the one that ``split=`` names."""
        rows = self._origin(node)
        wanted = _argument(arguments, 9, "split")
        if wanted is None or not isinstance(wanted.constant, str):
            return Data(rows, shape="parts")
        return self._named_part(Data(rows), wanted.constant, node)

    def _trainer(
        self, node: cst.Call, name: str, qualified: str | None, arguments: Sequence[Argument[Data]]
    ) -> Thing[Data]:
        """Return a Trainer: it is fitted on ``train_dataset`` and watched on ``eval_dataset``."""
        train, watched = _argument(arguments, 99, "train_dataset"), _argument(arguments, 99, "eval_dataset")
        model = Thing(Data(estimator=Estimator("models", name, node, qualified, tuple(_estimators(arguments)))))
        assert model.state.estimator is not None
        if train is not None:
            self._fit(node, model, model.state.estimator, train, None)
        if watched is not None:
            signal = self._selection_signal(model, node, arguments)
            self.seen.watches.append(Watch(node, model, watched.state, signal))
        self.store.write(model, replace(model.state, each=watched))
        return model

    def _boosted(
        self, node: cst.Call, name: str, qualified: str | None, arguments: Sequence[Argument[Data]]
    ) -> Thing[Data]:
        """Return the model that ``xgboost.train(params, data)`` and its kin make."""
        features = _argument(arguments, 1, "train_set") or _argument(arguments, 1, "dtrain") or Thing(NOTHING)
        model = Thing(Data(estimator=Estimator("models", name, node, qualified)))
        assert model.state.estimator is not None
        self._fit(node, model, model.state.estimator, features, None)
        self._validate(node, model, arguments)
        return model

    def _builtin(self, node: cst.Call, name: str, arguments: Sequence[Argument[Data]]) -> Thing[Data]:
        first = arguments[0].value if arguments else Thing(NOTHING)
        if name == "len":
            return Thing(Data(first.state.rows, shape="count"))
        if name == "range":
            counted = next((a.value.state for a in arguments if a.value.state.shape == "count"), None)
            return Thing(Data(counted.rows, shape="index")) if counted is not None else Thing(NOTHING)
        if name == "enumerate":
            pair: Thing[Data] = Thing(NOTHING)
            pair.items = (Thing(NOTHING), self._element_of(node, first))
            return Thing(Data(each=pair))
        if name == "zip":
            pair = Thing(NOTHING)
            pair.items = tuple(self._element_of(node, argument.value) for argument in arguments)
            return Thing(Data(each=pair))
        if name == "next":
            return self._element_of(node, first)
        if name in ("list", "tuple", "sorted", "reversed", "iter"):
            if name == "list" and not arguments:
                first.items, first.is_list = (), True
            return first
        if name == "dict" and not arguments:
            return Thing(NOTHING, fields={})
        if name in ("max", "min", "sorted"):
            candidates = [argument.value for argument in arguments if argument.keyword is None]
            listed = first.items or tuple((first.fields or {}).values()) or (first,)
            self._choose(node, candidates if len(candidates) > 1 else listed)
        if name in ("max", "min", "sum") and first.state.rows and len(arguments) == 1 and first.state.shape != "count":
            return self._statistic_value(node, first.state, name)
        if name == "map" and len(arguments) == 2:
            return Thing(arguments[1].value.state)
        if name in ("float", "int", "round", "abs", "str", "bool"):
            state = first.state
            return (
                Thing(Data(marks=state.marks) if not state.rows else state)
                if state.shape != "count"
                else Thing(NOTHING)
            )
        return Thing(NOTHING)

    def _passed(self, arguments: Sequence[Argument[Data]]) -> Thing[Data]:
        """Return the positional arguments as they came: ``X, y = shuffle(X, y)``."""
        positional = [argument.value for argument in arguments if argument.keyword is None]
        if len(positional) == 1:
            return Thing(positional[0].state)
        result = Thing(self._blend([value.state for value in positional]))
        result.items = tuple(Thing(value.state) for value in positional)
        return result

    # ---- numpy and pandas functions

    def _table_function(self, node: cst.Call, name: str, root: str, arguments: Sequence[Argument[Data]]) -> Thing[Data]:
        first = arguments[0].value if arguments else None
        states = [argument.value.state for argument in arguments if argument.value.state.is_data]
        if name in api.names("numpy", "choices") and first is not None:
            self._choose(node, first.items or (first,))
        if name in api.names("pandas", "readers") and not states:
            if name == "DataFrame" and first is None:
                return Thing(Data(shape="table"))  # its first column brings the rows
            if first is None or not first.fields:
                rows = self._origin(node)
                columns = Columns(next(iter(rows))) if name.startswith("read_") else None
                return Thing(Data(rows, shape="object" if root == "numpy" else "table", table=columns))
        if name in api.names("numpy", "blanks") and first is not None:
            shape = first.items[0].state if first.items else first.state
            return Thing(
                Data(shape.rows, shape="object" if len(first.items or ()) > 1 else "column")
                if shape.shape == "count"
                else NOTHING
            )
        if name in ("arange",) and first is not None and first.state.shape == "count":
            return Thing(Data(first.state.rows, shape="index"))
        if name in ("permutation", "choice") and first is not None and first.state.shape in ("count", "index"):
            return Thing(Data(first.state.rows, shape="index"))
        if not states:
            return (
                Thing(NOTHING)
                if name not in api.names("pandas", "readers")
                else Thing(Data(self._origin(node), shape="table"))
            )
        assert first is not None
        if name in api.names("pandas", "joins"):
            return self._joined_rows(node, name, arguments)
        if root == "pandas" and name in api.names("pandas", "binning_by_rows"):
            bins = _argument(arguments, 1, "bins")
            if name == "cut" and bins is not None and not isinstance(bins.constant, int) and not bins.state.marks:
                return Thing(replace(first.state, shape="column"))
            return self._broadcast(node, first.state, f"{name} of")
        if name in api.names("pandas", "vocabulary"):
            return self._broadcast(node, first.state, name, kind="encoder")
        if root == "numpy" and name in api.names("numpy", "reductions"):
            axis = _argument(arguments, 1, "axis")
            if axis is not None and not _over_rows(axis):
                return Thing(replace(first.state, column=None))
            return self._statistic_value(node, first.state, name)
        if name == "merge":
            return Thing(self._blend(states))
        result = self._blend(states)
        if name not in ("DataFrame", "Series", "array", "asarray"):
            result.prediction = None
        return Thing(result)

    def _joined_rows(self, node: cst.Call, name: str, arguments: Sequence[Argument[Data]]) -> Thing[Data]:
        """Return tables below one another. Rows that come in twice are copies that a later split may part."""
        first = arguments[0].value
        parts = list(first.items) if first.items is not None else None
        if name == "append" and parts is None:
            parts = [argument.value for argument in arguments if argument.keyword is None][:2]
        axis = _argument(arguments, 1, "axis") if name != "append" else None
        columns = name == "hstack" or (axis is not None and not _over_rows(axis))
        if parts is None or columns or len(parts) < 2:
            states = [part.state for part in parts or [first] if part.state.is_data]
            return Thing(replace(self._blend(states), shape="table", column=None) if states else NOTHING)
        return self._stack(node, parts)

    def _stack(self, node: cst.Call, parts: Sequence[Thing[Data]]) -> Thing[Data]:
        states = [part.state for part in parts if part.state.is_data]
        if not states:
            return Thing(NOTHING)
        marks = self._blend(states).marks
        seen: set[Rows] = set()
        doubled = False
        for state in states:
            lines = {rows for one in state.rows for rows in one.line()}
            doubled |= bool(lines & seen) or any(earlier in state.rows for earlier in seen)
            seen |= state.rows
        copied = any(statistic.kind == "resampling" for statistic, _ in marks)
        if doubled and not copied and all(state.shape not in ("parts", "column") for state in states):
            statistic = Statistic(node, "resampling", with_parents(seen), "rows are copied")
            marks |= {(statistic, None)}
        if len(seen) == 1:
            return Thing(Data(frozenset(seen), _bounded(marks), "table"))
        key = (self.context, id(node))
        rows = self._origins.get(key)
        if rows is None or not seen <= set(rows.parents):
            rows = self._origins[key] = joined(node, seen)
        return Thing(Data(frozenset((rows,)), _bounded(marks), "table"))

    # ---- statistics

    def _statistic(self, node: Node, state: Data, kind: StatisticKind, what: str, *, causal: bool = False) -> Statistic:
        grouped = state.shape in ("grouped", "grouped column")
        return Statistic(node, kind, with_parents(state.rows), what, state.column, causal, grouped)

    def _statistic_value(self, node: cst.Call, state: Data, what: str) -> Thing[Data]:
        """Return one number (or one row) computed from many rows."""
        kind: StatisticKind = "supervised" if what in api.names("pandas", "associations") else "statistic"
        statistic = self._statistic(node, state, kind, what)
        return Thing(Data(marks=_bounded(state.marks | {(statistic, None)}), shape="number"))

    def _broadcast(
        self, node: cst.Call, state: Data, what: str, *, kind: StatisticKind = "statistic", causal: bool = False
    ) -> Thing[Data]:
        """Return a value for each row that depends on the other rows."""
        statistic = self._statistic(node, state, kind, what, causal=causal)
        shape: Shape = (
            "column" if state.shape == "grouped column" else "table" if state.shape == "grouped" else state.shape
        )
        return Thing(
            replace(state, marks=_bounded(state.marks | {(statistic, state.column)}), shape=shape, prediction=None)
        )

    def _transformer_function(self, node: cst.Call, name: str, first: Thing[Data] | None) -> Thing[Data]:
        if first is None or not first.state.rows:
            return Thing(NOTHING)
        result = self._broadcast(node, first.state, f"`{name}`", kind="transformer")
        if name in ("boxcox", "yeojohnson"):
            pair: Thing[Data] = Thing(result.state)
            pair.items = (result, Thing(NOTHING))
            return pair
        return result

    # ---- methods

    def _method(
        self, node: cst.Call, name: str, receiver: Thing[Data], arguments: Sequence[Argument[Data]]
    ) -> Thing[Data]:
        estimator = receiver.state.estimator
        if estimator is None and name in api.estimator_methods():
            estimator = self._estimator_by_name(node, name, receiver)
        if estimator is not None:
            result = self._estimator_method(node, name, receiver, estimator, arguments)
            if result is not None:
                return result
        if receiver.state.is_data and estimator is None:
            return self._table_method(node, name, receiver, arguments)
        if receiver.state.shape in ("index", "count") and name in ("tolist", "to_numpy", "to_list", "copy"):
            return Thing(receiver.state)
        return self._unknown_call(node, arguments)

    def _estimator_by_name(self, node: cst.Call, method: str, receiver: Thing[Data]) -> Estimator | None:
        """Return what an object is by its name, where nothing in the file says what it is."""
        assert isinstance(node.func, cst.Attribute)
        value = node.func.value
        name = value.attr.value if isinstance(value, cst.Attribute) else getattr(value, "value", "")
        if not isinstance(name, str) or not isinstance(value, (cst.Name, cst.Attribute)):
            return None
        state = receiver.state
        if state.shape not in ("object", "parts") or state.marks:
            return None
        category = api.category_by_name(name)
        if category is None and method in api.names("models", "train"):
            category = "models"
        if category is None:
            return None
        estimator = Estimator(category, name, None)
        self.store.write(receiver, Data(estimator=estimator))
        return estimator

    def _estimator_method(
        self,
        node: cst.Call,
        name: str,
        receiver: Thing[Data],
        estimator: Estimator,
        arguments: Sequence[Argument[Data]],
    ) -> Thing[Data] | None:
        features = _argument(arguments, 0, "X")
        if estimator.category == "folds":
            return self._folds(node, features, estimator) if name == "split" else Thing(NOTHING)
        if estimator.category in ("row_creating", "row_removing"):
            return self._resampled(node, name, receiver, estimator, arguments)
        if features is None:
            features = next(
                (a.value for a in arguments if a.keyword in api.names("models", "data_keywords")), Thing(NOTHING)
            )
        target = _argument(arguments, 1, "y")
        if estimator.category == "models" and name in ("fit_transform", "transform"):
            return Thing(features.state)  # a class of which nobody knows what it learns
        if name in api.names("transformer_methods", "fit_transform"):
            self._fit(node, receiver, estimator, features, target)
            self._use(receiver)
            return Thing(self._transformed(receiver, features.state))
        if name in api.names("transformer_methods", "fit") or name in api.names("models", "train"):
            self._fit(node, receiver, estimator, features, target)
            self._validate(node, receiver, arguments)
            return receiver
        if name in api.names("models", "predict"):
            return self._predict(node, receiver, features)
        if name in api.names("models", "score"):
            state = features.state
            if not arguments and receiver.state.each is not None:  # `trainer.evaluate()`
                state = receiver.state.each.state
            return Thing(Data(score=self._evaluate(node, receiver, state, scored=True)))
        if name in api.names("transformer_methods", "transform"):
            self._use(receiver)
            return Thing(self._transformed(receiver, features.state))
        if name in ("set_params", "compile", "summary"):
            return receiver if name == "set_params" else Thing(NOTHING)
        return None

    def _fit(
        self,
        node: cst.Call,
        receiver: Thing[Data],
        estimator: Estimator,
        features: Thing[Data],
        target: Thing[Data] | None,
    ) -> None:
        state = features.state
        kind = estimator.statistic
        statistic = None
        if kind is not None and state.rows:
            assert isinstance(node.func, cst.Attribute)
            statistic = self._statistic(node, state, kind, self._name_of(node.func.value, estimator))
            if not estimator.trains and estimator.category != "clusterers":
                self._note_unused(node, receiver, statistic)
        elif estimator.trains and state.rows and isinstance(node.func, cst.Attribute):  # a model can feed features too
            statistic = self._statistic(node, state, "supervised", self._name_of(node.func.value, estimator))
        fit = Fit(node, estimator, state, target.state if target is not None else None, statistic)
        self.store.write(receiver, Data(estimator=estimator, fitted=fit))
        self.seen.fits.append(fit)
        if estimator.category == "searchers":
            self._searched[id(node)] = (node, state)
        if estimator.trains:
            self.seen.trainings.append(Training(node, receiver, estimator, state, fit.target))
            self._trained(node, state)

    def _validate(self, node: cst.Call, receiver: Thing[Data], arguments: Sequence[Argument[Data]]) -> None:
        """Take in the data that a fit is watched on: ``validation_data=``, ``eval_set=``."""
        signal = self._selection_signal(receiver, node, arguments)
        for argument in arguments:
            if argument.keyword in api.names("models", "validation_keywords"):
                value = argument.value
                while value.items and value.items[0].items:  # a list of pairs
                    value = value.items[-1]
                first = value.items[0] if value.items else value
                self.seen.watches.append(Watch(argument.node, receiver, first.state, signal))
                self._evaluate(node, receiver, first.state, scored=False)

    @staticmethod
    def _selection_signal(receiver: Thing[Data], node: cst.Call, arguments: Sequence[Argument[Data]]) -> str | None:
        """Return what makes the watched score pick an epoch, a round or a checkpoint."""
        calls = [node]
        made = receiver.state.estimator.node if receiver.state.estimator is not None else None
        if isinstance(made, cst.Call):
            calls.append(made)
        for one in _estimators(arguments):
            if one.name in api.names("selection", "callbacks"):
                return one.name
            if isinstance(one.node, cst.Call):
                calls.append(one.node)
        for call in calls:
            for arg in call.args:
                off = isinstance(arg.value, cst.Name) and arg.value.value in ("None", "False")
                if arg.keyword is not None and arg.keyword.value in api.names("selection", "keywords") and not off:
                    return arg.keyword.value
        return None

    def _name_of(self, value: Node, estimator: Estimator) -> str:
        if isinstance(value, (cst.Name, cst.Attribute)):
            return f"`{dotted(value)}`"
        return f"`{estimator.name}`"

    def _note_unused(self, node: cst.Call, receiver: Thing[Data], statistic: Statistic) -> None:
        """Remember a fit of which nothing more may be seen: a short script may end right there."""
        if isinstance(node.func, cst.Attribute) and isinstance(node.func.value, (cst.Name, cst.Attribute)):
            self._unused.setdefault(id(receiver), (receiver, []))[1].append(statistic)

    def _use(self, receiver: Thing[Data]) -> None:
        self._unused.pop(id(receiver), None)

    def _transformed(self, receiver: Thing[Data], state: Data) -> Data:
        fit = receiver.state.fitted
        marks = state.marks
        if fit is not None and fit.statistic is not None:
            marks = _bounded(marks | {(fit.statistic, state.column)})
            self._note_transformed(fit.statistic, state.rows)
        shape: Shape = "table" if state.shape in ("grouped", "grouped column") else state.shape
        return Data(state.rows, marks, shape if shape != "parts" else "object", state.column)

    def _note_transformed(self, statistic: Statistic, rows: frozenset[Rows]) -> None:
        for one in rows:
            if (
                one.part in ("train", "test")
                and one.split is not None
                and statistic.leaks_into(one.split, one.parents[0])
            ):
                self._candidates[id(statistic), id(one.split)] = (statistic, one.split, one.parents[0])

    def _predict(self, node: cst.Call, receiver: Thing[Data], features: Thing[Data]) -> Thing[Data]:
        self._evaluate(node, receiver, features.state, scored=False)
        fit = receiver.state.fitted
        marks: frozenset[Mark] = (
            NO_MARKS if fit is None or fit.statistic is None else frozenset({(fit.statistic, None)})
        )
        return Thing(Data(features.state.rows, marks, "column", prediction=Prediction(receiver, fit, features.state)))

    # ---- splits

    def _train_test_split(self, node: cst.Call, arguments: Sequence[Argument[Data]]) -> Thing[Data]:
        arrays = [argument.value for argument in arguments if argument.keyword is None and not argument.star]
        ordered = any(argument.keyword == "shuffle" and argument.value.constant is False for argument in arguments)
        if not arrays or any(argument.star == "*" for argument in arguments):
            return self._unknown_call(node, arguments)
        split = self._split_at(node, "random", ordered=ordered)
        parts: list[Thing[Data]] = []
        for array in arrays:
            for part in ("train", "test"):
                parts.append(Thing(replace(array.state, rows=self._cut(array.state.rows, split, part), each=None)))
        self._divided(split, arrays[0].state)
        if len(arrays) > 1:
            self.seen.targets.append((node, arrays[0].state, arrays[1].state))
        result: Thing[Data] = Thing(NOTHING)
        result.items = tuple(parts)
        return result

    def _folds(self, node: cst.Call, features: Thing[Data] | None, estimator: Estimator) -> Thing[Data]:
        if features is None:
            return Thing(NOTHING)
        split = self._split_at(node, "folds", ordered=estimator.name == "TimeSeriesSplit")
        self._whole.setdefault(split, []).extend(features.state.rows)
        pair: Thing[Data] = Thing(NOTHING)
        pair.items = tuple(
            Thing(Data(self._cut(features.state.rows, split, part), shape="index")) for part in ("train", "test")
        )
        return Thing(Data(each=pair))

    def _divided(self, split: Split, features: Data) -> None:
        """Take in that a split divides features: statistics over all of its rows are candidates for a leak."""
        for statistic in features.statistics():
            whole = next((rows for rows in features.rows if statistic.leaks_into(split, rows)), None)
            if whole is not None:
                self._candidates[id(statistic), id(split)] = (statistic, split, whole)

    def _cross_validate(self, node: cst.Call, arguments: Sequence[Argument[Data]]) -> Thing[Data]:
        features = _argument(arguments, 1, "X")
        self.seen.cross_validations.append(node)
        if features is not None:
            self._cross_validated(node, features.state)
        return Thing(NOTHING)

    def _cross_validated(self, node: cst.Call, features: Data) -> None:
        split = self._split_at(node, "folds")
        for statistic in features.statistics():
            whole = next((rows for rows in features.rows if statistic.leaks_into(split, rows)), None)
            if whole is not None:
                self._confirm(statistic, node, "cross-validation", whole)

    # ---- training and evaluation

    def _trained(self, node: cst.Call, features: Data) -> None:
        for rows in features.rows:
            for part in rows.line():
                split = part.split
                if split is not None and part.part == "train":
                    self._settled.add(id(split))
                    self._confirm_all(features, split, part.parents[0])

    def _evaluate(
        self,
        node: cst.Call,
        model: Thing[Data],
        features: Data,
        *,
        scored: bool,
        fit: Fit | None = None,
        predicted_from: Data | None = None,
    ) -> Evaluation:
        fit = fit or model.state.fitted
        if not scored:
            self._use(model)
        if fit is not None and any(not covers(fit.features.rows, rows) for rows in features.rows):
            self._searched.pop(id(fit.node), None)  # the search only tunes; other rows are there to judge it
        on_fitted = fit is not None and bool(features.rows) and (predicted_from or features) is fit.features
        evaluation = Evaluation(node, model, features, scored, fit, self.loop_depth > 0, on_fitted)
        self.seen.evaluations.append(evaluation)
        for rows in features.rows:
            for part in rows.line():
                split = part.split
                if split is None:
                    continue
                if part.part in ("test", "train"):
                    if part.part == "test":
                        self._settled.add(id(split))
                        self._confirm_all(features, split, part.parents[0])
                        if fit is not None:
                            self._confirm_all(fit.features, split, part.parents[0])
                elif fit is not None and not covers(fit.features.rows, rows):
                    self._confirm_all(features, split, part.parents[0])
        if scored and fit is not None:
            self._confirm_joined(node, features, fit)
        return evaluation

    def _confirm_joined(self, node: cst.Call, features: Data, fit: Fit) -> None:
        """Take in that a model is scored on a table that was joined with its training table for a statistic."""
        for statistic in fit.features.statistics():
            if statistic.saw_joined_rows and any(covers(statistic.rows, rows) for rows in fit.features.rows):
                unseen = [rows for rows in features.rows if not covers(fit.features.rows, rows)]
                if any(covers(statistic.rows, rows) for rows in unseen):
                    self._confirm(statistic, node, "evaluation", across_tables=True)

    def _confirm_all(self, features: Data, split: Split, whole: Rows) -> None:
        for statistic in features.statistics():
            if statistic.leaks_into(split, whole):
                self._confirm(statistic, split.node, "cross-validation" if split.kind == "folds" else "split", whole)

    def _confirm(
        self,
        statistic: Statistic,
        sink: Node,
        kind: SinkKind,
        whole: Rows | None = None,
        *,
        across_tables: bool = False,
    ) -> None:
        """Take in a leak into the parts of ``whole``."""
        if whole is not None and statistic.saw_joined_rows:
            across_tables = not any(one.part == "joined" for one in whole.line())
        key = (id(statistic.node), ("split", "evaluation", "cross-validation").index(kind))
        self._confirmed.setdefault(key, Leak(statistic, sink, kind, across_tables))

    def _metric(self, node: cst.Call, arguments: Sequence[Argument[Data]]) -> Thing[Data]:
        for argument in arguments:
            state = argument.value.state
            if state.prediction is not None:
                made = state.prediction
                score = self._evaluate(
                    node, made.model, Data(state.rows), scored=True, fit=made.fit, predicted_from=made.features
                )
                return Thing(Data(score=score))
        return Thing(NOTHING)

    def _choose(self, node: Node, things: Iterable[Thing[Data]]) -> None:
        """Take in that the best of several scores is picked."""
        scores = tuple(thing.state.score for thing in things if thing.state.score is not None)
        if scores:
            self.seen.choices.append(Choice(node, scores))

    def leaks(self) -> list[Leak]:
        """Return the leaks, one for each statistic; a split tells more than a cross-validation."""
        for node, features in self._searched.values():
            self._cross_validated(node, features)
        for statistic, split, whole in self._candidates.values():
            if id(split) not in self._settled:
                self._confirm(statistic, split.node, "split", whole)
        for statistic in (statistic for _, statistics in self._unused.values() for statistic in statistics):
            for split, wholes in self._whole.items():
                if split.kind == "random" and any(statistic.leaks_into(split, rows) for rows in wholes):
                    self._confirm(statistic, split.node, "split")
        found: dict[int, Leak] = {}
        for (node, _), leak in sorted(self._confirmed.items(), key=lambda entry: entry[0][1]):
            if leak.kind != "cross-validation" or not self._is_judged_elsewhere(leak.statistic):
                found.setdefault(node, leak)
        return sorted(found.values(), key=lambda leak: self.code.tree.start(leak.statistic.node))

    def _is_judged_elsewhere(self, statistic: Statistic) -> bool:
        """Are other parts of the table (``x[60000:]`` where it saw ``x[:60000]``) scored? Then the folds only tune."""
        return any(
            part.split is seen.split and part.part != seen.part
            for seen in statistic.rows
            if seen.split is not None and seen.split.kind in ("cut", "mask", "pieces")
            for evaluation in self.seen.evaluations
            for rows in evaluation.features.rows
            for part in rows.line()
        )

    # ---- methods of tables

    def _table_method(
        self, node: cst.Call, name: str, receiver: Thing[Data], arguments: Sequence[Argument[Data]]
    ) -> Thing[Data]:
        state = receiver.state
        if name == "groupby":
            return Thing(replace(state, shape="grouped", column=None))
        if state.shape in ("grouped", "grouped column"):
            result = self._grouped_method(node, name, state, arguments)
        elif name in api.names("pandas", "reductions"):
            axis = _argument(arguments, 9 if name in api.names("pandas", "argued_reductions") else 0, "axis")
            if axis is not None and not _over_rows(axis):
                return Thing(replace(state, column=None))
            if state.shape == "mask" or name == "sum":
                return Thing(NOTHING)
            result = self._statistic_value(node, state, name)
        elif name in api.names("pandas", "row_wise_statistics"):
            result = self._broadcast(node, state, name, causal=name in ("ffill", "pad"))
        elif name == "fillna":
            result = self._filled(node, state, arguments)
        elif name in ("apply", "applymap", "map", "transform", "pipe", "agg"):
            result = self._applied(node, name, receiver, arguments)
        elif name in api.names("pandas", "not_data"):
            return Thing(NOTHING)
        elif name == "drop":
            result = Thing(self._dropped(state, arguments))
        elif name == "pop":
            column = arguments[0].value.constant if arguments else None
            if not isinstance(column, str):
                return Thing(state)
            self.store.write(receiver, _without(state, (column,)))
            return Thing(self._column(state, column))
        elif name == "sample":
            result = self._sampled(node, state, arguments)
        elif name == "append":
            result = self._stack(
                node, [receiver, *(argument.value for argument in arguments if argument.keyword is None)]
            )
        elif name in ("head", "tail", "get_group"):
            return Thing(state)
        elif name == "train_test_split":
            split = self._split_at(node, "random")
            self._divided(split, state)
            parts: Thing[Data] = Thing(
                NOTHING,
                fields={
                    part: Thing(replace(state, rows=self._cut(state.rows, split, part))) for part in ("train", "test")
                },
            )
            return parts
        elif name == "randomSplit":
            return Thing(replace(state, shape="parts"))
        else:
            incoming = [argument.value.state for argument in arguments if argument.value.state.is_data]
            if name in api.names("pandas", "blending"):
                blended = self._blend([state, *incoming])
                result = Thing(replace(state, rows=blended.rows, marks=blended.marks))
            else:
                result = Thing(replace(state, each=None))
            if name not in api.names("pandas", "same_columns"):
                result.state.table = None
        if any(argument.keyword == "inplace" and argument.value.constant is True for argument in arguments):
            self._write_back(node, receiver, result)
        return result

    def _grouped_method(
        self, node: cst.Call, name: str, state: Data, arguments: Sequence[Argument[Data]]
    ) -> Thing[Data]:
        if name in api.names("pandas", "group_broadcasts"):
            return self._broadcast(node, state, f"groupby().{name}", causal=name == "ffill")
        if name in ("shift", "diff", "pct_change", "cumsum", "cumcount", "rolling", "expanding", "ewm", "head", "tail"):
            return Thing(replace(state, shape="table"))
        statistic = self._statistic(node, state, "statistic", f"groupby().{name}")
        rows = self._origin(node)  # one row for each group: a table of its own, unless it is merged back
        return Thing(Data(rows, _bounded(state.marks | {(statistic, state.column)}), "table"))

    def _filled(self, node: cst.Call, state: Data, arguments: Sequence[Argument[Data]]) -> Thing[Data]:
        method = _argument(arguments, 1, "method")
        if method is not None and isinstance(method.constant, str):
            return self._broadcast(node, state, "fillna", causal=method.constant in ("ffill", "pad"))
        value = _argument(arguments, 0, "value")
        if value is None:
            return Thing(state)
        marks = value.state.marks if value.state.is_data else NO_MARKS
        if state.column is not None:
            marks = frozenset((statistic, state.column) for statistic, _ in marks)
        return Thing(replace(state, marks=_bounded(state.marks | marks)))

    def _applied(
        self, node: cst.Call, name: str, receiver: Thing[Data], arguments: Sequence[Argument[Data]]
    ) -> Thing[Data]:
        """Run a function over the elements of a column, the rows or the columns of a table."""
        state = receiver.state
        if not arguments:
            return Thing(state)
        function = arguments[0].value
        if function.function is None:
            marks = function.state.marks if function.state.is_data else NO_MARKS
            return Thing(replace(state, marks=_bounded(state.marks | marks)))
        axis = next((a.value.constant for a in arguments if a.keyword == "axis"), 0)
        if name == "pipe" or (name == "apply" and state.shape == "table" and axis == 0):
            given = state
        else:  # one element or one row: what is computed from it stays within the row
            given = Data(marks=state.marks)
        result = self.apply_function(function, node, Thing(given))
        marks = result.state.marks if result is not None and result.state.is_data else NO_MARKS
        rows = result.state.rows if result is not None and name == "pipe" and result.state.rows else state.rows
        return Thing(replace(state, rows=rows, marks=_bounded(state.marks | marks)))

    @staticmethod
    def _dropped(state: Data, arguments: Sequence[Argument[Data]]) -> Data:
        first = _argument(arguments, 0, "labels")
        if first is not None and first.state.shape == "index" and first.state.rows and state.rows:
            rest = _rest(state.rows, first.state.rows)
            if rest is not None:
                return replace(state, rows=rest)
        dropped = _argument(arguments, 9, "columns") or first
        names = _column_names(dropped) if dropped is not None else None
        if names is None:
            return replace(state, table=None)
        return _without(state, names)

    def _sampled(self, node: cst.Call, state: Data, arguments: Sequence[Argument[Data]]) -> Thing[Data]:
        if any(argument.keyword == "replace" and argument.value.constant is True for argument in arguments):
            return self._broadcast(node, state, "`sample(replace=True)`", kind="resampling")
        share = _argument(arguments, 1, "frac")
        if share is not None and share.constant in (1, 1.0):
            return Thing(state)
        split = self._named_split("cut", ("sample", self.context, id(node)), node)
        return Thing(replace(state, rows=self._cut(state.rows, split, "head")))

    def _write_back(self, node: cst.Call, receiver: Thing[Data], result: Thing[Data]) -> None:
        """Take in ``inplace=True``: the object itself changes, or the column that the call was made on."""
        assert isinstance(node.func, cst.Attribute)
        target = node.func.value
        if isinstance(target, (cst.Subscript, cst.Attribute)):
            self.assign(target, result, node)
        else:
            self.store.write(receiver, result.state)

    # ---- resampling

    def _resampled(
        self,
        node: cst.Call,
        name: str,
        receiver: Thing[Data],
        estimator: Estimator,
        arguments: Sequence[Argument[Data]],
    ) -> Thing[Data]:
        arrays = [argument.value for argument in arguments if not argument.star][:2]
        if name not in api.names("samplers", "methods") or not arrays:
            return receiver if name == "fit" else Thing(NOTHING)
        marks: frozenset[Mark] = NO_MARKS
        if arrays[0].state.rows:
            kind: StatisticKind = "resampling"
            statistic = self._statistic(node, arrays[0].state, kind, f"`{estimator.name}`")
            self.seen.fits.append(Fit(node, estimator, arrays[0].state, None, statistic))
            if estimator.category == "row_creating":
                marks = frozenset({(statistic, None)})
        result: Thing[Data] = Thing(NOTHING)
        result.items = tuple(Thing(replace(array.state, marks=_bounded(array.state.marks | marks))) for array in arrays)
        return result

    def _resample(self, node: cst.Call, arguments: Sequence[Argument[Data]]) -> Thing[Data]:
        result = self._passed(arguments)
        if any(argument.keyword == "replace" and argument.value.constant is False for argument in arguments):
            return result
        first = arguments[0].value.state
        if not first.rows:
            return result
        mark: Mark = (self._statistic(node, first, "resampling", "`resample`"), None)
        for thing in (result, *(result.items or ())):
            thing.state = replace(thing.state, marks=_bounded(thing.state.marks | {mark}))
        return result


def fingerprint(node: Node) -> tuple[object, ...]:
    """Return what an expression says, whatever its spacing: equal for equal expressions."""
    own: tuple[object, ...] = (node.__class__.__name__,)
    if isinstance(node, (cst.Name, cst.Integer, cst.Float, cst.SimpleString)):
        return (*own, node.value)
    if isinstance(node, cst.Attribute):
        return (*own, fingerprint(node.value), node.attr.value)
    if isinstance(node, (cst.BinaryOperation, cst.BooleanOperation, cst.UnaryOperation)):
        own = (*own, node.operator.__class__.__name__)
    if isinstance(node, cst.ComparisonTarget):
        own = (*own, node.operator.__class__.__name__)
    return (*own, *(fingerprint(child) for child in children(node)))


def _condition(node: Node) -> tuple[bool, Node]:
    """Return whether a condition stands as it is (False: behind ``~``), and the condition."""
    side = True
    while isinstance(node, cst.UnaryOperation):
        side, node = not side, node.expression
    return side, node


def _column_names(key: Key[Data]) -> tuple[str, ...] | None:
    """Return the column names that a key spells out, None where it does not."""
    if isinstance(key, Range):
        return None
    if isinstance(key.constant, str):
        return (key.constant,)
    if key.items is not None:
        names = [item.constant for item in key.items]
        if names and all(isinstance(name, str) for name in names):
            return tuple(str(name) for name in names)
    return None


def _argument(arguments: Sequence[Argument[Data]], position: int, keyword: str) -> Thing[Data] | None:
    """Return an argument by keyword or position."""
    for number, argument in enumerate(arguments):
        if argument.keyword == keyword:
            return argument.value
        if argument.keyword is None and not argument.star and number == position:
            return argument.value
    return None


def _over_rows(axis: Thing[Data]) -> bool:
    """Does ``axis=`` run over the rows, alone or with others?"""
    if axis.items is not None:
        return any(item.constant == 0 for item in axis.items)
    return axis.constant in (0, "index", "rows") and axis.constant is not False


def _without(state: Data, names: Sequence[str]) -> Data:
    """Return a table less some columns."""
    marks = frozenset(mark for mark in state.marks if mark[1] is None or mark[1] not in names)
    table = state.table
    if table is not None:
        table = Columns(table.source, table.chosen, table.dropped | frozenset(names))
    return replace(state, marks=marks, table=table)


def _bounded(marks: Iterable[Mark]) -> frozenset[Mark]:
    found = marks if isinstance(marks, frozenset) else frozenset(marks)
    if len(found) <= _MARKS:
        return found
    return frozenset(sorted(found, key=lambda mark: (id(mark[0]), mark[1] or ""))[:_MARKS])


def _joined_back(rows: frozenset[Rows], counted: frozenset[Rows], *, is_head: bool) -> frozenset[Rows] | None:
    """Return the table that ``both[:len(train)]`` cuts off again, None where the rows were not joined from it."""
    for one in rows:
        if one.part == "joined" and counted <= with_parents(one.parents):
            own = {parent for parent in one.parents if parent in counted}
            return frozenset(own) if is_head else frozenset(set(one.parents) - own) or None
    return None


def _rest(rows: frozenset[Rows], taken: frozenset[Rows]) -> frozenset[Rows] | None:
    """Return what ``df.drop(sample.index)`` leaves, None where the sample is none of these rows."""
    for one in taken:
        if one.split is not None and one.part == "head" and one.parents and one.parents[0] in rows:
            return frozenset({*(rows - {one.parents[0]}), one.parents[0].cut(one.split, "tail")})
    return None


def _chosen_by(keys: Sequence[Key[Data]]) -> frozenset[Mark]:
    """Return what looked at the target to choose columns: importances, correlations, the support of a selector."""
    found = [mark for key in keys if isinstance(key, Thing) and not key.state.rows for mark in key.state.marks]
    return frozenset((statistic, None) for statistic, _ in found if statistic.kind == "supervised")


def _estimators(arguments: Sequence[Argument[Data]]) -> list[Estimator]:
    """Return the estimators among the arguments of a composite, in order, those in lists and tuples included."""
    found: list[Estimator] = []

    def gather(thing: Thing[Data]) -> None:
        if thing.state.estimator is not None:
            found.append(thing.state.estimator)
        for item in thing.items or ():
            gather(item)

    for argument in arguments:
        gather(argument.value)
    return found
