"""Stored results of the cases: one JSON object a line in ``evidence/<machine>.jsonl``, and whether they still hold.

A number counts as measured only while the case that gave it is unchanged and the run was on a GPU.
"""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from .. import resources
from . import case_source

SCHEMA = 1


class BadEvidence(Exception):
    """A file that holds no evidence, or evidence of another schema; the text names file and line."""


@dataclass(frozen=True, slots=True)
class Record:
    """What one case gave at one size on one machine. Times in milliseconds, memory in bytes."""

    rule: str
    case: str
    size: str
    #: cuda, or cpu: then there are counters and no times
    device: str
    #: ok, out of memory, failed, not equal or skipped
    status: str
    #: hash of the case, see ``case_source.digest``
    source: str
    params: dict[str, Any] = field(default_factory=dict)
    env: dict[str, Any] = field(default_factory=dict)
    ceilings: dict[str, float] | None = None
    equivalence: dict[str, Any] | None = None
    counters: dict[str, dict[str, Any]] | None = None
    prediction: dict[str, Any] | None = None
    timing: dict[str, Any] | None = None
    #: speedup, low and high, that whoever wrote the case expects, where they do not leave it to the prediction
    expected: tuple[float, float] | None = None
    #: what a case about a counter saves: metric, bad and good; exact, and the same on every machine
    counted: dict[str, Any] | None = None
    #: median, low and high of bad ÷ good (95 % bootstrap interval), and the A/A floor
    speedup: dict[str, float] | None = None
    #: confirmed, larger, smaller, refuted, inconclusive, out of memory or unmeasured
    verdict: str = "unmeasured"
    note: str = ""
    schema: int = SCHEMA

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes two records comparable: rule, case, size and device."""
        return (self.rule, self.case, self.size, self.device)

    @property
    def machine(self) -> str:
        """The GPU, or ``cpu``."""
        return str(self.env.get("gpu") or self.device)

    @property
    def is_fresh(self) -> bool:
        """Whether the case is still the one that was run."""
        return self.source == case_source.digest(self.rule)

    @property
    def is_measured(self) -> bool:
        """Whether the speedup may be shown as a measurement: taken on a GPU, with the case as it is now."""
        return self.device == "cuda" and self.speedup is not None and self.is_fresh and not self.env.get("test_double")


def read(path: Path) -> list[Record]:
    """Return the records of a file; a later record of the same key replaces an earlier one."""
    known = {entry.name for entry in fields(Record)}
    records: dict[tuple[str, str, str, str], Record] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadEvidence(f"{path}: cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
            if value.get("schema") != SCHEMA:
                raise BadEvidence(f"{path}:{number}: schema {value.get('schema')!r}, this version reads {SCHEMA}")
            record = Record(**{name: entry for name, entry in value.items() if name in known})
        except (ValueError, TypeError, AttributeError) as error:
            if number == len(lines):  # the run was ended while it wrote this line
                break
            raise BadEvidence(f"{path}:{number}: no evidence record: {error}") from error
        records[record.key] = record
    return list(records.values())


def append(path: Path, record: Record) -> None:
    """Write a record and force it to disk, so that nothing measured is lost when the next case ends the machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(asdict(record), ensure_ascii=False, sort_keys=True).encode() + b"\n"
    if path.exists() and (text := path.read_bytes()) and not text.endswith(b"\n"):
        path.write_bytes(text[: text.rfind(b"\n") + 1])  # an earlier run was ended in the middle of a line
    with path.open("ab") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def stored(folder: Path | None = None) -> list[Record]:
    """Return all evidence that is committed."""
    folder = folder or resources.folder("evidence")
    return [record for path in sorted(folder.glob("*.jsonl")) for record in read(path)]


def standing(rule: str, records: Iterable[Record] | None = None) -> str:
    """Say in one line what is known about a rule's cost; never a stale or predicted number as if it were measured."""
    records = [record for record in (stored() if records is None else records) if record.rule == rule]
    measured = [record for record in records if record.is_measured]
    if measured:
        return "; ".join(in_words(record) for record in measured)
    if any(record.speedup for record in records if record.device == "cuda" and not record.env.get("test_double")):
        return "unmeasured (source changed)"
    counted = [record for record in records if record.counted and record.is_fresh]
    if counted:
        return "; ".join(f"counted {counted_in_words(record)} ({record.case}, {record.size})" for record in counted)
    predicted = [record for record in records if record.prediction and record.is_fresh]
    if predicted:
        best = max(predicted, key=lambda record: record.prediction["speedup"] if record.prediction else 0)
        assert best.prediction is not None
        where = f"{best.case}, {best.size}, {best.prediction['gpu']}"
        return f"predicted ×{best.prediction['speedup']:.1f} ({where}); unmeasured"
    expected = next((record.expected for record in records if record.expected and record.is_fresh), None)
    return f"expected ×{expected[0]:.1f} to ×{expected[1]:.1f}; unmeasured" if expected else "unmeasured"


