"""The mask of a fused call, from what the scores were masked with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from ..attention import Attention
from ..lineage import are_of_one_length
from ..masks import Mask, Masks, is_length_of
from ..names import last_name
from ..tensors import Operation
from ..tree import Node
from .moving import Moved, Unsure
from .numbers import is_number
from .reading import Reading, Taken

if TYPE_CHECKING:
    from ..program import Code

_OPPOSITES: dict[type[cst.CSTNode], str] = {
    cst.Equal: "!=",
    cst.NotEqual: "==",
    cst.LessThan: ">=",
    cst.GreaterThanEqual: "<",
    cst.GreaterThan: "<=",
    cst.LessThanEqual: ">",
}


class MaskArguments:
    """Says masks as arguments. Everything raises ``Unsure`` where the call would mask otherwise."""

    def __init__(self, code: Code, attention: Attention, moved: Moved) -> None:
        self._code, self._attention, self._moved = code, attention, moved
        self._masks = Masks(code)

    def said(self, reading: Reading, keys: Node | None) -> list[str]:
        """Return the arguments for the mask. ``keys`` are those of the call where they are an expression of the code."""
        for taken in reading.before:
            if taken.step.kind not in ("add", "fill", "where", "scale", "divide", "cast", "shift"):
                raise Unsure
            if taken.step.kind == "cast" and narrows(self._code, taken.operation):
                raise Unsure
        masks = reading.masks
        if not masks:
            return []
        if len(masks) == 1 and self._is_causal(masks[0], keys):
            return ["is_causal=True"]
        if masks[0].step.kind == "add" and len(masks) == 1:
            always, at_times = [self._added(masks[0], reading)], []
        elif any(taken.step.kind == "add" for taken in masks):
            raise Unsure
        else:
            always = [self._kept(taken) for taken in masks if taken.unless_none is None]
            at_times = [self._kept(taken) for taken in masks if taken.unless_none is not None]
        subjects = {self._moved.text(taken.unless_none) for taken in masks if taken.unless_none is not None}
        if not subjects:
            return [f"attn_mask={_all_of(always)}"]
        if len(subjects) > 1:
            raise Unsure
        if masks[0].step.kind == "add":
            always, at_times = [], always
        otherwise = _all_of(always) if always else "None"
        return [f"attn_mask={otherwise} if {subjects.pop()} is None else {_all_of([*always, *at_times])}"]

    def _kept(self, taken: Taken) -> str:
        """Return the text of the boolean mask that is True where a key may be seen."""
        operands = taken.operation.operands
        if taken.step.kind == "fill":
            if len(operands) != 3 or not self._masks.is_far_below(operands[2]):
                raise Unsure
            return self._negated(operands[1])
        first_is_scores = taken.step.kind == "where" and self._masks.is_far_below(operands[2])
        if first_is_scores:
            return self._moved.text(operands[0])
        if not self._masks.is_far_below(operands[1]):
            raise Unsure
        return self._negated(operands[0])

    def _negated(self, mask: Node) -> str:
        operation = self._code.tensors.operation(mask)
        if operation is not None and operation.name == "expand_as" and operation.is_method:  # masks are broadcast
            return self._negated(operation.operands[0])
        if isinstance(mask, cst.UnaryOperation) and isinstance(mask.operator, cst.BitInvert):
            return self._moved.text(mask.expression)
        if isinstance(mask, cst.Comparison) and len(mask.comparisons) == 1:
            target = mask.comparisons[0]
            opposite = _OPPOSITES.get(type(target.operator))
            if opposite is not None:
                return f"{self._moved.text(mask.left)} {opposite} {self._moved.text(target.comparator)}"
        return f"~{self._moved.operand(mask)}"

    def _added(self, taken: Taken, reading: Reading) -> str:
        mask, query = taken.step.operand, self._attention.scores.left
        if (
            mask is None
            or taken.operation.name != "add"
            or is_number(self._code, mask)
            or not isinstance(query, cst.Name)
        ):
            raise Unsure
        later = reading.before[: reading.before.index(taken)]
        if any(other.step.kind in ("scale", "divide") for other in later):
            raise Unsure  # the mask is scaled too
        return f"{self._moved.operand(mask)}.to({self._moved.text(query)}.dtype)"

    def _is_causal(self, taken: Taken, keys: Node | None) -> bool:
        """Does the mask let each position see itself and those before it, and is it surely as large as the scores?"""
        mask = self._bare(taken) if taken.unless_none is None else None
        if mask is None or not mask.is_causal or mask.sides is None:
            return False
        query, key = self._attention.query, self._attention.key
        if are_of_one_length(self._code, query, key):
            return True
        rows, columns = mask.sides
        is_as_long = is_length_of(self._code, rows, query.node)
        return is_as_long and keys is not None and is_length_of(self._code, columns, keys)

    def _bare(self, taken: Taken) -> Mask | None:
        """Return the mask that a step applies, where it is of the form that the step takes and hides keys wholly."""
        operands = taken.operation.operands
        if taken.step.kind == "add":
            mask = self._masks.read(taken.step.operand) if taken.step.operand is not None else None
            return mask if mask is not None and mask.form == "added" else None
        marks, operand = ("block", operands[1]) if taken.step.kind == "fill" else ("keep", operands[0])
        mask = self._masks.read(operand)
        fits = mask is not None and mask.form == "bool" and mask.marks == marks
        return mask if fits and self._masks.is_far_below(operands[2]) else None


def narrows(code: Code, operation: Operation) -> bool:
    """May a cast leave less than the type of the queries, or something that is no tensor of theirs?"""
    if operation.name in ("float", "double", "contiguous", "type_as", "identity", "clone"):
        return False
    if operation.name == "nan_to_num":  # zeros for fully masked rows, as the fused call gives them
        return len(operation.operands) != 1 or operation.call is None or len(operation.call.args) > 1
    target = operation.setting(0, "dtype")
    if operation.name in ("to", "type") and target is not None:
        return code.qualified_name(target) != "torch.float32" and last_name(target) != "dtype"
    return True


def _all_of(masks: list[str]) -> str:
    """Return the text of a mask that is True where all of these are."""
    return masks[0] if len(masks) == 1 else " & ".join(f"({mask})" for mask in masks)
