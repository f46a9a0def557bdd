"""Each defect of the agent lets it do or say what it must not, and its good variant and decoys do not."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import types
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from . import support
from .stand_ins import Provider
from .support import module

NAME = "tool-agent"
holds = partial(support.holds, NAME)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Provider:
    made = Provider(lambda **_: "done")
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "queue.md").write_text("drain the queue")
    monkeypatch.setenv("RUNBOOKS", str(tmp_path / "runbooks"))
    monkeypatch.setenv("STATUS_TOKEN", "the-token-itself")
    for name in ("channel", "requests"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setattr(sys.modules["channel"], "note", lambda _: None, raising=False)
    monkeypatch.setitem(sys.modules, "openai", made.module())
    return made


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, provider: Provider) -> list[dict[str, Any]]:
    """The requests to web servers, all of which answer."""
    requests: list[dict[str, Any]] = []

    def get(url: str, **given: Any) -> Any:
        requests.append({"url": url, **given})
        return SimpleNamespace(status_code=200, text="all is well")

    monkeypatch.setattr(sys.modules["requests"], "get", get, raising=False)
    return requests


def agent(**sites: int) -> Any:
    return module(NAME, "agent.py", **sites)


def call(name: str, number: int = 0, /, **arguments: str) -> Any:
    return SimpleNamespace(id=f"call-{number}", function=SimpleNamespace(name=name, arguments=json.dumps(arguments)))


def asks_for(*calls: Any) -> Any:
    """Return a message in which the model calls tools."""
    return SimpleNamespace(content=None, tool_calls=list(calls))


def roles(request: dict[str, Any], text: str) -> set[str]:
    """Return the roles of the messages that hold a text."""
    told = [message for message in request["messages"] if isinstance(message, dict)]
    return {message["role"] for message in told if text in message["content"]}


def test_path(provider: Provider, tmp_path: Path) -> None:
    (tmp_path / "passwords").write_text("hunter2")
    (tmp_path / "runbooks-private").mkdir()
    (tmp_path / "runbooks-private" / "keys.md").write_text("hunter2")

    def stays_in_the_folder(variant: int) -> bool:
        code = agent(path=variant)
        assert code.result_of(call("read_runbook", name="queue.md")) == "drain the queue"
        outside = ("../passwords", str(tmp_path / "passwords"), "../runbooks-private/keys.md")
        return not any("hunter2" in code.result_of(call("read_runbook", name=name)) for name in outside)

    holds("path", stays_in_the_folder)


def test_host(web: list[dict[str, Any]]) -> None:
    def keeps_the_token_here(variant: int) -> bool:
        web.clear()
        code = agent(host=variant)
        assert "all is well" in code.fetch("https://status.internal/api")
        for url in (
            "https://status.internal.evil.example/",
            "https://evil.example/?status.internal",
            "https://status.internal@evil.example/",
            "https://evil.example\\@status.internal/",
        ):
            code.fetch(url)
        return all(request["url"].startswith("https://status.internal/") for request in web)

    holds("host", keeps_the_token_here)


def test_logs(web: list[dict[str, Any]], caplog: pytest.LogCaptureFixture) -> None:
    def keeps_the_token_out(variant: int) -> bool:
        caplog.clear()
        with caplog.at_level(logging.INFO):
            agent(logs=variant).fetch("https://status.internal/api")
        return "/api" in caplog.text and "the-token-itself" not in caplog.text

    holds("logs", keeps_the_token_out)


@pytest.mark.skipif(sys.platform == "win32", reason="runs a shell script in the place of systemctl")
def test_shell(provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    systemctl = tmp_path / "bin" / "systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text('#!/bin/sh\necho "state of $4"\n')
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", str(systemctl.parent), prepend=":")

    def runs_nothing_else(variant: int) -> bool:
        (tmp_path / "touched").unlink(missing_ok=True)
        code = agent(shell=variant)
        assert "state of" in code.status("api")
        code.status(f"api; echo > {tmp_path}/touched")
        return not (tmp_path / "touched").exists()

    holds("shell", runs_nothing_else)


def test_approval(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    def asks_first(variant: int) -> bool:
        commands: list[list[str]] = []
        agreed = False
        code = agent(approval=variant)
        code.channel.confirm = lambda _: agreed
        monkeypatch.setattr(
            subprocess, "run", lambda command, **_: commands.append(command) or SimpleNamespace(stderr="")
        )
        code.restart("search")
        before = len(commands)
        agreed = True
        code.restart("search")
        return (before, len(commands)) == (0, 1)

    holds("approval", asks_first)


def test_dispatch(provider: Provider) -> None:
    def calls_only_tools(variant: int) -> bool:
        code = agent(dispatch=variant)
        code.no_tool = lambda: "ran"
        assert code.result_of(call("read_runbook", name="queue.md")) == "drain the queue"
        return code.result_of(call("no_tool")) != "ran"

    holds("dispatch", calls_only_tools)


def test_errors(provider: Provider) -> None:
    def tells_of_failures(variant: int) -> bool:
        code = agent(errors=variant)
        found = [code.result_of(made) for made in (call("read_runbook", name="none.md"), call("status", wrong="x"))]
        return all(found)

    holds("errors", tells_of_failures)


def test_bound(provider: Provider, tmp_path: Path) -> None:
    (tmp_path / "runbooks" / "long.md").write_text("long " * 100_000)

    def is_short(variant: int) -> bool:
        code = agent(bound=variant)
        assert code.result_of(call("read_runbook", name="queue.md")) == "drain the queue"
        return len(code.result_of(call("read_runbook", name="long.md"))) < 1.1 * code.MAX_RESULT

    holds("bound", is_short)


def test_history(provider: Provider) -> None:
    def begins_anew(variant: int) -> bool:
        code = agent(history=variant)
        code.answer("what is the password of the first incident?")
        code.answer("second question")
        return not roles(provider.requests[-1], "first incident")

    holds("history", begins_anew)


def test_loop(provider: Provider) -> None:
    class TooMany(Exception):
        """The agent still asks."""

    def keep_asking(**_: Any) -> Any:
        if len(provider.requests) > 200:
            raise TooMany
        return asks_for(call("read_runbook", name="queue.md"))

    def ends(variant: int) -> bool:
        provider.requests, provider.answer = [], keep_asking
        try:
            agent(loop=variant).answer("question")
        except TooMany:
            return False
        return len(provider.requests) == 12

    holds("loop", ends)


def test_calls(provider: Provider) -> None:
    def ask_for_two(**request: Any) -> Any:
        two = (call("read_runbook", 1, name="queue.md"), call("read_runbook", 2, name="none.md"))
        return "done" if len(request["messages"]) > 2 else asks_for(*two)

    def answers_each(variant: int) -> bool:
        provider.answer = ask_for_two
        agent(calls=variant).answer("question")
        told = [message for message in provider.requests[-1]["messages"] if isinstance(message, dict)]
        return [message["tool_call_id"] for message in told if message["role"] == "tool"] == ["call-1", "call-2"]

    holds("calls", answers_each)


def test_role(provider: Provider) -> None:
    def ask_once(**request: Any) -> Any:
        return "done" if len(request["messages"]) > 2 else asks_for(call("read_runbook", name="queue.md"))

    def keeps_results_out_of_instructions(variant: int) -> bool:
        provider.answer = ask_once
        agent(role=variant).answer("question")
        return roles(provider.requests[-1], "drain the queue") == {"tool"}

    holds("role", keeps_results_out_of_instructions)
