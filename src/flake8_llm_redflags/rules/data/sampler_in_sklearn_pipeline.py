"""LRF309: an imbalanced-learn sampler in scikit-learn's own pipeline, which refuses it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ...knowledge import table
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class SamplerInSklearnPipeline(Rule):
    """scikit-learn's pipeline takes transformers only; a sampler changes the number of rows and raises TypeError."""

    code = "LRF309"
    name = "sampler-in-sklearn-pipeline"
    severity = Severity.ERROR
    fixable = "safe"
    trigger = Trigger(words=(("Pipeline", "make_pipeline"), ("imblearn",), ("sklearn",)))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each scikit-learn pipeline with a sampler among its steps."""
        facts = table("data")["samplers"]
        samplers = {*facts["row_creating"], *facts["row_removing"]}
        for node in code.all(cst.Call):
            qualified = code.qualified_name(node.func)
            if qualified not in ("sklearn.pipeline.Pipeline", "sklearn.pipeline.make_pipeline"):
                continue
            sampler = next(
                (name for step in self._steps(code, node) if (name := self._class(code, step)) in samplers), None
            )
            if sampler is not None:
                name = qualified.rpartition(".")[2]
                edit = code.edit("use imbalanced-learn's pipeline", safe=True)
                edit = edit.replace(node.func, f"imblearn.pipeline.{name}").importing("imblearn.pipeline").done()
                message = (
                    f"scikit-learn's {name} raises TypeError for `{sampler}`, which changes the number of rows:"
                    f" use imblearn.pipeline.{name}"
                )
                yield self.finding(code, node, message, edit)

    @staticmethod
    def _steps(code: Code, node: cst.Call) -> Iterator[cst.BaseExpression]:
        """Yield the estimators of ``Pipeline([("name", estimator), …])`` and ``make_pipeline(estimator, …)``."""
        for arg in node.args:
            origin = next((o.node for o in code.values.origins(arg.value) if isinstance(o.node, cst.List)), None)
            if origin is None:
                yield arg.value
                continue
            for element in origin.elements:
                pair = element.value
                if isinstance(pair, cst.Tuple) and len(pair.elements) == 2:
                    yield pair.elements[1].value

    @staticmethod
    def _class(code: Code, step: cst.BaseExpression) -> str | None:
        made = [name for name in code.values.made_by(step) if name.startswith("imblearn.")]
        return made[0].rpartition(".")[2] if made else None
