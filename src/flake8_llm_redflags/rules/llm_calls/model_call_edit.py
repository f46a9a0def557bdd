"""The edit that puts a model call into ``try``, logs its failure and goes on without an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Edit

if TYPE_CHECKING:
    from ...code import Code


def guard_with_fallback(code: Code, call: cst.Call, error: str) -> Edit | None:
    """Return the edit, None where the call is not the right side of a plain assignment or a ``return`` on its own line.

    ``error`` is the exception to catch, with the module that it lives in.
    """
    statement = code.context.statement(call)
    line = code.tree.parent(statement)
    if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
        return None
    value = getattr(statement, "value", None)
    if (value.expression if isinstance(value, cst.Await) else value) is not call:
        return None
    if isinstance(statement, cst.Return):
        fallback = "return None"
    elif (
        isinstance(statement, cst.Assign)
        and len(statement.targets) == 1
        and isinstance(statement.targets[0].target, cst.Name)
    ):
        fallback = f"{statement.targets[0].target.value} = None"
    else:
        return None
    if not code.names.is_free_for("logging"):
        return None
    edit = code.edit("catch the error, log it and go on without an answer", safe=False)
    if not edit.wrap_in_try(line, error, ['logging.exception("the model call failed")', fallback]):
        return None
    module = error.rpartition(".")[0]
    return edit.importing("logging", *([module] if module else [])).done()
