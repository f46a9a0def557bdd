"""LRF606: a batch padded on the right, continued by a decoder-only model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.arguments import has_star_arguments
from ...finding import Edit, Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code
    from ...code.generation import RightPadded


class RightPadding(Rule):
    """A decoder continues from the last position: behind padding it continues from padding."""

    code = "LRF606"
    name = "right-padding"
    severity = Severity.ERROR
    fixable = "safe"
    reads_tests = False
    trigger = Trigger(words=(("transformers",), ("generate",), ("padding",)), pattern=r"generate\(")

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding at the tokenizer call that pads."""
        if "padding_side" in code.text:
            return
        for found in code.generation.right_padded:
            name = code.short_text(found.call.func, 24)
            message = (
                f"`{name}` pads on the right unless its checkpoint says otherwise, so shorter prompts are continued from"
                ' padding: set `padding_side="left"`'
            )
            yield self.finding(code, found.call, message, _edit(code, found))


def _edit(code: Code, found: RightPadded) -> Edit | None:
    """Pad left where the tokenizer is made; not in a file that trains, whose labels may count on the other side."""
    made = found.made
    if made is None or code.training.happens or has_star_arguments(made):
        return None
    return code.edit("pad on the left", safe=True).append_argument(made, 'padding_side="left"').done()
