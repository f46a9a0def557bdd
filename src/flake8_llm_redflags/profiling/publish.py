"""What is shown of the evidence: a block on each rule's page, the tables of the README. All of it is made here, between
markers, so that no number outlives the run that gave it; where nothing is measured it says so. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from .. import resources
from ..knowledge import table
from . import case_source
from .claims import Claim, claims
from .evidence import Record, change_in_words, counted_in_words, in_words, measured_case, stored

_BLOCK = "<!-- {name}: made by `redflags evidence publish` -->\n{text}\n<!-- end of {name} -->"


def replaced(text: str, name: str, content: str) -> str:
    """Return a text with ``content`` between the markers of ``name``; unchanged where it has none."""
    pattern = rf"<!-- {name}: .*?-->\n.*?\n<!-- end of {name} -->"
    block = _BLOCK.format(name=name, text=content)
    return re.sub(pattern, lambda _: block, text, count=1, flags=re.DOTALL)


def without_markers(text: str) -> str:
    """Return a text as a reader wants it: without the lines that say where made text starts and ends."""
    return re.sub(r"^<!-- .*? -->\n", "", text, flags=re.MULTILINE)


def on_page(code: str, text: str, records: Iterable[Record] | None = None) -> str:
    """Return a rule's page with what the evidence says now at the head of its *Measured* section.

    A rule without a case keeps its page as it is.
    """
    if code not in case_source.modules():
        return text
    content = in_prose(code, stored() if records is None else records)
    if "<!-- evidence: " in text:
        return replaced(text, "evidence", content)
    return text.replace("## Measured\n\n", f"## Measured\n\n{_BLOCK.format(name='evidence', text=content)}\n\n", 1)


def in_prose(code: str, records: Iterable[Record]) -> str:
    """Return what is known about a rule's cost, a line for each case; a number is measured, counted or predicted."""
    own = [record for record in records if record.rule == code]
    lines = [line for group in _cases(own) for line in _lines(group)]
    return "\n".join(lines) or "Unmeasured."


def _cases(records: Iterable[Record]) -> Iterator[list[Record]]:
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        groups.setdefault((record.rule, record.case), []).append(record)
    yield from groups.values()


def _lines(group: list[Record]) -> Iterator[str]:
    name = f"`{group[0].case}`"
    measured = [record for record in group if record.is_measured]
    yield from (f"- {name}: {in_words(record)}." for record in measured)
    fresh = [record for record in group if record.is_fresh]
    counts = _counts(fresh)
    if measured:
        return
    stale = " Unmeasured: the case changed since it was measured." if len(fresh) < len(group) else ""
    if not fresh:
        yield f"- {name}:{stale}"
        return
    yield f"- {name}: {_outlook(fresh)}{f'; {counts}' if counts else ''}.{stale}"


def _outlook(fresh: list[Record]) -> str:
    """Say what a case should gain: counted exactly, predicted by the cost model, or expected by whoever wrote it."""
    counted = next((record for record in fresh if record.counted), None)
    if counted is not None:
        return f"counted, which is exact: {counted_in_words(counted)}"
    gains = sorted(record.prediction["speedup"] for record in fresh if record.prediction)
    if gains:
        gpu = next(record.prediction["gpu"] for record in fresh if record.prediction)
        return f"predicted {_span(gains[0], gains[-1])} on an {gpu} (cost model), not measured"
    limits = next((record.expected for record in fresh if record.expected), None)
    return f"expected {_span(*limits)} on a GPU, not measured" if limits else "unmeasured"


def _span(low: float, high: float) -> str:
    return f"×{low:.1f}" if f"{low:.1f}" == f"{high:.1f}" else f"×{low:.1f} to ×{high:.1f}"


