"""The comments of a file: libcst keeps them in its white space, which nobody else walks."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator

from ..finding import Span

_LINE_END = re.compile(r"\r\n|\r|\n")
#: What may be a comment: the sign stands in texts, too.
_SIGN = re.compile(r"#[^\r\n]*")


def comments(text: str, wanted: re.Pattern[str]) -> Iterator[tuple[Span, str]]:
    """Yield the place and the text of each match in a comment.

    Only a file with a match behind a ``#`` is tokenised, which takes longer than all the rest.
    """
    if not any(wanted.search(candidate.group()) for candidate in _SIGN.finditer(text)):
        return
    lines = [f"{line}\n" for line in _LINE_END.split(text)]
    try:
        for token in tokenize.generate_tokens(iter([*lines, ""]).__next__):
            if token.type == tokenize.COMMENT:
                line, column = token.start
                for match in wanted.finditer(token.string):
                    yield Span(line, column + match.start(), line, column + match.end()), match.group()
    except (tokenize.TokenError, SyntaxError):  # what the parser takes and the tokeniser does not
        return
