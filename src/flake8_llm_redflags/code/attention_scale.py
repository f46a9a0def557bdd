"""How scores of an attention are scaled: by which power of which width, where, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from .attention import Attention
from .constants import as_number
from .fused import FusedAttention
from .lineage import Lineage, lineage
from .names import last_name
from .tensors import Operation, Place, group
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

_STEPS = 6


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor of the scores. ``power`` is the power of a width in it: -0.5 for ``/ math.sqrt(d)``; None if unknown."""

    node: Node
    power: float | None
    base: Node | None = None  #: the width, as written


def factors(code: Code, attention: Attention) -> list[Factor]:
    """Return every factor of the scores, on queries, on keys and on the product itself."""
    found = [*_of_operand(code, attention.query), *_of_operand(code, attention.key)]
    for step in attention.steps("scale", "divide"):
        found.append(_factor(code, step.node, step.operand, -1 if step.kind == "divide" else 1))
    return found


def factors_before(code: Code, attention: FusedAttention) -> list[Factor]:
    """Return every factor on the queries and keys of a fused attention."""
    return [*_of_operand(code, Place(attention.query)), *_of_operand(code, Place(attention.key))]


def has_norm(code: Code, attention: Attention) -> bool:
    """Are queries or keys normalised on their way, so that factors before it count for nothing?"""
    return any(lineage(code, place).norms for place in (attention.query, attention.key))


def power_of(code: Code, node: Node) -> float | None:
    """Return the power of a width that an expression is: -0.5 for ``d ** -0.5``."""
    found = _read(code, node, _STEPS)
    return None if found is None else found[0]


def are_certain(code: Code, found: list[Factor], product: Node) -> bool:
    """Is every factor multiplied in whenever the attention is computed, none under a condition of its own?"""
    return all(_is_unconditional(code, factor.node, product) for factor in found)


def projected(code: Code, attention: Attention) -> tuple[Lineage, Lineage] | None:
    """Return the ways of queries and keys where both are projections of inputs, and nothing else is done to their size."""
    ways = lineage(code, attention.query), lineage(code, attention.key)
    for way in ways:
        if not way.projections or way.norms or way.opaque or way.factors or not way.is_whole:
            return None
    return ways


def _of_operand(code: Code, place: Place) -> Iterator[Factor]:
    for operation in lineage(code, place).factors:
        yield _factor(
            code, operation.node, _other(code, operation), -1 if operation.name.endswith(("div", "divide")) else 1
        )


def _other(code: Code, operation: Operation) -> Node:
    """Return the operand that scales: of ``self.scale * q`` the first, else the second."""
    first, second = operation.operands[:2]
    if (
        not operation.name.endswith(("div", "divide"))
        and _read(code, second, _STEPS) is None
        and _read(code, first, _STEPS) is not None
    ):
        return first
    return second


def _factor(code: Code, node: Node, operand: Node | None, sign: int) -> Factor:
    found = _read(code, operand, _STEPS) if operand is not None else None
    return Factor(node, None) if found is None else Factor(node, sign * found[0], found[1])


def _read(code: Code, node: Node, left: int) -> tuple[float, Node | None] | None:
    """Return the power and the width of an expression: (0, None) for a number, (-0.5, d) for ``1 / math.sqrt(d)``."""
    if left == 0:
        return None
    if isinstance(node, (cst.Integer, cst.Float)):
        return 0.0, None
    if isinstance(node, cst.BinaryOperation):
        return _combined(code, node, left - 1)
    if isinstance(node, cst.BooleanOperation):  # `qk_scale or head_dim ** -0.5`
        return _read(code, node.right, left - 1)
    if isinstance(node, cst.IfExp):  # `head_dim ** -0.5 if qk_scale is None else qk_scale`
        names = {name.value for name in code.tree.within(node.test, cst.Name)}
        arms = [arm for arm in (node.body, node.orelse) if not (isinstance(arm, cst.Name) and arm.value in names)]
        return _read(code, arms[0], left - 1) if len(arms) == 1 else None
    if isinstance(node, cst.Call):
        return _called(code, node, left - 1)
    if isinstance(node, (cst.List, cst.Tuple)) and len(node.elements) == 1:
        return _read(code, node.elements[0].value, left)
    if isinstance(node, (cst.Name, cst.Attribute)):
        values = _values(code, node)
        return _read(code, values[0], left - 1) if len(values) == 1 else None
    return None


