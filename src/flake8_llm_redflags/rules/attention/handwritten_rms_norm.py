"""LRF520: RMSNorm in single operations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule, Trigger
from .handwritten import is_left_alone, norm_edit
from .triggers import ROOTS, TORCH

if TYPE_CHECKING:
    from ...code import Code


class HandwrittenRmsNorm(Rule):
    """x · rsqrt(mean(x²) + eps) is some eight kernels over the same tensor; ``F.rms_norm`` is one."""

    code = "LRF520"
    name = "handwritten-rms-norm"
    severity = Severity.WARNING
    fixable = "unsafe"
    reads_tests = False
    trigger = Trigger(words=(TORCH, ("mean",)), pattern=ROOTS)

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding at each product of a tensor with the inverse root of its own mean square."""
        if any(code.calls("rms_norm")):  # a fallback or a check of the fused one
            return
        for norm in code.norms.all:
            if norm.kind == "rms" and norm.is_exact and not is_left_alone(code, norm.node):
                message = (
                    f"RMSNorm of `{code.short_text(norm.value, 24)}` by hand runs ~8 kernels over it (predicted 9× the bytes):"
                    " `F.rms_norm(x, shape, weight, eps)` is one; pass eps"
                )
                yield self.finding(code, norm.node, message, norm_edit(code, norm, "rms_norm", safe=False))
