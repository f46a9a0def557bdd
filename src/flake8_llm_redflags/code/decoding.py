"""Decode loops: a model's own output is appended to the sequence that the next turn feeds to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

import libcst as cst

from ..knowledge import table
from .constants import as_index, as_integer, is_false, is_new_axis
from .names import dotted, last_name
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

Loop = cst.For | cst.While

#: How many assignments inside the loop lie between the sequence and the call at most.
_DEPTH = 6


@dataclass(frozen=True, slots=True)
class GrownCache:
    """Keys or values of earlier tokens, joined to those of the new token by a copy of both."""

    call: cst.Call
    cache: Node


@dataclass(frozen=True, slots=True)
class DecodeLoop:
    """A loop that feeds the whole of ``sequence`` to a model and makes it longer by what the model chose."""

    loop: Loop
    sequence: str
    call: cst.Call  #: the model's forward
    growth: Node  #: the statement that makes the sequence longer
    is_tensor: bool  #: by concatenating tensors, rather than by growing a list or a string


class Decoding:
    """The decode loops of a file that carry no cache."""

    def __init__(self, code: Code) -> None:
        self._code, self._tree = code, code.tree

    @cached_property
    def without_cache(self) -> tuple[DecodeLoop, ...]:
        """Every loop that feeds the growing sequence anew each turn."""
        found: dict[int, DecodeLoop] = {}
        for sequence, growth, grown_by, is_tensor in self._growths():
            for loop in list(self._code.context.loops(growth))[:2]:
                call = self._call_that_reads(sequence, loop, growth)
                if call is not None and id(call) not in found and self._is_chosen_from(grown_by, call, loop):
                    found[id(call)] = DecodeLoop(loop, sequence, call, growth, is_tensor)
                    break
        return tuple(found.values())

    @cached_property
    def caches_by_cat(self) -> tuple[GrownCache, ...]:
        """The first ``k = torch.cat([past_k, k], dim=...)`` of each function: the values follow in the next line."""
        found: dict[int, GrownCache] = {}
        for call in self._code.calls(*_words("growing")):
            function = self._code.context.function(call)
            cache = self._cache_in(call)
            if function is not None and cache is not None and id(function) not in found:
                found[id(function)] = GrownCache(call, cache)
        return tuple(found.values())

    def _cache_in(self, call: cst.Call) -> Node | None:
        """Return the cache that a concatenation copies: the first of two parts, for keys or values."""
        parts = call.args[0].value if call.args else None
        if not isinstance(parts, (cst.Tuple, cst.List)) or len(parts.elements) != 2:
            return None
        cache, fresh = (element.value for element in parts.elements)
        text = self._code.text_of(cache)
        both = f"{text} {self._code.text_of(fresh)}".lower()
        if not any(word in text.lower() for word in _words("caches")) or text == self._code.text_of(fresh):
            return None
        if any(word in both for word in _words("not_caches")):
            return None
        statement = self._code.context.statement(call)
        target = statement.targets[0].target if isinstance(statement, cst.Assign) else fresh
        if _is_key_or_value(fresh):
            return cache
        return cache if "cache" in text.lower() and self._code.text_of(target) == text else None

    @cached_property
    def heads_cut_to_last(self) -> tuple[cst.Call, ...]:
        """Every call of an output head with all positions, whose logits are used at the last position only."""
        return tuple(
            call
            for call in self._code.all(cst.Call)
            if self._is_head(call) and self._is_cut_to_last(call) and not self._is_given_last(call.args[0].value)
        )

    def _is_head(self, call: cst.Call) -> bool:
        """Is it a projection to the vocabulary, by its name or by the layer that it is, of something that can be cut?"""
        name = last_name(call.func)
        if len(call.args) != 1 or call.args[0].star or call.args[0].keyword or name is None:
            return False
        if not isinstance(call.args[0].value, (cst.Name, cst.Attribute, cst.Call, cst.Subscript)):
            return False
        layers = [
            o
            for o in self._code.values.origins(call.func)
            if o.name == "torch.nn.Linear" and isinstance(o.node, cst.Call)
        ]
        if layers:
            return all("vocab" in self._code.text_of(layer.node).lower() or name in _words("heads") for layer in layers)
        return name in _words("heads") and not any(o.kind == "function" for o in self._code.values.origins(call.func))

    def _is_cut_to_last(self, call: cst.Call) -> bool:
        above = self._tree.parent(call)
        if isinstance(above, cst.Subscript):
            return above.value is call and is_last_position(above)
        if (
            not isinstance(above, cst.Assign)
            or len(above.targets) != 1
            or not isinstance(above.targets[0].target, cst.Name)
        ):
            return False
        name = above.targets[0].target.value
        uses = [
            use
            for use in self._tree.within(self._code.names.scope(call), cst.Name)
            if use.value == name
            and not isinstance(self._tree.parent(use), cst.AssignTarget)
            and any(binding.node is above for binding in self._code.values.definitions(use))
        ]
        return bool(uses) and all(
            isinstance(cut := self._tree.parent(use), cst.Subscript) and cut.value is use and is_last_position(cut)
            for use in uses
        )

    def _is_given_last(self, hidden: Node) -> bool:
        """Is what the head is given already cut, or not known to have positions?"""
        if isinstance(hidden, cst.Subscript):
            return True
        if isinstance(hidden, cst.Name):
            return any(
                isinstance(binding.value, cst.Subscript)
                and not binding.path
                and not isinstance(binding.value.slice[0].slice, cst.Index)
                for binding in self._code.values.definitions(hidden)
            )
        return False

    # ---- what grows

    def _growths(self) -> Iterator[tuple[str, Node, Node, bool]]:
        """Yield (sequence, statement, what is appended, is it a tensor) for everything that grows in a loop."""
        for call in self._code.calls(*_words("growing")):
            statement = self._code.context.statement(call)
            target = self._only_target(statement)
            parts = call.args[0].value if call.args else None
            if target is None or not isinstance(parts, (cst.Tuple, cst.List)) or len(parts.elements) != 2:
                continue
            first, second = (element.value for element in parts.elements)
            if dotted(first) == target:
                yield target, statement, second, True
        for statement in self._code.all(cst.AugAssign):
            target = dotted(statement.target)
            if (
                isinstance(statement.operator, cst.AddAssign)
                and target
                and "." not in target
                and not self._is_of_turn(statement)
            ):
                yield target, statement, statement.value, False
        for call in self._code.calls("append"):
            if isinstance(call.func, cst.Attribute) and (target := dotted(call.func.value)) and len(call.args) == 1:
                yield target, self._code.context.statement(call), call.args[0].value, False
        yield from self._filled_buffers()

    def _is_of_turn(self, statement: cst.AugAssign) -> bool:
        """Was the name given its value earlier in the same turn, so that nothing grows: ``x = embed(ids)``, ``x += positions``?"""
        loop = next(self._code.context.loops(statement), None)
        definitions = self._code.values.definitions(statement.target) if isinstance(statement.target, cst.Name) else ()
        return bool(definitions) and all(
            binding.kind == "assign" and loop is not None and self._tree.contains(loop, binding.node)
            for binding in definitions
        )

    def _filled_buffers(self) -> Iterator[tuple[str, Node, Node, bool]]:
        """``tokens[:, position] = chosen`` in a loop over ``position`` that feeds ``tokens[:, :position]``."""
        for statement in self._code.all(cst.Assign):
            target = statement.targets[0].target
            if isinstance(target, cst.Subscript) and (name := dotted(target.value)):
                last = target.slice[-1].slice
                is_position = len(target.slice) > 1 or self._counts(
                    target
                )  # `x[chosen] = y` may fill any, as diffusion does
                if (
                    is_position
                    and isinstance(last, cst.Index)
                    and isinstance(last.value, (cst.Name, cst.BinaryOperation))
                ):
                    yield name, statement, statement.value, True

    def _counts(self, target: cst.Subscript) -> bool:
        """Is the index made of the variable of a loop around?"""
        names = {name.value for name in self._tree.within(target.slice[0], cst.Name)}
        return any(
            name.value in names
            for loop in self._code.context.loops(target)
            if isinstance(loop, cst.For)
            for name in self._tree.within(loop.target, cst.Name)
        )

    @staticmethod
    def _only_target(statement: Node) -> str | None:
        if not isinstance(statement, cst.Assign) or len(statement.targets) != 1:
            return None
        target = statement.targets[0].target
        if isinstance(target, cst.Tuple) and target.elements:  # `out, shape = pack([out, chosen], ...)`
            target = target.elements[0].value
        return dotted(target) or None

    # ---- the call that reads it

    def _call_that_reads(self, sequence: str, loop: Loop, growth: Node) -> cst.Call | None:
        for call in self._tree.within(loop.body, cst.Call):
            if (self.is_model_call(call) or self._gives_logits(call)) and not self._carries_cache(call):
                arguments = [arg.value for arg in call.args if arg.star != "*"]
                if any(self._holds_all(argument, sequence, growth, loop, _DEPTH) for argument in arguments):
                    return None if self._keeps_cache(call) else call
        return None

    def _gives_logits(self, call: cst.Call) -> bool:
        """Is something of another file called for logits, and not to change some: ``logits = self.retro(tokens)[:, -1]``?"""
        above = self._tree.parent(call)
        if isinstance(above, cst.Subscript) and above.value is call:
            above = self._tree.parent(above)
        target = above.targets[0].target if isinstance(above, cst.Assign) else None
        if (
            not isinstance(target, cst.Name)
            or target.value != "logits"
            or self._code.qualified_name(call.func) is not None
        ):
            return False
        if any(
            "logits" in self._code.text_of(arg.value) or "scores" in self._code.text_of(arg.value) for arg in call.args
        ):
            return False
        return (
            isinstance(call.func, cst.Attribute)
            and dotted(call.func.value) == "self"
            and not self._code.values.is_known(call.func)
        )

    def is_model_call(self, call: cst.Call) -> bool:
        """Does the call run a model forward, by what the callee is or, where the file does not say, by its name?"""
        function = call.func
        name = last_name(function)
        if name is None:
            return False
        if isinstance(function, cst.Attribute) and (name in _words("forward_methods") or name.startswith("forward_")):
            return (dotted(function.value) == "self" and self._may_attend) or self._is_model(function.value)
        if isinstance(function, cst.Name) and name == "self":
            return self._may_attend
        return self._is_model(function)

    def _is_model(self, node: Node) -> bool:
        if "emb" in (last_name(node) or "").lower():
            return False
        origins = self._code.values.origins(node)
        known = [origin for origin in origins if origin.is_known]
        for origin in known:
            if origin.kind == "instance":
                return self._may_attend
            if origin.kind == "function":
                return False
        name = (last_name(node) or "").lower()
        words = _words("model_words")
        return any(part in words for part in name.split("_")) or any(
            name.endswith(word) and len(word) > 2 for word in words
        )

    @cached_property
    def _may_attend(self) -> bool:
        """May a model of this very file have keys and values to keep? A bigram table has none."""
        text = self._code.text.lower()
        return any(word in text for word in _words("attention_words"))

    def _carries_cache(self, call: cst.Call) -> bool:
        """Does an argument's name say that earlier results are handed on?"""
        for arg in call.args:
            if arg.star == "**" and any(_has_cache_word(key) for key in self._keys(arg.value)):
                return True
            if arg.keyword is not None:
                if arg.keyword.value == "use_cache":
                    if not is_false(arg.value):
                        return True
                elif _has_cache_word(arg.keyword.value):
                    return True
            elif not arg.star and any(_has_cache_word(part) for part in dotted(arg.value).split(".")):
                return True
        return False

    def _keys(self, node: Node) -> Iterator[str]:
        """Yield the keys of the dictionaries that ``**node`` may unpack."""
        for origin in self._code.values.origins(node):
            for entry in origin.node.elements if isinstance(origin.node, cst.Dict) else ():
                if isinstance(entry, cst.DictElement) and isinstance(entry.key, cst.SimpleString):
                    yield str(entry.key.evaluated_value)

    def _keeps_cache(self, call: cst.Call) -> bool:
        """Does the function around handle a cache, so that the model may keep one inside?"""
        scope = self._code.context.function(call) or next(self._code.context.loops(call), call)
        for node in self._tree.within(scope, cst.Attribute):
            if "cache" in node.attr.value.lower() and node.attr.value not in ("empty_cache", "use_cache", "lru_cache"):
                return True
            if "past_key" in node.attr.value:
                return True
        names = {node.value for node in self._tree.within(scope, cst.Name)}
        return any("kv_cache" in name.lower() or "past_key" in name or name in _words("preparing") for name in names)

    def _holds_all(self, node: Node, sequence: str, growth: Node, loop: Loop, depth: int) -> bool:
        """Is the value the whole sequence, or all of it that fits the context, in whatever wrapping?"""
        if depth == 0:
            return False
        if dotted(node) == sequence:
            return True
        if isinstance(node, cst.Name):
            return any(
                binding.kind in ("assign", "walrus", "augment")
                and binding.value is not None
                and self._tree.contains(loop, binding.node)
                and binding.node is not growth
                and any(
                    self._holds_all(value, sequence, growth, loop, depth - 1)
                    for value in (
                        (binding.node.target,) if isinstance(binding.node, cst.AugAssign) else (binding.value,)
                    )
                )
                for binding in self._code.values.definitions(node)
            )
        if isinstance(node, cst.Dict):
            return any(self._holds_all(e.value, sequence, growth, loop, depth) for e in node.elements)
        if isinstance(node, cst.Subscript):
            whole = node.value.value if _is_first_row(node.value) else node.value  # `x[0][-context:]`
            return self._holds_all(whole, sequence, growth, loop, depth) and _is_growing_slice(node, loop)
        if isinstance(node, cst.IfExp):
            return any(self._holds_all(n, sequence, growth, loop, depth) for n in (node.body, node.orelse))
        if isinstance(node, cst.Attribute):  # `tokenizer(prompt).input_ids`
            return isinstance(node.value, cst.Call) and self._holds_all(node.value, sequence, growth, loop, depth)
        if isinstance(node, (cst.List, cst.Tuple)):
            return any(self._holds_all(e.value, sequence, growth, loop, depth) for e in node.elements)
        if isinstance(node, cst.Call):
            if last_name(node.func) in ("len", "size", "range", "append", *_words("preparing")) or self.is_model_call(
                node
            ):
                return False
            inner = [arg.value for arg in node.args if arg.keyword is None]
            if isinstance(node.func, cst.Attribute) and isinstance(
                node.func.value, (cst.Call, cst.Name, cst.Subscript)
            ):
                inner.append(node.func.value)
            return any(self._holds_all(value, sequence, growth, loop, depth - 1) for value in inner)
        return False

    # ---- from the output to what is appended

    def _is_chosen_from(self, appended: Node, call: cst.Call, loop: Loop) -> bool:
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
        read = {name.value for name in self._tree.within(appended, cst.Name)}
        if self._tree.contains(appended, call):
            return self._chooses(appended)
        return bool(read & chosen) or (bool(read & tainted) and self._chooses(appended))

    def _chooses(self, node: Node) -> bool:
        words = _words("choosing_words")
        for call in self._tree.within(node, cst.Call):
            name = (last_name(call.func) or "").lower()
            if any(word == name or (len(word) > 4 and word in name) for word in words):
                return True
        return False


