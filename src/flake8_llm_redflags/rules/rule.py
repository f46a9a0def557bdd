"""What a rule is: a code, a name, a severity, what must occur in a file for it to fire, and the detection."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
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
    """A file's text as triage sees it: its words are gathered once, whatever the number of rules."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def words(self) -> frozenset[str]:
        """Every identifier-like word of the text, strings and comments included."""
        return frozenset(_WORD.findall(self.text))


@dataclass(frozen=True)
class Trigger:
    """What must occur in a file for a rule to fire: tested on the bare text, before anything is parsed.

    ``words``: each group must have a word in the text (``(("softmax", "Softmax"), ("matmul", "einsum"))``).
    ``pattern``: a regular expression that must be found besides. Be generous: a rule whose trigger misses stays silent.
    """

    words: tuple[tuple[str, ...], ...] = ()
    pattern: str | None = None

    def fits(self, text: Text) -> bool:
        """Tell whether a rule with this trigger may fire on the text."""
        if any(text.words.isdisjoint(group) for group in self.words):
            return False
        return self.pattern is None or self._compiled.search(text.text) is not None

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        assert self.pattern is not None
        return re.compile(self.pattern)


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
    trigger: ClassVar[Trigger]

    def __init__(self, config: Config) -> None:
        self.config = config

    @abstractmethod
    def check(self, code: Code) -> Iterator[Finding]:
        """Yield the findings of one file."""

    def finding(self, code: Code, node: Node, message: str, edit: Edit | None = None) -> Finding:
        """Return a finding at ``node``. The message says what is wrong here, what it costs and what to do."""
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
        )
