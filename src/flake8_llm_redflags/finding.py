"""What flows out of the linter: findings, and the edits that would mend them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"  #: a bug, a vulnerability or a false result
    WARNING = "warning"  #: it costs time, memory or reliability
    INFO = "info"  #: worth knowing


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of source text: lines from 1, columns from 0 in characters, the end exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True, order=True)
class Replacement:
    """Put ``text`` in place of the characters ``[start, end)`` of the source text."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    """A change to one file that removes a finding.

    ``safe`` edits change nothing but the defect; the others may change behaviour and need ``--unsafe-fixes``.
    ``imports`` are dotted modules that the new text needs (``"os"``, ``"torch.nn.functional as F"``).
    """

    title: str
    replacements: tuple[Replacement, ...]
    safe: bool
    imports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One reported defect. Lines and columns count from 1, as flake8 prints them; the end column is exclusive."""

    code: str
    name: str
    severity: Severity
    message: str
    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    edit: Edit | None = None
    #: Other lines of the same defect: the rest of a computation that is reported at its end.
    also: tuple[int, ...] = ()
    #: Does the place hold what no report may repeat, such as a secret?
    hides_place: bool = False

    @property
    def place(self) -> tuple[int, int, str]:
        """What findings of one file are sorted by."""
        return (self.line, self.column, self.code)

    def at(self, path: str) -> Finding:
        """Return the same finding under another file name."""
        return replace(self, path=path)
