"""What a program says: its tree, names, values, context and flow, asked through one object, ``Code``.

Importing this package costs nothing: libcst is loaded when the first ``Code`` is made. Modules that must stay cheap to
import (every rule) take the node classes from ``code.syntax``; ``arguments`` and ``constants`` are as cheap.

=================  ===================================================================================================
any file           ``program`` (``Code``), ``parsing``, ``tree``, ``names``, ``values``, ``context``, ``positions``, ``nesting``
what stands there  ``arguments``, ``constants``, ``strings``, ``syntax``
edits              ``edits``, ``trimming``; of one rule each: ``fusing``, ``bind_parameters``
data science       ``flow`` (the abstract run of the file), ``augmentation``, ``imbalance``
training           ``devices`` and their ``kinds``, ``training``, ``evaluation``, ``autograd``, ``rarity``, ``reads``
tensors            ``tensors`` (operations), ``formulas``, ``einsum``, ``norms``
attention          ``attention`` (by hand), ``fused``, ``masks``, ``lineage``, ``attention_scale``, ``head_copies``
generating         ``decoding``, ``generation``, ``sampling``
calling models     ``llm``, ``guards``, ``deferred`` (threads and tasks), ``serving``, ``taint``
secrets and SQL    ``secrets``, ``secret_evidence``, ``sql``
loading            ``pickled``
=================  ===================================================================================================
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
