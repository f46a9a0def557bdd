"""Files that no linter likes, made to get as far into ours as they can.

All that parses begins with a preamble of code that every rule reports, so that triage keeps every rule, and the hostile
part speaks the same words. ``make_corpus`` writes the files that ``flake8`` alone survives, the ones it does not, and a
harmless neighbour whose findings nothing may cost.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flake8_llm_redflags.code.nesting import BRACKET_LIMIT, ELIF_LIMIT, JOINED_LIMIT, LIMIT
from flake8_llm_redflags.source.marks import without_key_breaks

from ..support import RULES

NEIGHBOUR = "def answer(model, prompt):\n    return model.generate(prompt, use_cache=False)\n"

_FLAGGED = re.compile(r"^## Flagged\n(.*?)^## ", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Hostile:
    """One hostile file. ``flake8_dies``: flake8 alone raises, hangs or is killed on it."""

    name: str
    content: bytes
    flake8_dies: bool = False


@cache
def preamble() -> str:
    """Return code that every rule reports: the *Flagged* blocks of all pages, one after the other."""
    blocks = []
    for page in sorted(RULES.glob("*.md")):
        flagged = _FLAGGED.search(page.read_text(encoding="utf-8"))
        if flagged is not None:
            blocks.extend(_BLOCK.findall(flagged.group(1)))
    return without_key_breaks("\n".join(blocks)) + "\nmodel.generate(prompt, use_cache=False)\n"


def hostile_files() -> list[Hostile]:
    """Return the whole corpus."""
    return [*_bytes(), *_big(), *_deep(), *_just_within_bounds()]


def make_corpus(folder: Path, *, for_flake8: bool) -> list[Path]:
    """Write the corpus and return its files; without those that take flake8 alone down, if it is ``for_flake8``."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for hostile in hostile_files():
        if for_flake8 and hostile.flake8_dies:
            continue
        path = folder / f"{hostile.name}.py"
        path.write_bytes(hostile.content)
        paths.append(path)
    for name in ("a_neighbour.py", "z_neighbour.py"):
        (folder / name).write_text(NEIGHBOUR, encoding="utf-8")
    (folder / "folder.py").mkdir()
    (folder / "folder.py" / "inside.py").write_text(NEIGHBOUR, encoding="utf-8")
    os.symlink(folder, folder / "loop", target_is_directory=True)
    os.symlink(folder / "itself.py", folder / "itself.py")
    return paths


