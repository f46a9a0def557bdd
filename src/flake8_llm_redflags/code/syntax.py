"""The node classes of libcst, loaded at the first use of one.

flake8 imports every rule in every run, and most files need none of them: ``from ...code.syntax import cst`` costs
nothing until a rule says ``cst.Call``.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import libcst as cst
else:

    class _Lazy(ModuleType):
        """Stands for libcst; keeps each class after its first use."""

        def __getattr__(self, name: str) -> Any:
            import libcst

            value = getattr(libcst, name)
            setattr(self, name, value)
            return value

    cst = _Lazy("libcst")

__all__ = ["cst"]
