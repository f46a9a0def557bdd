"""The ``redflags`` command through its real process."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flake8_llm_redflags.rules import all_rules

from .extra_rules import PREVIEW, RAISES, environment
from .support import PROJECT

#: One finding with a safe edit, one without any, one of a preview rule.
CODE = """\
def answer(model, inputs):
    return model.generate(**inputs, use_cache=False)


previewed()
"""
LINE = "app.py:2:37: LRF602 "
KEY = 'internal_token = "q7Hs92mVx0Lw83kQ"\n'


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return environment(tmp_path_factory.mktemp("rules"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "app.py").write_text(CODE)
    return folder


@pytest.fixture
def redflags(project: Path, env: dict[str, str]):
    def run(*arguments: str | Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "flake8_llm_redflags", *map(str, arguments)]
        done = subprocess.run(command, cwd=project, env=env, input=stdin, capture_output=True, timeout=100, check=False)
        return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


def files(run: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the files that have findings, in order; the run must have written nothing but concise lines."""
    assert run.stderr == ""
    assert run.returncode == (1 if run.stdout else 0)
    return [line.partition(":")[0] for line in run.stdout.splitlines()]


# ---- output


def test_concise_lines_are_those_of_flake8(redflags, project: Path, env: dict[str, str]) -> None:
    ours = redflags("check", "--output-format=concise", "app.py")
    theirs = subprocess.run(
        [sys.executable, "-m", "flake8", "--isolated", "--select=LRF", "app.py"],
        cwd=project, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ours.stdout == theirs.stdout
    assert ours.stdout.startswith(LINE)


def test_json_says_everything(redflags) -> None:
    run = redflags("check", "--output-format", "json", ".")
    (found,) = json.loads(run.stdout)
    message = found.pop("message")
    assert "use_cache=False" in message
    assert found == {
        "code": "LRF602",
        "name": "use-cache-disabled",
        "severity": "warning",
        "path": "app.py",
        "line": 2,
        "column": 37,
        "end_line": 2,
        "end_column": 52,
        "fix": {
            "title": "leave the cache on",
            "safe": True,
            "edits": [{"start": CODE.index(", use_cache"), "end": CODE.index(")\n\n"), "text": ""}],
            "imports": [],
        },
    }
    assert json.loads(redflags("check", "--output-format=json", "--ignore=LRF", ".").stdout) == []


def test_full_shows_the_code(redflags) -> None:
    run = redflags("check")
    assert run.returncode == 1
    frame = run.stdout.splitlines()
    assert frame[1:7] == [
        " --> app.py:2:37  use-cache-disabled",
        "1 | def answer(model, inputs):",
        "2 |     return model.generate(**inputs, use_cache=False)",
        "  |                                     ^^^^^^^^^^^^^^^",
        "3 | ",
        "  = --fix: leave the cache on",
    ]
    assert frame[-1] == "1 finding in 1 file. 1 can be mended with --fix."


def test_frames_show_tabs_wide_characters_and_escapes_in_their_columns(redflags, project: Path) -> None:
    (project / "app.py").write_text("x = '中\x1b[31m'\t; model.generate(**x, use_cache=False)" + " " * 500 + "\n")
    lines = redflags("check").stdout.splitlines()
    assert "\x1b" not in lines[2]
    assert lines[3].index("^") == lines[2].index("use_cache") + 1, "a wide character takes two columns"
    assert len(lines[2]) < 200


def test_statistics(redflags, project: Path) -> None:
    (project / "app.py").write_text(CODE * 2 + KEY)
    run = redflags("check", "--output-format=concise", "--statistics")
    assert [line.split() for line in run.stdout.splitlines()[-2:]] == [
        ["2", "LRF602", "use-cache-disabled"],
        ["1", "LRF101", "hardcoded-secret"],
    ]


def test_clean_code_is_told_so(redflags, project: Path) -> None:
    (project / "app.py").write_text("x = 1\n")
    run = redflags("check")
    assert (run.returncode, run.stdout, run.stderr) == (0, "No red flags in 1 file.\n", "")


def test_output_that_the_terminal_cannot_show_does_not_end_the_run(redflags, project: Path, env) -> None:
    (project / "app.py").write_text("x = 'é→'; model.generate(**x, use_cache=False)\n", encoding="utf-8")
    command = [sys.executable, "-m", "flake8_llm_redflags", "check", "--diff"]
    ascii_only = env | {"PYTHONIOENCODING": "ascii"}
    run = subprocess.run(command, cwd=project, env=ascii_only, capture_output=True, check=False)
    assert b"\\xe9\\u2192" in run.stdout
    assert run.returncode == 1


def test_a_reader_that_goes_away_is_no_error(project: Path, env) -> None:
    (project / "app.py").write_text(CODE * 3_000)
    command = [sys.executable, "-m", "flake8_llm_redflags", "check", "--output-format=concise"]
    run = subprocess.Popen(command, cwd=project, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert run.stdout is not None
    assert run.stderr is not None
    run.stdout.readline()
    run.stdout.close()
    assert run.stderr.read() == b""
    assert run.wait() == 1


# ---- which rules


@pytest.mark.parametrize(
    ("options", "codes"),
    [
        ([], ["LRF101", "LRF602"]),
        (["--select=LRF6"], ["LRF602"]),
        (["--select", "LRF101,LRF602", "--ignore", "LRF6"], ["LRF101", "LRF602"]),
        (["--select=LRF6", "--select=LRF1"], ["LRF101", "LRF602"]),
        (["--select=use-cache-disabled"], ["LRF602"]),
        (["--ignore=lrf6"], ["LRF101"]),
        (["--select=LRF6", "--ignore=LRF602"], []),
        (["--preview"], ["LRF101", "LRF602", PREVIEW]),
        (["--select=LRF99"], []),
        ([f"--select={PREVIEW}"], [PREVIEW]),
    ],
    ids=" ".join,
)
def test_rules_are_selected_and_ignored(redflags, project: Path, options: list[str], codes: list[str]) -> None:
    (project / "app.py").write_text(CODE + KEY)
    found = json.loads(redflags("check", "--output-format=json", *options).stdout)
    assert sorted({finding["code"] for finding in found} & {"LRF101", "LRF602", PREVIEW}) == codes


def test_the_project_file_is_read_and_the_command_line_comes_on_top(redflags, project: Path) -> None:
    (project / "app.py").write_text(CODE + KEY)
    (project / "gen").mkdir()
    (project / "gen" / "made.py").write_text(CODE)
    (project / "pyproject.toml").write_text(
        f'[tool.llm-redflags]\nselect = ["LRF602", "{PREVIEW}", "LRF1"]\nignore = ["LRF6"]\nexclude = ["gen/"]\n'
        'allowed-secret-names = ["^internal_"]\n'
    )
    lines = redflags("check", "--output-format=concise").stdout.splitlines()
    assert [line.split()[1] for line in lines] == ["LRF602", PREVIEW]
    assert files(redflags("check", "--output-format=concise", "--select=LRF602", "--ignore=LRF602")) == []
    (project / "pyproject.toml").write_text("[tool.llm-redflags]\npreview = true\n")
    assert PREVIEW in redflags("check", "--output-format=concise").stdout


# ---- which files


def test_folders_are_searched_and_excludes_obeyed(redflags, project: Path) -> None:
    for name in (
        "pkg/b.py", "pkg/a.pyi", "pkg/c.txt", "pkg/deep/d.py", ".venv/x.py", "env/lib/x.py", "node_modules/x.py",
        "ignored/x.py", "pkg/skipped.py", "pkg/kept.py", "__pycache__/x.py",
    ):  # fmt: skip
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(CODE)
    (project / "env" / "pyvenv.cfg").touch()
    (project / ".git").mkdir()
    (project / ".gitignore").write_text("/ignored/\n*kept.py\n")
    (project / "pkg" / ".gitignore").write_text("skipped.py\n!kept.py\n")
    concise = "--output-format=concise"
    everything = ["app.py", "pkg/a.pyi", "pkg/b.py", "pkg/kept.py", "pkg/deep/d.py"]
    assert files(redflags("check", concise)) == everything
    assert files(redflags("check", concise, "pkg", "app.py", "pkg/b.py")) == [*everything[1:], "app.py"]
    assert files(redflags("check", concise, "--no-gitignore")) == [
        "app.py", "ignored/x.py", "pkg/a.pyi", "pkg/b.py", "pkg/kept.py", "pkg/skipped.py", "pkg/deep/d.py",
    ]  # fmt: skip
    less = files(redflags("check", concise, "--exclude=deep", "--exclude=/pkg/*.pyi"))
    assert less == ["app.py", "pkg/b.py", "pkg/kept.py"]
    named = ["ignored/x.py", ".venv/x.py", "pkg/c.txt"]
    assert files(redflags("check", concise, *named)) == named, "what is named is read"
    assert files(redflags("check", concise, "ignored")) == ["ignored/x.py"]
    forced = redflags("check", concise, "--exclude=ignored", "--force-exclude", "ignored/x.py", "app.py")
    assert files(forced) == ["app.py"]
    assert [Path(file).name for file in files(redflags("check", concise, project / "pkg" / "deep"))] == ["d.py"]


def test_what_cannot_be_read_is_told_and_costs_no_neighbour(redflags, project: Path) -> None:
    os.symlink(project / "itself.py", project / "itself.py")
    os.symlink(project, project / "loop", target_is_directory=True)
    os.mkfifo(project / "pipe.py")
    (project / "folder.py").mkdir()
    (project / "folder.py" / "inside.py").write_text(CODE)
    (project / "binary.py").write_bytes(bytes(range(256)))
    (project / "latin.py").write_bytes("# é\nmodel.generate(use_cache=False)\n".encode("latin-1"))
    (project / "broken.py").write_text("model.generate(use_cache=False\n")
    (project / "raises.py").write_text("raising()\n" + CODE)
    locked = project / "locked.py"
    locked.write_text(CODE)
    locked.chmod(0)
    run = redflags("check", "--output-format=concise")
    told = {line.partition(":")[0]: line.split(" ", 2)[1:] for line in run.stdout.splitlines() if " LRF9" in line}
    reasons = {name: code_and_text[1] for name, code_and_text in told.items()}
    assert reasons["itself.py"].startswith("cannot be read: ")
    assert "NUL" in reasons["binary.py"]
    assert "encoding" in reasons["latin.py"]
    assert reasons["broken.py"] == "does not parse: '(' was never closed"
    assert told["raises.py"][0] == "LRF999"
    assert RAISES in reasons["raises.py"]
    if os.geteuid() != 0:
        assert reasons["locked.py"] == "cannot be read: Permission denied"
    for line in (LINE, "folder.py/inside.py:2:37: LRF602 ", "raises.py:3:37: LRF602 "):
        assert line in run.stdout
    assert run.returncode == 1
    assert run.stderr == ""


def test_named_paths_that_cannot_be_used_are_told_and_the_others_read(redflags, project: Path) -> None:
    os.mkfifo(project / "pipe.py")
    run = redflags("check", "--output-format=concise", "missing.py", "app.py", "pipe.py")
    assert run.returncode == 2
    assert run.stdout.startswith(LINE)
    assert run.stderr == ("redflags: missing.py: No such file or directory\nredflags: pipe.py: not a regular file\n")


def test_a_folder_without_python_is_no_error_but_told(redflags, project: Path) -> None:
    (project / "empty").mkdir()
    run = redflags("check", "--output-format=concise", "empty")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "redflags: no Python files in empty\n")


# ---- fixing


def test_fix_writes_and_reports_what_is_left(redflags, project: Path) -> None:
    (project / "app.py").write_bytes(b"\xef\xbb\xbf" + (CODE + KEY).replace("\n", "\r\n").encode())
    run = redflags("check", "--fix")
    mended = CODE.replace(", use_cache=False", "")
    assert (project / "app.py").read_bytes() == b"\xef\xbb\xbf" + (mended + KEY).replace("\n", "\r\n").encode()
    assert run.returncode == 1
    assert "LRF101" in run.stdout
    assert run.stdout.splitlines()[-1] == "1 finding in 1 file, 1 mended. 1 can be mended with --unsafe-fixes."
    run = redflags("check", "--unsafe-fixes")
    assert run.returncode == 0
    text = (project / "app.py").read_bytes().decode("utf-8-sig")
    assert text.startswith("import os\r\n\r\ndef answer")
    assert text.endswith('internal_token = os.environ["INTERNAL_TOKEN"]\r\n')


def test_diff_is_what_fix_does_and_changes_nothing(redflags, project: Path) -> None:
    (project / "app.py").write_text("x = '\x0c\u2028'\n" + CODE.rstrip("\n"), encoding="utf-8")
    before = (project / "app.py").read_bytes()
    run = redflags("check", "--diff")
    assert run.returncode == 1
    assert run.stderr == "No red flags in 1 file, 1 would be mended.\n"
    assert (project / "app.py").read_bytes() == before
    redflags("check", "--fix")
    expected = (project / "app.py").read_bytes()
    (project / "app.py").write_bytes(before)
    subprocess.run(["git", "apply", "--unsafe-paths", "-"], cwd=project, input=run.stdout.encode(), check=True)
    assert (project / "app.py").read_bytes() == expected


def test_a_file_that_cannot_be_written_is_told_and_the_others_are_written(redflags, project: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everything")
    (project / "b.py").write_text(CODE)
    (project / "app.py").chmod(0o444)
    run = redflags("check", "--fix")
    assert run.returncode == 2
    assert "redflags: app.py: the mended text cannot be written: Permission denied" in run.stderr
    assert "use_cache" not in (project / "b.py").read_text()


# ---- standard input


def test_standard_input(redflags) -> None:
    run = redflags("check", "--output-format=concise", "--stdin-display-name=lib/x.py", "-", stdin=CODE.encode())
    assert run.stdout.startswith("lib/x.py:2:37: LRF602 ")
    assert "2 |     return model.generate" in redflags("check", "-", stdin=CODE.encode()).stdout
    run = redflags("check", "--fix", "-", stdin=CODE.encode())
    assert (run.returncode, run.stdout) == (0, CODE.replace(", use_cache=False", ""))
    assert "1 mended" in run.stderr


@pytest.mark.parametrize("data", [b"# \xff\nx = 1\n", b"x = (\n", b"", b"\xef\xbb\xbfx = 1\r\n"])
def test_standard_input_that_is_not_mended_comes_out_as_it_came_in(project: Path, env, data: bytes) -> None:
    command = [sys.executable, "-m", "flake8_llm_redflags", "check", "--fix", "-"]
    run = subprocess.run(command, cwd=project, env=env, input=data, capture_output=True, check=False)
    assert run.stdout == data


# ---- many files


def test_several_processes_report_what_one_reports(redflags, project: Path) -> None:
    for number in range(120):
        (project / f"copy_{number:03}.py").write_text(CODE)
    one, two = (redflags("check", "--output-format=concise", f"-j{jobs}") for jobs in (1, 2))
    assert len(files(one)) == 121
    assert one.stdout == two.stdout
    assert redflags("check", "--fix", "-j2").returncode == 0
    assert not any("use_cache" in path.read_text() for path in project.iterdir())


def test_a_file_that_ends_its_process_costs_no_neighbour(redflags, project: Path, env) -> None:
    for number in range(60):
        (project / f"copy_{number:03}.py").write_text(CODE)
    (project / "copy_030.py").write_text("dying()\n")
    folder = Path(env["PYTHONPATH"]) / "extra"
    rule = (folder / "extra_rules.py").read_text().split("class Raising")[0].replace("previewed", "dying")
    rule = rule.replace("LRF997", "LRF995").replace("True", "False").replace("Previewed", "Dying")
    rule = rule.replace('yield self.finding(code, call, "a call")', "import os; os._exit(9); yield")
    (folder / "dying.py").write_text(rule)
    try:
        run = redflags("check", "--output-format=concise", "-j2", ".")
    finally:
        (folder / "dying.py").unlink()
    assert run.returncode == 1
    assert "copy_030.py:1:1: LRF900 ended the process that read it; please report it" in run.stdout
    assert run.stdout.count("LRF602") == 60


@pytest.mark.parametrize("jobs", [1, 2])
def test_control_c_ends_cleanly(project: Path, env, jobs: int) -> None:
    for number in range(300):
        (project / f"copy_{number:03}.py").write_text(CODE * 300)
    command = [sys.executable, "-m", "flake8_llm_redflags", "check", f"-j{jobs}"]
    run = subprocess.Popen(command, cwd=project, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(2)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=30)
    assert (run.returncode, out, err) == (130, "", "redflags: interrupted\n")


def test_a_long_run_on_a_terminal_shows_how_far_it_is(project: Path, env) -> None:
    if shutil.which("script") is None:
        pytest.skip("needs script(1) for a terminal")
    for number in range(150):
        (project / f"copy_{number:03}.py").write_text(CODE * 20)
    command = f"{sys.executable} -m flake8_llm_redflags check --output-format=concise -j1"
    options = {name: value for name, value in env.items() if name not in ("NO_COLOR", "CI")} | {"TERM": "xterm"}
    in_terminal = ["script", "-qec", command, "/dev/null"]
    run = subprocess.run(in_terminal, cwd=project, env=options, capture_output=True, check=False)
    assert re.search(rb"reading.*/151", run.stdout)


# ---- bad input


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["check", "--select=E501"], "--select: no rule's code starts with E501"),
        (["check", "--select=nonsense"], "--select: 'nonsense' is no code"),
        (["check", "--ignore=??"], "--ignore: '??' is no code"),
        (["check", "--output-format=xml"], "--output-format: 'xml' is none of full, concise, json"),
        (["check", "--jobs=-1"], "--jobs: must be 0 or more"),
        (["check", "--jobs=many"], "Invalid value for '--jobs'"),
        (["check", "--nonsense"], "No such option: --nonsense"),
        (["check", "-", "app.py"], "- reads standard input and cannot stand beside other paths"),
        (["nonsense"], "No such command 'nonsense'"),
        (["rule"], "Missing argument"),
        (["rule", "LRF000"], "LRF000: no such rule"),
        (["rules", "--output-format=xml"], "--output-format: 'xml' is none of"),
        (["allow", "missing.py"], "missing.py: No such file or directory"),
    ],
)
def test_bad_input_gets_one_clear_line(redflags, arguments: list[str], complaint: str) -> None:
    run = redflags(*arguments)
    assert run.stderr.startswith("redflags: ")
    assert complaint in run.stderr
    assert run.stderr.count("\n") == 1
    assert (run.returncode, run.stdout) == (2, "")


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ("nonsense", "pyproject.toml: cannot be read: "),
        ("[tool]\nllm-redflags = 1", "tool.llm-redflags must be a table"),
        ("[tool.llm-redflags]\nselct = []", "has no option 'selct'; it knows allowed-secret-names, "),
        ("[tool.llm-redflags]\nselect = 'LRF'", "select must be a list of strings"),
        ("[tool.llm-redflags]\nselect = ['E501']", "select: no rule's code starts with E501"),
        ("[tool.llm-redflags]\npreview = 'yes'", "preview must be true or false"),
        ("[tool.llm-redflags]\nallowed-secret-names = ['(']", "'(' is no regular expression"),
    ],
)
def test_a_bad_project_file_gets_one_clear_line(redflags, project: Path, table: str, complaint: str) -> None:
    (project / "pyproject.toml").write_text(table + "\n")
    run = redflags("check")
    assert complaint in run.stderr
    assert run.stderr.count("\n") == 1
    assert (run.returncode, run.stdout) == (2, "")


