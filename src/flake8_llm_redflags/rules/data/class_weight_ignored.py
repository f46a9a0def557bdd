"""LRF332: class weights that are accepted and have no effect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.arguments import keyword_argument
from ...code.constants import is_none
from ...code.syntax import cst
from ...finding import Finding, Severity
from ...knowledge import table
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class ClassWeightIgnored(Rule):
    """The call runs, the model is the same as without the weights, and nobody is told."""

    code = "LRF332"
    name = "class-weight-ignored"
    severity = Severity.ERROR
    trigger = Trigger(words=(("class_weight",),))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each ``class_weight`` that the library takes and drops."""
        facts = table("imbalance")["class_weight"]
        for call in code.calls(*facts["ignored"]):
            weight = _weight(call)
            name = (code.qualified_name(call.func) or "").rpartition(".")
            if weight is not None and (not name[0] or name[0].startswith("xgboost")):
                message = (
                    f"`{code.short_text(call.func)}` takes class_weight and drops it: the model is the same without,"
                    " use scale_pos_weight or sample_weight"
                )
                yield self.finding(code, weight, message)
        for call in code.calls("fit", "fit_generator"):
            weight = _weight(call)
            if weight is None or not isinstance(call.func, cst.Attribute):
                continue
            packages = {maker.partition(".")[0] for maker in code.values.made_by(call.func.value)}
            if packages and packages <= set(facts["dict_packages"]) and _has_text_keys(code, weight.value):
                message = (
                    "Keras looks class weights up by class index: a dict with text keys is accepted and has no effect,"
                    " use {0: …, 1: …}"
                )
                yield self.finding(code, weight, message)


def _weight(call: cst.Call) -> cst.Arg | None:
    given = keyword_argument(call, "class_weight")
    return given if given is not None and not is_none(given.value) else None


def _has_text_keys(code: Code, node: cst.BaseExpression) -> bool:
    """Is it a dict in view, all of whose keys are texts?"""
    dicts = [origin.node for origin in code.values.origins(node)]
    if len(dicts) != 1 or not isinstance(dicts[0], cst.Dict) or not dicts[0].elements:
        return False
    return all(isinstance(e, cst.DictElement) and isinstance(e.key, cst.SimpleString) for e in dicts[0].elements)
