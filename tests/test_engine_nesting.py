"""The guard lets nothing through that ends the process, and lets everything through that people write."""

from __future__ import annotations

import ast
import random
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from flake8_llm_redflags.code.nesting import BRACKET_LIMIT, ELIF_LIMIT, JOINED_LIMIT, LIMIT, too_deep

#: What one more level may look like around an expression; the inner expression stands at ``@``.
LEVELS = [
    "(@)",
    "[@]",
    "{@}",
    "{1: @}",
    "(@,)",
    "f(@)",
    "f(a, k=@)",
    "f(*@)",
    "f(**@)",
    "x[@]",
    "x[1:@]",
    "(y := @)",
    "(yield @)",
    "(a for a in @)",
    "[a for b in c if @]",
    "{a: b for a in @ for b in a}",
    "(lambda: @)",
    "(lambda a=@: 1)",
    "not @",
    "-@",
    "~@",
    "a + @",
    "a ** @",
    "@ + b",
    "a and @",
    "@ or b",
    "a if @ else b",
    "@ if a else b",
    "a if b else @",
    "a < @",
    "(@).b",
    "(@)()",
    "(@)[0]",
    "f'{@}'",
    "[*@]",
    "(@)(1)[2].c",
]
BLOCKS = ["if x:", "while x:", "for a in x:", "with x:", "def f():", "class C:", "try:"]


def nested(levels: int, rng: random.Random) -> str:
    """Return a program nested ``levels`` deep or so: blocks first, then one expression."""
    blocks = rng.randrange(0, 40) if rng.random() < 0.5 else 0
    lines, after = ["def g():"], []
    for depth in range(1, blocks + 1):
        block = rng.choice(BLOCKS)
        lines.append(" " * depth + block)
        if block == "try:":
            after.append(" " * depth + "finally:\n" + " " * depth + " pass")
    few = rng.sample(LEVELS, rng.choice([1, 1, 2, 4, len(LEVELS)]))
    expression = "z"
    for _ in range(max(levels - 4 * blocks, 1)):
        level = rng.choice(few)
        if "f'" in level and ("'" in expression or "\\" in expression):  # before Python 3.12 quotes do not nest
            level = "(@)"
        wrapped = level.replace("@", expression)
        expression = wrapped if level[0] in "([{fx" else f"({wrapped})" if rng.random() < 0.3 else wrapped
    lines.append(" " * (blocks + 1) + "x = " + expression)
    return "\n".join([*lines, *reversed(after)]) + "\n"


FUZZ = """
import ast, random, sys, warnings
import libcst
from flake8_llm_redflags.code.nesting import too_deep
from flake8_llm_redflags.code.tree import Tree
from tests.test_engine_nesting import nested
warnings.simplefilter("ignore")
rng = random.Random(int(sys.argv[1]))
passed = stopped = 0
for _ in range(int(sys.argv[2])):
    text = nested(rng.randrange(20, 140), rng)
    try:
        root = ast.parse(text)
    except (SyntaxError, RecursionError, MemoryError):
        continue
    if too_deep(root, text) is not None:
        stopped += 1
        continue
    print(text, file=sys.stderr, flush=True)  # the last one printed is the one that ended the process
    Tree(libcst.parse_module(text))
    passed += 1
print(passed, stopped)
"""


def run_on_small_stack(program: str, *arguments: str, kilobytes: int = 1024) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-c", f'ulimit -s {kilobytes} && exec "$@"', "-", sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])