# ---- pages, lists, developer commands


@pytest.mark.parametrize("key", ["LRF331", "lrf331", "class-weight-in-fit"])
def test_rule_shows_its_page(redflags, key: str) -> None:
    run = redflags("rule", key)
    assert run.returncode == 0
    assert run.stdout.startswith("# LRF331 class-weight-in-fit\n")
    assert "<+>" not in redflags("rule", "LRF101").stdout


def test_rules_lists_them_all(redflags) -> None:
    codes = [rule.code for rule in all_rules()]
    found = json.loads(redflags("rules", "--output-format=json").stdout)
    assert [rule["code"] for rule in found if rule["code"] not in (PREVIEW, RAISES)] == codes
    keys = ["code", "name", "severity", "family", "summary", "preview", "fixable"]
    assert all(list(rule) == keys and rule["summary"] for rule in found)
    for line in (redflags("rules").stdout, redflags("rules", "--output-format=concise").stdout):
        assert all(code in line for code in codes)


def test_version_and_help(redflags) -> None:
    assert re.fullmatch(r"redflags \d+\.\d+\.\d+\n", redflags("--version").stdout)
    for arguments in ([], ["--help"], ["-h"]):
        run = redflags(*arguments)
        assert run.returncode == 0
        assert "check" in run.stdout
    assert "--unsafe-fixes" in redflags("check", "--help").stdout


