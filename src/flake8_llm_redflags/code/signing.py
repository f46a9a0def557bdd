"""The keys by which an application signs its sessions and its tokens: whoever knows one can be any user of it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from ..knowledge import table, words
from .arguments import argument
from .constants import as_text
from .environment import reads_environment
from .names import last_name
from .tree import Node

if TYPE_CHECKING:
    from .program import Code


class Signing:
    """Knows the signing keys of one file."""

    def __init__(self, code: Code) -> None:
        self._code, self._tree = code, code.tree

    def signs(self, literal: Node) -> bool:
        """Is a literal such a key, or what stands in for one that the environment does not give?"""
        if id(literal) in self._keys_of_tokens:
            return True
        value = self._whole(literal)
        parent = self._tree.parent(value)
        if isinstance(parent, cst.Assign):
            return any(self._is_setting(target.target) for target in parent.targets)
        if isinstance(parent, cst.Arg) and parent.keyword is not None:
            call = self._tree.parent(parent)
            return _is_key(parent.keyword.value) and isinstance(call, cst.Call) and self._sets_up(call)
        if isinstance(parent, cst.DictElement) and parent.value is value:
            given = self._tree.parent(self._tree.parent(parent) or parent)
            call = self._tree.parent(given) if isinstance(given, cst.Arg) else None
            return _is_key(as_text(parent.key)) and isinstance(call, cst.Call) and self._sets_up(call)
        return False

    @cached_property
    def _keys_of_tokens(self) -> set[int]:
        """The literals with which the file signs tokens: ``jwt.encode(claims, SECRET)``."""
        signers = table("secrets")["signing"]["token_signers"]
        keys = (
            argument(call, signers[name], "key")
            for call in self._code.calls(*{signer.rpartition(".")[2] for signer in signers})
            if (name := self._code.qualified_name(call.func)) in signers
        )
        values = [value for key in keys if key is not None for value in self._values(key)]
        return {id(value) for value in values}

    def _values(self, key: Node) -> list[Node]:
        """Return the literals that a key may be: as they stand, and as what the environment falls back to."""
        found: list[Node] = []
        for origin in self._code.values.origins(key):
            if isinstance(origin.node, cst.SimpleString):
                found.append(origin.node)
            elif isinstance(origin.node, cst.Call) and reads_environment(self._code, origin.node):
                fallback = argument(origin.node, 1, "default")
                found += [fallback] if isinstance(fallback, cst.SimpleString) else []
        return found

    def _whole(self, literal: Node) -> Node:
        """Return the expression that gives the literal where the environment gives nothing; else the literal."""
        parent = self._tree.parent(literal)
        if isinstance(parent, cst.BooleanOperation) and reads_environment(self._code, parent.left):
            return parent
        call = self._tree.parent(parent) if isinstance(parent, cst.Arg) else None
        if call is not None and reads_environment(self._code, call) and argument(call, 0) is not literal:
            return call
        return literal

    def _is_setting(self, target: Node) -> bool:
        """Is this ``app.secret_key`` or ``app.config["SECRET_KEY"]``?"""
        if isinstance(target, cst.Subscript):
            index = target.slice[0].slice
            name = as_text(index.value) if isinstance(index, cst.Index) else None
        else:
            name = target.attr.value if isinstance(target, cst.Attribute) else None
        return _is_key(name) and self._is_of_application(target)

    def _sets_up(self, call: cst.Call) -> bool:
        """Does the call set up an application: ``app.config.update(…)``, ``app.add_middleware(SessionMiddleware, …)``?"""
        named = (call.func, *(arg.value for arg in call.args))
        return any(last_name(node) in words("secrets", "signing", "middleware") for node in named) or (
            last_name(call.func) == "update" and self._is_of_application(call.func)
        )

    def _is_of_application(self, node: Node) -> bool:
        """Is this a part of an application that is made in this file?"""
        while isinstance(node, (cst.Attribute, cst.Subscript)):
            if self._is_application(node):
                return True
            node = node.value
        return self._is_application(node)

    def _is_application(self, node: Node) -> bool:
        return bool(self._code.values.made_by(node) & words("secrets", "signing", "applications"))


def _is_key(name: str | None) -> bool:
    return name in words("secrets", "signing")
