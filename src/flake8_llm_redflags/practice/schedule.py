"""When a concept comes back: FSRS on the log of ratings, never later than the interview allows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fsrs import Card, Rating, Scheduler

from .grading import WEIGHT, Outcome, Result
from .scenario import Scenario
from .session import Session
from .store import Rated

AGAIN, HARD, GOOD, EASY = 1, 2, 3, 4
#: The longest and shortest of the longest intervals, in days; a third of the days left in between.
_LONGEST, _SHORTEST = 21, 2
_QUICK = 0.6


@dataclass(frozen=True, slots=True)
class Known:
    """A concept that was met: when it is due, and how likely it would be spotted at a moment."""

    concept: str
    family: str
    severity: str
    due: datetime
    card: Card
    scheduler: Scheduler

    def likelihood(self, at: datetime) -> float:
        """Return the probability that the concept is spotted at a time."""
        return self.scheduler.get_card_retrievability(self.card, at)


def ratings(session: Session, result: Result, explained: frozenset[str] = frozenset()) -> list[Rated]:
    """Return how well each concept of a round was known; the worst place counts.

    ``explained``: the names of the sites whose why and fix were given in full.
    """
    at = session.submitted or session.started
    overtime = session.left(at) < timedelta()
    quick = (at - session.started) <= session.limit * _QUICK
    found: dict[str, Rated] = {}
    for outcome in result.outcomes:
        site = outcome.flag.site
        rating = _rating(outcome, overtime=overtime, quick=quick and site.name in explained)
        if site.concept not in found or rating < found[site.concept].rating:
            found[site.concept] = Rated(site.concept, site.family, site.severity, at, rating, session.round.code)
    for alarm in result.false_alarms:
        if alarm.decoy is not None and (site := alarm.decoy.site) is not None and site.concept not in found:
            found[site.concept] = Rated(site.concept, site.family, site.severity, at, HARD, session.round.code)
    return list(found.values())


def _rating(outcome: Outcome, *, overtime: bool, quick: bool) -> int:
    if not outcome.is_found:
        return AGAIN
    if not outcome.is_named or outcome.hints or overtime or (outcome.comment.severity and outcome.severity_off == 2):  # type: ignore[union-attr]
        return HARD
    return EASY if quick and outcome.severity_off == 0 else GOOD


def scheduler(now: datetime, interview: datetime | None) -> Scheduler:
    """Return the scheduler: no steps of minutes, no chance, intervals of at most a third of the days left."""
    longest = _LONGEST
    if interview is not None:
        longest = min(max((interview - now).days // 3, _SHORTEST), _LONGEST)
    return Scheduler(
        desired_retention=0.9, learning_steps=(), relearning_steps=(), enable_fuzzing=False, maximum_interval=longest
    )


def replay(log: Iterable[Rated], now: datetime, interview: datetime | None = None) -> dict[str, Known]:
    """Return what is known by now, from all ratings, oldest first."""
    plan = scheduler(now, interview)
    cards: dict[str, tuple[Card, Rated]] = {}
    for rated in log:
        card = cards[rated.concept][0] if rated.concept in cards else Card(card_id=len(cards) + 1)
        card, _ = plan.review_card(card, Rating(rated.rating), rated.at)
        cards[rated.concept] = card, rated
    return {
        concept: Known(concept, rated.family, rated.severity, card.due, card, plan)
        for concept, (card, rated) in cards.items()
    }


def due(known: dict[str, Known], now: datetime) -> list[Known]:
    """Return what is due, the longest overdue first."""
    return sorted((k for k in known.values() if k.due <= now), key=lambda k: k.due)


def readiness(known: dict[str, Known], scenarios: Iterable[Scenario], at: datetime) -> float:
    """Return the share of red flags, by weight, that one would spot at a time; what was never met counts as missed."""
    weights = {site.concept: WEIGHT[site.severity] for scenario in scenarios for site in scenario.sites}
    total = sum(weights.values())
    spotted = sum(weight * known[concept].likelihood(at) for concept, weight in weights.items() if concept in known)
    return spotted / total if total else 0.0
