"""Is a call that can fail protected: by ``try``, by a decorator, by what it is handed to, or by all of its callers?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from ..knowledge import pattern, words
from .arguments import keyword
from .constants import as_integer, is_false, is_none, is_true
from .deferred import fetches
from .names import dotted, last_name
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

#: How many callers up a guard is looked for: further than anybody calls, so that no answer depends on where one asks.
_DEPTH = 40


class Guards:
    """Knows what in one file catches a failing call."""

    def __init__(self, code: Code) -> None:
        self._code, self._tree, self._context = code, code.tree, code.context
        self._functions: dict[int, bool] = {}

    def is_guarded(self, call: Node, depth: int = _DEPTH) -> bool:
        """Does something catch, retry or replace what the call raises, here or in every caller of this file?"""
        return self._is_guarded_on_the_spot(call, depth) or self._is_guarded_later(call, depth)

    def _is_guarded_on_the_spot(self, call: Node, depth: int) -> bool:
        if self._is_protected(call):
            return True
        function = self._context.function(call)
        if isinstance(function, cst.Lambda):
            return self._is_wrapped(function) or self._is_caught(function)
        return isinstance(function, cst.FunctionDef) and self._is_function_guarded(function, depth)

    def _is_guarded_later(self, call: Node, depth: int) -> bool:
        """Is the call started in a thread or task, and caught wherever its result is fetched?"""
        places = fetches(self._code, call)
        return bool(places) and all(self._is_guarded_on_the_spot(place, depth) for place in places)

    def is_caught_in_function(self, call: Node) -> bool:
        """Does the function around the call, or a decorator of it, catch or retry what the call raises?"""
        function = self._context.function(call)
        return self._is_protected(call) or (isinstance(function, cst.FunctionDef) and self._is_decorated(function))

    def is_provider_wrapper(self, call: Node) -> bool:
        """Does the call stand in a method of a class that implements a provider's interface, or is called like one?"""
        owner = self._code.names.enclosing_class(call)
        if owner is not None and pattern("guards", "providers", "names").search(owner.name.value):
            function = self._context.function(call)
            if isinstance(function, cst.FunctionDef) and not any(self._uses(function)):
                return True  # whoever calls it, in other files, decides
        classes = self._context.class_and_bases(owner) if owner is not None else ()
        bases = (base.value for cls in classes for base in cls.bases)
        names = (last_name(base) or last_name(getattr(base, "value", base)) for base in bases)
        return any(name is not None and pattern("guards", "providers", "bases").search(name) for name in names)

    # ---- around the call

    def _is_protected(self, call: Node) -> bool:
        return self._is_caught(call) or self._is_in_context(call) or self._is_wrapped(call)

    def _is_caught(self, node: Node) -> bool:
        return any(self._catches(handler) for statement in self._context.tries(node) for handler in statement.handlers)

    def _catches(self, handler: cst.ExceptHandler | cst.ExceptStarHandler) -> bool:
        kind = handler.type
        if kind is None:
            return True
        kinds = [element.value for element in kind.elements] if isinstance(kind, (cst.Tuple, cst.List)) else [kind]
        return any(self._is_broad(one) for one in kinds)

    def _is_broad(self, kind: Node) -> bool:
        name = last_name(kind)
        if name is None:
            return isinstance(kind, (cst.Call, cst.StarredElement))  # put together elsewhere: taken at its word
        return name.isupper() or pattern("guards", "exceptions", "catching").fullmatch(name) is not None

    def _is_in_context(self, node: Node) -> bool:
        for statement in self._context.withs(node):
            for item in statement.items:
                expression = item.item.func if isinstance(item.item, cst.Call) else item.item
                name = self._code.qualified_name(expression) or dotted(expression)
                if not pattern("guards", "contexts", "guarding").search(name):
                    continue
                if name.endswith("suppress") and isinstance(item.item, cst.Call):
                    return any(self._is_broad(arg.value) for arg in item.item.args)
                return True
        return False

    def _is_wrapped(self, node: Node) -> bool:
        """Is the call handed, as a coroutine or a function, to something that guards it?"""
        child = node
        for above in self._tree.ancestors(node):
            if isinstance(above, cst.Call) and child is not above.func:
                name = last_name(above.func) or ""
                if name == "gather":
                    return is_true(keyword(above, "return_exceptions"))
                if pattern("guards", "wrappers", "guarding").search(name) or self._is_run_guarded(above, child):
                    return True
            elif isinstance(above, (cst.BaseSmallStatement, cst.BaseCompoundStatement, cst.Lambda)):
                return False
            child = above
        return False

    def _is_run_guarded(self, call: cst.Call, given: Node) -> bool:
        """Is an argument run, wherever the function of this file that it is handed to runs it, with a guard?"""
        function = self._context.called_function(call) if isinstance(given, cst.Arg) else None
        param = self._context.parameter_for(given, call, function) if function is not None else None
        if param is None:
            return False
        runs = [run for run in self._tree.within(function, cst.Call, cst.Await) if _runs(run, param.name.value)]
        return bool(runs) and all(
            self._is_caught(run) or self._is_in_context(run) or self._is_decorated(function) for run in runs
        )

    # ---- around the function

    def _is_function_guarded(self, function: cst.FunctionDef, depth: int) -> bool:
        key = id(function)
        if key not in self._functions:
            self._functions[key] = False  # what a cycle sees
            self._functions[key] = self._is_decorated(function) or self._are_callers_guarded(function, depth)
        return self._functions[key]

    def _is_decorated(self, function: cst.FunctionDef) -> bool:
        for name, expression in self._context.decorators(function):
            if pattern("guards", "decorators", "guarding").search(name) or _asks_for_retries(expression):
                return True
            callee = expression.func if isinstance(expression, cst.Call) else expression
            if any(
                o.kind == "function" and any(self._tree.within(o.node, cst.Try))
                for o in self._code.values.origins(callee)
            ):
                return True
        return False

    def _are_callers_guarded(self, function: cst.FunctionDef, depth: int) -> bool:
        uses = [use for use in self._uses(function) if not self._tree.contains(function, use)] if depth else []
        return bool(uses) and all(not self._runs_apart(use) and self.is_guarded(use, depth - 1) for use in uses)

    def _runs_apart(self, use: Node) -> bool:
        """Is a function handed to a process or thread, from which no error comes back: ``Process(target=work)``?"""
        argument = self._tree.parent(use)
        starter = self._tree.parent(argument) if isinstance(argument, cst.Arg) else None
        return isinstance(starter, cst.Call) and last_name(starter.func) in words("guards", "deferred", "detached")

    def _uses(self, function: cst.FunctionDef) -> Iterator[Node]:
        """Yield the calls of the function, and the places where it is handed on to be called."""
        yield from self._context.callers(function)
        owner = self._context.method_owner(function)
        for reference in self._code.references(function.name.value):
            if isinstance(self._tree.parent(reference), cst.Arg):
                through_self = isinstance(reference, cst.Attribute) and last_name(reference.value) in ("self", "cls")
                if through_self if owner is not None else self._is_named(reference, function):
                    yield reference

    def _is_named(self, reference: Node, function: cst.FunctionDef) -> bool:
        """Does a bare name mean this function, rather than another one of that name?"""
        if not isinstance(reference, cst.Name):
            return False
        return any(binding.node is function for binding in self._code.values.definitions(reference))


def _asks_for_retries(decorator: Node) -> bool:
    """Does a job's decorator have the framework try again: ``@app.task(autoretry_for=…)``, ``@function(retries=3)``?"""
    if not isinstance(decorator, cst.Call):
        return False
    named = (arg.value for arg in decorator.args if arg.keyword is not None and "retr" in arg.keyword.value)
    return any(not (is_none(value) or is_false(value) or as_integer(value) == 0) for value in named)


def _runs(node: Node, name: str) -> bool:
    """Is a function called, or a coroutine awaited, by this name?"""
    run = node.func if isinstance(node, cst.Call) else node.expression
    return isinstance(run, cst.Name) and run.value == name
