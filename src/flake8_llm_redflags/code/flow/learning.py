"""Estimators, splits, trainings and scores, and the statistics that leak from one part into another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import libcst as cst

from ..arguments import argument as given
from ..constants import is_false, is_none
from ..names import dotted
from ..tree import Node
from . import api
from .api import Category
from .domain import Argument
from .facts import (
    NO_MARKS,
    NOTHING,
    Data,
    Estimator,
    Evaluation,
    Fit,
    Leak,
    Prediction,
    Shape,
    SinkKind,
    Training,
    Watch,
)
from .rows import Mark, Rows, Split, Statistic, StatisticKind, covers, is_another_part, origins_of
from .selecting import together
from .store import Thing
from .tables import Tables, argument_of

if TYPE_CHECKING:
    from ..program import Code

#: Which sink tells more, the first first.
_RANKS: dict[SinkKind, int] = {"split": 0, "evaluation": 1, "cross-validation": 2}


class Learning(Tables):
    """Adds objects that are fitted, and keeps what is seen of splits, fits and scores."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self._candidates: dict[tuple[int, int], tuple[Statistic, Split, Rows]] = {}
        self._confirmed: dict[tuple[int, int], Leak] = {}
        self._settled: set[int] = set()  # splits whose parts have reached a model
        self._unused: dict[int, tuple[Thing[Data], list[Statistic]]] = {}  # fits that nothing has used yet
        self._searched: dict[int, tuple[cst.Call, Data]] = {}  # searches whose own score is the only one so far

    def attribute(self, node: cst.Attribute, owner: Thing[Data]) -> Thing[Data]:
        if owner.state.estimator is not None and node.attr.value not in api.names("pandas", "locators"):
            return self._estimator_attribute(node.attr.value, owner)
        return super().attribute(node, owner)

    def _estimator_attribute(self, name: str, owner: Thing[Data]) -> Thing[Data]:
        state = owner.state
        if name in api.names("transformer_methods", "per_row") and state.fitted is not None:
            self._use(owner)
            return Thing(self._transformed(owner, state.fitted.features))
        if name == "best_estimator_":
            return owner
        self._use(owner)
        is_told = name in api.names("models", "importances") and state.fitted is not None
        return Thing(_learnt_by(state.fitted) if is_told else NOTHING)

    # ---- calls

    def call(self, node: cst.Call, receiver: Thing[Data] | None, arguments: Sequence[Argument[Data]]) -> Thing[Data]:
        function = node.func
        while isinstance(function, cst.IfExp):  # `(StratifiedKFold if by_class else KFold)(5)`: much the same
            function = function.body
        name = function.attr.value if isinstance(function, cst.Attribute) else getattr(function, "value", "")
        qualified = self._qualified(function)
        if isinstance(function, cst.Attribute) and qualified is None and receiver is not None:
            return self._method(node, name, receiver, arguments)
        if isinstance(function, (cst.Name, cst.Attribute)) and isinstance(name, str):
            if qualified is None and receiver is not None and receiver.state.estimator is not None:
                return self._unknown_call(node, arguments)  # `model(x)`
            own_name = qualified.rpartition(".")[2] if qualified is not None else name  # `train_test_split as tts`
            return self._function(node, own_name, qualified, arguments)
        return self._unknown_call(node, arguments)

    def _function(
        self, node: cst.Call, name: str, qualified: str | None, arguments: Sequence[Argument[Data]]
    ) -> Thing[Data]:
        root = qualified.partition(".")[0] if qualified is not None else ""
        first = arguments[0].value if arguments else None
        if (category := api.category_of(name, qualified)) is not None:
            estimator = self._estimator(category, name, node, qualified, arguments)
            prefit = any(a.keyword == "prefit" and a.value.constant is True for a in arguments)
            if category == "folds" and first is not None and first.state.rows:
                return Thing(Data(estimator=estimator, each=self._fold(node, first.state, estimator)))
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
            if name in api.names("associations", "functions") and first is not None and first.state.rows:
                return self._statistic_value(node, first.state, f"`{name}`", kind="supervised")
            if name == "resample" and first is not None and (qualified or "").startswith("sklearn"):
                return self._resample(node, arguments)
        if name in api.names("splits", "partitions") and root in ("", "torch") and first is not None:
            return self._partition(node, first.state, arguments)
        if name in api.names("transformer_functions") and (qualified or "").rpartition(".")[0] in api.names(
            "transformer_functions", "modules"
        ):
            return self._transformer_function(node, name, first, arguments)
        if root == "builtins":
            return self._builtin(node, name, arguments)
        if root == "random" and (drawn := self._drawn(node, name, arguments)) is not None:
            return drawn
        if root in api.names("standard_library", "modules") and not any(a.value.state.is_data for a in arguments):
            return Thing(NOTHING)
        if root in ("numpy", "pandas", "scipy"):
            return self._table_function(node, name, root, arguments)
        if root == "tensorflow" and name in api.names("numpy", "pointwise") and first is not None:
            return Thing(replace(first.state, each=None))
        if name in api.names("splits", "ready") and ".datasets." in (qualified or ""):
            return self._ready_parts(node)
        if name in api.names("trainers", "loaders"):
            return Thing(self._loaded(node, arguments))
        if name in api.names("trainers"):
            return self._trainer(node, name, qualified, arguments)
        if name in api.names("models", "containers") and first is not None and first.state.is_data:
            label = argument_of(arguments, 1, "label")
            return Thing(replace(first.state, each=None), fields=None if label is None else {"label": label})
        if (qualified or "") in api.names("models", "functions"):
            return self._boosted(node, name, qualified, arguments)
        if name in api.names("selection", "callbacks"):  # also `lightgbm.early_stopping(50)`
            return Thing(Data(estimator=Estimator("stateless", name, node, qualified)))
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

    def _ready_parts(self, node: cst.Call) -> Thing[Data]:
        """Return the pairs of ``(x_train, y_train), (x_test, y_test) = mnist.load_data()``."""
        whole = Data(self._origin(node), shape="parts")
        pairs: list[Thing[Data]] = []
        for part in ("train", "test"):
            state = self._named_part(whole, part, node)
            pairs.append(Thing(state, items=(Thing(state), Thing(replace(state, form=object())))))
        return Thing(NOTHING, items=tuple(pairs))

    def _loaded(self, node: cst.Call, arguments: Sequence[Argument[Data]]) -> Data:
        """Return a hub data set: all its splits, or the one that ``split=`` names."""
        rows = self._origin(node)
        wanted = argument_of(arguments, 9, "split")
        if wanted is None or not isinstance(wanted.constant, str):
            return Data(rows, shape="parts")
        return self._named_part(Data(rows), wanted.constant, node)

    def _trainer(
        self, node: cst.Call, name: str, qualified: str | None, arguments: Sequence[Argument[Data]]
    ) -> Thing[Data]:
        """Return a Trainer: it is fitted on ``train_dataset`` and watched on ``eval_dataset``."""
        train, watched = argument_of(arguments, 99, "train_dataset"), argument_of(arguments, 99, "eval_dataset")
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
        features = argument_of(arguments, 1, "train_set") or argument_of(arguments, 1, "dtrain") or Thing(NOTHING)
        model = Thing(Data(estimator=Estimator("models", name, node, qualified)))
        assert model.state.estimator is not None
        self._fit(node, model, model.state.estimator, features, (features.fields or {}).get("label"))
        self._validate(node, model, arguments)
        return model

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
            if name == "train_test_split":
                return self._divided_set(node, receiver.state)
            if name in ("fit_transform", "transform") and arguments and arguments[0].value.state.rows:
                return Thing(arguments[0].value.state)  # of an object of which nobody knows what it learns
            return self._table_method(node, name, receiver, arguments)
        if receiver.state.shape == "index" and (result := self._index_method(name, receiver, arguments)) is not None:
            return result
        return self._drawn(node, name, arguments) or self._unknown_call(node, arguments)

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
        features = argument_of(arguments, 0, "X")
        if estimator.category == "folds":
            return self._folds(node, features, estimator) if name == "split" else Thing(NOTHING)
        if estimator.category in ("row_creating", "row_removing"):
            return self._resampled(node, name, receiver, estimator, arguments)
        if features is None:
            features = next(
                (a.value for a in arguments if a.keyword in api.names("models", "data_keywords")), Thing(NOTHING)
            )
        target = argument_of(arguments, 1, "y")
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
            result = self._transformed(receiver, features.state)
            if name == "inverse_transform":  # names of classes, prices in money: still what the model says
                result.prediction = features.state.prediction
            return Thing(result)
        if name in api.names("models", "supports") and receiver.state.fitted is not None:
            self._use(receiver)
            return Thing(_learnt_by(receiver.state.fitted))
        if name in api.names("transformer_methods", "settings"):
            return receiver
        return Thing(NOTHING) if name in ("compile", "summary") else None

    # ---- fits

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
        if kind is not None and state.rows and state.shape != "row":
            assert isinstance(node.func, cst.Attribute)
            statistic = self._statistic(node, state, kind, self._name_of(node.func.value, estimator))
            if not estimator.trains and estimator.category != "clusterers":
                self._note_unused(node, receiver, statistic)
        elif estimator.trains and state.rows and isinstance(node.func, cst.Attribute):  # a model can feed features too
            is_unknown = estimator.category == "pipelines" and not estimator.inside
            if target is not None or not is_unknown:  # steps of which nobody knows, and nothing to learn from
                is_function = estimator.qualified in api.names("models", "functions")  # the labels are in the data
                kind = "supervised" if target is not None or is_function else "transformer"
                named = node.func if is_function else node.func.value
                statistic = self._statistic(node, state, kind, self._name_of(named, estimator))
                statistic.learnt = target.state.column if target is not None else None
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
                while value.items and value.is_list:  # of which the last is the one that counts
                    value = value.items[-1]
                first = value.items[0] if value.items else value
                self.seen.watches.append(Watch(argument.node, receiver, first.state, signal))
                self._evaluate(node, receiver, first.state, scored=False, labelled=True)

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
                is_off = is_none(arg.value) or is_false(arg.value)
                if arg.keyword is not None and arg.keyword.value in api.names("selection", "keywords") and not is_off:
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
            marks = together(marks, frozenset({(fit.statistic, state.column)}))
            self._note_transformed(fit.statistic, state.rows)
        shape: Shape = "table" if state.shape in ("grouped", "grouped column") else state.shape
        keeps = fit is not None and fit.estimator.name in api.names("transformers", "column_by_column")
        table = state.table if keeps else None
        return Data(state.rows, marks, shape if shape != "parts" else "object", state.column, table=table)

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
        states = [array.state for array in arrays]
        if len(states) > 1:
            self.seen.targets.append((node, states[0], states[1]))
            states[0] = replace(states[0], marks=_marks_of_features(states[0], states[1]))
        parts: list[Thing[Data]] = []
        for state in states:
            for part in ("train", "test"):
                parts.append(Thing(replace(state, rows=self._cut(state.rows, split, part), each=None)))
        self._divided(split, states[0])
        result: Thing[Data] = Thing(NOTHING)
        result.items = tuple(parts)
        return result

    def _partition(self, node: cst.Call, state: Data, arguments: Sequence[Argument[Data]]) -> Thing[Data]:
        """Return the parts of ``random_split(dataset, [800, 100, 100])``: the first to learn from, the last to test on."""
        split = self._split_at(node, "random")
        self._divided(split, state)
        lengths = argument_of(arguments, 1, "lengths")
        number = len(lengths.items) if lengths is not None and lengths.items else 2
        names = ["train", *(f"held {n}" for n in range(1, number - 1)), "test"]
        result: Thing[Data] = Thing(replace(state, shape="parts"))
        result.items = tuple(Thing(replace(state, rows=self._cut(state.rows, split, name))) for name in names)
        return result

    def _divided_set(self, node: cst.Call, state: Data) -> Thing[Data]:
        """Return what ``dataset.train_test_split()`` gives: a dict of two parts."""
        split = self._split_at(node, "random")
        self._divided(split, state)
        parts = {part: Thing(replace(state, rows=self._cut(state.rows, split, part))) for part in ("train", "test")}
        return Thing(NOTHING, fields={**parts})

    def _folds(self, node: cst.Call, features: Thing[Data] | None, estimator: Estimator) -> Thing[Data]:
        return Thing(NOTHING if features is None else Data(each=self._fold(node, features.state, estimator)))

    def _fold(self, node: cst.Call, divided: Data, estimator: Estimator) -> Thing[Data]:
        """Return what a loop over folds takes out: of ``folds.split(X)``, and of ``KFold(len(y))`` in old code."""
        kind: Literal["random", "folds"] = "random" if self._divides_once(node, estimator) else "folds"
        split = self._split_at(node, kind, ordered=estimator.name == "TimeSeriesSplit")
        pair: Thing[Data] = Thing(NOTHING)
        pair.items = tuple(
            Thing(Data(self._cut(divided.rows, split, part), shape="index")) for part in ("train", "test")
        )
        return pair

    def _divides_once(self, node: cst.Call, estimator: Estimator) -> bool:
        """Is one of the folds taken, or only one made: ``next(folds.split(X))``, ``ShuffleSplit(n_splits=1)``?"""
        around = self.code.tree.parent(node)
        around = self.code.tree.parent(around) if isinstance(around, cst.Arg) else around
        if isinstance(around, cst.Call) and self.code.qualified_name(around.func) == "builtins.next":
            return True
        if estimator.name not in api.names("splits", "shuffles") or not isinstance(estimator.node, cst.Call):
            return False
        number = given(estimator.node, 0, "n_splits")
        return number is not None and self.code.values.constants(number) == [1]

    def _divided(self, split: Split, features: Data) -> None:
        """Take in that a split divides features: statistics over all of its rows are candidates for a leak."""
        for statistic in features.in_order():
            if self._is_confirmed(statistic, "split"):
                continue
            whole = next((rows for rows in features.rows if statistic.leaks_into(split, rows)), None)
            if whole is not None:
                self._candidates[id(statistic), id(split)] = (statistic, split, whole)

    def _cross_validate(self, node: cst.Call, arguments: Sequence[Argument[Data]]) -> Thing[Data]:
        features = argument_of(arguments, 1, "X")
        self.seen.cross_validations.append(node)
        scored, target = argument_of(arguments, 0, "estimator"), argument_of(arguments, 2, "y")
        if scored is not None and scored.state.estimator is not None and target is not None:
            self.seen.folded.append((node, scored.state.estimator, target.state))
        if features is not None:
            self._cross_validated(node, features.state)
        return Thing(NOTHING)

    def _cross_validated(self, node: cst.Call, features: Data) -> None:
        split = self._split_at(node, "folds")
        for statistic in features.in_order():
            if self._is_confirmed(statistic, "cross-validation"):
                continue
            whole = next((rows for rows in features.rows if statistic.leaks_into(split, rows)), None)
            if whole is not None:
                self._confirm(statistic, node, "cross-validation", whole)

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
            kind: StatisticKind = "resampling" if estimator.category == "row_creating" else "thinning"
            statistic = self._statistic(node, arrays[0].state, kind, f"`{estimator.name}`")
            self.seen.fits.append(Fit(node, estimator, arrays[0].state, None, statistic))
            marks = frozenset({(statistic, None)})
        result: Thing[Data] = Thing(NOTHING)
        result.items = tuple(Thing(replace(array.state, marks=together(array.state.marks, marks))) for array in arrays)
        return result

    def _resample(self, node: cst.Call, arguments: Sequence[Argument[Data]]) -> Thing[Data]:
        result = self._passed(arguments)
        first = arguments[0].value.state
        if any(argument.keyword == "replace" and argument.value.constant is False for argument in arguments):
            if any(argument.keyword == "n_samples" for argument in arguments):
                for thing in (result, *(result.items or ())):
                    thing.state = self._sample_of(node, thing.state)
            return result
        if not first.rows:
            return result
        mark: Mark = (self._statistic(node, first, "resampling", "`resample`"), None)
        for thing in (result, *(result.items or ())):
            thing.state = replace(thing.state, marks=together(thing.state.marks, frozenset({mark})))
        return result

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
        labelled: bool = False,
        fit: Fit | None = None,
        predicted_from: Data | None = None,
    ) -> Evaluation:
        """Take in that a model sees features; ``labelled``: of which the truth is known, though no score is in view."""
        fit = fit or model.state.fitted
        is_judged = scored or labelled
        if not scored:
            self._use(model)
        if fit is not None and any(
            (is_judged or not rows.is_of_joined) and not covers(fit.features.rows, rows) for rows in features.rows
        ):
            self._searched.pop(id(fit.node), None)  # the search only tunes; other rows are there to judge it
        on_fitted = fit is not None and bool(features.rows) and (predicted_from or features) is fit.features
        evaluation = Evaluation(node, model, features, scored, fit, self.in_loop, on_fitted)
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
                elif (
                    fit is not None
                    and not covers(fit.features.rows, rows)
                    and is_another_part(part, fit.features.rows)
                    and not _asks_for_answers(split, fit)
                ):
                    # What is cut off from joined tables again, and only predicted, has no labels to be judged by.
                    if is_judged or not part.is_of_joined:
                        self._confirm_all(features, split, part.parents[0])
                    if scored and part.is_of_joined:
                        self._confirm_all(fit.features, split, part.parents[0])
        if scored and fit is not None:
            self._confirm_joined(node, features, fit)
        return evaluation

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

    def _confirm_joined(self, node: cst.Call, features: Data, fit: Fit) -> None:
        """Take in that a model is scored on a table that was joined with its training table for a statistic."""
        for statistic in fit.features.in_order():
            if statistic.saw_joined_rows and any(covers(statistic.rows, rows) for rows in fit.features.rows):
                unseen = [
                    rows for rows in features.rows if not covers(fit.features.rows, rows) and not _is_split_as_one(rows)
                ]
                if any(covers(statistic.rows, rows) for rows in unseen):
                    self._confirm(statistic, node, "evaluation", across_tables=True)

    def _confirm_all(self, features: Data, split: Split, whole: Rows) -> None:
        kind: SinkKind = "cross-validation" if split.kind == "folds" else "split"
        for statistic in features.in_order():
            if not self._is_confirmed(statistic, kind) and statistic.leaks_into(split, whole):
                self._confirm(statistic, split.node, kind, whole)

    def _is_confirmed(self, statistic: Statistic, kind: SinkKind) -> bool:
        """Is nothing more to be learnt about this statistic?"""
        known = self._confirmed.get((id(statistic.node), _RANKS[kind]))
        return known is not None and not known.across_tables

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
            across_tables = not whole.is_of_joined
        key = (id(statistic.node), _RANKS[kind])
        known = self._confirmed.get(key)
        if known is None or (known.across_tables and not across_tables):  # within one table is the plainer case
            self._confirmed[key] = Leak(statistic, sink, kind, across_tables)

    def leaks(self) -> list[Leak]:
        """Return the leaks, one for each statistic; a split tells more than a cross-validation."""
        for node, features in self._searched.values():
            if not self._are_others_judged(features):
                self._cross_validated(node, features)
        for statistic, split, whole in self._candidates.values():
            if id(split) not in self._settled:
                self._confirm(statistic, split.node, "split", whole)
        self._confirm_unused()
        found: dict[int, Leak] = {}
        for (node, _), leak in sorted(self._confirmed.items(), key=lambda entry: entry[0][1]):
            if leak.kind != "cross-validation" or not self._is_judged_elsewhere(leak):
                found.setdefault(node, leak)
        return sorted(found.values(), key=lambda leak: self.code.tree.start(leak.statistic.node))

    def _confirm_unused(self) -> None:
        """Take in the fits of which the rows are split, though nothing is seen to be transformed with them.

        Where the program ends there, it is a fragment. Where models learn from the same table without them, they leak nothing.
        """
        learnt = origins_of(rows for training in self.seen.trainings for rows in training.features.rows)
        for statistic in (statistic for _, statistics in self._unused.values() for statistic in statistics):
            if not learnt.isdisjoint(origins_of(statistic.rows)):
                continue
            for split, wholes in self._whole.items():
                if split.kind == "random" and any(statistic.leaks_into(split, rows) for rows in wholes):
                    self._confirm(statistic, split.node, "split")

    def _are_others_judged(self, searched: Data) -> bool:
        """Are other rows than a search was given scored, of its table or by a model that was fitted on the same?"""
        for evaluation in self.seen.evaluations:
            others = [rows for rows in evaluation.features.rows if not covers(searched.rows, rows)]
            if not evaluation.scored or not others:
                continue
            learnt = evaluation.fit.features.rows if evaluation.fit is not None else frozenset()
            if searched.rows & learnt and not any(covers(learnt, rows) for rows in others):
                return True
            if any(
                part.split is not None and is_another_part(part, searched.rows)
                for rows in others
                for part in rows.line()
            ):
                return True
        return False

    def _is_judged_elsewhere(self, leak: Leak) -> bool:
        """Are other parts of the table (``x[60000:]`` where it saw ``x[:60000]``) scored? Then the folds only tune.

        After a search it is enough that a model predicts there: its own best score is seldom what is told.
        """
        is_search = id(leak.sink) in self._searched
        return any(
            part.split is seen.split and part.part != seen.part
            for seen in leak.statistic.rows
            if seen.split is not None and seen.split.kind in ("cut", "mask", "pieces")
            for evaluation in self.seen.evaluations
            for rows in evaluation.features.rows
            if evaluation.scored or (is_search and not rows.is_of_joined)
            for part in rows.line()
        )


def _learnt_by(fit: Fit) -> Data:
    """Return what a fitted object tells of itself: numbers that depend on the rows that it saw."""
    return Data(marks=NO_MARKS if fit.statistic is None else frozenset({(fit.statistic, None)}), shape="number")


def _asks_for_answers(split: Split, fit: Fit) -> bool:
    """Does a condition divide rows by what is to be predicted: those that have it from those that are to get it?"""
    return fit.target is not None and fit.target.column in split.columns


def _marks_of_features(features: Data, target: Data) -> frozenset[Mark]:
    """Return what stands in the features: how the target was defined or encoded leaks nothing into them."""
    marks = features.marks
    if target.column is not None:
        marks = frozenset(mark for mark in marks if mark[1] != target.column)
    return marks - {mark for mark in target.marks if mark[0].kind == "encoder" and mark[1] is not None}


def _is_split_as_one(rows: Rows) -> bool:
    """Were tables joined and then split at random like any other, not cut apart again?"""
    return rows.is_of_joined and any(
        part.split is not None and part.split.kind in ("random", "folds") for part in rows.line()
    )


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
