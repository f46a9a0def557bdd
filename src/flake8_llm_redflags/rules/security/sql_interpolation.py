"""LRF110: a value spliced into SQL text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Edit, Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code
    from ...code.sql import Splice

#: A statement's verb with the word that must follow it: in capitals anywhere, else at the start of a string, so that English
#: in docstrings and comments is no reason to parse a file.
SQL_TRIGGER = Trigger(
    words=(
        (
            *("FROM", "from", "From", "INTO", "into", "Into", "SET", "set", "Set", "TABLE", "table", "Table"),
            *("COPY", "MERGE", "CALL", "SELECT", "SHOW", "EXEC", "EXECUTE", "IDENTIFIED"),
        ),
    ),
    pattern=(
        r"SELECT\s[^;]{1,600}?\sFROM\s",
        r"SELECT\s+[\w.]+\(",
        r"INSERT\s+(?:\w+\s+){0,2}INTO\s",
        r"REPLACE\s+(?:\w+\s+){0,2}INTO\s",
        r"UPDATE\s+\S+\s+SET\s",
        r"DELETE\s+FROM\s",
        r"COPY\s",
        r"MERGE\s",
        r"CALL\s",
        r"EXEC(?:UTE)?\s",
        r"SET\s+@",
        r"SHOW\s+(?:\w+\s+){1,4}LIKE\s",
        r"IDENTIFIED\s+BY\s",
        r"CREATE\s+(?:\w+\s+){0,2}TABLE\s",
        r"DROP\s+TABLE\s",
        r"ALTER\s+TABLE\s",
        r"TRUNCATE\s",
        *(
            rf"{quote}\s*(?:[sS]elect\s[^;\"']{{1,600}}?\s[fF]rom\s|[iI]nsert\s+(?:\w+\s+){{0,2}}[iI]nto\s"
            r"|[uU]pdate\s+\S+\s+[sS]et\s|[dD]elete\s+[fF]rom\s|(?:[cC]reate|[dD]rop|[aA]lter|[tT]runcate)\s+[tT]able\s)"
            for quote in "\"'"
        ),
        r"sqlalchemy[\w.]*\s+import[^\n]{0,200}\btext\b",
        r"sa\.text\(",
        r"\.extra\(\s*(?:where|select)",
    ),
)


class SqlInterpolation(Rule):
    """A value from an origin that is not provably safe goes into SQL text by f-string, ``%``, ``format`` or ``+``."""

    code = "LRF110"
    name = "sql-interpolation"
    severity = Severity.ERROR
    fixable = "unsafe"
    trigger = SQL_TRIGGER

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each text with an unproven value: where it is run, else where it is built."""
        told = [
            splice
            for splice in code.sql.splices()
            if (splice.slot != "identifier" or splice.is_outsiders)
            and (splice.slot not in ("clause", "order") or splice.sink is not None)
        ]
        reported: set[int] = set()
        for splice in sorted(told, key=lambda splice: splice.sink is None):  # a text that is run before its own pieces
            place = splice.holder or splice.text
            if id(place) not in reported and id(splice.hole.node) not in reported:
                reported |= {id(place), id(splice.hole.node)}
                yield self._finding(code, splice)
        for text, sink, holder in code.sql.unfilled():
            value, runs = code.short_text(text.args[0].value, 30), code.short_text(sink.func, 30)
            message = f"`format` fills `{{}}`, not `%s`: `{value}` never gets into the SQL that `{runs}` runs; bind it as a parameter"
            yield self.finding(code, holder or text, message)

    def _finding(self, code: Code, splice: Splice) -> Finding:
        value = code.short_text(splice.hole.node, 30)
        if splice.sink is None:
            message = f"`{value}` is spliced into SQL text: put a placeholder there and bind the value where the text is executed"
            return self.finding(code, splice.text, message)
        runs = code.short_text(splice.sink.func, 30)
        is_name = splice.is_outsiders or splice.slot == "order"
        advice = "choose the name from a fixed list by it" if is_name else "bind it as a parameter"
        text = f" (line {code.line(splice.text)})" if splice.holder is not None else ""
        message = (
            f"`{value}` is spliced into the SQL{text} that `{runs}` runs: whoever supplies it can run SQL; {advice}"
        )
        return self.finding(code, splice.holder or splice.text, message, self._edit(code, splice))

    def _edit(self, code: Code, splice: Splice) -> Edit | None:
        from ...code.bind_parameters import bind_parameters

        return bind_parameters(code, splice)
