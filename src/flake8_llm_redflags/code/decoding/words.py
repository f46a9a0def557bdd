"""The words of ``knowledge/torch_ops.toml`` that names in decode loops are made of."""

from __future__ import annotations

from ...knowledge import words
from ..names import holds_word


def listed(group: str) -> frozenset[str]:
    """Return the names or words of a group: ``model_words``, ``cache_words`` …"""
    return words("torch_ops", "decoding", group)


def says(name: str, group: str) -> bool:
    """Does a name hold one of the words of a group, in any case of letters?"""
    return holds_word(name, listed(group))
