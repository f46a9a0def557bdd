"""What a program says: its tree, names, values, context and flow, asked through one object, ``Code``.

Importing this package costs nothing: libcst is loaded when the first ``Code`` is made. Modules that must stay cheap to
import (every rule) take the node classes from ``code.syntax``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .program import Code

__all__ = ["Code"]


def __getattr__(name: str) -> Any:
    if name == "Code":
        from .program import Code

        return Code
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
