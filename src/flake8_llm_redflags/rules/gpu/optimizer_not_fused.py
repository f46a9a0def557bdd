"""LRF752: an optimizer that is not fused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.arguments import may_give
from ...code.syntax import cst
from ...finding import Edit, Finding, Severity
from ...knowledge import table
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code
    from ...code.tree import Node


class OptimizerNotFused(Rule):
    """``AdamW(params)`` updates in several passes over all parameters; ``fused=True`` does it in one."""

    code = "LRF752"
    name = "optimizer-not-fused"
    severity = Severity.INFO
    preview = True
    fixable = "unsafe"
    reads_tests = False
    trigger = Trigger(words=(("torch",), ("Adam", "AdamW", "SGD", "Adagrad")))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each such optimizer of a file that trains on an accelerator."""
        facts = table("torch_training")["fused"]
        if not code.devices.used or not code.training.backward_calls:
            return
        for call in code.calls(*facts["optimizers"]):
            if not (code.qualified_name(call.func) or "").startswith("torch.optim.") or not call.args:
                continue
            if may_give(call, facts["decided"]) or code.training.is_demo(call) or _has_one_tensor(call.args[0].value):
                continue
            message = (
                f"`{code.short_text(call.func, 24)}` is not fused: `fused=True` reads each parameter once per step"
                " instead of about four times (predicted: 1-3 % of a step)"
            )
            yield self.finding(code, call, message, _edit(code, call))


def _has_one_tensor(parameters: Node) -> bool:
    """Does the optimizer change one tensor only (``Adam([noise])``), where there is little to fuse?"""
    if not isinstance(parameters, (cst.List, cst.Tuple)) or len(parameters.elements) != 1:
        return False
    element = parameters.elements[0]
    return isinstance(element, cst.Element) and not isinstance(element.value, (cst.Dict, cst.Call))


def _edit(code: Code, call: cst.Call) -> Edit:
    return code.edit("fuse the optimizer", safe=False).append_argument(call, "fused=True").done()
