"""LRF203: the error of a model call is dropped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.constants import as_text, is_false
from ...code.syntax import cst
from ...finding import Finding, Severity
from ...knowledge import words
from ..rule import Rule
from .triggers import MODEL_CALL

if TYPE_CHECKING:
    from ...code import Code


#: Words by which a program notes that something failed.
_NOTE = re.compile(r"err|fail|exception|\bok\b|success|healthy|\bvalid")


class SwallowedLlmError(Rule):
    """A handler for every exception that leaves no trace: an outage looks like empty answers."""

    code = "LRF203"
    name = "swallowed-llm-error"
    severity = Severity.WARNING
    reads_tests = False
    trigger = MODEL_CALL

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each silent handler around a model call."""
        seen: set[int] = set()
        for call in code.llm.call_sites(exposed=True):
            message = (
                f"an error of `{code.short_text(call.func, 36)}` vanishes here: an outage leaves no trace;"
                " log it, and catch only what you expect"
            )
            silencer = _silencer(code, call)
            if silencer is not None and id(silencer) not in seen:
                seen.add(id(silencer))
                yield self.finding(code, silencer, message)
            for statement in code.context.tries(call):
                for handler in statement.handlers:
                    if id(handler) in seen or not _catches_all(handler) or not _is_silent(code, handler):
                        continue
                    seen.add(id(handler))
                    yield self.finding(code, handler, message)
                break  # the innermost `try` has the word


def _silencer(code: Code, call: cst.Call) -> cst.Call | None:
    """Return the ``contextlib.suppress(Exception)`` around a call."""
    for statement in code.context.withs(call):
        for item in statement.items:
            given = item.item
            if isinstance(given, cst.Call) and code.qualified_name(given.func) == "contextlib.suppress":
                return given if any(_is_every_error(arg.value) for arg in given.args) else None
    return None


def _catches_all(handler: cst.ExceptHandler | cst.ExceptStarHandler) -> bool:
    kind = handler.type
    kinds = [element.value for element in kind.elements] if isinstance(kind, cst.Tuple) else [kind]
    return kind is None or any(_is_every_error(one) for one in kinds)


def _is_every_error(kind: cst.CSTNode | None) -> bool:
    return isinstance(kind, cst.Name) and kind.value in ("Exception", "BaseException")


def _is_silent(code: Code, handler: cst.ExceptHandler | cst.ExceptStarHandler) -> bool:
    """Does the handler neither call anything, raise, use the exception, note that it failed, nor say so?"""
    body = handler.body
    if any(is_false(node.value) for node in code.tree.within(body, cst.Return)):
        return False
    if any(code.tree.within(body, cst.Raise, cst.Yield)):
        return False
    if any(not _leaves_no_trace(code, call) for call in code.tree.within(body, cst.Call)):
        return False
    name = handler.name.name.value if handler.name is not None and isinstance(handler.name.name, cst.Name) else None
    if name is not None and any(used.value == name for used in code.tree.within(body, cst.Name)):
        return False
    if _counts(code, handler) or _says_so(code, body):
        return False
    return not _is_attempt(code, handler)


def _counts(code: Code, handler: cst.ExceptHandler | cst.ExceptStarHandler) -> bool:
    """Does the handler count the failures, rather than what it counts where all goes well, too?"""
    statement = code.tree.parent(handler)
    body = statement.body if isinstance(statement, (cst.Try, cst.TryStar)) else handler
    counted = {code.text_of(step.target) for step in code.tree.within(body, cst.AugAssign)}
    return any(code.text_of(step.target) not in counted for step in code.tree.within(handler.body, cst.AugAssign))


def _leaves_no_trace(code: Code, call: cst.Call) -> bool:
    """Does the call only wait, make a value that says nothing, or put one into a list?"""
    traceless = words("guards", "traceless", "waits") | words("guards", "traceless", "makers")
    return code.qualified_name(call.func) in traceless or _adds_nothing(code, call) or _gives_constant(code, call)


def _adds_nothing(code: Code, call: cst.Call) -> bool:
    """Is a constant, or what the list holds already, added to a list: ``labels.append("")``?"""
    if not isinstance(call.func, cst.Attribute) or call.func.attr.value not in words("guards", "traceless", "adders"):
        return False
    holder = code.text_of(call.func.value)
    if _NOTE.search(holder.lower()):
        return False
    names = (name for arg in call.args for name in code.tree.within(arg.value, cst.Name))
    return all(name.value == holder or name.value in ("None", "True") for name in names)


def _gives_constant(code: Code, call: cst.Call) -> bool:
    """Is it a function of this file that only returns constants: a stand-in for the answer?"""
    function = code.context.called_function(call)
    if function is None or any(code.tree.within(function.body, cst.Call, cst.Raise, cst.Yield, cst.Attribute)):
        return False
    return any(code.context.returned_values(function)) and not _says_so(code, function.body)


def _says_so(code: Code, body: cst.CSTNode) -> bool:
    """Is a failure noted (``ok = False``, ``result["error"] = …``), or the answer one that says so (``"error"``)?"""
    noted = (code.text_of(target.target) for step in code.tree.within(body, cst.Assign) for target in step.targets)
    told = (as_text(text) or "" for text in code.tree.within(body, cst.SimpleString))
    return any(_NOTE.search(text.lower()) for text in (*noted, *told))


def _is_attempt(code: Code, handler: cst.CSTNode) -> bool:
    """Is this one of several attempts, after which the next one comes: ``for attempt in range(3)``, or a wait in ``while``?"""
    loop = next(code.context.loops(handler), None)
    if isinstance(loop, cst.While):
        waits = words("guards", "traceless", "waits")
        return any(code.qualified_name(call.func) in waits for call in code.tree.within(handler, cst.Call))
    return (
        loop is not None
        and isinstance(loop.iter, cst.Call)
        and code.qualified_name(loop.iter.func) == "builtins.range"
        and not any(code.tree.within(handler, cst.Return, cst.Break))
    )
