"""Timing two bodies against each other so that the result can be believed. The clock is handed in."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

SAMPLES = 30
_RESAMPLES = 1000


class Clock(Protocol):
    """Measures one call, in milliseconds."""

    def time(self, work: Callable[[], Any]) -> float:
        """Run ``work`` once and return how long it took."""
        ...


@dataclass(frozen=True, slots=True)
class Interval:
    """A ratio of medians with its 95 % bootstrap interval."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Samples of both bodies in milliseconds, their ratio, and the noise floor: what the ratio of equals comes to."""

    bad: tuple[float, ...]
    good: tuple[float, ...]
    speedup: Interval
    floor: float


def compare(
    bad: Callable[[], Any], good: Callable[[], Any], clock: Clock, samples: int = SAMPLES, warm_up: int = 3
) -> Comparison:
    """Time both bodies in the order A B B A, so that drift hits both alike, and the good one against itself."""
    for _ in range(warm_up):
        clock.time(bad)
        clock.time(good)
    bad_ms, good_ms = _abba(bad, good, clock, samples)
    again, and_again = _abba(good, good, clock, samples)
    same = ratio(again, and_again)
    return Comparison(tuple(bad_ms), tuple(good_ms), ratio(bad_ms, good_ms), max(same.high, 1 / same.low, 1.0))


def _abba(a: Callable[[], Any], b: Callable[[], Any], clock: Clock, samples: int) -> tuple[list[float], list[float]]:
    a_ms: list[float] = []
    b_ms: list[float] = []
    for _ in range((samples + 1) // 2):
        a_ms.append(clock.time(a))
        b_ms.append(clock.time(b))
        b_ms.append(clock.time(b))
        a_ms.append(clock.time(a))
    return a_ms, b_ms


def ratio(above: Sequence[float], below: Sequence[float], seed: int = 0) -> Interval:
    """Return the ratio of medians with its bootstrap interval; the same for the same samples."""
    rng = random.Random(seed)
    drawn = sorted(
        statistics.median(rng.choices(above, k=len(above))) / statistics.median(rng.choices(below, k=len(below)))
        for _ in range(_RESAMPLES)
    )
    middle = statistics.median(above) / statistics.median(below)
    return Interval(middle, drawn[int(0.025 * _RESAMPLES)], drawn[int(0.975 * _RESAMPLES) - 1])


def verdict(speedup: Interval, floor: float, expected: tuple[float, float] | None) -> str:
    """Judge a measured gain: refuted, inconclusive, confirmed, larger or smaller than expected.

    A gain counts from three times the noise. One that noise could not hide and that is not there is refuted.
    """
    noise = 3 * (floor - 1)
    if speedup.high <= 1 or (speedup.low <= 1 and speedup.high <= 1.05 and noise <= 0.05):
        return "refuted"
    if speedup.low <= 1 or speedup.median - 1 < noise:
        return "inconclusive"
    if expected is None or expected[0] <= speedup.median <= expected[1]:
        return "confirmed"
    return "larger" if speedup.median > expected[1] else "smaller"
