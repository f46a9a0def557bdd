"""The speed budgets: ``make bench TREE=path/to/an/ml/repository``. CPU time, ratios of interleaved runs, medians.

Every ratio compares two runs made one after the other, in this process or in two child processes, so that a busy machine
slows both. All rules are on, preview rules too, but where a line says that they are off.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import contextlib
import email
import gc
import http
import io
import os
import platform
import resource
import subprocess
import sys
import time
import unittest
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

import libcst

from flake8_llm_redflags.config import Config
from flake8_llm_redflags.linter import lint, triage
from flake8_llm_redflags.rules import all_rules
from flake8_llm_redflags.source import Source, Unreadable, read

HERE = Path(__file__).parent
EVERYTHING = Config(preview=True)
STANDARD_LIBRARY = [Path(module.__file__).parent for module in (asyncio, email, http, unittest)]

#: Budgets of the project: a ratio that must not be passed (for TorchFix: must be reached).
LINT, FLAKE8, NO_ML, SCALING, TORCHFIX = 1.5, 1.7, 1.05, 1.3, 8.0


def main() -> int:
    """Run all benchmarks and print one line each; the exit status is 0 whatever they say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repositories", nargs="*", type=Path, help="ML repositories to lint")
    parser.add_argument("--repeat", type=int, default=3, help="how often each ratio is taken (default 3)")
    parser.add_argument("--torchfix", type=Path, help="a Python that has flake8 and TorchFix (it pins an old libcst)")
    parser.add_argument("--only", default="", help="run the benchmarks whose name contains this")
    options = parser.parse_args()
    for repository in options.repositories:
        if not repository.is_dir():
            parser.error(f"{repository}: no such directory; name checked-out repositories to lint")
    print(f"Python {platform.python_version()}, libcst {libcst.LIBCST_VERSION}, {len(all_rules())} rules, CPU time")

    benchmarks: dict[str, Callable[[], str]] = {}
    for repository in options.repositories:
        benchmarks[f"lint {repository.name}"] = lambda path=repository: lint_against_parse(path, options.repeat)
        benchmarks[f"flake8 {repository.name}"] = lambda path=repository: flake8_ratio(
            [str(path)], FLAKE8, options.repeat
        )
        benchmarks[f"flake8 {repository.name}, preview off"] = lambda path=repository: flake8_ratio(
            [str(path)], FLAKE8, options.repeat, preview=False
        )
        if options.torchfix:
            benchmarks[f"torchfix {repository.name}"] = lambda path=repository: torchfix_ratio(path, options.torchfix)
    benchmarks["flake8 without ML"] = lambda: flake8_ratio(STANDARD_LIBRARY, NO_ML, options.repeat)
    benchmarks["flake8 without ML, preview off"] = lambda: flake8_ratio(
        STANDARD_LIBRARY, NO_ML, options.repeat, preview=False
    )
    for shape in SHAPES:
        benchmarks[f"scaling {shape}"] = lambda shape=shape: scaling(shape, options.repeat)
    for name, benchmark in benchmarks.items():
        if options.only in name:
            print(f"{name:40} {benchmark()}", flush=True)
    return 0


def lint_against_parse(repository: Path, repeat: int) -> str:
    """Return ``lint`` as a multiple of ``libcst.parse_module`` over the files that triage keeps.

    As in flake8, the ``ast`` is at hand.
    """
    sources = kept = lines = kept_lines = 0
    parsing, linting = [0.0] * repeat, [0.0] * repeat
    for path in sorted(repository.rglob("*.py")):
        source = _parsed(path)
        if source is None:
            continue
        sources, lines = sources + 1, lines + source.text.count("\n")
        if not triage(source, all_rules()):
            continue
        kept, kept_lines = kept + 1, kept_lines + source.text.count("\n")
        for turn in range(repeat):
            parsing[turn] += _seconds(lambda text=source.text: libcst.parse_module(text))
            linting[turn] += _seconds(lambda source=source: lint(source, EVERYTHING))
    ratio = median(ours / theirs for ours, theirs in zip(linting, parsing, strict=True))
    return (
        f"{ratio:.2f} x the parse (budget {LINT}): {median(linting):.1f} s against {median(parsing):.1f} s;"
        f" triage keeps {kept} of {sources} files, {kept_lines} of {lines} lines"
    )


def flake8_ratio(paths: list[Path], budget: float, repeat: int, *, preview: bool = True) -> str:
    """Return ``flake8 -j1`` with this plugin as a multiple of ``flake8 -j1`` without it."""
    with_ours = [sys.executable, "-m", "flake8", *["--llm-redflags-preview"] * preview]
    without = [sys.executable, str(HERE / "flake8_without.py"), "flake8-llm-redflags"]
    runs = [(_child(_flake8(without, paths)), _child(_flake8(with_ours, paths))) for _ in range(repeat)]
    ratio = median(ours.seconds / alone.seconds for alone, ours in runs)
    alone, ours = (median(run[which].seconds for run in runs) for which in (0, 1))
    memory = [max(run[which].megabytes for run in runs) for which in (0, 1)]
    return (
        f"{ratio:.3f} x flake8 alone (budget {budget}): {ours:.2f} s against {alone:.2f} s;"
        f" peak memory {memory[1]:.0f} MB against {memory[0]:.0f} MB"
    )


