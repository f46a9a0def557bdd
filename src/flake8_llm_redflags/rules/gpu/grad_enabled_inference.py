"""LRF740: evaluation or sampling with autograd on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Edit, Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code
    from ...code.tree import Node


class GradEnabledInference(Rule):
    """``model.eval()`` does not stop autograd: all activations are kept for a backward pass that never comes."""

    code = "LRF740"
    name = "grad-enabled-inference"
    severity = Severity.WARNING
    fixable = "both"
    reads_tests = False
    trigger = Trigger(
        words=(("torch",),),
        pattern=(r"\.eval\(", r"def \w*(?i:eval|valid|val_|_val|test|predict|infer|sample|generate|translate)"),
    )

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for the first model call of each evaluation that runs with autograd on."""
        for owner in code.evaluation.all:
            call = next((call for call in code.tree.within(owner, cst.Call) if _runs_model(code, owner, call)), None)
            if call is None or code.training.is_demo(call):
                continue
            if code.autograd.is_unknown(call) or not _ends_here(code, owner):
                continue
            where = f"`{owner.name.value}`" if isinstance(owner, cst.FunctionDef) else "this evaluation loop"
            message = (
                f"{where} calls `{code.short_text(call.func, 24)}` with autograd on, so all activations are kept: add"
                " `@torch.no_grad()` (predicted: 2-10x less memory)"
            )
            if not isinstance(owner, cst.FunctionDef):
                message = message.replace("`@torch.no_grad()`", "`with torch.no_grad():`")
            yield self.finding(code, call, message, _edit(code, owner))


def _runs_model(code: Code, owner: Node, call: cst.Call) -> bool:
    """Does the call, in the evaluation itself, run a model (no loss, no Transformers ``generate``) with autograd on?"""
    function = call.func
    name = function.attr.value if isinstance(function, cst.Attribute) else getattr(function, "value", "")
    if not isinstance(name, str) or name == "generate" or "loss" in name.lower() or "crit" in name.lower():
        return False
    if code.evaluation.around(call) is not owner or not code.devices.is_module_call(call):
        return False
    made = {
        origin.name for origin in code.values.origins(function) if origin.kind == "call" and origin.name is not None
    }
    if any(name.endswith(("Loss", "Similarity", "Distance")) for name in made):
        return False
    return not code.autograd.is_off(call) and not code.autograd.is_wanted(call)


def _ends_here(code: Code, owner: Node) -> bool:
    """Does what the model gives end in numbers, text or files, rather than in somebody's loss?"""
    if not isinstance(owner, cst.FunctionDef):
        return True
    if not any(_gives_tensor(code, value) for value in code.context.returned_values(owner)):
        return True
    if any(code.training.step(caller) is not None for caller in code.context.callers(owner)):
        return False
    return code.evaluation.sets_eval_mode(owner)


def _gives_tensor(code: Code, value: Node) -> bool:
    """Is a returned value a tensor, or a tuple, list or dict with one?"""
    if isinstance(value, (cst.Tuple, cst.List, cst.Dict)):
        return any(_gives_tensor(code, element.value) for element in value.elements)
    return code.devices.kind(value).is_tensor


def _edit(code: Code, owner: Node) -> Edit | None:
    """Return the edit that decorates the function; safe where no tensor leaves it."""
    if not isinstance(owner, cst.FunctionDef) or "torch" not in code.names.in_scope(code.tree.module):
        return None
    if owner.decorators:  # above `@staticmethod` and its like it would mean something else
        return None
    returned = code.context.returned_values(owner)
    leaves = any(_gives_tensor(code, value) or code.devices.kind(value) == "unknown" for value in returned)
    leaves = leaves or any(code.tree.within(owner, cst.Yield))
    return code.edit("switch autograd off", safe=not leaves).insert_before(owner, "@torch.no_grad()").done()
