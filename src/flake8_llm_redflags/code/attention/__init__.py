"""Attention written out by hand: softmax(QKᵀ)·V found as data flow, in whatever operations it is spelled.

Read backwards from each product (``products``): its weights come through dropout and casts from a softmax, whose input
comes through scaling, masks and casts from a product of queries and keys (``trails``). Which axes these are (``ranks``,
``orientation``) tells an attention from its look-alikes (``matching``). What stands around one tells what to say of it
(``attentions``): another way beside it (``alternatives``), other uses of its scores (``uses``). The shapes of PyTorch's
own matcher (``torch/_inductor/fx_passes/fuse_attention.py``) and einsum in any letter order are covered.
"""

from __future__ import annotations

from .attentions import Attentions
from .parts import Attention, Product, Step
from .trails import Stage

__all__ = ["Attention", "Attentions", "Product", "Stage", "Step"]
