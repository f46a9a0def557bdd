"""LRF130: untrusted text where the model takes its orders from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.constants import as_text
from ...code.syntax import cst
from ...finding import Finding, Severity
from ...knowledge import table
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code
    from ...code.taint import Source


class PromptInjection(Rule):
    """Untrusted text in a system or developer message: its author gives the model orders in the operator's name."""

    code = "LRF130"
    name = "prompt-injection"
    severity = Severity.WARNING
    reads_tests = False
    trigger = Trigger(
        pattern=(
            r"system(?:[\"']|_instruction|_prompt|_message|\s*=)",
            r"developer[\"']",
            "SystemMessage",
            r"instructions\s*=",
        )
    )

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each system content that holds untrusted text."""
        for content in _system_contents(code):
            origin = _spliced_origin(code, content)
            if origin is not None:
                message = (
                    f"{origin} goes into system content, where its author gives the model orders: put it into a user message, or"
                    " choose from fixed texts by it"
                )
                yield self.finding(code, content, message)


def _spliced_origin(code: Code, content: cst.CSTNode) -> Source | None:
    """Return where untrusted text comes from that stands amid the author's own; a prompt that is all the user's is no splice."""
    from ...code.strings import Hole

    parts = code.strings.parts(content) or []
    if not any(isinstance(part, str) and part.strip() for part in parts):
        return None
    origins = (code.taint.untrusted(part.node) for part in parts if isinstance(part, Hole))
    return next((origin for origin in origins if origin is not None), None)


def _system_contents(code: Code) -> Iterator[cst.CSTNode]:
    """Yield the expressions that become system or developer content."""
    facts = table("taint")["system_content"]
    for entry in code.all(cst.Dict):
        values = {as_text(e.key): e.value for e in entry.elements if isinstance(e, cst.DictElement)}
        if as_text(values.get("role")) in facts["roles"] and "content" in values:
            yield values["content"]
    for pair in code.all(cst.Tuple):
        if len(pair.elements) == 2 and as_text(pair.elements[0].value) in facts["roles"]:
            yield pair.elements[1].value
    for call in code.all(cst.Call):
        name = getattr(call.func, "attr", call.func)
        last = name.value if isinstance(name, cst.Name) else ""
        for argument in call.args:
            if argument.keyword is None:
                continue
            key = argument.keyword.value
            if key in facts["keywords"] and (key not in facts["narrow_keywords"] or last in facts["narrow_calls"]):
                yield argument.value
        if last in facts["message_classes"] and call.args:
            yield call.args[0].value
