"""Calls of PyTorch's fused attention, ``scaled_dot_product_attention``, and of its attention modules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import libcst as cst

from ..knowledge import table
from .arguments import argument, has_star_arguments, keyword
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

FUSED = "torch.nn.functional.scaled_dot_product_attention"
_PARAMETERS = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal", "scale", "enable_gqa")


@dataclass(frozen=True, slots=True)
class FusedAttention:
    """One call of ``scaled_dot_product_attention`` with its operands as written."""

    call: cst.Call
    query: Node
    key: Node
    value: Node

    def argument(self, name: str) -> Node | None:
        """Return what is given for a parameter."""
        return argument(self.call, _PARAMETERS.index(name), name)

    def arg(self, name: str) -> cst.Arg | None:
        """Return the argument itself, its keyword included."""
        given = self.argument(name)
        return next((arg for arg in self.call.args if arg.value is given), None)

    @property
    def is_open(self) -> bool:
        """Are there ``*`` or ``**`` arguments, so that any parameter may be given?"""
        return has_star_arguments(self.call)


def fused_attentions(code: Code) -> Iterator[FusedAttention]:
    """Yield every call of PyTorch's function in the file; one of that name that the file defines is another."""
    for call in code.calls("scaled_dot_product_attention"):
        qualified = code.qualified_name(call.func)
        if qualified is None or not (
            qualified == FUSED or qualified.endswith(".functional.scaled_dot_product_attention")
        ):
            continue
        query, key, value = argument(call, 0, "query"), argument(call, 1, "key"), argument(call, 2, "value")
        if query is not None and key is not None and value is not None:
            yield FusedAttention(call, query, key, value)


@dataclass(frozen=True, slots=True)
class ModuleMask:
    """A mask handed to one of PyTorch's attention modules, where True means "do not look"."""

    call: cst.Call
    module: str  #: ``torch.nn.MultiheadAttention``
    name: str  #: the parameter
    value: Node


def module_masks(code: Code) -> Iterator[ModuleMask]:
    """Yield every mask of positions that goes to an attention module of ``torch.nn``."""
    known: dict[str, dict[str, Any]] = {name: facts for name, facts in _modules().items() if name != "source"}
    for call in code.all(cst.Call):
        if (
            not any(keyword(call, name) is not None for facts in known.values() for name in facts)
            and len(call.args) < 2
        ):
            continue
        made_by = code.values.made_by(call.func)
        if len(made_by) != 1 or (module := next(iter(made_by))) not in known:
            continue
        for name, position in known[module].items():
            value = argument(call, position, name)
            if value is not None:
                yield ModuleMask(call, module, name, value)


@cache
def _modules() -> dict[str, Any]:
    return table("torch_ops")["module_masks"]  # type: ignore[no-any-return]
