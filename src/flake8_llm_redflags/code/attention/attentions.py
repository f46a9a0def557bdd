"""The hand-written attentions of a file, and what rules ask of one."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from ..constants import as_integer, is_new_axis
from ..masks import Masks
from ..names import last_name
from ..tensors import Operation, Place
from ..tree import Node
from .alternatives import Alternatives
from .matching import Matcher
from .orientation import Orientations
from .parts import Attention, Step
from .products import Products
from .ranks import Ranks
from .trails import Stage, Trails
from .uses import Uses
from .words import is_said_around, listed, says

if TYPE_CHECKING:
    from ..program import Code


class Attentions:
    """The hand-written attentions of a file."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self._products = Products(code)
        self._ranks = Ranks(code, self._products)
        self._orientations = Orientations(code, self._products, self._ranks)
        self._trails = Trails(code, self._orientations)
        self._alternatives = Alternatives(code)
        self._uses = Uses(code)

    @cached_property
    def all(self) -> tuple[Attention, ...]:
        """Every softmax(QKᵀ)·V, in the order of the last product."""
        matcher = Matcher(self._code, self._products, self._ranks, self._orientations, self._trails)
        found = (matcher.attention(product) for product in self._products.all())
        attentions = (attention for attention in found if attention is not None)
        return tuple(sorted(attentions, key=lambda attention: self._code.tree.start(attention.product.place.node)))

    def step_back(self, operation: Operation, stage: Stage) -> tuple[Node, Step] | bool | None:
        """Return the operand that an operation on the way back works on and what it does to it; see ``Trails.step_back``."""
        return self._trails.step_back(operation, stage)

    def rank(self, node: Node) -> int | None:
        """Return the number of axes of a tensor where the code shows it."""
        return self._ranks.of(Place(node))

    # ---- may it be fused?

    def can_be_fused(self, attention: Attention) -> bool:
        """Could one fused call take the place of this attention, and is none beside it already?"""
        node = attention.product.place.node
        return (
            attention.is_over_keys is not False
            and not attention.changed_after_softmax
            and not self._alternatives.is_fallback(node)
            and not self._code.context.is_reference(node)
            and not self.is_over_channels(node)
            and not self._uses.of_weights(attention)
            and not self._uses.of_scores(attention)
        )

    def is_over_channels(self, node: Node) -> bool:
        """Does a name around say that this attends over channels?"""
        return is_said_around(self._code, node, "channel_words")

    # ---- what is hidden

    def is_masked(self, attention: Attention) -> bool:
        """Does a mask other than a causal one hide keys in every call, or something on a line of its own that may be one?"""
        masks = Masks(self._code)
        for step in attention.steps("add", "fill", "where", "triangle"):
            branches = (above for above in self._code.tree.ancestors(step.node) if isinstance(above, cst.If))
            if not all(self._code.tree.contains(branch, attention.product.place.node) for branch in branches):
                continue  # `if mask is not None:`
            found = masks.read(step.operand) if step.operand is not None else None
            if found is None or not found.is_causal:
                return True
        return self.fills_in_place(attention)

    def masks_keys(self, step: Step) -> bool:
        """Does a change of the weights set those of some keys to zero: a product with a mask, a fill with zero?"""
        if step.operand is None:
            return False
        masks = Masks(self._code)
        if step.kind == "fill":
            operation = self._code.tensors.operation(step.node)
            if operation is None or len(operation.operands) != 3 or not masks.is_zero(operation.operands[2]):
                return False
        if masks.read(step.operand) is not None:
            return True
        tree = self._code.tree
        names = [name.value for name in tree.within(step.operand, cst.Name)]
        names += [attribute.attr.value for attribute in tree.within(step.operand, cst.Attribute)]
        if any(says(name, "other_mask_words") for name in names) or self._is_over_rows(step.operand):
            return False
        return any(says(name, "mask_words") for name in names)

    def _is_over_rows(self, mask: Node) -> bool:
        """Has a mask a last axis of 1 put in (``mask.unsqueeze(-1)``, ``mask[..., None]``), so that whole queries go?"""
        for call in self._code.tree.within(mask, cst.Call):
            if last_name(call.func) == "unsqueeze" and call.args and as_integer(call.args[0].value) in (-1, 2, 3):
                return True
        return any(is_new_axis(subscript.slice[-1].slice) for subscript in self._code.tree.within(mask, cst.Subscript))

    def fills_in_place(self, attention: Attention) -> bool:
        """Are scores masked in place on a line of its own (``scores.masked_fill_(…)``) in the function of the softmax?"""
        function = self._code.context.function(attention.softmax.node)
        calls = self._code.calls("masked_fill_", "add_", "sub_", "index_fill_")
        parts = (node.target for node in self._code.all(cst.AssignTarget) if isinstance(node.target, cst.Subscript))
        assigned = (part for part in parts if isinstance(part.value, cst.Name))  # `scores[mask] = -inf`, and no cache
        return any(self._code.context.function(node) is function for node in (*calls, *assigned))

    # ---- the scale

    def wants_scale(self, attention: Attention) -> bool:
        """Would scores be expected to be scaled: no T5, whose weights are made small, and no scaling on a line of its own?"""
        if is_said_around(self._code, attention.product.place.node, "unscaled_words"):
            return False
        function = self._code.context.function(attention.softmax.node)
        calls = self._code.calls("mul_", "div_", "normalize", "multiply_", "divide_")
        return not any(self._code.context.function(call) is function for call in calls)

    def heads_of(self, attention: Attention, width: Node) -> str | None:
        """Return the text of ``width // heads`` where the class splits this width into heads, and the scores have them."""
        name, node = last_name(width), attention.product.place.node
        owner = self._code.names.enclosing_class(node)
        if name is None or owner is None or (attention.rank or 0) < 4:
            return None
        for division in self._code.tree.within(owner, cst.BinaryOperation):
            is_split = isinstance(division.operator, (cst.FloorDivide, cst.Divide)) and last_name(division.left) == name
            by = last_name(division.right) or ""
            if is_split and (by in listed("head_names") or says(by, "head_words")):
                if self._is_bound_to_a_head(owner, name):
                    return None
                return f"`{self._code.short_text(division, 24)}`"
        return None

    def _is_bound_to_a_head(self, owner: Node, name: str) -> bool:
        """Is the name given the width of a head somewhere in the class (``embed_dim = embed_dim // heads``)?"""
        for assign in self._code.tree.within(owner, cst.Assign):
            if any(last_name(target.target) == name for target in assign.targets):
                if any(
                    isinstance(d.operator, cst.FloorDivide)
                    for d in self._code.tree.within(assign.value, cst.BinaryOperation)
                ):
                    return True
        return False