def test_allow_silences_the_command_and_flake8_and_writes_no_value(redflags, project: Path, env) -> None:
    (project / "app.py").write_text(KEY)
    assert redflags("check").returncode == 1
    run = redflags("allow", ".")
    assert run.returncode == 0
    written = (project / ".redflags-allow").read_text()
    assert re.fullmatch(r"[0-9a-f]{64}  # app.py:1 \S+ internal_token\n", written)
    assert "q7Hs" not in written + run.stdout
    assert redflags("allow", "app.py").stdout == "nothing to add\n"
    assert redflags("check").returncode == 0
    flake8 = [sys.executable, "-m", "flake8", "--isolated", "--select=LRF", "."]
    assert subprocess.run(flake8, cwd=project, env=env, check=False).returncode == 0


def test_new_rule_lays_down_all_that_a_rule_is(tmp_path: Path, env) -> None:
    checkout = tmp_path / "checkout"
    for name in ("src", "rules", "fixtures"):
        shutil.copytree(PROJECT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(PROJECT / "pyproject.toml", checkout)
    (checkout / "evidence").mkdir()

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "flake8_llm_redflags", *arguments]
        path = {"PYTHONPATH": str(checkout / "src")}
        return subprocess.run(command, cwd=tmp_path, env=env | path, capture_output=True, text=True, check=False)

    made = run("new-rule", "LRF699", "made-up-defect", "--severity=error")
    assert made.stderr == ""
    detector, page, fixture = map(Path, made.stdout.splitlines())
    assert detector == checkout / "src/flake8_llm_redflags/rules/decoding/made_up_defect.py"
    assert page.read_text().startswith("# LRF699 made-up-defect\n\n*error · no edit*\n")
    found = run("check", "--output-format=concise", "--select=LRF699", str(fixture)).stdout
    assert found.startswith(f"{fixture}:5:12: LRF699 ")
    assert found.count(": LRF699 ") == 1
    assert "LRF699 made-up-defect exists" in run("new-rule", "LRF699", "other-defect").stderr
    assert run("new-rule", "LRF698", "Bad").returncode == 2
    assert run("new-rule", "LRF6981", "other-defect").returncode == 2
    assert "--family: choose one of " in run("new-rule", "LRF698", "other-defect", "--family=nonsense").stderr


