"""Joining what a script's lines cost with what the linter found on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from ...config import Config
from ...finding import Finding
from ...linter import lint
from ...source import Unreadable, read
from ..evidence import Record, stored
from .attribution import Line
from .run import Run

#: Below this share of the step a finding costs nothing worth mending here.
NEGLIGIBLE = 0.005


@dataclass(frozen=True, slots=True)
class Priced:
    """A finding with its share of the profiled time, and what the step would gain from mending it (Amdahl)."""

    finding: Finding
    ms: float
    share: float
    waits: int
    stall_ms: float
    #: bad ÷ good of the rule's case, and whether that was measured or predicted
    speedup: float | None
    basis: str
    #: Time of the step before ÷ after, ``1 / (1 - f + f / s)``; with no known gain, the bound for an infinite one.
    step_speedup: float


@dataclass(frozen=True, slots=True)
class Report:
    """Findings by cost, hot lines that nothing was found on, and findings that cost nothing here."""

    run: Run
    costly: tuple[Priced, ...]
    negligible: tuple[Priced, ...]
    hot: tuple[tuple[Line, float], ...]

    @property
    def clock(self) -> str:
        """What the times are."""
        return "GPU time" if self.run.profile.on_device else "CPU operator time; it says nothing about a GPU"

    def as_object(self) -> dict[str, Any]:
        """Return the report as JSON."""
        profile = self.run.profile
        return {
            "clock": self.clock,
            "steps": self.run.steps,
            "exit_code": self.run.exit_code,
            "total_ms": profile.total_ms,
            "attributed_share": profile.attributed_ms / profile.total_ms if profile.total_ms else None,
            "findings": [_as_object(priced) for priced in (*self.costly, *self.negligible)],
            "lines": [
                {"path": path, "line": line} | asdict(cost) for (path, line), cost in sorted(profile.lines.items())
            ],
        }


def make(run: Run, config: Config | None = None, records: Iterable[Record] | None = None) -> Report:
    """Lint the files that took part and price each finding."""
    gains = _gains(stored() if records is None else records)
    found = [finding for path in run.files for finding in _findings(str(path), config or Config())]
    priced = sorted((_price(run, finding, gains) for finding in found), key=lambda item: (-item.ms, item.finding.place))
    total = run.profile.total_ms or 1.0
    covered = {line for finding in found for line in _lines(finding)}
    hot = [(line, cost.own_ms / total) for line, cost in run.profile.lines.items() if line not in covered]
    hot = sorted((item for item in hot if item[1] >= 10 * NEGLIGIBLE), key=lambda item: (-item[1], item[0]))
    costly = tuple(item for item in priced if item.share >= NEGLIGIBLE or item.waits or item.stall_ms)
    return Report(run, costly, tuple(item for item in priced if item not in costly), tuple(hot[:10]))


def _findings(path: str, config: Config) -> list[Finding]:
    try:
        return [finding for finding in lint(read(path), config) if finding.code < "LRF900"]
    except Unreadable:
        return []


def _lines(finding: Finding) -> list[Line]:
    """Return the lines that a finding is about: where it stands, and the rest of the same computation."""
    return [(finding.path, line) for line in sorted({*range(finding.line, finding.end_line + 1), *finding.also})]


def _price(run: Run, finding: Finding, gains: Callable[[str], tuple[float | None, str]]) -> Priced:
    costs = [run.profile.lines[line] for line in _lines(finding) if line in run.profile.lines]
    total = run.profile.total_ms or 1.0
    ms = max((cost.inclusive_ms for cost in costs), default=0.0)
    ms = min(total, max(ms, sum(cost.own_ms for cost in costs)))
    share = ms / total
    speedup, basis = gains(finding.code)
    left = 1 - share + (share / speedup if speedup else 0)
    after = 1 / left if left > 0 else float("inf")
    waits, stall = sum(cost.waits for cost in costs), sum(cost.stall_ms for cost in costs)
    return Priced(finding, ms, share, waits, stall, speedup, basis, after)


def _gains(records: Iterable[Record]) -> Callable[[str], tuple[float | None, str]]:
    """Return a function that gives a rule's gain: measured where there is fresh evidence, else predicted, else unknown."""
    fresh = [record for record in records if record.is_fresh]

    def gain(code: str) -> tuple[float | None, str]:
        own = [record for record in fresh if record.rule == code]
        measured = [record.speedup["median"] for record in own if record.is_measured and record.speedup]
        if measured:
            return min(measured), "measured"
        predicted = [record.prediction["speedup"] for record in own if record.prediction]
        return (min(predicted), "predicted") if predicted else (None, "unknown")

    return gain


def _as_object(priced: Priced) -> dict[str, Any]:
    finding = priced.finding
    return {
        "code": finding.code,
        "path": finding.path,
        "line": finding.line,
        "message": finding.message,
        "ms": priced.ms,
        "share": priced.share,
        "waits": priced.waits,
        "stall_ms": priced.stall_ms,
        "speedup": priced.speedup,
        "basis": priced.basis,
        "step_speedup": priced.step_speedup if priced.step_speedup != float("inf") else None,
    }
