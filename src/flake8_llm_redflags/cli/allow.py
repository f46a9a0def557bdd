"""``redflags allow``: write down that the suspected secrets of a path are none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import allowlist
from ..finding import Finding
from ..rules.security.hardcoded_secret import HardcodedSecret
from ..rules.security.secret_findings import fingerprint, suspects
from .problem import Problem
from .settings import load

if TYPE_CHECKING:
    from ..code import Code


class _Fingerprints(HardcodedSecret):
    """Reports every suspected secret; the message is its fingerprint and what may be shown of it."""

    def check(self, code: Code) -> Iterator[Finding]:
        for literal, evidence in suspects(code, self.config):
            if evidence.kind != "word" or self.config.preview:
                name = f" {literal.name}" if literal.name is not None else ""
                yield self.finding(code, literal.node, f"{fingerprint(literal.value)} {evidence.shown}{name}")


def allow(
    paths: Annotated[list[str], typer.Argument(help="Files and folders whose suspected secrets were looked at.")],
    preview: Annotated[bool, typer.Option("--preview", help="Also what only preview rules suspect.")] = False,
) -> None:
    """Add the SHA-256 of what looks like a secret to the nearest .redflags-allow (else to a new one here).

    The file holds no values. `redflags check` and flake8 leave the same values alone from then on.
    """
    from ..linter import lint
    from ..source import Unreadable, read
    from ..source.discovery import Unusable, discover

    here = Path.cwd()
    config = load(here).config
    config = replace(config, select=(HardcodedSecret.code,), ignore=(), preview=config.preview or preview)
    entries = []
    for found in discover(paths):
        if isinstance(found, Unusable):
            raise Problem(f"{found.path}: {found.reason}")
        try:
            source = read(found)
        except Unreadable as error:
            raise Problem(str(error)) from error
        for finding in lint(source, config, [_Fingerprints]):
            value, _, shown = finding.message.partition(" ")
            entries.append((value, f"{finding.path}:{finding.line} {shown}"))
    file = allowlist.nearest(here) or here / allowlist.NAME
    try:
        added = allowlist.extend(file, entries)
    except OSError as error:
        raise Problem(f"{file}: cannot be written: {error.strerror or error}") from error
    print(f"{added} added to {file}" if added else "nothing to add")
