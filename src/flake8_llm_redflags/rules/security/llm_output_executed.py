"""LRF120: what a model wrote is run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ..llm_calls.triggers import may_hold_model_text
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class LlmOutputExecuted(Rule):
    """Model text reaches ``eval``, ``exec``, a shell or an import: whoever writes to the model can run code here."""

    code = "LRF120"
    name = "llm-output-executed"
    severity = Severity.ERROR
    reads_tests = False
    trigger = Trigger(
        test=may_hold_model_text,
        pattern=(
            *(
                rf"{name}\s*\("
                for name in ("eval", "exec", "compile", "system", "popen", "getoutput", "_shell", "import_module")
            ),
            r"__import__\s*\(",
            r"globals\(\)\s*\[",
            r"locals\(\)\s*\[",
            r"vars\(\)\s*\[",
            r"shell\s*=\s*True",
            r"sys\.executable",
            r"[\"'](?:python3?|bash|sh|node|powershell|cmd)(?:\.exe)?[\"']\s*,",
            "REPL",
        ),
    )

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each call that runs model text."""
        from ...code.taint import is_namespace, runs_code

        for call in code.all(cst.Call):
            text = runs_code(code, call)
            if text is not None and not _is_part(code, call) and (origin := code.taint.model_text(text)) is not None:
                called = code.short_text(call.func, 30)
                message = f"`{called}` runs {origin}: whoever can write to the model can run code here; parse it, or sandbox it"
                if is_namespace(code, call):
                    message = f"`{called}()[…]` lets {origin} choose any function in reach: look it up in a table of the tools"
                yield self.finding(code, call, message)


def _is_part(code: Code, call: cst.Call) -> bool:
    """Is this the ``compile(…)`` in ``eval(compile(…))``, which is one defect?"""
    argument = code.tree.parent(call)
    outer = code.tree.parent(argument) if isinstance(argument, cst.Arg) else None
    return isinstance(outer, cst.Call) and code.qualified_name(outer.func) in ("builtins.eval", "builtins.exec")
