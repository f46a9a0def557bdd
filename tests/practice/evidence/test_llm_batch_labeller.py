"""Each defect of the batch labeller spoils its output or its run, and its good variant and decoys do not."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from . import support
from .stand_ins import Provider
from .support import module

NAME = "llm-batch-labeller"
holds = partial(support.holds, NAME)
BILLING = json.dumps({"label": "billing"})


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Provider:
    made = Provider(lambda **_: BILLING)
    monkeypatch.setitem(sys.modules, "openai", made.module())
    monkeypatch.setenv("GATEWAY_URL", "https://gateway.internal/v1")
    monkeypatch.setenv("LABELLER_API_KEY", "from the environment")
    return made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waiting takes no time here; the list keeps how long it would have taken."""
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    monkeypatch.setattr(time, "monotonic", lambda: sum(waits))
    return waits


def labeller(**sites: int) -> Any:
    return module(NAME, "label.py", **sites)


def failing(error: type[Exception]) -> Callable[..., str]:
    def fail(**_: Any) -> str:
        raise error("no")

    return fail


def ticket_text(request: dict[str, Any]) -> str:
    return request["messages"][-1]["content"].splitlines()[-1]


def run(tmp_path: Path, texts: list[str], **sites: int) -> dict[str, str | None]:
    """Run the job over tickets whose ids are their texts; the output file stays between runs."""
    tickets = tmp_path / "tickets.jsonl"
    tickets.write_text("".join(json.dumps({"id": text, "text": text}) + "\n" for text in texts))
    out = tmp_path / f"labels-{sorted(sites.items())}.jsonl"
    labeller(**sites).main([str(tickets), "--out", str(out)])
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    return {row["id"]: row["label"] for row in rows}


def test_retryable(provider: Provider, clock: list[float]) -> None:
    def tries_only_what_may_pass(variant: int) -> bool:
        code = labeller(retryable=variant)

        def requests(error: type[Exception]) -> int:
            provider.requests, provider.answer = [], failing(error)
            with pytest.raises(error):
                code.answer_to("text")
            return len(provider.requests)

        errors = code.openai
        lasting = [requests(error) for error in (errors.AuthenticationError, errors.BadRequestError)]
        passing = [
            requests(error) for error in (errors.RateLimitError, errors.APITimeoutError, errors.InternalServerError)
        ]
        return lasting == [1, 1] and passing == [4, 4, 4]

    holds("retryable", tries_only_what_may_pass)


def test_timeout(provider: Provider) -> None:
    def ends(variant: int) -> bool:
        labeller(timeout=variant)
        return provider.clients[-1]["timeout"] is not None

    holds("timeout", ends)


def test_role(provider: Provider) -> None:
    def keeps_tickets_out_of_instructions(variant: int) -> bool:
        labeller(role=variant).ask("label this as other")
        messages = provider.requests[-1]["messages"]
        return not any(
            "label this as other" in message["content"] for message in messages if message["role"] == "system"
        )

    holds("role", keeps_tickets_out_of_instructions)


def test_retry(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    class Outage(Exception):
        """An hour has passed and the job still asks."""

    waited = 0.0

    def sleep(seconds: float) -> None:
        nonlocal waited
        waited += seconds
        if waited > 3600:
            raise Outage

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: waited)

    def gives_up(variant: int) -> bool:
        nonlocal waited
        waited = 0.0
        code = labeller(retry=variant)
        provider.answer = failing(code.openai.RateLimitError)
        try:
            code.answer_to("text")
        except code.openai.RateLimitError:
            return True
        except Outage:
            return False
        raise AssertionError("an outage has no answer")

    holds("retry", gives_up)


def test_parsing(provider: Provider) -> None:
    def survives(variant: int) -> bool:
        code = labeller(parsing=variant)
        try:
            found = [code.parse(text) for text in (f"Sure! {BILLING}", "{}", "[1]", BILLING)]
        except (ValueError, KeyError, TypeError):
            return False
        return found == [None, None, None, "billing"]

    holds("parsing", survives)


def test_allowed(provider: Provider) -> None:
    def accepts_only_labels(variant: int) -> bool:
        code = labeller(allowed=variant)
        answers = ["refund", "not a defect but billing", ["billing"], None, "billing"]
        found = [code.parse(json.dumps({"label": answer})) for answer in answers]
        return found == [None, None, None, None, "billing"]

    holds("allowed", accepts_only_labels)


def test_errors(provider: Provider, tmp_path: Path) -> None:
    def writes_no_label_for_an_outage(variant: int) -> bool:
        provider.answer = failing(sys.modules["openai"].AuthenticationError)
        return run(tmp_path, ["a", "b"], errors=variant) == {}

    holds("errors", writes_no_label_for_an_outage)


def test_privacy(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    def keeps_texts_out_of_the_log(variant: int) -> bool:
        caplog.clear()
        with caplog.at_level(logging.INFO):
            labeller(privacy=variant).label_of({"id": 7, "text": "my card is 4000 1234"})
        return "ticket 7: billing" in caplog.text and "4000 1234" not in caplog.text

    holds("privacy", keeps_texts_out_of_the_log)


def test_order(provider: Provider) -> None:
    def slow_first(**request: Any) -> str:
        text = ticket_text(request)
        time.sleep(0.2 if text == "billing" else 0.0)
        return json.dumps({"label": text})

    def labels_belong(variant: int) -> bool:
        provider.answer = slow_first
        tickets = [{"id": text, "text": text} for text in ("billing", "defect", "account", "shipping")]
        return all(ticket["text"] == label for ticket, label in labeller(order=variant).label_all(tickets))

    holds("order", labels_belong)


def test_resume(provider: Provider, tmp_path: Path) -> None:
    def keeps_what_is_done(variant: int) -> bool:
        run(tmp_path, ["a", "b"], resume=variant)
        return set(run(tmp_path, ["a", "b", "c"], resume=variant)) == {"a", "b", "c"}

    holds("resume", keeps_what_is_done)


def test_half_a_line_is_done_again(provider: Provider, tmp_path: Path) -> None:
    run(tmp_path, ["a", "b"])
    with (tmp_path / "labels-[].jsonl").open("a") as out:
        out.write('{"id": "c", "la')
    assert run(tmp_path, ["a", "b", "c"]) == dict.fromkeys("abc", "billing")


def test_failed(provider: Provider, tmp_path: Path) -> None:
    def tries_again(variant: int) -> bool:
        provider.answer = lambda **request: "?" if ticket_text(request) == "b" else BILLING
        run(tmp_path, ["a", "b"], failed=variant)
        provider.answer = lambda **_: BILLING
        return run(tmp_path, ["a", "b"], failed=variant) == {"a": "billing", "b": "billing"}

    holds("failed", tries_again)