def _counts(fresh: list[Record]) -> str:
    """Return the counters that the good body changes, at the largest size that was counted."""
    counted = [record for record in fresh if record.device == "cpu" and record.counters and not record.counted]
    if not counted:
        return ""
    record = max(counted, key=lambda record: record.counters["bad"]["bytes"] if record.counters else 0)
    assert record.counters is not None
    bad, good = record.counters["bad"], record.counters["good"]
    at_size = bad["at"] != "small"
    shown = _SHOWN if at_size else [name for name in _SHOWN if name not in ("bytes", "peak_bytes")]
    kept = [change_in_words(name, bad[name], good[name]) for name in shown if _differ(name, bad[name], good[name])]
    where = f"at {record.size}" if at_size else "at a small size"
    return f"counted {where}: {', '.join(kept)}" if kept else ""


_SHOWN = ("operators", "would_sync", "bytes", "peak_bytes", "copied_bytes")


def _differ(name: str, bad: float, good: float) -> bool:
    """Tell whether two counts differ enough to be worth a word."""
    if name == "copied_bytes" and bad <= good:  # one read instead of many
        return False
    return abs(bad - good) > (0.05 * max(bad, good) if name.endswith("bytes") else 0)


def evidence_table(records: Iterable[Record] | None = None) -> str:
    """Return a Markdown table with a row for each case: what was counted, predicted and measured."""
    rows = ["| rule | case | bad → good | predicted | measured |", "|---|---|---|---|---|"]
    for group in _cases(sorted(stored() if records is None else records, key=lambda record: record.rule)):
        fresh = [record for record in group if record.is_fresh]
        measured = "; ".join(_short(record) for record in group if record.is_measured)
        code, case = group[0].rule, group[0].case
        counted = _counts(fresh).partition(": ")[2] or (_outlook(fresh).partition(": ")[2] if fresh else "")
        rows.append(f"| {code} | {case} | {counted} | {_predicted(fresh)} | {measured or 'no'} |")
    return "\n".join(rows)


def _predicted(fresh: list[Record]) -> str:
    if not fresh or fresh[0].counted:
        return ""
    gains = sorted(record.prediction["speedup"] for record in fresh if record.prediction)
    limits = fresh[0].expected
    return _span(gains[0], gains[-1]) if gains else f"{_span(*limits)} (by hand)" if limits else ""


def _short(record: Record) -> str:
    assert record.speedup is not None
    gain = record.speedup
    interval = f"[{gain['low']:.2f}, {gain['high']:.2f}]"
    return f"×{gain['median']:.2f} {interval} at {record.size}, {record.machine}: {record.verdict}"


def claims_table(rows: Iterable[Claim] | None = None) -> str:
    """Return the guide's numbers as a Markdown table."""
    lines = ["| number | people say | checked | what came out | verdict |", "|---|---|---|---|---|"]
    for row in claims(measured=measured_case) if rows is None else rows:
        lines.append(f"| {row.topic} | {row.says} | {row.checked} | {row.came_out} | {row.verdict} |")
    return "\n".join(lines)


def machines(records: Iterable[Record]) -> str:
    """Say in a sentence what the numbers of a table rest on."""
    gpus = sorted({record.machine for record in records if record.is_measured})
    if gpus:
        return f"Measured on {', '.join(gpus)}; the rest is counted on a CPU or predicted."
    model = table("gpus")["h200"]["name"]
    return f"No GPU run has been made: counts are exact, predictions are a cost model's for an {model}, nothing is measured."


def published(root: Path | None = None) -> dict[Path, str]:
    """Return the files of a checkout that show evidence, each with the text that it should have."""
    records = stored()
    readme = (root or resources.folder("rules").parent) / "README.md"
    text = readme.read_text(encoding="utf-8")
    text = replaced(text, "evidence", f"{machines(records)}\n\n{evidence_table(records)}")
    found = {readme: replaced(text, "claims", claims_table())}
    for path in sorted(resources.folder("rules").glob("LRF*.md")):
        if path.name[:6] in case_source.modules():
            found[path] = on_page(path.name[:6], path.read_text(encoding="utf-8"), records)
    return found
