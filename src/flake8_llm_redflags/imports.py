"""Adding imports to a file: which ones it lacks, and where they go."""

from __future__ import annotations

import ast
import re
import warnings
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from .finding import Edit, Replacement

_LINE_END = re.compile(r"\r\n|\r|\n")
#: What must stay in the first two lines of a file.
_SHEBANG_OR_CODING = re.compile(r"#!|#.*?coding[:=]")

NOTHING = Replacement(0, 0, "")


@dataclass(frozen=True, slots=True)
class _Import:
    """What stands behind ``import``: ``os``, ``torch.nn.functional as F``."""

    text: str

    @property
    def module(self) -> str:
        return self.text.partition(" as ")[0]

    @property
    def alias(self) -> str | None:
        return self.text.partition(" as ")[2] or None

    @property
    def bound(self) -> str:
        """The name that the import binds."""
        return self.alias or self.module.partition(".")[0]

    def is_made_by(self, node: ast.Import | ast.ImportFrom, imported: ast.alias) -> bool:
        """Tell whether an import in the file makes this one superfluous."""
        if isinstance(node, ast.Import) and self.alias is None:  # `import os.path` brings `os`, too
            return imported.asname is None and f"{imported.name}.".startswith(f"{self.module}.")
        return _full_name(node, imported) == self.module and _bound(imported) == self.alias

    def goes_with(self, node: ast.Import | ast.ImportFrom, imported: ast.alias) -> bool:
        """Tell whether an import in the file may stand beside this one: it binds another name, or the same thing."""
        if _bound(imported) != self.bound:
            return True
        if self.alias is None:
            return isinstance(node, ast.Import) and imported.asname is None
        return _full_name(node, imported) == self.module


def new_imports(text: str, edits: Sequence[Edit]) -> Replacement | None:
    """Return the insertion of the imports that the edits need and the text lacks: ``NOTHING`` where it lacks none.

    It goes behind the last import of the file's head, else behind its docstring, else to the top, after the comments
    that open the file. None where it has no place, or where the name to import means something else in the file.
    """
    first_use: dict[str, int] = {}
    for edit in edits:
        for module in edit.imports:
            start = edit.replacements[0].start
            first_use[module] = min(first_use.get(module, start), start)
    if not first_use:
        return NOTHING
    root = parsed(text)
    if root is None:
        return None
    starts = [0, *(match.end() for match in _LINE_END.finditer(text))]
    missing = [
        wanted
        for wanted, offset in ((_Import(module), offset) for module, offset in first_use.items())
        if not _is_there(root, wanted, before=bisect_right(starts, offset))
    ]
    if not missing:
        return NOTHING
    if any(_means_something_else(root, text, wanted) for wanted in missing):
        return None
    return _insertion(text, root, starts, missing)


def parsed(text: str) -> ast.Module | None:
    """Return the ``ast`` of a text, None where it does not parse."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _bound(imported: ast.alias) -> str:
    return imported.asname or imported.name.partition(".")[0]


def _full_name(node: ast.Import | ast.ImportFrom, imported: ast.alias) -> str:
    if isinstance(node, ast.Import):
        return imported.name
    return f"{'.' * node.level}{node.module or ''}.{imported.name}"


def _is_there(root: ast.Module, wanted: _Import, before: int) -> bool:
    """Tell whether the file imports it at its top level, above a line."""
    above = (node for node in root.body if node.lineno < before)
    imports = (node for node in above if isinstance(node, (ast.Import, ast.ImportFrom)))
    return any(wanted.is_made_by(node, imported) for node in imports for imported in node.names)


def _means_something_else(root: ast.Module, text: str, wanted: _Import) -> bool:
    """Tell whether the name that an import binds is bound to anything else in the file, in whatever scope."""
    if not re.search(rf"\b{re.escape(wanted.bound)}\b", text):
        return False
    imports = (node for node in ast.walk(root) if isinstance(node, (ast.Import, ast.ImportFrom)))
    if not all(wanted.goes_with(node, imported) for node in imports for imported in node.names):
        return True
    return any(_binds(node, wanted.bound) for node in ast.walk(root))


def _binds(node: ast.AST, name: str) -> bool:
    """Tell whether a node that is no import binds the name: a target, a parameter, a function, a class, a capture."""
    if isinstance(node, ast.Name):
        return node.id == name and not isinstance(node.ctx, ast.Load)
    if isinstance(node, (ast.alias, ast.keyword)):
        return False
    return name in (getattr(node, "name", None), getattr(node, "arg", None), getattr(node, "rest", None))


def _insertion(text: str, root: ast.Module, starts: Sequence[int], modules: Sequence[_Import]) -> Replacement | None:
    head = _head(root)
    if head is None:
        return None
    last = head[-1].end_lineno or 0 if head else _opening_comments(text)
    ends = [match.group() for match in _LINE_END.finditer(text)]
    newline = ends[min(max(last - 1, 0), len(ends) - 1)] if ends else "\n"
    lines = "".join(f"import {module.text}{newline}" for module in modules)
    if last > len(ends):  # the file ends behind its head, without a line end
        return Replacement(len(text), len(text), newline + lines.removesuffix(newline))
    if not (head and isinstance(head[-1], (ast.Import, ast.ImportFrom))):
        if last and not _is_blank(text, starts, last):  # set off from the docstring or the comments
            lines = newline + lines
        if not _is_blank(text, starts, last + 1):
            lines += newline
    return Replacement(starts[last], starts[last], lines)


def _is_blank(text: str, starts: Sequence[int], line: int) -> bool:
    """Tell whether a line (from 1) is blank or behind the end."""
    if line > len(starts):
        return True
    end = starts[line] if line < len(starts) else len(text)
    return not text[starts[line - 1] : end].strip()


def _head(root: ast.Module) -> list[ast.stmt] | None:
    """Return the docstring and the imports that open a file, if whole lines; None if its first line is shared."""
    head: list[ast.stmt] = []
    for number, node in enumerate(root.body):
        docstring = number == 0 and isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str)
        if not docstring and not isinstance(node, (ast.Import, ast.ImportFrom)):
            break
        following = root.body[number + 1] if number + 1 < len(root.body) else None
        if following is not None and following.lineno == node.end_lineno:  # joined by a semicolon
            return head or None
        head.append(node)
    return head


def _opening_comments(text: str) -> int:
    """Return the number of lines that a file's opening comments take; a comment that touches code belongs to it."""
    lines = _LINE_END.split(text)
    comments = 0
    while comments < len(lines) and lines[comments].startswith("#"):
        comments += 1
    if comments < len(lines) and lines[comments].strip():
        return sum(1 for line in lines[: min(comments, 2)] if _SHEBANG_OR_CODING.match(line))
    return comments
