"""Where a node stands: function, class, loops, ``try`` and ``with``; who calls a function and what it returns."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING, TypeVar

import libcst as cst

from ..knowledge import table, words
from .arguments import has_star_arguments, keyword
from .constants import as_text
from .names import dotted, words_in
from .tree import FUNCTIONS, LOOPS, Node

if TYPE_CHECKING:
    from .program import Code

_FRAMES = FUNCTIONS | {cst.ClassDef}

#: Words of so many letters stand within others by chance.
_SHORT = 4
_Body = TypeVar("_Body", cst.Try, cst.TryStar, cst.With)


class Context:
    """Answers questions about the surroundings of a node."""

    def __init__(self, code: Code) -> None:
        self._code, self._tree, self._names = code, code.tree, code.names
        self._callers: dict[str, dict[int, list[cst.Call]]] = {}

    # ---- around a node

    def function(self, node: Node) -> cst.FunctionDef | cst.Lambda | None:
        """Return the innermost function or lambda around the node."""
        return next((above for above in self._tree.ancestors(node) if above.__class__ in FUNCTIONS), None)  # type: ignore[misc]

    def statement(self, node: Node) -> Node:
        """Return the innermost statement that holds the node (itself where it is one)."""
        return self._tree.statement(node)

    def loops(self, node: Node) -> Iterator[cst.For | cst.While]:
        """Yield the loops whose body repeats the node, nearest first, up to the border of the function."""
        child = node
        for above in self._tree.ancestors(node):
            kind = above.__class__
            if kind in LOOPS:
                if child is above.body or child is getattr(above, "test", None):  # type: ignore[attr-defined]
                    yield above  # type: ignore[misc]
            elif kind in _FRAMES:
                return
            child = above

    def tries(self, node: Node) -> Iterator[cst.Try | cst.TryStar]:
        """Yield the ``try`` statements whose body (not handler, ``else`` or ``finally``) runs the node, nearest first."""
        return self._bodies(node, cst.Try, cst.TryStar)

    def withs(self, node: Node) -> Iterator[cst.With]:
        """Yield the ``with`` statements around the node, nearest first, up to the border of the function."""
        return self._bodies(node, cst.With)

    def _bodies(self, node: Node, *kinds: type[_Body]) -> Iterator[_Body]:
        """Yield the statements of these kinds in whose body the node stands, nearest first, within its function."""
        child = node
        for above in self._tree.ancestors(node):
            if isinstance(above, kinds):
                if child is above.body:
                    yield above
            elif above.__class__ in FUNCTIONS:
                return
            child = above

    def conditions(self, node: Node) -> Iterator[tuple[Node, bool]]:
        """Yield the tests of the ``if`` statements and expressions around the node, with the arm that it stands in."""
        child = node
        for above in self._tree.ancestors(node):
            if isinstance(above, (cst.If, cst.IfExp)) and child is not above.test:
                yield above.test, child is above.body
            elif above.__class__ in FUNCTIONS:
                return
            child = above

    def tests(self, value: cst.Name | cst.Attribute) -> Iterator[cst.ComparisonTarget]:
        """Yield what a value is compared with first (``name in allowed``) wherever its function begins a comparison with it."""
        function, text = self.function(value), dotted(value)
        for test in self._tree.within(function, cst.Comparison) if function is not None else ():
            if isinstance(test.left, (cst.Name, cst.Attribute)) and dotted(test.left) == text:
                yield test.comparisons[0]

    # ---- classes

    def method_owner(self, function: Node) -> cst.ClassDef | None:
        """Return the class that the function is a method of."""
        block = self._tree.parent(function)
        owner = self._tree.parent(block) if block is not None else None
        return owner if isinstance(owner, cst.ClassDef) else None

    def method(self, owner: Node, name: str) -> cst.FunctionDef | None:
        """Return the method ``name`` defined in the body of a class."""
        for binding in self._names.in_scope(owner).get(name, ()):
            if isinstance(binding.node, cst.FunctionDef):
                return binding.node
        return None

    def buffers(self, owner: Node, name: str) -> list[Node]:
        """Return what ``self.register_buffer(name, …)`` puts there in a class."""
        return [
            call.args[1].value
            for call in self._code.calls("register_buffer", "register_parameter")
            if len(call.args) > 1 and as_text(call.args[0].value) == name and self._tree.contains(owner, call)
        ]

    def class_and_bases(self, owner: Node) -> Iterator[cst.ClassDef]:
        """Yield the class, then those of its base classes that this file defines, nearest first."""
        waiting, seen = [owner], set()
        while waiting:
            cls = waiting.pop(0)
            if id(cls) in seen or not isinstance(cls, cst.ClassDef):
                continue
            seen.add(id(cls))
            yield cls
            for base in cls.bases:
                if isinstance(base.value, cst.Name):
                    waiting.extend(b.node for b in self._names.bindings(base.value.value, base.value))

    def base_names(self, owner: Node) -> set[str]:
        """Return the qualified names of the imported base classes, those of local base classes included."""
        return {
            name
            for cls in self.class_and_bases(owner)
            for base in cls.bases
            if (name := self._names.qualified_name(base.value)) is not None
        }

    # ---- calls

    def callers(self, function: Node) -> list[cst.Call]:
        """Return the calls in this file that reach the function: by name, through ``self`` or a typed instance."""
        if not isinstance(function, cst.FunctionDef):
            return []
        owner = self.method_owner(function)
        return self._calls_of(function.name.value).get(id(function if owner is None else owner), [])

    def _calls_of(self, name: str) -> dict[int, list[cst.Call]]:
        """Return the calls by ``name``, under the functions they reach, or the classes whose method they reach.

        Each call is looked at once, however many functions of that name there are. Those whose receiver is followed
        through the file come last, because to follow it may ask for the callers of such a function again.
        """
        if name not in self._callers:
            reached = self._callers[name] = {}
            for call in sorted(self._code.calls(name), key=_needs_following):
                for target in self._targets(call):
                    reached.setdefault(id(target), []).append(call)
            for found in reached.values():
                found.sort(key=self._tree.start)
        return self._callers[name]

    def _targets(self, call: cst.Call) -> list[Node]:
        """Return the functions that a call by bare name reaches, or the classes whose method a call may be."""
        if isinstance(call.func, cst.Name):
            return [binding.node for binding in self._code.values.definitions(call.func)]
        if not isinstance(call.func, cst.Attribute):
            return []
        if not _needs_following(call):
            classes = [self._names.enclosing_class(call)]
        else:
            origins = self._code.values.origins(call.func.value)
            classes = [origin.node for origin in origins if origin.kind in ("instance", "class")]
        found = {id(cls): cls for around in classes if around is not None for cls in self.class_and_bases(around)}
        return list(found.values())

    def arguments_for(self, param: cst.Param, function: Node) -> list[Node]:
        """Return what the callers in this file pass for a parameter; empty where one of them cannot be matched."""
        if not isinstance(function, cst.FunctionDef):
            return []
        params = function.params
        positional = [*params.posonly_params, *params.params]
        offset = 1 if self.method_owner(function) is not None and not self.is_static(function) else 0
        position = next((i for i, p in enumerate(positional) if p is param), None)
        if position is None and all(p is not param for p in params.kwonly_params):
            return []
        arguments: list[Node] = []
        for call in self.callers(function):
            if has_star_arguments(call):
                return []
            found = keyword(call, param.name.value)
            if found is None and position is not None:
                plain = [arg for arg in call.args if arg.keyword is None]
                if 0 <= position - offset < len(plain):
                    found = plain[position - offset].value
            if found is None:
                found = param.default
            if found is None:
                return []
            arguments.append(found)
        return arguments

    def parameter_for(self, argument: cst.Arg, call: cst.Call, function: cst.FunctionDef) -> cst.Param | None:
        """Return the parameter that gets an argument of a call of a function; None where it cannot be told."""
        params = [*function.params.posonly_params, *function.params.params]
        if argument.keyword is not None:
            named = (*params, *function.params.kwonly_params)
            return next((param for param in named if param.name.value == argument.keyword.value), None)
        before = list(call.args[: next(i for i, arg in enumerate(call.args) if arg is argument)])
        if argument.star or any(arg.star for arg in before):
            return None
        offset = 1 if self.method_owner(function) is not None and not self.is_static(function) else 0
        position = len(before) + offset
        return params[position] if position < len(params) else None

    def is_static(self, function: cst.FunctionDef) -> bool:
        """Is the method a ``staticmethod``, which gets no instance?"""
        return any(
            isinstance(d.decorator, cst.Name) and d.decorator.value == "staticmethod" for d in function.decorators
        )

    def called_function(self, call: cst.Call) -> cst.FunctionDef | None:
        """Return the function or method of this file that a call runs."""
        for origin in self._code.values.origins(call.func):
            if origin.kind == "function" and isinstance(origin.node, cst.FunctionDef):
                return origin.node
        return None

    def returned_values(self, function: Node) -> list[Node]:
        """Return the expressions that a function may return."""
        if isinstance(function, cst.Lambda):
            return [function.body]
        return [node.value for node in self._returns.get(id(function), ()) if node.value is not None]

    @cached_property
    def _returns(self) -> dict[int, list[cst.Return]]:
        found: dict[int, list[cst.Return]] = {}
        for node in self._tree.all(cst.Return):
            found.setdefault(id(self.function(node)), []).append(node)
        return found

    # ---- how it is run and what it is for

    def decorators(self, function: Node) -> Iterator[tuple[str, Node]]:
        """Yield each decorator's dotted name (qualified where an import resolves it) and its expression."""
        for decorator in getattr(function, "decorators", ()):
            expression = decorator.decorator
            callee = expression.func if isinstance(expression, cst.Call) else expression
            yield self._names.qualified_name(callee) or dotted(callee), expression

    def is_compiled(self, node: Node) -> bool:
        """Does a decorator of a function around hand it to a compiler, which fuses single operations?"""
        compilers = table("torch_ops")["compilers"]["decorators"]
        return any(
            name in compilers
            for above in self._tree.ancestors(node)
            if isinstance(above, cst.FunctionDef)
            for name, _ in self.decorators(above)
        )

    def is_reference(self, node: Node) -> bool:
        """Is the function or class around named as the slow form on purpose, or the file a test or benchmark?"""
        names, results = words("torch_ops", "references"), words("torch_ops", "references", "results")
        for above in self._tree.ancestors(node):
            if isinstance(above, (cst.FunctionDef, cst.ClassDef)) and _says(above.name.value, names):
                return True
            if isinstance(above, cst.Assign) and any(_says(dotted(t.target), results) for t in above.targets):
                return True
        path = PurePath(self._code.path)
        folders = {"tests", "test", "testing", "benchmarks", "benchmark"}
        return bool(folders & set(path.parts[:-1])) or path.name.startswith("test_") or path.stem.endswith("_test")


def _says(name: str, known: frozenset[str]) -> bool:
    """Does a name hold one of the words, a short one as a word of its own: no ``ref`` in ``prefill``?"""
    parts, lowered = words_in(name), name.lower()
    return any(word in parts or (len(word) > _SHORT and word in lowered) for word in known)


def _needs_following(call: cst.Call) -> bool:
    """Is the receiver anything but ``self`` or ``cls``, whose class stands around the call?"""
    receiver = call.func.value if isinstance(call.func, cst.Attribute) else None
    return receiver is not None and not (isinstance(receiver, cst.Name) and receiver.value in ("self", "cls"))
