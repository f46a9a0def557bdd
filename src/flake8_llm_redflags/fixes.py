"""Edits become new source: applied together without overlap, again and again until nothing changes."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .config import Config
from .finding import Edit, Finding, Replacement
from .linter import lint
from .rules import Rule
from .source import Source

#: Mending one finding can bring the next to light (nested calls); more rounds than this would be a rule at odds with itself.
_ROUNDS = 10

_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Fixed:
    """The outcome of fixing one file: its new source, what was mended, and what is still reported."""

    source: Source
    applied: tuple[Finding, ...]
    remaining: tuple[Finding, ...]


def fix(source: Source, config: Config, *, unsafe: bool = False, rules: Sequence[type[Rule]] | None = None) -> Fixed:
    """Apply the safe edits of all findings, and with ``unsafe`` the others too, until none is left.

    An edit is dropped where it overlaps an earlier one (the next round sees it again), where the result would not
    parse, and where its finding would come back at the same place: the text then stays as it was there.
    """
    applied: list[Finding] = []
    refused: set[tuple[str, str]] = set()
    found = lint(source, config, rules)
    for _ in range(_ROUNDS):
        wanted = [f for f in found if f.edit is not None and (f.edit.safe or unsafe) and _identity(source, f) not in refused]
        chosen = _without_overlap(wanted)
        if not chosen:
            break
        mended = _mended(source, chosen)
        if mended is None:  # together they do not parse: find out which one is to blame
            mended, chosen = _one_by_one(source, chosen, refused)
        after = lint(mended, config, rules)
        useless = [f for f in chosen if sum(_same(f, g) for g in after) >= sum(_same(f, g) for g in found)]
        if useless:
            refused |= {_identity(source, finding) for finding in useless}
            continue
        applied += chosen
        source, found = mended, after
    return Fixed(source, tuple(applied), tuple(found))


def _same(one: Finding, other: Finding) -> bool:
    """Do the two findings, one before and one after an edit, say the same of the same place?"""
    return (one.code, one.message) == (other.code, other.message)


def _identity(source: Source, finding: Finding) -> tuple[str, str]:
    """Return what stays the same of a finding while other lines are edited."""
    lines = _LINE_END.split(source.text)
    return finding.code, f"{finding.message}\n{lines[finding.line - 1] if finding.line <= len(lines) else ''}"


def _without_overlap(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings whose edits touch no text that an earlier one touches."""
    chosen: list[Finding] = []
    taken: list[Replacement] = []
    for finding in findings:
        assert finding.edit is not None
        if finding.edit.replacements and not any(
            _overlap(mine, other) for mine in finding.edit.replacements for other in taken
        ):
            chosen.append(finding)
            taken += finding.edit.replacements
    return chosen


def _overlap(one: Replacement, other: Replacement) -> bool:
    if one.start == one.end or other.start == other.end:  # an insertion: only in the middle of the other, or beside it
        return one.start <= other.end and other.start <= one.end
    return one.start < other.end and other.start < one.end


def _one_by_one(
    source: Source, findings: Sequence[Finding], refused: set[tuple[str, str]]
) -> tuple[Source, list[Finding]]:
    chosen: list[Finding] = []
    result = source
    for finding in findings:
        mended = _mended(source, [*chosen, finding])
        if mended is None:
            refused.add(_identity(source, finding))
        else:
            chosen.append(finding)
            result = mended
    return result, chosen


def _mended(source: Source, findings: Sequence[Finding]) -> Source | None:
    """Return the source with the edits of the findings applied, None where the result does not parse."""
    edits = [finding.edit for finding in findings if finding.edit is not None]
    replacements = sorted(replacement for edit in edits for replacement in edit.replacements)
    pieces, place = [], 0
    for replacement in replacements:
        pieces += [source.text[place : replacement.start], replacement.text]
        place = replacement.end
    text = with_imports("".join([*pieces, source.text[place:]]), _modules(edits))
    return None if _tree(text) is None else replace(source, text=text, root=None)


def _modules(edits: Sequence[Edit]) -> list[str]:
    return list(dict.fromkeys(module for edit in edits for module in edit.imports))


def with_imports(text: str, modules: Sequence[str]) -> str:
    """Return the text with ``import <module>`` added for each module that it does not import at its top level yet.

    ``modules`` are what follows ``import``: ``"os"``, ``"torch.nn.functional as F"``. The new lines go after the last
    import of the file's head, else after its docstring and ``__future__`` imports, else to the top.
    """
    root = _tree(text)
    if root is None:
        return text
    bound = {_spelled(alias) for node in root.body if isinstance(node, ast.Import) for alias in node.names}
    missing = [module for module in modules if module not in bound]
    if not missing:
        return text
    newline = match.group() if (match := _LINE_END.search(text)) is not None else "\n"
    lines = "".join(f"import {module}{newline}" for module in missing)
    last = _last_of_head(root)
    if last is None:
        place = _after_comments(text)
    else:
        ends = [match.end() for match in _LINE_END.finditer(text)]
        place = ends[last - 1] if last <= len(ends) else len(text)
        if last > len(ends):  # the file ends without a line end
            lines = newline + lines.removesuffix(newline)
        elif isinstance(root.body[0], ast.Expr) and root.body[0].end_lineno == last:  # set off from the docstring
            lines = newline + lines
    return text[:place] + lines + text[place:]


def _spelled(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname is not None else alias.name


def _last_of_head(root: ast.Module) -> int | None:
    """Return the last line of the docstring and the imports that open a file, None where it has neither."""
    last = None
    for number, node in enumerate(root.body):
        docstring = number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not docstring and not isinstance(node, (ast.Import, ast.ImportFrom)):
            break
        following = root.body[number + 1] if number + 1 < len(root.body) else None
        if following is not None and following.lineno == node.end_lineno:  # joined by a semicolon
            break
        last = node.end_lineno
    return last


def _after_comments(text: str) -> int:
    """Return the offset behind the comments (shebang, coding line, licence) that open a file."""
    place = 0
    for line in re.finditer(r"[^\r\n]*(?:\r\n|\r|\n|\Z)", text):
        if not line.group().startswith("#"):
            break
        place = line.end()
    return place


def _tree(text: str) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
