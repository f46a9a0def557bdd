"""From a choice of variants to the files a candidate sees, and where their flags and decoys stand."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..source.marks import MARK, Mark, marks, without_key_breaks
from .scenario import Scenario, Site, Template

#: A line that carries no mark but counts as the flag's place too: ``# related: name-of-the-site, of-another``.
_RELATED = re.compile(r"\s*#\s*related:\s*(?P<sites>[\w-]+(?:\s*,\s*[\w-]+)*)\s*$")


@dataclass(frozen=True, slots=True)
class Flag:
    """A defect in a round: full credit on any of ``lines`` (from 1), some near them inside of ``block``.

    ``elsewhere``: file and line of what speaks of the defect in other files, as good a place for a comment.
    """

    site: Site
    file: str
    lines: tuple[int, ...]
    block: tuple[int, int]
    elsewhere: frozenset[tuple[str, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class Decoy:
    """A place that looks bad and is right. ``slug``: why, in a few words, as its mark says it."""

    site: Site | None
    file: str
    lines: tuple[int, ...]
    slug: str

    @property
    def reason(self) -> str:
        """Why it is right, in the author's words."""
        return self.site.decoy if self.site is not None and self.site.decoy else self.slug.replace("-", " ")


@dataclass(frozen=True, slots=True)
class Rendered:
    """The files of a choice: the text the candidate sees, the marks that were in it, flags and decoys."""

    files: dict[str, str]
    marks: dict[str, tuple[Mark, ...]]
    flags: tuple[Flag, ...]
    decoys: tuple[Decoy, ...]


def render(scenario: Scenario, choice: Sequence[int]) -> Rendered:
    """Return the files for a choice: the number of the variant of each site, in the order of ``scenario.sites``."""
    chosen = dict(zip((site.name for site in scenario.sites), choice, strict=True))
    files, all_marks, flags, decoys, marked = {}, {}, [], [], {}
    for template in scenario.templates:
        lines, owners = _lines(template, chosen)
        marked[template.name] = lines
        text = without_key_breaks("\n".join(lines) + "\n")
        files[template.name] = "\n".join(_unmarked(line) for line in text.splitlines()) + "\n"
        found = all_marks[template.name] = tuple(marks(text, template.name))
        decoys += _decoys(template, owners, found)
        flags += _flags(template, chosen, owners, files[template.name], found)
    related = _related(marked)
    return Rendered(files, all_marks, tuple(_with_related(flag, related, files) for flag in flags), tuple(decoys))


def _lines(template: Template, chosen: dict[str, int]) -> tuple[list[str], list[Site | None]]:
    """Return the lines, marks included, each with the site it comes from."""
    lines: list[str] = []
    owners: list[Site | None] = []
    for part in template.parts:
        new = (part,) if isinstance(part, str) else part.variants[chosen[part.name]].lines
        lines.extend(new)
        owners.extend([None if isinstance(part, str) else part] * len(new))
    return lines, owners


def _unmarked(line: str) -> str:
    """Return a line as the candidate sees it."""
    line = _RELATED.sub("", line)
    match = MARK.search(line)
    return line if match is None else line[: match.start()].rstrip()


def _flags(
    template: Template, chosen: dict[str, int], owners: list[Site | None], seen: str, found: tuple[Mark, ...]
) -> list[Flag]:
    flags = []
    for site in (part for part in template.parts if isinstance(part, Site)):
        if site.variants[chosen[site.name]].kind == "bad":
            own = [m.line for m in found if m.kind in ("expect", "todo-expect", "human") and m.what == site.concept]
            lines = sorted({line for line in own if owners[line - 1] is site})
            block = function_around(seen, lines[0]) if lines else (1, 1)
            flags.append(Flag(site, template.name, tuple(lines), block))
    return flags


def _related(marked: dict[str, list[str]]) -> dict[str, set[tuple[str, int]]]:
    """Return the places that are marked as related to each site."""
    found: dict[str, set[tuple[str, int]]] = {}
    for name, lines in marked.items():
        for number, line in enumerate(lines, 1):
            if (match := _RELATED.search(line)) is not None:
                for site in re.split(r"\s*,\s*", match["sites"]):
                    found.setdefault(site, set()).add((name, number))
    return found


def _with_related(flag: Flag, related: dict[str, set[tuple[str, int]]], files: dict[str, str]) -> Flag:
    places = related.get(flag.site.name, set())
    lines = tuple(sorted({*flag.lines, *(line for file, line in places if file == flag.file)}))
    block = flag.block if flag.lines or not lines else function_around(files[flag.file], lines[0])
    elsewhere = frozenset(place for place in places if place[0] != flag.file)
    return replace(flag, lines=lines, block=block, elsewhere=elsewhere)


def _decoys(template: Template, owners: list[Site | None], found: tuple[Mark, ...]) -> list[Decoy]:
    by_site: dict[str | int, Decoy] = {}
    for mark in found:
        if mark.kind in ("ok", "todo-ok"):
            site = owners[mark.line - 1]
            key = site.name if site is not None else mark.line
            before = by_site[key].lines if key in by_site else ()
            by_site[key] = Decoy(site, template.name, tuple(sorted({*before, mark.line})), mark.what)
    return list(by_site.values())


def function_around(text: str, line: int, until: int | None = None) -> tuple[int, int]:
    """Return the first and last line, decorators included, of the innermost function that holds a line, or the lines up
    to another; those of the whole file outside of functions."""
    best = (1, text.count("\n"))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            span = _lines_of(node)
            if span[0] <= line and (until or line) <= span[1] and span[1] - span[0] < best[1] - best[0]:
                best = span
    return best


def excerpt(text: str, first: int, last: int, most: int) -> tuple[int, int]:
    """Return first and last line of what to show around some lines: their function where it is neither short nor longer
    than ``most`` lines, else as many whole statements around them as fit."""
    start, end = function_around(text, first, last)
    if most // 2 <= end - start < most:
        return start, end
    block: list[ast.stmt] = ast.parse(text).body
    while True:
        spans = [_lines_of(node) for node in block]
        inside = [n for n, (start, end) in enumerate(spans) if start <= last and first <= end]
        if len(inside) == 1 and spans[inside[0]][1] - spans[inside[0]][0] >= most:
            if (inner := _block_with(block[inside[0]], first, last)) is not None:
                block = inner
                continue
        break
    if not inside or spans[inside[-1]][1] - spans[inside[0]][0] >= most:
        start = max(1, (first + last - most) // 2 + 1)
        return start, min(start + most - 1, text.count("\n"))
    top, bottom = inside[0], inside[-1]
    grown = True
    while grown:
        grown = False
        if bottom + 1 < len(spans) and spans[bottom + 1][1] - spans[top][0] < most:
            bottom, grown = bottom + 1, True
        if top > 0 and spans[bottom][1] - spans[top - 1][0] < most:
            top, grown = top - 1, True
    return spans[top][0], spans[bottom][1]


def _lines_of(node: ast.stmt) -> tuple[int, int]:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)]), node.end_lineno or node.lineno


def _block_with(node: ast.stmt, first: int, last: int) -> list[ast.stmt] | None:
    """Return the block of a compound statement that holds the lines."""
    blocks = [getattr(node, name, None) or [] for name in ("body", "orelse", "finalbody")]
    blocks += [handler.body for handler in getattr(node, "handlers", [])]
    return next(
        (block for block in blocks if block and block[0].lineno <= first and last <= (block[-1].end_lineno or 0)), None
    )
