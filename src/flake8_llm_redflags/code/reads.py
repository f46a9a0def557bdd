"""Reads that make the host wait for the device (``.item()``, ``float(tensor)``, ``.cpu()``) in hot code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from ..knowledge import table, words
from .arguments import argument
from .kinds import Kind
from .names import holds_word
from .training import Step
from .tree import Node, Tree

if TYPE_CHECKING:
    from .program import Code

_COMPREHENSIONS = (cst.ListComp, cst.SetComp, cst.DictComp, cst.GeneratorExp)
_LINES = (cst.SimpleStatementLine, cst.BaseCompoundStatement)


@dataclass(frozen=True, slots=True)
class Read:
    """One read: ``node`` is the call, ``value`` the tensor that it reads."""

    node: cst.Call
    value: Node


@dataclass(frozen=True, slots=True)
class StepRead(Read):
    """A read in every turn of a training step, by its part in it.

    ``earlier`` is a read of the same unchanged tensor that surely ran before; ``others`` are the reads of other tensors
    right behind this one.
    """

    step: Step
    before_backward: bool
    earlier: Read | None = None
    others: tuple[Read, ...] = ()


class Reads:
    """All host reads of device tensors in a file."""

    def __init__(self, code: Code) -> None:
        self._code, self._tree = code, code.tree

    @cached_property
    def all(self) -> list[Read]:
        """Every call that copies a device tensor to the host, in document order."""
        facts = table("torch_devices")["reads"]
        candidates = [
            *self._code.calls(*facts["methods"], "to"),
            *self._code.calls(*facts["builtins"], *facts["numpy"]),
        ]
        found = [read for call in candidates if (read := self._read(call)) is not None]
        return sorted(found, key=lambda read: self._tree.start(read.node))

    def _read(self, call: cst.Call) -> Read | None:
        facts, devices, function = table("torch_devices")["reads"], self._code.devices, call.func
        if isinstance(function, cst.Attribute) and function.attr.value in (*facts["methods"], "to"):
            if function.attr.value == "to":
                target = argument(call, 0, "device")
                if target is None or not devices.is_host_device(target):
                    return None
            elif call.args and function.attr.value in ("item", "tolist"):
                return None
            if self._is_module_use(call):
                return None
            return Read(call, function.value) if devices.on_device(function.value) else None
        if len(call.args) != 1 or call.args[0].star or call.args[0].keyword is not None:
            return None
        module, _, last = (self._code.qualified_name(function) or "").rpartition(".")
        wanted = facts["builtins"] if module == "builtins" else facts["numpy"] if module == "numpy" else ()
        value = call.args[0].value
        return Read(call, value) if last in wanted and devices.on_device(value) else None

    def _is_module_use(self, call: cst.Call) -> bool:
        """Is the result used as a module (``m.cpu().parameters()``)?"""
        above = self._tree.parent(call)
        return isinstance(above, cst.Attribute) and above.attr.value in table("torch_devices")["reads"]["of_modules"]

    def is_scalar(self, read: Read) -> bool:
        """Does the read ask for numbers (``.item()``, ``float()``), not for a whole tensor to work on?"""
        function = read.node.func
        if isinstance(function, cst.Attribute):
            return function.attr.value in ("item", "tolist")
        return isinstance(function, cst.Name) and function.value in table("torch_devices")["reads"]["builtins"]

    # ---- in the training step

    @cached_property
    def in_steps(self) -> list[StepRead]:
        """The reads that run in every turn of a training step, each put in its place; one for a row of several."""
        found: list[StepRead] = []
        seen: dict[int, list[Read]] = {}
        per_element = {id(read.node) for read, _ in self.per_element}
        for read in self.all:
            if id(read.node) in per_element or (step := self._step_of(read)) is None:
                continue
            if found and self._are_alternatives(found[-1].node, read.node):
                continue  # one of the two runs, and one wait is told
            earlier = next((other for other in seen.get(id(step.owner), ()) if self._is_same(other, read)), None)
            seen.setdefault(id(step.owner), []).append(read)
            training = self._code.training
            before = not training.backward_before(step) and training.backward_after(step)
            found.append(StepRead(read.node, read.value, step, before, earlier))
        return self._rows(found)

    def _step_of(self, read: Read) -> Step | None:
        training = self._code.training
        step = training.step(read.node)
        if step is None or training.is_demo(read.node) or self._code.rarity.is_rare(read.node, step.owner):
            return None
        if training.evaluates(read.node, step.owner) or self._feeds_environment(read, step):
            return None
        if not self.is_scalar(read) and any(loop is not step.owner for loop in self._inner_loops(read.node, step)):
            return None  # one after another they are saved or drawn on the host
        return step

    def _inner_loops(self, node: Node, step: Step) -> Iterator[Node]:
        for loop in self._loops_around(node):
            if loop is step.owner:
                return
            yield loop

    def _feeds_environment(self, read: Read, step: Step) -> bool:
        """Does the step play against an environment, which needs the action on the host?"""
        if "loss" in self._code.text_of(read.value).lower():
            return False
        environments = words("torch_training", "environment")
        return any(
            isinstance(call.func, cst.Attribute)
            and holds_word(self._code.text_of(call.func.value), environments)
            and self._tree.contains(step.owner, call)
            for call in self._code.calls("step")
        )

    def _is_same(self, first: Read, second: Read) -> bool:
        """Does an earlier read, which surely ran, give the value of the same unchanged tensor?"""
        one, other = first.value, second.value
        if not isinstance(one, cst.Name) or not isinstance(other, cst.Name) or one.value != other.value:
            return False
        values = self._code.values
        if [id(b) for b in values.definitions(one)] != [id(b) for b in values.definitions(other)]:
            return False
        block = self._tree.parent(self._line(first.node))
        return block is not None and self._tree.contains(block, second.node) and not self._is_conditional(first.node)

    def _is_conditional(self, node: Node) -> bool:
        """May something within its own line keep the node from running?"""
        for above in self._tree.ancestors(node):
            if isinstance(above, cst.SimpleStatementLine):
                return False
            if isinstance(above, (cst.IfExp, cst.BooleanOperation, cst.Lambda)):
                return True
        return False

    def _line(self, node: Node) -> Node:
        return next((above for above in self._tree.ancestors(node) if isinstance(above, _LINES)), node)

    def _rows(self, reads: list[StepRead]) -> list[StepRead]:
        """Join reads of different tensors that follow each other in one block to one, which names the others."""
        rows: list[list[StepRead]] = []
        for read in reads:
            if rows and read.earlier is None and self._continues(rows[-1][-1], read):
                rows[-1].append(read)
            else:
                rows.append([read])
        return [replace(first, others=tuple(others)) for first, *others in rows]

    def _continues(self, last: StepRead, read: StepRead) -> bool:
        """Does a read stand in the line of the last one, or in one of the next three, with nothing queued between?"""
        if last.step.owner is not read.step.owner or last.before_backward != read.before_backward:
            return False
        one, other = self._line(last.node), self._line(read.node)
        if one is other:
            return True
        block = self._tree.parent(one)
        if not isinstance(block, cst.IndentedBlock) or block is not self._tree.parent(other):
            return False
        start = next(i for i, statement in enumerate(block.body) if statement is one)
        for statement in block.body[start + 1 : start + 4]:
            if statement is other:
                return True
            if not isinstance(statement, cst.SimpleStatementLine) or self._computes(statement):
                return False
        return False

    def _are_alternatives(self, one: Node, other: Node) -> bool:
        """Stand two reads in the two arms of one ``a if test else b``, so that only one of them runs?"""
        return any(
            isinstance(above, cst.IfExp)
            and (
                (self._tree.contains(above.body, one) and self._tree.contains(above.orelse, other))
                or (self._tree.contains(above.orelse, one) and self._tree.contains(above.body, other))
            )
            for above in self._tree.ancestors(one)
        )

    def _computes(self, statement: Node) -> bool:
        backward = {id(call) for call in self._code.training.backward_calls}
        return any(
            id(call) in backward or self._code.devices.is_module_call(call)
            for call in self._tree.within(statement, cst.Call)
        )

    # ---- element by element

    @cached_property
    def per_element(self) -> list[tuple[Read, Node]]:
        """Reads of one element after another of a tensor that stays the same, with the loop that does it."""
        found = []
        for read in self.all:
            loop = self._element_loop(read) if self.is_scalar(read) else None
            if loop is not None and self._code.training.hot(read.node) is not None:
                found.append((read, loop))
        return found

    def _element_loop(self, read: Read) -> Node | None:
        for loop in self._loops_around(read.node):
            targets = _names(self._tree, loop.target if isinstance(loop, cst.For) else loop.for_in.target)
            for subscript in self._tree.within(read.value, cst.Subscript):
                base = subscript.value
                indices = {name for part in subscript.slice for name in _names(self._tree, part)}
                if not indices.isdisjoint(targets) and self._is_outside(base, loop):
                    return loop
            root = _root(read.value)
            if isinstance(root, cst.Name) and root.value in targets and self._is_element(root):
                return loop
        return None

    def _loops_around(
        self, node: Node
    ) -> Iterator[cst.For | cst.ListComp | cst.SetComp | cst.DictComp | cst.GeneratorExp]:
        for above in self._tree.ancestors(node):
            if isinstance(above, (cst.FunctionDef, cst.ClassDef)):
                return
            if (isinstance(above, cst.For) and self._tree.contains(above.body, node)) or isinstance(
                above, _COMPREHENSIONS
            ):
                yield above  # type: ignore[misc]

    def _is_outside(self, base: Node, loop: Node) -> bool:
        """Is the indexed tensor the same in all turns of the loop?"""
        root = _root(base)
        if not isinstance(root, cst.Name):
            return False
        if self._code.devices.kind(base) is not Kind.DEVICE:
            return False
        return all(not self._tree.contains(loop, binding.node) for binding in self._code.values.definitions(root))

    def _is_element(self, name: cst.Name) -> bool:
        """Does a loop hand out the elements of one device tensor (not of a list or loader) under this name?"""
        devices = self._code.devices
        for binding in self._code.values.definitions(name):
            if binding.kind != "loop" or binding.value is None:
                return False
            iterables = [binding.value]
            if isinstance(binding.value, cst.Call):
                if self._code.qualified_name(binding.value.func) in ("builtins.zip", "builtins.enumerate"):
                    iterables = [arg.value for arg in binding.value.args]
            if not any(devices.on_device(iterable) for iterable in iterables):
                return False
        return True


def _root(node: Node) -> Node:
    """Return the name that an expression starts from: ``x`` for ``x[i].sum().y``."""
    while True:
        if isinstance(node, (cst.Attribute, cst.Subscript)):
            node = node.value
        elif isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
            node = node.func.value
        else:
            return node


def _names(tree: Tree, node: Node) -> set[str]:
    return {name.value for name in tree.within(node, cst.Name)}
