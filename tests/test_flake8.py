"""The plugin through the real ``flake8``: what flake8 offers for every code works for ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flake8_llm_redflags.rules.security.secret_findings import fingerprint

from .extra_rules import PREVIEW, RAISES, environment

CODE = """\
def answer(model, inputs):
    return model.generate(**inputs, use_cache=False)


model.fit(X, y, class_weight="balanced")
previewed()
"""
CACHE, WEIGHT, PREVIEWED = "app.py:2:37: LRF602", "app.py:5:17: LRF331", f"app.py:6:1: {PREVIEW}"


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return environment(tmp_path_factory.mktemp("rules"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(CODE)
    return tmp_path


@pytest.fixture
def flake8(project: Path, env: dict[str, str]):
    def run(*options: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "flake8", "-j1", *options]
        return subprocess.run(command, cwd=project, env=env, input=stdin, capture_output=True, text=True, check=False)

    return run


def places(run: subprocess.CompletedProcess[str]) -> list[str]:
    """Return ``path:line:column: code`` of the findings that these tests speak of."""
    assert run.stderr == ""
    lines = [" ".join(line.removeprefix("./").split()[:2]) for line in run.stdout.splitlines()]
    return [line for line in lines if line.endswith(("LRF101", "LRF331", "LRF602", PREVIEW))]


def test_is_on_by_itself(flake8) -> None:
    run = flake8()
    assert places(run) == [CACHE, WEIGHT]
    assert run.returncode == 1
    assert "LRF602 `model.generate(use_cache=False)` recomputes" in run.stdout


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--select=LRF"], [CACHE, WEIGHT]),
        (["--select=LRF6"], [CACHE]),
        (["--select=E,W"], []),
        (["--extend-select=E501"], [CACHE, WEIGHT]),
        (["--ignore=LRF6"], [WEIGHT]),
        (["--ignore=LRF"], []),
        (["--extend-ignore=LRF331"], [CACHE]),
        (["--select=LRF602", "--ignore=LRF6"], [CACHE]),
        (["--select=LRF6", "--ignore=LRF602"], []),
        (["--ignore=LRF", "--extend-select=LRF331"], [WEIGHT]),
        (["--per-file-ignores=app.py:LRF602"], [WEIGHT]),
        (["--per-file-ignores=other.py:LRF602"], [CACHE, WEIGHT]),
        (["--select=LRF602", "--per-file-ignores=app.py:LRF602"], []),
        (["--exclude=app.py"], []),
    ],
    ids=" ".join,
)
def test_codes_are_selected_and_ignored_like_any_other(flake8, options: list[str], expected: list[str]) -> None:
    assert places(flake8(*options)) == expected


@pytest.mark.parametrize(
    ("config", "shown"),
    [
        ("", False),
        ("select = LRF", False),
        ("select = LRF99", False),
        ("ignore = E203", False),
        ("select = LRF\nignore = E203", False),
        ("extend-select = LRF", False),
        ("extend-ignore = E203", False),
        ("llm-redflags-preview = true", True),
        ("llm_redflags_preview = 1", True),
        ("llm-redflags-preview = false", False),
        ("select = LRF\nllm-redflags-preview = true", True),
        (f"select = LRF,{PREVIEW}", True),
        (f"select = {PREVIEW}", True),
        (f"extend-select = {PREVIEW}", True),
        (f"extend-select = E501,{PREVIEW}\nignore = E203", True),
        (f"llm-redflags-preview = true\nignore = {PREVIEW}", False),
        (f"extend-select = {PREVIEW}\nper-file-ignores = app.py: {PREVIEW}", False),
    ],
)
def test_preview_rules_are_held_back_until_asked_for(flake8, project: Path, config: str, shown: bool) -> None:
    (project / ".flake8").write_text(f"[flake8]\n{config}\n")
    assert (PREVIEWED in places(flake8())) is shown


def test_preview_on_the_command_line(flake8) -> None:
    assert places(flake8("--llm-redflags-preview")) == [CACHE, WEIGHT, PREVIEWED]
    assert places(flake8(f"--extend-select={PREVIEW}")) == [CACHE, WEIGHT, PREVIEWED]


@pytest.mark.parametrize("file", ["setup.cfg", "tox.ini", ".flake8"])
def test_options_are_read_from_every_file_that_flake8_reads(flake8, project: Path, file: str) -> None:
    (project / "keys.py").write_text('internal_token = "q7Hs92mVx0Lw83kQ"\n')
    assert "keys.py:1:18: LRF101" in places(flake8())
    options = "llm-redflags-preview = true\nllm-redflags-allowed-secret-names = ^internal_,example\nignore = LRF602\n"
    (project / file).write_text(f"[flake8]\n{options}")
    assert places(flake8()) == [WEIGHT, PREVIEWED]


def test_help_explains_the_options(flake8) -> None:
    text = " ".join(flake8("--help").stdout.split())
    assert "--llm-redflags-preview Also run preview rules" in text
    assert "--llm-redflags-allowed-secret-names patterns Comma-separated regular expressions" in text
    assert "flake8-llm-redflags: " in text


def test_noqa(flake8, project: Path) -> None:
    (project / "app.py").write_text(CODE.replace("=False)", "=False)  # noqa: LRF602"))
    assert places(flake8()) == [WEIGHT]
    assert places(flake8("--disable-noqa")) == [CACHE, WEIGHT]


def test_standard_input_has_the_name_that_it_is_given(flake8) -> None:
    run = flake8("--stdin-display-name=lib/x.py", "-", stdin=CODE)
    assert places(run) == [CACHE.replace("app", "lib/x"), WEIGHT.replace("app", "lib/x")]
    run = flake8("--stdin-display-name=lib/x.py", "--per-file-ignores=lib/*:LRF602", "-", stdin=CODE)
    assert places(run) == [WEIGHT.replace("app", "lib/x")]


def test_several_processes_report_what_one_reports(flake8, project: Path) -> None:
    for number in range(12):
        (project / f"copy_{number}.py").write_text(CODE)
    assert len(places(flake8("-j1"))) == 26
    assert places(flake8("-j2", "--llm-redflags-preview")) == places(flake8("-j1", "--llm-redflags-preview"))


def test_a_file_that_does_not_parse_is_left_to_flake8(flake8, project: Path) -> None:
    (project / "broken.py").write_text("model.generate(**x, use_cache=False\n")
    run = flake8()
    assert places(run) == [CACHE, WEIGHT]
    assert ": E999 SyntaxError" in run.stdout


def test_a_rule_that_raises_is_named_and_costs_nothing(flake8, project: Path) -> None:
    (project / "raises.py").write_text("raising()\nmodel.generate(**x, use_cache=False)\n")
    run = flake8("--select=LRF", "raises.py")
    assert run.stdout.startswith("raises.py:2:21: LRF602")
    assert run.stderr.startswith(f"raises.py: LRF999 {RAISES} raising-rule failed here: KeyError: 'oh' (check, line ")
    assert run.returncode == 1
    run = flake8("--select=LRF1", "raises.py")
    assert (run.returncode, run.stderr) == (0, ""), "a rule that flake8 ignores does not even run"


def test_allowed_secrets_are_read_from_the_nearest_list(flake8, project: Path) -> None:
    value = "q7Hs92mVx0Lw83kQ"
    (project / "keys.py").write_text(f'internal_token = "{value}"\n')
    (project / ".redflags-allow").write_text(f"# what was looked at\n\n{fingerprint(value)}  # keys.py\n")
    assert places(flake8()) == [CACHE, WEIGHT]


def test_a_bad_option_stops_flake8_with_one_line(flake8) -> None:
    run = flake8("--llm-redflags-allowed-secret-names=(")
    assert run.returncode == 1
    assert "--llm-redflags-allowed-secret-names: '(' is no regular expression" in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr
