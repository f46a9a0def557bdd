"""LRF750: ``torch.compile`` called again and again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class CompileInLoop(Rule):
    """``torch.compile(f)`` in a loop, step or ``forward`` wraps anew each time, and has to find its compiled code again."""

    code = "LRF750"
    name = "compile-in-loop"
    severity = Severity.WARNING
    preview = True  # its case counts the same compilations for both bodies
    reads_tests = False
    trigger = Trigger(words=(("torch",), ("compile",)), pattern=r"\btorch\.compile\b|\bimport .*\bcompile\b")

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each call that compiles the same thing in every turn, step or forward pass."""
        for call in code.calls("compile"):
            if code.qualified_name(call.func) != "torch.compile" or not call.args or code.training.is_demo(call):
                continue
            where = _where(code, call)
            if where is not None:
                message = (
                    f"`{code.short_text(call, 40)}` runs again in every {where}: a new wrapper, and its compiled"
                    " code to be found again; compile once, before it"
                )
                yield self.finding(code, call, message)


def _where(code: Code, call: cst.Call) -> str | None:
    """Return what repeats the call; None where it runs once, rarely, or on another module each turn."""
    function = code.context.function(call)
    if function is not None and code.devices.in_forward(function):
        return None if code.rarity.is_rare(call, function) else "forward pass"
    loop = next(iter(code.context.loops(call)), None)
    if loop is None:
        step = code.training.step(call)
        return "training step" if step is not None and not code.rarity.is_rare(call, step.owner) else None
    if code.rarity.is_rare(call, loop) or isinstance(code.tree.parent(call), cst.Decorator):
        return None
    changing = {name for name, found in code.names.in_scope(code.names.scope(call)).items()
                if any(code.tree.contains(loop, binding.node) for binding in found)}  # fmt: skip
    names = {name.value for name in code.tree.within(call, cst.Name)}
    return None if names & changing else "turn of the loop"
