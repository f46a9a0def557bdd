"""LRF306: a transformer or model fitted on the test part, or a statistic taken of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Edit, Finding, Severity
from ...knowledge import words
from ..rule import Rule, Trigger
from .triggers import DIVIDED, FITS, JUDGED

if TYPE_CHECKING:
    from ...code import Code
    from ...code.flow.data import Fit
    from ...code.flow.rows import Statistic


class FitOnTest(Rule):
    """The test part stands for data nobody has seen: training and test then live on two different scales."""

    code = "LRF306"
    name = "fit-on-test"
    severity = Severity.ERROR
    fixable = "safe"
    trigger = Trigger(words=(JUDGED, DIVIDED), pattern=FITS)

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each fit on rows that a split has put aside for the test, and each statistic of them."""
        for statistic in _own_statistics(code):
            message = (
                f"`{code.short_text(statistic.node)}` is taken over the test part, so training and test rows are transformed"
                " differently: take it from the training part"
            )
            yield self.finding(code, statistic.node, message)
        for fit in {id(fit.node): fit for fit in code.flow.data.fits}.values():
            if not fit.features.rows:
                continue
            if not all(rows.is_put_aside for rows in fit.features.rows):
                if _is_scaled_apart(code, fit):
                    yield self.finding(code, fit.node, self._transformer_message(code, fit))
                continue
            if fit.estimator.trains:
                if (
                    fit.estimator.category != "searchers"
                    and not self._is_cross_fitted(code, fit)
                    and not _blends(code, fit)
                ):
                    yield self.finding(code, fit.node, self._model_message(code, fit))
            elif self._counts(code, fit):
                yield self.finding(code, fit.node, self._transformer_message(code, fit), self._edit(code, fit))

    @staticmethod
    def _transformer_message(code: Code, fit: Fit) -> str:
        name = _name(code, fit)
        return f"{name} is fitted on the test part, so training and test rows are transformed differently: only `transform` it"

    @staticmethod
    def _model_message(code: Code, fit: Fit) -> str:
        name = _name(code, fit)
        return f"{name} is fitted on the test part, so no row is left to judge it by: fit it on the training part"

    @staticmethod
    def _is_cross_fitted(code: Code, fit: Fit) -> bool:
        """Is the same kind of model fitted on the other part too, and judged on this one? Then the parts take turns."""
        wholes = {parent for rows in fit.features.rows for parent in rows.parents}
        return any(
            evaluation.fit is not None
            and evaluation.fit.node is fit.node
            and any(rows.part == "train" and wholes & set(rows.parents) for rows in evaluation.features.rows)
            for evaluation in code.flow.data.evaluations
        )

    @staticmethod
    def _counts(code: Code, fit: Fit) -> bool:
        """Is it a transformer whose counterpart saw the training part, or whose output is judged?"""
        if (
            fit.statistic is None
            or fit.statistic.kind in ("resampling", "thinning")
            or fit.estimator.category in ("labels", "clusterers")
        ):
            return False
        if fit.estimator.name in words("data", "transformers", "display_only"):
            return False
        splits = {id(rows.split) for rows in fit.features.rows}
        for other in code.flow.data.fits:
            if other.estimator.name == fit.estimator.name and any(
                rows.part == "train" and id(rows.split) in splits for rows in other.features.rows
            ):
                return fit.statistic.kind != "encoder" or _encodes_features(code, other)
        return any(fit.statistic in evaluation.features.statistics() for evaluation in code.flow.data.evaluations)

    @staticmethod
    def _edit(code: Code, fit: Fit) -> Edit | None:
        """Return the edit to ``transform``, where the same object was fitted before."""
        function = fit.node.func
        if not isinstance(function, cst.Attribute) or function.attr.value != "fit_transform":
            return None
        name = code.text_of(function.value)
        if not isinstance(function.value, cst.Name | cst.Attribute):
            return None
        fitted_before = any(
            other.node is not fit.node
            and isinstance(other.node.func, cst.Attribute)
            and code.tree.comes_before(other.node, fit.node)
            and other.estimator.node is fit.estimator.node
            and isinstance(other.node.func.value, cst.Name | cst.Attribute)
            and code.text_of(other.node.func.value) == name
            and any(rows.part == "train" for rows in other.features.rows)
            for other in code.flow.data.fits
        )
        if not fitted_before or len(fit.node.args) != 1:
            return None
        return code.edit("transform only", safe=True).replace(function, f"{name}.transform").done()