@pytest.mark.skipif(sys.platform == "win32", reason="no ulimit")
@pytest.mark.parametrize("seed", range(2))
def test_what_passes_does_not_end_the_process_on_a_small_stack(seed: int) -> None:
    run = run_on_small_stack(FUZZ, str(seed), "150")
    assert run.returncode == 0, run.stderr[-5000:]
    passed, stopped = map(int, run.stdout.split())
    assert passed > 20, "the fuzzer must reach the parser"
    assert stopped > 20


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("import os\nx = " + " + ".join("a" * (LIMIT + 2)), 2, id="operators"),
        pytest.param("x = " + " and ".join("a" * (LIMIT + 2)), 1, id="and"),
        pytest.param("x = a" + ".b" * (LIMIT + 1), 1, id="attributes"),
        pytest.param("x = (a\n" + ".b\n" * (LIMIT + 1) + ")", 1, id="attributes on many lines"),
        pytest.param("x = a" + "()" * (LIMIT + 1), 1, id="calls"),
        pytest.param(
            "x = " + "(" * (BRACKET_LIMIT + 1) + "1" + ")" * (BRACKET_LIMIT + 1), 1, id="redundant parentheses"
        ),
        pytest.param("x = [a " + "for a in b " * (LIMIT + 2) + "]", 1, id="for clauses"),
        pytest.param("import " + ".".join("a" * (LIMIT + 2)), 1, id="import"),
        pytest.param("from " + ".".join("a" * (LIMIT + 2)) + " import b", 1, id="import from"),
        pytest.param("from " + ".".join("a" * (LIMIT + 2)) + " import (\n    b,\n)", 1, id="import from on lines"),
        pytest.param("x = " + "'a' " * (JOINED_LIMIT + 1), 1, id="joined literals"),
        pytest.param("x = (\n" + "    'a'\n" * (JOINED_LIMIT + 1) + ")", 1, id="joined literals on lines"),
        pytest.param("x = f(" + "f'a{b}' " * (JOINED_LIMIT + 1) + ")", 1, id="joined f-strings"),
        pytest.param("if a:\n    pass\n" + "elif a:\n    pass\n" * (ELIF_LIMIT + 1), None, id="elif"),
        pytest.param("@" + "a." * (LIMIT + 2) + "b\ndef f(): pass", 1, id="decorator"),
        pytest.param("def f(x=" + "-" * (LIMIT + 1) + "1): pass", 1, id="default"),
        pytest.param("def f(x: a" + ".b" * (LIMIT + 1) + "): pass", 1, id="annotation"),
        pytest.param("class C(a" + ".b" * (LIMIT + 1) + "): pass", 1, id="base class"),
        pytest.param("with a" + ".b" * (LIMIT + 1) + ": pass", 1, id="with item"),
        pytest.param("match x:\n    case a" + ".b" * (LIMIT + 1) + ": pass", None, id="pattern"),
    ],
)
def test_stops(text: str, line: int | None) -> None:
    found = too_deep(ast.parse(text), text)
    assert found is not None
    assert line is None or found == line


@pytest.mark.parametrize(
    "text",
    [
        "x = [" + "a, " * 20_000 + "]",
        "x = {" + "'a': 1, " * 20_000 + "}",
        "x = f(" + "'a', " * 5_000 + ")",
        "x = '''" + "'it\"s' " * 5_000 + "'''",
        "x = '" + "((((([" * 500 + "'",
        ";".join(["a"] * 5_000),
        "a = " * 5_000 + "1",
        "x = " + " < ".join("a" * 5_000),
        "if a:\n    pass\n" + "elif a:\n    pass\n" * (ELIF_LIMIT - 1),
        "x = " + " + ".join("a" * (LIMIT - 2)),
        "\n".join(" " * i + "if x:" for i in range(24)) + "\n" + " " * 24 + "pass",
        "\n".join(" " * i + ("try:" if i % 2 == 0 else "with x:") for i in range(0, 24))
        + "\n"
        + " " * 24
        + "pass\n"
        + "\n".join(" " * i + "except E:\n" + " " * i + " pass" for i in range(22, -1, -2)),
    ],
    ids=[
        "list",
        "dict",
        "arguments",
        "docstring",
        "brackets in a string",
        "semicolons",
        "targets",
        "comparison",
        "elif",
        "sum",
        "blocks",
        "try",
    ],
)
def test_lets_long_but_flat_code_through(text: str) -> None:
    assert too_deep(ast.parse(text), text) is None


def test_lets_the_standard_library_through() -> None:
    folder = Path(ast.__file__).parent
    stopped = []
    for path in [*sorted(folder.glob("*.py"))[::3], *(folder / "asyncio").glob("*.py")]:
        text = path.read_text(encoding="utf-8", errors="replace")
        if too_deep(ast.parse(text), text) is not None:
            stopped.append(path.name)
    assert stopped == []


def test_fuzz_program_is_what_the_subprocess_runs() -> None:
    """The program above is text: it must at least compile."""
    ast.parse(textwrap.dedent(FUZZ))
