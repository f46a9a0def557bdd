"""LRF207: model text parsed as JSON on trust."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.arguments import keyword, may_give
from ...code.constants import as_text
from ...code.syntax import cst
from ...finding import Finding, Severity
from ...knowledge import table, words
from ..rule import Rule, Trigger
from .triggers import MODEL_TEXT_WORDS

if TYPE_CHECKING:
    from ...code import Code


#: How far back the making of a client is followed.
_STEPS = 12


class UnvalidatedLlmJson(Rule):
    """``json.loads`` of a model's answer, with neither a guard nor an answer format that makes it JSON."""

    code = "LRF207"
    name = "unvalidated-llm-json"
    severity = Severity.WARNING
    reads_tests = False
    trigger = Trigger(words=(("loads",), MODEL_TEXT_WORDS))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each parse that fails on the first answer that is no JSON."""
        parsers = words("llm_clients", "parsing", "functions")
        for call in code.calls("loads"):
            if (
                code.qualified_name(call.func) not in parsers
                or not call.args
                or _is_written_as_json(code, call.args[0].value)
            ):
                continue
            source = code.taint.model_text(call.args[0].value)
            if source is None or not isinstance(source.node, cst.Call):
                continue
            if _is_structured(code, source.node) or code.llm.answers_in_json(source.node):
                continue
            if _is_caught(code, call) or _is_second_attempt(code, call) or code.guards.is_guarded(call):
                continue
            message = (
                f"{source} is parsed on trust: a sentence around the JSON raises JSONDecodeError; ask for"
                " structured output, or catch it"
            )
            yield self.finding(code, call, message)


def _is_structured(code: Code, call: cst.Call) -> bool:
    """Does the model call, or what made or bound its client, ask for an answer in a format, or hide its arguments?"""
    keywords = table("llm_clients")["structured_output"]["keywords"]
    if may_give(call, keywords) or "with_raw_response" in code.text_of(call.func) or _holds_format(code, call):
        return True
    receiver, steps = call.func, 0
    while steps < _STEPS:
        steps += 1
        if isinstance(receiver, cst.Attribute):
            receiver = receiver.value
            continue
        made = [receiver] if isinstance(receiver, cst.Call) else [o.node for o in code.values.origins(receiver)]
        calls = [node for node in made if isinstance(node, cst.Call)]
        if not calls:
            return False
        if any(_asks_for_format(one, keywords) for one in calls):
            return True
        receiver = calls[0].func
    return False


def _holds_format(code: Code, call: cst.Call) -> bool:
    """Is a format in an argument that holds other things, too, or may one be: ``output_config={"format": …}``?"""
    for name in words("llm_clients", "structured_output", "holders"):
        given = keyword(call, name)
        for origin in code.values.origins(given) if given is not None else ():
            if not isinstance(origin.node, cst.Dict) or any(as_text(key) == "format" for key in _keys(origin.node)):
                return True
    return False


def _keys(entries: cst.Dict) -> Iterator[cst.BaseExpression | None]:
    return (getattr(entry, "key", None) for entry in entries.elements)


def _asks_for_format(call: cst.Call, keywords: list[str]) -> bool:
    """Is a format among the arguments by which a client is made or bound, or in a dict among them (``model_kwargs``)?"""
    formats = [name for name in keywords if "format" in name or "schema" in name or "mime" in name]
    if any(arg.keyword is not None and arg.keyword.value in formats for arg in call.args):
        return True
    dicts = (arg.value for arg in call.args if isinstance(arg.value, cst.Dict))
    return any(as_text(key) in formats for entries in dicts for key in _keys(entries))


def _is_written_as_json(code: Code, text: cst.BaseExpression) -> bool:
    """Did a program write the text as JSON: ``json.loads(answer.model_dump_json())``, ``json.loads(event.data)``?"""
    if isinstance(text, cst.Attribute) and text.attr.value in words("llm_clients", "parsing", "envelopes"):
        return True
    made = [text] if isinstance(text, cst.Call) else [origin.node for origin in code.values.origins(text)]
    writers = words("llm_clients", "parsing", "writers")
    return any(isinstance(node, cst.Call) and code.text_of(node.func).rpartition(".")[2] in writers for node in made)


def _is_caught(code: Code, call: cst.Call) -> bool:
    """Is there a handler for what parsing raises?"""
    handlers = (handler for statement in code.context.tries(call) for handler in statement.handlers)
    return any(
        any(name in code.text_of(handler.type) for name in ("ValueError", "JSONDecodeError"))
        for handler in handlers
        if handler.type is not None
    )


def _is_second_attempt(code: Code, call: cst.Call) -> bool:
    """Does the parse stand in a handler, where what went wrong before is being mended?"""
    return any(isinstance(above, (cst.ExceptHandler, cst.ExceptStarHandler)) for above in code.tree.ancestors(call))
