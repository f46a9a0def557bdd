"""LRF313: a parameter, a threshold or a model is chosen by its score on the test part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule, Trigger
from .triggers import FITS
from .triggers import VALIDATION as _VALIDATION

if TYPE_CHECKING:
    from ...code import Code
    from ...code.flow.data import Choice


class TunedOnTest(Rule):
    """Whoever picks the best of many by the test part has no test part left."""

    code = "LRF313"
    name = "tuned-on-test"
    severity = Severity.WARNING
    trigger = Trigger(
        words=(("train_test_split", "ShuffleSplit", "StratifiedShuffleSplit", "load_dataset"),), pattern=FITS
    )

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding at the score that takes part in each choice."""
        reported = set()
        for choice in code.flow.data.choices:
            if not self._is_on_the_test(code, choice):
                continue
            score = max((evaluation.node for evaluation in choice.scores), key=code.tree.start)
            if id(score) in reported or any(
                _VALIDATION.search(name.value) for name in code.tree.within(score, cst.Name)
            ):
                continue
            reported.add(id(score))
            yield self._finding(code, score, choice.node)
        for score, place in self._thresholds(code):
            if id(score) not in reported:
                reported.add(id(score))
                yield self._finding(code, score, place)

    def _finding(self, code: Code, score: cst.CSTNode, place: cst.CSTNode) -> Finding:
        message = (
            f"`{code.short_text(score, 40)}` is a test score that picks the best on line {code.line(place)}:"
            " choose on a validation part, test once"
        )
        return self.finding(code, score, message)

    @staticmethod
    def _is_on_the_test(code: Code, choice: Choice) -> bool:
        """Are all scores on the last test part, and are they of several models or of several turns of a loop?"""
        flow = code.flow.data
        several = len({id(evaluation.node) for evaluation in choice.scores}) > 1
        if not several and not all(evaluation.in_loop for evaluation in choice.scores):
            return False
        return all(
            evaluation.features.rows and all(flow.is_last_test(rows) for rows in evaluation.features.rows)
            for evaluation in choice.scores
        )

    # ---- thresholds: `best = thresholds[np.argmax(f1)]`, where f1 comes from the test part, which `best` then cuts

    def _thresholds(self, code: Code) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
        """Yield the test score and the choice of each threshold that test rows pick and are then scored with."""
        places = list(code.calls("argmax", "argmin", "nanargmax", "idxmax"))
        if not places:
            return
        flow = code.flow.data
        tests = {
            id(one.node): one
            for one in flow.evaluations
            if one.scored and one.features.rows and all(flow.is_last_test(rows) for rows in one.features.rows)
        }
        cuts: dict[tuple[int, str], cst.CSTNode] = {}  # the first comparison with a name, by function
        for node in code.all(cst.Comparison):
            for name in code.tree.within(node, cst.Name):
                cuts.setdefault((id(code.context.function(node)), name.value), node)
        indexed: dict[tuple[int, str], list[cst.CSTNode]] = {}  # where a name is an index
        for element in code.all(cst.SubscriptElement):
            if isinstance(element.slice, cst.Index) and isinstance(element.slice.value, cst.Name):
                key = (id(code.context.function(element)), element.slice.value.value)
                indexed.setdefault(key, []).append(element)
        for place in places:
            found = next((tests[id(node)] for node in _made_of(code, place) if id(node) in tests), None)
            if found is None or any(_VALIDATION.search(n.value) for n in code.tree.within(found.node, cst.Name)):
                continue
            scope = id(code.context.function(place))
            picked = list(_targets(code, place))
            if not any(isinstance(above, cst.SubscriptElement) for above in code.tree.ancestors(place)):
                elements = (element for name in picked for element in indexed.get((scope, name), ()))
                picked = [name for element in elements for name in _targets(code, element)]
            cut = next((cuts[scope, name] for name in picked if (scope, name) in cuts), None)
            if cut is not None and any(
                one.features.rows & found.features.rows
                and (code.tree.comes_before(cut, one.node) or code.tree.contains(one.node, cut))
                for one in reversed(tests.values())
            ):
                yield found.node, place


def _made_of(code: Code, node: cst.CSTNode, depth: int = 3) -> Iterator[cst.CSTNode]:
    """Yield the calls that a value is computed from, names followed a few steps back."""
    yield from code.tree.within(node, cst.Call)
    if depth == 0:
        return
    for name in code.tree.within(node, cst.Name):
        for origin in code.values.origins(name):
            if origin.node is not name and not isinstance(origin.node, cst.Name | cst.Param):
                yield from _made_of(code, origin.node, 0 if isinstance(origin.node, cst.Call) else depth - 1)


def _targets(code: Code, node: cst.CSTNode) -> Iterator[str]:
    """Yield the names that the statement around a node assigns to."""
    for assign in code.tree.within(code.context.statement(node), cst.Assign):
        for target in assign.targets:
            if isinstance(target.target, cst.Name):
                yield target.target.value
