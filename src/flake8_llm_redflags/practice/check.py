"""``practice dev check``: proves that scenarios hold what they promise, for every single site and for random rounds."""

from __future__ import annotations

import ast
import random
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from ..knowledge import table
from ..source.marks import Mark
from .linting import referee
from .rendering import Rendered, render
from .rounds import DRILL_LINES, LEVELS, Round, draw, from_code
from .scenario import Scenario, Site

#: What a candidate must not read in the code under review.
_SPOILER = re.compile(
    r"LRF\d|#@|\bexpect\b|\bok:|\bhuman:|\brelated:|\bdecoy\b|\bbugs?\b|fixme|\btodo\b", re.IGNORECASE
)
#: A scenario has enough sites for rounds that differ, and no more than its code can carry.
_SITES = range(8, 13)


@dataclass(frozen=True, slots=True)
class Checked:
    """How much of a scenario was looked at, and what is wrong with it."""

    scenario: str
    variants: int
    problems: tuple[str, ...]


def check(scenario: Scenario, rounds: int = 200) -> Checked:
    """Render and lint the clean scenario, each single bad or decoy variant, and ``rounds`` random rounds."""
    problems = list(_told(scenario))
    clean = render(scenario, [0] * len(scenario.sites))
    problems += _rendered("all good", clean)
    if clean.flags:
        problems.append(f"all good: has the flag {clean.flags[0].site.name}")
    count = 1
    for number, site in enumerate(scenario.sites):
        for which in range(1, len(site.variants)):
            choice = [0] * len(scenario.sites)
            choice[number] = which
            count += 1
            problems += _single(site, which, render(scenario, choice), clean)
            if not site.across:
                problems += _drill(site, which, Round(scenario, LEVELS["drill"], tuple(choice), number))
    rng = random.Random(scenario.digest)
    for _ in range(rounds):
        drawn = draw(scenario, rng.choice(list(LEVELS.values())), rng)
        count += 1
        problems += _random(scenario, drawn.code, drawn.choice)
        if from_code(drawn.code, [scenario]).files != drawn.files:
            problems.append(f"{drawn.code}: does not come back from its code")
    return Checked(scenario.name, count, tuple(dict.fromkeys(problems)))


def _told(scenario: Scenario) -> Iterator[str]:
    families = table("practice")["families"]
    if len(scenario.sites) not in _SITES:
        yield f"has {len(scenario.sites)} sites, not {_SITES.start} to {_SITES.stop - 1}"
    for site in scenario.sites:
        if site.family not in families:
            yield f"{site.name}: no such family: {site.family}"
        if any(variant.kind == "decoy" for variant in site.variants) and not site.decoy:
            yield f"{site.name}: `decoy` must say why its decoy is right"
        for pattern in (pattern for group in site.words for pattern in group):
            try:
                re.compile(pattern)
            except re.error as error:
                yield f"{site.name}: words: {pattern!r}: {error}"
    if _SPOILER.search(scenario.ticket):
        yield f"ticket.md: {_SPOILER.search(scenario.ticket)[0]!r} gives something away"  # type: ignore[index]


def _single(site: Site, which: int, rendered: Rendered, clean: Rendered) -> Iterator[str]:
    variant = site.variants[which]
    name = f"{site.name}, {variant.kind} variant {which}"
    yield from _rendered(name, rendered)
    if rendered.files == clean.files:
        yield f"{name}: is the same as the good one"
    flagged = [flag for flag in rendered.flags if flag.site is site]
    if variant.kind == "bad" and not (flagged and flagged[0].lines):
        yield f"{name}: no line is marked with {site.concept}"
    if variant.kind == "decoy" and not any(decoy.site is site for decoy in rendered.decoys):
        yield f"{name}: no line is marked with `# ok: …`"


def _drill(site: Site, which: int, drill: Round) -> Iterator[str]:
    """Yield what is wrong with a drill: it shows whole statements, not too many, and the flag is among them."""
    name = f"{site.name}, drill of variant {which}"
    (text,) = drill.files.values()
    try:
        ast.parse(textwrap.dedent(text))
    except SyntaxError as error:
        yield f"{name}: line {error.lineno} does not parse: {error.msg}"
    if text.count("\n") > DRILL_LINES:
        yield f"{name}: has more than {DRILL_LINES} lines"
    if site.variants[which].kind == "bad" and not any(flag.site is site for flag in drill.rendered.flags):
        yield f"{name}: does not show its flag"


def _rendered(name: str, rendered: Rendered) -> Iterator[str]:
    """Yield what is wrong with one rendering: it must parse, say nothing, and lint exactly as marked."""
    yield from _readable(name, rendered)
    for file, findings in referee(rendered.files).items():
        found = {(finding.line, finding.code) for finding in findings}
        expected = _lines(rendered.marks[file], "expect")
        for line, code in sorted(expected - found):
            yield f"{name}: {file}:{line}: {code} is expected and not reported"
        for line, code in sorted(found - expected):
            awaited = (line, code) in _lines(rendered.marks[file], "todo-expect")
            yield f"{name}: {file}:{line}: {code} is reported and {'awaited: mark it `expect`' if awaited else 'not marked'}"


def _random(scenario: Scenario, code: str, choice: tuple[int, ...]) -> Iterator[str]:
    rendered = render(scenario, choice)
    yield from _readable(code, rendered)
    wanted = sum(site.variants[which].kind == "bad" for site, which in zip(scenario.sites, choice, strict=True))
    if sum(bool(flag.lines) for flag in rendered.flags) != wanted:
        yield f"{code}: has a flag without a line"


def _readable(name: str, rendered: Rendered) -> Iterator[str]:
    for file, text in rendered.files.items():
        try:
            ast.parse(text)
        except SyntaxError as error:
            yield f"{name}: {file}:{error.lineno}: does not parse: {error.msg}"
        for number, line in enumerate(text.splitlines(), 1):
            if (match := _SPOILER.search(line)) is not None:
                yield f"{name}: {file}:{number}: {match[0]!r} gives something away"


def _lines(found: tuple[Mark, ...], kind: str) -> set[tuple[int, str]]:
    return {(mark.line, mark.what) for mark in found if mark.kind == kind and mark.what.startswith("LRF")}
