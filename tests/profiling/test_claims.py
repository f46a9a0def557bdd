"""The guide's numbers: every row is complete, and the figures are what arithmetic says."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from flake8_llm_redflags.cli import app
from flake8_llm_redflags.knowledge import table
from flake8_llm_redflags.profiling import formulas
from flake8_llm_redflags.profiling.claims import Claim, claims
from flake8_llm_redflags.profiling.formulas import Shape

ROWS = {row.key: row for row in claims()}


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.key)
def test_row_is_complete(row: Claim) -> None:
    assert all((row.topic, row.says, row.came_out, row.say, row.source))
    assert row.checked in ("computed", "simulated", "predicted", "measured", "not checkable here")
    assert row.verdict in ("holds", "depends", "wrong as stated", "open")
    assert (row.verdict == "open") == (row.checked in ("predicted", "not checkable here"))
    assert "{" not in row.came_out + row.say
    assert bool(row.figures) == (row.checked != "not checkable here")


@pytest.mark.parametrize(
    ("key", "figure", "value"),
    [
        ("attention-quadratic", "exponent", 2.0),
        ("attention-quadratic", "crossover", 24704),
        ("flash-speed", "speedup", 11.51),
        ("flash-memory", "by_hand_exponent", 2.0),
        ("flash-memory", "fused_exponent", 1.0),
        ("mqa-memory", "on_8", 8.0),
        ("mqa-memory", "on_64", 64.0),
        ("mqa-memory", "gqa_8_on_64", 8.0),
        ("kv-cache", "as_mha_gb", 10.74),
        ("kv-cache", "real_gb", 1.342),
        ("speculative-decoding", "at_08", 2.401),
        ("speculative-decoding", "simulated_08", 2.401),
        ("four-bit-memory", "nf4", 0.691),
        ("four-bit-memory", "double", 0.713),
        ("paged-attention", "short_paged", 0.084),
        ("paged-attention", "long_paged", 0.011),
        ("gradient-accumulation", "by_token", 0.0),
        ("gradient-accumulation", "mean_of_means", 0.417),
        ("lora-parameters", "r8_qv", 0.0006),
        ("lora-parameters", "r64_all", 0.0237),
        ("ema", "half_life", 692.8),
        ("rms-norm", "by_hand_ratio", 9.0),
        ("grpo-memory", "with_reward_model", 0.444),
        ("grpo-memory", "rule_reward", 0.5),
        ("grpo-memory", "no_reference", 0.556),
        ("qps", "mean", 1157.4),
        ("qps", "peak", 3472.2),
        ("capacity", "mean_low", 231.5),
        ("capacity", "mean_high", 578.7),
        ("capacity", "tokens", 20.0),
        ("availability", "hours", 8.76),
    ],
)
def test_figure(key: str, figure: str, value: float) -> None:
    assert ROWS[key].figures[figure] == pytest.approx(value, rel=4e-3, abs=5e-4)


def test_a_speed_claim_without_evidence_is_a_prediction_and_says_so() -> None:
    row = ROWS["flash-speed"]
    if row.checked != "measured":
        assert (row.checked, row.verdict) == ("predicted", "open")
        assert row.came_out.endswith("unmeasured")


@pytest.mark.parametrize(
    ("speedup", "verdict"), [(9.8, "depends"), (3.1, "holds"), (1.3, "depends"), (0.9, "wrong as stated")]
)
def test_a_speed_claim_with_evidence_is_measured_and_judged(speedup: float, verdict: str) -> None:
    rows = claims(measured=lambda case: (f"{case} ×{speedup}", speedup) if case == "LRF501/causal" else None)
    row = next(row for row in rows if row.key == "flash-speed")
    assert (row.checked, row.verdict) == ("measured", verdict)
    assert row.came_out.startswith(f"LRF501/causal ×{speedup}; predicted: ")


def test_every_measurement_that_a_claim_names_is_a_case() -> None:
    cases = pytest.importorskip("flake8_llm_redflags.profiling.case").all_cases()
    there = {f"{code}/{case.name}" for code, case in cases}
    assert {entry["case"] for entry in table("claims")["claims"].values() if "case" in entry} <= there


def test_an_ungrouped_shape_needs_what_the_guide_says() -> None:
    rows = {row.key: row for row in claims(Shape(kv_heads=64))}
    assert rows["kv-cache"].yours == "10.74 GB a request at 4,096 tokens in bfloat16"
    assert rows["qps"].yours is None


def test_simulation_agrees_with_the_formula() -> None:
    for acceptance in (0.3, 0.6, 0.9):
        exact = formulas.speculative_speedup(acceptance, 4, 0.1)
        assert formulas.simulated_speculative_speedup(acceptance, 4, 0.1) == pytest.approx(exact, rel=0.02)


def test_every_ceiling_has_a_source() -> None:
    assert all(entry["source"] for entry in table("gpus").values())


def test_command_prints_json() -> None:
    options = [
        "--layers",
        "32",
        "--heads",
        "32",
        "--kv-heads",
        "8",
        "--head-dim",
        "128",
        "--tokens",
        "8192",
        "--dtype",
        "float16",
    ]
    result = CliRunner().invoke(app, ["profile", "claims", "--output-format", "json", *options])
    rows = {row["key"]: row for row in json.loads(result.stdout)}
    assert rows.keys() == ROWS.keys()
    assert rows["kv-cache"]["yours"].startswith("1.07 GB")


@pytest.mark.parametrize("output_format", ["full", "markdown"])
def test_command_prints_every_topic(output_format: str) -> None:
    result = CliRunner().invoke(app, ["profile", "claims", "--output-format", output_format])
    assert result.exit_code == 0
    assert all(row.topic in result.stdout for row in ROWS.values())


@pytest.mark.parametrize("options", [["--heads", "0"], ["--heads", "64", "--kv-heads", "7"], ["--dtype", "float7"]])
def test_a_shape_that_cannot_be_is_one_clear_line(options: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "flake8_llm_redflags", "profile", "claims", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert run.stderr.startswith("redflags: claims: ")
    assert run.stderr.count("\n") == 1


def test_claims_need_no_torch() -> None:
    check = "import sys, flake8_llm_redflags.profiling.claims as c; c.claims(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True)
