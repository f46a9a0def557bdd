"""From a choice of variants to the files a candidate sees, and where their flags and decoys stand."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..source.marks import MARK, Mark, marks, without_key_breaks
from .scenario import Scenario, Site, Template

#: A line that carries no mark but counts as the flag's place too: ``# related: name-of-the-site``.
_RELATED = re.compile(r"\s*#\s*related:\s*(?P<site>[\w-]+)\s*$")


@dataclass(frozen=True, slots=True)
class Flag:
    """A defect in a round: full credit on any of ``lines`` (from 1), some near them inside of ``block``."""

    site: Site
    file: str
    lines: tuple[int, ...]
    block: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Decoy:
    """A place that looks bad and is right."""

    site: Site | None
    file: str
    lines: tuple[int, ...]


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
    files, all_marks, flags, decoys = {}, {}, [], []
    for template in scenario.templates:
        marked, owners = _lines(template, chosen)
        text = without_key_breaks("\n".join(marked) + "\n")
        seen = "\n".join(_unmarked(line) for line in text.splitlines()) + "\n"
        files[template.name] = seen
        all_marks[template.name] = tuple(marks(text, template.name))
        flags += _flags(template, chosen, marked, owners, seen, all_marks[template.name])
        decoys += _decoys(template, owners, all_marks[template.name])
    return Rendered(files, all_marks, tuple(flags), tuple(decoys))


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
    template: Template,
    chosen: dict[str, int],
    marked: list[str],
    owners: list[Site | None],
    seen: str,
    found: tuple[Mark, ...],
) -> list[Flag]:
    related: dict[str, list[int]] = {}
    for number, line in enumerate(marked, 1):
        if (match := _RELATED.search(line)) is not None:
            related.setdefault(match["site"], []).append(number)
    flags = []
    for site in (part for part in template.parts if isinstance(part, Site)):
        if site.variants[chosen[site.name]].kind != "bad":
            continue
        own = [m.line for m in found if m.kind in ("expect", "todo-expect", "human") and m.what == site.concept]
        lines = sorted({line for line in own if owners[line - 1] is site} | set(related.get(site.name, ())))
        if not lines:  # the defect is what is missing: its neighbours of the template speak of it
            lines = sorted(own)
        flags.append(Flag(site, template.name, tuple(lines), function_around(seen, lines[0]) if lines else (1, 1)))
    return flags


def _decoys(template: Template, owners: list[Site | None], found: tuple[Mark, ...]) -> list[Decoy]:
    by_site: dict[str | int, Decoy] = {}
    for mark in found:
        if mark.kind in ("ok", "todo-ok"):
            site = owners[mark.line - 1]
            key = site.name if site is not None else mark.line
            before = by_site[key].lines if key in by_site else ()
            by_site[key] = Decoy(site, template.name, tuple(sorted({*before, mark.line})))
    return list(by_site.values())


def function_around(text: str, line: int) -> tuple[int, int]:
    """Return the first and last line of the innermost function around a line; of the whole file outside of functions."""
    best = (1, text.count("\n"))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.lineno <= line <= (node.end_lineno or 0):
            span = (node.lineno, node.end_lineno or node.lineno)
            if span[1] - span[0] < best[1] - best[0]:
                best = span
    return best
