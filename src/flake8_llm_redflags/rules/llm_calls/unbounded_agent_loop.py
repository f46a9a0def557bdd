"""LRF210: an agent that may go on for ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.constants import is_false, is_true
from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule
from .endless_loops import is_endless, is_limited, waits_for_somebody
from .triggers import AGENT_LOOP

if TYPE_CHECKING:
    from ...code import Code


class UnboundedAgentLoop(Rule):
    """A loop in which a model's answer decides alone whether there is another turn: no limit of steps, time or cost."""

    code = "LRF210"
    name = "unbounded-agent-loop"
    severity = Severity.WARNING
    reads_tests = False
    trigger = AGENT_LOOP

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each endless loop that feeds a growing conversation to a model."""
        unbounded: dict[int, bool] = {}
        for call in code.llm.call_sites():
            for loop in code.context.loops(call):
                if id(loop) not in unbounded:
                    unbounded[id(loop)] = isinstance(loop, cst.While) and _is_unbounded(code, loop)
                if isinstance(loop, cst.While) and unbounded[id(loop)] and _is_fed(code, call, loop):
                    unbounded[id(loop)] = False  # one finding is enough
                    yield self._finding(code, call, loop)
                    break

    def _finding(self, code: Code, call: cst.Call, loop: cst.While) -> Finding:
        message = (
            f"only the model's answer ends this loop around `{code.short_text(call.func, 30)}`: one that keeps calling tools"
            " runs up the bill; limit the steps"
        )
        return self.finding(code, loop.test, message)


def _is_unbounded(code: Code, loop: cst.While) -> bool:
    return _is_the_models(code, loop) and not waits_for_somebody(code, loop) and not is_limited(code, loop)


def _is_the_models(code: Code, loop: cst.While) -> bool:
    """Does the loop go on for ever, until a flag that it sets, or as long as the model has it (``while answer.tool_calls``)?"""
    if is_endless(loop) or _is_until_flagged(code, loop):
        return True
    return any(code.taint.model_text(node) is not None for node in code.tree.within(loop.test, cst.Attribute))


def _is_until_flagged(code: Code, loop: cst.While) -> bool:
    """Is this ``while not done``, where the loop itself, or the model's answer, says when it is done?"""
    is_negated = isinstance(loop.test, cst.UnaryOperation) and isinstance(loop.test.operator, cst.Not)
    test = loop.test.expression if is_negated else loop.test
    if not isinstance(test, cst.Name):
        return False
    said = (
        step.value
        for step in code.tree.within(loop, cst.Assign)
        if any(isinstance(target.target, cst.Name) and target.target.value == test.value for target in step.targets)
    )
    return any(is_true(value) or is_false(value) or code.taint.model_text(value) is not None for value in said)


def _is_fed(code: Code, call: cst.Call, loop: cst.While) -> bool:
    """Does a conversation grow in the loop, or in a function of the file that it calls and that keeps it?"""
    if _grows(code, call, loop):
        return True
    function = code.context.called_function(call)
    if function is None:
        return False
    return any(
        _grows(code, inner, function, kept=True)
        for inner in code.tree.within(function, cst.Call)
        if code.llm.is_call_site(inner)
    )


def _grows(code: Code, call: cst.Call, loop: cst.CSTNode, *, kept: bool = False) -> bool:
    """Is something handed to the model that the loop itself adds to, and does not start anew in each turn?

    ``kept``: in a function, only what outlives it counts: an attribute of its object.
    """
    given = {name for name in _handed_over(code, call) if not kept or name.startswith("self.")}
    for step in code.tree.within(loop, cst.Assign):
        given -= {name for target in step.targets if (name := _dotted(target.target)) not in _names(code, step.value)}
    for change in code.tree.within(loop, cst.Call):
        if isinstance(change.func, cst.Attribute) and change.func.attr.value in ("append", "extend"):
            if _dotted(change.func.value) in given:
                return True
    return any(_dotted(step.target) in given for step in code.tree.within(loop, cst.AugAssign)) or any(
        _dotted(target.target) in given for step in code.tree.within(loop, cst.Assign) for target in step.targets
    )


def _handed_over(code: Code, call: cst.Call) -> set[str]:
    """Return the dotted names in the arguments of a call, and those that their values are put together from."""
    given = set()
    for argument in call.args:
        given |= _names(code, argument)
        for name in code.tree.within(argument, cst.Name):
            for binding in code.values.definitions(name):
                if binding.kind == "assign" and binding.value is not None and not isinstance(binding.value, cst.Call):
                    given |= _names(code, binding.value)
    return given


def _names(code: Code, node: cst.CSTNode) -> set[str]:
    return {_dotted(name) for name in code.tree.within(node, cst.Name, cst.Attribute)} - {""}


def _dotted(node: cst.CSTNode) -> str:
    """Return ``self.messages`` for that attribute; an empty string for what is no chain of names."""
    from ...code.names import dotted

    return dotted(node)
