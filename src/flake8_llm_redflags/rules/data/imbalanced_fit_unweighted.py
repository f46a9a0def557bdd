"""LRF330: a classifier fitted without weights on data that the code itself shows to be imbalanced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Edit, Finding, Severity
from ..rule import Rule, Trigger
from ..trigger import Text
from .triggers import may_show_imbalance

if TYPE_CHECKING:
    from ...code import Code

#: A share in the comment on a fit.
_STATED = r"fit\(.*#.*\d\s?(?:%|:\s?\d|/\s?\d|to \d)"


def _may_be_imbalanced(text: Text) -> bool:
    return text.holds(_STATED) or may_show_imbalance(text)


class ImbalancedFitUnweighted(Rule):
    """With one class in a hundred, a model that never finds it is right ninety-nine times out of a hundred."""

    code = "LRF330"
    name = "imbalanced-fit-unweighted"
    severity = Severity.WARNING
    fixable = "unsafe"
    trigger = Trigger(words=(("fit",),), test=_may_be_imbalanced)

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each unweighted fit where a comment on it, or its data, shows a rare class."""
        stated = set()
        for call in code.calls("fit"):
            if len(call.args) < 2 or not isinstance(call.func, cst.Attribute):
                continue
            share = code.imbalance.stated_share(call)
            if share is not None and not code.imbalance.weights_call(call):
                stated.add(id(call))
                yield self._finding(code, call, f"although the classes stand at {share}")
        if code.imbalance.is_handled or code.imbalance.aware_metric:
            return
        for training in code.flow.data.trainings:
            call, target = training.node, training.target
            if target is None or id(call) in stated or code.imbalance.is_regressor(training.estimator.name):
                continue
            shown = code.imbalance.shown_by_target(target)
            if shown is not None and not self._is_scored(code):
                stated.add(id(call))
                yield self._finding(code, call, f"although {shown}")

    @staticmethod
    def _is_scored(code: Code) -> bool:
        """Is there a score at all? Then accuracy-on-imbalance speaks about it, at the score."""
        flow = code.flow.data
        return bool(flow.folded) or any(evaluation.scored for evaluation in flow.evaluations)

    def _finding(self, code: Code, call: cst.Call, reason: str) -> Finding:
        assert isinstance(call.func, cst.Attribute)
        message = (
            f"`{code.short_text(call.func.value, 24)}` is fitted unweighted {reason}: measure recall or PR-AUC,"
            " then weight or move the threshold"
        )
        return self.finding(code, call, message, self._edit(code, call.func.value))

    @staticmethod
    def _edit(code: Code, receiver: cst.BaseExpression) -> Edit | None:
        """Return the edit that weights the classes in the constructor, where it is in view and takes the argument."""
        made = code.imbalance.constructor(receiver)
        if made is None:
            return None
        name = (code.qualified_name(made.func) or "").rpartition(".")[2]
        if not code.imbalance.takes_class_weight(name):
            return None
        return code.edit("weight the classes", safe=False).append_argument(made, 'class_weight="balanced"').done()
