"""The grading formula: the table of simulated reviewers, and what must hold for every review."""

from __future__ import annotations

import random
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flake8_llm_redflags.practice.grading import Result, grade
from flake8_llm_redflags.practice.review import Comment, Review

from .reviewers import FILE, LENGTH, REVIEWERS, Round, at, make_round, on

ROUNDS = 600
#: Mean scores of the simulation that the constants come from, and of a clean round.
MEANS = {
    "blank": 0, "6 random lines": 5, "every 5th line": 12, "every line a blocker": 12, "every line a nit": 17,
    "minors and 6 nits": 11, "novice": 30, "mid": 56, "only blockers": 58, "right lines, never named": 58, "all but one blocker": 67,
    "strong": 81, "perfect, but two look-alikes blockers": 86, "expert": 93, "perfect, all called blockers": 96,
    "perfect and 3 nits": 99, "perfect": 100,
}  # fmt: skip
CLEAN = {None: 100, "nit": 89, "major": 57, "blocker": 44}


def graded(round_: Round, comments: list[Comment], *, right_verdict: bool = True) -> Result:
    return grade(*round_, Review(tuple(comments), "request-changes" if right_verdict else None))


@pytest.mark.parametrize("reviewer", MEANS)
def test_simulated_reviewers_get_their_scores(reviewer: str) -> None:
    rng = random.Random(7)
    scores = []
    for _ in range(ROUNDS):
        round_ = make_round(rng, rng.choice([3, 4, 5, 6, 7]))
        scores.append(graded(round_, REVIEWERS[reviewer](rng, round_)).score)
    assert mean(scores) == pytest.approx(MEANS[reviewer], abs=2.5)


@pytest.mark.parametrize("claim", CLEAN)
def test_clean_rounds_cost_what_is_claimed(claim: str | None) -> None:
    label, severity = ("nit", None) if claim == "nit" else ("issue", claim)
    comments = () if claim is None else (at(20, severity, label),)
    assert grade((), (), Review(comments, "approve")).score == pytest.approx(CLEAN[claim], abs=0.6)


def test_the_wrong_verdict_on_a_clean_round_costs_three_tenths() -> None:
    assert grade((), (), Review((), "request-changes")).score == pytest.approx(70)


comments = st.builds(
    lambda line, severity, label: at(line, severity, label),
    st.integers(1, LENGTH),
    st.sampled_from([None, "blocker", "major", "minor"]),
    st.sampled_from(["issue", "nit", "question", "suggestion"]),
)


@settings(max_examples=300)
@given(st.integers(0, 10**6), st.lists(comments, max_size=8), st.integers(0, 6))
def test_a_right_comment_never_lowers_the_score(seed: int, others: list[Comment], which: int) -> None:
    round_ = make_round(random.Random(seed), random.Random(seed).choice([3, 5, 7]))
    flag = round_[0][which % len(round_[0])]
    others = [c for c in others if c.line not in flag.lines]
    assert graded(round_, [*others, on(flag)]).score >= graded(round_, others).score - 1e-9


@settings(max_examples=300)
@given(st.integers(0, 10**6), st.lists(comments, max_size=8), comments)
def test_a_false_alarm_never_raises_the_score(seed: int, others: list[Comment], alarm: Comment) -> None:
    round_ = make_round(random.Random(seed), 5)
    if any(abs((alarm.line or 0) - line) <= 2 for flag in round_[0] for line in flag.lines):
        return
    assert graded(round_, [*others, alarm]).score <= graded(round_, others).score + 1e-9


@settings(max_examples=200)
@given(st.integers(0, 10**6), st.lists(comments, max_size=10), st.randoms())
def test_the_order_of_comments_does_not_matter(seed: int, given_: list[Comment], rng: random.Random) -> None:
    round_ = make_round(random.Random(seed), 5)
    shuffled = list(given_)
    rng.shuffle(shuffled)
    assert graded(round_, given_).score == pytest.approx(graded(round_, shuffled).score)


def test_a_near_comment_counts_only_if_it_names_the_flag() -> None:
    round_ = make_round(random.Random(1), 5)
    flag = round_[0][0]
    near = Comment("", FILE, flag.lines[0] - 1, "issue", "blocker", (flag.site.family,))
    assert grade(*round_, Review((near,))).outcomes[0].credit == pytest.approx(0.8)
    assert not grade(*round_, Review((at(flag.lines[0] - 1),))).outcomes[0].is_found


def test_what_the_linter_reports_too_is_no_false_alarm() -> None:
    round_ = make_round(random.Random(1), 3)
    free = next(
        n for n in range(1, LENGTH) if all(abs(n - line) > 3 for part in round_ for item in part for line in item.lines)
    )
    assert grade(*round_, Review((at(free),))).false_alarms
    result = grade(*round_, Review((at(free),)), frozenset({(FILE, free)}))
    assert not result.false_alarms
    assert len(result.extras) == 1


def test_hints_cost_a_fifth_each() -> None:
    round_ = make_round(random.Random(1), 3)
    flag = round_[0][0]
    assert grade(*round_, Review((on(flag),), hints={flag.site.name: 2})).outcomes[0].credit == pytest.approx(0.6)
