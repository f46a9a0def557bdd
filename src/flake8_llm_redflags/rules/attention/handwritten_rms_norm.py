"""LRF520: RMSNorm in single operations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class HandwrittenRmsNorm(Rule):
    """x · rsqrt(mean(x²) + eps) is some eight kernels over the same tensor; ``F.rms_norm`` is one."""

    code = "LRF520"
    name = "handwritten-rms-norm"
    severity = Severity.WARNING
    reads_tests = False
    trigger = Trigger(words=(("torch",), ("rsqrt",), ("mean",)))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding at each product of a tensor with the inverse root of its own mean square."""
        if any(True for _ in code.calls("rms_norm")):
            return
        for call in code.calls("rsqrt"):
            product = code.tree.parent(call)
            if isinstance(product, cst.BinaryOperation) and isinstance(product.operator, cst.Multiply):
                scaled = product.left if product.right is call else product.right
                if isinstance(scaled, cst.Name) and _is_mean_square(code, call, scaled.value):
                    message = (
                        f"RMSNorm of `{scaled.value}` by hand runs ~8 kernels over it (predicted 9× the bytes):"
                        " `F.rms_norm(x, shape, weight, eps)` is one; pass eps"
                    )
                    yield self.finding(code, product, message)


def _is_mean_square(code: Code, call: cst.Call, name: str) -> bool:
    """Is this ``rsqrt(x.pow(2).mean(-1, keepdim=True) + eps)`` of the tensor ``name``?"""
    from ...code.tensors import Place

    operation = code.tensors.operation(call)
    total = code.tensors.operation(operation.operands[0]) if operation is not None and operation.operands else None
    if total is None or total.name != "add":
        return False
    mean = code.tensors.operation(code.tensors.followed(Place(total.operands[0])).node)
    if mean is None or mean.name != "mean" or (axis := mean.setting(0, "dim")) is None or code.text_of(axis) != "-1":
        return False
    square = code.tensors.operation(mean.operands[0])
    return square is not None and square.name in ("pow", "square") and code.text_of(square.operands[0]) == name
