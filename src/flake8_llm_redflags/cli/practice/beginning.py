"""Begin a round: choose what is practised, write its files, start the clock."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..problem import Problem
from .common import Browser, Directory, Format, Scenarios, all_scenarios, memory, print_json, problems
from .reviewing import serve_page

if TYPE_CHECKING:
    from ...practice.rounds import Round
    from ...practice.scenario import Scenario
    from ...practice.session import Session


def start(
    level: Annotated[str, typer.Option(help="drill, screen, onsite or pr.")] = "screen",
    scenario: Annotated[
        str | None, typer.Option(help="The scenario; one of those with due concepts unless given.")
    ] = None,
    code: Annotated[str | None, typer.Option(help="Rebuild the round of this code.")] = None,
    directory: Directory = None,
    minutes: Annotated[float | None, typer.Option(help="Minutes, if not those of the level.")] = None,
    seed: Annotated[int | None, typer.Option(help="Draw the same round again.")] = None,
    web: Annotated[bool, typer.Option("--web", help="Review on a page that looks like a pull request.")] = False,
    browser: Browser = True,
    scenarios: Scenarios = None,
    output_format: Format = "full",
) -> None:
    """Start a round: files to review, a ticket, and a clock."""
    from ...practice import session as sessions

    with problems():
        round_ = _round(all_scenarios(scenarios), level, scenario, code, seed)
        session = sessions.start(round_, directory or _folder(round_), sessions.now(), minutes)
    if web:
        serve_page(session, browser=browser)
    elif output_format == "json":
        print_json(_as_object(session))
    else:
        limit = f"{session.limit.total_seconds() / 60:.0f} minutes"
        print(f"{round_.code}: {round_.scenario.title}, {round_.level.name}, {limit} from now")
        print(f"  read     {session.folder / 'ticket.md'}")
        for name in round_.files:
            print(f"  review   {session.folder / name}")
        print("  write    # REVIEW issue(blocker, masking): what   # why: …   # fix: …     (HOW.md says more)")
        print(f"  then     redflags practice done {session.folder}     (hint, status: the same way)")


def drill(
    concept: Annotated[str | None, typer.Argument(help="A code, slug or family; what is due unless given.")] = None,
    directory: Directory = None,
    seed: Annotated[int | None, typer.Option(help="Draw the same drill again.")] = None,
    scenarios: Scenarios = None,
    output_format: Format = "full",
) -> None:
    """Three minutes on one function: one thing is wrong with it, or nothing."""
    from ...practice import session as sessions
    from ...practice.rounds import LEVELS, draw

    rng = random.Random(seed)
    with problems():
        found = all_scenarios(scenarios)
        wanted = _concepts(found, concept) if concept else _due()
        fitting = [s for s in found if not wanted or any(site.concept in wanted for site in s.sites)]
        round_ = draw(rng.choice(fitting or found), LEVELS["drill"], rng, wanted)
        session = sessions.start(round_, directory or _folder(round_), sessions.now())
    if output_format == "json":
        print_json(_as_object(session))
    else:
        print(f"{round_.code}: review {session.folder / next(iter(round_.files))}, 3 minutes from now")


def _folder(round_: Round) -> Path:
    return Path(f"redflags-{round_.code}")


def _as_object(session: Session) -> dict[str, object]:
    return {
        "round": session.round.code,
        "folder": str(session.folder),
        "files": list(session.round.files),
        "limit_s": int(session.limit.total_seconds()),
    }


def _concepts(found: list[Scenario], asked: str) -> set[str]:
    """Return the concepts that a code, slug or family stands for."""
    wanted = {site.concept for s in found for site in s.sites if asked in (site.concept, site.family)}
    if not wanted:
        raise Problem(f"{asked!r}: no scenario has it; `redflags practice list` and `tags` show what there is")
    return wanted


def _round(found: list[Scenario], level: str, name: str | None, code: str | None, seed: int | None) -> Round:
    """Rebuild the round of a code, or draw one: of the scenario named, else of one with the most that is due."""
    from ...practice.rounds import LEVELS, draw, from_code

    if code is not None:
        return from_code(code, found)
    if level not in LEVELS:
        raise Problem(f"--level: {level!r} is none of {', '.join(LEVELS)}")
    rng = random.Random(seed)
    wanted = _due()
    if level == "pr" and name is None:  # what speaks across files needs several
        found = [s for s in found if len(s.templates) > 1] or found
    if name is not None:
        found = [s for s in found if name in (s.name, s.code)]
        if not found:
            raise Problem(f"--scenario: there is no {name!r}; `redflags practice list` shows them")
    elif wanted:
        most = max(sum(site.concept in wanted for site in s.sites) for s in found)
        found = [s for s in found if sum(site.concept in wanted for site in s.sites) == most]
    return draw(rng.choice(found), LEVELS[level], rng, wanted)


def _due() -> set[str]:
    """Return the concepts that are due; none where the schedule cannot be had."""
    try:
        from ...practice import schedule, session

        now = session.now()
        return {known.concept for known in schedule.due(schedule.replay(memory().ratings(), now), now)}
    except (ImportError, Problem):
        return set()
