"""Plots and report: drawn from evidence alone, and never a prediction as if it were measured."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from flake8_llm_redflags.profiling import evidence, plots

from .test_evidence import COUNTED, HAND_MADE, STALE

PNG = b"\x89PNG\r\n\x1a\n"

NONE = {"operators": 1, "would_sync": 0, "copied_bytes": 0}
SWEEP = [
    replace(
        COUNTED,
        size=f"t{tokens}",
        params={"tokens": tokens},
        prediction={"speedup": 11.0, "bad_ms": 8.0, "good_ms": 0.7, "gpu": "NVIDIA H200"},
        counters={
            "bad": NONE
            | {"peak_bytes": 500 * tokens**2, "flops": 4e6 * tokens, "bytes": 2e4 * tokens, "at": f"t{tokens}"},
            "good": NONE
            | {"peak_bytes": 8000 * tokens, "flops": 2e6 * tokens, "bytes": 2e3 * tokens, "at": f"t{tokens}"},
        },
    )
    for tokens in (1024, 2048, 4096)
]


def profile_report(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flake8_llm_redflags", "profile", "report", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_command_writes_pictures_and_a_page_that_loads_nothing(tmp_path: Path) -> None:
    file, out = tmp_path / "hand-made.jsonl", tmp_path / "report"
    for record in (HAND_MADE, *SWEEP):
        evidence.append(file, record)
    done = profile_report("--file", str(file), "--out", str(out))
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == ["memory.png", "report.html", "roofline.png", "speedups.png"]
    assert all(path.read_bytes().startswith(PNG) for path in out.glob("*.png"))
    page = (out / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 3
    assert "http" not in page
    assert "Measured on Hand-made GPU" in page
    assert "×9.00 [8.80, 9.20]" in page


def test_what_ships_is_labelled_as_it_is(tmp_path: Path) -> None:
    assert profile_report("--out", str(tmp_path)).returncode == 0
    page = (tmp_path / "report.html").read_text()
    if not any(record.is_measured for record in evidence.stored()):
        assert "nothing is measured" in page


@pytest.mark.parametrize(
    "record", [STALE, replace(HAND_MADE, env={"test_double": "PretendGpu"})], ids=["stale", "double"]
)
def test_what_does_not_hold_is_not_drawn(record: evidence.Record) -> None:
    assert plots.plots([record]) == []
    assert "×9" not in plots.page([record], [])


def texts(figure) -> str:
    """Return the words of a figure: its axis and its legend."""
    axes = figure.axes[0]
    legend = axes.get_legend()
    return " ".join([axes.get_xlabel(), *(text.get_text() for text in (legend.get_texts() if legend else ()))])


def test_figures_say_what_is_predicted_and_what_is_measured() -> None:
    assert "nothing is measured" in texts(plots._speedups(SWEEP))
    assert "full: measured on Hand-made GPU" in texts(plots._speedups([HAND_MADE, *SWEEP]))
    memory = texts(plots._memory(SWEEP))
    assert "bad: T^2.00 (counted)" in memory
    assert "good: T^1.00 (counted)" in memory
    assert "all predicted, nothing measured" in texts(plots._roofline(SWEEP))


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--file", "no_such_file.jsonl"], "redflags: no_such_file.jsonl: cannot be read"),
        (["--out", "/dev/null/x"], "redflags: --out /dev/null/x: cannot be written"),
    ],
)
def test_bad_input_is_one_clear_line(arguments: list[str], line: str) -> None:
    done = profile_report(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == 1
