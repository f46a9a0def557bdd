"""LRF308: the test part is resampled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule, Trigger
from ..trigger import Text

if TYPE_CHECKING:
    from ...code import Code
    from ...code.flow.data import Evaluation, Fit
    from ...code.flow.rows import Rows, Split, Statistic

#: Rows of one class taken by hand, and put back together with the others.
_TAKEN = r"\.sample\(|resample\(|\[:|head\("
_JOINED = r"concat\w*\(|\.append\(|vstack\("


def _may_resample(text: Text) -> bool:
    if text.holds(r"fit_(?:re)?sample\("):
        return True
    return text.holds("train_test_split") and text.holds(_JOINED) and text.holds(_TAKEN)


class ResampledTest(Rule):
    """A balanced test set says nothing of the data the model will meet."""

    code = "LRF308"
    name = "resampled-test"
    severity = Severity.ERROR
    trigger = Trigger(test=_may_resample)

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each sampler applied to rows that a split puts aside for the test, after or before it."""
        reported = set()
        for fit in {id(fit.node): fit for fit in code.flow.data.fits}.values():
            if fit.estimator.category not in ("row_creating", "row_removing") or not fit.features.rows:
                continue
            if all(_is_within_a_test(rows) for rows in fit.features.rows):
                reported.add(id(fit.node))
                yield self._on_the_test(code, fit.node, f"`{fit.estimator.name}`")
        for split, statistic in _thinned_tests(code):
            if id(statistic.node) not in reported:
                reported.add(id(statistic.node))
                yield self._before_the_split(code, split, statistic)
        yield from self._by_name(code, reported)

    def _before_the_split(self, code: Code, split: Split, statistic: Statistic) -> Finding:
        by_hand = f"one class of `{(statistic.column or '')[:24]}` is thinned"
        what = by_hand if statistic.column is not None else f"{statistic.what} thins all rows"
        message = (
            f"{what} out, the test rows of the split on line {code.line(split.node)}"
            " too: scores hold for no real data, resample the training part"
        )
        return self.finding(code, statistic.node, message)

    def _on_the_test(self, code: Code, node: cst.Call, sampler: str) -> Finding:
        message = (
            f"{sampler} resamples the test part: its scores hold for data that does not exist,"
            " resample the training part only"
        )
        return self.finding(code, node, message)

    def _by_name(self, code: Code, reported: set[int]) -> Iterator[Finding]:
        """Find ``fit_resample(X_test, y_test)`` beside the same with ``X_train``, or where nothing says what it holds."""
        calls = [
            (call, call.args[0].value)
            for call in code.calls("fit_resample", "fit_sample")
            if call.args and isinstance(call.func, cst.Attribute)
        ]
        trained = {id(code.context.function(call)) for call, rows in calls if _says(rows, "train")}
        for call, rows in calls:
            beside = id(code.context.function(call)) in trained or _comes_from_nowhere(code, rows)
            if id(call) not in reported and _says(rows, "test") and beside:
                assert isinstance(call.func, cst.Attribute)
                yield self._on_the_test(code, call, f"`{code.short_text(call.func.value, 24)}`")


def _says(node: cst.BaseExpression, part: str) -> bool:
    """Does a name speak of this part, and of no other?"""
    parts = ("train", "test", "val")
    return isinstance(node, cst.Name) and [one for one in parts if one in node.value.lower()] == [part]


def _comes_from_nowhere(code: Code, node: cst.BaseExpression) -> bool:
    """Is the name bound nowhere in the file, as in a snippet?"""
    return all(origin.kind == "unknown" for origin in code.values.origins(node))


def _is_within_a_test(rows: Rows) -> bool:
    """Are the rows all or some of those that a split has put aside?"""
    parts = [one.part for one in rows.line()]
    return "test" in parts and "train" not in parts


def _thinned_tests(code: Code) -> Iterator[tuple[Split, Statistic]]:
    """Yield what thinned out the table whose test part is scored, with a model that is scored on no other rows."""
    from ...code.flow.rows import covers

    flow = code.flow.data
    tests: dict[int, list[tuple[Fit, Rows | None]]] = {}
    for evaluation in flow.evaluations:
        fit = evaluation.fit
        if evaluation.scored and fit is not None and not all(map(fit.features.holds, evaluation.features.rows)):
            tests.setdefault(id(fit), []).append((fit, _test_part(evaluation)))
    for (fit, test), *others in tests.values():
        if (
            test is None
            or test.split is None
            or any(part is None or part.split is not test.split for _, part in others)
        ):
            continue
        for statistic in fit.features.in_order():
            by_class = statistic.column is None or statistic.column in flow.target_columns
            if statistic.kind == "thinning" and by_class and covers(statistic.rows, test.parents[0]):
                yield test.split, statistic


def _test_part(evaluation: Evaluation) -> Rows | None:
    """Return the rows that a split put aside, of those that are scored."""
    lines = (rows.line() for rows in evaluation.features.rows)
    return next((one for line in lines for one in line if one.split and one.part == "test"), None)
