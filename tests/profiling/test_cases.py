"""The cases: linted, equal, and counted without a clock."""

from __future__ import annotations

import ast
import dataclasses
import math

import pytest

pytest.importorskip("torch")

import torch

from flake8_llm_redflags.profiling import case_source, equivalence, prediction, protocol, runner, worker
from flake8_llm_redflags.profiling.case import Case, all_cases, cases_of
from flake8_llm_redflags.rules import rule_for

from ..support import codes

torch.set_num_threads(1)
CASES = list(all_cases())
EACH_CASE = pytest.mark.parametrize(("code", "case"), CASES, ids=[f"{code}-{case.name}" for code, case in CASES])


@pytest.mark.parametrize("code", case_source.modules())
def test_bad_raises_exactly_its_code_and_good_nothing(code: str) -> None:
    if rule_for(code) is None:
        pytest.skip(f"{code} has a case and no rule yet")
    assert set(codes(case_source.body(code, "bad"))) == {code}
    assert codes(case_source.body(code, "good")) == []


@EACH_CASE
def test_both_bodies_compute_the_same(code: str, case: Case) -> None:
    result = equivalence.check(case)
    assert result["ok"], result


@EACH_CASE
def test_counts_are_the_same_every_time(code: str, case: Case) -> None:
    first, second = (prediction.count(case, case.bad, dict(case.small), fake=False).counts for _ in range(2))
    assert first == second
    assert first.operators > 0
    assert first.bytes > 0


@pytest.mark.parametrize(
    ("code", "bad", "good"),
    [("LRF701", 5, 0), ("LRF702", 5, 0), ("LRF703", 15, 0), ("LRF705", 4, 0), ("LRF501", 0, 0)],
)
def test_waits(code: str, bad: int, good: int) -> None:
    case = cases_of(code)[0]
    counted = [prediction.count(case, body, dict(case.small), fake=False).counts for body in (case.bad, case.good)]
    assert [counts.would_sync for counts in counted] == [bad, good]


@pytest.mark.parametrize(
    ("code", "operators", "speedup"),
    [("LRF501", (8, 1), 12.2), ("LRF502", (3, 1), 17.0), ("LRF522", (8, 1), 9.0), ("LRF605", (1, 1), 180.3)],
)
def test_full_size_is_predicted_without_a_gpu(code: str, operators: tuple[int, int], speedup: float) -> None:
    case = cases_of(code)[0]
    params = dict(case.sizes[0].params)
    counted = [prediction.count(case, body, params, fake=True).counts.operators for body in (case.bad, case.good)]
    assert tuple(counted) == operators
    predicted = prediction.predict(case, params)
    assert predicted is not None
    assert predicted["speedup"] == pytest.approx(speedup, rel=0.01)


def test_attention_memory_is_quadratic_by_hand_and_linear_fused() -> None:
    case = cases_of("LRF501")[0]
    peaks = {body: [_peak(case, body, size) for size in case.sizes] for body in (case.bad, case.good)}
    for body, exponent in ((case.bad, 2), (case.good, 1)):
        assert math.log2(peaks[body][-1] / peaks[body][-2]) == pytest.approx(exponent, abs=0.02)


def _peak(case: Case, body, size) -> int:
    return prediction.count(case, body, dict(size.params), fake=True).counts.peak_bytes


def test_a_body_that_computes_something_else_is_not_equal() -> None:
    case = cases_of("LRF522")[0]
    wrong = dataclasses.replace(case, good=lambda x: torch.relu(x))
    assert not equivalence.check(wrong)["ok"]
    nan = dataclasses.replace(case, good=lambda x: x * float("nan"))
    assert not equivalence.check(nan)["ok"]
    (record, *_) = worker.records("LRF522", wrong, "cpu", quick=True)
    assert (record.status, record.counters) == ("not equal", None)


def test_a_wrong_gradient_is_not_equal() -> None:
    case = dataclasses.replace(cases_of("LRF522")[0], backward=True)
    assert equivalence.check(case)["ok"]
    cut = dataclasses.replace(case, good=lambda x: case.good(x.detach()) + 0 * x)
    assert not equivalence.check(cut)["ok"]


