"""What the linter says of a round: the third column of a result, and the referee for what the key does not know."""

from __future__ import annotations

from ..config import Config
from ..finding import Finding
from ..linter import lint
from ..source import Source

#: Everything but what a suppression in the code under review would hide.
_EVERYTHING = Config(noqa=False)


def referee(files: dict[str, str]) -> dict[str, list[Finding]]:
    """Return the linter's findings for the files of a round, preview rules off, as a user would see them."""
    return {name: lint(Source(name, text), _EVERYTHING) for name, text in files.items()}
