"""What a program reads from the environment it runs in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from ..knowledge import words
from .names import last_name
from .tree import Node

if TYPE_CHECKING:
    from .program import Code


def reads_environment(code: Code, node: Node) -> bool:
    """Is this ``os.environ[…]``, ``os.getenv(…)`` or another call that reads it?"""
    if isinstance(node, cst.Subscript):
        return code.qualified_name(node.value) == "os.environ"
    if not isinstance(node, cst.Call):
        return False
    return (code.qualified_name(node.func) or last_name(node.func)) in words("secrets", "places", "environment")