def _combined(code: Code, node: cst.BinaryOperation, left: int) -> tuple[float, Node | None] | None:
    if isinstance(node.operator, cst.Power):
        exponent = _number(node.right)
        if exponent is None:
            return None
        inner = _read(code, node.left, left)
        return (exponent * inner[0], inner[1]) if inner is not None and inner[0] else (exponent, node.left)
    if isinstance(node.operator, cst.Divide):
        over, under = _read(code, node.left, left), _read(code, node.right, left)
        if over is not None and under is not None and (not over[0] or not under[0]):
            return over[0] - under[0], under[1] or over[1]
    return None


def _called(code: Code, call: cst.Call, left: int) -> tuple[float, Node | None] | None:
    name = last_name(call.func)
    argument = call.args[0].value if call.args else None
    if name in ("sqrt", "rsqrt"):
        sign = 0.5 if name == "sqrt" else -0.5
        if argument is None:
            argument = call.func.value if isinstance(call.func, cst.Attribute) else None
        if argument is None:
            return None
        inner = _read(code, argument, left)
        if inner is not None and inner[0]:
            return sign * inner[0], inner[1]
        return sign, _width(argument)
    if name == "pow" and len(call.args) == 2 and (exponent := _number(call.args[1].value)) is not None:
        return exponent, argument
    if name in group("wrappers") and argument is not None:
        if name in ("to", "float") and isinstance(call.func, cst.Attribute):
            argument = call.func.value
        return _read(code, argument, left)
    return None


def _width(node: Node) -> Node:
    """Return what a width is wrapped in: d of ``torch.FloatTensor([d])``."""
    while True:
        if isinstance(node, cst.Call) and node.args and last_name(node.func) in group("wrappers"):
            node = node.args[0].value
        elif isinstance(node, (cst.List, cst.Tuple)) and len(node.elements) == 1:
            node = node.elements[0].value
        else:
            return node


def _values(code: Code, node: cst.Name | cst.Attribute) -> list[Node]:
    if isinstance(node, cst.Name):
        bindings = code.values.definitions(node)
    else:
        is_own = isinstance(node.value, cst.Name) and node.value.value == "self"
        owner = code.names.enclosing_class(node) if is_own else None
        bindings = code.names.attribute_bindings(owner, node.attr.value) if owner is not None else []
    found: list[Node] = []
    for binding in bindings:
        value = binding.value
        if binding.kind != "assign" or value is None:
            return []
        if len(binding.path) == 1 and isinstance(value, cst.Tuple) and isinstance(binding.path[0], int):
            value = value.elements[binding.path[0]].value if binding.path[0] < len(value.elements) else value
        elif binding.path:
            return []
        found.append(value)
    return found


def _number(node: Node) -> float | None:
    """Return the value of ``0.5``, ``-0.5``, ``(1 / 2)``."""
    if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Minus):
        inner = _number(node.expression)
        return None if inner is None else -inner
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Divide):
        over, under = _number(node.left), _number(node.right)
        return over / under if over is not None and under else None
    return as_number(node)


def _is_unconditional(code: Code, node: Node, product: Node) -> bool:
    child = node
    for above in code.tree.ancestors(node):
        if isinstance(above, cst.FunctionDef):
            return True
        if isinstance(above, (cst.If, cst.IfExp, cst.Try, cst.For, cst.While)) and not code.tree.contains(
            above, product
        ):
            return False
        if (
            isinstance(above, cst.If)
            and code.tree.contains(above, product)
            and not _in_one_arm(code, above, child, product)
        ):
            return False
        child = above
    return True


def _in_one_arm(code: Code, branch: cst.If, child: Node, product: Node) -> bool:
    return child is branch.test or code.tree.contains(child, product)
