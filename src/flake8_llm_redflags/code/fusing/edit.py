"""The edit: operands, scale, mask and dropout of one attention put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from ..arguments import keyword
from ..attention import Attention
from ..constants import as_integer, is_true
from ..tensors import Operation, group
from ..tree import Node
from ..trimming import own_line, statements_for
from .call import call_text, missing_import
from .layout import has_heads_behind
from .masks import MaskArguments, narrows
from .moving import Moved, Unsure
from .numbers import is_number
from .reading import Reader, Reading

if TYPE_CHECKING:
    from ...finding import Edit
    from ..program import Code


def fusing_edit(code: Code, attention: Attention) -> Edit | None:
    """Return the edit that puts one fused call in place of the steps of an attention, None where anything is unsure."""
    try:
        return _Fusing(code, attention).edit()
    except Unsure:
        return None


class _Fusing:
    """One attempt. Everything raises ``Unsure`` where the call might not carry something over."""

    def __init__(self, code: Code, attention: Attention) -> None:
        self._code, self._attention = code, attention
        self._product = attention.product.place.node
        statement = code.context.statement(self._product)
        line = own_line(code, statement)
        if line is None or attention.product.place.frame is not None or attention.is_over_keys is not True:
            raise Unsure
        self._line, self._block = line, code.tree.parent(line)
        self._moved = Moved(code)  #: what is computed at the place of ·V from now on

    def edit(self) -> Edit:
        weights = self._attention.product.left
        if weights is self._attention.value or self._attention.scores.mask is not None:
            raise Unsure
        for product in (self._product, self._attention.scores.place.node):
            if isinstance(product, cst.Call) and any(arg.keyword is not None or arg.star for arg in product.args):
                raise Unsure  # `out=`, and whatever else it may be
        reading = Reader(self._code, self._attention, self._block).read(weights)
        if reading.scores is not self._attention.scores.place.node:
            raise Unsure
        swap = has_heads_behind(self._attention, is_masked=bool(reading.masks))
        query = self._operand(self._attention.scores.left, swap)
        keys = self._key()
        key = self._operand(keys, swap)
        arguments = [query, key, self._shown(self._attention.value, swap)]
        masks = MaskArguments(self._code, self._attention, self._moved)
        arguments += masks.said(reading, None if isinstance(keys, str) else keys)
        arguments += self._dropout_arguments(reading)
        arguments.append(f"scale={self._scale(reading)}")
        if reading.gone:
            self._moved.check(self._product)
        self._check_uses(reading)
        call = call_text(self._code, self._product, self._line, arguments)
        edit = self._code.edit("call scaled_dot_product_attention (a fully masked row gives zeros)", safe=False)
        assert isinstance(self._product, cst.BaseExpression)
        edit.replace_whole(self._product, f"{call}.transpose(1, 2)" if swap else call)
        kept = frozenset(name.value for node in self._moved.nodes for name in self._code.tree.within(node, cst.Name))
        feeding = statements_for(self._code, *reading.gone, self._product, kept=kept)
        edit.remove_statements([*reading.gone, *feeding])
        if (imported := missing_import(self._code)) is not None:
            edit.importing(imported)
        return edit.done()

    def _check_uses(self, reading: Reading) -> None:
        """Raise ``Unsure`` unless everything that goes is read only in what goes."""
        tree = self._code.tree
        for binding in reading.bindings:
            for use in self._code.values.uses(binding):
                if not tree.contains(self._product, use) and not any(tree.contains(line, use) for line in reading.gone):
                    raise Unsure
        for expression in (*self._moved.nodes, self._attention.value):
            for name in tree.within(expression, cst.Name):
                if any(binding in reading.bindings for binding in self._code.values.definitions(name)):
                    raise Unsure

    # ---- operands

    def _operand(self, node: Node | str, swap: bool) -> str:
        if isinstance(node, str):
            return f"{node}.transpose(1, 2)" if swap else node
        return self._shown(node, swap)

    def _shown(self, node: Node, swap: bool) -> str:
        """Return the text of an operand, its heads brought before its positions."""
        if self._code.tensors.operation(node) is not None and self._is_upcast(node):
            raise Unsure
        text = self._moved.text(node)
        return f"{self._code.text_as_operand(node)}.transpose(1, 2)" if swap else text

    def _is_upcast(self, node: Node) -> bool:
        """Is the type of one operand changed here, which must be that of the others?"""
        operation = self._code.tensors.operation(node)
        while operation is not None and operation.operands:
            if operation.name in ("float", "half", "bfloat16", "double", "to", "type", "type_as"):
                return True
            operation = self._code.tensors.operation(operation.operands[0])
        return False

    def _key(self) -> Node | str:
        """Return the keys, positions before features."""
        scores = self._attention.scores
        if scores.equation is not None:
            return scores.right
        node = scores.right
        operation = self._code.tensors.operation(node)
        name = operation.name if operation is not None else ""
        if operation is not None and operation.operands and operation.name in group("transposes"):
            axes = [as_integer(axis) for axis in operation.rest]
            has_three_axes = self._code.attention.rank(scores.place.node) == 3
            swaps_last = (
                name in ("mT", "T", "t")
                or (name in ("transpose", "swapaxes") and set(axes) in ({-1, -2}, {2, 3}))
                or (name in ("transpose", "swapaxes") and set(axes) == {1, 2} and has_three_axes)
                or (name == "permute" and axes in ([0, 1, 3, 2], [0, 2, 1]))
            )
            if swaps_last:
                return operation.operands[0]
        return f"{self._moved.operand(node)}.transpose(-2, -1)"

    def _scale(self, reading: Reading) -> str:
        """Return the text of the factor between QKᵀ and the softmax."""
        if self._attention.scores.scale is not None:
            raise Unsure
        factors: list[str] = []
        for taken in reversed(reading.before):
            kind, operand = taken.step.kind, taken.step.operand
            if kind not in ("scale", "divide"):
                continue
            if operand is None or taken.unless_none is not None or not is_number(self._code, operand):
                raise Unsure
            text = self._moved.text(operand)
            shown = f"({text})" if isinstance(operand, (cst.BinaryOperation, cst.UnaryOperation)) else text
            factors.append(f"1 / {shown}" if kind == "divide" else shown)
            alone = text if kind == "scale" else factors[0]
        return " * ".join(factors) if len(factors) > 1 else alone if factors else "1.0"

    # ---- dropout

    def _dropout_arguments(self, reading: Reading) -> list[str]:
        rates = []
        for taken in reversed(reading.after):
            if taken.step.kind == "cast":
                if narrows(self._code, taken.operation):
                    raise Unsure
            elif taken.step.kind == "dropout" and taken.unless_none is None:
                rates.append(self._rate(taken.operation))
            else:
                raise Unsure
        if len(rates) > 1:
            raise Unsure
        return [f"dropout_p={rate}" for rate in rates if rate is not None]

    def _rate(self, operation: Operation) -> str | None:
        """Return the text of the rate at which weights are dropped now."""
        call = operation.node
        if not isinstance(call, cst.Call):
            raise Unsure
        if operation.is_module:
            if self._code.values.made_by(call.func) != {"torch.nn.Dropout"}:
                raise Unsure
            text = self._moved.text(call.func)
            return f"{text}.p if {text}.training else 0.0"
        qualified = self._code.qualified_name(call.func)
        if qualified not in ("torch.nn.functional.dropout", "torch.dropout"):
            raise Unsure
        rate, training = operation.setting(0, "p"), operation.setting(1, "training") or keyword(call, "train")
        shown = self._moved.text(rate) if rate is not None else "0.5"
        if training is None or is_true(training):
            return shown
        return f"{shown} if {self._moved.text(training)} else 0.0"
