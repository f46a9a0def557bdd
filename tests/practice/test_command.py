"""The practice command through its process: a round from start to grade, the memory, the pack, and bad input."""

from __future__ import annotations

import json
import os
import select
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flake8_llm_redflags import resources
from flake8_llm_redflags.practice.review import Comment, Review, annotated
from flake8_llm_redflags.practice.rounds import LEVELS, Round, from_code
from flake8_llm_redflags.practice.scenario import load_all
from flake8_llm_redflags.practice.store import Store, StoreError

SCENARIOS = load_all(resources.folder("fixtures") / "scenarios")
GPT = next(scenario for scenario in SCENARIOS if scenario.code == "GPT")


def round_of(*bad: str, level: str = "screen") -> Round:
    """Return a round of the mini-GPT with these bad sites."""
    return Round(GPT, LEVELS[level], tuple(int(site.name in bad) for site in GPT.sites))


ROUND = round_of("causal", "shift", "padding")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REDFLAGS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def practice(*words: str | Path, status: int = 0, timeout: int = 120) -> str:
    """Run the command; return what it prints, on stderr where it fails."""
    command = [sys.executable, "-m", "flake8_llm_redflags", "practice", *map(str, words)]
    ran = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=timeout, stdin=subprocess.DEVNULL
    )
    assert ran.returncode == status, ran.stdout + ran.stderr
    if status == 2:
        assert ran.stderr.count("\n") == 1, ran.stderr
        assert ran.stderr.startswith("redflags: ")
        return ran.stderr
    assert not ran.stderr
    return ran.stdout


def started(folder: Path, round_: Round = ROUND) -> Path:
    practice("start", "--code", round_.code, "--dir", folder)
    return folder


def write(folder: Path, round_: Round, comments: list[Comment], verdict: str = "request-changes") -> None:
    for name, text in annotated(round_.files, comments).items():
        (folder / name).write_text(f"# REVIEW[pr]({verdict}): so\n{text}", encoding="utf-8")


def graded(folder: Path) -> Any:
    return json.loads(practice("done", folder, "--no-input", "--output-format", "json"))


def perfect(round_: Round) -> list[Comment]:
    return [
        Comment("x", flag.file, flag.lines[0], "issue", flag.site.severity, (flag.site.family,))
        for flag in round_.rendered.flags
    ]


def test_a_perfect_review_gets_everything(tmp_path: Path) -> None:
    folder = started(tmp_path / "round")
    write(folder, ROUND, perfect(ROUND))
    result = graded(folder)
    assert (result["score"], result["band"], result["false_alarms"]) == (100, "strong", [])
    assert all(flag["named"] for flag in result["flags"])


STRATEGIES = {
    "every line a blocker": (
        lambda n: [Comment("x", "model.py", line, "issue", "blocker") for line in range(1, n + 1)],
        25,
    ),
    "every line a nit": (lambda n: [Comment("x", "model.py", line, "nit") for line in range(1, n + 1)], 35),
    "pasted source": (lambda n: [Comment(" ".join(ROUND.files["model.py"].split()), "model.py", 1)], 20),
    "pasted source, of the whole file, again and again": (
        lambda n: [
            Comment(f"{number} " + " ".join(ROUND.files["model.py"].split()), "model.py") for number in range(7)
        ],
        20,
    ),
    "blank": (lambda n: [], 0),
    "right lines, never named": (
        lambda n: [Comment("x", f.file, f.lines[0], "issue", f.site.severity) for f in ROUND.rendered.flags],
        60,
    ),
}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_bad_strategies_do_not_pay(tmp_path: Path, strategy: str) -> None:
    comments, most = STRATEGIES[strategy]
    folder = started(tmp_path / "round")
    write(folder, ROUND, comments(ROUND.files["model.py"].count("\n")))
    assert graded(folder)["score"] <= most


