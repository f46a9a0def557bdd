"""LRF308: the test part is resampled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code
    from ...code.flow.data import Evaluation
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
        divided = {id(node): split for split in _only_splits(code) for node in _given_to(code, split)}
        for fit in {id(fit.node): fit for fit in code.flow.data.fits}.values():
            if fit.estimator.category not in ("row_creating", "row_removing") or not fit.features.rows:
                continue
            if all(_is_within_a_test(rows) for rows in fit.features.rows):
                reported.add(id(fit.node))
                yield self._on_the_test(code, fit.node, f"`{fit.estimator.name}`")
            elif fit.estimator.category == "row_removing" and id(fit.node) in divided:
                split = divided[id(fit.node)]
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


def _only_splits(code: Code) -> list[cst.CSTNode]:
    """Return each split whose test part is scored with a model that is scored on no other rows."""
    splits: dict[int, list[cst.CSTNode | None]] = {}
    for evaluation in code.flow.data.evaluations:
        if evaluation.scored and evaluation.fit is not None:
            splits.setdefault(id(evaluation.fit), []).append(_tested_split(evaluation))
    found = (one[0] for one in splits.values() if all(split is one[0] for split in one))
    return list({id(split): split for split in found if split is not None}.values())


def _tested_split(evaluation: Evaluation) -> cst.CSTNode | None:
    """Return the split whose test part is scored."""
    lines = (rows.line() for rows in evaluation.features.rows)
    return next((one.split.node for line in lines for one in line if one.split and one.part == "test"), None)


def _given_to(code: Code, split: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield the calls that gave what is split."""
    if isinstance(split, cst.Call) and split.args:
        yield from (origin.node for origin in code.values.origins(split.args[0].value))