#: How counters are called in prose.
COUNTERS = {
    "collectives": "all-reduces",
    "kept_nodes": "graph nodes kept",
    "compilations": "graphs compiled",
    "operators": "operators",
    "would_sync": "waits",
    "bytes": "moved",
    "peak_bytes": "at the peak",
    "copied_bytes": "between host and device",
}


def change_in_words(metric: str, bad: float, good: float) -> str:
    """Return ``"operators 8 → 1"`` or ``"35.00 → 0.54 GB moved"``."""
    if not metric.endswith("bytes"):
        return f"{COUNTERS[metric]} {bad:,} → {good:,}"
    largest = max(bad, good)
    unit, factor = ("GB", 1e9) if largest >= 1e8 else ("MB", 1e6) if largest >= 1e5 else ("KB", 1e3)
    return f"{bad / factor:.2f} → {good / factor:.2f} {unit} {COUNTERS[metric]}"


def counted_in_words(record: Record) -> str:
    """Return what a case about a counter saves, with the verdict."""
    assert record.counted is not None
    metric, bad, good = (record.counted[key] for key in ("metric", "bad", "good"))
    return f"{change_in_words(metric, bad, good)}: {record.verdict}"


def refuted(rule: str, records: Iterable[Record] | None = None) -> bool:
    """Tell whether all that was measured or counted of a rule says that nothing is gained: such a rule is preview."""
    found = [record for record in (stored() if records is None else records) if record.rule == rule and record.is_fresh]
    verdicts = {record.verdict for record in found if record.is_measured or record.counted}
    return verdicts == {"refuted"}


def in_words(record: Record) -> str:
    """Return a measured record as text: gain, interval, machine and verdict."""
    assert record.speedup is not None
    gain = record.speedup
    interval = f"×{gain['median']:.2f} [{gain['low']:.2f}, {gain['high']:.2f}]"
    return f"measured {interval} on {record.machine} ({record.case}, {record.size}): {record.verdict}"


def measured_case(case: str) -> tuple[str, float] | None:
    """Return what fresh evidence says about ``"LRF501/causal"``, in words and as the median over its sizes, if anything."""
    rule, _, name = case.partition("/")
    found = [record for record in stored() if (record.rule, record.case) == (rule, name) and record.is_measured]
    gains = [record.speedup["median"] for record in found if record.speedup]
    return ("; ".join(in_words(record) for record in found), statistics.median(gains)) if gains else None


@dataclass(frozen=True, slots=True)
class Change:
    """How one case moved between two evidence files."""

    key: tuple[str, str, str, str]
    #: improved, regressed, same, appeared, vanished or verdict changed
    what: str
    text: str

    @property
    def is_bad(self) -> bool:
        """Whether a run over the new file should fail."""
        return self.what in ("regressed", "verdict changed") and not self.text.startswith("environment changed")


def diff(old: Iterable[Record], new: Iterable[Record]) -> Iterator[Change]:
    """Yield what differs: speedups are compared, not milliseconds, as machines and versions differ in those."""
    before, after = {record.key: record for record in old}, {record.key: record for record in new}
    for key in sorted(before.keys() | after.keys()):
        if key not in after:
            yield Change(key, "vanished", "only in the old file")
        elif key not in before:
            yield Change(key, "appeared", "only in the new file")
        else:
            yield _change(key, before[key], after[key])


def _change(key: tuple[str, str, str, str], old: Record, new: Record) -> Change:
    prefix = "" if _same_environment(old, new) else "environment changed: "
    if (old.verdict == "confirmed" and new.verdict == "refuted") or (old.status == "ok") > (new.status == "ok"):
        states = [f"{record.verdict} ({record.status})" for record in (old, new)]
        return Change(key, "verdict changed", f"{states[0]} → {states[1]}")
    if old.speedup and new.speedup:
        floor = max(old.speedup["floor"], new.speedup["floor"])
        text = f"{prefix}×{old.speedup['median']:.2f} → ×{new.speedup['median']:.2f}"
        if new.speedup["high"] * floor < old.speedup["low"]:
            return Change(key, "regressed", text)
        if new.speedup["low"] > old.speedup["high"] * floor:
            return Change(key, "improved", text)
        return Change(key, "same", text)
    moved = [name for name in ("bad", "good") if (old.counters or {}).get(name) != (new.counters or {}).get(name)]
    if moved:
        return Change(key, "counters differ", f"{prefix}{' and '.join(moved)}")
    return Change(key, "same", f"{prefix}counters equal")


def _same_environment(old: Record, new: Record) -> bool:
    """Tell whether two runs are comparable: the same GPU, torch minor version, and ceilings within 3 %."""

    def minor(record: Record) -> list[str]:
        return str(record.env.get("torch", "")).split("+")[0].split(".")[:2]

    if old.machine != new.machine or minor(old) != minor(new):
        return False
    before, after = old.ceilings or {}, new.ceilings or {}
    return all(abs(after.get(name, value) - value) <= 0.03 * value for name, value in before.items())
