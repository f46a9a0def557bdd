"""LRF331: ``class_weight`` passed to a ``fit`` that does not take it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.arguments import keyword_argument, may_give
from ...code.constants import is_none
from ...code.syntax import cst
from ...finding import Edit, Finding, Severity
from ...knowledge import table
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class ClassWeightInFit(Rule):
    """scikit-learn and the boosting libraries take class weights in the constructor; their ``fit`` raises TypeError."""

    code = "LRF331"
    name = "class-weight-in-fit"
    severity = Severity.ERROR
    fixable = "safe"
    trigger = Trigger(words=(("class_weight",), ("fit", "fit_generator")))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each fit that raises because of its ``class_weight``."""
        for call in code.calls("fit", "fit_generator"):
            weight = keyword_argument(call, "class_weight")
            if weight is None or not isinstance(call.func, cst.Attribute) or is_none(weight.value):
                continue
            message = self._message(code, call.func.value, weight.value)
            if message is not None:
                yield self.finding(code, weight, message, self._edit(code, call, weight))

    def _message(self, code: Code, receiver: cst.BaseExpression, weight: cst.BaseExpression) -> str | None:
        facts = table("imbalance")["class_weight"]
        name = code.short_text(receiver, 24)
        made = code.values.made_by(receiver)
        packages = {maker.partition(".")[0] for maker in made}
        if made and packages <= set(facts["raising_packages"]):
            maker = sorted(made)[0].rpartition(".")[2]
            if maker in facts["constructor"]:
                where = f"pass it to `{maker}(class_weight=…)`"
            elif maker in facts["own_argument"]:
                where = f"`{maker}` has {facts['own_argument'][maker]} in its constructor"
            elif maker in facts["sample_weight_only"]:
                where = f"`{maker}` takes `fit(sample_weight=compute_sample_weight('balanced', y))`"
            else:
                where = "weights belong to the constructor of the classifier itself"
            return f"`{name}.fit` does not take class_weight and raises: {where}"
        is_array = _is_array_of_weights(code, weight)
        if not is_array and not _is_text_or_list(code, weight):
            return None
        if made and packages <= set(facts["dict_packages"]):
            given = f"the array `{code.short_text(weight, 20)}`" if is_array else f"`{code.short_text(weight, 20)}`"
            return f"`{name}.fit` wants class_weight as a dict {{class index: weight}}: {given} raises AttributeError"
        if not code.values.is_known(receiver):
            given = "an array" if is_array else "the string"
            return (
                f"no library takes {given} in `{name}.fit(class_weight=…)`: scikit-learn wants it in the"
                " constructor, Keras a dict"
            )
        return None

    @staticmethod
    def _edit(code: Code, call: cst.Call, weight: cst.Arg) -> Edit | None:
        """Return the edit that moves the argument to the constructor, where that is in view and takes it."""
        assert isinstance(call.func, cst.Attribute)
        made = code.imbalance.constructor(call.func.value)
        if made is None or may_give(made, ("class_weight",)):
            return None
        name = (code.qualified_name(made.func) or "").rpartition(".")[2]
        if not code.imbalance.takes_class_weight(name) or not isinstance(weight.value, cst.SimpleString | cst.Dict):
            return None
        edit = code.edit("pass the weights to the constructor", safe=True)
        return (
            edit.append_argument(made, f"class_weight={code.text_of(weight.value)}")
            .remove_argument(call, weight)
            .done()
        )


def _is_text_or_list(code: Code, node: cst.BaseExpression) -> bool:
    if isinstance(node, cst.List):
        return True
    values = code.values.constants(node)
    return bool(values) and all(isinstance(value, str) for value in values or ())


def _is_array_of_weights(code: Code, node: cst.BaseExpression) -> bool:
    """Is it what ``compute_class_weight`` returns, and not yet a dict?"""
    makers = ("sklearn.utils.class_weight.compute_class_weight", "sklearn.utils.compute_class_weight")
    return all(origin.name in makers for origin in code.values.origins(node))
