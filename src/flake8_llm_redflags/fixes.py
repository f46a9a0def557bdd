"""Edits become new source: applied together without overlap, again and again until nothing changes."""

from __future__ import annotations

from dataclasses import dataclass

from .config import Config
from .finding import Finding
from .source import Source


@dataclass(frozen=True, slots=True)
class Fixed:
    """The outcome of fixing one file: its new source, what was mended, and what is still reported."""

    source: Source
    applied: tuple[Finding, ...]
    remaining: tuple[Finding, ...]


def fix(source: Source, config: Config, *, unsafe: bool = False) -> Fixed:
    """Apply the safe edits of all findings, and with ``unsafe`` the others too, until none is left."""
    raise NotImplementedError
