"""LRF308: the test part is resampled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code
    from ...code.flow.data import Evaluation, Fit
    from ...code.flow.rows import Rows


class ResampledTest(Rule):
    """A balanced test set says nothing of the data the model will meet."""

    code = "LRF308"
    name = "resampled-test"
    severity = Severity.ERROR
    trigger = Trigger(words=(("fit_resample", "fit_sample"),))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each sampler applied to rows that a split puts aside for the test, after or before it."""
        reported = set()
        for fit in {id(fit.node): fit for fit in code.flow.data.fits}.values():
            if fit.estimator.category not in ("row_creating", "row_removing") or not fit.features.rows:
                continue
            if all(_is_within_a_test(rows) for rows in fit.features.rows):
                reported.add(id(fit.node))
                yield self._on_the_test(code, fit.node, f"`{fit.estimator.name}`")
            elif fit.estimator.category == "row_removing" and (split := _only_split_of(code, fit)) is not None:
                message = (
                    f"`{fit.estimator.name}` thins all rows out, the test rows of the split on line {code.line(split)}"
                    " too: scores hold for no real data, resample the training part"
                )
                yield self.finding(code, fit.node, message)
        yield from self._by_name(code, reported)

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


def _only_split_of(code: Code, sampling: Fit) -> cst.CSTNode | None:
    """Return the split of what a sampler gave, where its test part is scored, and the model on no other rows."""
    scored = [one for one in code.flow.data.evaluations if one.scored and one.fit is not None]
    for evaluation in scored:
        split = _tested_split(evaluation)
        if split is None or not _divides(code, split, sampling):
            continue
        if all(_tested_split(other) is split for other in scored if other.fit is evaluation.fit):
            return split
    return None


def _tested_split(evaluation: Evaluation) -> cst.CSTNode | None:
    """Return the split whose test part is scored."""
    lines = (rows.line() for rows in evaluation.features.rows)
    return next((one.split.node for line in lines for one in line if one.split and one.part == "test"), None)


def _divides(code: Code, split: cst.CSTNode, sampling: Fit) -> bool:
    """Is it what the sampler gave that is split?"""
    if not isinstance(split, cst.Call) or not split.args:
        return False
    return any(origin.node is sampling.node for origin in code.values.origins(split.args[0].value))
