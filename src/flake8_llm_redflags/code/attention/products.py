"""Products of two tensors, in whatever operation they are spelled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from .. import einsum
from ..arguments import keyword
from ..constants import as_text
from ..tensors import Place, group
from ..tree import Node
from .parts import Product

if TYPE_CHECKING:
    from ..program import Code


class Products:
    """Reads ``matmul``, ``bmm``, ``@``, ``baddbmm``, ``einsum`` as products."""

    def __init__(self, code: Code) -> None:
        self._code = code

    def all(self) -> Iterator[Product]:
        """Yield every product of the file, calls first."""
        calls = self._code.calls("matmul", "bmm", "mm", "einsum", "baddbmm", "contract")
        operators = (n for n in self._code.all(cst.BinaryOperation) if isinstance(n.operator, cst.MatrixMultiply))
        for node in (*calls, *operators):
            if (product := self.at(Place(node))) is not None:
                yield product

    def at(self, place: Place) -> Product | None:
        """Return the product of two tensors that an expression computes."""
        operation = self._code.tensors.operation(place.node)
        if operation is None:
            return None
        operands = operation.operands
        if operation.name in group("products") and len(operands) == 2:
            return Product(place, operands[0], operands[1])
        if operation.name == "matmul" and len(operands) == 1 and operation.call is not None:
            other = keyword(operation.call, "other")
            return None if other is None else Product(place, operands[0], other)
        if operation.name == "baddbmm" and len(operands) >= 3 and operation.call is not None:
            alpha = keyword(operation.call, "alpha")
            return Product(place, operands[1], operands[2], scale=alpha, mask=operands[0])
        if operation.name in ("einsum", "contract"):
            return self._einsum(place, operands)
        return None

    def _einsum(self, place: Place, operands: tuple[Node, ...]) -> Product | None:
        """Read ``einsum(equation, a, b)``, einops' ``einsum(a, b, equation)`` and ``einsum(equation, [a, b])``."""
        if len(operands) == 2 and isinstance(operands[1], (cst.List, cst.Tuple)):
            operands = (operands[0], *(element.value for element in operands[1].elements))
        if len(operands) != 3:
            return None
        texts = [self._text(operand) for operand in operands]
        where = next((i for i in (0, 2) if texts[i] is not None), None)
        if where is None:
            return None
        equation = einsum.parse(texts[where] or "")
        left, right = (operand for i, operand in enumerate(operands) if i != where)
        return None if equation is None else Product(place, left, right, equation)

    def pattern(self, *operands: Node) -> str | None:
        """Return the text of an einsum equation or an einops pattern: the first that an operand gives."""
        return next((text for operand in operands if (text := self._text(operand)) is not None), None)

    def _text(self, node: Node) -> str | None:
        if isinstance(node, cst.FormattedString):
            # the batch axes of `f'b h i d, {kv_einsum_eq} -> b h i j'` do not matter
            parts = [part.value if isinstance(part, cst.FormattedStringText) else None for part in node.parts]
            if parts.count(None) == 1 and parts[0] is not None:
                inside = next(part for part in node.parts if isinstance(part, cst.FormattedStringExpression))
                choices = self._code.values.constants(inside.expression)
                if choices and isinstance(choices[0], str):
                    return "".join(choices[0] if part is None else part for part in parts)
        if isinstance(node, cst.Name) and (constants := self._code.values.constants(node)) and len(constants) == 1:
            return constants[0] if isinstance(constants[0], str) else None
        return as_text(node)
