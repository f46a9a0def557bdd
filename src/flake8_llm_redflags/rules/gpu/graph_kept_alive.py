"""LRF741: losses collected with their graphs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Edit, Finding, Severity
from ...knowledge import words
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code
    from ...code.names import Binding
    from ...code.tree import Node


class GraphKeptAlive(Rule):
    """``total += loss`` keeps the graph of every step alive; ``loss.detach()`` keeps a number."""

    code = "LRF741"
    name = "graph-kept-alive"
    severity = Severity.WARNING
    fixable = "unsafe"
    reads_tests = False
    trigger = Trigger(words=(("torch",), ("for", "while")), pattern=(r"\+=", r"\.append\(", r"\b(\w+) = \1 \+"))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each loss that a loop adds up or lists undetached, only to report it."""
        for node, total, value in _collections(code):
            loop = next(iter(code.context.loops(node)), None)
            if loop is None or not _has_graph(code, value) or code.autograd.is_off(node):
                continue
            if code.training.is_demo(node) or not _is_only_kept(code, loop, total, value):
                continue
            text = code.short_text(value, 24)
            detached = f"({text}).detach()" if isinstance(value, cst.BinaryOperation) else f"{text}.detach()"
            message = (
                f"`{code.short_text(total, 24)}` collects `{text}` with its graph, so memory"
                f" grows every step: add `{detached}` instead (predicted)"
            )
            yield self.finding(code, node, message, _edit(code, value))


def _collections(code: Code) -> Iterator[tuple[Node, Node, Node]]:
    """Yield (place, what collects, what is collected) for ``t += x``, ``t = t + x`` and ``t.append(x)``."""
    for node in code.all(cst.AugAssign):
        if isinstance(node.operator, cst.AddAssign):
            yield node, node.target, node.value
    for node in code.all(cst.Assign):
        target = node.targets[0].target
        if isinstance(target, cst.Name) and _adds_to_itself(node, target.value):
            assert isinstance(node.value, cst.BinaryOperation)
            yield node, target, node.value.right
    for call in code.calls("append"):
        if isinstance(call.func, cst.Attribute) and len(call.args) == 1:
            yield call, call.func.value, call.args[0].value


def _has_graph(code: Code, value: Node, depth: int = 8) -> bool:
    """Does a value come from a loss or model in a way that autograd follows?"""
    if depth == 0:
        return False
    if isinstance(value, cst.Name):
        made = [b.value for b in code.values.definitions(value) if _is_followed(b)]
        if len(made) != len(code.values.definitions(value)):
            return False
        return any(_has_graph(code, source, depth - 1) for source in made if source is not None)
    if isinstance(value, cst.Attribute):
        return value.attr.value == "loss" and _has_graph(code, value.value, depth - 1)
    if isinstance(value, cst.BinaryOperation):
        return _has_graph(code, value.left, depth - 1) or _has_graph(code, value.right, depth - 1)
    if isinstance(value, cst.Call):
        if isinstance(value.func, cst.Attribute):
            if value.func.attr.value in words("torch_training", "detaching"):
                return False
            if _has_graph(code, value.func.value, depth - 1):
                return not code.autograd.is_off(value)
        if code.devices.is_module_call(value):
            return not code.autograd.is_off(value)
        if (code.qualified_name(value.func) or "").startswith("torch.nn.functional."):
            return any(_has_graph(code, arg.value, depth - 1) for arg in value.args)
    return False


def _is_followed(binding: Binding) -> bool:
    """Is the binding an assignment of one value, or unpacked from a call?"""
    return binding.kind == "assign" and (not binding.path or isinstance(binding.value, cst.Call))


def _is_only_kept(code: Code, loop: Node, total: Node, value: Node) -> bool:
    """Is the sum or list only there to report: is the value itself backpropagated, or the function an evaluation?

    Silent where the sum is used for a backward pass, handed out or emptied inside the loop.
    """
    if not isinstance(total, cst.Name):
        return False
    turns_data = isinstance(loop, cst.For) and code.devices.kind_of_target(loop).is_tensor
    if not turns_data and not code.training.is_step_loop(loop):
        return False
    around = code.context.function(loop) or code.tree.module
    if not any(
        b.kind == "assign" and not code.tree.contains(loop, b.node) for b in code.names.bindings(total.value, total)
    ):
        return False
    own = [name for name in code.tree.within(around, cst.Name) if name.value == total.value]
    backward = [call for call in code.training.backward_calls if code.tree.contains(around, call)]
    if not backward:
        owner = code.evaluation.around(total)
        if owner is None or code.autograd.is_unknown(total) or code.training.step(total) is not None:
            return False
        return not any(code.tree.contains(v, name) and code.devices.kind(v).is_tensor
                       for v in code.context.returned_values(around) for name in own)  # fmt: skip
    made_of = _bindings_in(code, value, loop)
    if not any(code.tree.contains(loop, call) and made_of & _bindings_in(code, call, loop) for call in backward):
        return False
    used = {id(code.context.statement(name)) for name in own}
    reset = [
        b for b in code.names.bindings(total.value, total) if code.tree.contains(loop, b.node) and b.kind == "assign"
    ]
    if any(not _adds_to_itself(b.node, total.value) for b in reset):
        return False
    return not any(id(code.context.statement(call)) in used for call in backward) and not _feeds_backward(
        code, own, backward
    )


def _bindings_in(code: Code, value: Node, loop: Node, depth: int = 4) -> set[int]:
    """Return the assignments in the loop whose results with a graph a value is made of: of ``loss / k`` that of ``loss``."""
    found: set[int] = set()
    for name in code.tree.within(value, cst.Name) if depth else ():
        for binding in code.values.definitions(name):
            if binding.kind == "assign" and binding.value is not None and code.tree.contains(loop, binding.node):
                if _has_graph(code, binding.value):
                    found.add(id(binding))
                if not binding.path:  # of what a call returns side by side, a loss says nothing of the rest
                    found |= _bindings_in(code, binding.value, loop, depth - 1)
    return found


def _adds_to_itself(node: Node, name: str) -> bool:
    value = getattr(node, "value", None)
    if not isinstance(value, cst.BinaryOperation) or not isinstance(value.operator, cst.Add):
        return False
    return isinstance(value.left, cst.Name) and value.left.value == name


def _feeds_backward(code: Code, own: list[cst.Name], backward: list[cst.Call]) -> bool:
    """Does a statement that uses the sum give its result to a backward pass?"""
    roots = {name.value for call in backward for name in code.tree.within(call, cst.Name)}
    for name in own:
        statement = code.context.statement(name)
        if isinstance(statement, cst.Assign) and code.tree.contains(statement.value, name):
            targets = {target.value for t in statement.targets for target in code.tree.within(t, cst.Name)}
            if targets & roots:
                return True
    return False


def _edit(code: Code, value: Node) -> Edit:
    detached = f"{code.text_as_operand(value)}.detach()"
    return code.edit("collect the number, not its graph", safe=False).replace(value, detached).done()
