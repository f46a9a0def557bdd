"""LRF206: retrying for ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.arguments import argument, keyword, may_give
from ...code.syntax import cst
from ...finding import Finding, Severity
from ...knowledge import pattern, table
from ..rule import Rule
from .endless_loops import is_endless, is_limited, is_until_answered, waits_for_somebody
from .triggers import RETRY

if TYPE_CHECKING:
    from ...code import Code


class UnboundedRetry(Rule):
    """A model call that is tried again for ever, by a loop, a decorator or its own handler: so is one with a wrong key."""

    code = "LRF206"
    name = "unbounded-retry"
    severity = Severity.WARNING
    reads_tests = False
    trigger = RETRY

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each loop, decorator and handler that tries a model call again whatever happens."""
        reported: set[int] = set()
        for call in code.llm.call_sites(exposed=True):
            for place in (_loop(code, call), _retrier(code, call), _recursion(code, call)):
                if place is not None and id(place) not in reported:
                    reported.add(id(place))
                    message = (
                        f"`{code.short_text(call.func, 36)}` is tried again without end, even after an error that no wait mends: bound"
                        " the attempts and back off"
                    )
                    yield self.finding(code, place, message)


def _loop(code: Code, call: cst.Call) -> cst.CSTNode | None:
    """Return the test of the endless loop that tries a call again."""
    loop = next(code.context.loops(call), None)
    if not isinstance(loop, cst.While) or not (is_endless(loop) or is_until_answered(code, loop)):
        return None
    is_unbounded = not waits_for_somebody(code, loop) and not is_limited(code, loop)
    return loop.test if is_unbounded and _is_tried_again(code, call, loop) else None


def _retrier(code: Code, call: cst.Call) -> cst.CSTNode | None:
    """Return the decorator, or what a loop iterates over, that tries a call again for ever: ``@retry(wait=…)``."""
    if any(statement.handlers for statement in code.context.tries(call)):
        return None
    function = code.context.function(call)
    decorators = [expression for _, expression in code.context.decorators(function)] if function is not None else []
    iterated = [loop.iter for loop in code.context.loops(call) if isinstance(loop, cst.For)]
    return next((place for place in (*decorators, *iterated) if _tries_for_ever(code, place)), None)


def _tries_for_ever(code: Code, retrier: cst.CSTNode) -> bool:
    is_call = isinstance(retrier, cst.Call)
    name = code.qualified_name(retrier.func if is_call else retrier)
    facts = next((facts for facts in table("guards")["retrier"] if name in facts["names"]), None)
    if facts is None or not is_call:
        return facts is not None
    if may_give(retrier, facts["bounds"]):
        return False
    errors = keyword(retrier, facts["errors"])
    if errors is None and "position" in facts:
        errors = argument(retrier, facts["position"])
    return errors is None or _is_every_error(code, errors)


def _is_every_error(code: Code, errors: cst.CSTNode) -> bool:
    """Is it a class of all errors, or a condition on one: ``retry_if_exception_type(Exception)``?"""
    from ...code.names import last_name

    if isinstance(errors, cst.Call):
        return last_name(errors.func) == "retry_if_exception_type" and all(
            _is_every_error(code, arg.value) for arg in errors.args
        )
    if isinstance(errors, cst.Tuple):
        return any(_is_every_error(code, element.value) for element in errors.elements)
    return pattern("guards", "every_error", "names").fullmatch(last_name(errors) or "") is not None


def _recursion(code: Code, call: cst.Call) -> cst.CSTNode | None:
    """Return the call by which a handler starts its function again with what it was given: ``return ask(question)``."""
    function, statement = code.context.function(call), next(code.context.tries(call), None)
    if not isinstance(function, cst.FunctionDef) or statement is None:
        return None
    params = {param.name.value for param in (*function.params.params, *function.params.kwonly_params)}
    for handler in statement.handlers:
        is_every = handler.type is None or _is_every_error(code, handler.type)
        if not is_every or any(code.tree.within(handler, cst.Raise, cst.If)):
            continue
        for again in code.tree.within(handler, cst.Call):
            is_same = all(isinstance(arg.value, cst.Name) and arg.value.value in params for arg in again.args)
            if is_same and code.context.called_function(again) is function:
                return again
    return None


def _is_tried_again(code: Code, call: cst.Call, loop: cst.While) -> bool:
    """Does every handler around the call lead to another turn with the same question?"""
    statement = next(code.context.tries(call), None)
    if statement is None or not code.tree.contains(loop, statement):
        return False
    if any(code.values.depends_on(arg, loop) for arg in call.args):
        return False  # another question in each turn: a worker, no retry
    if any(_adds_to_question(code, call, handler) for handler in statement.handlers):
        return False
    is_left = _is_left_at_the_end(loop)
    return all(_goes_on(code, handler, is_left) for handler in statement.handlers)


def _adds_to_question(code: Code, call: cst.Call, handler: cst.CSTNode) -> bool:
    """Does a handler tell the model of the error: ``messages.append(…)``?"""
    asked = {code.text_of(name) for arg in call.args for name in code.tree.within(arg, cst.Name, cst.Attribute)}
    return any(
        isinstance(change.func, cst.Attribute)
        and change.func.attr.value in ("append", "extend", "insert")
        and code.text_of(change.func.value) in asked
        for change in code.tree.within(handler, cst.Call)
    )


def _goes_on(code: Code, handler: cst.CSTNode, is_left: bool) -> bool:
    """Does the handler always lead to the next turn, in a loop that is left or not where its body ends?"""
    if is_left and not any(code.tree.within(handler, cst.Continue)):
        return False
    return not any(code.tree.within(handler, cst.Raise, cst.Return, cst.Break))


def _is_left_at_the_end(loop: cst.While) -> bool:
    """Does the body of the loop end by leaving it?"""
    last = loop.body.body[-1] if loop.body.body else None
    return isinstance(last, cst.SimpleStatementLine) and isinstance(last.body[-1], (cst.Break, cst.Return, cst.Raise))
