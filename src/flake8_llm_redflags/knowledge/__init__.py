"""Facts about libraries, as TOML tables with a source for each; code holds no lists of API names."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def table(name: str) -> dict[str, Any]:
    """Return the fact table ``<name>.toml``; read once per process, at the first question that needs it."""
    import tomllib  # 9 ms that a run without findings need not pay

    return tomllib.loads((files(__package__) / f"{name}.toml").read_text(encoding="utf-8"))


@cache
def words(name: str, section: str, key: str = "names") -> frozenset[str]:
    """Return one list of a table as a set, to look names up in."""
    return frozenset(table(name)[section][key])


@cache
def pattern(name: str, section: str, key: str) -> re.Pattern[str]:
    """Return one regular expression of a table, compiled."""
    return re.compile(table(name)[section][key])
