"""Rounds: which variants are shown, drawn by a seed or rebuilt from a code that anyone can type."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from .rendering import Rendered, excerpt, render
from .scenario import Scenario, Site

LevelName = Literal["drill", "screen", "onsite", "pr"]


@dataclass(frozen=True, slots=True)
class Level:
    """A kind of round: its letter in round codes, minutes, and how many flags and decoys it has."""

    name: LevelName
    letter: str
    minutes: int
    flags: range
    decoys: range


LEVELS: dict[str, Level] = {
    level.name: level
    for level in (
        Level("drill", "D", 3, range(1, 2), range(0, 1)),
        Level("screen", "S", 10, range(3, 5), range(2, 4)),
        Level("onsite", "O", 20, range(5, 8), range(2, 5)),
        Level("pr", "P", 30, range(5, 8), range(2, 5)),
    )
}
#: One round in so many has no flag at all, and nobody says so.
CLEAN_EVERY = 8
#: The longest a drill gets, in lines.
DRILL_LINES = 25
#: Letters and digits that are not taken for each other when read aloud or from paper.
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_DIGEST_LENGTH = 2


class CodeError(ValueError):
    """A round code that no scenario answers to; the message says why."""


@dataclass(frozen=True)
class Round:
    """One choice of variants. ``focus`` is the site that a drill is about (its number in ``scenario.sites``)."""

    scenario: Scenario
    level: Level
    choice: tuple[int, ...]
    focus: int | None = None

    @cached_property
    def rendered(self) -> Rendered:
        """Files, flags and decoys; for a drill only the function around its site."""
        whole = render(self.scenario, self.choice)
        return whole if self.focus is None else _cut(whole, self)

    @property
    def files(self) -> dict[str, str]:
        """The text of each file, as the candidate sees it."""
        return self.rendered.files

    @property
    def code(self) -> str:
        """The code that rebuilds this round from the same scenario anywhere: ``GPT-S2KQ-7F``."""
        number, sites = 0, self.scenario.sites
        for site, variant in zip(sites, self.choice, strict=True):
            number = number * len(site.variants) + variant
        if self.focus is not None:
            number = number * len(sites) + self.focus
        return f"{self.scenario.code}-{self.level.letter}{_to_text(number)}-{_digest(self.scenario)}"


def draw(scenario: Scenario, level: Level, rng: random.Random, wanted: Iterable[str] = ()) -> Round:
    """Draw a round: flags of ``wanted`` concepts first, then others; clean once in eight; decoys in what is left."""
    sites = scenario.sites
    if level.name == "drill":
        return _drill(scenario, level, rng, set(wanted))
    count = 0 if rng.randrange(CLEAN_EVERY) == 0 else rng.choice(level.flags)
    order = sorted(range(len(sites)), key=lambda _: rng.random())
    order.sort(key=lambda number: sites[number].concept not in wanted)
    flagged: list[int] = []
    for number in order:
        if len(flagged) < count and not any(_conflict(scenario, sites[number], sites[other]) for other in flagged):
            flagged.append(number)
    choice = [0] * len(sites)
    for number in flagged:
        choice[number] = _pick(sites[number], "bad", rng)
    left = [n for n in order if n not in flagged and any(v.kind == "decoy" for v in sites[n].variants)]
    for number in left[: rng.choice(level.decoys)]:
        choice[number] = _pick(sites[number], "decoy", rng)
    return Round(scenario, level, tuple(choice))


def single(scenario: Scenario, site: Site, variant: int, level: str = "onsite") -> Round:
    """Return the round in which only one site is not good."""
    choice = tuple(variant if other is site else 0 for other in scenario.sites)
    return Round(scenario, LEVELS[level], choice)


def from_code(code: str, scenarios: Sequence[Scenario]) -> Round:
    """Rebuild a round from its code. Raises ``CodeError``."""
    parts = code.strip().upper().split("-")
    if len(parts) != 3 or len(parts[1]) < 2:
        raise CodeError(f"{code!r} is no round code: they look like GPT-S2KQ-7F")
    scenario = next((s for s in scenarios if s.code == parts[0]), None)
    if scenario is None:
        raise CodeError(f"{code!r}: no scenario has the code {parts[0]}; `redflags practice list` shows them")
    if parts[2] != _digest(scenario):
        raise CodeError(
            f"{code!r} was made from another version of {scenario.name}: both sides need the same version of redflags"
        )
    level = next((level for level in LEVELS.values() if level.letter == parts[1][0]), None)
    if level is None or not set(parts[1][1:]) <= set(_ALPHABET):
        raise CodeError(f"{code!r} is no round code: {parts[1]!r} has a letter that none has")
    number, focus = _to_number(parts[1][1:]), None
    if level.name == "drill":
        number, focus = divmod(number, len(scenario.sites))
    choice = []
    for site in reversed(scenario.sites):
        number, variant = divmod(number, len(site.variants))
        choice.append(variant)
    if number:
        raise CodeError(f"{code!r} is no round code of {scenario.name}: it is too long")
    return Round(scenario, level, tuple(reversed(choice)), focus)


def _drill(scenario: Scenario, level: Level, rng: random.Random, wanted: set[str]) -> Round:
    sites = scenario.sites
    drilled = [n for n, site in enumerate(sites) if not site.across]
    preferred = [n for n in drilled if sites[n].concept in wanted] or drilled
    focus = rng.choice(preferred)
    kinds = ["good", "bad", "bad", "bad"] + ["decoy"] * any(v.kind == "decoy" for v in sites[focus].variants)
    choice = [0] * len(sites)
    choice[focus] = _pick(sites[focus], rng.choice(kinds), rng)
    return Round(scenario, level, tuple(choice), focus)


def _pick(site: Site, kind: str, rng: random.Random) -> int:
    return rng.choice([number for number, variant in enumerate(site.variants) if variant.kind == kind])


def _conflict(scenario: Scenario, one: Site, other: Site) -> bool:
    return (one.name, other.name) in scenario.conflicts or (other.name, one.name) in scenario.conflicts


def _cut(whole: Rendered, drill: Round) -> Rendered:
    """Return only what stands around the site that a drill is about, at most ``DRILL_LINES`` lines of it."""
    file, place = _place(drill)
    text = whole.files[file]
    first, last = excerpt(text, *place, DRILL_LINES)
    kept = "\n".join(text.splitlines()[first - 1 : last]) + "\n"

    def moved(lines: Iterable[int]) -> tuple[int, ...]:
        return tuple(number - first + 1 for number in lines if first <= number <= last)

    flags = tuple(
        replace(flag, lines=moved(flag.lines), block=(1, last - first + 1), elsewhere=frozenset())
        for flag in whole.flags
        if flag.file == file and moved(flag.lines)
    )
    decoys = tuple(
        replace(decoy, lines=moved(decoy.lines)) for decoy in whole.decoys if decoy.file == file and moved(decoy.lines)
    )
    return Rendered({file: kept}, {file: ()}, flags, decoys)


def _place(drill: Round) -> tuple[str, tuple[int, int]]:
    """Return the file of the site that a drill is about, and its first and last line there."""
    sites = drill.scenario.sites
    chosen = {site.name: site.variants[variant] for site, variant in zip(sites, drill.choice, strict=True)}
    for template in drill.scenario.templates:
        number = 1
        for part in template.parts:
            length = 1 if isinstance(part, str) else len(chosen[part.name].lines)
            if part is sites[drill.focus or 0]:
                return template.name, (number, number + max(length, 1) - 1)
            number += length
    raise AssertionError("a site is in no template")


def _digest(scenario: Scenario) -> str:
    return _to_text(int(scenario.digest[:8], 16))[-_DIGEST_LENGTH:].rjust(_DIGEST_LENGTH, _ALPHABET[0])


def _to_text(number: int) -> str:
    digits = ""
    while number or not digits:
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits


def _to_number(text: str) -> int:
    number = 0
    for letter in text:
        number = number * len(_ALPHABET) + _ALPHABET.index(letter)
    return number
