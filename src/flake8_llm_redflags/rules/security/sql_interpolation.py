"""LRF110: a value spliced into SQL text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Edit, Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code
    from ...code.sql import Splice

#: A statement's verb with the word that must follow it; both in one case, as people write them.
SQL_TRIGGER = Trigger(
    words=(("FROM", "from", "From", "INTO", "into", "Into", "SET", "set", "Set"), ("SELECT", "select", "Select", "INSERT", "insert",
           "Insert", "REPLACE", "UPDATE", "update", "Update", "DELETE", "delete", "Delete", "COPY", "MERGE", "CALL")),
    pattern=r"(?:SELECT|select|Select)\s[^;]{1,600}?\s(?:FROM|from|From)\s|(?:INSERT|insert|Insert|REPLACE|replace)\s+(?:\w+\s+){0,2}"
    r"(?:INTO|into|Into)\s|(?:UPDATE|update|Update)\s+\S+\s+(?:SET|set|Set)\s|(?:DELETE|delete|Delete)\s+(?:FROM|from|From)\s"
    r"|(?:COPY|MERGE|CALL)\s",
)  # fmt: skip


class SqlInterpolation(Rule):
    """A value from an origin that is not provably safe goes into SQL text by f-string, ``%``, ``format`` or ``+``."""

    code = "LRF110"
    name = "sql-interpolation"
    severity = Severity.ERROR
    fixable = "unsafe"
    trigger = SQL_TRIGGER

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each text with an unproven value: where it is run, else where it is built."""
        reported = set()
        for splice in code.sql.splices():
            if splice.slot == "identifier" or id(splice.text) in reported:
                continue
            if splice.slot == "clause" and splice.sink is None:
                continue
            reported.add(id(splice.text))
            yield self._finding(code, splice)

    def _finding(self, code: Code, splice: Splice) -> Finding:
        value = code.short_text(splice.hole.node, 30)
        if splice.sink is None:
            message = f"`{value}` is spliced into SQL text: put a placeholder there and bind the value where the text is executed"
            return self.finding(code, splice.text, message)
        runs = code.short_text(splice.sink.func, 30)
        text = f" (line {code.line(splice.text)})" if splice.holder is not None else ""
        message = f"`{value}` is spliced into the SQL{text} that `{runs}` runs: whoever supplies it can run SQL; bind it as a parameter"
        return self.finding(code, splice.holder or splice.text, message, self._edit(code, splice))

    def _edit(self, code: Code, splice: Splice) -> Edit | None:
        from ...code.bind_parameters import bind_parameters

        return bind_parameters(code, splice)
