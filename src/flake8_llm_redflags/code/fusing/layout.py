"""In which order the equations of an attention have their axes."""

from __future__ import annotations

from .. import einsum
from ..attention import Attention, Product
from .moving import Unsure


def has_heads_behind(attention: Attention, *, is_masked: bool) -> bool:
    """Return whether heads stand behind positions; anything but that and the usual order is unsure."""
    scores, product = attention.scores, attention.product
    if scores.equation is None and product.equation is None:
        return False
    if scores.equation is None or product.equation is None:
        mixed = scores if scores.equation is not None else product
        if not _is_plain(mixed, is_scores=mixed is scores):
            raise Unsure
        return False
    if _is_plain(scores, is_scores=True) and _is_plain(product, is_scores=False):
        if len(scores.equation.result) != len(product.equation.left):
            raise Unsure
        return False
    if _is_heads_third(scores.equation, product.equation, is_masked):
        return True
    raise Unsure


def _is_plain(product: Product, *, is_scores: bool) -> bool:
    """Are the axes as in a matrix product: the same batch axes first, then rows and columns?"""
    equation = product.equation
    assert equation is not None
    left, right, result = equation.left, equation.right, equation.result
    if len(left) < 2 or len(right) < 2 or len(result) < 2 or left[:-2] != right[:-2] or left[:-2] != result[:-2]:
        return False
    if is_scores:
        return left[-1] == right[-1] and result[-2:] == (left[-2], right[-2])
    return left[-1] == right[-2] and result[-2:] == (left[-2], right[-1])


def _is_heads_third(scores: einsum.Equation, product: einsum.Equation, is_masked: bool) -> bool:
    """``bihd,bjhd->bhij`` and ``bhij,bjhd->bihd``: positions before heads in all but the scores."""
    if any(len(axes) != 4 or einsum.ELLIPSIS in axes for axes in (*_operands(scores), *_operands(product))):
        return False
    batch, rows, heads, width = scores.left
    if (
        scores.right[0] != batch
        or scores.right[2:] != (heads, width)
        or set(scores.result) != {batch, heads, rows, scores.right[1]}
    ):
        return False
    columns = scores.right[1]
    if is_masked and scores.result != (batch, heads, rows, columns):
        return False
    renamed = dict(zip(scores.result, product.left, strict=True))  # the second equation may use other letters
    values, result = product.right, product.result
    return (
        values[:3] == (renamed[batch], renamed[columns], renamed[heads])
        and result == (renamed[batch], renamed[rows], renamed[heads], values[3])
    )  # fmt: skip


def _operands(equation: einsum.Equation) -> tuple[tuple[str, ...], ...]:
    return equation.left, equation.right, equation.result
