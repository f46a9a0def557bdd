"""What the README shows is what the linter says."""

from __future__ import annotations

import re

from .support import DEFAULT, PROJECT, findings

README = (PROJECT / "README.md").read_text(encoding="utf-8")


def test_the_first_example_is_reported_as_it_says() -> None:
    match = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert match is not None
    lines = match[1].splitlines()
    said = {(number, code) for number, line in enumerate(lines, 1) for code in re.findall(r"# (LRF\d{3}) ", line)}
    assert {(finding.line, finding.code) for finding in findings(match[1], DEFAULT)} == said


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (PROJECT / target).exists(), target
