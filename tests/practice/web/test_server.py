"""The server of the page: who may ask, what is answered, and when the answers are."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import pytest

from .conftest import Served

REVIEW = {"schema": 1, "comments": [], "verdict": None, "summary": "", "hints": {}}


def ask(served: Served, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(served.base + path, data, {"X-Token": served.token, **headers}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def comment(served: Served, number: int = 0) -> dict[str, Any]:
    flag = served.round.rendered.flags[number]
    return {
        "file": flag.file,
        "line": flag.lines[0],
        "text": "the future",
        "severity": flag.site.severity,
        "families": [flag.site.family],
    }


def test_only_who_knows_the_token_is_answered(served: Served) -> None:
    assert ask(served, "GET", "/api/round")[0] == 200
    for token in ("", "wrong", served.token[:-1]):
        assert ask(served, "GET", "/api/round", **{"X-Token": token})[0] == 403
        assert ask(served, "GET", f"/?token={token}", **{"X-Token": ""})[0] == 403


def test_only_its_own_address_is_answered(served: Served) -> None:
    assert ask(served, "GET", "/api/round", Host="elsewhere.example")[0] == 403
    assert ask(served, "GET", "/page.js", Host="elsewhere.example")[0] == 403


def test_listens_on_this_machine_only(served: Served) -> None:
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for host in others:
        with socket.socket() as other:
            other.settimeout(2)
            assert other.connect_ex((host, urlsplit(served.base).port)) != 0


def test_no_answer_is_sent_before_the_round_is_handed_in(served: Served) -> None:
    told = ask(served, "GET", "/api/round")[1] + ask(served, "GET", "/page.js")[1]
    for flag in served.round.rendered.flags:
        assert flag.site.title not in told
        assert flag.site.concept not in told
    assert ask(served, "GET", "/api/result")[0] == 422


def test_a_review_is_kept_and_graded(served: Served) -> None:
    review = {**REVIEW, "comments": [comment(served, n) for n in range(3)], "verdict": "request-changes"}
    assert ask(served, "PUT", "/api/review", review)[0] == 200
    assert (
        json.loads((served.folder / "review.json").read_text(encoding="utf-8"))["comments"][0]["text"] == "the future"
    )
    assert json.loads(ask(served, "GET", "/api/round")[1])["review"]["verdict"] == "request-changes"
    status, told = ask(served, "POST", "/api/submit", {"review": review})
    assert (status, json.loads(told)["score"]) == (200, 100)
    assert json.loads(ask(served, "GET", "/api/result")[1])["flags"][0]["why"]


def test_hints_cost(served: Served) -> None:
    assert json.loads(ask(served, "POST", "/api/hint", {})[1])["hint"]
    review = {**REVIEW, "comments": [comment(served, n) for n in range(3)], "verdict": "request-changes"}
    assert (
        sum(flag["hints"] for flag in json.loads(ask(served, "POST", "/api/submit", {"review": review})[1])["flags"])
        == 1
    )


@pytest.mark.parametrize(
    "body", [b"{", b"[]", {}, {"schema": 2}, {**REVIEW, "comments": [{"line": -1}]}, {**REVIEW, "comments": 3}]
)
def test_what_is_no_review_is_refused_and_nothing_is_lost(served: Served, body: Any) -> None:
    ask(served, "PUT", "/api/review", {**REVIEW, "summary": "mine"})
    status, told = ask(served, "PUT", "/api/review", body)
    assert status in (400, 422)
    assert json.loads(told)["error"]
    assert json.loads(ask(served, "GET", "/api/round")[1])["review"]["summary"] == "mine"


def test_pages_of_rules_are_served_and_nothing_else(served: Served) -> None:
    assert "unfused-attention" in ask(served, "GET", "/rules/LRF501")[1]
    for path in (
        "/rules/LRF000",
        "/rules/..%2f..%2fpyproject",
        "/rules/../pyproject.toml",
        "/session.json",
        "/api/nothing",
    ):
        assert ask(served, "GET", path)[0] == 404


def test_nothing_may_be_loaded_from_elsewhere(served: Served) -> None:
    with urllib.request.urlopen(served.address, timeout=20) as answer:
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "http" not in answer.read().decode().replace("http-equiv", "")
    assert "innerHTML" not in ask(served, "GET", "/page.js")[1]
