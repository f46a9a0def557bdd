"""Training steps: which loop or function repeats them, what runs in them, and what runs beside them again and again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import libcst as cst

from ..knowledge import table
from .kinds import Kind
from .names import dotted, words_in
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

Loop = cst.For | cst.While

#: The parts of a class name: ``Test`` in ``TestModel``, not in ``Tester``.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z]*")

#: How many calls up a question follows.
_CALLS_UP = 4


@dataclass(frozen=True, slots=True)
class Step:
    """One turn of training: the loop that repeats it, or the function that a framework calls for each batch.

    ``at`` is where the asked node stands in that loop or function: the node itself, or the call that leads to it.
    """

    owner: Node
    at: Node

    @property
    def loop(self) -> Loop | None:
        """The loop that repeats the step, None where a framework does."""
        return self.owner if isinstance(self.owner, (cst.For, cst.While)) else None


@dataclass(frozen=True, slots=True)
class Hot:
    """Why a node runs again and again beside the device: in a training step, ``forward``, a loop around a model."""

    kind: Literal["step", "forward", "model loop"]
    owner: Node


class Training:
    """Answers questions about training steps and what runs beside them again and again."""

    def __init__(self, code: Code) -> None:
        self._code, self._tree, self._context = code, code.tree, code.context
        self._steps: dict[int, Step | None] = {}
        self._model_loops: dict[int, bool] = {}

    @cached_property
    def happens(self) -> bool:
        """Does the file train in any way: by a backward pass, ``train()``, a trainer?"""
        if any(self._code.calls("backward", "gradient_checkpointing_enable", "train")):
            return True
        return any(module.endswith("Trainer") for module in self._code.names.imported_modules)

    # ---- the training step

    @cached_property
    def backward_calls(self) -> list[cst.Call]:
        """All calls that run a backward pass: ``loss.backward()``, a scaler that is given loss and optimizer."""
        facts = table("torch_training")["backward"]
        if not self._optimizes:
            return []
        found = list(self._code.calls(*facts["methods"]))
        found = [call for call in found if isinstance(call.func, cst.Attribute) and not self._defines(call)]
        found += [call for call in self._tree.all(cst.Call) if self._is_scaler_call(call)]
        return sorted({id(call): call for call in found}.values(), key=self._tree.start)

    @cached_property
    def _optimizes(self) -> bool:
        """Does the file train, rather than take gradients to explain or to attack a model? Something must step."""
        if any("step" in words_in(node.attr.value) for node in self._tree.all(cst.Attribute)):
            return True
        if any("scaler" in words_in(dotted(call.func)) for call in self._tree.all(cst.Call)):
            return True
        loops = (loop.iter for loop in self._tree.all(cst.For))
        if any("parameters" in words_in(dotted(loop.func)) for loop in loops if isinstance(loop, cst.Call)):
            return True  # updated by hand
        names = {*table("torch_training")["backward"]["step_methods"], "step"}
        return any(function.name.value in names for function in self._tree.all(cst.FunctionDef))

    @staticmethod
    def _defines(call: cst.Call) -> bool:
        """Is this ``super().backward(…)`` of an autograd function or wrapper, which is no step?"""
        return (
            isinstance(call.func, cst.Attribute)
            and isinstance(call.func.value, cst.Call)
            and dotted(call.func.value.func) == "super"
        )

    def _is_scaler_call(self, call: cst.Call) -> bool:
        """Is this ``loss_scaler(loss, optimizer, …)``, a wrapper that runs backward and the optimizer?"""
        if len(call.args) < 2 or not isinstance(call.func, (cst.Name, cst.Attribute)):
            return False
        first, second = call.args[0].value, call.args[1].value
        named = all(isinstance(value, cst.Name) for value in (first, second))
        return (
            named
            and "loss" in words_in(dotted(first))
            and "scaler" in words_in(dotted(call.func))
            and self._code.devices.kind(second) is Kind.OPTIMIZER
        )

    @cached_property
    def step_loops(self) -> dict[int, list[cst.Call]]:
        """The loops (by ``id``) one turn of which runs a backward pass, with the calls of their body that run it."""
        found: dict[int, list[cst.Call]] = {}
        for call in self.backward_calls:
            for loop, place in self._loops_running(call, _CALLS_UP):
                found.setdefault(id(loop), []).append(place)
        return found

    @cached_property
    def step_functions(self) -> dict[int, list[cst.Call]]:
        """The functions (by ``id``) that run a backward pass outside of their loops, with the calls that run it."""
        found: dict[int, list[cst.Call]] = {}
        for call in self.backward_calls:
            if next(self._context.loops(call), None) is None and (function := self._context.function(call)) is not None:
                found.setdefault(id(function), []).append(call)
        return found

    def _loops_running(self, call: cst.Call, calls_up: int) -> Iterator[tuple[Loop, cst.Call]]:
        """Yield the nearest loop around a call, or around the calls of its function, with the call standing in it."""
        loop = next((loop for loop in self._context.loops(call) if not self._is_accumulation(loop, call)), None)
        if loop is not None:
            yield loop, call
            return
        function = self._context.function(call)
        if not isinstance(function, cst.FunctionDef) or calls_up == 0:
            return
        for caller in self._context.callers(function):
            if self._context.function(caller) is not function:
                yield from self._loops_running(caller, calls_up - 1)
        if not self._context.callers(function) and self._context.function(function) is not None:
            outer = next(self._context.loops(function), None)  # a closure made in the loop
            if outer is not None:
                yield outer, call

    def _is_accumulation(self, loop: Loop, call: cst.Call) -> bool:
        """Does the loop only sum or list losses (``for loss in losses: loss.backward()``)?"""
        if (
            not isinstance(loop, cst.For)
            or not isinstance(call.func, cst.Attribute)
            or not isinstance(loop.target, cst.Name)
        ):
            return False
        return isinstance(call.func.value, cst.Name) and call.func.value.value == loop.target.value

    def is_step_loop(self, loop: Node) -> bool:
        """Does one turn of this loop (not of a loop inside it) run a backward pass?"""
        return id(loop) in self.step_loops

    def step(self, node: Node) -> Step | None:
        """Return the training step that the node is part of, in this function or in one that calls it."""
        return self._step(node, _CALLS_UP)

    def _step(self, node: Node, calls_up: int) -> Step | None:
        for loop in self._context.loops(node):
            if self.is_step_loop(loop):
                return Step(loop, node)
        function = self._context.function(node)
        if function is None:
            return None
        if id(function) not in self._steps or calls_up < _CALLS_UP:
            self._steps[id(function)] = None  # what a cycle sees
            self._steps[id(function)] = self._step_of_function(function, calls_up)
        found = self._steps[id(function)]
        return Step(found.owner, node) if found is not None and found.owner is function else found

    def _step_of_function(self, function: Node, calls_up: int) -> Step | None:
        if not isinstance(function, cst.FunctionDef):
            return None
        if self.is_step_function(function):
            return Step(function, function)
        if calls_up == 0 or self._code.evaluation.is_evaluation(function):
            return None
        for caller in self._context.callers(function):
            if self._context.function(caller) is function:
                continue
            found = self._step(caller, calls_up - 1)
            if (
                found is not None
                and not self._code.rarity.is_rare(caller, found.owner)
                and not self.evaluates(caller, found.owner)
            ):
                return found if found.at is not caller else Step(found.owner, caller)
        return None

    def evaluates(self, node: Node, owner: Node) -> bool:
        """Does an inner loop between the node and the step run without autograd, as an evaluation does?"""
        inner = [loop for loop in self._context.loops(node) if loop is not owner and self._tree.contains(owner, loop)]
        return bool(inner) and self._code.autograd.is_off(node)

    def is_step_function(self, function: cst.FunctionDef) -> bool:
        """Does a framework or another file call this for each batch: ``training_step``, a step by name and deed?"""
        facts = table("torch_training")["backward"]
        name = function.name.value
        if name in facts["step_methods"] and self._context.method_owner(function) is not None:
            return True
        if id(function) not in self.step_functions or self._context.callers(function):
            return False
        return not words_in(name).isdisjoint(facts["step_words"])

    def backward_before(self, step: Step) -> bool:
        """Has the backward pass of this turn begun before the node that was asked about (or the call that leads to it)?"""
        here = self._tree.start(step.at)
        return any(self._tree.start(call) < here for call in self._runs(step))

    def backward_after(self, step: Step) -> bool:
        """Does a backward pass of this turn follow the node that was asked about (or the call that leads to it)?"""
        end = self._tree.end(step.at)
        return any(self._tree.start(call) >= end for call in self._runs(step))

    def _runs(self, step: Step) -> list[cst.Call]:
        return self.step_loops.get(id(step.owner)) or self.step_functions.get(id(step.owner)) or []

    def loop_over_steps(self, node: Node) -> Node | None:
        """Return the step that the node is part of, or the loop around it that repeats steps (not one over epochs)."""
        step = self.step(node)
        if step is not None:
            return step.owner
        loop = next(self._context.loops(node), None)
        if loop is None or self.is_epoch_loop(loop):
            return None
        for call in self.backward_calls:
            loops = list(self._context.loops(call))
            if any(outer is loop and self.is_step_loop(inner) for inner, outer in pairwise(loops)):
                return loop
        return None

    def is_epoch_loop(self, loop: Node) -> bool:
        """Does a loop count epochs, by the name of its target or its limit?"""
        if not isinstance(loop, cst.For):
            return False
        names = [*self._tree.within(loop.target, cst.Name), *self._tree.within(loop.iter, cst.Name)]
        texts = [name.value for name in names] + [
            node.attr.value for node in self._tree.within(loop.iter, cst.Attribute)
        ]
        return any("epoch" in text.lower() for text in texts)

    def measures_time(self, node: Node) -> bool:
        """Does the loop, or else the function, around the node read a clock or a device event?"""
        around = next(self._context.loops(node), None) or self._context.function(node) or self._tree.module
        clocks = table("torch_training")["clocks"]["names"]
        return any(self._tree.contains(around, call) for call in self._code.calls(*clocks))

    # ---- loops around a model, forward, demos

    def hot(self, node: Node) -> Hot | None:
        """Return why the node runs again and again; None where it does not, or only rarely, or in a demo."""
        if self.is_demo(node):
            return None
        step = self.step(node)
        if step is not None:
            return None if self._code.rarity.is_rare(node, step.owner) else Hot("step", step.owner)
        function = self._context.function(node)
        if function is not None and self.runs_in_forward(function):
            return None if self._code.rarity.is_rare(node, function) else Hot("forward", function)
        loop = self.model_loop(node)
        if loop is not None and not self._code.rarity.is_rare(node, loop):
            return Hot("model loop", loop)
        return None

    def runs_in_forward(self, function: Node, calls_up: int = 2) -> bool:
        """Is the function ``forward`` of a module of this file, or called by one?"""
        if self._code.devices.in_forward(function):
            return True
        if not isinstance(function, cst.FunctionDef) or calls_up == 0 or function.name.value == "__init__":
            return False
        for caller in self._context.callers(function):
            around = self._context.function(caller)
            if around is not None and around is not function and self.runs_in_forward(around, calls_up - 1):
                return True
        return False

    def model_loop(self, node: Node) -> Loop | None:
        """Return the innermost loop around the node that calls a model in each turn: sampling, decoding, evaluation."""
        return next((loop for loop in self._context.loops(node) if self.calls_model(loop)), None)

    def calls_model(self, loop: Loop) -> bool:
        """Does a turn of the loop (not of a loop inside it) call a module?"""
        if id(loop) not in self._model_loops:
            self._model_loops[id(loop)] = any(
                next(self._context.loops(call), None) is loop and self._code.devices.is_module_call(call)
                for call in self._tree.within(loop.body, cst.Call)
            )
        return self._model_loops[id(loop)]

    def is_demo(self, node: Node) -> bool:
        """Stands the node below ``if __name__ == "__main__"`` or in a test?"""
        if self._code.is_test:
            return True
        for above in self._tree.ancestors(node):
            if isinstance(above, cst.If) and any(
                isinstance(name, cst.Name) and name.value == "__name__"
                for name in self._tree.within(above.test, cst.Name)
            ):
                return True
            if isinstance(above, cst.FunctionDef) and self._is_unit_test(above):
                return True
            if isinstance(above, cst.ClassDef) and {"Test", "Tests"} & set(_WORD.findall(above.name.value)):
                return True
        return False

    def _is_unit_test(self, function: cst.FunctionDef) -> bool:
        """Is the function a test of the code, rather than a test of the model (``def test_epoch(model, loader)``)?"""
        if function.name.value.startswith("_test"):
            return True
        if not function.name.value.lstrip("_").startswith("test_"):
            return False
        if any(name.partition(".")[0] in ("pytest", "unittest") for name in self._code.names.imported_modules):
            return True
        if any(self._tree.within(function, cst.Assert)):
            return True
        return not function.params.params
