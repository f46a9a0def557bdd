"""Evidence: what counts as measured, what is stale, what changed."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flake8_llm_redflags.cli import app
from flake8_llm_redflags.profiling import case_source, evidence, publish
from flake8_llm_redflags.profiling.evidence import Record
from flake8_llm_redflags.rules import all_rules

from ..support import RULES

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


def test_committed_evidence_is_fresh_and_covers_every_case() -> None:
    """Run ``redflags profile cases`` after a change to a case: what it wrote before is stale."""
    records = evidence.stored()
    stale = [record.key for record in records if not record.is_fresh]
    assert not stale
    there = {record.key[:3] for record in records if record.status == "ok"}
    cases = pytest.importorskip("flake8_llm_redflags.profiling.case").all_cases()
    assert {(code, case.name, size.name) for code, case in cases for size in case.sizes} <= there


#: Cases that are counted in a moment: attention, norms, training steps, copies, a wait.
QUICK = ["LRF501", "LRF502", "LRF505", "LRF520", "LRF522", "LRF605", "LRF620", "LRF701", "LRF705", "LRF720", "LRF740"]


@pytest.mark.parametrize("code", QUICK)
def test_counting_again_gives_the_committed_counters(code: str) -> None:
    """Counters have no clock in them: a difference is a change in PyTorch or in what is counted."""
    torch = pytest.importorskip("torch")
    from flake8_llm_redflags.profiling import worker
    from flake8_llm_redflags.profiling.case import cases_of

    committed = {record.key: record for record in evidence.stored()}
    for case in cases_of(code):
        for record in worker.records(code, case, "cpu", quick=True):
            before = committed[record.key]
            if before.env["torch"].split("+")[0] != torch.__version__.split("+")[0]:
                pytest.skip(f"counted with torch {before.env['torch']}")
            assert record.counters == before.counters
            assert record.prediction == pytest.approx(before.prediction)


def test_a_refuted_rule_is_preview() -> None:
    """What brings nothing where it was measured or counted must not be on by default."""
    refuted = {rule.code for rule in all_rules() if evidence.refuted(rule.code)}
    assert refuted <= {rule.code for rule in all_rules() if rule.preview}


@pytest.mark.parametrize(
    ("records", "refuted"),
    [
        ([replace(HAND_MADE, verdict="refuted")], True),
        ([replace(HAND_MADE, verdict="refuted"), replace(HAND_MADE, size="t8192")], False),
        ([replace(STALE, verdict="refuted")], False),
        ([replace(HAND_MADE, device="cpu", speedup=None, verdict="unmeasured")], False),
        ([replace(HAND_MADE, device="cpu", speedup=None, verdict="refuted", counted={"metric": "collectives"})], True),
    ],
)
def test_refuted(records: list[Record], refuted: bool) -> None:
    assert evidence.refuted("LRF501", records) == refuted


COUNTED = replace(
    HAND_MADE,
    device="cpu",
    speedup=None,
    env={},
    counters={
        "bad": {"operators": 8, "would_sync": 0, "bytes": 3.5e10, "peak_bytes": 8e9, "copied_bytes": 0, "at": "t4096"},
        "good": {"operators": 1, "would_sync": 0, "bytes": 5.4e8, "peak_bytes": 8e9, "copied_bytes": 0, "at": "t4096"},
    },
)


@pytest.mark.parametrize(
    ("records", "text"),
    [
        ([HAND_MADE, COUNTED], "measured ×9.00 [8.80, 9.20] on Hand-made GPU (causal, t4096): confirmed."),
        (
            [COUNTED],
            "predicted ×11.5 on an NVIDIA H200 (cost model), not measured;"
            " counted at t4096: operators 8 → 1, 35.00 → 0.54 GB moved.",
        ),
        ([STALE], "Unmeasured: the case changed since it was measured."),
        (
            [replace(COUNTED, prediction=None, counters=None, expected=(1.0, 2.5))],
            "expected ×1.0 to ×2.5 on a GPU, not measured.",
        ),
        ([replace(COUNTED, prediction=None, counters=None)], "unmeasured."),
    ],
    ids=["measured", "predicted", "stale", "expected", "nothing"],
)
def test_page_says_what_is_known(records: list[Record], text: str) -> None:
    page = publish.on_page("LRF501", "# LRF501\n\n## Measured\n\nBy hand.\n", records)
    assert page.endswith("<!-- end of evidence -->\n\nBy hand.\n")
    assert f"- `causal`: {text}\n" in page
    assert publish.on_page("LRF501", page, records) == page
    assert ("×9.00" in page) == (HAND_MADE in records)


def test_table_shows_a_stale_number_nowhere() -> None:
    assert "×9.00" in publish.evidence_table([HAND_MADE])
    assert "×9" not in publish.evidence_table([STALE])
    double = replace(HAND_MADE, env={"test_double": "PretendGpu"})
    assert "×9" not in publish.evidence_table([double])


def test_pages_and_readme_show_the_evidence_as_it_is() -> None:
    """Run ``redflags evidence publish`` to bring them up to date."""
    changed = [path.name for path, text in publish.published().items() if path.read_text(encoding="utf-8") != text]
    assert not changed


@pytest.mark.parametrize("code", case_source.modules())
def test_a_number_written_by_hand_says_that_it_is_not_measured(code: str) -> None:
    for page in RULES.glob(f"{code}-*.md"):
        measured = page.read_text(encoding="utf-8").partition("## Measured")[2].partition("\n## ")[0]
        by_hand = re.sub(r"<!-- evidence: .*?<!-- end of evidence -->", "", measured, flags=re.DOTALL)
        for paragraph in by_hand.split("\n\n"):
            if re.search(r"\d\s?[x×](?!\d)|(?<!\d)[x×]\s?\d", paragraph):
                assert re.search(r"predicted|quoted|published|counted|report", paragraph, re.IGNORECASE), paragraph


def test_rule_command_shows_what_the_evidence_says_now() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "flake8_llm_redflags", "rule", "LRF501"], capture_output=True, text=True, check=True
    )
    assert publish.in_prose("LRF501", evidence.stored()) in run.stdout
