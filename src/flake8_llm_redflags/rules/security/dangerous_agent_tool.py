"""LRF123: a tool with which an agent can run anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.constants import is_true
from ...code.syntax import cst
from ...finding import Finding, Severity
from ...knowledge import table
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class DangerousAgentTool(Rule):
    """A shell or code tool handed to an agent, or a safety catch taken off with ``allow_dangerous_…=True``."""

    code = "LRF123"
    name = "dangerous-agent-tool"
    severity = Severity.WARNING
    reads_tests = False
    trigger = Trigger(
        pattern=(
            *(r"allow_dangerous_\w+\s*=\s*True", "ShellTool", "PythonA?s?t?REPL", "BashProcess"),
            *("TerminalTool", "PythonTools", "LocalPython"),
        )
    )

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each tool and each switch that lets a model run code on this machine."""
        facts = table("taint")["agent_tools"]
        for call in code.all(cst.Call):
            name = (code.qualified_name(call.func) or "").rpartition(".")[2]
            if name in facts["classes"] and _is_handed_over(code, call):
                message = f"`{name}` lets whoever writes to the model run commands here: use a sandbox, or tools that do one thing"
                yield self.finding(code, call, message)
            for argument in call.args:
                key = argument.keyword.value if argument.keyword is not None else ""
                if key in facts["switches"] and is_true(argument.value):
                    message = f"`{key}=True` lets model text run as code: leave it off, or run this in a sandbox"
                    yield self.finding(code, argument, message)


def _is_handed_over(code: Code, call: cst.Call) -> bool:
    """Does the tool go into a list, a ``tools=`` argument or a variable, rather than being used by the program itself?"""
    parent = code.tree.parent(call)
    return isinstance(parent, (cst.Element, cst.Arg, cst.Assign))
