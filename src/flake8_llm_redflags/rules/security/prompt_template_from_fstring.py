"""LRF131: an f-string where a template is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class PromptTemplateFromFstring(Rule):
    """The value of an f-string is read as a template: braces in it raise KeyError or open another variable."""

    code = "LRF131"
    name = "prompt-template-from-fstring"
    severity = Severity.WARNING
    reads_tests = False
    trigger = Trigger(
        words=(("PromptTemplate", "ChatPromptTemplate", "HumanMessagePromptTemplate", "SystemMessagePromptTemplate"),)
    )

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each f-string that is handed over as a template."""
        for call in code.calls("PromptTemplate", "from_template", "from_messages"):
            qualified = code.qualified_name(call.func) or ""
            if not qualified.startswith("langchain") or "PromptTemplate" not in qualified:
                continue
            for text in _templates(call):
                for hole in _holes(text):
                    if not _is_constant(code, hole):
                        message = (
                            f"`{code.short_text(hole, 30)}` is put into the text before it is read as a template: braces in it break or"
                            " widen the template; make it a variable"
                        )
                        yield self.finding(code, text, message)
                        break


def _templates(call: cst.Call) -> Iterator[cst.FormattedString]:
    """Yield the f-strings that the call reads as templates."""
    for argument in call.args:
        if argument.keyword is None or argument.keyword.value in ("template", "messages"):
            yield from _fstrings(argument.value)


def _fstrings(node: cst.CSTNode) -> Iterator[cst.FormattedString]:
    if isinstance(node, cst.FormattedString):
        yield node
    elif isinstance(node, (cst.List, cst.Tuple)):
        for element in node.elements:
            yield from _fstrings(element.value)


def _holes(text: cst.FormattedString) -> list[cst.BaseExpression]:
    return [part.expression for part in text.parts if isinstance(part, cst.FormattedStringExpression)]


def _is_constant(code: Code, node: cst.CSTNode) -> bool:
    """Is the value written in the file, or named as a constant?"""
    if isinstance(node, cst.Name) and node.value.isupper():
        return True
    return all(origin.kind == "literal" for origin in code.values.origins(node))
