"""Fixtures: Python files whose trailing comments say what the linter must report, and where it must stay silent.

``# expect: LRF301``      must be reported on this line
``# expect[a]: LRF301``   exactly one line of group ``a`` must report it
``# expect+2: LRF301``    the same for the line two below, which cannot carry a comment
``# ok: LRF301``          a look-alike: must stay silent here
``# todo-expect: …``      as ``expect`` and ``ok``, but known to fail; passing is an error too, so that the mark comes off
``# human: slug``         only a person sees this defect

A mark may follow another comment, and may name several codes, separated by commas. Made-up provider keys are broken by
``<+>`` so that no secret scanner stops on them; loading takes the marks out.
"""

from __future__ import annotations

import io
import re
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from .python import Source

#: Breaks up made-up keys in fixtures and pages.
KEY_BREAK = "<+>"

MarkKind = Literal["expect", "ok", "todo-expect", "todo-ok", "human"]

#: A mark inside of a comment.
MARK = re.compile(
    r"#\s*(?P<kind>" + "|".join(get_args(MarkKind)) + r")(?:\[(?P<group>[\w-]+)\])?(?:\+(?P<below>\d+))?:\s*"
    r"(?P<what>[\w-]+(?:\s*,\s*[\w-]+)*)"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a fixture says about one line: ``what`` is a code, or the slug of a ``human`` mark."""

    kind: MarkKind
    what: str
    line: int
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Fixture:
    """A marked file, ready to be linted."""

    source: Source
    marks: tuple[Mark, ...]

    def lines(self, kind: MarkKind) -> set[tuple[int, str]]:
        """Return (line, code) of the ungrouped marks of a kind."""
        return {(mark.line, mark.what) for mark in self.marks if mark.kind == kind and mark.group is None}

    def groups(self) -> dict[tuple[str, str], set[int]]:
        """Return the lines of each (group, code) of ``expect`` marks."""
        found: dict[tuple[str, str], set[int]] = {}
        for mark in self.marks:
            if mark.kind == "expect" and mark.group is not None:
                found.setdefault((mark.group, mark.what), set()).add(mark.line)
        return found


def without_key_breaks(text: str) -> str:
    """Return the text with made-up keys whole again."""
    return text.replace(KEY_BREAK, "")


def load(path: Path) -> Fixture:
    """Read a fixture. Raises ``ValueError`` for a comment that starts like a mark but is none."""
    text = without_key_breaks(path.read_text(encoding="utf-8"))
    return Fixture(Source(str(path), text), tuple(marks(text, str(path))))


def marks(text: str, path: str = "<fixture>") -> list[Mark]:
    """Return the marks in the comments of a Python text."""
    found = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        matches = list(MARK.finditer(token.string))
        if not matches and re.match(r"#\s*(expect|ok|todo-|human)\b.*LRF", token.string):
            raise ValueError(f"{path}:{token.start[0]}: looks like a mark but is not one: {token.string}")
        for match in matches:
            line = token.start[0] + int(match["below"] or 0)
            for what in re.split(r"\s*,\s*", match["what"]):
                found.append(Mark(match["kind"], what, line, match["group"]))  # type: ignore[arg-type]
    return found
