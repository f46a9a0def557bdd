"""LRF770: GPU work timed by a host clock with no synchronisation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ...knowledge import table
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code
    from ...code.tree import Node


class TimingWithoutSync(Rule):
    """``t = time.time(); y = model(x); dt = time.time() - t`` times the launch: the GPU has hardly begun."""

    code = "LRF770"
    name = "timing-without-sync"
    severity = Severity.ERROR
    reads_tests = False
    trigger = Trigger(words=(("torch",), ("time", "perf_counter", "monotonic", "default_timer")), pattern=r"-")

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each difference of clock readings around a model call with no wait for the device."""
        if not code.devices.used:
            return
        clocks = table("torch_training")["host_clocks"]["names"]
        for node in code.all(cst.BinaryOperation):
            if not isinstance(node.operator, cst.Subtract) or not _reads_clock(code, node.left, clocks):
                continue
            between = _between(code, node, clocks)
            model = next((call for call in _calls(code, between) if _is_device_work(code, call)), None)
            if model is None or _waits(code, between) or code.training.step(node) is not None:
                continue
            message = (
                f"`{code.short_text(node, 36)}` times the launch of `{code.short_text(model.func, 24)}`, not its work:"
                " call `torch.cuda.synchronize()` before both readings"
            )
            yield self.finding(code, node, message)


def _reads_clock(code: Code, node: Node, clocks: Sequence[str]) -> bool:
    """Is the expression a clock reading, or a name that one was just assigned to?"""
    if isinstance(node, cst.Name):
        return any(
            b.kind == "assign" and isinstance(b.value, cst.Call) and code.qualified_name(b.value.func) in clocks
            for b in code.values.definitions(node)
        )
    return isinstance(node, cst.Call) and code.qualified_name(node.func) in clocks


def _between(code: Code, difference: cst.BinaryOperation, clocks: Sequence[str]) -> list[Node]:
    """Return the statements between the two readings, where both stand in one block; else none."""
    start = difference.right
    if not isinstance(start, cst.Name) or not _reads_clock(code, start, clocks):
        return []
    bindings = code.values.definitions(start)
    end: Node = difference
    if isinstance(difference.left, cst.Name):
        ends = code.values.definitions(difference.left)
        end = ends[0].node if len(ends) == 1 else difference
    if len(bindings) != 1:
        return []
    first, last = code.tree.parent(bindings[0].node), end
    block = code.tree.parent(first) if first is not None else None
    body = getattr(block, "body", None)
    if not isinstance(body, (tuple, list)) or block is None or not code.tree.contains(block, last):
        return []
    places = [i for i, statement in enumerate(body) if statement is first or code.tree.contains(statement, last)]
    if len(places) != 2:
        return []
    on_lines = (*_line(body[places[0]]), *_line(body[places[1]]))  # `sync(); seconds = clock() - start`
    beside = [s for s in on_lines if code.tree.comes_before(bindings[0].node, s) and code.tree.comes_before(s, last)]
    return [*body[places[0] + 1 : places[1]], *(s for s in beside if not code.tree.contains(s, last))]


def _line(statement: Node) -> Sequence[Node]:
    """Return the simple statements that share a line."""
    return statement.body if isinstance(statement, cst.SimpleStatementLine) else ()


def _calls(code: Code, statements: Sequence[Node]) -> Iterator[cst.Call]:
    for statement in statements:
        if isinstance(statement, (cst.FunctionDef, cst.ClassDef)):
            continue
        yield from code.tree.within(statement, cst.Call)


def _is_device_work(code: Code, call: cst.Call) -> bool:
    """Does the call run a module or a matrix product on the device? ``generate`` waits by itself."""
    if isinstance(call.func, cst.Attribute) and call.func.attr.value == "generate":
        return False
    if (code.qualified_name(call.func) or "") in table("torch_training")["host_clocks"]["work"]:
        return code.devices.on_device(call)
    return code.devices.is_module_call(call)


def _waits(code: Code, statements: Sequence[Node]) -> bool:
    """May anything in between wait for the device: a read, a synchronisation, a loader, unknown code?"""
    facts = table("torch_training")["host_clocks"]
    reads = {id(read.node) for read in code.reads.all}
    for call in _calls(code, statements):
        name = call.func.attr.value if isinstance(call.func, cst.Attribute) else getattr(call.func, "value", "")
        if id(call) in reads or name in facts["waits"]:
            return True
        if _is_device_work(code, call) or code.qualified_name(call.func) is not None:
            continue
        if isinstance(call.func, cst.Attribute) and (
            code.devices.kind(call.func.value) != "unknown" or name in facts["plain"]
        ):
            continue
        return True  # a local or unknown function may do anything
    loops = [loop for statement in statements for loop in code.tree.within(statement, cst.For, cst.While)]
    return any(isinstance(loop, cst.While) or code.devices.item_kind(loop.iter).is_tensor for loop in loops)
