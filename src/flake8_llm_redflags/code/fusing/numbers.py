"""Which factors are surely Python numbers, as the ``scale`` of a fused call has to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from ...knowledge import words
from ..names import Binding, last_name
from ..tree import Node

if TYPE_CHECKING:
    from ..program import Code

#: How many expressions one question follows.
_DEPTH = 4


def is_number(code: Code, node: Node, left: int = _DEPTH) -> bool:
    """Is a factor surely a Python number?"""
    if isinstance(node, (cst.Integer, cst.Float)):
        return True
    if left == 0:
        return False
    if isinstance(node, cst.UnaryOperation):
        return is_number(code, node.expression, left)
    if isinstance(node, cst.BinaryOperation):
        if isinstance(node.operator, cst.Power):
            return is_number(code, node.right, left - 1) and not _is_tensor(code, node.left)
        return is_number(code, node.left, left - 1) and is_number(code, node.right, left - 1)
    if isinstance(node, cst.Call):
        if code.qualified_name(node.func) in words("torch_ops", "constants", "numbers"):
            return True
        return isinstance(node.func, cst.Attribute) and node.func.attr.value == "size" and len(node.args) == 1
    if isinstance(node, cst.Subscript):
        return isinstance(node.value, cst.Attribute) and node.value.attr.value == "shape"
    if isinstance(node, cst.Attribute):
        is_own = isinstance(node.value, cst.Name) and node.value.value == "self"
        owner = code.names.enclosing_class(node) if is_own else None
        bindings = code.names.attribute_bindings(owner, node.attr.value) if owner is not None else []
    elif isinstance(node, cst.Name):
        bindings = code.values.definitions(node)
    else:
        return False
    return bool(bindings) and all(_gives_number(code, binding, left - 1) for binding in bindings)


def _gives_number(code: Code, binding: Binding, left: int) -> bool:
    if binding.kind == "param":
        annotation = getattr(binding.node, "annotation", None)
        return annotation is not None and code.text_of(annotation.annotation) in ("int", "float")
    if binding.kind != "assign" or binding.value is None:
        return False
    value: Node = binding.value
    if len(binding.path) == 1 and isinstance(binding.path[0], int):
        if isinstance(value, cst.Tuple) and binding.path[0] < len(value.elements):
            return is_number(code, value.elements[binding.path[0]].value, left)
        if isinstance(value, cst.Attribute):
            return value.attr.value == "shape"
        return isinstance(value, cst.Call) and last_name(value.func) == "size" and not value.args
    return not binding.path and is_number(code, value, left)


def _is_tensor(code: Code, node: Node) -> bool:
    made_by = code.values.made_by(node)
    return any(name.startswith("torch.") for name in made_by)
