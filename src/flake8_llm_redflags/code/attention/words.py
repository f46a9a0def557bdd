"""What names say about an attention, by the words of ``knowledge/torch_ops.toml``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from ...knowledge import words
from ..names import holds_word
from ..tree import Node

if TYPE_CHECKING:
    from ..program import Code


def listed(group: str) -> frozenset[str]:
    """Return the names or words of a group: ``mask_words``, ``growing`` …"""
    return words("torch_ops", "attention", group)


def says(name: str, group: str) -> bool:
    """Does a name hold one of the words of a group, in any case of letters?"""
    return holds_word(name, listed(group))


def is_said_around(code: Code, node: Node, group: str) -> bool:
    """Does the name of a function or class around the node hold one of the words of a group?"""
    around = (above for above in code.tree.ancestors(node) if isinstance(above, (cst.FunctionDef, cst.ClassDef)))
    return any(says(above.name.value, group) for above in around)
