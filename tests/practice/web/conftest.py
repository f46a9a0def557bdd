"""A round that is served, by the command itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from flake8_llm_redflags.practice.rounds import Round

from ..test_command import ROUND


@dataclass(frozen=True)
class Served:
    """The page of a round: where it is, its token, and the folder of the round."""

    round: Round
    folder: Path
    address: str

    @property
    def base(self) -> str:
        return "{0.scheme}://{0.netloc}".format(urlsplit(self.address))

    @property
    def token(self) -> str:
        return parse_qs(urlsplit(self.address).query)["token"][0]


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("REDFLAGS_HOME", str(tmp_path / "home"))
    folder = tmp_path / "round"
    command = [sys.executable, "-m", "flake8_llm_redflags", "practice", "start", "--web", "--no-browser"]
    process = subprocess.Popen(
        [*command, "--code", ROUND.code, "--dir", str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    yield Served(ROUND, folder, process.stdout.readline().split()[-1])
    process.terminate()
    process.wait()
    process.stdout.close()
