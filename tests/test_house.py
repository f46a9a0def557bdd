"""The house stands as designed: layers, a light lint path, rules that are found and well-formed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from flake8_llm_redflags import code
from flake8_llm_redflags.code.secret_evidence import _SHORTEST_KEY
from flake8_llm_redflags.finding import Severity
from flake8_llm_redflags.knowledge import table
from flake8_llm_redflags.rules import Rule, all_rules
from flake8_llm_redflags.rules.rule import MESSAGE_LIMIT, Trigger
from flake8_llm_redflags.source import marks

from .support import FIXTURES, PROJECT, findings


def test_layers_hold() -> None:
    run = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import flake8_llm_redflags.rules as r; r.all_rules()", {"libcst", "rich", "typer", "torch", "tomllib"}),
        (
            "from flake8_llm_redflags.linter import lint; from flake8_llm_redflags.source import Source;"
            " from flake8_llm_redflags.config import Config; lint(Source('x.py', 'import os\\n'), Config())",
            {"libcst", "rich", "typer", "torch"},
        ),
        (
            "from flake8_llm_redflags.linter import lint; from flake8_llm_redflags.source import Source;"
            " from flake8_llm_redflags.config import Config;"
            " assert lint(Source('x.py', 'model.generate(x, use_cache=False)\\n'), Config())",
            {"rich", "typer", "torch"},
        ),
    ],
    ids=["rules", "lint-nothing", "lint-something"],
)
def test_lint_path_is_light(statement: str, unwanted: set[str]) -> None:
    check = f"{statement}\nimport sys; print(*sorted(sys.modules))"
    run = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert not unwanted & set(run.stdout.split())


def test_nobody_uses_the_metadata_wrapper() -> None:
    sources = (PROJECT / "src").rglob("*.py")
    assert not [
        path
        for path in sources
        if "import MetadataWrapper" in path.read_text() or "MetadataWrapper(" in path.read_text()
    ]


def test_every_module_of_code_is_on_its_map() -> None:
    modules = {
        path.stem
        for path in Path(code.__file__).parent.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert not modules - {"__init__"} - set(re.findall(r"``(\w+)``", code.__doc__ or ""))


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)
def test_rule_is_well_formed(rule: type[Rule]) -> None:
    assert re.fullmatch(r"LRF\d{3}", rule.code)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", rule.name)
    assert isinstance(rule.severity, Severity)
    assert rule.trigger != Trigger(), "every file would be parsed"
    assert rule.__doc__
    assert rule.__module__.endswith("." + rule.name.replace("-", "_")), "the module is named after the rule"


@pytest.mark.parametrize("folder", sorted(FIXTURES.glob("LRF*")), ids=lambda path: path.name)
def test_messages_are_one_line_that_fits(folder) -> None:
    for path in folder.glob("*.py"):
        for finding in findings(marks.load(path).source.text):
            assert "\n" not in finding.message
            assert len(finding.message) <= MESSAGE_LIMIT, (
                f"{path.name}:{finding.line}: {len(finding.message)}: {finding.message}"
            )
            assert not finding.message.endswith("…"), f"{path.name}:{finding.line}: cut: {finding.message}"
            assert finding.message == finding.message.strip()


def test_no_key_is_too_short_to_be_searched_for() -> None:
    """Literals below that length are not searched: a shorter format would never be found."""
    shortest = min(re._parser.parse(fact["pattern"]).getwidth()[0] for fact in table("key_formats")["format"])
    assert shortest >= _SHORTEST_KEY
