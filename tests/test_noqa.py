"""``# noqa`` in the command means what it means in flake8."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flake8_llm_redflags.source.noqa import Suppressions

CALL = "model.generate(x, use_cache=False)"

COMMENTS = [
    "", "# noqa", "#noqa", "# NOQA", "# NoQA : E501", "# noqa:LRF602", "# noqa: LRF602", "# noqa : LRF602",
    "# noqa:  LRF602", "# noqa: lrf602", "# noqa: LRF", "# noqa: L", "# noqa: LRF6", "# noqa: LRF60",
    "# noqa: LRF6020", "# noqa: E501", "# noqa: E", "# noqa: E501,LRF602", "# noqa: E501 LRF602",
    "# noqa: E501, LRF602", "# noqa: E501; LRF602", "# noqa:E501,,LRF602", "# noqa: LRF602 because it is",
    "# noqa: because it is", "# why # noqa: LRF602", "# noqa: LRF301 # noqa: LRF602", "# noqa: LRF602,",
    "# noqa: 602", "# noqa:\tLRF602", "# noqa:\t\tLRF602", "#  noqa", "# noqa!", "# type: ignore # noqa",
    "# flake8: noqa", "# flake8: noqa: E501", "#flake8: noqa", "# flake8=noqa",
]  # fmt: skip

TEXTS = {
    **{f"comment_{number}": f"{CALL}  {comment}\n" for number, comment in enumerate(COMMENTS)},
    **{f"above_{number}": f"{comment}\n{CALL}\n" for number, comment in enumerate(COMMENTS)},
    "last_line_of_call": "model.generate(\n    x,\n    use_cache=False,\n)  # noqa: LRF602\n",
    "first_line_of_call": "model.generate(  # noqa\n    x,\n    use_cache=False,\n)\n",
    "other_line_of_call": "model.generate(\n    x,  # noqa\n    use_cache=False,\n)\n",
    "in_a_string": f'"""\n# noqa\n"""\n{CALL}\n',
    "in_a_string_of_the_statement": f'f("""\n# noqa\n""", {CALL})\n',
    "beside_a_string": f'x = """\n\n""", {CALL}  # noqa\n',
    "backslash": f"x = 1, \\\n    {CALL}, \\\n    1  # noqa\n",
    "two_on_a_line": f"{CALL}; {CALL}  # noqa\n",
    "neighbours": f"{CALL}  # noqa\n{CALL}\n{CALL}  # noqa\n",
    "block": f"if x:  # noqa\n    {CALL}\nelse:\n    {CALL}  # noqa\n",
    "decorated": f"@f({CALL})  # noqa\ndef f(): pass\n",
    "no_line_end": f"{CALL}  # noqa",
    "crlf": f"{CALL}  # noqa\r\n{CALL}\r\nf(\r\n{CALL}\r\n)  # noqa\r\n",
    "cr": f"{CALL}  # noqa\r{CALL}\rf(\r{CALL}\r)  # noqa\r",
    "mixed": f"{CALL}  # noqa\r\n{CALL}\r{CALL}  # noqa\n{CALL}\n",
    "form_feed": f"\x0c{CALL}  # noqa\n\x0c\n{CALL}\n{CALL}  # noqa\n",
    "other_separators": f"x = '\u2028\x85\x1c'\n{CALL}  # noqa\n{CALL}\n",
    "file_in_code": f"{CALL}  # flake8: noqa\n{CALL}\n",
    "file_at_the_end": f"{CALL}\n\n    # flake8: noqa\n",
    "file_in_a_string": f'"""\n# flake8: noqa\n"""\n{CALL}\n',
    "bom": f"\ufeff{CALL}  # noqa\n{CALL}\n",
    "bom_and_file": f"\ufeff# flake8: noqa\n{CALL}\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("noqa")
    for name, text in TEXTS.items():
        (folder / f"{name}.py").write_bytes(text.encode())
    return folder


def lines(folder: Path, *command: str) -> list[str]:
    run = subprocess.run([sys.executable, "-m", *command, "."], cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stderr
    return sorted(line.removeprefix("./") for line in run.stdout.splitlines())


def test_the_command_agrees_with_flake8(folder: Path) -> None:
    flake8 = lines(folder, "flake8", "--isolated", "--select=LRF602", "-j1")
    ours = lines(folder, "flake8_llm_redflags", "check", "--select=LRF602", "--output-format=concise")
    assert ours == flake8
    silent = {path.name for path in folder.iterdir()} - {line.partition(":")[0] for line in ours}
    assert 30 < len(silent) < len(TEXTS) - 30


def test_without_noqa_everything_is_reported(folder: Path) -> None:
    flake8 = lines(folder, "flake8", "--isolated", "--select=LRF602", "-j1", "--disable-noqa")
    ours = lines(folder, "flake8_llm_redflags", "check", "--select=LRF602", "--output-format=concise", "--no-noqa")
    assert ours == flake8


def test_a_file_that_python_cannot_read_is_silenced_line_by_line() -> None:
    suppressions = Suppressions("x = (  # noqa\ny = 1\nz = '  # noqa: LRF1\n")
    assert [suppressions.silences("LRF101", line) for line in (1, 2, 3)] == [True, False, True]