def test_a_file_without_a_red_flag_costs_no_parser(project: Path, env) -> None:
    """Start-up is what editors and pre-commit feel: most of it would be libcst, which such a file does not need."""
    command = [sys.executable, "-X", "importtime", "-m", "flake8_llm_redflags", "check", "-"]
    run = subprocess.run(command, cwd=project, env=env, input=b"x = 1\n", capture_output=True, timeout=100, check=False)
    imported = {line.rpartition("|")[2].strip() for line in run.stderr.decode().splitlines()}
    assert run.returncode == 0
    assert "flake8_llm_redflags.linter" in imported
    assert not imported & {"libcst", "torch"}


@pytest.mark.parametrize("options", ["", "--output-format=concise", "--output-format=json", "--diff --unsafe-fixes"])
def test_no_output_repeats_a_secret(redflags, project: Path, options: str) -> None:
    body = "Kd82mSl0Qw9eRt7yUi3oPa5sDf6gHj1k"
    key = "-".join(("sk", "proj", body))
    text = (
        "import os\nfrom openai import OpenAI\n"
        f'KEY = "{key}"\nHEADER = f"Bearer {key}"\nother = os.getenv("KEY", "{key}")\n'
        f'PEM = """-----BEGIN PRIVATE {"KEY"}-----\n{body * 2}\n-----END PRIVATE {"KEY"}-----"""\n'
        f'print(OpenAI(api_key="{key}").responses.create(model="m", input=HEADER))\n'
    )
    (project / "app.py").write_text(text)
    run = redflags("check", *options.split())
    assert run.returncode == 1
    assert "LRF101" in run.stdout + run.stderr or "os.environ" in run.stdout
    assert body[:6] not in run.stdout + run.stderr
