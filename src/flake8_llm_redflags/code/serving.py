"""Which functions answer requests, work off a queue or are an agent's tools."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal

import libcst as cst

from ..knowledge import pattern, table
from .names import last_name
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

Role = Literal["requests", "workers", "tools"]
#: What each role is called in a message.
ROLE_NAMES: dict[Role, str] = {"requests": "request handler", "workers": "worker", "tools": "agent tool"}

#: How many callers up a role is looked for.
_DEPTH = 3


class Serving:
    """Knows the roles of the functions of one file."""

    def __init__(self, code: Code) -> None:
        self._code, self._context = code, code.context
        self._roles: dict[int, Role | None] = {}
        self._own_roles: dict[int, Role | None] = {}

    def role(self, node: Node, depth: int = _DEPTH) -> Role | None:
        """Return the role of the function around the node, or of one that calls it in this file; None where it has none."""
        function = self._context.function(node)
        while isinstance(function, cst.Lambda):
            function = self._context.function(function)
        return self._role_of(function, depth) if isinstance(function, cst.FunctionDef) else None

    def _role_of(self, function: cst.FunctionDef, depth: int) -> Role | None:
        key = id(function)
        if key not in self._roles:
            self._roles[key] = None  # what a cycle sees
            self._roles[key] = self.own_role(function) or self._callers_role(function, depth)
        return self._roles[key]

    def own_role(self, function: cst.FunctionDef) -> Role | None:
        """Return the role that the function itself is given, by a decorator or by being handed to a framework."""
        if id(function) not in self._own_roles:
            self._own_roles[id(function)] = self._find_own_role(function)
        return self._own_roles[id(function)]

    def _find_own_role(self, function: cst.FunctionDef) -> Role | None:
        for name, expression in self._context.decorators(function):
            if self._is_command_line(expression):
                continue
            for role in ROLE_NAMES:
                # `@app.get("/")` is a route; a bare `@get` or `@property`-like name is not.
                if pattern("serving", "decorators", role).search(name) and (
                    "." in name or isinstance(expression, cst.Call) or role != "requests"
                ):
                    return role
        return self._role_by_reference(function)

    def _is_command_line(self, decorator: Node) -> bool:
        """Does the decorator make a command of a program (``@app.command()`` of typer or click)?"""
        callee = decorator.func if isinstance(decorator, cst.Call) else decorator
        owner = callee.value if isinstance(callee, cst.Attribute) else callee
        modules = table("serving")["command_lines"]["modules"]
        names = {self._code.qualified_name(callee) or "", *self._code.values.made_by(owner)}
        return any(name.partition(".")[0] in modules for name in names)

    def _role_by_reference(self, function: cst.FunctionDef) -> Role | None:
        """Return the role that a framework has for the function which it is handed."""
        facts, tree = table("serving")["references"], self._code.tree
        for reference in self._code.references(function.name.value):
            holder = tree.parent(reference)
            above = tree.parent(holder) if holder is not None else None
            if isinstance(holder, cst.Element) and above is not None and self._is_tool_list(above):
                return "tools"
            if isinstance(holder, cst.Arg) and isinstance(above, cst.Call):
                name = last_name(above.func)
                if name in facts["tool_makers"]:
                    return "tools"
                if name in facts["callees"] or (name in facts["events"] and self._has_widgets):
                    return "requests"
        return None

    @cached_property
    def _has_widgets(self) -> bool:
        packages = {name.partition(".")[0] for name in self._code.names.imported_modules}
        return not packages.isdisjoint(table("serving")["references"]["widgets"])

    def _is_tool_list(self, node: Node) -> bool:
        """Is a list called ``tools``, as an argument or a variable?"""
        holder = self._code.tree.parent(node)
        name = None
        if isinstance(holder, cst.Arg) and holder.keyword is not None:
            name = holder.keyword.value
        elif isinstance(holder, (cst.Assign, cst.AnnAssign)):
            name = last_name(holder.targets[0].target if isinstance(holder, cst.Assign) else holder.target)
        return name is not None and pattern("serving", "references", "tool_lists").fullmatch(name) is not None

    def _callers_role(self, function: cst.FunctionDef, depth: int) -> Role | None:
        if not depth:
            return None
        roles = (self.role(call, depth - 1) for call in self._context.callers(function))
        return next((role for role in roles if role is not None), None)
