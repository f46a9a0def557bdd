"""What a training file does where: training steps, loops around a model, evaluation, autograd, rare code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import libcst as cst

from ..knowledge import table
from .constants import is_false, is_true
from .context import argument, keyword
from .devices import Kind
from .names import dotted
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
    """Answers questions about training, evaluation and autograd."""

    def __init__(self, code: Code) -> None:
        self._code, self._tree, self._context = code, code.tree, code.context
        self._steps: dict[int, Step | None] = {}
        self._autograd: dict[int, bool] = {}
        self._model_loops: dict[int, bool] = {}

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
        if any("step" in _words(node.attr.value) for node in self._tree.all(cst.Attribute)):
            return True
        if any("scaler" in _words(dotted(call.func)) for call in self._tree.all(cst.Call)):
            return True
        loops = (loop.iter for loop in self._tree.all(cst.For))
        if any("parameters" in _words(dotted(loop.func)) for loop in loops if isinstance(loop, cst.Call)):
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
            and "loss" in _words(dotted(first))
            and "scaler" in _words(dotted(call.func))
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
        if calls_up == 0 or self.is_evaluation(function):
            return None
        for caller in self._context.callers(function):
            if self._context.function(caller) is function:
                continue
            found = self._step(caller, calls_up - 1)
            if found is not None and not self.is_rare(caller, found.owner) and not self.evaluates(caller, found.owner):
                return found if found.at is not caller else Step(found.owner, caller)
        return None

    def evaluates(self, node: Node, owner: Node) -> bool:
        """Does an inner loop between the node and the step run without autograd, as an evaluation does?"""
        inner = [loop for loop in self._context.loops(node) if loop is not owner and self._tree.contains(owner, loop)]
        return bool(inner) and self.autograd_off(node)

    def is_step_function(self, function: cst.FunctionDef) -> bool:
        """Does a framework or another file call this for each batch: ``training_step``, a step by name and deed?"""
        facts = table("torch_training")["backward"]
        name = function.name.value
        if name in facts["step_methods"] and self._context.method_owner(function) is not None:
            return True
        if id(function) not in self.step_functions or self._context.callers(function):
            return False
        return not _words(name).isdisjoint(facts["step_words"])

    def backward_before(self, node: Node, step: Step) -> bool:
        """Has the backward pass of this turn begun before the node (or the call that leads to it)?"""
        here = self._tree.start(step.at)
        return any(self._tree.start(call) < here for call in self._runs(step))

    def backward_after(self, node: Node, step: Step) -> bool:
        """Does a backward pass of this turn follow the node (or the call that leads to it)?"""
        end = self._tree.end(step.at)
        return any(self._tree.start(call) >= end for call in self._runs(step))

    def _runs(self, step: Step) -> list[cst.Call]:
        return self.step_loops.get(id(step.owner)) or self.step_functions.get(id(step.owner)) or []

    # ---- code that runs rarely

    def is_rare(self, node: Node, owner: Node | None) -> bool:
        """Does the node run only now and then within ``owner`` (a loop or function; None for the whole function)?

        Guarded by an interval, a rank, a debug flag; after ``if step % n: continue``; right before the loop is left;
        in an exception handler; in the ``else`` of a loop.
        """
        child = node
        for above in self._tree.ancestors(node):
            if isinstance(above, (cst.If, cst.IfExp)) and child is not above.test and self._is_rare_arm(above, child):
                return True
            if isinstance(above, cst.BooleanOperation) and child is above.right and self.is_rare_test(above.left):
                return True
            if isinstance(above, (cst.ExceptHandler, cst.ExceptStarHandler, cst.Raise)):
                return True
            if isinstance(above, cst.IndentedBlock):
                if not isinstance(self._tree.parent(above), cst.FunctionDef) and self._leaves(above, owner):
                    return True
                if self._after_skip(above, child):
                    return True
            if above is owner or (owner is None and isinstance(above, cst.FunctionDef)):
                return False
            if isinstance(above, cst.FunctionDef):
                return False
            child = above
        return False

    def _leaves(self, block: cst.IndentedBlock, owner: Node | None) -> bool:
        """Does the block end the program or, standing in the loop ``owner``, leave that?"""
        last = block.body[-1] if block.body and self._tree.parent(block) is not owner else None
        if not isinstance(last, cst.SimpleStatementLine):
            return False
        end = last.body[-1]
        if isinstance(end, (cst.Return, cst.Break)):
            return isinstance(owner, (cst.For, cst.While)) and self._tree.contains(owner, block)
        if isinstance(end, cst.Raise):
            return True
        call = end.value if isinstance(end, cst.Expr) else None
        return isinstance(call, cst.Call) and dotted(call.func) in ("sys.exit", "exit", "quit")

    def _after_skip(self, block: cst.IndentedBlock, child: Node) -> bool:
        """Stands the child behind ``if step % n: continue`` in the same block?"""
        for statement in block.body:
            if statement is child:
                return False
            if not isinstance(statement, cst.If):
                continue
            skips = self.is_rare_test(statement.test) or self._is_lazy(statement.test, missing=False)
            if skips and any(self._tree.within(statement.body, cst.Continue, cst.Return)):
                return True
        return False

    def _is_lazy(self, test: Node, *, missing: bool) -> bool:
        """Does a test ask whether an attribute is still to be made (``missing``), or made already: a cache?"""
        operator = cst.Is if missing else cst.IsNot
        return any(
            isinstance(part.left, cst.Attribute)
            and any(isinstance(other.operator, operator) for other in part.comparisons)
            for part in self._tree.within(test, cst.Comparison)
        )

    def is_rare_test(self, test: Node) -> bool:
        """Is a test true only now and then: ``step % n == 0``, a rank, a debug flag, the last turn?"""
        return self._is_rare_test(test, 3)

    def _is_rare_test(self, test: Node, depth: int) -> bool:
        tree, words = self._tree, set(table("torch_training")["guards"]["words"])
        if any(isinstance(op.operator, cst.Modulo) for op in tree.within(test, cst.BinaryOperation)):
            return True
        if any(self._counts(comparison) for comparison in tree.within(test, cst.Comparison)):
            return True
        for node in tree.within(test, cst.Attribute):
            if not _words(node.attr.value).isdisjoint(words):
                return True
        for name in tree.within(test, cst.Name):
            if not _words(name.value).isdisjoint(words) and not self._is_module_part(name):
                return True
            if depth and self._is_rare_flag(name, depth):
                return True
        return False

    def _is_rare_arm(self, branch: cst.If | cst.IfExp, arm: Node) -> bool:
        taken = arm is branch.body
        if self.is_rare_test(branch.test) or self._is_evaluation_arm(branch.test, taken=taken):
            return True
        return taken and (self._is_lazy(branch.test, missing=True) or self._is_first_time(branch))

    def _is_first_time(self, branch: cst.If | cst.IfExp) -> bool:
        """Does ``if first is None:`` guard the assignment of ``first``?"""
        test = branch.test
        if not isinstance(test, cst.Comparison) or not isinstance(test.left, cst.Name):
            return False
        if not isinstance(test.comparisons[0].operator, cst.Is):
            return False
        bindings = self._code.names.bindings(test.left.value, test)
        if any(binding.kind == "param" for binding in bindings):  # not handed in: that may be so every time
            return False
        return any(self._tree.contains(branch.body, binding.node) for binding in bindings)

    def _is_evaluation_arm(self, test: Node, *, taken: bool) -> bool:
        """Does an arm run only outside of training: ``if not self.training``, ``if stage != Stage.TRAIN``?"""
        if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
            return self._is_evaluation_arm(test.expression, taken=not taken)
        if isinstance(test, cst.Comparison) and len(test.comparisons) == 1:
            part = test.comparisons[0]
            if isinstance(part.operator, (cst.NotEqual, cst.Equal)):
                return taken == isinstance(part.operator, cst.NotEqual) and _says_train(part.comparator)
        return not taken and _says_train(test)

    def _is_module_part(self, name: cst.Name) -> bool:
        return self._code.qualified_name(name) is not None

    def _counts(self, comparison: cst.Comparison) -> bool:
        """Is this ``step == 0`` or ``i in milestones``: a counter of a loop against one value?"""
        if not isinstance(comparison.left, cst.Name) or len(comparison.comparisons) != 1:
            return False
        part = comparison.comparisons[0]
        if not isinstance(part.operator, (cst.Equal, cst.In)):
            return False
        return any(b.kind in ("loop", "augment") for b in self._code.values.definitions(comparison.left))

    def _is_rare_flag(self, name: cst.Name, depth: int) -> bool:
        """Does the name hold the outcome of such a test (``log_now = step % n == 0``)?"""
        for binding in self._code.values.definitions(name):
            if (
                binding.kind in ("assign", "walrus")
                and isinstance(binding.value, (cst.Comparison, cst.BooleanOperation, cst.UnaryOperation))
                and self._is_rare_test(binding.value, depth - 1)
            ):
                return True
        return False

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
            return None if self.is_rare(node, step.owner) else Hot("step", step.owner)
        function = self._context.function(node)
        if function is not None and self.runs_in_forward(function):
            return None if self.is_rare(node, function) else Hot("forward", function)
        loop = self.model_loop(node)
        if loop is not None and not self.is_rare(node, loop):
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

    # ---- autograd

    def autograd_off(self, node: Node) -> bool:
        """Is autograd off here: by ``with``, a decorator, a hook that runs without it, or in all callers?"""
        return self._autograd_off(node, _CALLS_UP)

    def _autograd_off(self, node: Node, calls_up: int) -> bool:
        function, child = None, node
        for above in self._tree.ancestors(node):
            if isinstance(above, cst.With):
                if child is above.body and any(self.switches_off(item.item) for item in above.items):
                    return True
            elif isinstance(above, cst.FunctionDef):
                if any(self.switches_off(decorator.decorator) for decorator in above.decorators):
                    return True
                function = function or above
            child = above
        if self._switched_off_before(node, function):
            return True
        if function is None or calls_up == 0:
            return False
        if self._is_hook(function):
            return True
        key = id(function)
        if key not in self._autograd:
            self._autograd[key] = False  # what a cycle sees
            calls = self._context.callers(function)
            self._autograd[key] = bool(calls) and all(self._autograd_off(call, calls_up - 1) for call in calls)
        return self._autograd[key]

    def switches_off(self, expression: Node) -> bool:
        """Does an expression switch autograd off? ``set_grad_enabled(flag)`` counts: somebody decided."""
        callee = expression.func if isinstance(expression, cst.Call) else expression
        if isinstance(callee, cst.IfExp):
            return self.switches_off(callee.body) or self.switches_off(callee.orelse)
        if isinstance(expression, cst.IfExp):
            return self.switches_off(expression.body) or self.switches_off(expression.orelse)
        last = (self._code.qualified_name(callee) or dotted(callee)).rpartition(".")[2]
        if last == "set_grad_enabled":
            given = argument(expression, 0, "mode") if isinstance(expression, cst.Call) else None
            return not is_true(given)
        if any(word in last for word in table("torch_training")["no_grad"]["names"]):
            if isinstance(expression, cst.Call):
                return not is_false(keyword(expression, "mode") or argument(expression, 0))
            return True
        if isinstance(expression, cst.Name):  # `context = torch.no_grad()` made earlier
            return any(
                origin.name is not None
                and any(word in origin.name for word in table("torch_training")["no_grad"]["names"])
                for origin in self._code.values.origins(expression)
            )
        return False

    def _switched_off_before(self, node: Node, function: Node | None) -> bool:
        """Was ``torch.set_grad_enabled(False)`` called as a statement, for the file or earlier in the function?"""
        for call in self._code.calls("set_grad_enabled", "_set_grad_enabled"):
            if isinstance(self._tree.parent(call), cst.Expr) and not is_true(argument(call, 0, "mode")):
                around = self._context.function(call)
                if around is None or (around is function and self._tree.comes_before(call, node)):
                    return True
        return False

    def _is_hook(self, function: cst.FunctionDef) -> bool:
        """Is this a hook that a framework calls without autograd (Lightning's ``validation_step``)?"""
        facts = table("torch_training")["no_grad"]
        owner = self._context.method_owner(function)
        if owner is None or function.name.value not in facts["hooks"]:
            return False
        return any(
            name.rpartition(".")[2].endswith(tuple(facts["hook_classes"])) for name in self._context.base_names(owner)
        ) or any(isinstance(base.value, (cst.Name, cst.Attribute)) for base in owner.bases)

    def autograd_unknown(self, node: Node, calls_up: int = 3) -> bool:
        """Is it up to another file: in a method of somebody's subclass that nothing here calls, or called only so?"""
        function = self._context.function(node)
        if not isinstance(function, cst.FunctionDef) or calls_up == 0:
            return False
        calls = self._context.callers(function)
        if calls:
            return all(self.autograd_off(call) or self.autograd_unknown(call, calls_up - 1) for call in calls)
        owner = self._context.method_owner(function)
        return owner is not None and any(self._is_foreign(base.value) for base in owner.bases)

    def _is_foreign(self, base: Node) -> bool:
        """Does a base class come from elsewhere, so that its framework may call what derives from it?"""
        if isinstance(base, cst.Name) and (found := self._code.names.bindings(base.value, base)):
            local = [binding.node for binding in found if isinstance(binding.node, cst.ClassDef)]
            if local:
                return any(self._is_foreign(above.value) for cls in local for above in cls.bases)
        return dotted(base) != "object"

    # ---- evaluation

    @cached_property
    def _gradient_calls(self) -> list[cst.Call]:
        """All calls that need autograd: backward passes, whoever steps, and ``torch.autograd.grad``."""
        facts = table("torch_training")["backward"]
        found = [call for call in self._code.calls(*facts["methods"]) if isinstance(call.func, cst.Attribute)]
        wanted = set(facts["functions"])
        return found + [
            call
            for call in self._code.calls(*{name.rpartition(".")[2] for name in wanted}, "requires_grad_")
            if self._code.qualified_name(call.func) in wanted or dotted(call.func).endswith("requires_grad_")
        ]

    def is_evaluation(self, function: Node) -> bool:
        """Does a function evaluate or sample, by its name or by ``model.eval()``, and never train?"""
        if not isinstance(function, cst.FunctionDef):
            return False
        if any(self._tree.contains(function, call) for call in self._gradient_calls):
            return False
        facts, name = table("torch_training"), function.name.value
        if name in facts["backward"]["step_methods"] or name == "__init__":
            return False
        words = _words(name)
        if not words.isdisjoint(facts["evaluation"]["words"]):
            return True
        return words.isdisjoint(facts["evaluation"]["other_words"]) and self.sets_eval_mode(function)

    def sets_eval_mode(self, function: Node) -> bool:
        """Does the function put a model in evaluation mode?"""
        return any(self._tree.contains(function, call) for call in self._eval_calls)

    @cached_property
    def _eval_calls(self) -> list[cst.Call]:
        return [call for call in self._code.calls("eval") if not call.args and isinstance(call.func, cst.Attribute)]

    @cached_property
    def evaluations(self) -> list[Node]:
        """All functions and loops that ``evaluation`` may return, in document order per class."""
        functions = [function for function in self._tree.all(cst.FunctionDef) if self.is_evaluation(function)]
        if not self._eval_calls:
            return functions
        return functions + [loop for loop in self._tree.all(cst.For, cst.While) if self._follows_eval(loop)]

    def evaluation(self, node: Node) -> Node | None:
        """Return the function, or the loop after ``model.eval()``, that evaluates or samples at the node."""
        function = self._context.function(node)
        if isinstance(function, cst.FunctionDef) and self.is_evaluation(function):
            return function
        loops = list(self._context.loops(node))
        if any(self._tree.contains(loop, call) for loop in loops[:1] for call in self.backward_calls):
            return None
        return next((loop for loop in loops if self._follows_eval(loop)), None)

    def _follows_eval(self, loop: Loop) -> bool:
        """Is ``model.eval()`` the last word on the mode before the loop, in its own block?"""
        block = self._tree.parent(loop)
        body = getattr(block, "body", ())
        said = False
        for statement in body if isinstance(body, (tuple, list)) else ():
            if statement is loop:
                break
            if isinstance(statement, cst.SimpleStatementLine):
                for call in self._tree.within(statement, cst.Call):
                    if isinstance(call.func, cst.Attribute) and call.func.attr.value in ("eval", "train"):
                        said = call.func.attr.value == "eval" or is_false(argument(call, 0, "mode"))
        return said


def _says_train(node: Node) -> bool:
    """Is this ``training``, ``self.training``, ``Stage.TRAIN`` or ``"train"``?"""
    text = getattr(node, "evaluated_value", None) or dotted(node)
    return isinstance(text, str) and not _words(text.rpartition(".")[2]).isdisjoint({"train", "training"})


@cache
def _words(name: str) -> frozenset[str]:
    """Split ``should_log`` and ``shouldLog`` into words, in lower case."""
    parts, word = [], ""
    for sign in name:
        if not sign.isalnum() or (sign.isupper() and word and not word[-1].isupper()):
            parts.append(word)
            word = ""
        if sign.isalnum():
            word += sign
    return frozenset(part.lower() for part in (*parts, word) if part)
