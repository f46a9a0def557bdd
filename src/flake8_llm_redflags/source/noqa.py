"""``# noqa`` comments, read as flake8 reads them.

A bare ``# noqa`` silences its line, ``# noqa: LRF501, E5`` the codes that start with one of those named. A comment on
any line of a statement that spans several counts for all of them. ``# flake8: noqa`` on a line of its own silences the
file.
"""

from __future__ import annotations

import io
import re
import tokenize
from functools import lru_cache

_INLINE = re.compile(r"# noqa(?::[\s]?(?P<codes>(?:[A-Z]+[0-9]+(?:[,\s]+)?)+))?", re.IGNORECASE)
_FILE = re.compile(r"\s*# flake8[:=]\s*noqa", re.IGNORECASE)
_SEPARATOR = re.compile(r"[,\s]+")

_inline = lru_cache(maxsize=512)(_INLINE.search)  # a table on one statement is asked about once per entry


class Suppressions:
    """Which findings the comments of one file silence."""

    def __init__(self, text: str) -> None:
        self._by_line: dict[int, str] = {}
        self._whole_file = False
        if "noqa" not in text.lower():
            return
        lines = list(io.StringIO(text, newline=None))  # `str.splitlines` also splits at form feeds, which tokens do not
        self._whole_file = any(_FILE.match(line) for line in lines)
        self._by_line = _logical_lines(lines)

    def silences(self, code: str, line: int) -> bool:
        """Tell whether a finding with this code on this line (from 1) is silenced."""
        if self._whole_file:
            return True
        match = _inline(self._by_line.get(line, ""))
        if match is None:
            return False
        return match["codes"] is None or code.startswith(tuple(filter(None, _SEPARATOR.split(match["codes"]))))


def _logical_lines(lines: list[str]) -> dict[int, str]:
    """Return, for each line number, the text of all lines of its statement."""
    found: dict[int, str] = {}
    first, last = len(lines) + 2, -1
    try:
        for token in tokenize.generate_tokens(iter(lines).__next__):
            if token.type in (tokenize.ENDMARKER, tokenize.DEDENT):
                continue
            first, last = min(first, token.start[0]), max(last, token.end[0])
            if token.type in (tokenize.NL, tokenize.NEWLINE):
                found.update(dict.fromkeys(range(first, last + 1), "".join(lines[first - 1 : last])))
                first, last = len(lines) + 2, -1
    except (tokenize.TokenError, SyntaxError):
        return dict(enumerate(lines, start=1))
    return found
