"""LRF603: a KV cache that grows by concatenation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class KvCacheByCat(Rule):
    """Each token copies the whole cache and holds two of it for a moment; a preallocated one is written in place."""

    code = "LRF603"
    name = "kv-cache-by-cat"
    severity = Severity.INFO
    preview = True
    reads_tests = False
    trigger = Trigger(words=(("torch",), ("cat", "concat", "concatenate")), pattern=("past", "cache", "prev_[kv]"))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding at the concatenation of the keys."""
        for found in code.decoding.caches_by_cat:
            message = (
                f"each token copies all of `{code.short_text(found.cache, 30)}` (predicted 1.2× a step at batch 1 and 4k"
                " tokens, 2.8× at 8 and 32k): preallocate, write in place"
            )
            yield self.finding(code, found.call, message)
