"""Each defect of the evaluation harness changes its numbers or what it may do, and its good variant and decoys do not."""

from __future__ import annotations

import builtins
import itertools
import json
import re
import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from . import support
from .stand_ins import Provider
from .support import module

NAME = "evaluation-harness"
holds = partial(support.holds, NAME)
MODELS = ["assist-8b", "assist-70b"]


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Provider:
    made = Provider()
    monkeypatch.setitem(sys.modules, "openai", made.module())
    return made


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of its own in the place of the container."""
    real = subprocess.run

    def run(_: list[str], **given: Any) -> Any:
        return real([sys.executable, "-I", "-"], **given)

    monkeypatch.setattr(subprocess, "run", run)


def harness(**sites: int) -> Any:
    return module(NAME, "evaluate.py", **sites)


def prompt_of(request: dict[str, Any]) -> str:
    return request["messages"][0]["content"]


def judged(prompt: str) -> tuple[str, str] | None:
    """Return the two answers that a judge is shown; None for other requests."""
    match = re.search(r"Answer A:\n(.*)\n\nAnswer B:\n(.*)\n", prompt, re.DOTALL)
    return None if match is None else (match[1], match[2])


def test_judge(provider: Provider) -> None:
    def is_judged_by_a_third(variant: int) -> bool:
        harness(judge=variant).verdict("question", "one", "other")
        return provider.requests[-1]["model"] not in MODELS

    holds("judge", is_judged_by_a_third)


def test_cache(provider: Provider) -> None:
    def tells_requests_apart(variant: int) -> bool:
        numbers = itertools.count()
        provider.answer = lambda **_: str(next(numbers))
        code = harness(cache=variant)
        requests = list(itertools.product(MODELS, ("one", "other"), (0.0, 0.8), range(3)))
        first = [code.complete(*request) for request in requests]
        return len(set(first)) == len(requests) and first == [code.complete(*request) for request in requests]

    holds("cache", tells_requests_apart)


def test_sandbox(provider: Provider, sandbox: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def leaves_the_harness_alone(variant: int) -> bool:
        monkeypatch.setattr(builtins, "touched", False, raising=False)
        code = harness(sandbox=variant)
        assert code.passes("def two(): return 2", "assert two() == 2")
        assert not code.passes("Here it is:\n```python\ndef two(): return 3\n```", "assert two() == 2")
        code.passes("import builtins; builtins.touched = True", "")
        return not builtins.touched  # type: ignore[attr-defined]

    holds("sandbox", leaves_the_harness_alone)


def test_passk(provider: Provider) -> None:
    def counts_draws(variant: int) -> bool:
        code = harness(passk=variant)

        def share(n: int, c: int, k: int) -> float:
            return statistics.fmean(any(i < c for i in draw) for draw in itertools.combinations(range(n), k))

        cases = [(n, c, k) for n in range(1, 8) for c in range(n + 1) for k in range(1, n + 1)]
        return all(code.pass_at_k(*case) == pytest.approx(share(*case)) for case in cases)

    holds("passk", counts_draws)


def test_samples(provider: Provider, sandbox: None) -> None:
    def solve(**request: Any) -> str:
        """A model that solves the task in every second sample, or never at temperature 0."""
        return "x = 1" if request["temperature"] and len(provider.requests) % 2 else "x = 0"

    def draws_ten_samples(variant: int) -> bool:
        provider.answer = solve
        return harness(samples=variant).score("m", {"prompt": "p", "tests": "assert x"}, []) > 0.5

    holds("samples", draws_ten_samples)


def test_dropped(provider: Provider, sandbox: None) -> None:
    def counts_failures(variant: int) -> bool:
        code = harness(dropped=variant)

        def solve(**_: Any) -> str:
            if len(provider.requests) > 5:
                raise code.openai.APITimeoutError("no")
            return f"x = {int(len(provider.requests) == 1)}"

        provider.requests, provider.answer = [], solve
        found = code.score("m", {"prompt": "p", "tests": "assert x"}, [])
        return found == pytest.approx(0.5)  # one of ten: half of all draws of five hold it

    holds("dropped", counts_failures)


def test_verdict(provider: Provider) -> None:
    def reads_only_verdicts(variant: int) -> bool:
        code = harness(verdict=variant)
        texts = {
            "": None,
            "All are fine.": None,
            "I cannot choose between A and B.": None,
            "B is shorter.\nVerdict: A": "A",
            "A is longer.\nVerdict: B": "B",
        }
        found = {}
        for number, text in enumerate(texts):
            provider.answer = lambda text=text, **_: text
            found[text] = code.verdict(f"question {number}", "one", "other")
        return found == texts

    holds("verdict", reads_only_verdicts)


def test_blind(provider: Provider) -> None:
    def names_nobody(variant: int) -> bool:
        provider.requests, provider.answer = [], lambda **_: "answer"
        harness(blind=variant).preference(MODELS, {"prompt": "question"})
        shown = [prompt_of(request) for request in provider.requests if judged(prompt_of(request))]
        return bool(shown) and not any(model in prompt for prompt in shown for model in MODELS)

    holds("blind", names_nobody)


def test_swap(provider: Provider) -> None:
    def first_wins(**request: Any) -> str:
        return "Verdict: A" if judged(prompt_of(request)) else f"answer of {request['model']}"

    def better_wins(**request: Any) -> str:
        shown = judged(prompt_of(request))
        return f"answer of {request['model']}" if shown is None else f"Verdict: {'AB'['70b' in shown[1]]}"

    def prefers_no_place(variant: int) -> bool:
        code = harness(swap=variant)
        questions = [{"prompt": f"question {number}"} for number in range(200)]
        provider.answer = first_wins
        by_place = statistics.fmean(code.preference(MODELS, question) for question in questions)
        code.answers.clear()
        provider.answer = better_wins
        assert {code.preference(MODELS, question) for question in questions} == {0.0}
        return 0.4 < by_place < 0.6

    holds("swap", prefers_no_place)


def test_average(provider: Provider) -> None:
    def counts_items_alike(variant: int) -> bool:
        mean, *_ = harness(average=variant).summary({"strings": [1.0] * 9, "networking": [0.0]})
        return mean == pytest.approx(0.9)

    holds("average", counts_items_alike)


def test_interval(provider: Provider) -> None:
    def is_as_wide_as_tasks_differ(variant: int) -> bool:
        scores = [1.0, 0.0] * 32  # every sample of a task agrees: 64 tasks are 64 facts
        _, low, high = harness(interval=variant).summary({"all": scores})
        return (high - low) / 2 == pytest.approx(1.96 * 0.5 / 8, rel=0.15)

    holds("interval", is_as_wide_as_tasks_differ)


def test_shots(provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "check_output", lambda *_, **__: "abc1234")

    def row(name: str) -> str:
        return json.dumps({"category": "c", "prompt": f"do {name}.", "solution": f"solved {name}.", "tests": ""}) + "\n"

    (tmp_path / "tasks.jsonl").write_text("".join(row(f"task{number}") for number in range(6)))
    (tmp_path / "questions.jsonl").write_text(row("question") * 2)
    (tmp_path / "examples.jsonl").write_text("".join(row(f"example{number}") for number in range(3)))

    def shows_no_solution_of_a_scored_task(variant: int) -> bool:
        provider.requests, provider.answer = [], lambda **_: "answer"
        code = harness(shots=variant)
        code.passes = lambda *_: True
        code.main([*MODELS, "--data", str(tmp_path), "--questions", "2"])
        prompts = [prompt_of(request) for request in provider.requests if request["temperature"]]
        asked = {prompt.rpartition("do ")[2] for prompt in prompts}
        return len(asked) >= 3 and not any(f"solved {name}" in prompt for prompt in prompts for name in asked)

    holds("shots", shows_no_solution_of_a_scored_task)