def _is_scaled_apart(code: Code, fit: Fit) -> bool:
    """Is a part that was cut by hand transformed by its own rows, and then given to a model of another part?"""
    from ...code.flow.rows import is_another_part

    parts, statistic = fit.features.rows, fit.statistic
    if statistic is None or statistic.kind not in ("transformer", "supervised") or fit.estimator.trains:
        return False
    if any(rows.split is None or rows.split.kind not in ("cut", "mask", "pieces") for rows in parts):
        return False
    return any(
        evaluation.fit is not None
        and evaluation.fit.estimator.trains
        and evaluation.features.rows <= parts
        and statistic in evaluation.features.statistics() - evaluation.fit.features.statistics()
        and all(is_another_part(rows, evaluation.fit.features.rows) for rows in parts)
        for evaluation in code.flow.data.evaluations
    )


def _blends(code: Code, fit: Fit) -> bool:
    """Does it learn how to weigh the predictions of other models, and is never asked about the rows it learnt that on?"""
    trained = {id(training.node) for training in code.flow.data.trainings}
    if not any(id(statistic.node) in trained for statistic in fit.features.statistics()):
        return False
    return not any(
        evaluation.fit is not None and evaluation.fit.node is fit.node and evaluation.features.rows & fit.features.rows
        for evaluation in code.flow.data.evaluations
    )


def _own_statistics(code: Code) -> Iterator[Statistic]:
    """Yield the statistics of a test part that stand in its features when a model of other rows is scored on it."""
    by_neighbours = words("data", "pandas", "row_wise_statistics") | words("data", "pandas", "gap_fillers")
    of_fits = {id(fit.statistic) for fit in code.flow.data.fits}  # what `scale(X_test)` computes is of none
    seen: set[int] = set()
    for evaluation in code.flow.data.evaluations:
        fit = evaluation.fit
        if fit is None or not fit.estimator.trains or not all(rows.is_put_aside for rows in evaluation.features.rows):
            continue
        for statistic in evaluation.features.in_order():
            is_number = statistic.kind == "statistic" and not statistic.causal and statistic.what not in by_neighbours
            is_scale = statistic.kind == "transformer" and id(statistic) not in of_fits
            if (is_number or is_scale) and id(statistic.node) not in seen and statistic.rows:
                seen.add(id(statistic.node))
                # A model is asked for the corners of a plot, too, which are never scored.
                is_kept = is_scale or evaluation.scored or _fills(code, statistic)
                is_own = all(rows.is_put_aside for rows in statistic.rows) and not statistic.rows & fit.features.rows
                if is_kept and is_own:
                    yield statistic


def _fills(code: Code, statistic: Statistic) -> bool:
    """Is it what gaps are filled with: ``X_test.fillna(X_test.median())``?"""
    return any(
        isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value == "fillna"
        for node in code.tree.ancestors(statistic.node)
    )


def _encodes_features(code: Code, fit: Fit) -> bool:
    """Does an encoder not belong to what models are to predict, whose classes both parts hold?"""
    trainings = code.flow.data.trainings
    targets = [training.target for training in trainings if training.target is not None]
    return bool(trainings) and not any(fit.statistic in target.statistics() for target in targets)


def _name(code: Code, fit: Fit) -> str:
    function = fit.node.func
    if isinstance(function, cst.Attribute) and isinstance(function.value, cst.Name | cst.Attribute):
        return f"`{code.short_text(function.value, 30)}`"
    return f"`{fit.estimator.name}`"
