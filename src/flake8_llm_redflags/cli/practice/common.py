"""What the commands of ``redflags practice`` share: arguments, scenarios, the memory, complaints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ... import resources
from ..problem import Problem

if TYPE_CHECKING:
    from ...practice.review import Comment
    from ...practice.scenario import Scenario
    from ...practice.session import Session
    from ...practice.store import Store


def _full_or_json(value: str) -> str:
    if value not in ("full", "json"):
        raise Problem(f"--output-format: {value!r} is none of full, json")
    return value


Folder = Annotated[Path, typer.Argument(help="The folder of the round.")]
Format = Annotated[str, typer.Option("--output-format", help="full or json.", callback=_full_or_json)]
Scenarios = Annotated[Path | None, typer.Option("--scenarios", help="A folder of scenarios of your own.")]
Directory = Annotated[Path | None, typer.Option("--dir", help="Where to put the files.")]
Browser = Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.")]


@contextmanager
def problems() -> Iterator[None]:
    """Turn what practice complains of into one line."""
    from ...practice.review import ReviewError
    from ...practice.rounds import CodeError
    from ...practice.scenario import ScenarioError
    from ...practice.session import SessionError
    from ...practice.store import StoreError

    try:
        yield
    except (ReviewError, CodeError, ScenarioError, SessionError, StoreError) as error:
        raise Problem(str(error)) from error


def all_scenarios(folder: Path | None = None) -> list[Scenario]:
    """Return the scenarios of a folder, those that come with the package unless one is given."""
    from ...practice.scenario import load_all

    found = load_all(folder or resources.folder("fixtures") / "scenarios")
    if not found:
        raise Problem(f"{folder}: holds no scenario: each is a folder with a scenario.toml")
    return found


def resumed(folder: Path, scenarios: Path | None) -> Session:
    """Return the session of a round that was started in a folder."""
    from ...practice import session

    return session.resume(folder, all_scenarios(scenarios))


def memory() -> Store:
    """Return what is remembered of earlier rounds."""
    try:
        from ...practice.store import Store, home

        return Store(home() / "practice.sqlite3")
    except ImportError as error:
        raise Problem(not_installed(error)) from error


def not_installed(error: ImportError) -> str:
    """Return what to say where a package of practice is missing."""
    return f"{error.name} is not installed: pip install 'flake8-llm-redflags[practice]'"


def unread_note(comments: tuple[Comment, ...]) -> str:
    """Return what to say of comments in the files of a round that is reviewed on the page."""
    number = f"{len(comments)} comment{'s' if len(comments) > 1 else ''}"
    return f"{number} in the files not counted: this round is reviewed on the page, and review.json holds it"


def clock(seconds: float) -> str:
    """Return ``4:05`` for 245 seconds, before or after the end."""
    whole = int(abs(seconds))
    return f"{whole // 60}:{whole % 60:02}"


def print_json(told: object) -> None:
    """Print what a command says as JSON."""
    print(json.dumps(told, indent=2, ensure_ascii=False))
