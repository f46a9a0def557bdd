"""LRF761: gradients accumulated under DistributedDataParallel, all-reduced after every micro-batch."""

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


class AccumulationWithoutNoSync(Rule):
    """DDP averages gradients over all GPUs in every ``backward``; all but the last of an accumulation are in vain."""

    code = "LRF761"
    name = "accumulation-without-no-sync"
    severity = Severity.WARNING
    reads_tests = False
    trigger = Trigger(
        words=(("torch",),), pattern=("DistributedDataParallel", r"DDP\b", r"torch\.distributed", "all_reduce")
    )

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each backward pass of an accumulation that reduces every time."""
        if not _is_distributed(code) or _is_handled(code):
            return
        for call in code.training.backward_calls:
            loop = next(code.context.loops(call), None)
            if loop is None or not code.training.is_step_loop(loop) or code.rarity.is_rare(call, loop):
                continue
            if _accumulates(code, loop, call):
                message = (
                    f"`{code.short_text(call, 32)}` all-reduces all gradients for every micro-batch: run all but"
                    " the last under `no_sync()` (predicted: k reductions become 1)"
                )
                yield self.finding(code, call, message)


def _is_distributed(code: Code) -> bool:
    """Does the file wrap a model in DDP, or reduce over ranks as code that is run under DDP does?"""
    if any("DistributedDataParallel" in module for module in code.names.imported_modules):
        return True
    if any(node.attr.value == "DistributedDataParallel" for node in code.all(cst.Attribute)):
        return True
    return any("all_reduce" in node.attr.value for node in code.all(cst.Attribute))


def _is_handled(code: Code) -> bool:
    """Does the file hold the reduction back, or leave it to a framework that does?"""
    facts = table("torch_training")["accumulation"]
    handled = set(facts["handled"])
    if any(node.attr.value in handled for node in code.all(cst.Attribute)):
        return True
    if any(arg.keyword is not None and arg.keyword.value in handled for arg in code.all(cst.Arg)):
        return True
    return any(set(module.split(".")) & set(facts["frameworks"]) for module in code.names.imported_modules)


def _accumulates(code: Code, loop: Node, backward: cst.Call) -> bool:
    """Does the loop step its optimizer only every few turns?"""
    if any(
        _has_modulo(code, arg.value) for arg in backward.args
    ):  # `scaler(loss, optimizer, update_grad=(i + 1) % k == 0)`
        return True
    steps = [
        call
        for call in code.calls("step")
        if code.tree.contains(loop, call) and isinstance(call.func, cst.Attribute) and _steps_optimizer(code, call)
    ]
    return bool(steps) and all(
        any(
            _has_modulo(code, test) and taken
            for test, taken in code.context.conditions(call)
            if code.tree.contains(loop, test)
        )
        for call in steps
    )


def _steps_optimizer(code: Code, call: cst.Call) -> bool:
    assert isinstance(call.func, cst.Attribute)
    if call.args:  # `scaler.step(optimizer)`
        return code.devices.kind(call.args[0].value) == "optimizer"
    return code.devices.kind(call.func.value) == "optimizer"


def _has_modulo(code: Code, test: Node) -> bool:
    if any(isinstance(op.operator, cst.Modulo) for op in code.tree.within(test, cst.BinaryOperation)):
        return True
    return any(
        binding.kind == "assign" and binding.value is not None
        and any(isinstance(op.operator, cst.Modulo) for op in code.tree.within(binding.value, cst.BinaryOperation))
        for name in code.tree.within(test, cst.Name)
        for binding in code.values.definitions(name)
    )  # fmt: skip
