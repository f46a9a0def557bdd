"""LRF705: an operation whose result's size depends on the data, in hot code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.arguments import has_star_arguments
from ...code.syntax import cst
from ...finding import Finding, Severity
from ...knowledge import table, words
from ..rule import Rule, Trigger
from ..trigger import whole_word

if TYPE_CHECKING:
    from ...code import Code
    from ...code.kinds import Kind
    from ...code.tree import Node

#: Functions and methods whose result's size is known only when they have run.
_NAMES = (
    "bincount",
    "masked_select",
    "nonzero",
    "one_hot",
    "repeat_interleave",
    "unique",
    "unique_consecutive",
    "where",
)


class DataDependentShape(Rule):
    """``nonzero``, ``x[mask]``, ``unique``… must count on the device before the host can allocate: a wait each time."""

    code = "LRF705"
    name = "data-dependent-shape"
    severity = Severity.WARNING
    reads_tests = False
    trigger = Trigger(words=(("torch",),), pattern=(*map(whole_word, _NAMES), r"\[[^\]\n]*(?:[=!]=|[<>]|~|mask)"))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each such operation on a device tensor that runs in every step or forward."""
        candidates = [(call, found) for call in code.calls(*_NAMES) if (found := _operand(code, call)) is not None]
        candidates += [(node, node.value) for node in code.all(cst.Subscript) if _is_boolean_read(code, node)]
        reported: set[int] = set()
        for node, operand in sorted(candidates, key=lambda candidate: code.tree.start(candidate[0])):
            statement = id(code.context.statement(node))
            if statement not in reported:
                found = list(self._report(code, node, operand))
                reported.update({statement} if found else ())
                yield from found

    def _report(self, code: Code, node: Node, operand: Node) -> Iterator[Finding]:
        kind = code.devices.kind(operand)
        if kind not in ("device", "tensor") or (hot := code.training.hot(node)) is None:
            return
        if not _is_placed(kind, hot.kind):
            return
        advice = table("torch_shapes")["advice"]
        name = node.func.attr.value if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) else ""
        message = (
            f"the size of `{code.short_text(node, 36)}` depends on data, so the host waits for the GPU:"
            f" {advice.get(name, advice['mask'])}"
        )
        yield self.finding(code, node, message)


def _is_placed(kind: Kind, hot: str) -> bool:
    return kind == "device" or hot == "forward"


def _operand(code: Code, call: cst.Call) -> Node | None:
    """Return the tensor that a call takes the data-dependent size from; None where its size is known beforehand."""
    function = call.func
    if not isinstance(function, (cst.Attribute, cst.Name)):
        return None
    qualified = code.qualified_name(function) or ""
    as_method = not qualified
    if not as_method and not qualified.startswith("torch."):
        return None
    if as_method and not isinstance(function, cst.Attribute):
        return None
    positional = [arg.value for arg in call.args if arg.keyword is None and not arg.star]
    keywords = {arg.keyword.value for arg in call.args if arg.keyword is not None}
    operand = (
        function.value if as_method and isinstance(function, cst.Attribute) else positional[0] if positional else None
    )
    others = positional if as_method else positional[1:]
    name = function.attr.value if isinstance(function, cst.Attribute) else qualified.rpartition(".")[2]
    if operand is None or has_star_arguments(call):
        return None
    if name == "where" and (as_method or others):
        return None
    if name == "one_hot" and (others or "num_classes" in keywords):
        return None
    if name != "repeat_interleave":
        return operand
    counts = others[0] if others and "output_size" not in keywords else None
    return operand if counts is not None and code.devices.kind(counts).is_tensor else None


def _is_boolean_read(code: Code, subscript: cst.Subscript) -> bool:
    """Is this ``x[mask]`` with a boolean mask, read and not assigned to?"""
    above = code.tree.parent(subscript)
    if isinstance(above, (cst.AssignTarget, cst.AugAssign)) and getattr(above, "target", None) is subscript:
        return False
    if isinstance(above, cst.Del) or len(subscript.slice) != 1 or not isinstance(subscript.slice[0].slice, cst.Index):
        return False
    return _is_boolean(code, subscript.slice[0].slice.value, 3)


def _is_boolean(code: Code, index: Node, depth: int) -> bool:
    """Is an index surely a boolean tensor: a comparison, ``~mask``, ``mask & other``, ``.bool()``?"""
    if isinstance(index, cst.Comparison):
        return code.devices.kind(index) in ("device", "tensor")
    if isinstance(index, cst.UnaryOperation) and isinstance(index.operator, cst.BitInvert):
        return True
    if isinstance(index, cst.BinaryOperation) and isinstance(index.operator, (cst.BitAnd, cst.BitOr)):
        return _is_boolean(code, index.left, depth) or _is_boolean(code, index.right, depth)
    if isinstance(index, cst.Call) and isinstance(index.func, cst.Attribute):
        return index.func.attr.value in words("torch_shapes", "masks", "methods")
    if isinstance(index, cst.Name) and depth:
        bindings = code.values.definitions(index)
        return bool(bindings) and all(
            b.kind == "assign" and not b.path and b.value is not None and _is_boolean(code, b.value, depth - 1)
            for b in bindings
        )
    return False
