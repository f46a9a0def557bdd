"""LRF720: a tensor made in host memory and copied to the device each time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Edit, Finding, Severity
from ...knowledge import table, words
from ..rule import Rule, Trigger
from ..trigger import Text

if TYPE_CHECKING:
    from ...code import Code
    from ...code.tree import Node


def _may_construct(text: Text) -> bool:
    plain, random = (words("torch_devices", "constructors", kind) for kind in ("plain", "random"))
    return not text.words.isdisjoint(plain) or not text.words.isdisjoint(random)


class CreatedOnCpuThenMoved(Rule):
    """``torch.ones(T, T).to(device)`` fills host memory and copies it; ``device=device`` does neither."""

    code = "LRF720"
    name = "created-on-cpu-then-moved"
    severity = Severity.WARNING
    fixable = "both"
    reads_tests = False
    trigger = Trigger(words=(("torch",), ("to", "cuda")), pattern=(r"\.to\(", r"\.cuda\("), test=_may_construct)

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each constructor in hot code whose result is moved to the device."""
        for call in code.calls("to", "cuda"):
            if not isinstance(call.func, cst.Attribute) or not code.devices.moves(call):
                continue
            made = _constructor(code, call.func.value, 4)
            if made is None or code.devices.default_is_device or not _is_hot(code, call):
                continue
            message = (
                f"`{code.short_text(made, 40)}` is filled on the CPU and copied to the GPU each time: build it there"
                " with `device=` (predicted: no copy, no wait)"
            )
            yield self.finding(code, call, message, _edit(code, call, made))


def _is_hot(code: Code, node: Node) -> bool:
    """Does the node run in every step, forward or turn around a model, or once in each turn of a loop over steps?"""
    if code.training.hot(node) is not None:
        return True
    return not code.training.is_demo(node) and any(
        code.tree.contains(loop, call) for loop in code.context.loops(node) for call in code.training.backward_calls
    )


def _constructor(code: Code, node: Node, depth: int) -> cst.Call | None:
    """Return the constructor that a value comes from: through tensor methods, functions and operators with numbers."""
    if depth == 0:
        return None
    if isinstance(node, cst.Call):
        if _is_constructor(code, node):
            given = {arg.keyword.value for arg in node.args if arg.keyword is not None}
            return None if "device" in given or "out" in given or any(arg.star == "**" for arg in node.args) else node
        qualified = code.qualified_name(node.func)
        tensors = [arg.value for arg in node.args if code.devices.kind(arg.value) != "python"]
        if qualified is None and isinstance(node.func, cst.Attribute) and not tensors:
            return _constructor(code, node.func.value, depth - 1)
        if qualified is not None and qualified.startswith("torch.") and len(tensors) == 1:
            return _constructor(code, tensors[0], depth - 1)
    elif isinstance(node, (cst.BinaryOperation, cst.Comparison)):
        operands = [
            node.left,
            *([node.right] if isinstance(node, cst.BinaryOperation) else [c.comparator for c in node.comparisons]),
        ]
        tensors = [operand for operand in operands if code.devices.kind(operand) != "python"]
        return _constructor(code, tensors[0], depth - 1) if len(tensors) == 1 else None
    elif isinstance(node, cst.UnaryOperation):
        return _constructor(code, node.expression, depth - 1)
    return None


def _is_constructor(code: Code, call: cst.Call) -> bool:
    module, _, last = (code.qualified_name(call.func) or "").rpartition(".")
    facts = table("torch_devices")["constructors"]
    return module == "torch" and (last in facts["plain"] or last in facts["random"])


def _edit(code: Code, call: cst.Call, made: cst.Call) -> Edit | None:
    """Return the edit that gives the constructor its device and drops the move; unsafe for random numbers."""
    assert isinstance(call.func, cst.Attribute)
    if call.func.attr.value == "cuda":
        device = '"cuda"' if not call.args else None
    else:
        plain = [arg for arg in call.args if arg.keyword is None or arg.keyword.value == "device"]
        others = {arg.keyword.value for arg in call.args if arg.keyword is not None} - {"device", "non_blocking"}
        device = code.text_of(plain[0].value) if len(plain) == 1 and not others else None
    if device is None or "\n" in code.text_of(made) or not made.args:
        return None
    random = (code.qualified_name(made.func) or "").rpartition(".")[2] in table("torch_devices")["constructors"][
        "random"
    ]
    receiver = call.func.value
    start = code.positions.offsets(receiver)[0]
    end = code.positions.offsets(made)[1] - start
    text = code.text_of(receiver)
    inner = text[: end - 1].rstrip().rstrip(",")
    return (
        code.edit("make it on the device", safe=not random)
        .replace(call, f"{inner}, device={device}{text[end - 1 :]}")
        .done()
    )
