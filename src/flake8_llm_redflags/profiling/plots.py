"""Plots of the evidence, and one HTML page that holds them all. What is predicted or counted is drawn as such, hollow and in
grey; only what was measured on a GPU is drawn full. Needs matplotlib, imports no torch."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..knowledge import table
from .evidence import Record
from .publish import evidence_table, machines

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MEASURED, _PREDICTED, _BAD, _GOOD = "#1f6f43", "#9a9a9a", "#b3342d", "#1f6f43"


@dataclass(frozen=True, slots=True)
class Plot:
    """One figure: its file name, what it shows in words, and its PNG."""

    name: str
    title: str
    png: bytes


def plots(records: Sequence[Record]) -> list[Plot]:
    """Return the figures that the records give; stale records and those of test doubles show nowhere."""
    fresh = [record for record in records if record.is_fresh and not record.env.get("test_double")]
    drawn: list[tuple[str, str, Callable[[Sequence[Record]], Figure | None]]] = [
        (
            "speedups",
            "Speedup of the good body over the bad one, with its 95 % interval, against the prediction",
            _speedups,
        ),
        (
            "memory",
            "Peak memory over the length of the sequence, on two logarithmic axes: the slope is the power",
            _memory,
        ),
        ("roofline", "Work per byte and rate of work, under the ceilings of the machine", _roofline),
    ]
    return [Plot(name, title, _png(figure)) for name, title, draw in drawn if (figure := draw(fresh)) is not None]


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def _speedups(records: Sequence[Record]) -> Figure | None:
    timed = [record for record in records if record.is_measured or record.prediction]
    timed = [record for record in timed if not record.counted]
    names = list(dict.fromkeys(_label(record) for record in timed))
    if not names:
        return None
    figure, axes = _figure(9, 1.2 + 0.19 * len(names))
    for record in timed:
        y = names.index(_label(record))
        if record.prediction:
            axes.plot(record.prediction["speedup"], y, "o", mfc="none", mec=_PREDICTED)
        if record.is_measured and record.speedup:
            gain = record.speedup
            error = [[gain["median"] - gain["low"]], [gain["high"] - gain["median"]]]
            axes.errorbar(gain["median"], y, xerr=error, fmt="o", color=_MEASURED, capsize=2)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set(
        xscale="log", yticks=range(len(names)), xlabel=f"time of the bad body ÷ time of the good one ({_legend(timed)})"
    )
    axes.set_yticklabels(names, fontsize=7)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="x", alpha=0.3)
    return figure


def _legend(records: Iterable[Record]) -> str:
    gpus = sorted({record.machine for record in records if record.is_measured})
    return (
        f"full: measured on {', '.join(gpus)}; hollow: predicted" if gpus else "hollow: predicted; nothing is measured"
    )


def _label(record: Record) -> str:
    return f"{record.rule} {record.case} {record.size}"


def _memory(records: Sequence[Record]) -> Figure | None:
    groups: dict[tuple[str, str, str], dict[int, Record]] = {}
    for record in records:
        if record.counters and "tokens" in record.params and record.params["tokens"] > 1 and _peak(record, "bad"):
            at_size = record.counters["bad"].get("at", record.size) != "small"
            if at_size:
                groups.setdefault((record.rule, record.case, record.device), {})[record.params["tokens"]] = record
    swept = {key: points for key, points in groups.items() if len(points) >= 3}
    if not swept:
        return None
    figure, axes = _figure(7, 4.5)
    for (rule, case, device), points in sorted(swept.items()):
        for body, colour in (("bad", _BAD), ("good", _GOOD)):
            lengths = sorted(points)
            peaks = [_peak(points[length], body) for length in lengths]
            if all(peaks):
                how = "measured" if device == "cuda" else "counted"
                label = f"{rule} {case}, {body}: T^{_power(lengths, peaks):.2f} ({how})"
                full = {"mfc": colour} if device == "cuda" else {"mfc": "none", "linestyle": "--"}
                axes.plot(lengths, [peak / 1e9 for peak in peaks], marker="o", color=colour, label=label, **full)
    axes.set(xscale="log", yscale="log", xlabel="tokens T", ylabel="peak beyond the inputs, GB")
    axes.set_xticks(sorted({length for points in swept.values() for length in points}))
    axes.get_xaxis().set_major_formatter("{x:.0f}")
    axes.minorticks_off()
    axes.legend(fontsize=7)
    axes.grid(alpha=0.3)
    return figure


def _peak(record: Record, body: str) -> float:
    return float(record.counters[body].get("peak_bytes", 0)) if record.counters else 0.0


def _power(lengths: Sequence[int], values: Sequence[float]) -> float:
    from .formulas import power_law

    return power_law(lengths, values)


def _roofline(records: Sequence[Record]) -> Figure | None:
    counted = {record.key[:3]: record.counters for record in records if record.device == "cpu" and record.counters}
    points = [point for record in records for point in _rates(record, counted.get(record.key[:3]) or {})]
    if not points:
        return None
    ceilings, machine, measured = _ceilings(records)
    figure, axes = _figure(7, 4.5)
    intensities = [point[0] for point in points]
    span = [min([*intensities, 1.0]) / 2, max([*intensities, 1000.0]) * 2]
    grid = [span[0] * (span[1] / span[0]) ** (step / 100) for step in range(101)]
    for kind, style in (("bf16_tflops", "-"), ("fp32_tflops", ":")):
        roof = [min(ceilings[kind], ceilings["copy_tbs"] * intensity) for intensity in grid]
        axes.plot(grid, roof, style, color="black", linewidth=1, label=f"{kind.partition('_')[0]} ceiling, {machine}")
    for intensity, rate, body, is_measured in points:
        colour = _BAD if body == "bad" else _GOOD
        axes.plot(intensity, rate, "o" if body == "good" else "x", color=colour, mfc=colour if is_measured else "none")
    note = "full: measured; hollow: predicted" if measured else "all predicted, nothing measured"
    axes.set(xscale="log", yscale="log", xlabel=f"FLOPs per byte moved (×: bad, ○: good; {note})", ylabel="TFLOP/s")
    axes.legend(fontsize=7)
    axes.grid(alpha=0.3)
    return figure


def _rates(record: Record, work: dict[str, dict[str, Any]]) -> list[tuple[float, float, str, bool]]:
    """Return intensity, rate in TFLOP/s and body of a record whose work is counted at full size."""
    found = []
    for body in ("bad", "good"):
        counted = work.get(body, {})
        if counted.get("flops") and counted.get("bytes") and counted.get("at") != "small":
            times = (record.timing or {}).get("gpu", {}).get(body, {})
            ms = times.get("median") if record.is_measured else (record.prediction or {}).get(f"{body}_ms")
            if ms:
                found.append(
                    (counted["flops"] / counted["bytes"], counted["flops"] / ms / 1e9, body, record.is_measured)
                )
    return found


def _ceilings(records: Sequence[Record]) -> tuple[dict[str, float], str, bool]:
    for record in records:
        if (
            record.is_measured
            and record.ceilings
            and record.ceilings.keys() >= {"copy_tbs", "bf16_tflops", "fp32_tflops"}
        ):
            return record.ceilings, record.machine, True
    assumed = table("gpus")["h200"]
    return assumed, f"{assumed['name']} (assumed)", False


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>redflags: what it costs</title>
<style>body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222 }}
img {{ max-width: 100% }} table {{ border-collapse: collapse; font-size: 13px }} td, th {{ border: 1px solid #ccc; padding: 2px 6px;
text-align: left }} figure {{ margin: 2rem 0 }} figcaption {{ color: #555 }}</style></head><body>
<h1>What the red flags cost</h1>
<p>{machines}</p>
{figures}
{table}
</body></html>
"""


def page(records: Sequence[Record], figures: Iterable[Plot]) -> str:
    """Return one HTML page with every figure and the table; it loads nothing."""
    shown = "\n".join(
        f'<figure><img alt="{html.escape(plot.title)}" src="data:image/png;base64,{base64.b64encode(plot.png).decode()}">'
        f"<figcaption>{html.escape(plot.title)}</figcaption></figure>"
        for plot in figures
    )
    return _PAGE.format(machines=html.escape(machines(records)), figures=shown, table=_table(evidence_table(records)))


def _table(markdown: str) -> str:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines()]
    lines = [
        "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) + "</tr>"
        for row, tag in [(rows[0], "th"), *((row, "td") for row in rows[2:])]
    ]
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def write(records: Sequence[Record], folder: Path) -> list[Path]:
    """Write ``report.html`` and one PNG for each figure into ``folder``; return what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = plots(records)
    written = [folder / "report.html"]
    written[0].write_text(page(records, figures), encoding="utf-8")
    for plot in figures:
        written.append(folder / f"{plot.name}.png")
        written[-1].write_bytes(plot.png)
    return written
