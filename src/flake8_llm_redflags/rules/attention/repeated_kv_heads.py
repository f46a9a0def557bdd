"""LRF502: keys and values copied to every query head before a fused attention that shares them by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code
    from ...code.tensors import Place


class RepeatedKvHeads(Rule):
    """The copy multiplies what grouped-query attention saves; ``enable_gqa=True`` reads each head where it is."""

    code = "LRF502"
    name = "repeated-kv-heads"
    severity = Severity.WARNING
    reads_tests = False
    trigger = Trigger(words=(("scaled_dot_product_attention",),), pattern=r"repeat_kv|repeat_interleave")

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding at the copy of the keys, where keys and values of one fused call are both copied."""
        from ...code.context import argument
        from ...code.tensors import Place

        for call in code.calls("scaled_dot_product_attention"):
            key, value = argument(call, 1, "key"), argument(call, 2, "value")
            if key is None or value is None:
                continue
            copied, also = _copy(code, Place(key)), _copy(code, Place(value))
            if copied is not None and also is not None:
                message = (
                    f"`{code.short_text(copied, 36)}` copies K and V to every query head: pass `enable_gqa=True` to"
                    " `scaled_dot_product_attention` instead (predicted 17× in decode)"
                )
                yield self.finding(code, copied, message)


def _copy(code: Code, place: Place) -> cst.CSTNode | None:
    """Return the call that repeats heads on the way to an operand."""
    from ...code.names import last_name
    from ...code.tensors import Place, group

    for _ in range(8):
        node = place.node
        if isinstance(node, cst.Call) and last_name(node.func) in ("repeat_kv", "repeat_interleave"):
            return node if last_name(node.func) == "repeat_kv" or _is_over_heads(node) else None
        operation = code.tensors.operation(node)
        if operation is not None and operation.operands and operation.name in {*group("transposes"), *group("casts")}:
            place = Place(operation.operands[0], place.frame)
            continue
        found = code.tensors.sources(place)
        if not found:
            return None
        place = found[0]
    return None


def _is_over_heads(call: cst.Call) -> bool:
    """``repeat_interleave(n, dim=1)``, or 2 where heads stand behind positions: never the batch."""
    axis = next((arg.value for arg in call.args if arg.keyword is not None and arg.keyword.value == "dim"), None)
    return isinstance(axis, cst.Integer) and axis.value in ("1", "2")
