"""LRF311: the only score in the file is on the training rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule, Trigger
from .triggers import FITS

if TYPE_CHECKING:
    from ...code import Code
    from ...code.flow.data import Evaluation, Fit
    from ...code.flow.rows import Split

#: Names of labels that are there to be compared with: ``y_test``, ``valid_labels``.
_OTHER_LABELS = re.compile(
    r"^(?:y|labels?|targets?)_?(?:test|val|valid|validation|dev|eval|hold\w*)\d*$"
    r"|^(?:test|val|valid|validation|dev|eval|hold\w*)_?(?:y|labels?|targets?)\d*$",
    re.I,
)


class ScoredOnTrainOnly(Rule):
    """A forest that has seen its rows knows them by heart; nothing here says how it does on others."""

    code = "LRF311"
    name = "scored-on-train-only"
    severity = Severity.WARNING
    trigger = Trigger(words=(("score", "predict", "evaluate"),), pattern=FITS)

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for the first score of each model, where no score anywhere is on other rows."""
        flow = code.flow.data
        if flow.cross_validations or flow.watches or _divides(code):
            return
        if _tests_its_own_estimator(code):
            return
        scored = [evaluation for evaluation in flow.evaluations if evaluation.scored]
        others = [evaluation for evaluation in flow.evaluations if not evaluation.on_fitted]
        if others and (not all(_has_no_labels(one) for one in others) or _names_other_labels(code)):
            return
        reported = set()
        for evaluation in scored:
            assert evaluation.fit is not None
            if id(evaluation.fit.node) in reported or not _can_learn_by_heart(evaluation.fit):
                continue
            if _is_in_test(code, evaluation.node) or _has_not_seen_the_labels(evaluation):
                continue
            if _holds_rows_back(evaluation.fit) or _is_written_out(code, evaluation.fit):
                continue
            if others and _says_so(code, evaluation.node):
                continue
            reported.add(id(evaluation.fit.node))
            message = (
                f"`{code.short_text(evaluation.node, 40)}` scores the rows of the fit on line"
                f" {code.line(evaluation.fit.node)}, and nothing scores others: hold a test part back"
            )
            yield self.finding(code, evaluation.node, message)


def _divides(code: Code) -> bool:
    """Does the file divide data, and read a part of it?"""
    splits = [split for split in code.flow.data.splits if split.kind in ("random", "folds", "named")]
    uses = Counter(name.value for name in code.all(cst.Name)) if splits else Counter()
    return any(not _is_idle(code, split, uses) for split in splits)


def _is_idle(code: Code, split: Split, uses: Counter[str]) -> bool:
    """Does nobody read the parts that ``X_train, X_test, … = train_test_split(…)`` hands out?"""
    parent = code.tree.parent(split.node)
    if not isinstance(parent, cst.Assign):
        return False
    parts = Counter(name.value for name in code.tree.within(parent.targets[0].target, cst.Name))
    return all(uses[name] == number for name, number in parts.items())


def _has_no_labels(evaluation: Evaluation) -> bool:
    """Is it a mere prediction for another table, like the one that a competition wants back?"""
    fit, rows = evaluation.fit, evaluation.features.rows
    if evaluation.scored or fit is None or not rows or any(map(fit.features.holds, rows)):
        return False
    tables = {table for one in fit.features.rows for table in one.line() if table.part != "joined"}
    return not any(table in tables for one in rows for table in one.line())  # held back from the same table


def _names_other_labels(code: Code) -> bool:
    """Does a name speak of labels of other rows, with which a score by hand may compare?"""
    return any(_OTHER_LABELS.search(name.value) for name in code.all(cst.Name))


def _says_so(code: Code, score: cst.CSTNode) -> bool:
    """Does a text beside the score say that it is the training score?"""
    statement = code.context.statement(score)
    return any("train" in text.value.lower() for text in code.tree.within(statement, cst.SimpleString))


def _can_learn_by_heart(fit: Fit) -> bool:
    """Is it a model whose training score is no description? Least squares and searches with folds inside are others."""
    name = fit.estimator.name
    return fit.estimator.category == "models" and name != "LinearRegression" and not name.endswith("CV")


def _holds_rows_back(fit: Fit) -> bool:
    """Does the fit itself put rows aside and score them after each epoch (Keras)?"""
    return any(arg.keyword is not None and arg.keyword.value == "validation_split" for arg in fit.node.args)


def _is_written_out(code: Code, fit: Fit) -> bool:
    """Are the rows a handful that stand in the code: ``np.array([[1, 2], [2, 3]])``? That shows how a call is made."""
    given = [arg for arg in fit.node.args if arg.keyword is None or arg.keyword.value in ("x", "y", "X")][:2]
    return bool(given) and _is_a_display(code, given[-1].value)


def _is_a_display(code: Code, node: cst.CSTNode, depth: int = 4) -> bool:
    """Does a value come from a list of numbers or texts in the code, shaped and typed on the way?"""
    if isinstance(node, cst.List | cst.Tuple):
        first = node.elements[0].value if node.elements else None
        while isinstance(first, cst.List | cst.Tuple) and first.elements:
            first = first.elements[0].value
        return isinstance(first, cst.BaseNumber | cst.SimpleString)
    if depth == 0:
        return False
    if isinstance(node, cst.Call):
        is_method = isinstance(node.func, cst.Attribute) and code.qualified_name(node.func) is None
        first = node.func.value if is_method else node.args[0].value if node.args else None  # type: ignore[attr-defined]
        return first is not None and _is_a_display(code, first, depth - 1)
    found = [origin.node for origin in code.values.origins(node)]
    return bool(found) and all(one is not node and _is_a_display(code, one, depth - 1) for one in found)


def _has_not_seen_the_labels(evaluation: Evaluation) -> bool:
    """Does a metric compare with labels that the fit was not given, as for detectors of anomalies?"""
    assert evaluation.fit is not None
    function = evaluation.node.func
    is_method = isinstance(function, cst.Attribute) and function.attr.value in ("score", "evaluate")
    return evaluation.fit.target is None and not is_method


def _tests_its_own_estimator(code: Code) -> bool:
    """Does the file write an estimator of its own? Then the library's score stands beside it for comparison."""
    methods = ({s.name.value for s in c.body.body if isinstance(s, cst.FunctionDef)} for c in code.all(cst.ClassDef))
    return any({"fit", "predict"} <= names for names in methods)


def _is_in_test(code: Code, node: cst.CSTNode) -> bool:
    """Does the score stand in a unit test, where it checks that the code runs?"""
    function = code.context.function(node)
    return isinstance(function, cst.FunctionDef) and function.name.value.startswith("test")
