"""LRF111: the name of a table or column spliced into SQL text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule
from .sql_interpolation import SQL_TRIGGER

if TYPE_CHECKING:
    from ...code import Code


class SqlIdentifierInterpolation(Rule):
    """A table or column name from an unproven origin: no placeholder can stand there, so it wants quoting or an allowlist."""

    code = "LRF111"
    name = "sql-identifier-interpolation"
    severity = Severity.INFO
    preview = True
    trigger = SQL_TRIGGER

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each text that is run and in which only names are unproven."""
        splices = list(code.sql.splices())
        with_values = {id(splice.text) for splice in splices if splice.slot == "value" or splice.is_outsiders}
        for splice in splices:
            if splice.slot == "identifier" and splice.sink is not None and id(splice.text) not in with_values:
                message = (
                    f"`{code.short_text(splice.hole.node, 30)}` names a table or column in SQL: look it up in an allowlist, or quote it"
                    " (psycopg.sql.Identifier, quoted_name)"
                )
                yield self.finding(code, splice.holder or splice.text, message)
