"""Calls that generate text with a local model: one prompt at a time, or a batch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING

import libcst as cst

from ..knowledge import words
from .arguments import argument, keyword
from .constants import as_integer, as_text, is_false, is_new_axis, is_true
from .names import Binding, holds_word, last_name
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

_words = partial(words, "torch_ops", "generation")

Loop = cst.For | cst.CompFor

#: How many expressions a prompt is followed back through.
_ROOTS = 40
#: A list of so few prompts is not worth a batch.
_FEW = 3


@dataclass(frozen=True, slots=True)
class OneByOne:
    """A loop that generates from one prompt per turn."""

    call: cst.Call
    loop: Loop
    is_same: bool  #: from the same prompt in every turn


@dataclass(frozen=True, slots=True)
class RightPadded:
    """A batch of texts, padded on the right, that a decoder-only model continues."""

    call: cst.Call  #: of the tokenizer
    made: cst.Call | None  #: the ``from_pretrained`` of the tokenizer, where the file shows it


@dataclass(slots=True)
class _Prompt:
    """What the arguments of a call are made from."""

    in_turn: list[Node] = field(default_factory=list)  #: expressions evaluated in each turn of the loop
    before: list[Node] = field(default_factory=list)  #: expressions evaluated before the loop
    bindings: list[Binding] = field(default_factory=list)
    items: set[str] = field(default_factory=set)  #: names of the loop's targets that are read
    names: set[str] = field(default_factory=set)


class Generation:
    """The calls of a file that generate with a model of its own."""

    def __init__(self, code: Code) -> None:
        self._code, self._tree = code, code.tree

    @cached_property
    def one_by_one(self) -> tuple[OneByOne, ...]:
        """Every loop over prompts that could be generated from together, by its first call."""
        found: dict[int, OneByOne] = {}
        for call in self._calls():
            loop = self._loop(call)
            if loop is not None and id(loop) not in found and not self._has_reason(call, loop):
                prompt = self._prompt(call, loop)
                if self._is_single(call, loop, prompt) and not self._depends_on_last_turn(call, loop, prompt):
                    found[id(loop)] = OneByOne(call, loop, is_same=not prompt.items)
        return tuple(found.values())

    @cached_property
    def right_padded(self) -> tuple[RightPadded, ...]:
        """Every padded batch that goes into ``generate`` of a decoder-only model, in a file that never pads left."""
        found: dict[int, RightPadded] = {}
        for call in self._code.calls("generate"):
            if not self._is_decoder_only(call):
                continue
            for encoding in self._encodings_of(call):
                tokenizer = encoding.func
                if isinstance(tokenizer, cst.Attribute) and tokenizer.attr.value in ("batch_encode_plus", "__call__"):
                    tokenizer = tokenizer.value
                if self._pads_several(encoding):
                    found[id(encoding)] = RightPadded(encoding, self._made_tokenizer(tokenizer))
        return tuple(found.values())

    def _is_decoder_only(self, call: cst.Call) -> bool:
        """Is the model made as a causal one or, where the file does not show it being made, is no other imported?"""
        model = call.func.value if isinstance(call.func, cst.Attribute) else None
        if model is None:
            return False
        classes = [name for name in self._code.values.made_by(model) if "from_pretrained" in name]
        if not classes:
            imported = self._code.names.imported_modules
            classes = [name for name in imported if name.startswith("transformers.")]
            classes = [name for name in classes if any(word in name for word in _words("generating_classes"))]
        return bool(classes) and all(any(word in name for word in _words("causal_classes")) for name in classes)

    def _encodings_of(self, call: cst.Call) -> list[cst.Call]:
        """Return the tokenizer calls that the arguments of a ``generate`` come from, in its own function."""
        function = self._code.context.function(call)
        waiting, seen, found = [arg.value for arg in call.args], set[int](), []
        while waiting and len(seen) < _ROOTS:
            root = waiting.pop()
            if id(root) in seen:
                continue
            seen.add(id(root))
            found += [inner for inner in self._tree.within(root, cst.Call) if self._is_encoding(inner)]
            for name in self._tree.within(root, cst.Name):
                for binding in self._code.values.definitions(name):
                    if binding.kind == "assign" and binding.value is not None:
                        if self._code.context.function(binding.node) is function:
                            waiting.append(binding.value)
        return found

    def _pads_several(self, call: cst.Call) -> bool:
        """Does a tokenizer call pad several texts of different lengths?"""
        padding, side = keyword(call, "padding"), keyword(call, "padding_side")
        if side is not None or not (is_true(padding) or as_text(padding) == "longest"):
            return False
        text = argument(call, 0, "text")
        if isinstance(text, cst.List):
            return len(text.elements) > 1
        if isinstance(text, cst.ListComp):
            return True
        if isinstance(text, cst.Subscript):
            return isinstance(text.slice[0].slice, cst.Slice)
        if isinstance(text, cst.Name) and _is_plural(text.value):
            literals = (cst.SimpleString, cst.FormattedString, cst.ConcatenatedString)
            return not any(isinstance(origin.node, literals) for origin in self._code.values.origins(text))
        return False

    def _made_tokenizer(self, tokenizer: Node) -> cst.Call | None:
        """Return the one ``from_pretrained`` that made a tokenizer."""
        calls = [
            o.node
            for o in self._code.values.origins(tokenizer)
            if o.kind == "call" and (o.name or "").endswith("from_pretrained")
        ]
        return calls[0] if len(calls) == 1 and isinstance(calls[0], cst.Call) else None

    def _calls(self) -> Iterator[cst.Call]:
        yield from self._code.calls("generate")
        for made in self._code.calls("pipeline"):
            if self._code.qualified_name(made.func) == "transformers.pipeline":
                statement = self._code.context.statement(made)
                target = statement.targets[0].target if isinstance(statement, cst.Assign) else None
                if isinstance(target, cst.Name):
                    yield from (call for call in self._code.calls(target.value) if isinstance(call.func, cst.Name))

    def _loop(self, call: cst.Call) -> Loop | None:
        """Return the ``for`` whose turns run the call: of a statement or of a comprehension."""
        child: Node = call
        for above in self._tree.ancestors(call):
            if isinstance(above, (cst.ListComp, cst.GeneratorExp, cst.DictComp, cst.SetComp)):
                return above.for_in if child is not above.for_in else None
            if isinstance(above, cst.For) and child is above.body:
                return above
            if isinstance(above, (cst.While, cst.FunctionDef, cst.Lambda)):
                return None
            child = above
        return None

    # ---- reasons to generate one at a time

    def _has_reason(self, call: cst.Call, loop: Loop) -> bool:
        """Is it interactive, a reference, sampling during training, a batch in each turn, or only a few turns?"""
        code = self._code
        if any(keyword(call, name) is not None for name in _words("batching_arguments")):
            return True
        if code.context.is_reference(call) or code.rarity.is_rare(call, loop) or code.training.is_step_loop(loop):
            return True
        around = code.context.function(loop) or self._tree.module
        if any(self._tree.contains(around, asked) for asked in code.calls("input")):
            return True
        return self._is_short_or_batched(loop)

    def _is_short_or_batched(self, loop: Loop) -> bool:
        if self._has_few_turns(loop):
            return True
        names = [name.value for name in self._tree.within(loop.target, cst.Name)]
        names += [name.value for name in self._tree.within(loop.iter, cst.Name)]
        names += [attribute.attr.value for attribute in self._tree.within(loop.iter, cst.Attribute)]
        if any(holds_word(name, _words("batch_words")) for name in names):
            return True
        if any(name.endswith("DataLoader") for name in self._code.values.made_by(loop.iter)):
            return True
        return any(
            len(call.args) == 3 for call in self._tree.within(loop.iter, cst.Call) if last_name(call.func) == "range"
        )

    def _has_few_turns(self, loop: Loop) -> bool:
        """``for prompt in ("Hello", "Once")``, ``for row in rows[:3]``, ``for _ in range(2)``."""
        if any(len(literal.elements) <= _FEW for literal in self._tree.within(loop.iter, cst.List, cst.Tuple)):
            return True
        ends = [cut.upper for cut in self._tree.within(loop.iter, cst.Slice)]
        counts = (call for call in self._tree.within(loop.iter, cst.Call) if last_name(call.func) == "range")
        ends += [call.args[0].value for call in counts if len(call.args) == 1]
        return any((turns := as_integer(end)) is not None and 0 <= turns <= _FEW for end in ends)

    # ---- the prompt

    def _prompt(self, call: cst.Call, loop: Loop) -> _Prompt:
        """Follow the arguments of a call back, through this turn of the loop and to what was there before."""
        owner = loop if isinstance(loop, cst.For) else self._tree.parent(loop) or loop
        found = _Prompt()
        waiting = [arg.value for arg in call.args]
        filled = self._filled_in_turn(call, loop)
        targets = {name.value for name in self._tree.within(loop.target, cst.Name)}
        seen: set[int] = set()
        while waiting and len(seen) < _ROOTS:
            root = waiting.pop()
            if id(root) in seen:
                continue
            seen.add(id(root))
            (found.in_turn if self._tree.contains(owner, root) else found.before).append(root)
            for name in self._tree.within(root, cst.Name):
                found.names.add(name.value)
                waiting.extend(filled.get(name.value, ()))
                definitions = self._code.values.definitions(name)
                if name.value in targets and (not definitions or any(binding.node is loop for binding in definitions)):
                    found.items.add(name.value)
                for binding in definitions:
                    found.bindings.append(binding)
                    if binding.value is not None and binding.kind in ("assign", "augment", "walrus"):
                        waiting.append(binding.value)
        return found

    def _filled_in_turn(self, call: cst.Call, loop: Loop) -> dict[str, list[Node]]:
        """Return what a turn puts into a name before the call: ``conversation.append_message(role, question)``."""
        found: dict[str, list[Node]] = {}
        for statement in self._tree.within(loop.body, cst.Expr) if isinstance(loop, cst.For) else ():
            if self._tree.comes_before(statement, call) and isinstance(statement.value, cst.Call):
                for name in self._receivers(statement.value):
                    found.setdefault(name, []).extend(arg.value for arg in statement.value.args)
        return found

    def _is_single(self, call: cst.Call, loop: Loop, prompt: _Prompt) -> bool:
        """Do the arguments show one prompt, not a batch?"""
        if any(_is_plural(name) for name in prompt.items):
            return False
        for root in prompt.in_turn:
            for cut in self._tree.within(root, cst.Slice):
                if any(name.value in prompt.items for name in self._tree.within(cut, cst.Name)):
                    return False  # prompts[i : i + size]
        where = prompt.in_turn if prompt.items else [*prompt.in_turn, *prompt.before]
        calls = [inner for root in where for inner in self._tree.within(root, cst.Call)]
        if any(last_name(inner.func) in _words("repeating") for inner in calls):
            return False
        encodings = [inner for inner in calls if self._is_encoding(inner)]
        if not all(self._encodes_one(inner, prompt) for inner in encodings):
            return False
        is_one = bool(encodings) or any(map(self._adds_batch_axis, where)) or self._takes_text(call, prompt)
        return is_one and (bool(prompt.items) or self._draws_samples(call, loop))

    def _is_encoding(self, call: cst.Call) -> bool:
        name = (last_name(call.func) or "").lower()
        if name in _words("encoding_methods") or any(word in name for word in _words("encoder_words")):
            return "decode" not in name
        return any(
            made.endswith("from_pretrained") and "Tokenizer" in made for made in self._code.values.made_by(call.func)
        )

    def _encodes_one(self, call: cst.Call, prompt: _Prompt) -> bool:
        """Is the text of a tokenizer call one text? ``padding`` says that it may be several."""
        text = argument(call, 0, "text")
        if isinstance(text, (cst.List, cst.Tuple)):
            if text.elements and all(isinstance(element.value, cst.Dict) for element in text.elements):
                return True  # the messages of one conversation
            return len(text.elements) == 1 and not isinstance(text.elements[0], cst.StarredElement)
        if isinstance(text, (cst.ListComp, cst.GeneratorExp)):
            return False
        padding = keyword(call, "padding")
        if padding is None or is_false(padding):
            return not (
                isinstance(text, cst.Name)
                and _is_plural(text.value)
                and text.value not in prompt.items
                and not prompt.items
            )
        return isinstance(text, cst.FormattedString) or bool(prompt.items & _words("single_items"))

    def _adds_batch_axis(self, root: Node) -> bool:
        """``ids.unsqueeze(0)``, ``ids[None]``, ``ids[None, ...]``."""
        for call in self._tree.within(root, cst.Call):
            if last_name(call.func) == "unsqueeze" and as_integer(argument(call, 0, "dim") or argument(call, 1)) == 0:
                return True
        return any(is_new_axis(part.slice[0].slice) for part in self._tree.within(root, cst.Subscript))

    def _takes_text(self, call: cst.Call, prompt: _Prompt) -> bool:
        """Is the item itself handed to something that takes texts: a pipeline, an engine?"""
        receiver = call.func.value if isinstance(call.func, cst.Attribute) else call.func
        if self._code.values.made_by(receiver).isdisjoint(_words("text_models")):
            return False
        first = argument(call, 0)
        return isinstance(first, (cst.Name, cst.FormattedString)) and bool(prompt.items)

    def _draws_samples(self, call: cst.Call, loop: Loop) -> bool:
        """``for k in range(num_samples): model.generate(x)`` with an ``x`` from before the loop."""
        if not isinstance(loop, cst.For) or not isinstance(call.func, cst.Attribute):
            return False
        counts = [
            c for c in self._tree.within(loop.iter, cst.Call) if last_name(c.func) == "range" and len(c.args) == 1
        ]
        receiver = call.func.value
        if not counts or (isinstance(receiver, cst.Name) and self._code.qualified_name(receiver) is not None):
            return False
        return "sample" in (last_name(counts[0].args[0].value) or "").lower()

    # ---- what one turn leaves to the next

    def _depends_on_last_turn(self, call: cst.Call, loop: Loop, prompt: _Prompt) -> bool:
        """Does the prompt hold what an earlier turn generated: a conversation, a draft?"""
        if not isinstance(loop, cst.For):
            return False
        made = {id(self._code.context.statement(call))}
        names = self._targets(self._code.context.statement(call))
        statements = self._tree.within(loop.body, cst.Assign, cst.AugAssign, cst.AnnAssign, cst.Expr)
        for statement in sorted(statements, key=self._tree.start):
            value = statement.value
            if value is None or self._tree.start(statement) < self._tree.start(call):
                continue
            if any(name.value in names for name in self._tree.within(value, cst.Name)):
                made.add(id(statement))
                if isinstance(statement, cst.Expr):  # `messages.append(answer)`
                    names |= self._receivers(value)
                else:
                    names |= self._targets(statement)
        changed = names & prompt.names
        return any(id(binding.node) in made for binding in prompt.bindings) or any(
            binding.name in changed and not self._tree.contains(loop, binding.node) for binding in prompt.bindings
        )

    def _targets(self, statement: Node) -> set[str]:
        targets = [target.target for target in statement.targets] if isinstance(statement, cst.Assign) else []
        if isinstance(statement, (cst.AugAssign, cst.AnnAssign)):
            targets = [statement.target]
        return {name.value for target in targets for name in self._tree.within(target, cst.Name)}

    def _receivers(self, value: Node) -> set[str]:
        function = value.func if isinstance(value, cst.Call) else None
        if not isinstance(function, cst.Attribute) or not re.match(
            r"append|extend|add|insert|update|push", function.attr.value
        ):
            return set()
        return {name.value for name in self._tree.within(function.value, cst.Name)}


def _is_plural(name: str) -> bool:
    return name.endswith("s") and not name.endswith(("ss", "us", "is")) and len(name) > 3
