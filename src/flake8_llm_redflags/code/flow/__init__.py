"""What happens to values while the file runs: one abstract run of it, shared by all rules that ask.

``store``: things, names and branches. ``interpreter``: runs statements and expressions over the store; it knows Python
and no library. ``domain``: what it asks of the one who does. That is here the reading of data science code, each layer
over the one before: ``selecting`` (columns and rows), ``dividing`` (parts), ``tables`` (functions of numpy and pandas),
``learning`` (fits, splits, scores), with ``rows``, ``facts`` and ``api`` below them and ``data``, the result.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..program import Code
    from .data import DataFlow

__all__ = ["Flow"]


class Flow:
    """The abstract runs of one file, each made at the first question that needs it."""

    def __init__(self, code: Code) -> None:
        self._code = code

    @cached_property
    def data(self) -> DataFlow:
        """Where rows of data go: splits, fits, statistics, trainings, evaluations and the leaks among them."""
        from .data import DataFlow

        return DataFlow(self._code)
