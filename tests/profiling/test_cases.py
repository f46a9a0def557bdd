"""The cases: linted, equal, and counted without a clock."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import math
from types import SimpleNamespace

import pytest

pytest.importorskip("torch")

import torch

from flake8_llm_redflags.finding import Severity
from flake8_llm_redflags.profiling import (
    case_source,
    counters,
    cuda,
    equivalence,
    evidence,
    prediction,
    protocol,
    runner,
    worker,
)
from flake8_llm_redflags.profiling.case import Case, all_cases, cases_of
from flake8_llm_redflags.rules import all_rules, rule_for

from ..support import codes

torch.set_num_threads(1)
CASES = list(all_cases())
EACH_CASE = pytest.mark.parametrize(("code", "case"), CASES, ids=[f"{code}-{case.name}" for code, case in CASES])


#: Rules of LRF5xx to LRF7xx that are about cost and yet have no case, and why.
WITHOUT_CASE = {
    "LRF722": "the gain is the work per item over the step: a case would measure the work that it was given to do",
    "LRF760": "a second GPU is needed to copy the model to; the evidence machines have one",
}


def test_every_rule_about_cost_has_a_case() -> None:
    about_cost = {
        rule.code for rule in all_rules() if "LRF500" <= rule.code < "LRF800" and rule.severity != Severity.ERROR
    }
    missing = about_cost - case_source.modules().keys() - WITHOUT_CASE.keys()
    assert not missing, "write a case (profiling/cases), or say in WITHOUT_CASE why there can be none"
    assert not WITHOUT_CASE.keys() & case_source.modules().keys()


def _linted() -> list[object]:
    """Every code with a case; one whose rule is still to come must fail, and so cannot be forgotten."""
    waits = pytest.mark.xfail(strict=True, reason="no such rule yet")
    return [pytest.param(code, marks=[] if rule_for(code) else [waits]) for code in case_source.modules()]


@pytest.mark.parametrize("code", _linted())
def test_bad_raises_exactly_its_code_and_good_nothing(code: str) -> None:
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
    [
        *(("LRF501", 0, 0), ("LRF608", 4, 0), ("LRF701", 5, 0), ("LRF702", 5, 0), ("LRF703", 15, 1), ("LRF704", 4, 0)),
        *(("LRF705", 4, 0), ("LRF706", 5, 0), ("LRF707", 5, 0), ("LRF708", 24, 2), ("LRF752", 0, 0)),
    ],
)
def test_waits(code: str, bad: int, good: int) -> None:
    assert counted(code, "would_sync") == (bad, good)


@pytest.mark.parametrize(
    ("code", "counter", "bad", "good"),
    [
        ("LRF505", "operators", 11, 6),
        ("LRF720", "copied_bytes", 2 * 16 * 16 * 4, 0),
        ("LRF741", "kept_nodes", 30, 0),
        ("LRF752", "operators", 102, 61),
        ("LRF753", "operators", 48, 38),
        ("LRF761", "collectives", 8, 2),
    ],
)
def test_counters(code: str, counter: str, bad: float, good: float) -> None:
    assert counted(code, counter) == (bad, good)


def counted(code: str, counter: str) -> tuple[float, float]:
    """Return a counter of the bad and the good body at the small size."""
    case = cases_of(code)[0]
    bad, good = (prediction.count(case, body, dict(case.small), fake=False).counts for body in (case.bad, case.good))
    return getattr(bad, counter), getattr(good, counter)


def test_what_names_the_host_is_not_on_the_device() -> None:
    with counters.Counting([x := torch.ones(4)]) as counting:
        torch.ones(4, device="cpu").sum().item()
        (x + 1).sum().item()
        torch.ones(3).to(x.device).cpu().sum().item()
    assert counting.counts.would_sync == 2, "the read of x, and .cpu(); what came to the host is read there for nothing"
    assert counting.counts.copied_bytes == 2 * 3 * 4


@pytest.mark.parametrize(
    ("code", "operators", "speedup"),
    [("LRF501", (8, 1), 12.2), ("LRF502", (3, 1), 17.0), ("LRF522", (8, 1), 9.0), ("LRF605", (1, 1), 180.3)],
)
def test_full_size_is_predicted_without_a_gpu(code: str, operators: tuple[int, int], speedup: float) -> None:
    case = cases_of(code)[0]
    params = dict(case.sizes[0].params)
    counted = [prediction.count(case, body, params, fake=True).counts.operators for body in (case.bad, case.good)]
    assert tuple(counted) == operators
    predicted = prediction.predict(case, params, prediction.count_both(case, params))
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
    (record,) = worker.records("LRF522", wrong, "cpu", quick=True)
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


def test_a_change_in_what_a_case_imports_makes_its_evidence_stale(tmp_path) -> None:
    for path in case_source.FOLDER.glob("*.py"):
        (tmp_path / path.name).write_text(path.read_text())
    text = case_source.modules()["LRF503"].read_text()
    assert case_source.digest_of(text, tmp_path) == case_source.digest("LRF503")
    imported = tmp_path / "lrf501_unfused_attention.py"
    imported.write_text(imported.read_text().replace("make.tensor(batch, heads", "2 * make.tensor(batch, heads"))
    assert case_source.digest_of(text, tmp_path) != case_source.digest("LRF503")


def test_the_whole_set_fits_nine_minutes_of_a_gpu() -> None:
    predictions = {record.key[:3]: record.prediction for record in evidence.stored() if record.device == "cpu"}
    measured = sum(
        prediction.gpu_seconds(case, size, predictions[code, case.name, size.name])
        for code, case in CASES
        for size in case.sizes
    )
    assert measured + prediction.PROCESS_SECONDS * len(CASES) <= 9 * 60


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
        with counters.Counting() as counting:
            work()
        return float(counting.counts.operators)


class PretendGpu:
    """A test double for a GPU: everything runs on the CPU, and no time is measured."""

    device = "cpu"
    test_double = "PretendGpu"

    def __init__(self, clocks=(1980.0,), memory: int | None = None) -> None:
        self.clocks, self.memory = list(clocks), memory

    def environment(self):
        return {"gpu": "pretended"}

    def ceilings(self):
        return {"copy_tbs": 4.0, "bf16_tflops": 700.0, "fp32_tflops": 50.0}

    def event_clock(self):
        return CountingClock()

    wall_clock = event_clock

    def replay(self, work):
        with counters.Counting() as counting:
            work()
        return None if counting.counts.would_sync else (lambda: torch.zeros(()).add_(1))  # a graph is one launch

    def counters(self, work):
        if self.memory is not None:
            raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate more than {self.memory} bytes.")
        return {"kernels": 1}

    def sm_clock(self):
        return self.clocks.pop(0) if len(self.clocks) > 1 else self.clocks[0]


def test_gpu_path_with_a_test_double_is_never_shown_as_measured() -> None:
    (record,) = worker.records("LRF522", cases_of("LRF522")[0], "cuda", quick=True, machine=PretendGpu())
    assert record.status == "ok"
    assert record.speedup is not None
    assert record.speedup["median"] == 8.0
    assert record.timing is not None
    assert {"gpu", "wall", "graph"} <= record.timing.keys()
    assert record.timing["graph"]["bad"]["median"] == record.timing["graph"]["good"]["median"] == 2
    assert record.env["test_double"] == "PretendGpu"
    assert not record.is_measured
    assert "measured ×" not in evidence.standing("LRF522", [record]).replace("unmeasured", "")


def test_what_waits_for_the_host_has_no_graph() -> None:
    (record,) = worker.records("LRF704", cases_of("LRF704")[0], "cuda", quick=True, machine=PretendGpu())
    assert record.timing is not None
    assert "graph" not in record.timing


def test_a_gpu_that_slows_down_is_measured_again_and_marked() -> None:
    case = cases_of("LRF522")[0]
    (again,) = worker.records("LRF522", case, "cuda", quick=True, machine=PretendGpu([1980, 1500, 1980, 1980]))
    assert (again.note, again.timing["sm_clock_mhz"]) == ("", [1980, 1980])
    (slow,) = worker.records("LRF522", case, "cuda", quick=True, machine=PretendGpu([1980, 1500, 1980, 1500]))
    assert slow.note == "the SM clock moved from 1980 to 1500 MHz"


def test_too_little_memory_is_evidence() -> None:
    (record,) = worker.records("LRF522", cases_of("LRF522")[0], "cuda", quick=True, machine=PretendGpu(memory=8))
    assert (record.status, record.verdict) == ("out of memory", "out of memory")
    assert record.note == "CUDA out of memory; the good body fits"


def test_what_is_counted_has_a_verdict_on_any_machine() -> None:
    (record,) = worker.records("LRF761", cases_of("LRF761")[0], "cpu")
    (on_gpu,) = worker.records("LRF761", cases_of("LRF761")[0], "cuda", machine=PretendGpu())
    assert on_gpu.counted == record.counted == {"metric": "collectives", "bad": 8, "good": 2}
    assert record.verdict == "confirmed"
    assert record.speedup is None


class FakeEvent:
    """A test double for ``torch.cuda.Event``: each record is a millisecond behind the one before."""

    now = 0.0

    def __init__(self, enable_timing: bool) -> None:
        assert enable_timing
        self.at = 0.0

    def record(self) -> None:
        FakeEvent.now += 1.0
        self.at = FakeEvent.now

    def elapsed_time(self, end: FakeEvent) -> float:
        return end.at - self.at


def test_event_clock_flushes_then_measures_only_the_work(monkeypatch) -> None:
    order: list[str] = []
    flush = SimpleNamespace(zero_=lambda: order.append("flush"))
    monkeypatch.setattr(cuda.torch, "empty", lambda *_, **__: flush)
    monkeypatch.setattr(cuda.torch.cuda, "Event", FakeEvent)
    monkeypatch.setattr(cuda.torch.cuda, "synchronize", lambda: order.append("synchronize"))
    assert cuda.Gpu().event_clock().time(lambda: order.append("work")) == 1.0
    assert order == ["flush", "synchronize", "work", "synchronize"]


def test_work_that_cannot_be_captured_has_no_replay(monkeypatch) -> None:
    @contextlib.contextmanager
    def fake_region(*_):
        yield

    def read_on_the_host() -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    fake_stream = SimpleNamespace(wait_stream=lambda other: None)
    fake_graph = SimpleNamespace(replay=lambda: "replayed")
    for name, double in (
        ("CUDAGraph", lambda: fake_graph), ("Stream", lambda: fake_stream), ("current_stream", lambda: fake_stream),
        ("stream", fake_region), ("graph", fake_region), ("synchronize", lambda: None),
    ):  # fmt: skip
        monkeypatch.setattr(cuda.torch.cuda, name, double)
    assert cuda.Gpu().replay(lambda: None)() == "replayed"
    assert cuda.Gpu().replay(read_on_the_host) is None


def test_runner_writes_resumes_and_survives_a_crash(tmp_path, monkeypatch) -> None:
    out = tmp_path / "cpu.jsonl"
    chosen = runner.selected(["LRF522"])
    (first,) = runner.run(chosen, "cpu", out, quick=True)
    assert first.status == "ok"
    assert list(runner.run(chosen, "cpu", out, quick=True)) == []

    monkeypatch.setattr(runner, "_run", lambda arguments: ("ended by signal 11", ""))
    (crashed,) = runner.run(runner.selected(["LRF521"]), "cpu", out, quick=True)
    assert (crashed.status, crashed.note) == ("failed", "ended by signal 11")
    (again,) = runner.run(runner.selected(["LRF521"]), "cpu", out, quick=True)
    assert again.status == "failed", "a failed case is tried again"


def test_ceilings_are_measured_once_a_machine(tmp_path, monkeypatch) -> None:
    asked: list[list[str]] = []

    def fake_worker(arguments: list[str]) -> tuple[str, str]:
        asked.append(arguments)
        return ("", '{"copy_tbs": 4.0}\n') if arguments == ["ceilings"] else ("no GPU here", "")

    monkeypatch.setattr(runner, "_run", fake_worker)
    out = tmp_path / "pretended.jsonl"
    list(runner.run(runner.selected(["LRF52"]), "cuda", out, quick=True))
    assert [arguments[0] for arguments in asked] == ["ceilings", "LRF520", "LRF521", "LRF522", "LRF525"]
    assert all('--ceilings={"copy_tbs": 4.0}' in arguments for arguments in asked[1:])
    record = dataclasses.replace(evidence.read(out)[0], ceilings={"copy_tbs": 3.0}, status="ok", size="other")
    evidence.append(out, record)
    asked.clear()
    list(runner.run(runner.selected(["LRF521"]), "cuda", out, quick=True))
    assert [arguments[0] for arguments in asked] == ["LRF521"], "a run that goes on has them already"
