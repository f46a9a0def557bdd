"""LRF602: the KV cache switched off for generation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class UseCacheDisabled(Rule):
    """``generate(..., use_cache=False)`` runs the whole sequence through the model again for every new token."""

    code = "LRF602"
    name = "use-cache-disabled"
    severity = Severity.WARNING
    fixable = "safe"
    trigger = Trigger(words=(("use_cache",), ("generate",)))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each ``generate`` call that turns the cache off."""
        for call in code.calls("generate"):
            for argument in call.args:
                if argument.keyword is not None and argument.keyword.value == "use_cache" and _is_false(argument.value):
                    edit = code.edit("leave the cache on", safe=True).remove_argument(call, argument).done()
                    message = (
                        f"`{code.short_text(call.func)}(use_cache=False)` recomputes all earlier tokens for each new one:"
                        " drop the argument, the cache gives the same tokens"
                    )
                    yield self.finding(code, argument, message, edit)


def _is_false(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Name) and node.value == "False"