def _bytes() -> list[Hostile]:
    """Encodings, line ends, characters."""
    code = preamble()
    python2 = "print 'model.generate', use_cache\nexec 'x'\nraise E, 'no'\n"
    return [
        Hostile("empty", b""),
        Hostile("only_comments", b"# model.generate(x, use_cache=False)\n# LRF: API_KEY = 'x'\n" * 50),
        Hostile("no_newline_at_end", code.rstrip("\n").encode()),
        Hostile("only_newlines", b"\n" * 1000),
        Hostile("nul", code.encode() + b"x = '\0'\n"),
        Hostile("nul_first", b"\0" + code.encode()),
        Hostile("binary", bytes(range(256)) * 100 + b"generate use_cache"),
        Hostile("elf", b"\x7fELF\x02\x01\x01\x00model.generate(use_cache=False)\xff\xfe"),
        Hostile("utf16", ("\ufeff" + NEIGHBOUR).encode("utf-16-le")),
        Hostile("bom", b"\xef\xbb\xbf" + code.encode()),
        Hostile("bom_and_other_cookie", b"\xef\xbb\xbf# -*- coding: latin-1 -*-\n" + code.encode()),
        Hostile("crlf", code.replace("\n", "\r\n").encode()),
        Hostile("cr", code.replace("\n", "\r").encode()),
        Hostile("mixed_line_ends", re.sub(r"\n", lambda m: ("\n", "\r\n", "\r")[m.start() % 3], code).encode()),
        Hostile("form_feeds", ("\x0c\n" + code + "\x0c" + NEIGHBOUR + "class A:\n\x0c    b = 1\n").encode()),
        Hostile("form_feed_in_indentation", (code + "class A:\n\x0c    b = 1\n \x0c   c = 2\n").encode()),
        Hostile("other_separators", (code + "# \u2028 \u2029 \x85 \x1c\nx = '\u2028\x0b\x1d'\n" + NEIGHBOUR).encode()),
        Hostile("latin1_cookie", ("# -*- coding: latin-1 -*-\n" + NEIGHBOUR + "# é ü ß\nx = 'é'\n").encode("latin-1")),
        Hostile("latin1_no_cookie", (NEIGHBOUR + "# é ü ß\nx = 'é'\n").encode("latin-1")),
        Hostile("unknown_cookie", ("# -*- coding: klingon -*-\n" + NEIGHBOUR).encode()),
        Hostile("rot13_cookie", ("# -*- coding: rot13 -*-\n" + NEIGHBOUR).encode(), flake8_dies=True),
        Hostile("surrogates", (NEIGHBOUR + "x = '\\ud800'\napi_key = 'sk-\\udfff12345abcdefgh67890'\n").encode()),
        Hostile("astral", (NEIGHBOUR + "𝔵 = '🦄' * 3; model.generate('🦄', use_cache=False)\n").encode()),
        Hostile("bidirectional", (NEIGHBOUR + "x = '\u202e\u2066'  # \u2069\n").encode()),
        Hostile("tabs_and_spaces", b"def f():\n\tif generate:\n        \tuse_cache = 1\n"),
        Hostile("python2", (NEIGHBOUR + python2).encode()),
        Hostile("unterminated_string", (code + "x = 'model.generate\n").encode()),
        Hostile("unterminated_docstring", (code + 'x = """generate(use_cache=False)\n' + "a\n" * 200).encode()),
        Hostile("unterminated_bracket", (code + "model.generate(\n" * 50).encode()),
        Hostile("unexpected_indent", (code + "    x = 1\n").encode()),
        Hostile("escapes", (code + "x = '\\d \\N{BULLET} \\x41'\ny = b'\\q'\n").encode()),
        Hostile("nothing_but_a_backslash", b"\\"),
        Hostile("merge_conflict", ("<<<<<<< HEAD\n" + NEIGHBOUR + "=======\n>>>>>>> x\n").encode()),
        Hostile("template", ("{% if x %}\n" + NEIGHBOUR + "{{ cookiecutter.generate }}\n").encode()),
        Hostile("magics", ("%matplotlib inline\n!pip install x\n" + NEIGHBOUR).encode()),
        Hostile("huge_number", (code + "x = " + "9" * 10_000 + "\n").encode()),
        Hostile("huge_hex_number", (code + "x = 0x" + "f" * 10_000 + "\n").encode()),
    ]


def _big() -> list[Hostile]:
    """Long lines, many lines, wide statements."""
    code = preamble()
    function = (
        "def answer_{n}(model, prompt, ids):\n"
        "    scores = query @ key.transpose(-2, -1)\n"
        "    sql = f'SELECT * FROM users WHERE id = {{ids}}'\n"
        "    for step in range(10):\n"
        "        out = model.generate(prompt, use_cache=False)\n"
    )
    return [
        Hostile("line_1mb_string", (code + "x = '" + "generate use_cache " * 52_000 + "'\n").encode()),
        Hostile("line_of_numbers", (code + "weights = [" + "0.125, " * 30_000 + "]\n").encode()),
        Hostile("line_1mb_spaces", (code + "x = 1" + " " * 1_000_000 + "# generate\n").encode(), flake8_dies=True),
        Hostile("line_1mb_comment", (code + "# " + "API_KEY = 'sk-' " * 62_500 + "\n").encode()),
        Hostile("line_1mb_letters", (code + "x = '" + "a" * 1_000_000 + "'\n").encode()),
        Hostile("line_1mb_identifier", (code + "a" * 1_000_000 + " = 1\n").encode()),
        Hostile("line_1mb_quotes", (code + "x = '" + '"' * 1_000_000 + "'\n").encode()),
        Hostile("line_of_calls", (code + "model.generate(x, use_cache=False);" * 2_000 + "\n").encode()),
        Hostile("lines_50000", (code + "".join(function.replace("{n}", str(n)) for n in range(10_000))).encode()),
        Hostile("lines_10000_flat", (code + "x = f'SELECT {x}'\nx = model.fit(x)\n" * 5_000).encode()),
        Hostile("lines_50000_blank", (code + "\n" * 50_000).encode()),
        Hostile(
            "table_of_secrets",
            (code + "t = [\n" + "    {'api_key': 'sk-12'},\n" * 5_000 + "]\n").encode(),
        ),
        Hostile("many_arguments", (code + "model.generate(" + "x, " * 20_000 + "use_cache=False)\n").encode()),
        Hostile("many_keywords", (code + "f(" + ", ".join(f"k{n}={n}" for n in range(20_000)) + ")\n").encode()),
        Hostile("many_targets", (code + "model = " * 20_000 + "generate(x)\n").encode()),
        Hostile("many_handlers", (code + "try:\n    generate(x)\n" + "except E:\n    pass\n" * 5_000).encode()),
        Hostile("many_cases", (code + "match x:\n" + "    case 1:\n        f(x)\n" * 5_000).encode()),
        Hostile("many_decorators", (code + "@model.generate(x)\n" * 5_000 + "def f(): pass\n").encode()),
        Hostile(
            "many_f_string_parts", (code + "q = f'SELECT * FROM t WHERE" + " a = {a} AND" * 2_000 + "'\n").encode()
        ),
        Hostile("many_rebindings", (code + "if c:\n    model = f(model)\n    model.fit(model)\n" * 4_000).encode()),
        Hostile("many_callers", (code + "def f(a):\n    return f(a)\n" + "a = f(a)\n" * 4_000).encode()),
        Hostile("many_classes", (code + "".join(_class(n) for n in range(500))).encode()),
        Hostile(
            "many_scopes",
            (code + "".join(" " * n + f"def f{n}(x=model):\n" for n in range(24)) + " " * 24 + "x\n").encode(),
        ),
        Hostile("stars", (code + "from torch import *\n" * 3_000 + "model.generate(x)\n" * 3_000).encode()),
    ]


