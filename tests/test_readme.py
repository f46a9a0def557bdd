"""What the README shows is what the linter says."""

from __future__ import annotations

import re

from .support import DEFAULT, PROJECT, findings

README = (PROJECT / "README.md").read_text(encoding="utf-8")


def test_its_examples_are_reported_as_they_say() -> None:
    examples = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        lines = example.splitlines()
        said = {(number, code) for number, line in enumerate(lines, 1) for code in re.findall(r"# (LRF\d{3}) ", line)}
        assert said
        assert {(finding.line, finding.code) for finding in findings(example, DEFAULT)} == said


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (PROJECT / target).exists(), target
