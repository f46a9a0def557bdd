"""No input makes us raise, hang or die, and no file costs its neighbour a finding."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flake8_llm_redflags.linter import triage
from flake8_llm_redflags.rules import all_rules
from flake8_llm_redflags.source import Source, Unreadable, decode, read

from ..support import PROJECT, RULES, findings
from .corpus import NEIGHBOUR, hostile_files, make_corpus, preamble

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, FIFOs and ulimit")

#: CPU seconds that no file may take beyond what flake8 needs for it alone.
PATIENCE = 20
REDFLAGS = Path(sys.executable).with_name("redflags")
NAMES = [hostile.name for hostile in hostile_files()]
#: Files whose preamble must be read in spite of the rest: their findings are not lost.
READ_IN_FULL = [
    "bom", "crlf", "cr", "mixed_line_ends", "form_feeds", "other_separators", "escapes", "no_newline_at_end",
    "line_1mb_string", "line_of_numbers", "line_1mb_comment", "lines_50000", "lines_10000_flat", "many_arguments",
    *(name for name in NAMES if name.startswith("within_")),
]  # fmt: skip


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, errors="replace", timeout=900, **options
    )


def test_preamble_keeps_every_rule() -> None:
    with_page = {rule.code for rule in all_rules() if list(RULES.glob(f"{rule.code}-*"))}
    assert with_page <= {rule.code for rule in triage(Source("hostile.py", preamble()), all_rules())}


# ---- lint, in a thread with a stack of 1 MB


@pytest.fixture(scope="module")
def linted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("lint") / "corpus"
    make_corpus(folder, for_flake8=False)
    done = run(sys.executable, "-m", "tests.hostile.survive", folder, cwd=PROJECT)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"ended by {lines[-1]['name'] if lines else 'the start'}: {done.stderr[-2000:]}"
    return {line["name"]: line for line in lines}


@pytest.mark.parametrize("name", NAMES)
def test_lint_survives(linted: dict[str, dict[str, Any]], name: str) -> None:
    result = linted[name]
    if "unreadable" in result:
        assert "\n" not in result["unreadable"]
        return
    assert "LRF999" not in result["codes"], result["own"]
    assert all("\n" not in message for message in result["own"])
    assert result["seconds"] < PATIENCE


@pytest.mark.parametrize("name", READ_IN_FULL)
def test_lint_reads_what_can_be_read(linted: dict[str, dict[str, Any]], name: str) -> None:
    expected = {finding.code for finding in findings(preamble())}
    assert expected <= set(linted[name]["codes"])


# ---- flake8


@pytest.fixture(scope="module")
def flake8_run(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    folder = tmp_path_factory.mktemp("flake8") / "corpus"
    make_corpus(folder, for_flake8=True)
    command = (sys.executable, "-m", "flake8", "-j1", "--isolated", "--select=LRF,E9", "--llm-redflags-preview", ".")
    return run(*command, cwd=folder)


def test_flake8_survives(flake8_run: subprocess.CompletedProcess[str]) -> None:
    assert flake8_run.returncode == 1, flake8_run.stderr[-2000:]
    assert "Traceback" not in flake8_run.stderr
    assert "LRF9" not in flake8_run.stdout + flake8_run.stderr, "own codes: 900 is flake8's E999, 999 a mistake of ours"


def test_flake8_loses_no_neighbour(flake8_run: subprocess.CompletedProcess[str]) -> None:
    found = Counter(line.split(":")[0] for line in flake8_run.stdout.splitlines() if "LRF602" in line)
    assert found["./a_neighbour.py"] == found["./z_neighbour.py"] == 1
    assert found["./folder.py/inside.py"] == 1
    assert found["./bom.py"] >= 1
    assert found["./crlf.py"] >= 1


# ---- redflags check


@pytest.fixture(scope="module")
def check_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("check") / "corpus"
    make_corpus(folder, for_flake8=False)
    os.mkfifo(folder / "fifo.py")
    return folder


@pytest.fixture(scope="module")
def check_run(check_folder: Path) -> subprocess.CompletedProcess[str]:
    return run(
        sys.executable, "-m", "flake8_llm_redflags", "check", "--preview", "--output-format=json", ".", cwd=check_folder
    )


def test_check_survives(check_run: subprocess.CompletedProcess[str]) -> None:
    assert check_run.returncode == 1, check_run.stderr[-2000:]
    assert "Traceback" not in check_run.stderr
    found = json.loads(check_run.stdout)
    assert "LRF999" not in {finding["code"] for finding in found}
    by_file = Counter(Path(finding["path"]).name for finding in found if finding["code"] == "LRF602")
    assert by_file["a_neighbour.py"] == by_file["z_neighbour.py"] == by_file["inside.py"] == 1


def test_check_says_what_it_could_not_read(check_run: subprocess.CompletedProcess[str]) -> None:
    for name in ("nul.py", "latin1_no_cookie.py", "plus_20000.py", "elif_3000.py", "blocks_101.py"):
        assert name in check_run.stdout + check_run.stderr


def test_check_survives_on_a_small_stack(check_folder: Path) -> None:
    """Deep files, given by name, on a stack of 1 MB."""
    deep = [check_folder / f"{name}.py" for name in NAMES if name.endswith(("0000", "_900", "_300", "_99", "_190"))]
    command = f"ulimit -s 1024 && exec {REDFLAGS} check " + " ".join(map(str, deep))
    done = run("bash", "-c", command)
    assert done.returncode in (1, 2), done.stderr[-2000:]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["fifo.py", "itself.py", "vanished.py"])
def test_check_names_what_is_no_file(check_folder: Path, name: str) -> None:
    """Given by name beside a good file: the good one is linted, the other reported, nothing hangs."""
    command = (REDFLAGS, "check", "--output-format=concise", name, "a_neighbour.py")
    done = run(*command, cwd=check_folder)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert "a_neighbour.py:2:" in done.stdout
    assert name in done.stdout + done.stderr


# ---- reading


def test_an_unreadable_file_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.py"
    path.write_text(NEIGHBOUR)

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(Unreadable, match=r"x\.py: Permission denied"):
        read(path)


def test_a_vanished_file_says_why(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="No such file"):
        read(tmp_path / "gone.py")


@pytest.mark.parametrize("hostile", hostile_files()[:40], ids=lambda hostile: hostile.name)
def test_what_can_be_decoded_is_encoded_to_the_same_bytes(hostile: Any) -> None:
    try:
        source = decode(hostile.content, "x.py")
    except Unreadable:
        return
    assert source.encode(source.text) == hostile.content
