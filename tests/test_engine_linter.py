"""The one road keeps its promises: quiet, deterministic, and no rule takes another one down."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator

import libcst as cst
import pytest

from flake8_llm_redflags.code import Code
from flake8_llm_redflags.config import Config
from flake8_llm_redflags.finding import Finding, Severity
from flake8_llm_redflags.linter import lint
from flake8_llm_redflags.rules import Rule
from flake8_llm_redflags.rules.rule import Trigger
from flake8_llm_redflags.source import Source

TEXT = "import model\nfor x in y:\n    model.generate(x)\n    model.generate(x); model.generate(x)\n"


class _Test(Rule):
    name = "test-rule"
    severity = Severity.WARNING
    trigger = Trigger(words=(("generate",),))


class Calls(_Test):
    """Reports every call, last one first, each twice."""

    code = "LRF998"

    def check(self, code: Code) -> Iterator[Finding]:
        for call in reversed(list(code.calls("generate"))):
            yield self.finding(code, call, "a call")
            yield self.finding(code, call, "a call")


class Raises(_Test):
    code = "LRF991"
    error: BaseException = KeyError("two\nlines")

    def check(self, code: Code) -> Iterator[Finding]:
        yield from ()
        raise self.error


class GoesTooDeep(Raises):
    code = "LRF992"
    error = RecursionError("maximum recursion depth exceeded")


class Warns(_Test):
    code = "LRF993"

    def check(self, code: Code) -> Iterator[Finding]:
        for string in code.all(cst.SimpleString):
            assert string.evaluated_value
        yield from ()


def run(text: str, *rules: type[Rule], config: Config | None = None) -> list[Finding]:
    return lint(Source("x.py", text), config or Config(), rules)


def test_findings_are_sorted_and_reported_once() -> None:
    assert [(f.line, f.column) for f in run(TEXT, Calls)] == [(3, 5), (4, 5), (4, 24)]


def test_a_rule_that_raises_is_named_and_the_others_go_on() -> None:
    found = run(TEXT, Raises, Calls)
    assert [finding.code for finding in found] == ["LRF999", "LRF998", "LRF998", "LRF998"]
    message = found[0].message
    assert message.startswith("LRF991 test-rule failed here: KeyError: 'two\\nlines' (check, line ")
    assert "\n" not in message


def test_a_rule_that_runs_out_of_stack_is_no_internal_error() -> None:
    assert [finding.code for finding in run(TEXT, GoesTooDeep, Calls)] == ["LRF900", "LRF998", "LRF998", "LRF998"]


def test_own_codes_can_be_ignored_like_any_other() -> None:
    config = Config(ignore=("LRF9",))
    assert run(TEXT, Raises, GoesTooDeep, config=config) == []
    assert run("def f(:", config=config) == []


def test_warnings_about_the_code_that_is_read_stay_away() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run("generate('\\d')\n", Warns) == []


def test_the_collector_is_left_as_it_was() -> None:
    run(TEXT, Calls)
    assert gc.isenabled()
    gc.disable()
    try:
        run(TEXT, Calls)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_noqa_knows_lines_as_python_does() -> None:
    """A form feed or a Unicode line separator ends no line."""
    text = "\x0c\nx = '\u2028\x0b'\nmodel.generate(1)\nmodel.generate(2)  # noqa: LRF998\n"
    assert [finding.line for finding in run(text, Calls)] == [3]


@pytest.mark.parametrize("text", ["", "\n", "# generate", "generate"])
def test_nothing_is_found_in_nothing(text: str) -> None:
    assert run(text, Calls) == []
