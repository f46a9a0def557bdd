"""The text of the fused call: how the function is called here, on one line or several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..fused import FUSED
from ..tree import Node

if TYPE_CHECKING:
    from ..program import Code

#: Longer lines are broken.
_LINE = 110


def call_text(code: Code, replaced: Node, line: Node, arguments: list[str]) -> str:
    """Return the call that stands in place of ``replaced`` on a line, over several rows where one would be too long."""
    function = f"{_functional(code)}.{FUSED.rpartition('.')[2]}"
    text = f"{function}({', '.join(arguments)})"
    span = code.span(replaced)
    rest = code.positions.line_text(span.end_line)[span.end_column :].partition("  #")[0].rstrip()
    if span.column + len(text) + len(rest) <= _LINE:
        return text
    first = code.positions.line_text(code.line(line))
    indent = first[: len(first) - len(first.lstrip())]
    step, newline = code.tree.module.default_indent, code.tree.module.default_newline
    rows = [", ".join(arguments[:3]), *arguments[3:]]
    return newline.join([f"{function}(", *(f"{indent}{step}{row}," for row in rows), f"{indent})"])


def missing_import(code: Code) -> str | None:
    """Return the import that the call needs, None where the file has it."""
    return "torch.nn.functional as F" if _functional(code) == "F" else None


def _functional(code: Code) -> str:
    """Return what ``torch.nn.functional`` is called here."""
    bound = code.names.in_scope(code.tree.module)
    for name, bindings in bound.items():
        if all(binding.qualified == "torch.nn.functional" for binding in bindings):
            return name
    torch = bound.get("torch", ())
    return "torch.nn.functional" if torch and all(binding.qualified == "torch" for binding in torch) else "F"
