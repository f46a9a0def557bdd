"""Keys and values of earlier tokens, joined to those of the new token by a copy of both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from ..arguments import argument
from ..constants import as_integer
from ..names import dotted
from ..tree import Node
from .words import listed, says

if TYPE_CHECKING:
    from ..program import Code


@dataclass(frozen=True, slots=True)
class GrownCache:
    """A cache that one ``torch.cat`` copies in order to add to it."""

    call: cst.Call
    cache: Node


def caches_by_cat(code: Code) -> Iterator[GrownCache]:
    """Yield the first ``k = torch.cat([past_k, k], dim=...)`` of each function."""
    seen: set[int] = set()
    for call in code.calls(*listed("growing")):
        if (code.qualified_name(call.func) or "torch").partition(".")[0] not in ("torch", "einops"):
            continue  # of NumPy: nothing runs on a GPU
        function = code.context.function(call)
        cache = _cache_in(code, call)
        if function is not None and cache is not None and id(function) not in seen:
            seen.add(id(function))
            yield GrownCache(call, cache)


def _cache_in(code: Code, call: cst.Call) -> Node | None:
    """Return the cache that a concatenation copies: the first of two parts, for keys or values."""
    parts = call.args[0].value if call.args else None
    if not isinstance(parts, (cst.Tuple, cst.List)) or len(parts.elements) != 2:
        return None
    cache, fresh = (element.value for element in parts.elements)
    if as_integer(argument(call, 1, "dim")) == -1:  # features side by side, not tokens one after the other
        return None
    text = code.text_of(cache)
    if not says(text, "caches") or text == code.text_of(fresh):
        return None
    if says(f"{text} {code.text_of(fresh)}", "not_caches"):
        return None
    statement = code.context.statement(call)
    target = statement.targets[0].target if isinstance(statement, cst.Assign) else fresh
    if _is_key_or_value(fresh):
        return cache
    return cache if "cache" in text.lower() and code.text_of(target) == text else None


def _is_key_or_value(node: Node) -> bool:
    while isinstance(node, cst.Subscript) or (isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute)):
        node = node.value if isinstance(node, cst.Subscript) else node.func.value  # `k[:, :, step : step + 1]`
    name = dotted(node).rpartition(".")[2].lower()
    return not listed("kv_words").isdisjoint(name.split("_"))
