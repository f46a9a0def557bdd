"""Hides what a report must not repeat, such as secrets, where a file is quoted."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..finding import Finding

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")


def masked(text: str, findings: Iterable[Finding]) -> str:
    """Return a file's text with ``*`` for each character of the places that its findings hide; line ends stay."""
    hidden = [finding for finding in findings if finding.hides_place]
    if not hidden:
        return text
    lines = _LINE.findall(text)
    for finding in hidden:
        for number in range(finding.line, min(finding.end_line, len(lines)) + 1):
            line = lines[number - 1]
            body = line.rstrip("\r\n")
            first = finding.column - 1 if number == finding.line else 0
            last = min(finding.end_column - 1, len(body)) if number == finding.end_line else len(body)
            lines[number - 1] = f"{line[:first]}{'*' * max(last - first, 0)}{line[max(first, last) :]}"
    return "".join(lines)
