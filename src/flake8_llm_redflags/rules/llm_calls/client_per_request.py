"""LRF212: a client made again and again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ...knowledge import table
from ..rule import Rule
from .triggers import MODEL_CALL

if TYPE_CHECKING:
    from ...code import Code

#: How many assignments back a setting is followed.
_STEPS = 4


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
            if isinstance(function, cst.FunctionDef) and _is_run_for_each_request(code, call, function):
                if not _depends_on(code, call, function):
                    yield self._finding(code, call, "for each request", "make it once when the application starts")

    def _finding(self, code: Code, call: cst.Call, when: str, advice: str) -> Finding:
        message = f"`{code.short_text(call.func, 30)}` makes a new client {when}, with new connections and handshakes: {advice}"
        return self.finding(code, call, message)


def _is_run_for_each_request(code: Code, call: cst.Call, function: cst.FunctionDef) -> bool:
    """Is the client made in a request handler, or in a function that only such a one calls and that keeps it to itself?"""
    if code.serving.own_role(function) == "requests":
        return True
    return code.serving.role(call) == "requests" and not function.decorators and _is_local(code, call, function)


def _is_local(code: Code, call: cst.Call, function: cst.FunctionDef) -> bool:
    """Is the client given a local name that is not returned, rather than kept for the next request?"""
    statement = code.context.statement(call)
    if not isinstance(statement, cst.Assign) or statement.value is not call:
        return False
    name = statement.targets[0].target
    if not isinstance(name, cst.Name) or len(statement.targets) > 1:
        return False
    shared = code.tree.within(function, cst.Global, cst.Nonlocal)
    elsewhere = {item.name.value for declared in shared for item in declared.names}
    params = {param.name.value for param in code.tree.within(function.params, cst.Param)}
    returned = {value.value for value in code.context.returned_values(function) if isinstance(value, cst.Name)}
    return name.value not in elsewhere | params | returned


def _is_attempt(code: Code, call: cst.Call, loop: cst.CSTNode) -> bool:
    """Does the loop only try again: is it left where the ``try`` around the call succeeds?"""
    statement = next(code.context.tries(call), None)
    if statement is None or not code.tree.contains(loop, statement):
        return False
    return any(code.tree.within(statement.body, cst.Break, cst.Return))


def _depends_on(code: Code, call: cst.Call, scope: cst.CSTNode) -> bool:
    """Does an argument use what differs from one run of ``scope`` to the next?"""
    return any(
        arg.star or code.taint.untrusted(arg.value) is not None or _differs(code, arg, scope, _STEPS)
        for arg in call.args
    )


def _differs(code: Code, expression: cst.CSTNode, scope: cst.CSTNode, steps: int) -> bool:
    """Is a name in it bound inside of ``scope`` to anything but settings: ``key = os.getenv("KEY")``?"""
    inside = (
        binding
        for name in code.tree.within(expression, cst.Name)
        for binding in code.values.given_by(name)
        if code.tree.contains(scope, binding.node) and binding.kind not in ("import", "def", "class")
    )
    for binding in inside:
        if binding.kind != "assign" or binding.value is None or binding.path or not steps:
            return True
        if not _is_setting(code, binding.value) or _differs(code, binding.value, scope, steps - 1):
            return True
    return False


def _is_setting(code: Code, value: cst.CSTNode) -> bool:
    """Is the value a constant, or read from the environment: ``os.environ["KEY"]``, ``os.getenv("KEY", "").strip()``?"""
    facts = table("serving")["settings"]
    if isinstance(value, cst.BooleanOperation):
        return _is_setting(code, value.left) and _is_setting(code, value.right)
    if isinstance(value, cst.Call):
        if isinstance(value.func, cst.Attribute) and value.func.attr.value in facts["tidying"]:
            return _is_setting(code, value.func.value)
        return code.qualified_name(value.func) in facts["reads"]
    if isinstance(value, cst.Subscript):
        return code.qualified_name(value.value) in facts["tables"]
    if isinstance(value, cst.Attribute):
        return value.attr.value.isupper()
    return isinstance(value, (cst.Name, cst.SimpleString, cst.Integer, cst.Float))
