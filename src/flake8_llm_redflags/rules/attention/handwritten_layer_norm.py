"""LRF521: LayerNorm in single operations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule, Trigger
from .handwritten import is_left_alone, norm_edit
from .triggers import ROOTS, TORCH

if TYPE_CHECKING:
    from ...code import Code
    from ...code.norms import Norm
    from ...code.tree import Node


class HandwrittenLayerNorm(Rule):
    """Mean, variance, root, quotient, weight and bias are some eight kernels over one tensor; ``F.layer_norm`` is one."""

    code = "LRF521"
    name = "handwritten-layer-norm"
    severity = Severity.WARNING
    fixable = "both"
    reads_tests = False
    trigger = Trigger(words=(TORCH, ("mean", "var_mean", "std_mean")), pattern=("std", *ROOTS))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding where the normalisation is computed."""
        if any(code.calls("layer_norm")):  # a fallback or a check of the fused one
            return
        for norm in code.norms.all:
            if norm.kind == "layer" and _is_meant(norm) and not is_left_alone(code, norm.node):
                safe = all(_is_vector(code, part) for part in (norm.weight, norm.bias) if part is not None)
                yield self.finding(
                    code, norm.node, _message(code, norm), norm_edit(code, norm, "layer_norm", safe=safe)
                )


def _is_meant(norm: Norm) -> bool:
    """Is it LayerNorm, or with weight and bias clearly meant to be? Else any standardised row would be one."""
    return norm.is_exact or (norm.weight is not None and norm.bias is not None)


def _message(code: Code, norm: Norm) -> str:
    value = code.short_text(norm.value, 24)
    if norm.is_exact:
        return (
            f"LayerNorm of `{value}` by hand runs ~8 kernels over it (predicted 5× the bytes):"
            " `F.layer_norm(x, shape, weight, bias, eps)` is one"
        )
    return (
        f"LayerNorm of `{value}` by hand runs ~8 kernels over it, and its deviation is not `nn.LayerNorm`'s:"
        " use that, but for weights trained with this"
    )


def _is_vector(code: Code, part: Node) -> bool:
    """Is this ``self.weight = nn.Parameter(torch.ones(size))``, with the one axis that ``F.layer_norm`` wants?"""
    for origin in code.values.origins(part):
        made = origin.node
        if origin.name != "torch.nn.Parameter" or not isinstance(made, cst.Call) or not made.args:
            return False
        filled = made.args[0].value
        sizes = [arg.value for arg in filled.args if arg.keyword is None] if isinstance(filled, cst.Call) else []
        if len(sizes) != 1 or not isinstance(sizes[0], (cst.Name, cst.Attribute, cst.Integer)):
            return False
    return True
