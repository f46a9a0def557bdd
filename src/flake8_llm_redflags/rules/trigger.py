"""Triage: what must occur in a file for a rule to fire, looked for in the bare text before anything is parsed.

Every file of a run passes here, so each question is asked once per file, whatever the number of rules that ask it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, TypeVar

_Answer = TypeVar("_Answer")


def _blanking_all_but(kept: str) -> bytes:
    """Return the table that turns every byte but ASCII letters, digits and ``kept`` into a space."""
    return bytes(
        code if chr(code).isascii() and (chr(code).isalnum() or chr(code) in kept) else 32 for code in range(256)
    )


_RUN = _blanking_all_but("_-./+")
_WORD = _blanking_all_but("_")


class Text:
    """A file's text as triage sees it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._found: dict[str, bool] = {}
        self._answers: dict[Callable[[Text], Any], Any] = {}

    @cached_property
    def _ascii(self) -> bytes:
        """The text with a ``?`` for every other character: what is looked for is ASCII, and bytes are searched faster."""
        return self.text.encode("ascii", "replace")

    @cached_property
    def lowered(self) -> str:
        """The text in lower case, each character in its old place."""
        return self._ascii.lower().decode("ascii")

    @cached_property
    def runs(self) -> frozenset[bytes]:
        """Every run of the characters that dotted names, paths and keys are made of, once."""
        return frozenset(self._ascii.translate(_RUN).split())

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word of the text, strings and comments included."""
        return frozenset(b" ".join(self.runs).translate(_WORD).decode("ascii").split())

    @cached_property
    def all_words(self) -> str:
        """The words of the text in one line, each once: what is part of a word is found here sooner."""
        return " ".join(self.words)

    def holds(self, pattern: str) -> bool:
        """Tell whether the regular expression is found anywhere in the text."""
        if pattern not in self._found:
            self._found[pattern] = _compiled(pattern).search(self.text) is not None
        return self._found[pattern]

    def answer(self, question: Callable[[Text], _Answer]) -> _Answer:
        """Return what a function finds in the text."""
        if question not in self._answers:
            self._answers[question] = question(self)
        return self._answers[question]


def whole_word(name: str) -> str:
    """Return the pattern of a word that is no part of another; unlike one in ``\\b``, it starts with plain characters."""
    return rf"{name}(?<!\w{name})\b"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@dataclass(frozen=True)
class Trigger:
    """What must occur in a file for a rule to fire.

    ``words``: each group must have a word in the text (``(("softmax", "Softmax"), ("matmul", "einsum"))``).
    ``pattern``: besides, this regular expression (one of these, where there are several) must be found. Be generous: a
    rule whose trigger misses stays silent. A pattern that starts with a few plain characters is many times faster than one
    that may start with any: several of the first kind are better than one of the second.
    ``test``: besides, the text must pass it; for what no single pattern finds cheaply.
    """

    words: tuple[tuple[str, ...], ...] = ()
    pattern: str | tuple[str, ...] = ()
    test: Callable[[Text], bool] | None = None

    def fits(self, text: Text) -> bool:
        """Tell whether a rule with this trigger may fire on the text."""
        for group in self.words:
            if text.words.isdisjoint(group):
                return False
        patterns = (self.pattern,) if isinstance(self.pattern, str) else self.pattern
        if patterns and not any(map(text.holds, patterns)):
            return False
        return self.test is None or text.answer(self.test)
