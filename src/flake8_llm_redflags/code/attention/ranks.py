"""How many axes a tensor has, where the code shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from .. import einsum
from ..arguments import has_star_arguments
from ..constants import as_integer
from ..tensors import Place, group
from .products import Products

if TYPE_CHECKING:
    from ..program import Code


class Ranks:
    """Counts axes: by the shape that a view gives, the letters of an einsum, the names that a shape is unpacked into."""

    def __init__(self, code: Code, products: Products) -> None:
        self._code, self._tensors, self._products = code, code.tensors, products

    def of(self, place: Place, depth: int = 10) -> int | None:
        """Return the number of axes of a tensor where the code shows it."""
        if depth == 0:
            return None
        operation = self._tensors.operation(place.node)
        if operation is None:
            return self._unpacked_rank(place, depth)
        name, operands = operation.name, operation.operands
        if name == "bmm" or name == "baddbmm":
            return 3
        if name in ("einsum", "contract"):
            product = self._products.at(place)
            if product is None or product.equation is None or einsum.ELLIPSIS in product.equation.result:
                return None
            return len(product.equation.result)
        if name in ("view", "reshape"):
            is_open = operation.call is not None and has_star_arguments(operation.call)
            return len(operation.rest) if len(operation.rest) > 1 and not is_open else None
        if name == "permute":
            return len(operation.rest) if len(operation.rest) > 1 else None
        if name == "rearrange":
            pattern = self._products.pattern(*operands[1:])
            return None if pattern is None else _einops_rank(pattern.partition("->")[2])
        if name in group("products") or name in group("scalings") or name in group("additions"):
            known = [rank for o in operands[:2] if (rank := self.of(Place(o, place.frame), depth - 1)) is not None]
            return max(known, default=None)
        is_same = name in group("transposes") or name in group("casts") or name in ("masked_fill", "softmax", "dropout")
        if is_same and operands:
            inner = self.of(Place(operands[0], place.frame), depth - 1)
            axes = [axis for o in operands[1:] if (axis := as_integer(o)) is not None and axis >= 0]
            if inner is None and name in ("transpose", "swapaxes") and 3 in axes:
                return 4
            return inner
        return None

    def _unpacked_rank(self, place: Place, depth: int) -> int | None:
        """Return the number of axes of a value that is assigned, projected, or whose shape is unpacked: ``b, t, d = x.shape``."""
        node = place.node
        if isinstance(node, cst.Call) and node.args and is_linear_layer(self._code, node):
            return self.of(Place(node.args[0].value, place.frame), depth - 1)
        found = self._tensors.sources(place)
        if found:
            ranks = {self.of(source, depth - 1) for source in found[:3]}
            return ranks.pop() if len(ranks) == 1 else None
        bindings = self._code.values.definitions(node) if isinstance(node, cst.Name) else ()
        if len(bindings) == 1 and len(bindings[0].path) == 1 and bindings[0].value is not None:
            return self._rank_of_part(Place(bindings[0].value, place.frame), depth)
        for use in self._code.values.uses(bindings[0]) if len(bindings) == 1 else ():
            if (sizes := self._sizes_unpacked(use)) is not None:
                is_starred = any(isinstance(element, cst.StarredElement) for element in sizes.elements)
                return None if is_starred else len(sizes.elements)
        return None

    def _sizes_unpacked(self, use: cst.Name) -> cst.Tuple | None:
        """Return the names that the shape of a tensor is unpacked into where the tensor is used so."""
        parent = self._code.tree.parent
        shape = parent(use)
        if not isinstance(shape, cst.Attribute) or shape.attr.value not in ("shape", "size"):
            return None
        value = parent(shape) if shape.attr.value == "size" else shape
        statement = parent(value) if value is not None else None
        target = statement.targets[0].target if isinstance(statement, cst.Assign) and statement.value is value else None
        return target if isinstance(target, cst.Tuple) else None

    def _rank_of_part(self, whole: Place, depth: int) -> int | None:
        """Return the number of axes of one of the tensors that a tensor is taken apart into: ``q, k, v = qkv.unbind(0)``."""
        operation = self._tensors.operation(whole.node)
        if operation is None or not operation.operands:
            return None
        if operation.name in ("chunk", "split", "tensor_split"):
            return self.of(Place(operation.operands[0], whole.frame), depth - 1)
        # Anything but `unbind` is a tensor itself, taken apart along its first axis.
        apart = Place(operation.operands[0], whole.frame) if operation.name == "unbind" else whole
        rank = self.of(apart, depth - 1)
        return None if rank is None else rank - 1


def is_linear_layer(code: Code, call: cst.Call) -> bool:
    """Is a called module a linear layer, which leaves positions as they are?"""
    return code.values.made_by(call.func) == {"torch.nn.Linear"}


def _einops_rank(result: str) -> int | None:
    if "..." in result:
        return None
    rank, depth = 0, 0
    for token in result.replace("(", " ( ").replace(")", " ) ").split():
        if token == "(":
            rank += depth == 0
            depth += 1
        elif token == ")":
            depth -= 1
        elif depth == 0:
            rank += 1
    return rank
