"""Output heads: projections of hidden states to the vocabulary, and which positions they are given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from ..constants import is_last_position
from ..names import last_name
from ..tree import Node
from .words import listed

if TYPE_CHECKING:
    from ..program import Code


class Heads:
    """The output heads that a file calls."""

    def __init__(self, code: Code) -> None:
        self._code, self._tree = code, code.tree

    def cut_to_last(self) -> Iterator[cst.Call]:
        """Yield every call of a head with all positions, whose logits are used at the last position only."""
        for call in self._code.all(cst.Call):
            if self._is_head(call) and self._is_cut_to_last(call) and not self._is_given_last(call.args[0].value):
                yield call

    def _is_head(self, call: cst.Call) -> bool:
        """Is it a projection to the vocabulary, by its name or by the layer that it is, of something that can be cut?"""
        name = last_name(call.func)
        if len(call.args) != 1 or call.args[0].star or call.args[0].keyword or name is None:
            return False
        if not isinstance(call.args[0].value, (cst.Name, cst.Attribute, cst.Call, cst.Subscript)):
            return False
        origins = self._code.values.origins(call.func)
        layers = [o for o in origins if o.name == "torch.nn.Linear" and isinstance(o.node, cst.Call)]
        if layers:
            return all("vocab" in self._code.text_of(o.node).lower() or name in listed("heads") for o in layers)
        return name in listed("heads") and not any(o.kind == "function" for o in origins)

    def _is_cut_to_last(self, call: cst.Call) -> bool:
        above = self._tree.parent(call)
        if isinstance(above, cst.Subscript):
            return above.value is call and is_last_position(above)
        if not isinstance(above, cst.Assign) or len(above.targets) != 1:
            return False
        target = above.targets[0].target
        if not isinstance(target, cst.Name):
            return False
        uses = [
            use
            for use in self._tree.within(self._code.names.scope(call), cst.Name)
            if use.value == target.value
            and not isinstance(self._tree.parent(use), cst.AssignTarget)
            and any(binding.node is above for binding in self._code.values.definitions(use))
        ]
        return bool(uses) and all(
            isinstance(cut := self._tree.parent(use), cst.Subscript) and cut.value is use and is_last_position(cut)
            for use in uses
        )

    def _is_given_last(self, hidden: Node) -> bool:
        """Is what the head is given already cut, or not known to have positions?"""
        if isinstance(hidden, cst.Subscript):
            return True
        if isinstance(hidden, cst.Name):
            return any(
                isinstance(binding.value, cst.Subscript)
                and not binding.path
                and not isinstance(binding.value.slice[0].slice, cst.Index)
                for binding in self._code.values.definitions(hidden)
            )
        return False
