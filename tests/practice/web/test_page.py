"""The page in a real browser: a round by keyboard, from opening it to reading the result."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")


@pytest.fixture
def page(served: Served, request: pytest.FixtureRequest) -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened = browser.new_page(
            viewport={"width": 1280, "height": 900}, color_scheme=getattr(request, "param", "light")
        )
        said: list[str] = []
        opened.on("console", lambda message: said.append(message.text))
        opened.on("pageerror", lambda error: said.append(str(error)))
        opened.on(
            "request", lambda asked: None if asked.url.startswith((served.base, "data:")) else said.append(asked.url)
        )
        opened.goto(served.address)
        opened.wait_for_selector(".line")
        yield opened
        browser.close()
        assert said == []


def shot(page: Any, name: str) -> None:
    """Keep a picture of the page where ``SCREENSHOTS`` names a folder."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def scheme(page: Any) -> str:
    return "dark" if page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else "light"


def go_to(page: Any, line: int) -> None:
    for _ in range(line):
        page.keyboard.press("j")
    assert page.locator(".line.current").get_attribute("data-line") == str(line)


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_a_round_by_keyboard(served: Served, page: Any) -> None:
    flag = next(flag for flag in served.round.rendered.flags if flag.site.name == "causal")
    go_to(page, flag.lines[0])
    page.keyboard.press("c")
    page.keyboard.type("the mask is missing: positions see the future")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("blocker")
    shot(page, f"review-{scheme(page)}")
    page.keyboard.press("Control+Enter")
    assert page.locator("article.comment").inner_text().count("positions see the future") == 1
    page.keyboard.press("s")
    page.keyboard.type("trains on the future")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.get_by_text("saved", exact=True).wait_for()
    kept = json.loads((served.folder / "review.json").read_text(encoding="utf-8"))
    assert [(c["line"], c["severity"]) for c in kept["comments"]] == [(flag.lines[0], "blocker")]
    assert (kept["summary"], kept["verdict"]) == ("trains on the future", "request-changes")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#result:not([hidden])")
    told = page.locator("#result").inner_text()
    assert "found, named" in told
    assert "positions see the future" in told
    assert "padding counts in the loss" in told
    assert page.locator("#cap").inner_text() == "1 blocker was missed, so the score is 69 at most."
    assert page.evaluate("document.activeElement.id") == "score"
    shot(page, f"result-{scheme(page)}")


def test_a_reload_loses_nothing(page: Any) -> None:
    go_to(page, 3)
    page.keyboard.press("c")
    page.keyboard.type("half a thought")
    page.get_by_text("saved", exact=True).wait_for()
    page.reload()
    page.wait_for_selector("article.comment")
    assert "half a thought" in page.locator("article.comment").inner_text()


def test_escape_takes_a_comment_back_and_delete_removes_it(page: Any) -> None:
    go_to(page, 2)
    page.keyboard.press("c")
    page.keyboard.type("no")
    page.keyboard.press("Escape")
    assert page.locator("article.comment").count() == 0
    page.keyboard.press("c")
    page.keyboard.type("yes")
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name="Delete the comment on line 2").click()
    assert page.locator("article.comment").count() == 0
    assert page.locator("#count").inner_text().startswith("0 comments")


def test_code_and_comments_are_never_taken_for_html(page: Any) -> None:
    go_to(page, 1)
    page.keyboard.press("c")
    page.keyboard.type("<img src=x onerror=alert(1)><b>bold</b>")
    page.keyboard.press("Control+Enter")
    assert "<b>bold</b>" in page.locator("article.comment").inner_text()
    assert page.locator("article.comment b, article.comment img").count() == 0


def test_everything_has_a_name_for_a_screen_reader(page: Any) -> None:
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, select, textarea, section, dialog')]"
        ".filter(n => !(n.getAttribute('aria-label') || n.innerText || n.closest('label'))).map(n => n.outerHTML)"
    )
    assert unnamed == []
    assert page.get_by_role("button", name="Comment on line 12").count() >= 1


def test_the_keys_that_move_read_the_code_aloud(page: Any) -> None:
    go_to(page, 12)
    told = "document.getElementById(document.activeElement.getAttribute('aria-describedby')).innerText"
    assert page.evaluate(told) == page.locator(".line.current code").inner_text()


def test_a_narrow_window_needs_no_scrolling_sideways(page: Any) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    go_to(page, 5)
    page.keyboard.press("c")
    wide = "document.documentElement.scrollWidth > innerWidth"
    assert not page.evaluate(wide)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Submit review").click()
    page.wait_for_selector("#result:not([hidden])")
    assert not page.evaluate(wide)


def test_help_and_theme(page: Any) -> None:
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Switch between light and dark").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
