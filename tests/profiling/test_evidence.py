"""Evidence: what counts as measured, what is stale, what changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flake8_llm_redflags.cli import app
from flake8_llm_redflags.profiling import case_source, evidence
from flake8_llm_redflags.profiling.evidence import Record

#: Made by hand: no machine gave these numbers.
HAND_MADE = Record(
    rule="LRF501",
    case="causal",
    size="t4096",
    device="cuda",
    status="ok",
    source=case_source.digest("LRF501") or "",
    env={"gpu": "Hand-made GPU", "torch": "2.13.0"},
    ceilings={"copy_tbs": 4.0},
    prediction={"speedup": 11.5, "gpu": "NVIDIA H200"},
    speedup={"median": 9.0, "low": 8.8, "high": 9.2, "floor": 1.01},
    verdict="confirmed",
)
STALE = replace(HAND_MADE, source="0" * 16)


def test_fresh_evidence_from_a_gpu_is_measured() -> None:
    text = evidence.standing("LRF501", [HAND_MADE])
    assert text == "measured ×9.00 [8.80, 9.20] on Hand-made GPU (causal, t4096): confirmed"


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (STALE, "unmeasured (source changed)"),
        (replace(HAND_MADE, speedup=None, device="cpu"), "predicted ×11.5 (causal, t4096, NVIDIA H200); unmeasured"),
        (replace(HAND_MADE, speedup=None, prediction=None), "unmeasured"),
        (replace(HAND_MADE, env={"test_double": "ScriptedClock"}, prediction=None), "unmeasured"),
        (replace(HAND_MADE, device="cpu", prediction=None), "unmeasured"),
    ],
    ids=["stale", "cpu", "nothing", "double", "cpu-time"],
)
def test_nothing_else_is_shown_as_measured(record: Record, text: str) -> None:
    assert evidence.standing("LRF501", [record]) == text
    assert not record.is_measured


def test_file_keeps_the_last_record_and_survives_a_cut_line(tmp_path: Path) -> None:
    file = tmp_path / "gpu.jsonl"
    evidence.append(file, HAND_MADE)
    evidence.append(file, replace(HAND_MADE, verdict="refuted"))
    with file.open("a") as stream:
        stream.write('{"schema": 1, "rule": "LRF5')
    assert [record.verdict for record in evidence.read(file)] == ["refuted"]
    evidence.append(file, replace(HAND_MADE, size="t8192"))
    assert [record.size for record in evidence.read(file)] == ["t4096", "t8192"]


@pytest.mark.parametrize("line", ["no json", "[]", '{"schema": 99}', '{"schema": 1}'])
def test_a_bad_file_is_one_clear_line(line: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text(f'{line}\n{{"schema": 1}}\n')
    with pytest.raises(evidence.BadEvidence, match=r"bad\.jsonl:1: "):
        evidence.read(file)


@pytest.mark.parametrize(
    ("new", "what", "bad"),
    [
        (HAND_MADE, "same", False),
        (replace(HAND_MADE, speedup={"median": 5.0, "low": 4.9, "high": 5.1, "floor": 1.01}), "regressed", True),
        (replace(HAND_MADE, speedup={"median": 12.0, "low": 11.9, "high": 12.1, "floor": 1.01}), "improved", False),
        (replace(HAND_MADE, verdict="refuted"), "verdict changed", True),
        (replace(HAND_MADE, status="out of memory", speedup=None), "verdict changed", True),
        (replace(HAND_MADE, size="t8192"), "appeared", False),
    ],
)
def test_diff(new: Record, what: str, bad: bool) -> None:
    changes = [change for change in evidence.diff([HAND_MADE], [new]) if change.what != "vanished"]
    assert [(change.what, change.is_bad) for change in changes] == [(what, bad)]


def test_diff_says_where_the_machine_changed() -> None:
    (change,) = evidence.diff([HAND_MADE], [replace(HAND_MADE, ceilings={"copy_tbs": 3.0})])
    assert change.text.startswith("environment changed: ")


def test_commands(tmp_path: Path) -> None:
    fresh, stale = tmp_path / "fresh.jsonl", tmp_path / "stale.jsonl"
    evidence.append(fresh, HAND_MADE)
    evidence.append(stale, STALE)
    run = CliRunner().invoke
    assert "measured ×9.00" in run(app, ["evidence", "show", "lrf501", "--file", str(fresh)]).stdout
    assert "unmeasured (source changed)" in run(app, ["evidence", "show", "LRF501", "--file", str(stale)]).stdout
    assert run(app, ["evidence", "check", "--file", str(fresh)]).exit_code == 0
    assert run(app, ["evidence", "check", "--file", str(stale)]).exit_code == 1
    assert run(app, ["evidence", "diff", str(fresh), str(fresh)]).exit_code == 0


def test_committed_evidence_is_readable() -> None:
    evidence.stored()
