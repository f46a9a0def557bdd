"""LRF212: a client made again and again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule
from .triggers import MODEL_CALL

if TYPE_CHECKING:
    from ...code import Code


class ClientPerRequest(Rule):
    """A model client made in a loop or a request handler opens new connections each time and never reuses one."""

    code = "LRF212"
    name = "client-per-request"
    severity = Severity.WARNING
    reads_tests = False
    trigger = MODEL_CALL

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each client whose making depends on nothing that changes."""
        for call in code.llm.client_constructors():
            loop = next(code.context.loops(call), None)
            if loop is not None and not _is_attempt(code, call, loop) and not _depends_on(code, call, loop):
                yield self._finding(code, call, "for each turn of the loop", "make it once before the loop")
                continue
            function = code.context.function(call)
            if isinstance(function, cst.FunctionDef) and code.serving.own_role(function) == "requests":
                if not _depends_on(code, call, function):
                    yield self._finding(code, call, "for each request", "make it once when the application starts")

    def _finding(self, code: Code, call: cst.Call, when: str, advice: str) -> Finding:
        message = f"`{code.short_text(call.func, 30)}` makes a new client {when}, with new connections and handshakes: {advice}"
        return self.finding(code, call, message)


def _is_attempt(code: Code, call: cst.Call, loop: cst.CSTNode) -> bool:
    """Does the loop only try again: is it left where the ``try`` around the call succeeds?"""
    statement = next(code.context.tries(call), None)
    if statement is None or not code.tree.contains(loop, statement):
        return False
    return any(code.tree.within(statement.body, cst.Break, cst.Return))


def _depends_on(code: Code, call: cst.Call, scope: cst.CSTNode) -> bool:
    """Does an argument use a name that is bound inside of ``scope``?"""
    return any(arg.star or code.values.depends_on(arg, scope) for arg in call.args)
