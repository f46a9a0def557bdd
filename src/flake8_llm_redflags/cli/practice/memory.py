"""What is remembered of earlier rounds: what is due, the plan, figures, copies."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import typer

from ..problem import Problem
from .common import Format, all_scenarios, memory, not_installed, print_json, problems

if TYPE_CHECKING:
    from ...practice.store import Store

_DAY = "%Y-%m-%d"


def due(output_format: Format = "full") -> None:
    """Show what is about to fade."""
    from ...practice import session as sessions

    schedule = _schedule()
    now = sessions.now()
    with problems():
        store = memory()
        known = schedule.replay(store.ratings(), now, _interview(store))
    waiting = schedule.due(known, now)
    if output_format == "json":
        print_json([{"concept": k.concept, "family": k.family, "due": k.due.isoformat()} for k in waiting])
        return
    for k in waiting:
        print(f"{k.concept:36} {k.family:14} since {k.due:{_DAY}}")
    if not waiting:
        soonest = min((k.due for k in known.values()), default=None)
        print(f"nothing is due{f'; next on {soonest:{_DAY}}' if soonest else ': start with `redflags practice start`'}")


def plan(interview: Annotated[str, typer.Option("--interview", help="The day of the interview, YYYY-MM-DD.")]) -> None:
    """Set the day of the interview: nothing is put off beyond a third of the days left."""
    from ...practice import session as sessions

    try:
        day = _day(interview)
    except ValueError as error:
        raise Problem(f"--interview: {interview!r} is no day like 2027-01-31") from error
    if day < sessions.now():
        raise Problem(f"--interview: {interview} is over")
    schedule = _schedule()
    with problems():
        store, found = memory(), all_scenarios()
        store.set("interview", interview)
        known = schedule.replay(store.ratings(), sessions.now(), day)
    ready = schedule.readiness(known, found, day)
    print(f"expected to spot {ready:.0%} of the red flags on {interview}; {len(known)} concepts were met so far")


def stats(output_format: Format = "full") -> None:
    """Show rounds, scores and families."""
    from ...practice import session as sessions

    schedule = _schedule()
    now = sessions.now()
    with problems():
        store, found = memory(), all_scenarios()
        rounds, log, interview = store.rounds(), store.ratings(), _interview(store)
    known = schedule.replay(log, now, interview)
    rows = []
    for family in sorted({rated.family for rated in log}):
        of_it = [rated for rated in log if rated.family == family]
        likely = [k.likelihood(interview or now) for k in known.values() if k.family == family]
        rows.append(
            {
                "family": family,
                "seen": len(of_it),
                "found": sum(r.rating > 1 for r in of_it) / len(of_it),
                "named": sum(r.rating > 2 for r in of_it) / len(of_it),
                "likelihood": sum(likely) / len(likely),
            }
        )
    last = [r.score for r in rounds[-10:]]
    ready = schedule.readiness(known, found, interview or now)
    if output_format == "json":
        mean = sum(last) / len(last) if last else None
        print_json({"rounds": len(rounds), "mean_of_last_10": mean, "readiness": ready, "families": rows})
        return
    if not rounds:
        print("no round yet: start with `redflags practice start`")
        return
    print(f"{len(rounds)} rounds, mean of the last {len(last)}: {sum(last) / len(last):.0f}; ready {ready:.0%}")
    for row in rows:
        shares = "  ".join(f"{name} {row[name]:4.0%}" for name in ("found", "named", "likelihood"))
        print(f"  {row['family']:14} seen {row['seen']:3}  {shares}")


def export_memory(file: Annotated[Path, typer.Argument(help="The file to write, as JSON lines.")]) -> None:
    """Write everything that is remembered to a file."""
    with problems():
        lines = list(memory().exported())
    try:
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise Problem(f"{file}: cannot be written: {error.strerror}") from error
    print(f"{len(lines)} lines")


def import_memory(file: Annotated[Path, typer.Argument(help="A file that export wrote.")]) -> None:
    """Add what another machine remembers."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(f"{file}: cannot be read: {error}") from error
    with problems():
        try:
            print(f"{memory().take_in(lines)} new lines")
        except ValueError as error:
            raise Problem(f"{file}: {error}") from error


def reset(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Forget all rounds and ratings."""
    if not yes and not (sys.stdin.isatty() and typer.confirm("Forget all rounds and ratings?", default=False)):
        raise Problem("reset: nothing was forgotten; --yes does it without asking")
    with problems():
        memory().reset()
    print("forgotten")


def _schedule() -> ModuleType:
    """Return ``practice.schedule``, which needs a package that not everybody installs."""
    try:
        from ...practice import schedule
    except ImportError as error:
        raise Problem(not_installed(error)) from error
    return schedule


def _interview(store: Store) -> datetime | None:
    day = store.setting("interview")
    return _day(day) if day else None


def _day(text: str) -> datetime:
    return datetime.strptime(text, _DAY).replace(tzinfo=UTC)
