"""flake8 comes in here."""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from . import __version__, allowlist
from .config import Config
from .linter import INTERNAL_ERROR, NOT_ANALYSED, lint
from .rules import all_rules
from .source import Source


class Plugin:
    """The flake8 plugin: one object per file."""

    name = "flake8-llm-redflags"
    version = __version__
    config: ClassVar[Config] = Config(noqa=False)

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
        manager.add_option(
            "--llm-redflags-allowed-secret-names",
            metavar="patterns",
            default="",
            parse_from_config=True,
            comma_separated_list=True,
            help="Comma-separated regular expressions: a literal bound to a name that one matches is no secret. "
            f"Single values are allowed by their SHA-256 in a file {allowlist.NAME}.",
        )

    @classmethod
    def parse_options(cls, options: argparse.Namespace) -> None:
        """Take over the options. flake8 itself ignores and reads ``# noqa``; preview rules are ours to hold back."""
        names = tuple(options.llm_redflags_allowed_secret_names or ())
        for name in names:
            _check_pattern(name)
        chosen = (*(options.select or ()), *(options.extend_select or ()))
        cls.config = Config(
            select=("LRF", *chosen),
            ignore=_ignored_by_flake8(options),
            preview=options.llm_redflags_preview,
            noqa=False,
            allowed_secrets=_allowed_secrets(),
            allowed_secret_names=names,
        )

    def run(self) -> Iterator[tuple[int, int, str, type[Plugin]]]:
        """Yield flake8's tuples: line from 1, column from 0, code and message, class."""
        for finding in lint(self._source, self.config):
            if finding.code == INTERNAL_ERROR:
                print(f"{finding.path}: {finding.code} {finding.message}", file=sys.stderr)
            elif finding.code != NOT_ANALYSED:  # flake8 reports E999 itself
                yield finding.line, finding.column - 1, f"{finding.code} {finding.message}", type(self)


def _ignored_by_flake8(options: argparse.Namespace) -> tuple[str, ...]:
    """Return the codes that flake8 would drop in every file, so that their rules need not run.

    ``per-file-ignores`` only ever drop more.
    """
    try:
        from flake8.style_guide import Decision, DecisionEngine

        decide = DecisionEngine(options).decision_for
        return tuple(rule.code for rule in all_rules() if decide(rule.code) is Decision.Ignored)
    except (ImportError, AttributeError, TypeError):  # a flake8 that decides otherwise: it drops what it does not want
        return ()


def _check_pattern(pattern: str) -> None:
    from flake8.exceptions import ExecutionError

    try:
        re.compile(pattern)
    except re.error as error:
        option = "--llm-redflags-allowed-secret-names"
        raise ExecutionError(f"{option}: {pattern!r} is no regular expression: {error}") from error


def _allowed_secrets() -> frozenset[str]:
    from flake8.exceptions import ExecutionError

    file = allowlist.nearest(Path.cwd())
    try:
        return allowlist.read(file)
    except OSError as error:
        raise ExecutionError(f"{file}: cannot be read: {error.strerror or error}") from error
