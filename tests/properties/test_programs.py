"""Whatever the program, no rule raises, the answer is always the same, and edits change nothing but their own span."""

from __future__ import annotations

import ast
import random
import warnings

import hypothesmith
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flake8_llm_redflags.config import Config
from flake8_llm_redflags.fixes import fix
from flake8_llm_redflags.linter import INTERNAL_ERROR, lint
from flake8_llm_redflags.source import Source, marks

from ..support import EVERYTHING, FIXTURES

PROGRAMS = [
    marks.load(path).source.text
    for path in sorted(FIXTURES.rglob("*.py"))
    if not path.stem.endswith("fixed") and "scenarios" not in path.parts
]
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def parses(text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


def check(text: str) -> None:
    """Hold what must hold of every text."""
    source = Source("program.py", text)
    found = lint(source, EVERYTHING)
    assert not [finding.message for finding in found if finding.code == INTERNAL_ERROR]
    assert found == lint(source, EVERYTHING)
    for unsafe in (False, True):
        fixed = fix(source, EVERYTHING, unsafe=unsafe)
        assert parses(fixed.source.text) or not parses(text)
        assert fix(fixed.source, EVERYTHING, unsafe=unsafe).source.text == fixed.source.text


@QUICK
@given(hypothesmith.from_grammar().filter(parses))
def test_any_program(text: str) -> None:
    check(text)


@QUICK
@given(st.randoms(use_true_random=False))
def test_programs_put_together_from_fixtures(source_of_chance: random.Random) -> None:
    """Whole statements of several fixtures in any order: what rules look for, in surroundings nobody wrote."""
    blocks = [
        ast.get_source_segment(text, statement, padded=True) or "pass"
        for text in source_of_chance.sample(PROGRAMS, 3)
        for statement in ast.parse(text).body
        if not isinstance(statement, ast.ImportFrom) or statement.module != "__future__"
    ]
    source_of_chance.shuffle(blocks)
    text = "\n".join(blocks) + "\n"
    if parses(text):
        check(text)


@QUICK
@given(st.randoms(use_true_random=False))
def test_damaged_fixtures(source_of_chance: random.Random) -> None:
    """A fixture with some lines lost: half-written code, as an editor sees it."""
    lines = source_of_chance.choice(PROGRAMS).splitlines(keepends=True)
    keep = [line for line in lines if source_of_chance.random() > 0.1]
    check("".join(keep))


@pytest.mark.parametrize("number", range(0, len(PROGRAMS), 4))
def test_one_edit_changes_only_its_own_span(number: int) -> None:
    """Outside the statements that an edit touches, the syntax tree stays as it was."""
    text = PROGRAMS[number]
    for finding in lint(Source("program.py", text), Config(preview=True, noqa=False)):
        if finding.edit is None or finding.edit.imports:
            continue
        pieces, place = [], 0
        for replacement in sorted(finding.edit.replacements):
            pieces += [text[place : replacement.start], replacement.text]
            place = replacement.end
        after = "".join([*pieces, text[place:]])
        first = min(replacement.start for replacement in finding.edit.replacements)
        last = max(replacement.end for replacement in finding.edit.replacements)
        assert untouched(text, first, last) <= untouched_anywhere(after), finding


def untouched(text: str, first: int, last: int) -> set[str]:
    """Return the top-level statements that lie wholly outside the characters ``[first, last]``, as trees."""
    first_line, last_line = text.count("\n", 0, first) + 1, text.count("\n", 0, last) + 1
    body = ast.parse(text).body
    return {ast.dump(node) for node in body if (node.end_lineno or 0) < first_line or node.lineno > last_line}


def untouched_anywhere(text: str) -> set[str]:
    return {ast.dump(node) for node in ast.parse(text).body}
