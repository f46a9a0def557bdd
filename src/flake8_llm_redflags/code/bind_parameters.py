"""The edit that turns values spliced into an f-string into bound parameters, for the plain DB-API case."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import libcst as cst

from ..finding import Edit
from ..knowledge import table
from .names import last_name
from .sql import Splice, slots
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

#: Statements in which every driver takes placeholders; nothing is bound in those that make or show tables.
_ROWS = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH)\b", re.IGNORECASE)
#: What stands before a hole that may hold many values, or no more than a part of one.
_MANY = re.compile(r"\b(?:IN|ANY|ALL|VALUES|ARRAY)\s*[(\[]?\s*$", re.IGNORECASE)
#: Before a number: MySQL's drivers would write a text in quotes there.
_COUNT = re.compile(r"\b(?:LIMIT|OFFSET|TOP)\s*\(?\s*$", re.IGNORECASE)
#: Where a placeholder is no placeholder, or needs a cast that depends on the database.
_NO_PLACE = re.compile(r"\$\$|\bINTERVAL\b|\bORDER\s+BY\s+[?%]", re.IGNORECASE)


def bind_parameters(code: Code, splice: Splice) -> Edit | None:
    """Return the edit, None where the case is not plain.

    Plain is: a query or a change of rows as one f-string, run once by ``execute`` with no other argument, every value in the
    place of one value, no format, no conversion, and one database driver imported, whose placeholder is known.
    """
    text, sink, placeholder = splice.text, splice.sink, _placeholder(code)
    if placeholder is None or sink is None or not isinstance(text, cst.FormattedString) or "r" in text.start.lower():
        return None
    if not _runs_only_this(code, splice) or not _all_values(splice):
        return None
    bound = _bound(code, text, placeholder)
    if bound is None:
        return None
    raw, values = bound
    arguments = f"({values[0]},)" if len(values) == 1 else f"({', '.join(values)})"
    edit = code.edit("bind the values as parameters", safe=False)
    quote = text.start.lstrip("fF")
    return edit.replace(text, f"{quote}{raw}{text.end}").append_argument(sink, arguments).done()


def _runs_only_this(code: Code, splice: Splice) -> bool:
    """Does ``execute`` run this text and no other, with nothing else given, and is the text run only here?"""
    sink, holder = splice.sink, splice.holder
    assert sink is not None
    if last_name(sink.func) != "execute" or len(sink.args) != 1 or sink.args[0].keyword is not None:
        return False
    if sink.args[0].value is not (holder or splice.text):
        return False
    return holder is None or (len(code.values.definitions(holder)) == 1 and code.sql.runs(holder) == 1)


def _bound(code: Code, text: cst.FormattedString, placeholder: str) -> tuple[str, list[str]] | None:
    """Return the text with placeholders for the holes and the quotes around them, and what the holes hold."""
    raw, values = "", []
    quote = ""
    for number, part in enumerate(text.parts):
        if isinstance(part, cst.FormattedStringText):
            piece = part.value.replace("{{", "{").replace("}}", "}")
            if not piece.startswith(quote):
                return None
            piece = piece[len(quote) :]
            quote = piece[-1:] if piece[-1:] in ("'", '"') and number + 1 < len(text.parts) else ""
            piece = piece[: len(piece) - len(quote)]
            if piece.count("'") % 2 or piece.count('"') % 2 or ("%" in piece and placeholder == "%s"):
                return None
            raw += piece
        elif isinstance(part, cst.FormattedStringExpression):
            is_alone = raw[-1:] not in "([" or _closes(text.parts[number + 1 : number + 2])
            takes_many = not quote and is_alone and _MANY.search(raw)
            takes_no_text = placeholder == "%s" and _COUNT.search(raw)
            if part.conversion is not None or part.format_spec is not None or takes_many or takes_no_text:
                return None
            raw += placeholder
            values.append(code.text_of(part.expression))
    is_plain = _ROWS.match(raw) and not _NO_PLACE.search(raw) and not quote
    return (raw, values) if is_plain else None


def _closes(behind: Sequence[Node]) -> bool:
    """Does the list in which a hole stands end right behind it?"""
    return any(isinstance(part, cst.FormattedStringText) and part.value.lstrip()[:1] in (")", "]") for part in behind)


def _all_values(splice: Splice) -> bool:
    return all(slot == "value" for _, slot in slots([], splice.parts))


def _placeholder(code: Code) -> str | None:
    imported = {module.partition(".")[0] for module in code.names.imported_modules}
    found = {driver["placeholder"] for driver in table("sql")["driver"] if imported & set(driver["modules"])}
    return found.pop() if len(found) == 1 else None
