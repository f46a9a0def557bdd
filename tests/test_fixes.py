"""Edits: applied together, until nothing changes, and never at the cost of the file."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import libcst as cst
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flake8_llm_redflags.code import Code
from flake8_llm_redflags.config import Config
from flake8_llm_redflags.finding import Edit, Finding, Replacement, Severity
from flake8_llm_redflags.fixes import Fixed, fix
from flake8_llm_redflags.imports import NOTHING, new_imports
from flake8_llm_redflags.rules import Rule
from flake8_llm_redflags.rules.rule import Trigger
from flake8_llm_redflags.source import Source, decode

from .support import work


class _CallRule(Rule):
    """Reports each call of a name, and puts something else in its place."""

    severity = Severity.WARNING
    called: str
    new: str = "g()"
    safe = True
    imports: tuple[str, ...] = ()

    def check(self, code: Code) -> Iterator[Finding]:
        for call in code.calls(self.called):
            if isinstance(call.func, cst.Name):
                edit = code.edit("say g", safe=self.safe).replace(call, self.new).importing(*self.imports).done()
                yield self.finding(code, call, f"call on line {code.line(call)}", edit)


def rule(
    called: str, new: str, *, code: str = "LRF901", safe: bool = True, imports: tuple[str, ...] = ()
) -> type[Rule]:
    members = {"code": code, "name": "test-rule", "called": called, "new": new, "safe": safe, "imports": imports}
    return type("TestRule", (_CallRule,), {**members, "trigger": Trigger(words=((called,),))})


def fixed(text: str, *rules: type[Rule], unsafe: bool = False) -> Fixed:
    return fix(Source("x.py", text), Config(), unsafe=unsafe, rules=rules)


READ = rule("bad", 'os.environ["KEY"]', imports=("os",))


def mended(text: str, *rules: type[Rule]) -> str:
    return fixed(text, *(rules or (READ,))).source.text


# ---- together, until stable


def test_all_edits_are_applied_and_what_is_left_is_reported() -> None:
    result = fixed("f()\nx = [f(), f()]\nh()\n", rule("f", "g()"), rule("h", "k()", code="LRF902", safe=False))
    assert result.source.text == "g()\nx = [g(), g()]\nh()\n"
    assert [finding.line for finding in result.applied] == [1, 2, 2]
    assert [finding.code for finding in result.remaining] == ["LRF902"]


def test_unsafe_edits_need_to_be_asked_for() -> None:
    unsafe = rule("f", "g()", safe=False)
    assert fixed("f()\n", unsafe).source.text == "f()\n"
    assert fixed("f()\n", unsafe, unsafe=True).source.text == "g()\n"


def test_nested_findings_are_mended_in_rounds() -> None:
    class Unwrap(_CallRule):
        """f(x) → x"""

        code, name, trigger = "LRF901", "test-rule", Trigger(words=(("f",),))

        def check(self, code: Code) -> Iterator[Finding]:
            for call in code.calls("f"):
                inner = code.text_of(call.args[0].value)
                yield self.finding(code, call, "a call", code.edit("unwrap", safe=True).replace(call, inner).done())

    assert mended("x = f(f(f(1)), f(2))\n", Unwrap) == "x = 1\n"
    assert mended("x = " + "f(" * 30 + "1" + ")" * 30 + "\n", Unwrap) == "x = 1\n"


def test_two_rules_may_meet_at_one_place() -> None:
    assert mended("f(h())\n", rule("f", "h()"), rule("h", "k()", code="LRF902")) == "k()\n"


# ---- what is dropped


def test_an_edit_that_does_not_parse_is_dropped_and_its_neighbours_are_not() -> None:
    result = fixed("a()\nb()\na()\n", rule("a", "g()"), rule("b", "g(", code="LRF902"))
    assert result.source.text == "g()\nb()\ng()\n"
    assert [finding.code for finding in result.remaining] == ["LRF902"]


@pytest.mark.parametrize("new", ["f()", "f( )", "(f(), 1)", "(1, f())"])
def test_an_edit_that_leaves_its_finding_is_dropped(new: str) -> None:
    """The message names the line, so the finding cannot be known by its message."""
    stays, goes = rule("f", new, imports=("os",)), rule("h", "k()", code="LRF902", imports=("sys",))
    result = fixed("h()\nf()\nh()\n", stays, goes)
    assert result.source.text == "import sys\n\nk()\nf()\nk()\n"
    assert [finding.code for finding in result.remaining] == ["LRF901"]


def test_two_rules_at_odds_are_both_dropped() -> None:
    at_odds = rule("f", "(1, k())"), rule("k", "(2, f())", code="LRF902")
    result = fixed("f()\nh()\n", *at_odds, rule("h", "i()", code="LRF903"))
    assert result.source.text == "f()\ni()\n"
    assert [finding.code for finding in result.applied] == ["LRF903"]


def test_an_edit_after_which_the_file_can_no_longer_be_read_is_dropped() -> None:
    deep = "(" * 150 + "1" + ")" * 150
    assert mended("f\nf()\n", rule("f", deep)) == "f\nf()\n"


def test_an_edit_that_the_encoding_cannot_hold_is_dropped() -> None:
    source = decode("# -*- coding: latin-1 -*-\nx = 'é'; f()\n".encode("latin-1"), "x.py")
    assert fix(source, Config(), rules=[rule("f", "'→'")]).source.text == source.text


@pytest.mark.parametrize(
    "text",
    [
        "os = 1\nbad()\n",
        "def f(os):\n    bad()\n",
        "from x import os\nbad()\n",
        "import x as os\nbad()\n",
        "def f():\n    os = 1\n    bad()\n",
        "for os in x:\n    bad()\n",
        "class os: pass\nbad()\n",
        "try:\n    import os\nexcept ImportError:\n    os = None\nbad()\n",
        "'doc'; bad()\n",
    ],
)
def test_an_edit_whose_import_would_clash_or_has_no_place_is_dropped(text: str) -> None:
    assert mended(text) == text


# ---- imports

FUTURE = "from __future__ import annotations\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = bad()\n", 'import os\n\nx = os.environ["KEY"]\n'),
        ("\nx = bad()\n", 'import os\n\nx = os.environ["KEY"]\n'),
        ('"""Doc."""\nx = bad()\n', '"""Doc."""\n\nimport os\n\nx = os.environ["KEY"]\n'),
        ('"""Doc."""\n\nx = bad()\n', '"""Doc."""\n\nimport os\n\nx = os.environ["KEY"]\n'),
        (f"{FUTURE}bad()\n", f'{FUTURE}import os\nos.environ["KEY"]\n'),
        ("import sys\n\nx = bad()\n", 'import sys\nimport os\n\nx = os.environ["KEY"]\n'),
        ("import os\nx = bad()\n", 'import os\nx = os.environ["KEY"]\n'),
        ("import os.path\nx = bad()\n", 'import os.path\nx = os.environ["KEY"]\n'),
        ("import sys, os\nx = bad()\n", 'import sys, os\nx = os.environ["KEY"]\n'),
        ("x = bad()\nimport os\n", 'import os\n\nx = os.environ["KEY"]\nimport os\n'),
        ("def f():\n    import os\nx = bad()\n", 'import os\n\ndef f():\n    import os\nx = os.environ["KEY"]\n'),
        ("from x import (  # y\n    y,\n)\nbad()\n", 'from x import (  # y\n    y,\n)\nimport os\nos.environ["KEY"]\n'),
        ("#!python\n# the key\nx = bad()\n", '#!python\n\nimport os\n\n# the key\nx = os.environ["KEY"]\n'),
        ("# Licence.\n# All of it.\n\nx = bad()\n", '# Licence.\n# All of it.\n\nimport os\n\nx = os.environ["KEY"]\n'),
        ("# the key\nx = bad()\n", 'import os\n\n# the key\nx = os.environ["KEY"]\n'),
        ("x = bad()", 'import os\n\nx = os.environ["KEY"]'),
        ("import sys; x = bad()\n", "import sys; x = bad()\n"),
    ],
)
def test_imports_go_where_a_person_would_put_them(text: str, expected: str) -> None:
    assert mended(text) == expected
    assert mended(expected) == expected


@pytest.mark.parametrize(
    ("text", "is_there"),
    [
        ("import torch.nn.functional as F\n", True),
        ("from torch.nn import functional as F\n", True),
        ("from torch.nn import functional\n", False),
        ("import torch.nn.functional\n", False),
        ("from . import functional\n", False),
    ],
)
def test_an_alias_counts_as_imported_however_it_is_written(text: str, is_there: bool) -> None:
    edit = Edit("t", (Replacement(len(text), len(text), "F"),), safe=True, imports=("torch.nn.functional as F",))
    assert (new_imports(text, [edit]) == NOTHING) is is_there


def test_an_import_is_added_once() -> None:
    text = mended("x = bad()\ny = bad()\n")
    assert text.count("import os") == 1


# ---- bytes


HEADS = [
    [],
    ["'''doc'''"],
    ["from __future__ import annotations"],
    ["import a", "import b"],
    ["# c", ""],
    ["#!x", "# coding: utf-8"],
]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("head", HEADS, ids=lambda head: " ".join(head)[:12])
def test_line_ends_and_byte_order_mark_stay(head: list[str], bom: bytes, newline: str) -> None:
    lines = [*head, "x = 'é\u2028'; y = bad()  # ü", "\x0c", "def f():", "\treturn bad()", ""]
    source = decode(bom + newline.join(lines).encode(), "x.py")
    result = fix(source, Config(), rules=[READ])
    assert len(result.applied) == 2
    data = result.source.encode(result.source.text)
    assert data.startswith(bom)
    wanted = [line.replace("bad()", 'os.environ["KEY"]') for line in lines if line]
    kept = [line for line in data.removeprefix(bom).decode().split(newline) if line not in ("import os", "")]
    assert kept == wanted


LINES = ["f()", "x = [f(), 1]", "if a:", "    f()", "'''", "# c", "", "import a", "\\", ")", "\x0c", "\tf()"]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from(["\n", "\r\n", "\r"])), max_size=12))
def test_whatever_lies_outside_the_edits_stays_as_it_was(lines: list[tuple[str, str]]) -> None:
    text = "".join(line + end for line, end in lines)
    without_imports = mended(text, rule("f", "gg()"))
    assert without_imports.replace("gg()", "f()") == text
    with_imports = rule("f", "gg()", imports=("os",))
    result = mended(text, with_imports)
    assert mended(result, with_imports) == result
    if result != text:
        ast.parse(result)
        assert "".join(result.replace("import os", "").split()) == "".join(without_imports.split())


def test_many_findings_take_linear_time() -> None:
    def calls(lines: int) -> int:
        mend = rule("f", "g()", imports=("os",))
        return work(lambda: mended("f(); f(); x = [f()]\n" * lines, mend))

    assert mended("f(); f(); x = [f()]\n" * 2_000, rule("f", "g()")).count("g()") == 6_000
    assert calls(2_000) <= 4 * calls(500) * 1.3


@pytest.mark.parametrize("first", [0, 2, 4])
@pytest.mark.parametrize("second", [1, 2, 3, 4])
def test_changes_never_overlap(first: int, second: int) -> None:
    class Two(Rule):
        code, name, severity, trigger = "LRF901", "test-rule", Severity.WARNING, Trigger(words=(("abcdef",),))

        def check(self, code: Code) -> Iterator[Finding]:
            for start in (first, second):
                edit = Edit("t", (Replacement(start, start + 2, "xy"),), safe=True)
                yield Finding(self.code, self.name, self.severity, "m", "x.py", 1, start + 1, 1, start + 3, edit)

    assert len(fixed("abcdef\n", Two).applied) == (2 if abs(first - second) >= 2 else 1)
