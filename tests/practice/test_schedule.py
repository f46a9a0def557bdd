"""When concepts come back: the intervals measured with FSRS 6, the interview's cap, what is rated how."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flake8_llm_redflags.practice.grading import grade
from flake8_llm_redflags.practice.review import Comment, Review
from flake8_llm_redflags.practice.rounds import LEVELS, Round
from flake8_llm_redflags.practice.schedule import AGAIN, EASY, GOOD, HARD, due, ratings, readiness, replay
from flake8_llm_redflags.practice.session import Session
from flake8_llm_redflags.practice.store import Rated, Store

from .test_command import GPT, ROUND

START = datetime(2026, 9, 1, 9, tzinfo=UTC)


def intervals(sequence: list[int], interview: datetime | None = None) -> list[int]:
    """Return the days until a concept is due after each rating, each given on the day it was due."""
    log: list[Rated] = []
    at, days = START, []
    for rating in sequence:
        log.append(Rated("c", "optim", "major", at, rating, "R"))
        known = replay(log, at, interview)["c"]
        days.append((known.due - at).days)
        at = known.due
    return days


def test_intervals_grow_to_three_weeks_at_most() -> None:
    assert intervals([GOOD] * 4) == [2, 11, 21, 21]
    assert intervals([AGAIN, GOOD, GOOD, GOOD]) == [1, 2, 6, 17]


@pytest.mark.parametrize(("days", "most"), [(3, 2), (30, 10), (300, 21)])
def test_no_interval_is_longer_than_a_third_of_the_days_left(days: int, most: int) -> None:
    assert intervals([EASY], START + timedelta(days=days)) == [min(most, 8)]
    assert max(intervals([GOOD, GOOD], START + timedelta(days=days))) <= most


def test_what_is_due_comes_longest_overdue_first() -> None:
    log = [Rated(name, "optim", "major", START, rating, "R") for name, rating in (("good", GOOD), ("again", AGAIN))]
    known = replay(log, START)
    assert [k.concept for k in due(known, START + timedelta(days=9))] == ["again", "good"]
    assert [k.concept for k in due(known, START + timedelta(days=1, hours=1))] == ["again"]


def test_readiness_counts_what_was_never_met_as_missed() -> None:
    assert readiness({}, [GPT], START) == 0
    log = [Rated(site.concept, site.family, site.severity, START, GOOD, "R") for site in GPT.sites]
    assert readiness(replay(log, START), [GPT], START) == pytest.approx(1)
    assert 0 < readiness(replay(log[:3], START), [GPT], START + timedelta(days=5)) < 0.5


def session(minutes: float, hints: dict[str, int] | None = None) -> Session:
    return Session(ROUND, Path(), START, timedelta(minutes=10), hints or {}, START + timedelta(minutes=minutes))


def rated(
    minutes: float = 8,
    *,
    named: bool = True,
    severity: str | None = None,
    hints: dict[str, int] | None = None,
    explained: bool = False,
) -> int:
    """Return the rating of the first flag of a round that was reviewed in so many minutes."""
    flag = ROUND.rendered.flags[0]
    families = (flag.site.family,) if named else ()
    comment = Comment("x", flag.file, flag.lines[0], "issue", severity or flag.site.severity, families)  # type: ignore[arg-type]
    result = grade(ROUND.rendered.flags, ROUND.rendered.decoys, Review((comment,), hints=hints or {}))
    found = ratings(session(minutes, hints), result, frozenset({flag.site.name} if explained else ()))
    assert [r.rating for r in found if r.concept != flag.site.concept] == [AGAIN] * 2
    return next(r.rating for r in found if r.concept == flag.site.concept)


def test_ratings_follow_what_was_found_and_how() -> None:
    name = ROUND.rendered.flags[0].site.name
    assert rated() == GOOD
    assert rated(named=False) == HARD
    assert rated(hints={name: 1}) == HARD
    assert rated(severity="minor") == HARD
    assert rated(minutes=11) == HARD
    assert rated(minutes=5, explained=True) == EASY
    assert rated(minutes=8, explained=True) == GOOD


def test_an_accused_look_alike_is_hard() -> None:
    choice = tuple({"shift": 1, "tying": 2}.get(site.name, 0) for site in GPT.sites)
    round_ = Round(GPT, LEVELS["screen"], choice)
    decoy = next(d for d in round_.rendered.decoys if d.site is not None and d.site.name == "tying")
    accused = Review((Comment("x", decoy.file, decoy.lines[0]),))
    result = grade(round_.rendered.flags, round_.rendered.decoys, accused)
    found = {r.concept: r.rating for r in ratings(replace(session(5), round=round_), result)}
    assert found == {"LRF419": AGAIN, "weights-copied-not-tied": HARD}


def test_a_memory_without_tables_is_brought_up_to_date(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "practice.sqlite3"
    sqlite3.connect(path).execute("PRAGMA user_version = 0").connection.close()
    log = [Rated("c", "optim", "major", START, GOOD, "R")]
    Store(path).take_in([])
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 1
    assert Store(path).ratings() == []
    assert replay(log, START)["c"].due == START + timedelta(days=2)