def test_formatting_and_words_do_not_make_evidence_stale() -> None:
    text = case_source.modules()["LRF501"].read_text()
    same = text.replace('"""LRF501:', '"""Other words:').replace("CASES = (", "# a comment\nCASES = (")
    assert case_source.digest_of(same) == case_source.digest_of(text)
    assert case_source.digest_of(text.replace('"-inf"', '"-1e9"')) != case_source.digest_of(text)


def test_no_case_module_mentions_a_rule_by_an_odd_name() -> None:
    for code, path in case_source.modules().items():
        rule = rule_for(code)
        assert rule is None or path.stem == f"{code.lower()}_{rule.name.replace('-', '_')}"
        functions = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
        assert {"bad", "good"} <= functions


class ScriptedClock:
    """A test double for the CUDA event clock: reads out times by the function's label, and measures nothing."""

    def __init__(self, times: dict[object, list[float]]) -> None:
        self.times = {work: list(values) for work, values in times.items()}
        self.calls: list[object] = []

    def time(self, work) -> float:
        self.calls.append(work)
        values = self.times[work]
        values.append(values.pop(0))
        return values[-1]


def bad_work() -> None:
    """Stand for a bad body."""


def good_work() -> None:
    """Stand for a good body."""


def test_protocol_goes_abba_and_finds_ratio_and_floor() -> None:
    clock = ScriptedClock({bad_work: [8.0, 8.1, 7.9], good_work: [2.0, 2.02, 1.98]})
    found = protocol.compare(bad_work, good_work, clock, samples=30, warm_up=0)
    assert clock.calls[:8] == [bad_work, good_work, good_work, bad_work] * 2
    assert clock.calls[60:] == [good_work] * 60
    assert len(found.bad) == len(found.good) == 30
    assert found.speedup.median == pytest.approx(4.0, rel=0.02)
    assert found.speedup.low <= found.speedup.median <= found.speedup.high
    assert 1.0 <= found.floor < 1.03
    assert protocol.verdict(found.speedup, found.floor, (3, 5)) == "confirmed"


@pytest.mark.parametrize(
    ("interval", "floor", "expected", "verdict"),
    [
        ((4.0, 3.9, 4.1), 1.01, (3, 5), "confirmed"),
        ((4.0, 3.9, 4.1), 1.01, None, "confirmed"),
        ((9.0, 8.9, 9.1), 1.01, (3, 5), "larger"),
        ((2.0, 1.9, 2.1), 1.01, (3, 5), "smaller"),
        ((0.8, 0.7, 0.9), 1.01, (3, 5), "refuted"),
        ((1.0, 0.99, 1.01), 1.005, (3, 5), "refuted"),
        ((1.1, 0.9, 1.4), 1.3, (3, 5), "inconclusive"),
        ((1.02, 1.01, 1.03), 1.01, None, "inconclusive"),
    ],
)
def test_verdict(interval, floor, expected, verdict) -> None:
    assert protocol.verdict(protocol.Interval(*interval), floor, expected) == verdict


class CountingClock:
    """A test double for the CUDA event clock: the time is the number of operators, so it is not a measurement."""

    def time(self, work) -> float:
        from flake8_llm_redflags.profiling.counters import Counting

        with Counting() as counting:
            work()
        return float(counting.counts.operators)


def test_gpu_path_with_a_test_double_is_never_shown_as_measured() -> None:
    (record,) = worker.records("LRF522", cases_of("LRF522")[0], "cuda", quick=True, clock=CountingClock())
    assert record.speedup is not None
    assert record.speedup["median"] == 8.0
    assert record.env["test_double"] == "CountingClock"
    assert not record.is_measured


def test_runner_writes_resumes_and_survives_a_crash(tmp_path, monkeypatch) -> None:
    out = tmp_path / "cpu.jsonl"
    chosen = runner.selected(["LRF522"])
    (first,) = runner.run(chosen, "cpu", out, quick=True)
    assert first.status == "ok"
    assert list(runner.run(chosen, "cpu", out, quick=True)) == []

    monkeypatch.setattr(runner, "_run", lambda command: "ended by signal 11")
    (crashed,) = runner.run(runner.selected(["LRF521"]), "cpu", out, quick=True)
    assert (crashed.status, crashed.note) == ("failed", "ended by signal 11")
    (again,) = runner.run(runner.selected(["LRF521"]), "cpu", out, quick=True)
    assert again.status == "failed", "a failed case is tried again"
