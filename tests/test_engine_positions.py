"""Positions are those of libcst's ``PositionProvider``, at a fraction of its price."""

from __future__ import annotations

import ast
import random
from pathlib import Path

import libcst as cst
import pytest
from libcst.metadata import MetadataWrapper, PositionProvider

from flake8_llm_redflags.code import Code, positions
from flake8_llm_redflags.finding import Span

from .support import FIXTURES, STANDARD_LIBRARY_SAMPLE

TEXTS = [
    pytest.param("x = f(a, *b, k=c, **d)\n", id="call"),
    pytest.param("# one\n\n@g(1)  # two\n@h\n# three\ndef f(a, b=g(1)) -> c:\n    return a\n", id="decorated"),
    pytest.param("if a:\n    b\nelif c(1):\n    d\nelif e(2):\n    f(3)\nelse:\n    g(4)\n", id="elif"),
    pytest.param("é = f('äöü', g(1)); h(2, 'ß'); i(3)\n", id="not ASCII"),
    pytest.param("x = f(\r\n    a,\r\n    g(1),\r\n)\r\nh(2)\r\n", id="CRLF"),
    pytest.param("def f():\n\tif a:\n\t\tg(\n\t1, h(2))\n", id="tabs"),
    pytest.param("try:\n    a(1)\nexcept (B, C(2)) as e:\n    d(3)\nelse:\n    f(4)\nfinally:\n    g(5)\n", id="try"),
    pytest.param("match f(x):\n    case A(b=c) if g(1):\n        h(2)\n    case _:\n        i(3)\n", id="match"),
    pytest.param("async def f():\n    async with a(1) as b, c(2):\n        await d(3)\n", id="async"),
    pytest.param("class A(B, metaclass=C(1)):\n    '''doc'''\n    x: int = f(2)\n", id="class"),
    pytest.param("x = (((f(1)))) + ((g)(2)).h\n", id="parentheses"),
    pytest.param("x = f'{a(1)!r:>{b(2)}} {c(3)}'\n", id="f-string"),
    pytest.param("x = a \\\n    + b(1) \\\n    + c(2)\n", id="continued lines"),
    pytest.param("x = '\u2028' + f(1)\ny = '\x0b\x1c' + g(2)\nh(3)\n", id="other line separators"),
    pytest.param("if a: b(1); c(2)\nfor d in e(3): f(4)\n", id="one line"),
]
#: Expressions and arguments; blocks and white space are never reported.
REPORTED = (cst.BaseExpression, cst.Arg, cst.Param, cst.BaseSmallStatement, cst.BaseCompoundStatement)


def assert_equal_to_provider(text: str, share: float = 1.0) -> int:
    module = cst.parse_module(text)
    expected = MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
    code = Code(text, ast.parse(text))
    vars(code)["tree"] = type(code.tree)(module)
    chosen = random.Random(0)
    nodes = [node for node in code.tree.nodes if isinstance(node, REPORTED) and chosen.random() < share]
    chosen.shuffle(nodes)
    for node in nodes:
        place = expected[node]
        wanted = Span(place.start.line, place.start.column, place.end.line, place.end.column)
        assert code.span(node) == wanted, (node.__class__.__name__, module.code_for_node(node))
    return len(nodes)


@pytest.mark.parametrize("text", TEXTS)
def test_equal_to_position_provider(text: str) -> None:
    assert assert_equal_to_provider(text) > 3


@pytest.mark.parametrize("path", STANDARD_LIBRARY_SAMPLE, ids=lambda path: path.name)
def test_equal_to_position_provider_on_the_standard_library(path: Path) -> None:
    assert assert_equal_to_provider(path.read_text(encoding="utf-8"), share=0.2) > 10


def test_text_of_a_node_is_its_code() -> None:
    for path in sorted(FIXTURES.glob("LRF*/*.py"))[:20]:
        text = path.read_text(encoding="utf-8")
        code = Code(text, ast.parse(text))
        for node in code.all(cst.Call, cst.Name):
            bare = node.with_changes(lpar=(), rpar=())
            assert code.text_of(node).split() == code.tree.module.code_for_node(bare).split()


def test_form_feeds_are_characters_of_their_line() -> None:
    """libcst drops the one before a statement; an edit at its column would miss."""
    text = "\x0cf(1)\n\x0c\nclass A:\n\x0c\n    def b(self):\n        g(2)\n\x0ch(3)\n"
    code = Code(text, ast.parse(text))
    assert [code.text_of(call) for call in code.all(cst.Call)] == ["f(1)", "g(2)", "h(3)"]


def test_many_questions_about_one_statement_cost_two_generations(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of 3,000 entries, each reported: the statement must not be generated for each."""
    generated = []
    original = positions.Positions._generate
    monkeypatch.setattr(positions.Positions, "_generate", lambda *a: generated.append(a) or original(*a))
    text = "table = [\n" + "    f(1),\n" * 3_000 + "]\n"
    code = Code(text, ast.parse(text))
    assert [code.line(call) for call in code.calls("f")] == list(range(2, 3_002))
    assert len(generated) == 2


def test_too_long_a_chain_for_code_generation_gets_the_place_of_its_statement() -> None:
    text = "a\nx = " + " + ".join(f"f({n})" for n in range(900)) + "\n"
    code = Code(text, ast.parse(text))
    assert {code.line(call) for call in code.calls("f")} == {2}
