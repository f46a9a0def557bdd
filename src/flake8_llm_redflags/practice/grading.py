"""How a review is graded: where it points, whether it names what is there, what it accuses without reason.

The formula and its constants come from a simulation of sixteen kinds of reviewers (docs/practice.md has the table that the tests
hold): a right comment never lowers the score, a false alarm never raises it, and the order of comments does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .rendering import Decoy, Flag
from .review import Comment, Review
from .scenario import Severity

WEIGHT: dict[Severity, int] = {"blocker": 5, "major": 3, "minor": 1}
_RANK: dict[Severity, int] = {"blocker": 2, "major": 1, "minor": 0}
#: What a false alarm costs that claims no severity, or calls itself a nit.
_UNCLAIMED, _NIT = 3.0, 0.5
_ON_A_DECOY = 2.0
#: How far from a flag a comment may stand, inside of its function, if it names the flag; and what that is worth.
_NEAR, _NEAR_WORTH = 2, 0.8
_WHOLE_FILE_WORTH = 0.6
_LOCATED_ONLY = 0.5
_PLAYED_DOWN = 0.5
_HINT_COST = 0.2
#: How much of a comment is searched for words that name a flag: who pastes the source has not named what is in it.
_READ = 500
_BETA = 1.5
#: The most that a review gets which missed one blocker, or more.
_CAPS = (100.0, 69.0, 54.0)
_BANDS = ((85, "strong"), (70, "solid"), (55, "borderline"), (0, "not yet"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a flag: the comment that found it, and how well."""

    flag: Flag
    comment: Comment | None = None
    is_named: bool = False
    credit: float = 0.0
    hints: int = 0

    @property
    def is_found(self) -> bool:
        """Was the flag located?"""
        return self.comment is not None

    @property
    def severity_off(self) -> int:
        """How many steps the claimed severity is off; 2 where none was claimed."""
        if self.comment is None or self.comment.severity is None:
            return 2
        return abs(_RANK[self.flag.site.severity] - _RANK[self.comment.severity])


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """A comment that matches no flag, what it cost, and the look-alike it accused, if it did."""

    comment: Comment
    cost: float
    decoy: Decoy | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A graded review. ``score`` is 0 to 100; the counts say more than it does about one round."""

    score: float
    outcomes: tuple[Outcome, ...]
    false_alarms: tuple[FalseAlarm, ...]
    extras: tuple[Comment, ...]
    recall: float
    precision: float
    verdict_is_right: bool

    @property
    def band(self) -> str:
        """The score in words."""
        return next(name for bound, name in _BANDS if self.score >= bound)

    @property
    def missed_blockers(self) -> int:
        """How many blockers were not located."""
        return sum(not outcome.is_found and outcome.flag.site.severity == "blocker" for outcome in self.outcomes)

    @property
    def cap(self) -> float | None:
        """The most that the score can be after the blockers that were missed; None where none was."""
        return _CAPS[min(self.missed_blockers, 2)] if self.missed_blockers else None


def grade(
    flags: Sequence[Flag], decoys: Sequence[Decoy], review: Review, linted: frozenset[tuple[str, int]] = frozenset()
) -> Result:
    """Grade a review. ``linted``: (file, line) that the linter reports: an unmatched comment there is no false alarm."""
    comments = sorted(review.comments, key=_canonical)
    outcomes = _matched(flags, comments, review.hints)
    used = {id(outcome.comment) for outcome in outcomes}
    alarms, extras = [], []
    for comment in comments:
        if id(comment) in used or comment.label in ("praise", "note"):
            continue
        decoy = next((d for d in decoys if comment.file == d.file and comment.line in d.lines), None)
        if decoy is None and any(_is_on(outcome.flag, comment) for outcome in outcomes if outcome.is_found):
            continue  # says it twice
        if decoy is None and (comment.is_real or (comment.file, comment.line) in linted):
            extras.append(comment)
            continue
        alarms.append(FalseAlarm(comment, _claim(comment) * (_ON_A_DECOY if decoy is not None else 1), decoy))
    return _scored(outcomes, alarms, extras, review, bool(flags))


def _canonical(comment: Comment) -> tuple[str, int, str, str, str]:
    return (comment.file or "", comment.line or 0, comment.label, comment.severity or "", comment.words)


def names(comment: Comment, flag: Flag) -> bool:
    """Does the comment say what is wrong: by the family, or by a word of each group that speaks of it?"""
    if flag.site.family in comment.families:
        return True
    groups, said = flag.site.words, comment.words[:_READ]
    return bool(groups) and all(any(re.search(word, said, re.IGNORECASE) for word in group) for group in groups)


def _is_on(flag: Flag, comment: Comment) -> bool:
    at = (comment.file, comment.line)
    return (comment.file == flag.file and comment.line in flag.lines) or at in flag.elsewhere


def _location(flag: Flag, comment: Comment, is_named: bool) -> float:
    """Return what the place of a comment is worth for a flag."""
    if _is_on(flag, comment):
        return 1.0
    if not is_named or comment.file not in (flag.file, None):
        return 0.0
    if comment.line is None:
        return _WHOLE_FILE_WORTH
    distance = min(abs(comment.line - line) for line in flag.lines)
    return _NEAR_WORTH if distance <= _NEAR and flag.block[0] <= comment.line <= flag.block[1] else 0.0


def _matched(flags: Sequence[Flag], comments: Sequence[Comment], hints: dict[str, int]) -> list[Outcome]:
    """Match comments and flags one to one: named pairs first, then exact ones, then heavy ones."""
    pairs = []
    for number, flag in enumerate(flags):
        for position, comment in enumerate(comments):
            if comment.label in ("praise", "note"):
                continue
            is_named = names(comment, flag)
            location = _location(flag, comment, is_named)
            if location:
                pairs.append((-is_named, -location, -WEIGHT[flag.site.severity], number, position))
    found: dict[int, tuple[int, bool, float]] = {}
    taken: set[int] = set()
    for unnamed, elsewhere, _, number, position in sorted(pairs):
        if number not in found and position not in taken:
            found[number] = position, bool(unnamed), -elsewhere
            taken.add(position)
    outcomes = []
    for number, flag in enumerate(flags):
        used = hints.get(flag.site.name, 0)
        if number not in found:
            outcomes.append(Outcome(flag, hints=used))
            continue
        position, is_named, location = found[number]
        comment = comments[position]
        credit = location * (1 if is_named else _LOCATED_ONLY) * max(1 - _HINT_COST * used, 0)
        if comment.label in ("nit", "question") and flag.site.severity != "minor":
            credit *= _PLAYED_DOWN
        outcomes.append(Outcome(flag, comment, is_named, credit, used))
    return outcomes


def _claim(comment: Comment) -> float:
    if comment.label in ("nit", "question"):
        return _NIT
    return WEIGHT[comment.severity] if comment.severity is not None else _UNCLAIMED


def _scored(
    outcomes: list[Outcome], alarms: list[FalseAlarm], extras: list[Comment], review: Review, is_flawed: bool
) -> Result:
    cost = sum(alarm.cost for alarm in alarms)
    right = "request-changes" if any(o.flag.site.severity != "minor" for o in outcomes) else "approve"
    verdict = review.verdict == right or (review.verdict is None and right == "approve" and not review.comments)
    if is_flawed and right == "approve":  # only minor flags: either verdict can be argued
        verdict = review.verdict is not None
    if not is_flawed:
        score = 100 / (1 + 0.25 * cost) * (1 if verdict or review.verdict is None else 0.7)
        return Result(score, (), tuple(alarms), tuple(extras), 1.0, 1.0 if not cost else 0.0, verdict)
    total = sum(WEIGHT[outcome.flag.site.severity] for outcome in outcomes)
    got = sum(WEIGHT[o.flag.site.severity] * o.credit for o in outcomes)
    recall, precision = got / total, got / (got + 0.5 * cost) if got else 0.0
    f = (1 + _BETA**2) * precision * recall / (_BETA**2 * precision + recall) if got else 0.0
    severity = sum(WEIGHT[o.flag.site.severity] * o.credit * (1 - o.severity_off / 2) for o in outcomes) / total
    missed = sum(not o.is_found and o.flag.site.severity == "blocker" for o in outcomes)
    score = min(75 * f + 15 * severity + 10 * f * verdict, _CAPS[min(missed, 2)])
    return Result(score, tuple(outcomes), tuple(alarms), tuple(extras), recall, precision, verdict)
