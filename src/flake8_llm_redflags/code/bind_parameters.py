"""The edit that turns values spliced into an f-string into bound parameters, for the plain DB-API case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from ..finding import Edit
from ..knowledge import table
from .sql import Splice, slots

if TYPE_CHECKING:
    from .program import Code


def bind_parameters(code: Code, splice: Splice) -> Edit | None:
    """Return the edit, None where the case is not plain.

    Plain is: one f-string, run by a call with no other argument, every value in the place of a value, no format, no
    conversion, and one database driver imported, whose placeholder is known.
    """
    text, sink, placeholder = splice.text, splice.sink, _placeholder(code)
    if placeholder is None or sink is None or len(sink.args) != 1 or not isinstance(text, cst.FormattedString):
        return None
    if sink.args[0].value is not (splice.holder or text) or "r" in text.start.lower():
        return None
    pieces, values = [], []
    quoted = False
    for number, part in enumerate(text.parts):
        if isinstance(part, cst.FormattedStringText):
            raw = part.value.replace("{{", "{").replace("}}", "}")
            if quoted:
                if not raw.startswith("'"):
                    return None
                raw = raw[1:]
            following = text.parts[number + 1 : number + 2]
            quoted = bool(following) and raw.endswith("'")
            raw = raw[:-1] if quoted else raw
            if ("'" in raw and raw.count("'") % 2) or ("%" in raw and placeholder == "%s"):
                return None
            pieces.append(raw)
        elif isinstance(part, cst.FormattedStringExpression):
            if part.conversion is not None or part.format_spec is not None:
                return None
            pieces.append(placeholder)
            values.append(code.text_of(part.expression))
    if quoted or not _all_values(splice):
        return None
    quote = text.start.lstrip("fFrR")
    bound = f"({values[0]},)" if len(values) == 1 else f"({', '.join(values)})"
    edit = code.edit("bind the values as parameters", safe=False)
    return edit.replace(text, f"{quote}{''.join(pieces)}{text.end}").append_argument(sink, bound).done()


def _all_values(splice: Splice) -> bool:
    return all(slot == "value" for _, slot in slots([], splice.parts))


def _placeholder(code: Code) -> str | None:
    imported = {module.partition(".")[0] for module in code.names.imported_modules}
    found = {driver["placeholder"] for driver in table("sql")["driver"] if imported & set(driver["modules"])}
    return found.pop() if len(found) == 1 else None
