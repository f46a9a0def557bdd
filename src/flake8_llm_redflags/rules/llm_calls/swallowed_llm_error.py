"""LRF203: the error of a model call is dropped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.constants import is_false
from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule
from .triggers import MODEL_CALL

if TYPE_CHECKING:
    from ...code import Code


class SwallowedLlmError(Rule):
    """A handler for every exception that leaves no trace: an outage looks like empty answers."""

    code = "LRF203"
    name = "swallowed-llm-error"
    severity = Severity.WARNING
    reads_tests = False
    trigger = MODEL_CALL

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each silent handler around a model call."""
        seen = set()
        for call in code.llm.call_sites(exposed=True):
            for statement in code.context.tries(call):
                for handler in statement.handlers:
                    if id(handler) in seen or not _catches_all(handler) or not _is_silent(code, handler):
                        continue
                    seen.add(id(handler))
                    message = (
                        f"an error of `{code.short_text(call.func, 36)}` vanishes here: an outage looks like empty answers;"
                        " log it, and catch only what you expect"
                    )
                    yield self.finding(code, handler, message)
                break  # the innermost `try` has the word


def _catches_all(handler: cst.ExceptHandler | cst.ExceptStarHandler) -> bool:
    kind = handler.type
    return kind is None or (isinstance(kind, cst.Name) and kind.value in ("Exception", "BaseException"))


def _is_silent(code: Code, handler: cst.ExceptHandler | cst.ExceptStarHandler) -> bool:
    """Does the handler neither call anything, raise, use the exception, nor answer that it failed?"""
    body = handler.body
    if any(is_false(node.value) for node in code.tree.within(body, cst.Return)):
        return False
    if any(code.tree.within(body, cst.Call, cst.Raise, cst.Await, cst.Yield)):
        return False
    name = handler.name.name.value if handler.name is not None and isinstance(handler.name.name, cst.Name) else None
    if name is not None and any(used.value == name for used in code.tree.within(body, cst.Name)):
        return False
    if any(code.tree.within(body, cst.AugAssign)):  # it counts the failures
        return False
    return not (any(code.tree.within(body, cst.Continue)) and _is_attempt(code, handler))


def _is_attempt(code: Code, handler: cst.CSTNode) -> bool:
    """Is this one of a bounded number of attempts: ``for attempt in range(3)``?"""
    loop = next(code.context.loops(handler), None)
    return (
        isinstance(loop, cst.For)
        and isinstance(loop.iter, cst.Call)
        and isinstance(loop.iter.func, cst.Name)
        and loop.iter.func.value == "range"
    )