def torchfix_ratio(repository: Path, python: Path) -> str:
    """Return what TorchFix adds to flake8 as a multiple of what this plugin adds."""
    paths = [repository]
    theirs = _child(_flake8([str(python), "-m", "flake8"], paths)).seconds
    theirs -= _child(_flake8([str(python), str(HERE / "flake8_without.py"), "torchfix"], paths)).seconds
    ours = _child(_flake8([sys.executable, "-m", "flake8", "--llm-redflags-preview"], paths)).seconds
    ours -= _child(_flake8([sys.executable, str(HERE / "flake8_without.py"), "flake8-llm-redflags"], paths)).seconds
    return f"{theirs / ours:.1f} x (budget: at least {TORCHFIX}): TorchFix adds {theirs:.1f} s, ours {ours:.1f} s"


def _functions(number: int) -> str:
    return (
        f"def answer_{number}(model, prompt, user_id):\n"
        "    scores = torch.softmax(query @ key.transpose(-2, -1) / scale, dim=-1)\n"
        "    rows = connection.execute(f'SELECT * FROM users WHERE id = {user_id}')\n"
        "    for step in range(10):\n"
        "        output = model.generate(prompt, use_cache=False)\n"
        f"    return answer_{number - 1 if number % 50 else number}(output, scores, rows)\n"
        "\n"
        "\n"
        f"class Net{number}(nn.Module):\n"
        "    def forward(self, x):\n"
        "        x = self.layer(x)\n"
        "        return F.softmax(x @ x.transpose(-2, -1), dim=-1) @ x\n"
        "\n"
        "    def layer(self, x):\n"
        "        return self.forward(x) if x is None else x\n"
        "\n"
        "\n"
    )


def _script(number: int) -> str:
    return (
        "data = pd.read_csv('data.csv')\n"
        "X = scaler.fit_transform(data)\n"
        "if flag:\n"
        "    X = X[1:]\n"
        "X_train, X_test = train_test_split(X, test_size=0.2)\n"
        "model = LogisticRegression()\n"
        "model.fit(X_train, y)\n"
        "print(model.score(X_test, y).item())\n"
        f"query = 'SELECT * FROM t WHERE a = ' + str({number})\n"
        "\n"
    )


#: What a line-by-line growing file may look like: modules grow by functions and classes, scripts by rebinding names.
SHAPES = {"functions": _functions, "script": _script}
_HEAD = (
    "import torch\nimport pandas as pd\nimport torch.nn as nn\nimport torch.nn.functional as F\n"
    "from sklearn.linear_model import LogisticRegression\nfrom sklearn.model_selection import train_test_split\n"
)


def scaling(shape: str, repeat: int) -> str:
    """Return the time for 50,000 lines as a multiple of fifty times that for 1,000, with the peak memory."""

    def source(lines: int) -> Source:
        each = SHAPES[shape](1).count("\n")
        text = _HEAD + "".join(SHAPES[shape](number) for number in range(1, lines // each + 1))
        return Source("synthetic.py", text, root=ast.parse(text))

    small, large = source(1_000), source(50_000)
    lint(small, EVERYTHING)
    pairs = []
    for _ in range(repeat):
        fifty = sum(_seconds(lambda: lint(small, EVERYTHING)) for _ in range(50))
        pairs.append((fifty, _seconds(lambda: lint(large, EVERYTHING))))
    ratio = median(once / fifty for fifty, once in pairs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _RSS_UNIT
    return f"{ratio:.2f} x fifty times 1,000 lines (budget {SCALING}): {pairs[0][1]:.1f} s; peak memory {peak:.0f} MB"


_RSS_UNIT = 1024 * 1024 if sys.platform == "darwin" else 1024


class _Run:
    """What a child process took."""

    def __init__(self, seconds: float, megabytes: float) -> None:
        self.seconds, self.megabytes = seconds, megabytes


def _flake8(command: list[str], paths: list[Path]) -> list[str]:
    return [*command, "-j1", "--isolated", "--exit-zero", "-q", "-q", *map(str, paths)]


def _child(command: list[str]) -> _Run:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit status {process.returncode}")
    return _Run(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / _RSS_UNIT)


def _seconds(work: Callable[[], object]) -> float:
    gc.collect()
    gc.disable()
    started = time.process_time()
    result = work()
    seconds = time.process_time() - started
    gc.enable()
    del result
    return seconds


def _parsed(path: Path) -> Source | None:
    """Return the source with its ``ast``, as flake8 hands it over; None for what Python cannot read."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            source = read(path)
            return Source(source.path, source.text, root=ast.parse(source.text))
        except (Unreadable, SyntaxError, ValueError, RecursionError):
            return None


if __name__ == "__main__":
    raise SystemExit(main())
