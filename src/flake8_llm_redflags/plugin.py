"""flake8 comes in here."""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator
from typing import Any, ClassVar

from . import __version__
from .config import Config
from .linter import INTERNAL_ERROR, NOT_ANALYSED, lint
from .source import Source


class Plugin:
    """The flake8 plugin: one object per file."""

    name = "flake8-llm-redflags"
    version = __version__
    config: ClassVar[Config] = Config()

    def __init__(self, tree: ast.Module, lines: list[str], filename: str = "<unknown>") -> None:
        self._source = Source(filename, "".join(lines), root=tree)

    @classmethod
    def add_options(cls, manager: Any) -> None:
        """Register our options with flake8."""
        manager.add_option(
            "--llm-redflags-preview",
            action="store_true",
            default=False,
            parse_from_config=True,
            help="Also run preview rules (otherwise only those whose full code is in select or extend-select).",
        )

    @classmethod
    def parse_options(cls, options: argparse.Namespace) -> None:
        """Take over the options: flake8 itself selects, ignores and reads ``# noqa``; preview is ours to decide."""
        chosen = (*(options.select or ()), *(options.extend_select or ()))
        cls.config = Config(select=("LRF", *chosen), preview=options.llm_redflags_preview, noqa=False)

    def run(self) -> Iterator[tuple[int, int, str, type[Plugin]]]:
        """Yield flake8's tuples: line from 1, column from 0, code and message, class."""
        for finding in lint(self._source, self.config):
            if finding.code == INTERNAL_ERROR:
                print(f"{finding.path}: {finding.code} {finding.message}", file=sys.stderr)
            elif finding.code != NOT_ANALYSED:  # flake8 reports E999 itself
                yield finding.line, finding.column - 1, f"{finding.code} {finding.message}", type(self)
