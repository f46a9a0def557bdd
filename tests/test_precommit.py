"""The hooks through the real ``pre-commit``, in a repository that uses them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .support import PROJECT

BAD = "def answer(model, inputs):\n    return model.generate(**inputs, use_cache=False)\n"
GOOD = BAD.replace(", use_cache=False", "")


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that holds this project as it is now."""
    folder = tmp_path_factory.mktemp("hooks")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.splitlines():
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, folder / name)
    git(folder, "init")
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--no-verify", "-m", "hooks")
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pre-commit keeps the environment that both tests use."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init")
    (tmp_path / "bad.py").write_text(BAD)
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "notes.txt").write_text(BAD)
    return tmp_path


def pre_commit(repository: Path, hooks: Path, home: Path, hook: str) -> subprocess.CompletedProcess[str]:
    revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=hooks, capture_output=True, text=True, check=True)
    head = revision.stdout.strip()
    (repository / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {hooks}\n  rev: {head}\n  hooks:\n  - id: {hook}\n"
    )
    git(repository, "add", "--all")
    git_free = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        [sys.executable, "-m", "pre_commit", "run", "--all-files", "--color=never"],
        cwd=repository,
        env=git_free | {"PRE_COMMIT_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_redflags_reports_and_changes_nothing(repository: Path, hooks: Path, home: Path) -> None:
    run = pre_commit(repository, hooks, home, "redflags")
    assert run.returncode == 1, run.stdout + run.stderr
    assert "bad.py:2:37: LRF602 " in run.stdout
    assert "good.py" not in run.stdout
    assert "notes.txt" not in run.stdout
    assert (repository / "bad.py").read_text() == BAD
    (repository / "bad.py").write_text(GOOD)
    run = pre_commit(repository, hooks, home, "redflags")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Passed" in run.stdout


def test_redflags_fix_mends_and_fails_so_that_it_is_looked_at(repository: Path, hooks: Path, home: Path) -> None:
    run = pre_commit(repository, hooks, home, "redflags-fix")
    assert run.returncode == 1, run.stdout + run.stderr
    assert "files were modified by this hook" in run.stdout
    assert (repository / "bad.py").read_text() == GOOD
    assert pre_commit(repository, hooks, home, "redflags-fix").returncode == 0
