"""Findings as text for people and for machines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from rich.console import Console

from ..finding import Finding


class Report(Protocol):
    """Writes findings to a console. ``text_of`` returns the source text of a path, None where there is none to show."""

    def __call__(self, findings: Sequence[Finding], console: Console, text_of: Callable[[str], str | None]) -> None: ...


def report_for(output_format: str) -> Report:
    """Return the report called ``full``, ``concise`` or ``json``."""
    from . import json, text

    return {"full": text.full, "concise": text.concise, "json": json.report}[output_format]


FORMATS = ("full", "concise", "json")
