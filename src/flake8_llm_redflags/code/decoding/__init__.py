"""Decode loops: a model's own output is appended to the sequence that the next turn feeds to it.

What grows in a loop (``growth``), which calls run a model on it (``forwards``) and whether what is appended was chosen
from their result make a decode loop without a cache (``loops``). Beside it: caches that grow by a copy (``caches``) and
output heads on all positions (``heads``).
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from .caches import GrownCache, caches_by_cat
from .forwards import Forwards
from .heads import Heads
from .loops import DecodeLoop, DecodeLoops

if TYPE_CHECKING:
    from ..program import Code

__all__ = ["DecodeLoop", "Decoding", "GrownCache"]


class Decoding:
    """What a file does when it makes a model write token by token."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self._forwards = Forwards(code)

    @cached_property
    def without_cache(self) -> tuple[DecodeLoop, ...]:
        """Every loop that feeds the growing sequence anew each turn."""
        return DecodeLoops(self._code, self._forwards).all()

    @cached_property
    def caches_by_cat(self) -> tuple[GrownCache, ...]:
        """The first ``k = torch.cat([past_k, k], dim=...)`` of each function: the values follow in the next line."""
        return tuple(caches_by_cat(self._code))

    @cached_property
    def heads_cut_to_last(self) -> tuple[cst.Call, ...]:
        """Every call of an output head with all positions, whose logits are used at the last position only."""
        return tuple(Heads(self._code).cut_to_last())

    def is_model_call(self, call: cst.Call) -> bool:
        """Does the call run a model forward, by what the callee is or, where the file does not say, by its name?"""
        return self._forwards.is_model_call(call)
