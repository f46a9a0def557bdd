"""Copies of key and value heads to every query head, on the way to an attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from .arguments import argument
from .constants import as_integer, is_new_axis
from .names import Binding, last_name
from .tensors import Operation, Place, group
from .tree import Node
from .trimming import own_line, simple_binding

if TYPE_CHECKING:
    from .program import Code

#: How many names and operations are followed from the attention back to the copy.
_STEPS = 8


@dataclass(frozen=True, slots=True)
class HeadCopy:
    """One call that repeats heads: ``k.repeat_interleave(n, dim=1)``, ``repeat_kv(k, n)``."""

    node: cst.Call
    source: Node  #: the heads that are repeated
    factor: Node | None  #: how often
    is_in_order: bool  #: surely each head beside its copies, on the axis where the attention has its heads
    way: tuple[
        Binding | None, ...
    ]  #: the names that lead from the copy to the attention; None for one that is not sure

    def serves_only(self, code: Code, call: cst.Call) -> bool:
        """Is the copy made in every case, and read by this attention only?"""
        inside: list[Node] = [call, *(binding.node for binding in self.way if binding is not None)]
        for binding in self.way:
            if binding is None:
                return False
            others = [use for use in code.values.uses(binding) if not _only_lends_type(code, use)]
            if any(not any(code.tree.contains(place, use) for place in inside) for use in others):
                return False
        return True

    def idle_line(self, code: Code) -> cst.SimpleStatementLine | None:
        """Return the line that would read ``k = k`` without the copy."""
        statement = code.tree.parent(self.node)
        if not isinstance(statement, cst.Assign) or statement.value is not self.node or len(statement.targets) != 1:
            return None
        target = statement.targets[0].target
        is_idle = (
            isinstance(target, cst.Name) and isinstance(self.source, cst.Name) and target.value == self.source.value
        )
        return own_line(code, statement) if is_idle else None


def _only_lends_type(code: Code, use: Node) -> bool:
    """Is a tensor only asked for its dtype or device here, which no copy of heads changes?"""
    above = code.tree.parent(use)
    return isinstance(above, cst.Attribute) and above.attr.value in ("dtype", "device")


def head_copy(code: Code, operand: Place) -> HeadCopy | None:
    """Return the call that repeats heads on the way to an operand of an attention."""
    place, way, swaps = operand, list[Binding | None](), 0
    for _ in range(_STEPS):
        node = place.node
        if isinstance(node, cst.Call) and last_name(node.func) in ("repeat_kv", "repeat_interleave"):
            return _copy(code, node, tuple(way), swaps)
        operation = code.tensors.operation(node)
        if operation is not None and operation.operands and operation.name in {*group("transposes"), *group("casts")}:
            swaps += _swaps_heads(operation)
            place = Place(operation.operands[0], place.frame)
            continue
        found = code.tensors.sources(place) or _assigned(code, place)
        if not found:
            return None
        way.append(_binding(code, node) if place.frame is None else None)
        place = found[0]
    return None


def _assigned(code: Code, place: Place) -> list[Place]:
    """Return what a name may have been given: in a branch (``if n > 1: k = repeat_kv(k, n)``), or by callers in the file."""
    bindings = code.values.definitions(place.node) if isinstance(place.node, cst.Name) else ()
    found = [Place(b.value, place.frame) for b in bindings if b.kind == "assign" and not b.path and b.value is not None]
    for binding in bindings:
        if isinstance(binding.node, cst.Param) and not found and place.frame is None:
            found += [Place(given) for given in code.context.arguments_for(binding.node, code.names.scope(place.node))]
    return found


def _binding(code: Code, node: Node) -> Binding | None:
    """Return the one assignment that a name stands for; one of several names that are assigned together is as good."""
    if not isinstance(node, cst.Name):
        return None
    if (binding := simple_binding(code, node)) is not None:
        return binding
    bindings = code.values.definitions(node)
    if len(bindings) != 1 or not isinstance(bindings[0].node, cst.Assign) or len(bindings[0].path) != 1:
        return None
    return bindings[0] if isinstance(bindings[0].value, cst.Tuple) else None


def _copy(code: Code, node: cst.Call, way: tuple[Binding | None, ...], swaps: int) -> HeadCopy | None:
    if last_name(node.func) == "repeat_interleave":
        operation = code.tensors.operation(node)
        if operation is None or not operation.operands:
            return None
        axis = as_integer(operation.setting(1, "dim"))
        if axis not in (1, 2, -3, -2) or (axis == -2 and not swaps):  # -2 would be the positions
            return None
        in_order = (swaps == 0 and axis in (1, -3)) or (swaps == 1 and axis in (2, -2))
        return HeadCopy(node, operation.operands[0], operation.setting(0, "repeats"), in_order, way)
    source, factor = argument(node, 0), argument(node, 1)
    if source is None or len(node.args) != 2:
        return HeadCopy(node, node, None, False, way) if source is not None else None
    return HeadCopy(node, source, factor, _helper_axis(code, node) == (2 if swaps else 1) and swaps < 2, way)


def _swaps_heads(operation: Operation) -> int:
    """``transpose(1, 2)``: heads behind positions before, in front of them after. Any other exchange counts as two."""
    if operation.name not in group("transposes"):
        return 0
    axes = {as_integer(axis) for axis in operation.operands[1:]}
    return 1 if operation.name in ("transpose", "swapaxes") and axes == {1, 2} else 2


def _helper_axis(code: Code, call: cst.Call) -> int | None:
    """Return the axis on which ``repeat_kv`` puts copies beside each head, where the file or its import shows it."""
    qualified = code.qualified_name(call.func)
    if qualified is not None:
        return 1 if qualified.startswith("transformers.models.") else None
    function = code.context.called_function(call)
    if function is None or len(function.params.params) < 2:
        return None
    repeated = function.params.params[0].name.value
    for inner in code.tree.within(function, cst.Call):
        if last_name(inner.func) == "repeat_interleave" and _returns(code, function, inner):
            operation = code.tensors.operation(inner)
            axis = as_integer(operation.setting(1, "dim")) if operation is not None else None
            return axis if axis in (1, 2) else None
    for part in code.tree.within(function, cst.Subscript):
        if isinstance(part.value, cst.Name) and part.value.value == repeated and len(part.slice) == 5:
            added = [number for number, element in enumerate(part.slice) if is_new_axis(element.slice)]
            if len(added) == 1 and added[0] in (2, 3) and _expands_and_joins(code, part):
                return added[0] - 1
    return None


def _returns(code: Code, function: cst.FunctionDef, value: Node) -> bool:
    return any(returned is value for returned in code.context.returned_values(function))


def _expands_and_joins(code: Code, part: cst.Subscript) -> bool:
    """``x[:, :, None].expand(…).reshape(…)``, at once or by a name in between."""
    names = []
    for node in code.tree.ancestors(part):
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
            names.append(node.func.attr.value)
        elif isinstance(node, cst.BaseSmallStatement):
            break
    if names == ["expand"]:  # stored, then joined
        function = code.context.function(part)
        joined = code.context.returned_values(function) if function is not None else []
        names += [last_name(value.func) or "" for value in joined if isinstance(value, cst.Call)][-1:]
    return names in (["expand", "reshape"], ["expand", "contiguous", "view"])
