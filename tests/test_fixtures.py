"""Every fixture is reported exactly as marked, and fixed exactly as its ``.fixed.py`` shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from flake8_llm_redflags.fixes import fix
from flake8_llm_redflags.linter import lint
from flake8_llm_redflags.source import marks

from .support import ALL_CODES, EVERYTHING, FIXTURES, catalogue_code

MARKED = sorted(
    path for path in FIXTURES.rglob("*.py") if not path.stem.endswith("fixed") and "scenarios" not in path.parts
)
FIXED = sorted(FIXTURES.rglob("*fixed.py"))


def name(path: Path) -> str:
    return str(path.relative_to(FIXTURES))


@pytest.mark.parametrize("path", MARKED, ids=name)
def test_is_reported_exactly_as_marked(path: Path) -> None:
    fixture = marks.load(path)
    found = lint(fixture.source, EVERYTHING)
    reported = {(finding.line, finding.code) for finding in found}
    groups = fixture.groups()
    in_groups = {(line, code) for (_, code), lines in groups.items() for line in lines}

    expected = fixture.lines("expect")
    assert reported >= expected, f"not reported: {sorted(expected - reported)}"
    assert not reported & fixture.lines("ok"), "a look-alike is reported"
    for (group, code), lines in groups.items():
        assert len([line for line in lines if (line, code) in reported]) == 1, f"group {group} of {code}"
    wrong_todo = (fixture.lines("todo-expect") & reported) | (fixture.lines("todo-ok") - reported)
    assert not wrong_todo, f"these work now, take off the todo: {sorted(wrong_todo)}"
    surplus = [f for f in found if (f.line, f.code) not in expected | in_groups | fixture.lines("todo-ok")]
    assert not surplus, "\n".join(f"unmarked: {f.line}: {f.code} {f.message}" for f in surplus)


@pytest.mark.parametrize("path", FIXED, ids=name)
def test_is_fixed_exactly_as_shown(path: Path) -> None:
    unsafe = path.name.endswith(".unsafe-fixed.py")
    original = path.with_name(path.name.replace(".unsafe-fixed.py" if unsafe else ".fixed.py", ".py"))
    fixed = fix(marks.load(original).source, EVERYTHING, unsafe=unsafe)
    assert fixed.source.text == marks.without_key_breaks(path.read_text(encoding="utf-8"))
    again = fix(fixed.source, EVERYTHING, unsafe=unsafe)
    assert again.source.text == fixed.source.text, "fixing twice must change nothing more"


@pytest.mark.parametrize("code", sorted(ALL_CODES))
def test_every_rule_has_a_finding_and_a_look_alike(code: str) -> None:
    own = [
        mark
        for path in MARKED
        if path.parent.name.startswith(code)
        for mark in marks.load(path).marks
        if mark.what == code
    ]
    assert any(mark.kind == "expect" for mark in own), f"no fixture in which {code} must be reported"
    assert any(mark.kind == "ok" for mark in own), f"no fixture in which {code} must stay silent"


@pytest.mark.parametrize(
    "folder", sorted(p for p in FIXTURES.iterdir() if p.name.startswith("LRF")), ids=lambda p: p.name
)
def test_every_fixture_folder_belongs_to_a_rule(folder: Path) -> None:
    assert catalogue_code(folder) in ALL_CODES
