"""What a user installs: the built wheel and the built sdist, each in an environment of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from .support import PROJECT

SHIPPED = ("rules", "fixtures", "evidence")
CODE = "def answer(model, inputs):\n    return model.generate(**inputs, use_cache=False)\n"


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command without anything of this checkout on its path, and return its output."""
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Build the sdist from a copy of the tracked files, and the wheel from that sdist, as an index would get them."""
    folder = tmp_path_factory.mktemp("build")
    checkout = folder / "checkout"
    for name in run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=PROJECT).splitlines():
        if (PROJECT / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, checkout / name)
    run(sys.executable, "-m", "build", "--outdir", folder / "dist", checkout, cwd=folder)
    return {"sdist": next((folder / "dist").glob("*.tar.gz")), "wheel": next((folder / "dist").glob("*.whl"))}


def shipped_files() -> set[str]:
    """Return what must travel: the tracked and the new files of the shipped folders."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", *SHIPPED, cwd=PROJECT)
    return {name for name in listed.splitlines() if (PROJECT / name).is_file()}


def test_the_wheel_carries_pages_fixtures_and_evidence(built: dict[str, Path]) -> None:
    names = set(zipfile.ZipFile(built["wheel"]).namelist())
    assert {f"flake8_llm_redflags/data/{name}" for name in shipped_files()} <= names
    assert any(name.endswith("knowledge/values.toml") for name in names)
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_sdist_carries_the_project(built: dict[str, Path]) -> None:
    with tarfile.open(built["sdist"]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert shipped_files() <= names
    assert {"Makefile", "LICENSE", "CHANGELOG.md", "README.md", "pyproject.toml", "tests/test_packaging.py"} <= names


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_works_where_it_is_installed(built: dict[str, Path], kind: str, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True, symlinks=True)
    bin_folder = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin")
    pip = (bin_folder / "python", "-m", "pip", "--disable-pip-version-check")
    run(*pip, "install", "--quiet", built[kind], cwd=tmp_path)
    project = tmp_path / "project"
    project.mkdir()
    (project / "app.py").write_text(CODE)

    assert "LRF602 `model.generate(use_cache=False)`" in run(bin_folder / "flake8", "--select=LRF", cwd=project)
    assert "app.py:2:37: LRF602 " in run(bin_folder / "redflags", "check", "--output-format=concise", cwd=project)
    assert run(bin_folder / "redflags", "rule", "LRF331", cwd=project).startswith("# LRF331 class-weight-in-fit")
    rules = json.loads(run(bin_folder / "redflags", "rules", "--output-format=json", cwd=project))
    assert len(rules) >= 10
    ask = "from flake8_llm_redflags import resources; print(resources.folder('fixtures'))"
    assert Path(run(bin_folder / "python", "-c", ask, cwd=project).strip()).is_relative_to(tmp_path / "env")
    assert "torch" not in run(*pip, "list", cwd=project)
    round_ = json.loads(
        run(bin_folder / "redflags", "practice", "start", "--dir=round", "--output-format=json", cwd=project)
    )
    graded = run(
        bin_folder / "redflags", "practice", "done", "round", cwd=project
    )  # without the extra: graded, not remembered
    assert graded.startswith(round_["round"])
    assert "pip install 'flake8-llm-redflags[practice]'" in graded
    page = "from flake8_llm_redflags.practice.web.server import _static; print(len(_static('page.js')))"
    assert int(run(bin_folder / "python", "-c", page, cwd=project)) > 1000
    run(bin_folder / "redflags", "check", "--fix", cwd=project)
    assert (project / "app.py").read_text() == CODE.replace(", use_cache=False", "")
