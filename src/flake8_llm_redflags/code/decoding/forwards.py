"""Which calls run a model forward, and what they carry of earlier turns."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from ..constants import is_false
from ..names import dotted, last_name
from ..tree import Node
from .words import listed, says

if TYPE_CHECKING:
    from ..program import Code

#: Attributes with "cache" in their names that keep no keys and values.
_OTHER_CACHES = ("empty_cache", "use_cache", "lru_cache")


class Forwards:
    """The calls of models of a file."""

    def __init__(self, code: Code) -> None:
        self._code, self._tree = code, code.tree

    # ---- what runs a model

    def is_model_call(self, call: cst.Call) -> bool:
        """Does the call run a model forward, by what the callee is or, where the file does not say, by its name?"""
        function = call.func
        name = last_name(function)
        if name is None:
            return False
        if isinstance(function, cst.Attribute) and (name in listed("forward_methods") or name.startswith("forward_")):
            return (dotted(function.value) == "self" and self._remembers) or self._is_model(function.value)
        if isinstance(function, cst.Name) and name == "self":
            return self._remembers
        return self._is_model(function)

    def _is_model(self, node: Node) -> bool:
        name = (last_name(node) or "").lower()
        if "emb" in name or name in listed("heads"):
            return False
        for origin in self._code.values.origins(node):
            if origin.kind == "instance":
                return self._remembers
            if origin.kind == "function":
                return False
        words = listed("model_words")
        return any(part in words for part in name.split("_")) or any(
            name.endswith(word) and len(word) > 2 for word in words
        )

    def gives_logits(self, call: cst.Call) -> bool:
        """Is something of another file called for logits, and not to change some: ``logits = self.retro(tokens)[:, -1]``?"""
        above = self._tree.parent(call)
        if isinstance(above, cst.Subscript) and above.value is call:
            above = self._tree.parent(above)
        target = above.targets[0].target if isinstance(above, cst.Assign) else None
        if not isinstance(target, cst.Name) or target.value != "logits":
            return False
        if self._code.qualified_name(call.func) is not None or last_name(call.func) in listed("heads"):
            return False
        given = [self._code.text_of(arg.value) for arg in call.args]
        if any("logits" in text or "scores" in text for text in given):
            return False
        return (
            isinstance(call.func, cst.Attribute)
            and dotted(call.func.value) == "self"
            and not self._code.values.is_known(call.func)
        )

    def is_layer_call(self, call: cst.Call) -> bool:
        """Is it one of a model's layers, in a loop over them: ``for block in self.blocks: x = block(x)``?"""
        if not isinstance(call.func, cst.Name):
            return False
        return any(
            binding.kind == "loop" and says(last_name(binding.value) or "", "layer_lists")
            for binding in self._code.values.definitions(call.func)
            if binding.value is not None
        )

    def hands_model_on(self, call: cst.Call) -> bool:
        """Is it a function of this file that runs the model it is given: ``chosen = sample(model, ids)``?"""
        if not any(isinstance(arg.value, (cst.Name, cst.Attribute)) and self._is_model(arg.value) for arg in call.args):
            return False
        origins = self._code.values.origins(call.func)
        return bool(origins) and all(
            isinstance(origin.node, cst.FunctionDef)
            and not any(_has_cache_word(name.value) for name in self._tree.within(origin.node, cst.Name))
            for origin in origins
        )

    @cached_property
    def _remembers(self) -> bool:
        """May a model of this very file have something to keep of earlier tokens? A bigram table has nothing."""
        return self._may_attend or self.keeps_a_state

    @cached_property
    def _may_attend(self) -> bool:
        """May a model of this very file have keys and values?"""
        return any(says(name, "attention_words") for name in self._identifiers)

    @cached_property
    def keeps_a_state(self) -> bool:
        """Do the names of the file speak of a recurrent model only: Mamba, RWKV? What it keeps is one state."""
        return not self._may_attend and any(says(name, "recurrent_words") for name in self._identifiers)

    @cached_property
    def _identifiers(self) -> frozenset[str]:
        """The names that the code uses, without what its comments and strings talk about."""
        names = {name.value for name in self._code.all(cst.Name)}
        names |= {attribute.attr.value for attribute in self._code.all(cst.Attribute)}
        names |= {definition.name.value for definition in self._code.all(cst.ClassDef, cst.FunctionDef)}
        return frozenset(names | {dotted(alias.name) for alias in self._code.all(cst.ImportAlias)})

    # ---- what is carried from turn to turn

    def carries_cache(self, call: cst.Call) -> bool:
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

    def computes_one_position(self, call: cst.Call) -> bool:
        """Does an argument hold only what one turn adds: ``decode(tokens[:, :j], queries[:, i:j])``?"""
        return any(
            isinstance(part.slice, cst.Slice) and part.slice.lower is not None and part.slice.upper is not None
            for arg in call.args
            if isinstance(arg.value, cst.Subscript)
            for part in arg.value.slice
        )

    def keeps_cache(self, call: cst.Call) -> bool:
        """Does the function around handle a cache, so that the model may keep one inside, or that there is a way with one?"""
        function = self._code.context.function(call)
        loops = list(self._code.context.loops(call))
        scope = function or (loops[-1] if loops else call)
        if isinstance(function, cst.FunctionDef) and says(function.name.value, "uncached_words"):
            return True  # the slow way to compare with, as its name says
        names = {node.value for node in self._tree.within(scope, cst.Name)}
        attributes = {node.attr.value for node in self._tree.within(scope, cst.Attribute)}
        if any("cache" in name.lower() and name not in _OTHER_CACHES for name in attributes):
            return True
        if any(name == "cache" or "kv_cache" in name.lower() or says(name, "uncached_words") for name in names):
            return True
        return any("past_key" in name or name in listed("preparing") for name in names | attributes)


def _has_cache_word(name: str) -> bool:
    return name.lower() in ("mem", "h", "hx") or says(name, "cache_words")
