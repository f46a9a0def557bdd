"""LRF312: the test part picks the epoch, the boosting round or the checkpoint, and is then reported."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ...knowledge import words
from ..rule import Rule, Trigger
from .triggers import VALIDATION as _VALIDATION

if TYPE_CHECKING:
    from ...code import Code
    from ...code.flow.data import Watch

_TEST = re.compile(r"(?:^|_)test(?:_|$|loader|set|data)", re.I)
#: What picks an epoch, or a name of test data handed to a function.
_SELECTING = (
    r"arly_?[sS]topping",
    "EARLY_STOPPING",
    "load_best_model_at_end",
    "use_best_model",
    "save_best_only",
    "restore_best_weights",
    "ReduceLROnPlateau",
    r"test_?(?:loader|dataloader|data|dataset|set|dl|iter)?\w*\s*[,)]",
)


class TestDrivesStopping(Rule):
    """The best of fifty looks at the test part is too good: the data that is reported on has chosen the model."""

    code = "LRF312"
    name = "test-drives-stopping"
    severity = Severity.ERROR
    trigger = Trigger(
        words=(
            ("validation_data", "eval_set", "evals", "valid_sets", "eval_dataset", "save", "deepcopy", "state_dict"),
            ("predict", "predict_proba", "evaluate", "score", "test_loader", "test_dataloader", "testloader"),
        ),
        pattern=_SELECTING,
    )

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each fit watched on the test part, and each best-epoch branch on a test score."""
        reported = set()
        handed = _names_handed_on(code) if code.flow.data.watches else frozenset()
        for watch in code.flow.data.watches:
            if watch.signal is None or id(watch.node) in reported or not self._is_reported(code, watch):
                continue
            function = code.context.function(watch.node)
            if isinstance(function, cst.FunctionDef) and function.name.value in handed:
                continue  # the objective of a search: its rows are there to choose by
            if self._is_for_choosing(code, watch):
                continue
            reported.add(id(watch.node))
            message = (
                f"`{watch.signal}` picks the model on the test part, whose score is then reported: watch a validation"
                " part cut from the training rows"
            )
            yield self.finding(code, watch.node, message)
        yield from self._best_epochs(code)

    @staticmethod
    def _is_for_choosing(code: Code, watch: Watch) -> bool:
        """Does a name say that the rows are there to choose by, where they are watched or where they were split off?"""
        splits = [one.split.node for rows in watch.features.rows for one in rows.line() if one.split is not None]
        said = [watch.node, *map(code.context.statement, splits)]
        # `eval_set = …; fit(…, eval_set=eval_set)` says nothing
        keywords = words("data", "models", "validation_keywords")
        return any(
            name.value not in keywords and _VALIDATION.search(name.value)
            for node in said
            if node is not None
            for name in code.tree.within(node, cst.Name)
        )

    @staticmethod
    def _is_reported(code: Code, watch: Watch) -> bool:
        """Are the watched rows a test part that is scored afterwards, with no other data left to judge by?"""
        flow = code.flow.data
        rows = watch.features.rows
        if not rows or not all(flow.is_last_test(one, watch.model) for one in rows):
            return False
        if any(one.split is not None and one.split.kind == "folds" for row in rows for one in row.line()):
            return False  # every fold is watched in its turn: the usual out-of-fold scores
        return any(
            evaluation.scored
            and rows & evaluation.features.rows
            and code.tree.comes_before(watch.node, evaluation.node)
            for evaluation in flow.evaluations
        )

    # ---- hand-written loops: names say which loader is the test's, where nothing else does

    def _best_epochs(self, code: Code) -> Iterator[Finding]:
        from ...code.names import last_name

        if any(_VALIDATION.search(name.value) for name in code.all(cst.Name)):
            return
        for branch in code.all(cst.If):
            score = self._compared_score(code, branch)
            if score is None or not any(code.context.loops(branch)):
                continue
            calls = code.tree.within(branch.body, cst.Call)
            if any(last_name(call.func) in words("data", "selection", "keeping") for call in calls):
                message = (
                    f"`{score}` comes from the test data and picks the checkpoint that is kept: choose by validation"
                    " data, test once at the end"
                )
                yield self.finding(code, branch.test, message)

    @staticmethod
    def _compared_score(code: Code, branch: cst.If) -> str | None:
        """Return the name on one side of ``if acc > best`` that a call on test data gave."""
        if not isinstance(branch.test, cst.Comparison) or len(branch.test.comparisons) != 1:
            return None
        for side in (branch.test.left, branch.test.comparisons[0].comparator):
            if not isinstance(side, cst.Name):
                continue
            for binding in code.values.definitions(side):
                call = binding.value
                if isinstance(call, cst.Call) and any(
                    isinstance(arg.value, cst.Name) and _TEST.search(arg.value.value) for arg in call.args
                ):
                    return side.value
        return None


def _names_handed_on(code: Code) -> frozenset[str]:
    """Return the names that stand as arguments: ``objective`` in ``study.optimize(objective, n_trials=50)``."""
    return frozenset(arg.value.value for arg in code.all(cst.Arg) if isinstance(arg.value, cst.Name))
