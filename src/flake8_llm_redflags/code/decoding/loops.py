"""Loops that feed the whole of a growing sequence to a model in each turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from ..constants import as_index, as_integer, as_text, is_new_axis
from ..names import Binding, dotted, last_name
from ..tree import Node
from .forwards import Forwards
from .growth import Growth, Growths
from .words import listed

if TYPE_CHECKING:
    from ..program import Code

Loop = cst.For | cst.While

#: How many assignments inside the loop lie between the sequence and the call at most.
_DEPTH = 6


@dataclass(frozen=True, slots=True)
class DecodeLoop:
    """A loop that feeds the whole of a sequence to a model and makes it longer by what the model chose."""

    loop: Loop
    growth: Growth
    call: cst.Call  #: the model's forward
    keeps_a_state: bool  #: is the model a recurrent one, so that it is a state that could be kept?


class DecodeLoops:
    """The decode loops of a file that carry no cache."""

    def __init__(self, code: Code, forwards: Forwards) -> None:
        self._code, self._tree, self._forwards = code, code.tree, forwards
        self._runs: dict[int, bool] = {}  # whether a call runs a model: asked anew for each growth in its loop

    def all(self) -> tuple[DecodeLoop, ...]:
        """Return every loop that feeds the growing sequence anew each turn."""
        found: dict[int, DecodeLoop] = {}
        for growth in Growths(self._code).all():
            for loop in list(self._code.context.loops(growth.statement))[:2]:
                call = self._call_that_reads(growth, loop)
                if call is None or id(call) in found or not self._is_chosen_from(growth, call, loop):
                    continue
                if not self._starts_anew(growth, call, loop):
                    found[id(call)] = DecodeLoop(loop, growth, call, self._forwards.keeps_a_state)
                    break
        return tuple(found.values())

    def _starts_anew(self, growth: Growth, call: cst.Call, loop: Loop) -> bool:
        """Does each turn give the sequence a first value before the call: ``for text in texts: ids = encode(text)``?"""
        for statement in self._tree.within(loop.body, cst.Assign):
            if (
                self._tree.comes_before(statement, call)
                and any(dotted(target.target) == growth.sequence for target in statement.targets)
                and self._is_always_run(statement, loop)
                and not self._continues(statement.value, growth, loop, _DEPTH)
            ):
                return True
        return False

    def _is_always_run(self, statement: Node, loop: Loop) -> bool:
        line = self._tree.parent(statement)
        return line is not None and self._tree.parent(line) is loop.body

    def _continues(self, value: Node, growth: Growth, loop: Loop, depth: int) -> bool:
        """May a value hold what earlier turns made of the sequence, so that nothing starts anew?"""
        names = {dotted(node) for node in self._tree.within(value, cst.Name, cst.Attribute)}
        if growth.sequence in names or depth == 0:
            return True
        return any(
            binding.value is not None
            and self._tree.contains(loop, binding.node)
            and (binding.node is growth.statement or self._continues(binding.value, growth, loop, depth - 1))
            for name in self._tree.within(value, cst.Name)
            for binding in self._code.values.definitions(name)
            if binding.kind in ("assign", "walrus", "augment")
        )

    # ---- the call that reads it

    def _call_that_reads(self, growth: Growth, loop: Loop) -> cst.Call | None:
        for call in self._tree.within(loop.body, cst.Call):
            if not self._runs_model(call) or self._forwards.carries_cache(call):
                continue
            arguments = [arg.value for arg in call.args if arg.star != "*"]
            if any(self._holds_all(argument, growth, loop, _DEPTH) for argument in arguments):
                keeps = self._forwards.keeps_cache(call) or self._forwards.computes_one_position(call)
                return None if keeps or self._may_feed_one_token(growth, loop) else call
        return None

    def _may_feed_one_token(self, growth: Growth, loop: Loop) -> bool:
        """Does one branch of the loop take the newest token alone, as with a cache: ``else: new = ids[:, -1:]``?"""
        for statement in self._tree.within(loop.body, cst.Assign):
            taken = statement.value
            while isinstance(taken, cst.Call) and isinstance(taken.func, cst.Attribute):
                taken = taken.func.value  # `ids[:, step - 1].view(batch, -1)`
            if isinstance(taken, cst.Subscript) and dotted(taken.value) == growth.sequence and _is_one_position(taken):
                above = self._tree.ancestors(statement)
                if any(isinstance(node, (cst.If, cst.Else)) and self._tree.contains(loop, node) for node in above):
                    return True
        return False

    def _runs_model(self, call: cst.Call) -> bool:
        forwards = self._forwards
        if id(call) not in self._runs:
            self._runs[id(call)] = (
                forwards.is_model_call(call)
                or forwards.gives_logits(call)
                or forwards.is_layer_call(call)
                or forwards.hands_model_on(call)
            )
        return self._runs[id(call)]

    def _holds_all(self, node: Node, growth: Growth, loop: Loop, depth: int) -> bool:
        """Is the value the whole sequence, or all of it that fits the context, in whatever wrapping?"""
        if depth == 0:
            return False
        if dotted(node) == growth.sequence:
            return True
        if isinstance(node, cst.Name):
            return any(
                self._holds_all(value, growth, loop, depth - 1) for value in self._values_in_turn(node, growth, loop)
            )
        if isinstance(node, cst.Subscript):
            whole = node.value.value if _is_first_row(node.value) else node.value  # `x[0][-context:]`
            return self._holds_all(whole, growth, loop, depth) and _is_growing_slice(node)
        if isinstance(node, cst.Attribute):  # `tokenizer(prompt).input_ids`
            return isinstance(node.value, cst.Call) and self._holds_all(node.value, growth, loop, depth)
        if isinstance(node, cst.Call):
            return any(self._holds_all(value, growth, loop, depth - 1) for value in self._kept_by_call(node))
        return any(self._holds_all(part, growth, loop, depth) for part in _parts(node))

    def _values_in_turn(self, name: cst.Name, growth: Growth, loop: Loop) -> Iterator[Node]:
        """Yield what a turn gives a name: by an assignment, by a loop, or by filling it row by row."""
        for binding in self._code.values.definitions(name):
            if not self._tree.contains(loop, binding.node) or binding.node is growth.statement:
                continue
            if isinstance(binding.node, cst.AugAssign):
                yield binding.node.target
            elif binding.value is not None and (binding.kind in ("assign", "walrus") or _is_over(binding, loop)):
                yield binding.value
                yield from self._rows_of(binding, loop)

    def _rows_of(self, binding: Binding, loop: Loop) -> Iterator[Node]:
        """``for row, ids in enumerate(rows): batch[row, : len(ids)] = torch.tensor(ids)``."""
        for statement in self._tree.within(loop.body, cst.Assign):
            target = statement.targets[0].target
            if (
                isinstance(target, cst.Subscript)
                and dotted(target.value) == binding.name
                and isinstance(target.slice[-1].slice, cst.Slice)
            ):
                yield statement.value

    def _kept_by_call(self, call: cst.Call) -> list[Node]:
        """Return the arguments, and what a method works on, of a call that may wrap a sequence."""
        if last_name(call.func) in ("len", "size", "range", "append", *listed("preparing")):
            return []
        if self._forwards.is_model_call(call):
            return []
        inner = [arg.value for arg in call.args if arg.keyword is None]
        owner = call.func.value if isinstance(call.func, cst.Attribute) else None
        return [*inner, owner] if isinstance(owner, (cst.Call, cst.Name, cst.Subscript)) else inner

    # ---- from the output to what is appended

    def _is_chosen_from(self, growth: Growth, call: cst.Call, loop: Loop) -> bool:
        """Does the appended value come from the call's result, through a choice of a token?"""
        tainted: set[str] = set()
        chosen: set[str] = set()
        call_at = self._tree.start(call)
        for statement in sorted(self._tree.within(loop.body, cst.Assign), key=self._tree.start):
            holds_call = self._tree.contains(statement, call)
            read = {name.value for name in self._tree.within(statement.value, cst.Name)}
            if not holds_call and (self._tree.start(statement) < call_at or not read & tainted):
                continue
            targets = {
                name.value for target in statement.targets for name in self._tree.within(target.target, cst.Name)
            }
            tainted |= targets
            if self._chooses(statement.value) or read & chosen:
                chosen |= targets
        for added in growth.added:
            if self._tree.contains(added, call):
                return self._chooses(added)
            read = {name.value for name in self._tree.within(added, cst.Name)}
            if read & chosen or (read & tainted and self._chooses(added)):
                return True
        return False

    def _chooses(self, node: Node) -> bool:
        """Does a call in it choose a token, by its name or, as a function of this file, by what it calls?"""
        for call in self._tree.within(node, cst.Call):
            if _says_choice(call):
                return True
            for origin in self._code.values.origins(call.func) if isinstance(call.func, cst.Name) else ():
                if origin.kind == "function" and any(map(_says_choice, self._tree.within(origin.node, cst.Call))):
                    return True
        return False


