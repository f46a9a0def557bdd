"""What a rule is: a code, a name, a severity, what must occur in a file for it to fire, and the detection."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, ClassVar, Literal

from ..finding import Edit, Finding, Severity

if TYPE_CHECKING:
    from ..code import Code
    from ..code.tree import Node
    from ..config import Config

#: The longest message that fits a terminal line behind path and code.
MESSAGE_LIMIT = 160

_WORD = re.compile(r"[^\W\d]\w*")


class Text:
    """A file's text as triage sees it: each question is answered once, whatever the number of rules that ask it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._found: dict[str | Callable[[str], bool], bool] = {}

    @cached_property
    def words(self) -> frozenset[str]:
        """Every identifier-like word of the text, strings and comments included."""
        return frozenset(_WORD.findall(self.text))

    def holds(self, pattern: str) -> bool:
        """Tell whether the regular expression is found anywhere in the text."""
        if pattern not in self._found:
            self._found[pattern] = _compiled(pattern).search(self.text) is not None
        return self._found[pattern]

    def passes(self, test: Callable[[str], bool]) -> bool:
        """Tell whether the text passes a test."""
        if test not in self._found:
            self._found[test] = test(self.text)
        return self._found[test]


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@dataclass(frozen=True)
class Trigger:
    """What must occur in a file for a rule to fire: tested on the bare text, before anything is parsed.

    ``words``: each group must have a word in the text (``(("softmax", "Softmax"), ("matmul", "einsum"))``).
    ``pattern``: besides, this regular expression (one of these, where there are several) must be found. Be generous: a
    rule whose trigger misses stays silent. A pattern that starts with a few plain characters is many times faster than one
    that may start with any: several of the first kind are better than one of the second.
    ``test``: besides, the text must pass it; for what no single pattern finds cheaply.
    """

    words: tuple[tuple[str, ...], ...] = ()
    pattern: str | tuple[str, ...] = ()
    test: Callable[[str], bool] | None = None

    def fits(self, text: Text) -> bool:
        """Tell whether a rule with this trigger may fire on the text."""
        if any(text.words.isdisjoint(group) for group in self.words):
            return False
        patterns = (self.pattern,) if isinstance(self.pattern, str) else self.pattern
        if patterns and not any(map(text.holds, patterns)):
            return False
        return self.test is None or text.passes(self.test)


class Rule(ABC):
    """One red flag. A subclass is the whole of it: its module, its page in ``rules/`` and its fixtures.

    A new object is made for each file, so a rule may keep what it needs in ``self`` while it checks.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity]
    preview: ClassVar[bool] = False
    #: Whether the rule offers an edit, and of which kind ("both" where it depends on the place).
    fixable: ClassVar[Literal["safe", "unsafe", "both"] | None] = None
    #: Whether the rule reads tests too. What is only a matter of cost, or of a running service, is not worth a word there.
    reads_tests: ClassVar[bool] = True
    #: Whether the rule's findings stand on what no report may repeat.
    hides_place: ClassVar[bool] = False
    trigger: ClassVar[Trigger]

    def __init__(self, config: Config) -> None:
        self.config = config

    @abstractmethod
    def check(self, code: Code) -> Iterator[Finding]:
        """Yield the findings of one file."""

    def finding(
        self, code: Code, node: Node, message: str, edit: Edit | None = None, also: Iterable[Node] = ()
    ) -> Finding:
        """Return a finding at ``node``. The message says what is wrong here, what it costs and what to do.

        A message that long names of the user's make too long is cut: write it so that this happens to nobody.
        ``also`` are other parts of the same defect, which count when its time is measured.
        """
        if len(message) > MESSAGE_LIMIT:
            message = f"{message[: MESSAGE_LIMIT - 1].rstrip()}…"
        span = code.span(node)
        return Finding(
            code=self.code,
            name=self.name,
            severity=self.severity,
            message=message,
            path=code.path,
            line=span.line,
            column=span.column + 1,
            end_line=span.end_line,
            end_column=span.end_column + 1,
            edit=edit,
            also=tuple(sorted({line for part in also for line in _lines(code, part)})),
            hides_place=self.hides_place,
        )


def _lines(code: Code, node: Node) -> range:
    span = code.span(node)
    return range(span.line, span.end_line + 1)
