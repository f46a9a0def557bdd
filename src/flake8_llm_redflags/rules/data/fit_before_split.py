"""LRF301: a scaler, imputer or vectoriser fitted on rows that later become test rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Edit, Finding, Severity
from ..rule import Rule, Trigger
from .triggers import DIVIDED, FITS, JUDGED

if TYPE_CHECKING:
    from ...code import Code
    from ...code.flow.data import Leak


class FitBeforeSplit(Rule):
    """A transformer that was fitted on all rows has seen the test rows: the score is not that of unseen data."""

    code = "LRF301"
    name = "fit-before-split"
    severity = Severity.WARNING
    fixable = "unsafe"
    trigger = Trigger(words=(JUDGED, DIVIDED), pattern=FITS)

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each fit whose rows are divided into training and test rows, before or after it."""
        for leak in code.flow.data.leaks_of("transformer", sinks=("split", "evaluation")):
            fit = leak.statistic.node
            first = code.tree.comes_before(fit, leak.sink) or code.tree.contains(leak.sink, fit)
            place = f"{'then' if first else 'but they are'} split on line {code.line(leak.sink)}"
            message = (
                f"{leak.statistic.what} is fitted on all rows{_of_what(code, fit)}, {place}:"
                " fit it on the training part only"
            )
            yield self.finding(code, fit, message, self._edit(code, leak))

    def _edit(self, code: Code, leak: Leak) -> Edit | None:
        """Return the edit that fits on the training part, where a split before the fit has named it."""
        fit, split = leak.statistic.node, leak.sink
        if not isinstance(fit, cst.Call) or not fit.args or not code.tree.comes_before(split, fit):
            return None
        train = _training_part(code, split, fit.args[0].value)
        if train is None:
            return None
        return code.edit(f"fit on `{train}`", safe=False).replace(fit.args[0].value, train).done()


def _of_what(code: Code, fit: cst.CSTNode) -> str:
    if isinstance(fit, cst.Call) and fit.args and isinstance(fit.args[0].value, cst.Name | cst.Attribute):
        return f" of `{code.short_text(fit.args[0].value, 24)}`"
    return ""


def _training_part(code: Code, split: cst.CSTNode, fitted: cst.CSTNode) -> str | None:
    """Return the name that ``a_train, a_test, … = train_test_split(a, …)`` gives to the training part of ``fitted``."""
    statement = code.tree.parent(split)
    if not isinstance(split, cst.Call) or not isinstance(statement, cst.Assign) or not isinstance(fitted, cst.Name):
        return None
    target = statement.targets[0].target
    arrays = [arg.value for arg in split.args if arg.keyword is None and not arg.star]
    place = next((i for i, a in enumerate(arrays) if isinstance(a, cst.Name) and a.value == fitted.value), None)
    if place is None or not isinstance(target, cst.Tuple) or len(target.elements) != 2 * len(arrays):
        return None
    train = target.elements[2 * place].value
    return train.value if isinstance(train, cst.Name) and train.value != fitted.value else None