def _says_choice(call: cst.Call) -> bool:
    name = (last_name(call.func) or "").lower()
    return any(word == name or (len(word) > 4 and word in name) for word in listed("choosing_words"))


def _parts(node: Node) -> list[Node]:
    """Return the values that a display or a conditional expression may be made of."""
    if isinstance(node, (cst.Dict, cst.List, cst.Tuple)):
        return [element.value for element in node.elements]
    return [node.body, node.orelse] if isinstance(node, cst.IfExp) else []


def _is_over(binding: Binding, loop: Loop) -> bool:
    """Does a loop inside the decode loop give the name its items?"""
    return binding.kind == "loop" and binding.node is not loop


def _is_growing_slice(node: cst.Subscript) -> bool:
    """Does the slice grow with the sequence, or keep all that fits: ``x[:, -block_size:]``, ``x[:, :position]``?"""
    for element in node.slice:
        part = element.slice
        if isinstance(part, cst.Index):
            if element is node.slice[-1] and not is_new_axis(part):
                return isinstance(part.value, cst.Ellipsis) or as_text(part.value) is not None  # `batch["input_ids"]`
            continue
        lower = part.lower
        if lower is None:
            continue
        if not (isinstance(lower, cst.UnaryOperation) and isinstance(lower.operator, cst.Minus)):
            return as_integer(lower) == 0
        if as_integer(lower) == -1:
            return False
    return True


def _is_one_position(node: cst.Subscript) -> bool:
    part = node.slice[-1].slice
    if isinstance(part, cst.Slice):
        return as_integer(part.lower) == -1 and part.upper is None
    return len(node.slice) > 1 and not is_new_axis(part) and not isinstance(part.value, cst.Ellipsis)


def _is_first_row(node: Node) -> bool:
    return isinstance(node, cst.Subscript) and len(node.slice) == 1 and as_index(node.slice[0].slice) == 0
