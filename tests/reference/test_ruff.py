"""ruff as reference: where the two linters differ on the same lines, and why, is written down and kept true."""

from __future__ import annotations

import json
import re
import subprocess
import sysconfig
import tomllib
from pathlib import Path

import pytest

from flake8_llm_redflags.config import Config
from flake8_llm_redflags.linter import lint
from flake8_llm_redflags.source import Source, marks

from ..support import FIXTURES, PROJECT

HERE = Path(__file__).parent
DIFFERENCES = tomllib.loads((HERE / "differences.toml").read_text(encoding="utf-8"))
RUFF = Path(sysconfig.get_path("scripts")) / "ruff"
#: What both linters have a rule for, among lines that carry no mark of their own.
IMPORTS = {"S403", "S404"}


def by_ruff(path: Path, select: str) -> dict[int, set[str]]:
    command = [RUFF, "check", "--isolated", "--preview", "--select", select, "--output-format", "json", path]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    found: dict[int, set[str]] = {}
    for finding in json.loads(run.stdout):
        found.setdefault(finding["location"]["row"], set()).add(finding["code"])
    return found


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[set[str], set[str]]]:
    """What ruff and this linter say of each named line."""
    text = marks.without_key_breaks((HERE / "lines.py").read_text(encoding="utf-8"))
    path = tmp_path_factory.mktemp("reference") / "lines.py"
    path.write_text(text, encoding="utf-8")
    ruff = by_ruff(path, "S")
    ours: dict[int, set[str]] = {}
    for finding in lint(Source("lines.py", text), Config(noqa=False)):
        ours.setdefault(finding.line, set()).add(finding.code)
    names = {n: m[1] for n, line in enumerate(text.splitlines(), 1) if (m := re.search(r"# \[([\w-]+)\]", line))}
    unnamed = {line for line, codes in (*ruff.items(), *ours.items()) if line not in names and codes - IMPORTS}
    assert not unnamed, f"lines without a name: {sorted(unnamed)}"
    return {name: (ruff.get(line, set()), ours.get(line, set())) for line, name in names.items()}


def test_every_line_is_explained(compared: dict[str, tuple[set[str], set[str]]]) -> None:
    assert set(compared) == set(DIFFERENCES)


@pytest.mark.parametrize("name", DIFFERENCES)
def test_the_table_is_true(name: str, compared: dict[str, tuple[set[str], set[str]]]) -> None:
    entry = DIFFERENCES[name]
    assert compared[name] == (set(entry["ruff"]), set(entry["ours"]))
    assert entry["right"] in ("ours", "ruff", "both")


def test_on_the_fixtures(tmp_path: Path) -> None:
    """ruff's rules for secrets and SQL report most look-alikes of ours, and miss most of what must be found."""
    found = missed = false = silent = 0
    for folder, select in (("LRF101-hardcoded-secret", "S105,S106,S107"), ("LRF110-sql-interpolation", "S608")):
        for path in sorted((FIXTURES / folder).glob("*.py")):
            if path.stem.endswith("fixed"):
                continue
            fixture = marks.load(path)
            copy = tmp_path / path.name
            copy.write_text(fixture.source.text, encoding="utf-8")
            reported = set(by_ruff(copy, select))
            code = folder[:6]
            expected = {line for line, what in fixture.lines("expect") if what == code}
            look_alikes = {line for line, what in fixture.lines("ok") if what == code}
            found, missed = found + len(expected & reported), missed + len(expected - reported)
            false, silent = false + len(look_alikes & reported), silent + len(look_alikes - reported)
    page = (PROJECT / "docs" / "ruff.md").read_text(encoding="utf-8")
    assert f"reports {found} of the {found + missed} lines" in page
    assert f"and {false} of the {false + silent} look-alikes" in page


def test_the_page_shows_the_table() -> None:
    rows = [
        f"| {name} | {', '.join(e['ruff']) or '–'} | {', '.join(e['ours']) or '–'} | {e['right']} | {e['reason']} |"
        for name, e in DIFFERENCES.items()
    ]
    page = (PROJECT / "docs" / "ruff.md").read_text(encoding="utf-8")
    assert "\n".join(rows) in page, "paste this into docs/ruff.md:\n" + "\n".join(rows)
