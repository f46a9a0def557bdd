"""Every rule has a page, and the page's code does what the page says."""

from __future__ import annotations

import re

import pytest

from flake8_llm_redflags.rules import Rule, all_rules
from flake8_llm_redflags.source.marks import without_key_breaks

from .support import RULES, findings

SECTIONS = [
    "What it finds",
    "Why it matters",
    "Flagged",
    "Better",
    "Not flagged",
    "Measured",
    "In the interview",
    "References",
]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
#: Off until somebody asks for them: the pages of other rules need not obey them.
PREVIEW = {rule.code for rule in all_rules() if rule.preview}
EACH_RULE = pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)


def page(rule: type[Rule]) -> str:
    return without_key_breaks((RULES / f"{rule.code}-{rule.name}.md").read_text(encoding="utf-8"))


def section(text: str, title: str) -> str:
    """Return the text below a heading, up to the next one."""
    match = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert match is not None, f"no section {title!r}"
    return match.group(1)


@EACH_RULE
def test_head_says_what_the_rule_is(rule: type[Rule]) -> None:
    lines = page(rule).splitlines()
    edit = (
        f"{rule.fixable} edit"
        if rule.fixable in ("safe", "unsafe")
        else "safe and unsafe edits"
        if rule.fixable
        else "no edit"
    )
    assert lines[0] == f"# {rule.code} {rule.name}"
    assert lines[2] == f"*{rule.severity} · {edit}{' · preview' if rule.preview else ''}*"


@EACH_RULE
def test_has_every_section_in_order_with_text(rule: type[Rule]) -> None:
    text = page(rule)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    for title in SECTIONS:
        assert section(text, title).strip(), f"section {title!r} is empty"


@EACH_RULE
@pytest.mark.parametrize("title", ["Flagged", "Better", "Not flagged"])
def test_code_blocks_do_what_the_page_says(rule: type[Rule], title: str) -> None:
    blocks = BLOCK.findall(section(page(rule), title))
    assert blocks, f"no code under {title!r}"
    for block in blocks:
        reported = {finding.code for finding in findings(block)} - (PREVIEW - {rule.code})
        assert reported == ({rule.code} if title == "Flagged" else set()), block


def test_every_page_belongs_to_a_rule() -> None:
    assert {path.stem for path in RULES.glob("LRF*.md")} == {f"{rule.code}-{rule.name}" for rule in all_rules()}
