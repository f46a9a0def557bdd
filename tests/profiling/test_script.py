"""``redflags profile run``: ranges change nothing, time lands on exact lines, the script keeps its own end."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("torch")

import torch

from flake8_llm_redflags.config import Config
from flake8_llm_redflags.finding import Finding, Severity
from flake8_llm_redflags.profiling import evidence
from flake8_llm_redflags.profiling.script import attribution, instrument, report
from flake8_llm_redflags.profiling.script.run import Run

TINY_GPT = Path(__file__).parent / "tiny_gpt"
EMPTY = Path(__file__).with_name("__init__.py")


def line_of(file: str, text: str) -> int:
    lines = (TINY_GPT / file).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def profile_run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flake8_llm_redflags", "profile", "run", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={"OMP_NUM_THREADS": "1"})


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("app")  # rules are silent about what lies below tests/
    shutil.copytree(TINY_GPT, folder, dirs_exist_ok=True)
    out = folder / "report.json"
    script = str(folder / "train.py")
    done = profile_run("--steps", "2", "--warmup", "2", "--out", str(out), script, "--exit-with", "3")
    return done, json.loads(out.read_text())


def test_script_keeps_its_output_and_exit_status(whole_run) -> None:
    done, _ = whole_run
    plain = subprocess.run(
        [sys.executable, str(TINY_GPT / "train.py"), "--exit-with", "3"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (plain.returncode, plain.stdout) == (3, plain.stdout)


def test_every_operator_is_on_a_line(whole_run) -> None:
    _, result = whole_run
    assert result["attributed_share"] == pytest.approx(1.0, abs=0.02)
    assert result["steps"] == 2
    costs = {(Path(entry["path"]).name, entry["line"]): entry for entry in result["lines"]}
    # 2 steps × 2 layers; the backward pass of a line is on the line, not on loss.backward()
    softmax = costs["model.py", line_of("model.py", "F.softmax(scores")]
    assert softmax["operators"] >= 4
    assert softmax["backward_ms"] > 0
    product = costs["model.py", line_of("model.py", "weights @ v")]
    assert product["forward_ms"] > 0
    assert product["backward_ms"] > 0
    fetch = costs["train.py", line_of("train.py", "in enumerate(batches(")]
    assert fetch["fetch_ms"] > 0
    call = costs["train.py", line_of("train.py", "loss = model(ids")]
    assert call["inclusive_ms"] > softmax["inclusive_ms"]


def test_every_file_of_the_script_takes_part(whole_run) -> None:
    _, result = whole_run
    assert {Path(entry["path"]).name for entry in result["lines"]} >= {"train.py", "model.py", "data.py"}
    assert {"LRF501", "LRF701"} <= {entry["code"] for entry in result["findings"]}


def test_a_computation_over_several_lines_is_priced_as_a_whole(whole_run) -> None:
    _, result = whole_run
    costs = {(Path(entry["path"]).name, entry["line"]): entry for entry in result["lines"]}
    (attention,) = [entry for entry in result["findings"] if entry["code"] == "LRF501"]
    chain = range(line_of("model.py", "scores = (q @"), line_of("model.py", "y = weights @ v") + 1)
    parts = [costs["model.py", line] for line in chain]
    assert attention["line"] == chain[-1]
    assert attention["ms"] == pytest.approx(sum(part["forward_ms"] + part["backward_ms"] for part in parts), rel=1e-6)
    assert attention["ms"] > 1.5 * (parts[-1]["forward_ms"] + parts[-1]["backward_ms"])


def test_report_is_labelled_and_ranked(whole_run) -> None:
    done, result = whole_run
    if not torch.cuda.is_available():
        assert result["clock"].startswith("CPU operator time")
        assert "CPU operator time" in done.stderr
    (attention,) = [entry for entry in result["findings"] if entry["code"] == "LRF501"]
    assert Path(attention["path"]).name == "model.py"
    assert 0 < attention["share"] < 1
    assert attention["step_speedup"] > 1
    assert "LRF501 unfused-attention" in done.stderr


def test_an_exception_is_the_scripts_own_and_what_was_measured_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    script = str(TINY_GPT / "train.py")
    done = profile_run("--steps", "5", "--warmup", "1", "--out", str(out), script, "--fail-at", "3")
    assert done.returncode == 1
    assert "RuntimeError: the disk is full" in done.stderr
    assert "instrument.py" not in done.stderr
    assert json.loads(out.read_text())["steps"] == 2
    assert "ended after 2 of 5 steps" in done.stderr


def test_ctrl_c_keeps_what_was_measured(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    script = [str(TINY_GPT / "train.py"), "--interrupt-at", "4"]
    command = [
        sys.executable,
        "-m",
        "flake8_llm_redflags",
        "profile",
        "run",
        "--warmup",
        "1",
        "--out",
        str(out),
        *script,
    ]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None
    for line in running.stdout:
        if line == "waiting\n":
            break
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=120)
    assert running.returncode == 130
    assert "the script was interrupted after 3 of 5 steps" in errors
    assert "Traceback" not in errors
    assert json.loads(out.read_text())["steps"] == 3


def test_ctrl_c_in_the_cases_keeps_what_was_measured(tmp_path: Path) -> None:
    out = tmp_path / "cpu.jsonl"
    command = [sys.executable, "-m", "flake8_llm_redflags", "profile", "cases", "LRF52", "LRF60", "--device", "cpu"]
    running = subprocess.Popen([*command, "--out", str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None
    assert running.stdout.readline().startswith("LRF520 rms-norm")
    running.send_signal(signal.SIGINT)
    rest, errors = running.communicate(timeout=120)
    assert running.returncode == 130
    assert f"results are kept in {out}, the same command goes on from there" in " ".join(rest.split())
    assert errors == "redflags: interrupted\n"
    kept = evidence.read(out)
    assert kept
    assert all(record.status == "ok" for record in kept)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ('__version__ = "2.3.1+cpu"', "needs torch 2.6 or newer, this is 2.3.1+cpu: pip install"),
        ('raise ImportError("no libtorch_cpu.so")', "needs torch (no libtorch_cpu.so): pip install"),
        (
            'raise OSError("libcudart.so.12: cannot open shared object file")',
            "needs torch (libcudart.so.12: cannot open",
        ),
    ],
    ids=["old", "broken", "library"],
)
@pytest.mark.parametrize("arguments", [["cases"], ["run", str(TINY_GPT / "train.py")]], ids=["cases", "run"])
def test_a_wrong_torch_is_one_clear_line(tmp_path: Path, arguments: list[str], source: str, line: str) -> None:
    (tmp_path / "torch.py").write_text(source)
    command = [sys.executable, "-m", "flake8_llm_redflags", "profile", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(tmp_path)}, cwd=tmp_path
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"redflags: {line}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"import torch\nx = = 1\n", "SyntaxError: invalid syntax"),
        (b"print('h\xe9')\n", "UnicodeDecodeError"),
        (b"# coding: latin-1\nprint('h\xe9')\n", ""),
        (
            b"def items():\n    yield 1\n    raise KeyError('lost')\n\n\nfor item in items():\n    pass\n",
            "KeyError: 'lost'",
        ),
    ],
    ids=["syntax", "encoding", "latin-1", "iterator"],
)
def test_an_error_is_told_as_python_tells_it(tmp_path: Path, text: bytes, told: str) -> None:
    script = tmp_path / "script.py"
    script.write_bytes(text)
    done = profile_run("--steps", "0", str(script))
    assert done.returncode == (1 if told else 0)
    assert told in done.stderr
    assert "flake8_llm_redflags" not in done.stderr


@pytest.mark.parametrize("out", ["/dev/null/x.jsonl", "bad.jsonl"])
def test_evidence_that_cannot_be_kept_is_one_clear_line(tmp_path: Path, out: str) -> None:
    (tmp_path / "bad.jsonl").write_text('{"schema": 9}\n')
    command = [
        sys.executable,
        "-m",
        "flake8_llm_redflags",
        "profile",
        "cases",
        "LRF522",
        "--device",
        "cpu",
        "--out",
        out,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("redflags: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["no_such_script.py"], 2, "redflags: no_such_script.py: no such script"),
        (["--steps", "-1", "x.py"], 2, "redflags: --steps and --warmup: must be 0 or more"),
        (["--step", "0", "x.py"], 2, "redflags: No such option: --step"),
        ([str(TINY_GPT / "train.py"), "--iterations", "1"], 0, "before optimizer step 4; try --steps 0"),
        (["--steps", "0", str(EMPTY)], 0, "redflags: nothing was profiled: the script ended without torch work"),
    ],
)
def test_bad_input_is_one_clear_line(arguments: list[str], status: int, line: str) -> None:
    done = profile_run(*arguments)
    assert done.returncode == status
    assert line in done.stderr
    assert "Traceback" not in done.stderr


PROGRAM = '''"""A text."""
from __future__ import annotations

import contextlib


class Box:
    size: int = 3
    name = "box"

    def items(self):
        for item in range(self.size):
            yield item * 2

    def __bool__(self):
        return super().__class__ is not None and self.size > 2


def first(values, default=None):
    while values:
        if (found := values.pop(0)) > 2:
            return found
    else:
        return default


log = []
for number in Box().items():
    if number == 4:
        continue
    log.append(number)
else:
    log.append("end")
with contextlib.suppress(ZeroDivisionError):
    if 1 / 0:
        log.append("never")
log.append(first([1, 2, 3]))
log.append(bool(Box()))
log.append([value for value in log if value])
assert log, "no log"
'''


def test_ranges_change_nothing() -> None:
    plain: dict[str, object] = {"__name__": "plain"}
    exec(compile(PROGRAM, "plain.py", "exec"), plain)
    ranged: dict[str, object] = {"__name__": "ranged", **instrument.helpers()}
    exec(instrument.instrumented(PROGRAM, "ranged.py"), ranged)
    assert ranged["log"] == plain["log"] == [0, 2, "end", 3, True, [2, "end", 3, True]]
    assert ranged["__doc__"] == "A text."


def test_a_compiled_function_keeps_one_graph() -> None:
    text = "def work(x):\n    y = x * 2\n    if y.dim() > 0:\n        y = y + 1\n    return y.sum()\n"
    space = dict(instrument.helpers())
    exec(instrument.instrumented(text, "compiled.py"), space)
    explained = torch._dynamo.explain(space["work"])(torch.ones(3))
    assert (explained.graph_count, explained.graph_break_count) == (1, 0)


def hand_made_trace() -> list[dict[str, object]]:
    """A trace of a GPU run, written by hand: microseconds, one kernel forward, one backward, a wait and a copy."""

    def host(name: str, start: float, duration: float, thread: int = 1, **arguments: object) -> dict[str, object]:
        return {
            "ph": "X",
            "cat": "cpu_op",
            "name": name,
            "ts": start,
            "dur": duration,
            "tid": thread,
            "args": arguments,
        }

    def runtime(name: str, start: float, duration: float, thread: int = 1, **arguments: object) -> dict[str, object]:
        return host(name, start, duration, thread, **arguments) | {"cat": "cuda_runtime"}

    def device(category: str, duration: float, **arguments: object) -> dict[str, object]:
        return host(category, 500, duration, 99, **arguments) | {"cat": category}

    sequence = {"Sequence number": 7}
    return [
        host(instrument.range_name("m.py", 10), 0, 100),
        host(instrument.range_name("n.py", 5), 10, 80),
        host("aten::mm", 20, 40, **sequence),
        runtime("cudaLaunchKernel", 30, 5, correlation=1),
        device("kernel", 2000, correlation=1),
        host(instrument.range_name("m.py", 11), 200, 100),
        host("autograd::engine::evaluate_function: MmBackward0", 210, 50, 2, **sequence),
        host("aten::mm", 215, 40, 2),
        runtime("cudaLaunchKernel", 220, 5, 2, correlation=2),
        device("kernel", 3000, correlation=2),
        host(instrument.range_name("m.py", 12), 400, 4000),
        host("aten::item", 405, 3900),
        host("aten::_local_scalar_dense", 410, 3890),
        runtime("cudaMemcpyAsync", 411, 5, correlation=3),
        device("gpu_memcpy", 1, correlation=3, bytes=4),
        runtime("cudaStreamSynchronize", 420, 3800, correlation=4),
        host(instrument.range_name("m.py", 9, "iter"), 5000, 700),
        device("kernel", 10, correlation=77),
    ]


def test_kernels_waits_and_copies_of_a_gpu_trace_find_their_lines() -> None:
    profile = attribution.attribute(hand_made_trace())
    assert profile.on_device
    assert profile.total_ms == pytest.approx(5.011)
    assert profile.attributed_ms == pytest.approx(5.001), "a kernel without a launch record belongs to no line"
    inner, outer = profile.lines["n.py", 5], profile.lines["m.py", 10]
    assert (inner.forward_ms, inner.backward_ms, inner.kernels) == (2.0, 3.0, 2)
    assert (outer.own_ms, outer.inclusive_ms) == (0, 5.0)
    read = profile.lines["m.py", 12]
    assert (read.waits, read.stall_ms, read.copied_bytes) == (1, 3.8, 4)
    assert profile.lines["m.py", 9].fetch_ms == pytest.approx(0.7)
    assert ("m.py", 11) not in profile.lines, "backward time lies on the forward line"


@pytest.mark.parametrize(("speedup", "step"), [(4.0, 1 / (1 - 0.6 + 0.6 / 4)), (None, 1 / (1 - 0.6))])
def test_amdahl(speedup: float | None, step: float, monkeypatch) -> None:
    profile = attribution.Profile(total_ms=10, attributed_ms=10)
    profile.lines["m.py", 3] = attribution.Cost(forward_ms=6, inclusive_ms=6)
    profile.lines["m.py", 9] = attribution.Cost(forward_ms=4, inclusive_ms=4)
    finding = Finding("LRF501", "unfused-attention", Severity.WARNING, "by hand", "m.py", 3, 1, 3, 9)
    monkeypatch.setattr(report, "_findings", lambda path, config: [finding])
    record = SimpleNamespace(
        rule="LRF501", is_fresh=True, is_measured=False, speedup=None, prediction=speedup and {"speedup": speedup}
    )
    made = report.make(Run(profile=profile, files=[Path("m.py")]), Config(), [record])
    (priced,) = made.costly
    assert priced.share == pytest.approx(0.6)
    assert priced.step_speedup == pytest.approx(step)
    assert priced.basis == ("predicted" if speedup else "unknown")
    assert made.hot == ((("m.py", 9), 0.4),)
