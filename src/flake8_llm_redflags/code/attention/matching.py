"""One softmax(QKᵀ)·V put together from its products, and what tells it from other products around a softmax."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from .. import einsum
from ..arguments import keyword
from ..constants import as_integer, is_true
from ..tensors import Operation, Place, group
from ..tree import Node
from .orientation import Orientations
from .parts import Attention, Product, Step
from .products import Products
from .ranks import Ranks, is_linear_layer
from .trails import Trail, Trails

if TYPE_CHECKING:
    from ..program import Code


class Matcher:
    """Reads products as the last step of an attention."""

    def __init__(
        self, code: Code, products: Products, ranks: Ranks, orientations: Orientations, trails: Trails
    ) -> None:
        self._code, self._tensors, self._products = code, code.tensors, products
        self._ranks, self._orientations, self._trails = ranks, orientations, trails

    def attention(self, product: Product) -> Attention | None:
        """Return the attention that ends with a product, None where it ends none."""
        for weights, value in ((product.left, product.right), (product.right, product.left)):
            trail = self._trails.back(Place(weights, product.place.frame), "weights")
            if trail is None or len(trail.ends) != 1 or self._is_softmax(value, product):
                continue
            softmax = self._tensors.operation(trail.ends[0].node)
            if softmax is None or not softmax.operands:
                continue
            scores = self._trails.back(Place(softmax.operands[0], trail.ends[0].frame), "scores")
            if scores is None or not scores.ends:
                continue
            found = self._assembled(product, weights, value, trail, softmax, scores)
            if found is not None:
                return found
        return None

    def _is_softmax(self, value: Node, product: Product) -> bool:
        """Are the values themselves a softmax? Then neither side is the weights of the other."""
        trail = self._trails.back(Place(value, product.place.frame), "weights")
        return trail is not None and bool(trail.ends)

    def _assembled(
        self, product: Product, weights: Node, value: Node, after: Trail, softmax: Operation, before: Trail
    ) -> Attention | None:
        scores = self._products.at(before.ends[0])
        if scores is None or not all(self._is_query_key(end) for end in before.ends):
            return None
        key_axis = _contracted(product, weights is product.left, "transpose" in after.kinds())
        if not _sums_over_rows(scores, key_axis):
            return None
        rank = self._ranks.of(Place(softmax.operands[0], after.ends[0].frame))
        if product.equation is not None and einsum.ELLIPSIS not in (*product.equation.left, *product.equation.right):
            rank = len(product.equation.left if weights is product.left else product.equation.right)
        steps = before.steps
        if scores.scale is not None:
            steps = (*steps, Step("scale", scores.place.node, scores.scale))
        key_is_left = _key_is_left(scores, key_axis)
        frame = scores.place.frame
        query, key = (scores.right, scores.left) if key_is_left else (scores.left, scores.right)
        return Attention(
            product=product,
            softmax=softmax,
            scores=scores,
            value=value,
            query=Place(query, frame),
            key=Place(key, frame),
            before=steps,
            after=after.steps,
            key_axis=key_axis,
            softmax_axis=_softmax_axis(softmax, rank),
            rank=rank,
        )

    # ---- is it a product of queries and keys?

    def _is_query_key(self, place: Place) -> bool:
        """Is the product one of queries and keys: each row of one with each row of the other, over their features?"""
        product = self._products.at(place)
        if product is None:
            return False
        if any(self._is_weight(Place(side, place.frame)) for side in (product.left, product.right)):
            return False
        if any(self._is_single(Place(side, place.frame)) for side in (product.left, product.right)):
            return False
        if product.equation is not None:
            equation = product.equation
            return len(equation.contracted) == 1 and bool(equation.only_left) and bool(equation.only_right)
        left, right = (self._orientations.of(Place(side, place.frame)) for side in (product.left, product.right))
        if left.swapped and not left.is_channels_first and left.explicit:
            return False  # features by features: attention over channels
        if not left.swapped and left.is_channels_first:
            return False  # summed over the pixels: attention over channels
        return left.swapped != right.swapped or right.swapped

    def _is_weight(self, place: Place) -> bool:
        """Is an operand a parameter or an embedding table, so that the product is a layer and no attention?"""
        node = place.node
        same_values = group("transposes") | group("casts")
        for _ in range(6):
            operation = self._tensors.operation(node)
            if operation is not None and operation.operands and operation.name in same_values:
                node = operation.operands[0]
                continue
            if isinstance(node, cst.Name):
                found = self._tensors.sources(Place(node, place.frame))
                if found and len(found) == 1:
                    node = found[0].node
                    continue
            break
        if isinstance(node, cst.Attribute) and node.attr.value in ("weight", "data"):
            return node.attr.value == "weight" or (
                isinstance(node.value, cst.Attribute) and node.value.attr.value == "weight"
            )
        return "torch.nn.Parameter" in self._code.values.made_by(node) if isinstance(node, cst.Attribute) else False

    def _is_single(self, place: Place) -> bool:
        """Is an operand one vector with an axis put in (``query.unsqueeze(1)``)? Then there is no matrix to save."""
        node = self._tensors.followed(place).node
        operation = self._tensors.operation(node)
        same_shape = group("transposes") | group("casts") | group("scalings")
        for _ in range(12):
            if operation is not None and operation.operands and operation.name in same_shape:
                place = self._tensors.followed(Place(operation.operands[0], place.frame))
            elif isinstance(node, cst.Call) and node.args and is_linear_layer(self._code, node):
                place = self._tensors.followed(Place(node.args[0].value, place.frame))
            else:
                break
            node = place.node
            operation = self._tensors.operation(node)
        if operation is None:
            return False
        if operation.name == "mean":  # `x.mean(dim=1, keepdim=True)`
            return operation.call is not None and is_true(keyword(operation.call, "keepdim"))
        if operation.name in ("view", "reshape"):  # `x[:, :1].view(b, 1, heads, d)`: the leading axis is the batch
            return any(as_integer(axis) == 1 for axis in operation.operands[2:])
        if operation.name != "unsqueeze" or len(operation.operands) < 2:
            return False
        inner = self._tensors.operation(self._tensors.followed(Place(operation.operands[0], place.frame)).node)
        is_viewed = inner is not None and inner.name in group("views")
        return not is_viewed and as_integer(operation.operands[1]) in (1, 2, -1, -2)


def _contracted(product: Product, weights_left: bool, transposed: bool) -> int | None:
    """Return the axis of the weights (before any transposition) that the product with V sums over."""
    if product.equation is None:
        axis = -1 if weights_left else -2
        return axis if not transposed else -3 - axis
    equation = product.equation
    if transposed or len(equation.contracted) != 1:
        return None
    return einsum.from_end(equation.left if weights_left else equation.right, equation.contracted[0])


def _sums_over_rows(scores: Product, axis: int | None) -> bool:
    """Does the second product sum over queries or keys? A sum over another axis mixes heads."""
    if axis is None:
        return True
    if scores.equation is None:
        return axis in (-1, -2)
    result = scores.equation.result
    return -axis <= len(result) and result[axis] in (*scores.equation.only_left, *scores.equation.only_right)


def _key_is_left(scores: Product, key_axis: int | None) -> bool:
    if scores.equation is None:
        return key_axis == -2
    if key_axis is None or -key_axis > len(scores.equation.result):
        return False
    return scores.equation.result[key_axis] in scores.equation.only_left


def _softmax_axis(softmax: Operation, rank: int | None) -> int | None:
    axis = as_integer(softmax.setting(0, "dim"))
    if axis is None or axis < 0:
        return axis
    return axis - rank if rank is not None and axis < rank else None
