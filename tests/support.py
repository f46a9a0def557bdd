"""What several test modules need."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from flake8_llm_redflags import resources
from flake8_llm_redflags.config import Config
from flake8_llm_redflags.finding import Finding
from flake8_llm_redflags.linter import lint
from flake8_llm_redflags.rules import all_rules
from flake8_llm_redflags.source import Source

PROJECT = Path(__file__).resolve().parents[1]
RULES = resources.folder("rules")
FIXTURES = resources.folder("fixtures")

#: Modules that between them use most of the language.
STANDARD_LIBRARY_SAMPLE = [
    Path(ast.__file__).parent / name
    for name in (
        "_collections_abc.py", "argparse.py", "ast.py", "asyncio/base_events.py", "asyncio/taskgroups.py", "contextlib.py",
        "dataclasses.py", "enum.py", "fractions.py", "functools.py", "inspect.py", "socket.py", "textwrap.py", "typing.py",
    )
]  # fmt: skip

#: Fixtures, pages and snippets are linted with everything on and without ``# noqa``.
EVERYTHING = Config(preview=True, noqa=False)
#: What a user gets who asks for nothing.
DEFAULT = Config(noqa=False)

ALL_CODES = {rule.code for rule in all_rules()}


def findings(text: str, config: Config = EVERYTHING, path: str = "snippet.py") -> list[Finding]:
    """Lint a text."""
    return lint(Source(path, text), config)


def codes(text: str, config: Config = EVERYTHING) -> list[str]:
    """Return the codes reported for a text, in order."""
    return [finding.code for finding in findings(text, config)]


def work(task: Callable[[], Any]) -> int:
    """Return how many functions a task calls: how much it does, the same on every machine and under any load."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        task()
    finally:
        sys.setprofile(None)
    return calls


def catalogue_code(folder: Path) -> str:
    """Return ``LRF501`` for ``fixtures/LRF501-unfused-attention``."""
    match = re.match(r"LRF\d{3}", folder.name)
    assert match is not None, folder
    return match.group()
