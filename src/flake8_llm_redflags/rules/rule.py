"""What a rule is: a code, a name, a severity, what must occur in a file for it to fire, and the detection."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from ..finding import Edit, Finding, Severity, Span
from .trigger import Trigger

if TYPE_CHECKING:
    from ..code import Code
    from ..code.tree import Node
    from ..config import Config

__all__ = ["MESSAGE_LIMIT", "Rule", "Trigger"]

#: The longest message that fits a terminal line behind path and code.
MESSAGE_LIMIT = 160


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
        self, code: Code, node: Node | Span, message: str, edit: Edit | None = None, also: Iterable[Node] = ()
    ) -> Finding:
        """Return a finding at ``node``, or at a place where none stands. The message says what is wrong here, what it costs and what to do.

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