def test_the_workspace_silences_the_linter_and_shows_no_answer(tmp_path: Path) -> None:
    folder = started(tmp_path / "round", round_of("causal", "norm"))
    ran = subprocess.run(
        [sys.executable, "-m", "flake8", "--select", "LRF", "."],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    everything = "".join(path.read_text(encoding="utf-8") for path in folder.iterdir())
    assert "LRF5" not in ran.stdout
    assert not {"is_causal", "no-causal-mask", "LRF5"} & set(everything.replace("(", " ").split())


def test_status_hint_and_show(tmp_path: Path) -> None:
    folder = started(tmp_path / "round")
    assert "9:5" in practice("status", folder) or "10:00" in practice("status", folder)
    first, second = practice("hint", folder), practice("hint", folder)
    assert first.strip() in {hint for site in GPT.sites for hint in site.hints}
    assert first != second
    assert "is not finished" in practice("show", folder, status=2)
    assert [flag["hints"] for flag in graded(folder)["flags"]].count(2) == 1
    practice("show", folder, "--md", "r.md", "--html", "r.html")
    page = Path("r.html").read_text(encoding="utf-8")
    assert "http" not in page
    assert "<script" not in page
    assert "positions see the future" in Path("r.md").read_text(encoding="utf-8")
    practice("show", folder, "--md", "s.md", "--no-code")
    assert "future" not in Path("s.md").read_text(encoding="utf-8")


def test_a_missed_concept_comes_back_and_the_plan_counts(tmp_path: Path) -> None:
    folder = started(tmp_path / "round")
    write(folder, ROUND, perfect(ROUND)[:1])
    graded(folder)
    graded(folder)  # once more changes nothing
    told = json.loads(practice("stats", "--output-format", "json"))
    assert told["rounds"] == 1
    assert {row["family"]: row["found"] for row in told["families"]} == {"masking": 1.0, "labels-loss": 0.0}
    assert "3 concepts were met" in practice("plan", "--interview", "2099-01-01")
    assert json.loads(practice("due", "--output-format", "json")) == []


def test_what_is_exported_can_be_imported_once(tmp_path: Path, home: Path) -> None:
    graded(started(tmp_path / "round"))
    lines = practice("export", "all.jsonl")
    before = Path("all.jsonl").read_bytes()
    assert "--yes" in practice("reset", status=2)
    practice("reset", "--yes")
    assert practice("import", "all.jsonl").split()[0] == lines.split()[0]
    assert practice("import", "all.jsonl") == "0 new lines\n"
    practice("export", "again.jsonl")
    assert Path("again.jsonl").read_bytes() == before
    Path("bad.jsonl").write_text(before.decode() + '{"table": "rating"}\n', encoding="utf-8")
    practice("reset", "--yes")
    assert "nothing was imported" in practice("import", "bad.jsonl", status=2)
    assert "no round yet" in practice("stats")


def test_two_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    folders = [
        started(tmp_path / f"round{number}", round_of(site))
        for number, site in enumerate(("causal", "shift", "crop", "layers"))
    ]
    command = [sys.executable, "-m", "flake8_llm_redflags", "practice", "done", "--no-input"]
    running = [subprocess.Popen([*command, str(folder)], stdout=subprocess.DEVNULL) for folder in folders]
    assert [process.wait(timeout=120) for process in running] == [0] * 4
    assert json.loads(practice("stats", "--output-format", "json"))["rounds"] == 4


def test_a_killed_process_loses_nothing(tmp_path: Path, home: Path) -> None:
    graded(started(tmp_path / "first"))
    folder = started(tmp_path / "second", round_of("layers"))
    write(folder, round_of("layers"), perfect(round_of("layers")))
    process = subprocess.Popen(
        [sys.executable, "-m", "flake8_llm_redflags", "practice", "done", "--no-input", str(folder)],
        stdout=subprocess.DEVNULL,
    )
    time.sleep(0.5)
    process.kill()
    process.wait()
    assert sqlite3.connect(home / "practice.sqlite3").execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert graded(folder)["score"] == 100
    assert json.loads(practice("stats", "--output-format", "json"))["rounds"] == 2


def test_a_drill_is_short_and_about_what_was_asked_for(tmp_path: Path) -> None:
    for seed in range(6):
        told = json.loads(
            practice("drill", "masking", "--seed", str(seed), "--dir", f"d{seed}", "--output-format", "json")
        )
        assert told["limit_s"] == 180
        text = (tmp_path / f"d{seed}" / told["files"][0]).read_text(encoding="utf-8")
        assert text.count("\n") <= 25
        assert from_code(told["round"], SCENARIOS).focus is not None


def test_a_pack_has_a_folder_for_each_side(tmp_path: Path) -> None:
    practice("pack", "--code", ROUND.code, "--out", "pack")
    handed_out = "".join(path.read_text(encoding="utf-8") for path in Path("pack/candidate").iterdir())
    key = Path("pack/interviewer/key.md").read_text(encoding="utf-8")
    for flag in ROUND.rendered.flags:
        assert flag.site.title in key
        assert flag.site.title not in handed_out
        assert flag.site.pushback in key
    assert "Communication" in Path("pack/interviewer/sheet.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["start", "--code", "nonsense"], "is no round code"),
        (["start", "--code", "GPT-S222-!!"], "another version"),
        (["start", "--code", "NONE-S222-22"], "no scenario has the code"),
        (["start", "--level", "hard"], "is none of drill"),
        (["start", "--scenario", "none"], "there is no 'none'"),
        (["done", "."], "holds no round"),
        (["drill", "none"], "no scenario has it"),
        (["plan", "--interview", "tomorrow"], "is no day like"),
        (["plan", "--interview", "2001-01-01"], "is over"),
        (["import", "missing.jsonl"], "cannot be read"),
        (["list", "--scenarios", "."], "holds no scenario"),
        (["list", "--output-format", "xml"], "is none of full, json"),
    ],
)
def test_bad_input_is_one_line(words: list[str], says: str) -> None:
    assert says in practice(*words, status=2)


def test_a_broken_review_is_kept(tmp_path: Path) -> None:
    folder = started(tmp_path / "round")
    (folder / "review.json").write_text("{", encoding="utf-8")
    assert "review.json" in practice("done", folder, "--no-input", status=2)
    assert (folder / "review.json").read_text(encoding="utf-8") == "{"
    assert '"submitted": null' in (folder / "session.json").read_text(encoding="utf-8")


