"""LRF112: what a model wrote is run by the database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ...knowledge import table
from ..llm_calls.triggers import may_hold_model_text
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class LlmOutputInSql(Rule):
    """Model text becomes a statement: a question can read, change or drop whatever the connection may."""

    code = "LRF112"
    name = "llm-output-in-sql"
    severity = Severity.ERROR
    reads_tests = False
    trigger = Trigger(
        test=may_hold_model_text,
        pattern=(
            r"\.(?:_?execute\w*|run_no_throw|exec_driver_sql|read_sql\w*|run_sql|sql|raw)\s*\(",
            "SQLDatabase",
            "QuerySQLData[bB]aseTool",
        ),
    )

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each statement that a model wrote."""
        from ...code.taint import runs_sql

        sinks = table("taint")["sql_sinks"]
        for call in code.calls(*sinks["methods"], *sinks["runner_methods"]):
            text = runs_sql(code, call)
            if text is None or _is_read_only(code, call):
                continue
            if (origin := code.taint.model_text(text)) is not None:
                message = (
                    f"`{code.short_text(call.func, 30)}` runs {origin} as SQL: use a read-only role and a statement allowlist, or"
                    " fixed queries"
                )
                yield self.finding(code, call, message)


def _is_read_only(code: Code, call: cst.Call) -> bool:
    """Does the same function open its connection for reading only: ``mode=ro``, ``read_only=True``?"""
    scope = code.context.function(call) or code.tree.module
    return any(
        "mode=ro" in (text := code.text_of(connect)) or "read_only=True" in text
        for connect in code.calls("connect", "create_engine")
        if code.tree.contains(scope, connect)
    )