def _class(number: int) -> str:
    return (
        f"class Net{number}(nn.Module):\n"
        "    def forward(self, x):\n        return self.forward(self.layer(x))\n"
        "    def layer(self, x):\n        return F.softmax(x @ x.transpose(-2, -1), dim=-1) @ x\n"
    )


def _deep() -> list[Hostile]:
    """Nesting far beyond every bound."""
    made = {
        "parentheses_5000": ("x = " + "(" * 5_000 + "generate" + ")" * 5_000, False),
        "parentheses_190": ("x = " + "(" * 190 + "generate" + ")" * 190, False),
        "calls_nested_190": ("x = " + "model.generate(" * 190 + "x" + ")" * 190, False),
        "plus_20000": ("sql = 'SELECT * FROM t WHERE a = ' + " + " + ".join(["x"] * 20_000), True),
        "plus_900": ("sql = 'SELECT * FROM t WHERE a = ' + " + " + ".join(["x"] * 900), True),
        "attributes_20000": ("model" + ".generate" * 20_000, True),
        "calls_20000": ("model" + "()" * 20_000, True),
        "methods_20000": ("model" + ".fit(x)" * 20_000, True),
        "subscripts_20000": ("x = model" + "[0]" * 20_000, True),
        "not_20000": ("x = " + "not " * 20_000 + "generate", True),
        "minus_20000": ("x = " + "-" * 20_000 + "generate", True),
        "and_20000": ("x = " + " and ".join(["generate"] * 20_000), False),
        "comparison_20000": ("x = " + " < ".join(["generate"] * 20_000), False),
        "elif_3000": ("if a:\n    pass\n" + "elif generate:\n    pass\n" * 3_000, True),
        "elif_900": ("if a:\n    pass\n" + "elif generate:\n    pass\n" * 900, True),
        "import_20000": ("import " + ".".join(["generate"] * 20_000), False),
        "from_20000": ("from " + ".".join(["generate"] * 20_000) + " import use_cache", False),
        "joined_literals_20000": ("x = " + "'generate' " * 20_000, False),
        "joined_f_strings_2000": ("x = " + "f'{generate}' " * 2_000, False),
        "for_clauses_5000": ("x = [a " + "for a in generate " * 5_000 + "]", False),
        "f_strings_300": ("x = " + _nested_f_string(300), False),
        "lambdas_300": ("x = " + "lambda: " * 300 + "generate", False),
        "lambda_defaults_300": ("x = " + "lambda a=" * 300 + "generate" + ": 1" * 300, False),
        "comprehensions_300": ("x = " + "[a for a in " * 300 + "generate" + "]" * 300, False),
        "comprehensions_90": ("x = " + "[a for a in " * 90 + "generate" + "]" * 90, False),
        "dicts_300": ("x = " + "{'generate': " * 300 + "1" + "}" * 300, False),
        "dicts_90": ("x = " + "{'generate': " * 90 + "1" + "}" * 90, False),
        "conditional_300": ("x = " + "a if generate else " * 300 + "b", False),
        "blocks_99": (_stairs("if generate:", 99, "model.generate(x)"), False),
        "blocks_101": (
            "".join(" " * n + "if generate:\n" for n in range(101)) + " " * 101 + "model.generate(x)",
            False,
        ),
        "functions_99": (
            "".join(" " * n + f"def f{n}(model):\n" for n in range(99)) + " " * 99 + "model.fit(x)",
            False,
        ),
        "tries_60": (_tries(60), False),
    }
    return [Hostile(name, (NEIGHBOUR + text + "\n").encode(), dies) for name, (text, dies) in made.items()]


