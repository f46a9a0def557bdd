"""What an edit may take out: statements whose value nothing but the text that goes or is rewritten reads."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

import libcst as cst

from .names import Binding
from .tensors import group
from .tree import Node

if TYPE_CHECKING:
    from .program import Code


def own_line(code: Code, statement: Node) -> cst.SimpleStatementLine | None:
    """Return the line that holds this statement and no other, in a block of its own lines."""
    line = code.tree.parent(statement)
    if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
        return None
    return line if isinstance(code.tree.parent(line), (cst.IndentedBlock, cst.Module)) else None


def simple_binding(code: Code, name: cst.Name) -> Binding | None:
    """Return the one assignment ``name = value``, on a line of its own, that reaches this use of a local name."""
    bindings = code.values.definitions(name)
    if len(bindings) != 1:
        return None
    binding = bindings[0]
    statement = binding.node
    if binding.kind != "assign" or binding.path or not isinstance(statement, cst.Assign) or len(statement.targets) != 1:
        return None
    function = code.context.function(name)
    if function is None or code.context.function(statement) is not function or own_line(code, statement) is None:
        return None
    return binding


def is_read_only_in(code: Code, binding: Binding, places: Iterable[Node]) -> bool:
    """Does every use of a binding stand inside one of these nodes?"""
    inside = list(places)
    return all(any(code.tree.contains(place, use) for place in inside) for use in code.values.uses(binding))


def statements_for(code: Code, *gone: Node, kept: frozenset[str] = frozenset()) -> list[cst.SimpleStatementLine]:
    """Return the lines that only make what expressions or lines that are taken out read, nearest first.

    Only values without effect are looked at: calls of torch functions and methods, and arithmetic. Names in ``kept``
    are read by what takes their place.
    """
    removed: list[Node] = [*gone]
    lines: list[cst.SimpleStatementLine] = []
    waiting = [*gone]
    while waiting:
        for name in code.tree.within(waiting.pop(), cst.Name):
            binding = simple_binding(code, name) if name.value not in kept else None
            line = own_line(code, binding.node) if binding is not None else None
            if binding is None or line is None or line in removed or binding.value is None:
                continue
            if is_read_only_in(code, binding, [*removed, binding.node]) and has_no_effect(code, binding.value):
                lines.append(line)
                removed.append(line)
                waiting.append(binding.value)
    return lines


def has_no_effect(code: Code, value: Node) -> bool:
    """May an expression be computed elsewhere or not at all: arithmetic and tensor functions, no layer and no random number?"""
    if any(code.tree.within(value, cst.Await, cst.Yield, cst.NamedExpr, cst.Lambda)):
        return False
    for call in code.tree.within(value, cst.Call):
        qualified = code.qualified_name(call.func)
        if qualified in ("builtins.float", "builtins.int", "builtins.min", "builtins.max"):
            continue
        operation = code.tensors.operation(call)
        in_place = isinstance(call.func, cst.Attribute) and call.func.attr.value.endswith("_")
        if (
            operation is None
            or in_place
            or operation.is_module
            or operation.name in group("dropouts") | group("random")
        ):
            return False
        is_tensor_method = operation.is_method and operation.name in _pure_methods()
        if not (is_tensor_method or (qualified is not None and qualified.startswith(("torch.", "math.", "einops.")))):
            return False
    return True


@cache
def _pure_methods() -> frozenset[str]:
    names = ("casts", "views", "transposes", "triangles", "fills", "additions", "scalings", "inquiries")
    return frozenset().union(*map(group, names))
