"""LRF704: a device tensor decides a Python branch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code
    from ...code.tree import Node


class TensorTruthValue(Rule):
    """``if mask.any():`` waits for the device before Python can go on: once per layer, per step or per token."""

    code = "LRF704"
    name = "tensor-truth-value"
    severity = Severity.WARNING
    reads_tests = False
    trigger = Trigger(words=(("torch",), ("if", "while", "assert")))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each condition in hot code that is a tensor on the device."""
        for node in code.all(cst.If, cst.While, cst.IfExp, cst.Assert):
            for part in _parts(node.test):
                if _is_tensor(code, part) and (hot := code.training.hot(part)) is not None:
                    if code.devices.kind(part) != "device" and hot.kind != "forward":
                        continue
                    often = {"step": "training step", "forward": "forward pass", "model loop": "turn of the loop"}[
                        hot.kind
                    ]
                    message = (
                        f"`{code.short_text(part, 36)}` is a tensor: the host waits for the GPU every"
                        f" {often} (gain predicted); use `torch.where` or a flag known on the host"
                    )
                    yield self.finding(code, part, message)
                    break


def _parts(test: Node) -> Iterator[Node]:
    """Yield the operands of a condition, below ``not``, ``and``, ``or`` and ``bool()``."""
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        yield from _parts(test.expression)
    elif isinstance(test, cst.BooleanOperation):
        yield from _parts(test.left)
        yield from _parts(test.right)
    elif (
        isinstance(test, cst.Call)
        and isinstance(test.func, cst.Name)
        and test.func.value == "bool"
        and len(test.args) == 1
    ):
        yield from _parts(test.args[0].value)
    else:
        yield test


def _is_tensor(code: Code, part: Node) -> bool:
    """Is an operand of a condition a tensor, on the device or (as in a module's ``forward``) wherever the module is?"""
    if not isinstance(part, (cst.Name, cst.Comparison, cst.Call, cst.Subscript)):
        return False
    kind = code.devices.kind(part)
    if kind not in ("device", "tensor"):
        return False
    if isinstance(part, cst.Call):
        return True
    if isinstance(part, cst.Comparison):  # a bare `k > 1` in `forward` may well be a number
        return kind == "device" or any(code.devices.kind(call).is_tensor for call in code.tree.within(part, cst.Call))
    if isinstance(part, cst.Name):  # a flag: only where this function computes it right here
        values = [b.value for b in code.values.definitions(part) if b.kind == "assign" and not b.path]
        made = [value for value in values if isinstance(value, (cst.Comparison, cst.Call, cst.BinaryOperation))]
        return kind == "device" and bool(made) and len(made) == len(code.values.definitions(part))
    return kind == "device" and isinstance(part, cst.Subscript)
