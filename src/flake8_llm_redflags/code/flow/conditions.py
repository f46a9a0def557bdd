"""What conditions say of the rows that they pick, as it is written: two that say the same, or the opposite, divide alike."""

from __future__ import annotations

import libcst as cst

from ..constants import as_text
from ..tree import Node, children


def fingerprint(node: Node) -> tuple[object, ...]:
    """Return what an expression says, whatever its spacing: equal for equal expressions."""
    own: tuple[object, ...] = (node.__class__.__name__,)
    if isinstance(node, (cst.Name, cst.Integer, cst.Float, cst.SimpleString)):
        return (*own, node.value)
    if isinstance(node, cst.Attribute):
        return (*own, fingerprint(node.value), node.attr.value)
    if isinstance(node, (cst.BinaryOperation, cst.BooleanOperation, cst.UnaryOperation)):
        own = (*own, node.operator.__class__.__name__)
    if isinstance(node, cst.ComparisonTarget):
        own = (*own, node.operator.__class__.__name__)
    return (*own, *(fingerprint(child) for child in children(node)))


#: Comparisons, and those of which they are the other side.
_OPPOSITES = {"GreaterThanEqual": "LessThan", "GreaterThan": "LessThanEqual", "NotEqual": "Equal", "NotIn": "In"}
METHOD_OPPOSITES = {"notnull": "isnull", "notna": "isna"}


def split_condition(node: Node) -> tuple[bool, tuple[object, ...]]:
    """Return on which side of a condition rows are kept, and what it says: the same for ``x < 3`` and ``x >= 3``."""
    side = True
    while isinstance(node, cst.UnaryOperation):
        side, node = not side, node.expression
    said = fingerprint(node)
    if isinstance(node, cst.Comparison) and len(node.comparisons) == 1:
        name, left, (target, operator, *right) = said
        if operator in _OPPOSITES:
            side, said = not side, (name, left, (target, _OPPOSITES[str(operator)], *right))
    elif isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
        other = METHOD_OPPOSITES.get(node.func.attr.value)
        if other is not None:
            side, said = not side, fingerprint(node.with_changes(func=node.func.with_changes(attr=cst.Name(other))))
    return side, said


def asked_columns(condition: Node) -> frozenset[str]:
    """Return the one column that a condition asks about, as in ``sales["month"] < 33``; none of a longer one."""
    comparison = condition
    while isinstance(comparison, cst.UnaryOperation):
        comparison = comparison.expression
    if not isinstance(comparison, cst.Comparison):
        return frozenset()
    asked = comparison.left
    if isinstance(asked, cst.Attribute):
        return frozenset((asked.attr.value,))
    if isinstance(asked, cst.Subscript) and isinstance(key := asked.slice[0].slice, cst.Index):
        name = as_text(key.value)
        return frozenset() if name is None else frozenset((name,))
    return frozenset()


def is_of_order(condition: tuple[object, ...]) -> bool:
    """Does a condition divide rows by a threshold, as time does?"""
    return condition[0] == "Comparison" and condition[2][1] in ("LessThan", "LessThanEqual")  # type: ignore[index]
