"""LRF207: model text parsed as JSON on trust."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.arguments import may_give
from ...code.syntax import cst
from ...finding import Finding, Severity
from ...knowledge import table
from ..rule import Rule, Trigger
from .triggers import MODEL_TEXT_WORDS

if TYPE_CHECKING:
    from ...code import Code


class UnvalidatedLlmJson(Rule):
    """``json.loads`` of a model's answer, with neither a guard nor an answer format that makes it JSON."""

    code = "LRF207"
    name = "unvalidated-llm-json"
    severity = Severity.WARNING
    reads_tests = False
    trigger = Trigger(words=(("loads",), MODEL_TEXT_WORDS))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each parse that fails on the first answer that is no JSON."""
        for call in code.calls("loads"):
            if (
                code.qualified_name(call.func) not in ("json.loads", "orjson.loads", "ujson.loads", "simplejson.loads")
                or not call.args
            ):
                continue
            source = code.taint.model_text(call.args[0].value)
            if source is None or not isinstance(source.node, cst.Call):
                continue
            if _is_structured(source.node) or code.llm.answers_in_json(source.node):
                continue
            if _is_caught(code, call) or _is_second_attempt(code, call) or code.guards.is_guarded(call):
                continue
            message = (
                f"{source} is parsed on trust: a sentence around the JSON raises JSONDecodeError; ask for structured"
                " output, or catch it"
            )
            yield self.finding(code, call, message)


def _is_structured(call: cst.Call) -> bool:
    """Does the model call ask for an answer in a format, or hide its arguments?"""
    return may_give(call, table("llm_clients")["structured_output"]["keywords"])


def _is_caught(code: Code, call: cst.Call) -> bool:
    """Is there a handler for what parsing raises?"""
    handlers = (handler for statement in code.context.tries(call) for handler in statement.handlers)
    names = ("ValueError", "JSONDecodeError")
    return any(
        any(name in code.text_of(handler.type) for name in names) for handler in handlers if handler.type is not None
    )


def _is_second_attempt(code: Code, call: cst.Call) -> bool:
    """Does the parse stand in a handler, where what went wrong before is being mended?"""
    return any(isinstance(above, (cst.ExceptHandler, cst.ExceptStarHandler)) for above in code.tree.ancestors(call))