def _is_growing_slice(node: cst.Subscript, loop: Loop) -> bool:
    """Does the slice grow with the sequence, or keep all that fits: ``x[:, -block_size:]``, ``x[:, :position]``?"""
    for element in node.slice:
        part = element.slice
        if isinstance(part, cst.Index):
            if element is node.slice[-1] and not is_new_axis(part):
                return isinstance(part.value, cst.Ellipsis)
            continue
        lower = part.lower
        if lower is None:
            continue
        if not (isinstance(lower, cst.UnaryOperation) and isinstance(lower.operator, cst.Minus)):
            return as_integer(lower) == 0
        if as_integer(lower) == -1:
            return False
    return True


def _is_key_or_value(node: Node) -> bool:
    while isinstance(node, cst.Subscript) or (isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute)):
        node = node.value if isinstance(node, cst.Subscript) else node.func.value  # `k[:, :, step : step + 1]`
    name = dotted(node).rpartition(".")[2].lower()
    return not _words("kv_words").isdisjoint(name.split("_"))


def is_last_position(node: cst.Subscript) -> bool:
    """``[:, -1]``, ``[:, -1, :]``, ``[:, -1:]``, ``[:, [-1], :]``, ``[..., -1, :]``."""
    parts = [element.slice for element in node.slice]
    if not 2 <= len(parts) <= 3:
        return False
    first, position, *rest = parts
    everything = isinstance(first, cst.Index) and isinstance(first.value, cst.Ellipsis)
    if not (everything and rest) and not _is_whole(first):
        return False
    if not all(_is_whole(part) for part in rest):
        return False
    if isinstance(position, cst.Slice):
        return as_integer(position.lower) == -1 and position.upper is None and position.step is None
    value = position.value
    if isinstance(value, cst.List) and len(value.elements) == 1:
        value = value.elements[0].value
    return as_integer(value) == -1


def _is_whole(part: Node) -> bool:
    return isinstance(part, cst.Slice) and part.lower is None and part.upper is None and part.step is None


def _is_first_row(node: Node) -> bool:
    return isinstance(node, cst.Subscript) and len(node.slice) == 1 and as_index(node.slice[0].slice) == 0


def _has_cache_word(name: str) -> bool:
    lowered = name.lower()
    return lowered in ("mem", "h", "hx") or any(word in lowered for word in _words("cache_words"))


@cache
def _words(name: str) -> frozenset[str]:
    return frozenset(table("torch_ops")["decoding"][name])
