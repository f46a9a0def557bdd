"""LRF505: MultiheadAttention computes weights that nobody takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.arguments import has_star_arguments, keyword
from ...code.constants import as_index
from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class AttentionWeightsDiscarded(Rule):
    """``need_weights`` is on by default: the module then leaves the fused path and averages a T×T matrix for nothing."""

    code = "LRF505"
    name = "attention-weights-discarded"
    severity = Severity.WARNING
    fixable = "safe"
    reads_tests = False
    trigger = Trigger(words=(("torch",), ("MultiheadAttention",)))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each call of a module whose second result is dropped on the spot."""
        for call in code.all(cst.Call):
            if not _drops_weights(code, call) or has_star_arguments(call) or len(call.args) > 4:
                continue
            if keyword(call, "need_weights") is None and code.values.made_by(call.func) == {
                "torch.nn.MultiheadAttention"
            }:
                edit = code.edit("ask for no weights", safe=True).append_argument(call, "need_weights=False").done()
                message = (
                    f"`{code.short_text(call.func)}` computes T×T weights that are dropped, off the fused path (module predicted 1.3–1.8×"
                    "): pass `need_weights=False`"
                )
                yield self.finding(code, call, message, edit)


def _drops_weights(code: Code, call: cst.Call) -> bool:
    """``attn(...)[0]``, or ``y, _ = attn(...)``."""
    parent = code.tree.parent(call)
    if isinstance(parent, cst.Subscript) and parent.value is call and len(parent.slice) == 1:
        return as_index(parent.slice[0].slice) == 0
    if isinstance(parent, cst.Assign) and len(parent.targets) == 1:
        target = parent.targets[0].target
        if isinstance(target, cst.Tuple) and len(target.elements) == 2:
            second = target.elements[1].value
            return isinstance(second, cst.Name) and second.value == "_"
    return False