def test_a_file_that_no_longer_parses_is_graded(tmp_path: Path) -> None:
    folder = started(tmp_path / "round")
    write(folder, ROUND, perfect(ROUND))
    path = folder / "model.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + b"def (:\n")
    assert graded(folder)["score"] == 100


def test_start_does_not_write_over_anything(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine", encoding="utf-8")
    assert "is not empty" in practice("start", "--dir", "full", status=2)


def test_a_memory_from_the_future_or_from_elsewhere_is_left_alone(home: Path) -> None:
    home.mkdir()
    sqlite3.connect(home / "practice.sqlite3").execute("PRAGMA user_version = 99").connection.close()
    assert "newer redflags" in practice("stats", status=2)
    (home / "practice.sqlite3").write_bytes(b"no database at all, " * 100)
    assert "move the file away" in practice("stats", status=2)


def test_a_memory_that_another_process_holds_is_left_for_later(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graded(started(tmp_path / "round"))
    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, timeout=0.0: real(path, timeout=0.1))
    holder = real(home / "practice.sqlite3", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match="locked; nothing was changed"):
        Store(home / "practice.sqlite3").set("interview", "2099-01-01")
    holder.close()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="folders are closed to nobody else but root")
def test_a_closed_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    assert "cannot be" in practice("start", "--dir", "closed/round", status=2)


def test_dev_check_finds_every_scenario_sound() -> None:
    assert practice("dev", "check", timeout=600).count("no problems") == len(SCENARIOS)


@pytest.mark.skipif(os.name != "posix", reason="needs a terminal of its own")
def test_watch_shows_clock_and_comments_until_interrupted(tmp_path: Path) -> None:
    import pty

    folder = started(tmp_path / "round")
    write(folder, ROUND, [Comment("who may look at whom", "model.py", 3, "issue", "blocker", ("masking",))])
    terminal, inside = pty.openpty()
    command = [sys.executable, "-m", "flake8_llm_redflags", "practice", "watch", str(folder)]
    process = subprocess.Popen(
        command, stdin=inside, stdout=inside, stderr=inside, env={**os.environ, "COLUMNS": "120", "TERM": "xterm"}
    )
    os.close(inside)
    seen, until = b"", time.monotonic() + 60
    try:
        while b"who may look" not in seen and time.monotonic() < until:
            if select.select([terminal], [], [], 1)[0]:
                seen += os.read(terminal, 4096)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
    finally:
        process.kill()  # does nothing to a process that has ended
        process.wait()
        os.close(terminal)
    assert b"who may look" in seen
    assert ROUND.code.encode() in seen
    assert "needs a terminal" in practice("watch", folder, status=2)


def test_a_pr_comes_as_a_diff_that_git_applies(tmp_path: Path) -> None:
    told = json.loads(practice("start", "--level", "pr", "--seed", "1", "--dir", "pr", "--output-format", "json"))
    assert told["limit_s"] == 1800
    work = tmp_path / "work"
    work.mkdir()
    subprocess.run(["git", "init", "-q", "."], cwd=work, check=True)
    subprocess.run(["git", "apply", "../pr/change.diff"], cwd=work, check=True)
    for name in told["files"]:
        assert (work / name).read_bytes() == (tmp_path / "pr" / name).read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="file sizes are limited by POSIX")
def test_a_full_disk_is_one_line_and_the_review_is_kept(tmp_path: Path) -> None:
    import resource

    folder = started(tmp_path / "round")
    write(folder, ROUND, perfect(ROUND))
    before = (folder / "session.json").read_bytes()
    ran = subprocess.run(
        [sys.executable, "-m", "flake8_llm_redflags", "practice", "done", "--no-input", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50)),
    )
    assert ran.returncode == 2
    assert "cannot be written" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert (folder / "session.json").read_bytes() == before
    assert graded(folder)["score"] == 100


def test_comments_beside_the_page_are_told_of(tmp_path: Path) -> None:
    folder = started(tmp_path / "round")
    (folder / "review.json").write_text(json.dumps(Review().as_object()), encoding="utf-8")
    write(folder, ROUND, perfect(ROUND))
    assert "3 comments in the files not counted" in practice("status", folder)
    assert "3 comments in the files not counted" in practice("done", folder, "--no-input")


def test_a_dispute_makes_an_extra_of_a_false_alarm(tmp_path: Path) -> None:
    folder = started(tmp_path / "round")
    line = next(n for n, text in enumerate(ROUND.files["model.py"].splitlines(), 1) if text.startswith("class Block"))
    write(folder, ROUND, [*perfect(ROUND), Comment("why so wide?", "model.py", line, "issue", "major")])
    before = graded(folder)
    assert len(before["false_alarms"]) == 1
    assert "100 now" in practice("dispute", f"model.py:{line}", folder)
    after = graded(folder)
    assert (after["false_alarms"], after["score"]) == ([], 100)
    assert after["extras"][0]["line"] == line
    assert "no comment there" in practice("dispute", "model.py:1", folder, status=2)
    assert "is no FILE:LINE" in practice("dispute", "model.py", folder, status=2)