def _just_within_bounds() -> list[Hostile]:
    """The deepest of everything that the guard lets through: here the rules themselves meet it."""
    chain, brackets = LIMIT - 6, BRACKET_LIMIT - 4
    made = {
        "plus": "sql = 'SELECT * FROM t WHERE a = ' + " + " + ".join(["x"] * chain) + "\ncursor.execute(sql)",
        "percent": "cursor.execute('SELECT %s' " + "% x " * chain + ")",
        "methods": "model" + ".fit(x, y)" * (chain // 2),
        "generates": "response = model" + ".generate(prompt, use_cache=False)" * (chain // 2),
        "attributes": "model" + ".generate" * chain + "(prompt)",
        "subscripts": "scaler" + "[0]" * chain + ".fit(data)",
        "and": "x = " + " and ".join(["model.generate(prompt)"] * (chain // 2)),
        "calls": "x = " + "torch.softmax(" * (brackets // 2) + "q @ k" + ", -1) @ v" * (brackets // 2),
        "names": "\n".join(f"x{n + 1} = torch.softmax(x{n} @ k, dim=-1)" for n in range(2_000)),
        "functions": "\n".join(f"def f{n}(x):\n    return f{n + 1}(x) or f{n + 1}(model)" for n in range(500)),
        "self_reference": "\n".join("model = model if model else f(model, model=model)" for _ in range(500)),
        "elif": "if a:\n    pass\n" + "elif model.generate(prompt):\n    x = scaler.fit(x)\n" * (ELIF_LIMIT - 1),
        "joined": "sql = (" + "'SELECT * FROM t WHERE a = '\n" * (JOINED_LIMIT - 5) + "f'{x}')\ncursor.execute(sql)",
        "f_string": "cursor.execute(f'SELECT {" + "(" * brackets + "x" + ")" * brackets + "}')",
        "conditional": "x = " + "model.generate(a) if b else " * (chain // 3) + "c",
        "lambdas": "x = " + "lambda: " * (chain // 3) + "model.generate(prompt)",
        "comprehensions": "x = " + "[model.generate(a) for a in " * (brackets // 2) + "y" + "]" * (brackets // 2),
        "dicts": "x = " + "{'api_key': " * (brackets // 2) + "'sk-12345'" + "}" * (brackets // 2),
        "blocks": _stairs("for a in model.fit(x):", 22, "model.generate(x)"),
        "with_items": "with " + ", ".join(["model.generate(x) as y"] * 500) + ":\n    y.fit(x)",
        "walrus": "x = " + "(y := model.generate(" * (brackets // 2) + "z" + "))" * (brackets // 2),
    }
    return [Hostile(f"within_{name}", (preamble() + text + "\n").encode()) for name, text in made.items()]


def _nested_f_string(levels: int) -> str:
    """Return f-strings in f-strings; before Python 3.12 only four kinds of quotes nest, so the rest are brackets."""
    inner = "(" * levels + "generate" + ")" * levels
    for quote in ("'", '"', "'''", '"""'):
        inner = f"f{quote}{{{inner}}}{quote}"
    return inner


def _stairs(head: str, levels: int, foot: str) -> str:
    """Return blocks in blocks, ``foot`` in the innermost."""
    return "".join(" " * n + head.format(n=n) + "\n" for n in range(levels)) + " " * levels + foot + "\n"


def _tries(levels: int) -> str:
    lines = [" " * n + "try:" for n in range(levels)] + [" " * levels + "model.generate(x)"]
    lines += [" " * n + "except E:\n" + " " * n + " pass" for n in reversed(range(levels))]
    return "\n".join(lines)
