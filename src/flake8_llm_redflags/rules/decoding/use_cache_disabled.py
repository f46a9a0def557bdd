"""LRF602: the KV cache switched off for generation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.arguments import keyword_argument
from ...code.constants import is_false
from ...code.syntax import cst
from ...finding import Edit, Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class UseCacheDisabled(Rule):
    """``generate(..., use_cache=False)`` runs the whole sequence through the model again for every new token."""

    code = "LRF602"
    name = "use-cache-disabled"
    severity = Severity.WARNING
    fixable = "safe"
    reads_tests = False
    trigger = Trigger(words=(("use_cache",), ("generate",)))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each ``generate`` call without cache, and for a configuration that is never set back."""
        for call in code.calls("generate"):
            given = keyword_argument(call, "use_cache")
            if given is not None and is_false(given.value):
                edit = code.edit("leave the cache on", safe=True).remove_argument(call, given).done()
                yield self._finding(code, given, f"{code.short_text(call.func)}(use_cache=False)", edit)
        if not code.training.happens:  # there the cache is off for gradient checkpointing, as it should be
            yield from self._configurations(code)

    def _configurations(self, code: Code) -> Iterator[Finding]:
        """``model.config.use_cache = False`` in a file that generates and never sets it back."""
        if not any(code.calls("generate")):
            return
        switched = [
            statement
            for statement in code.all(cst.Assign)
            if isinstance(target := statement.targets[0].target, cst.Attribute)
            and target.attr.value == "use_cache"
            and isinstance(target.value, cst.Attribute)
            and target.value.attr.value in ("config", "generation_config")
        ]
        if all(is_false(statement.value) for statement in switched):
            for statement in switched:
                yield self._finding(code, statement, code.short_text(statement), None)

    def _finding(self, code: Code, node: cst.CSTNode, what: str, edit: Edit | None) -> Finding:
        message = f"`{what}` recomputes all earlier tokens for each new one (predicted up to 10×): leave it on, the tokens stay the same"
        return self.finding(code, node, message, edit)
