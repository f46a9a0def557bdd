"""Simulated rounds and reviewers: what the constants of the grading formula were chosen with."""

from __future__ import annotations

import random
from collections.abc import Callable

from flake8_llm_redflags.practice.rendering import Decoy, Flag
from flake8_llm_redflags.practice.review import Comment
from flake8_llm_redflags.practice.scenario import Site, Variant

FILE = "train.py"
LENGTH = 125
FAMILIES = ("masking", "labels-loss", "data-leak", "eval", "optim", "decoding", "security")
Round = tuple[list[Flag], list[Decoy]]


def site(number: int, severity: str, family: str) -> Site:
    good, bad = Variant("good", ("pass",)), Variant("bad", ("...",))
    told = {
        "title": "t",
        "words": (),
        "why": ("w",),
        "fix": ("f",),
        "probes": (),
        "hints": ("h",),
        "pushback": "",
        "decoy": "",
        "evidence": "",
    }
    return Site(
        name=f"site{number}",
        variants=(good, bad),
        concept=f"c{number}",
        severity=severity,
        family=family,
        subtlety=2,
        **told,
    )  # type: ignore[arg-type]


def make_round(rng: random.Random, flags: int, decoys: int = 3) -> Round:
    """Return a round of 110 lines with places at least four lines apart."""
    lines = sorted(rng.sample(range(5, 107), flags + decoys))
    for number in range(1, len(lines)):
        lines[number] = max(lines[number], lines[number - 1] + 4)
    rng.shuffle(lines)
    severities = [
        "blocker",
        "major",
        "major",
        rng.choice(["blocker", "minor"]) if flags > 4 else "minor",
        "minor",
        "blocker",
        "major",
    ]
    made = [
        Flag(
            site(n, severities[n], FAMILIES[n]),
            FILE,
            tuple(range(lines[n], lines[n] + rng.choice([1, 1, 2, 3]))),
            (1, LENGTH),
        )
        for n in range(flags)
    ]
    return made, [Decoy(None, FILE, (line,), "fine") for line in lines[flags:]]


def on(flag: Flag, *, named: bool = True, severity: str | None = "right") -> Comment:
    claimed = flag.site.severity if severity == "right" else severity
    return Comment("", FILE, flag.lines[0], "issue", claimed, (flag.site.family,) if named else ())  # type: ignore[arg-type]


def at(line: int, severity: str | None = "major", label: str = "issue") -> Comment:
    return Comment("", FILE, line, label, severity)  # type: ignore[arg-type]


def _skill(
    finds: float, alarms: float, naming: float, judging: float
) -> Callable[[random.Random, Round], list[Comment]]:
    def review(rng: random.Random, round_: Round) -> list[Comment]:
        flags, decoys = round_
        comments = []
        for flag in flags:
            if rng.random() < finds:
                severity = "right" if rng.random() < judging else rng.choice(["blocker", "major", "minor"])
                comments.append(on(flag, named=rng.random() < naming, severity=severity))
        left = alarms
        while left > 0:
            if rng.random() < left:
                line = rng.choice(decoys).lines[0] if rng.random() < 0.4 else rng.randrange(1, LENGTH)
                comments.append(at(line, rng.choice(["major", "minor"])))
            left -= 1
        return comments

    return review


def _blockers(flags: list[Flag]) -> list[Flag]:
    return [flag for flag in flags if flag.site.severity == "blocker"]


REVIEWERS: dict[str, Callable[[random.Random, Round], list[Comment]]] = {
    "blank": lambda rng, r: [],
    "6 random lines": lambda rng, r: [at(rng.randrange(1, LENGTH)) for _ in range(6)],
    "every 5th line": lambda rng, r: [at(line) for line in range(3, LENGTH, 5)],
    "every line a blocker": lambda rng, r: [at(line, "blocker") for line in range(1, LENGTH)],
    "every line a nit": lambda rng, r: [at(line, None, "nit") for line in range(1, LENGTH)],
    "minors and 6 nits": lambda rng, r: (
        [on(f) for f in r[0] if f.site.severity == "minor"]
        + [at(rng.randrange(1, LENGTH), None, "nit") for _ in range(6)]
    ),
    "novice": _skill(0.35, 2, 0.5, 0.5),
    "mid": _skill(0.6, 1.2, 0.75, 0.6),
    "only blockers": lambda rng, r: [on(f) for f in _blockers(r[0])],
    "right lines, never named": lambda rng, r: [on(f, named=False) for f in r[0]],
    "all but one blocker": lambda rng, r: [on(f) for f in r[0] if f is not _blockers(r[0])[0]],
    "strong": _skill(0.85, 0.6, 0.9, 0.8),
    "perfect, but two look-alikes blockers": lambda rng, r: (
        [on(f) for f in r[0]] + [at(d.lines[0], "blocker") for d in r[1][:2]]
    ),
    "expert": _skill(0.95, 0.2, 0.97, 0.9),
    "perfect, all called blockers": lambda rng, r: [on(f, severity="blocker") for f in r[0]],
    "perfect and 3 nits": lambda rng, r: (
        [on(f) for f in r[0]] + [at(rng.randrange(1, LENGTH), None, "nit") for _ in range(3)]
    ),
    "perfect": lambda rng, r: [on(f) for f in r[0]],
}
