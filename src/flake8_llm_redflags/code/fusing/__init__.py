"""A hand-written attention as one call of ``scaled_dot_product_attention``: the edit, only where every part of it is sure.

The steps between QKᵀ and ·V are read backwards once more (``reading``), this time through names that are assigned once
and read nowhere else, so that their lines can go. What was said there is said again as arguments (``masks``,
``numbers``, ``layout``) of one call (``call``). Anything that the call would not carry over exactly ends the attempt.
"""

from __future__ import annotations

from .edit import fusing_edit

__all__ = ["fusing_edit"]
