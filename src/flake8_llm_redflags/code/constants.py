"""What the program says outright: ``True``, ``None``, ``-1``, ``"cpu"``, ``x[:, None]``.

Nothing is followed here: ``code.values.constants`` tells what a name holds.
"""

from __future__ import annotations

from .syntax import cst


def is_true(node: cst.CSTNode | None) -> bool:
    """Is this the constant ``True``?"""
    return isinstance(node, cst.Name) and node.value == "True"


def is_false(node: cst.CSTNode | None) -> bool:
    """Is this the constant ``False``?"""
    return isinstance(node, cst.Name) and node.value == "False"


def is_none(node: cst.CSTNode | None) -> bool:
    """Is this the constant ``None``? (Nothing at all, where an argument is not given, is not.)"""
    return isinstance(node, cst.Name) and node.value == "None"


def as_integer(node: cst.CSTNode | None) -> int | None:
    """Return the value of ``3`` and ``-3``, None for anything else."""
    literal, sign = _unsigned(node)
    return sign * literal.evaluated_value if isinstance(literal, cst.Integer) else None


def as_number(node: cst.CSTNode | None) -> float | None:
    """Return the value of ``3``, ``-3``, ``0.5`` and ``-1e9``, None for anything else."""
    literal, sign = _unsigned(node)
    if not isinstance(literal, (cst.Integer, cst.Float)):
        return None
    try:
        return sign * float(literal.evaluated_value)
    except OverflowError:  # an integer of more than 308 digits
        return None


def _unsigned(node: cst.CSTNode | None) -> tuple[cst.CSTNode | None, int]:
    if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Minus):
        return node.expression, -1
    return node, 1


def as_text(node: cst.CSTNode | None) -> str | None:
    """Return the value of a string (adjoining strings are one), None for bytes, f-strings and anything else."""
    value = node.evaluated_value if isinstance(node, (cst.SimpleString, cst.ConcatenatedString)) else None
    return value if isinstance(value, str) else None


def as_index(part: cst.CSTNode) -> int | None:
    """Return the number that one part of a subscript says: -1 for the last one of ``x[:, -1]``."""
    return as_integer(part.value) if isinstance(part, cst.Index) else None


def is_new_axis(part: cst.CSTNode) -> bool:
    """Does one part of a subscript put an axis in, as the last one of ``x[:, None]``?"""
    return isinstance(part, cst.Index) and is_none(part.value)


def is_whole(part: cst.CSTNode) -> bool:
    """Is this part of a subscript a bare ``:``?"""
    return isinstance(part, cst.Slice) and part.lower is None and part.upper is None and part.step is None


def is_last_position(node: cst.Subscript) -> bool:
    """Is this the last position of each sequence: ``x[:, -1]``, ``x[:, -1:]``, ``x[:, [-1], :]``, ``x[..., -1, :]``?"""
    parts = [element.slice for element in node.slice]
    if not 2 <= len(parts) <= 3:
        return False
    first, position, *rest = parts
    everything = isinstance(first, cst.Index) and isinstance(first.value, cst.Ellipsis)
    if not (everything and rest) and not is_whole(first):
        return False
    if not all(is_whole(part) for part in rest):
        return False
    if isinstance(position, cst.Slice):
        return as_integer(position.lower) == -1 and position.upper is None and position.step is None
    value = position.value
    if isinstance(value, cst.List) and len(value.elements) == 1:
        value = value.elements[0].value
    return as_integer(value) == -1
