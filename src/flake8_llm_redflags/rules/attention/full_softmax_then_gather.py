"""LRF525: log-probabilities of the whole vocabulary, of which one column is picked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Edit, Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code
    from ...code.tensors import Operation
    from ...code.tree import Node


class FullSoftmaxThenGather(Rule):
    """``log_softmax`` writes as much again as the logits hold; row by row only one row of that exists at a time."""

    code = "LRF525"
    name = "full-softmax-then-gather"
    severity = Severity.WARNING
    fixable = "unsafe"
    reads_tests = False
    trigger = Trigger(
        words=(("torch",), ("log_softmax", "LogSoftmax"), ("gather",)),
        pattern=r"label|token|input_ids|vocab|completion",
    )

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding at each ``log_softmax`` whose only use is a ``gather``."""
        from ...code.tensors import Place

        for call in code.calls("gather"):
            picked = code.tensors.operation(call)
            if picked is None or picked.name != "gather" or not picked.operands:
                continue
            softmax = code.tensors.operation(code.tensors.followed(Place(picked.operands[0])).node)
            if (
                softmax is None
                or softmax.name != "log_softmax"
                or not softmax.operands
                or code.context.is_compiled(call)
            ):
                continue
            logits = softmax.operands[0]
            if (
                _is_only_use(code, picked.operands[0])
                and not _is_row(code, call, logits)
                and not _is_small(code, call, logits)
            ):
                message = (
                    f"log-probabilities of the whole vocabulary from `{code.short_text(logits, 24)}`, of which few are picked,"
                    " hold its size again: gather - logsumexp row by row"
                )
                yield self.finding(code, softmax.node, message, _edit(code, picked, softmax))


def _is_small(code: Code, call: cst.Call, logits: Node) -> bool:
    """Are these the actions of a policy, the scores of an attention, a single position or an example, rather than many tokens?"""
    from ...code.constants import is_last_position

    for name in code.tree.within(logits, cst.Name):  # of `logits / temperature` too
        for binding in code.values.definitions(name):
            if isinstance(binding.value, cst.Subscript) and is_last_position(binding.value):
                return True
    if "torch.tensor" in code.values.made_by(logits):
        return True
    texts = [code.text_of(node).lower() for node in (logits, *(arg.value for arg in call.args))]
    return any(word in text for text in texts for word in ("action", "attn"))


def _edit(code: Code, picked: Operation, softmax: Operation) -> Edit | None:
    """Pick from the logits and subtract their logsumexp, one sequence at a time: over the last axis of three."""
    axis, index = picked.setting(0, "dim"), picked.setting(1, "index")
    over = softmax.setting(0, "dim")
    if axis is None or index is None or over is None or {code.text_of(axis), code.text_of(over)} - {"-1", "2"}:
        return None
    logits = softmax.operands[0]
    if not _has_three_axes(code, axis, index, logits):
        return None  # of two axes, a row would be one token, and the loop would take longest
    text = code.text_of(picked.node) + code.text_of(softmax.node)
    if (
        "#" in text
        or "dtype" in text
        or (isinstance(logits, cst.Name) and not code.values.is_same_at(logits, picked.node))
    ):
        return None
    stack = code.names.spelling("torch.stack", picked.node)
    if stack is None:
        return None
    rows = f"row.gather(-1, at) - row.logsumexp(-1, keepdim=True) for row, at in zip({code.text_of(logits)}, {code.text_of(index)})"
    edit = code.edit("subtract the logsumexp row by row", safe=False).replace(picked.node, f"{stack}([{rows}])")
    kept = [name.value for node in (logits, index) for name in code.tree.within(node, cst.Name)]
    return edit.remove_unused([picked.node], kept).done()


def _has_three_axes(code: Code, axis: Node, index: Node, logits: Node) -> bool:
    """Does the code show batch, positions and vocabulary?"""
    if code.text_of(axis) == "2" or "unsqueeze(2)" in code.text_of(index):
        return True
    return isinstance(logits, cst.Subscript) and len(logits.slice) > 1


def _is_only_use(code: Code, used: Node) -> bool:
    """Is a name for the log-probabilities read here only?"""
    if not isinstance(used, cst.Name):
        return True
    statements = [binding.node for binding in code.values.definitions(used)]
    return not any(
        name.value == used.value
        and name is not used
        and not isinstance(code.tree.parent(name), cst.AssignTarget)
        and any(binding.node is statement for binding in code.values.definitions(name) for statement in statements)
        for name in code.tree.within(code.names.scope(used), cst.Name)
    )


def _is_row(code: Code, call: cst.Call, logits: Node) -> bool:
    """Does a loop around go through the logits in parts?"""
    read = {name.value for name in code.tree.within(logits, cst.Name)}
    for above in code.tree.ancestors(call):
        if isinstance(above, cst.FunctionDef):
            return False
        loop = above if isinstance(above, cst.For) else getattr(above, "for_in", None)
        if loop is not None and any(name.value in read for name in code.tree.within(loop.target, cst.Name)):
            return True
    return False
