"""LRF753: parameters updated one by one in Python."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ...knowledge import table
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code
    from ...code.tree import Node


class PerParameterLoop(Rule):
    """``for p in parameters: p.data.add_(…)`` launches a kernel per parameter; ``torch._foreach_*`` needs a few."""

    code = "LRF753"
    name = "per-parameter-loop"
    severity = Severity.WARNING
    reads_tests = False
    trigger = Trigger(words=(("torch",), ("for",), ("parameters", "named_parameters", "state_dict")))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each loop over parameters that computes on them in every training step."""
        for loop in code.all(cst.For):
            if not _is_over_parameters(code, loop) or not _runs_each_step(code, loop):
                continue
            operation = _operation(code, loop)
            if operation is not None:
                message = (
                    f"`{code.short_text(operation, 36)}` launches a kernel per parameter in every step: use"
                    " `torch._foreach_*` (predicted: a few launches for hundreds)"
                )
                yield self.finding(code, loop, message)


def _is_over_parameters(code: Code, loop: cst.For) -> bool:
    return any(
        isinstance(call.func, cst.Attribute)
        and call.func.attr.value in table("torch_training")["parameters"]["iterators"]
        for call in code.tree.within(loop.iter, cst.Call)
    )


def _runs_each_step(code: Code, loop: cst.For) -> bool:
    """Does the loop run in every training step, or in a method made for that (an EMA's or optimizer's)?"""
    if code.training.is_demo(loop):
        return False
    step = code.training.step(loop)
    if step is not None:
        return not code.rarity.is_rare(loop, step.owner)
    function = code.context.function(loop)
    if not isinstance(function, cst.FunctionDef):
        return False
    owner = code.context.method_owner(function)
    facts = table("torch_training")["parameters"]
    if owner is None or code.rarity.is_rare(loop, function):
        return function.name.value in facts["functions"]
    return function.name.value in facts["methods"] and any(
        word in owner.name.value.lower() for word in facts["classes"]
    )


def _operation(code: Code, loop: cst.For) -> Node | None:
    """Return the first in-place arithmetic on a parameter of the loop; None where it only copies, freezes or counts."""
    targets = {name.value for name in code.tree.within(loop.target, cst.Name)}
    operations = table("torch_training")["parameters"]["operations"]
    for call in code.tree.within(loop.body, cst.Call):
        in_place = isinstance(call.func, cst.Attribute) and call.func.attr.value in operations
        if in_place and any(name.value in targets for name in code.tree.within(call.func, cst.Name)):
            return call
    for assign in code.tree.within(loop.body, cst.Assign):
        target = assign.targets[0].target
        if not isinstance(target, cst.Attribute) or target.attr.value != "data":
            continue
        owner = target.value
        if isinstance(owner, cst.Name) and owner.value in targets and isinstance(assign.value, cst.BinaryOperation):
            return assign
    return None
