"""Rare classes: does the code itself show that the data has them, deal with them, and measure them?"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

import libcst as cst

from ..knowledge import table
from .arguments import argument, has_star_arguments, keyword
from .constants import is_none
from .names import last_name
from .tree import Node

if TYPE_CHECKING:
    from .flow.facts import Data
    from .flow.rows import Rows
    from .program import Code

_PERCENT = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d+)?)\s?%")
_RATIO = re.compile(r"(?<![\d:.])(\d{1,4})\s?(?::|/|to)\s?(\d{1,4})(?![\d:.])")
_CLASS_WORDS = re.compile(
    r"class|label|positiv|negativ|majority|minority|fraud|normal|imbalanc|anomal|churn|zeros?\b|ones?\b", re.I
)
_SCORE_WORDS = re.compile(r"accura|score|recall|precision|auc|f1|train|test|split|confiden|quantile", re.I)


class Imbalance:
    """Answers for one file; made by ``code.imbalance``."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self._facts: dict[str, Any] = table("imbalance")

    # ---- what shows it

    def stated_share(self, call: cst.Call) -> str | None:
        """Return the extreme share that the comment on the call's own line states: ``99% class 0``, ``99:1``."""
        comment = self._code.comment_on(call)
        if not comment:
            return None
        rare = self._facts["evidence"]["rare_share"]
        ratio = _RATIO.search(comment)
        if ratio is not None:
            small, large = sorted((int(ratio[1]), int(ratio[2])))
            if small > 0 and small / (small + large) <= rare and not _SCORE_WORDS.search(comment):
                return ratio[0]
        if not _CLASS_WORDS.search(comment) or _SCORE_WORDS.search(comment):
            return None
        for found in _PERCENT.finditer(comment):
            share = float(found[1]) / 100
            if share <= rare or 1 - rare <= share < 1:
                return found[0]
        return None

    def shown_by_target(self, target: Data) -> str | None:
        """Return what shows that a target has a rare class: a known data set, a generator with such weights."""
        return next((shown for rows in target.rows if (shown := self._shown_by_rows(rows, target.column))), None)

    def _shown_by_rows(self, rows: Rows, column: str | None) -> str | None:
        origins, waiting = [], [rows]
        while waiting:
            one = waiting.pop()
            if one.parents:
                waiting.extend(one.parents)
            else:
                origins.append(one.node)
        return next((shown for node in origins if (shown := self._shown_by(node, column)) is not None), None)

    def _shown_by(self, node: Node, column: str | None) -> str | None:
        if not isinstance(node, cst.Call):
            return None
        name = last_name(node.func)
        if (share := self._smallest_share(name, node)) is not None:
            if share <= self._facts["evidence"]["rare_share"]:
                made = f"make_classification gives one class {share:.3g} of the rows"
                return made if name == "make_classification" else f"one class is drawn with p={share:.3g}"
        elif name in self._facts["evidence"]["functions"]:
            return f"{name} gives imbalanced data"
        else:
            for value in self._strings(node):
                for data_set in self._facts["evidence"]["data_sets"]:
                    expected = self._facts["evidence"]["targets"].get(data_set)
                    if data_set in value.lower() and (column is None or column.lower() == (expected or column.lower())):
                        return f"{value.rpartition('/')[2]} has a rare class"
        return None

    def _smallest_share(self, name: str | None, call: cst.Call) -> float | None:
        """Return the share of the rarest class where literals in a call that makes classes state it."""
        if name == "make_classification":
            return self._smallest_weight(keyword(call, "weights"))
        if name == "choice":
            return self._smallest_weight(keyword(call, "p"))
        chance = argument(call, 1, "p") if name == "binomial" else None
        return min(chance.evaluated_value, 1 - chance.evaluated_value) if isinstance(chance, cst.Float) else None

    def _smallest_weight(self, node: Node | None) -> float | None:
        """Return the share of the rarest class that a literal list of weights gives."""
        if not isinstance(node, (cst.List, cst.Tuple)):
            return None
        values = [element.value for element in node.elements]
        if not values or not all(isinstance(value, (cst.Float, cst.Integer)) for value in values):
            return None
        weights = [float(value.evaluated_value) for value in values]  # type: ignore[attr-defined]
        rest = 1 - sum(weights)
        return min([*weights, rest] if len(weights) == 1 or rest > 1e-9 else weights)

    def _strings(self, call: cst.Call) -> list[str]:
        """Return the texts among the arguments of a call, and those that a path is put together from."""
        found = []
        for arg in call.args:
            values = self._code.values.constants(arg.value)
            if values is not None:
                found += [value for value in values if isinstance(value, str)]
                continue
            for origin in self._code.values.origins(arg.value):
                for text in self._code.tree.within(origin.node, cst.SimpleString, cst.FormattedStringText):
                    found.append(str(text.evaluated_value) if isinstance(text, cst.SimpleString) else text.value)
        return found

    # ---- what deals with it

    @cached_property
    def is_handled(self) -> bool:
        """Does anything in the file weight, resample, move the threshold or use probabilities?"""
        handling = self._facts["handling"]
        samplers = table("data")["samplers"]
        names = (*handling["names"], *samplers["row_creating"], *samplers["row_removing"])
        if self._is_called({*names, "predict_proba", "decision_function"}):
            return True
        if any(self._is_kept(call) for call in self._code.calls("sample")):
            return True
        keywords = set(handling["keywords"])
        return any(
            arg.keyword is not None and arg.keyword.value in keywords and not is_none(arg.value)
            for arg in self._code.all(cst.Arg)
        )

    def _is_called(self, names: set[str]) -> bool:
        """Does the file call any of these, under the names that it imports them by?"""
        return any(self._code.calls(*names, *self._code.names.renamed(names)))

    def _is_kept(self, call: cst.Call) -> bool:
        """Is the result of ``df.sample(…)`` used, not just shown?"""
        return not isinstance(self._code.tree.parent(call), cst.Expr)

    def weights_call(self, call: cst.Call) -> bool:
        """Does the fit itself, or what made its object, weight the classes or hide how?"""
        keywords = set(self._facts["handling"]["keywords"])
        calls = [call]
        if isinstance(call.func, cst.Attribute):
            calls += [o.node for o in self._code.values.origins(call.func.value) if isinstance(o.node, cst.Call)]
        return any(
            has_star_arguments(one)
            or any(arg.keyword is not None and arg.keyword.value in keywords for arg in one.args)
            for one in calls
        )

    # ---- what measures it

    @cached_property
    def aware_metric(self) -> bool:
        """Is there a metric, scorer or report that sees the rare class?"""
        aware = set(self._facts["metrics"]["aware"])
        if self._is_called(aware) or any(map(self._crosses_predictions, self._code.calls("crosstab"))):
            return True
        return any(node.evaluated_value in aware for node in self._code.all(cst.SimpleString))

    def _crosses_predictions(self, call: cst.Call) -> bool:
        """Is it a confusion matrix: ``pd.crosstab(y_test, model.predict(X_test))``?"""
        origins = (origin.node for arg in call.args for origin in self._code.values.origins(arg.value))
        return any(isinstance(node, cst.Call) and last_name(node.func) == "predict" for node in origins)

    def is_accuracy(self, call: cst.Call, model: str) -> bool:
        """Is the score that a call gives plain accuracy? ``model`` is the class that is scored."""
        name = (self._code.qualified_name(call.func) or last_name(call.func) or "").rpartition(".")[2]
        if name in ("score", "cross_val_score"):
            scoring = keyword(call, "scoring")
            by_itself = scoring is None or is_none(scoring) or self._code.values.constants(scoring) == ["accuracy"]
            return by_itself and not self.is_regressor(model)
        if name in ("evaluate", "evaluate_generator"):
            names = set(self._facts["metrics"]["accuracy_names"])
            return any(node.evaluated_value in names for node in self._code.all(cst.SimpleString))
        return name in self._facts["metrics"]["accuracy"]

    @staticmethod
    def is_regressor(model: str) -> bool:
        """Does the name of a class say that it predicts numbers?"""
        return model.endswith(("Regressor", "Regression", "Ridge", "Lasso", "SVR")) and model != "LogisticRegression"

    # ---- where weights belong

    def constructor(self, receiver: Node) -> cst.Call | None:
        """Return the one call in view that made the object."""
        origins = self._code.values.origins(receiver)
        calls = [origin.node for origin in origins if origin.kind == "call" and isinstance(origin.node, cst.Call)]
        return calls[0] if len(calls) == len(origins) == 1 else None

    def takes_class_weight(self, class_name: str) -> bool:
        """Does the constructor of this class take ``class_weight``?"""
        return class_name in self._facts["class_weight"]["constructor"]
