"""``redflags practice``: interview rounds, graded, and back again before they fade."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import resources
from .problem import Problem

if TYPE_CHECKING:
    from rich.console import Group

    from ..practice.report import Report
    from ..practice.rounds import Round
    from ..practice.scenario import Scenario
    from ..practice.session import Session
    from ..practice.store import Store

app = typer.Typer(help="Practise code-review interview rounds.", no_args_is_help=True)
dev = typer.Typer(help="For authors of scenarios.", no_args_is_help=True)
app.add_typer(dev, name="dev")

_Folder = Annotated[Path, typer.Argument(help="The folder of the round.")]
_Format = Annotated[str, typer.Option("--output-format", help="full or json.")]
_Scenarios = Annotated[Path | None, typer.Option("--scenarios", help="A folder of scenarios of your own.")]


@contextmanager
def _problems() -> Iterator[None]:
    """Turn what practice complains of into one line."""
    from ..practice.review import ReviewError
    from ..practice.rounds import CodeError
    from ..practice.scenario import ScenarioError
    from ..practice.session import SessionError
    from ..practice.store import StoreError

    try:
        yield
    except (ReviewError, CodeError, ScenarioError, SessionError, StoreError) as error:
        raise Problem(str(error)) from error


def _all(folder: Path | None = None) -> list[Scenario]:
    from ..practice.scenario import load_all

    found = load_all(folder or resources.folder("fixtures") / "scenarios")
    if not found:
        raise Problem(f"{folder}: holds no scenario: each is a folder with a scenario.toml")
    return found


def _store() -> Store:
    try:
        from ..practice.store import Store, home

        return Store(home() / "practice.sqlite3")
    except ImportError as error:
        raise Problem(_missing(error)) from error


def _missing(error: ImportError) -> str:
    return f"{error.name} is not installed: pip install 'flake8-llm-redflags[practice]'"


@app.command()
def start(
    level: Annotated[str, typer.Option(help="drill, screen, onsite or pr.")] = "screen",
    scenario: Annotated[
        str | None, typer.Option(help="The scenario; one of those with due concepts unless given.")
    ] = None,
    code: Annotated[str | None, typer.Option(help="Rebuild the round of this code.")] = None,
    directory: Annotated[Path | None, typer.Option("--dir", help="Where to put the files.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Minutes, if not those of the level.")] = None,
    seed: Annotated[int | None, typer.Option(help="Draw the same round again.")] = None,
    web: Annotated[bool, typer.Option("--web", help="Review on a page that looks like a pull request.")] = False,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.")] = True,
    scenarios: _Scenarios = None,
    output_format: _Format = "full",
) -> None:
    """Start a round: files to review, a ticket, and a clock."""
    from ..practice import session as sessions

    with _problems():
        round_ = _round(_all(scenarios), level, scenario, code, seed)
        folder = directory or Path(f"redflags-{round_.code}")
        session = sessions.start(round_, folder, sessions.now(), minutes)
    if web:
        _serve(session, browser=browser)
        return
    if output_format == "json":
        told = {
            "round": round_.code,
            "folder": str(folder),
            "files": list(round_.files),
            "limit_s": int(session.limit.total_seconds()),
        }
        print(json.dumps(told, indent=2))
        return
    print(
        f"{round_.code}: {round_.scenario.title}, {round_.level.name}, {session.limit.total_seconds() / 60:.0f} minutes from now"
    )
    print(f"  read     {folder / 'ticket.md'}")
    for name in round_.files:
        print(f"  review   {folder / name}")
    print("  write    # REVIEW issue(blocker, masking): what   # why: …   # fix: …     (HOW.md says more)")
    print(f"  then     redflags practice done {folder}     (hint, status: the same way)")


@app.command()
def drill(
    concept: Annotated[str | None, typer.Argument(help="A code, slug or family; what is due unless given.")] = None,
    directory: Annotated[Path | None, typer.Option("--dir", help="Where to put the files.")] = None,
    seed: Annotated[int | None, typer.Option(help="Draw the same drill again.")] = None,
    scenarios: _Scenarios = None,
    output_format: _Format = "full",
) -> None:
    """Three minutes on one function: one thing is wrong with it, or nothing."""
    from ..practice import session as sessions
    from ..practice.rounds import LEVELS, draw

    rng = random.Random(seed)
    with _problems():
        found = _all(scenarios)
        wanted = (
            {site.concept for s in found for site in s.sites if concept in (site.concept, site.family)}
            if concept
            else _due(found)
        )
        if concept and not wanted:
            raise Problem(f"{concept!r}: no scenario has it; `redflags practice list` and `tags` show what there is")
        fitting = [s for s in found if not wanted or any(site.concept in wanted for site in s.sites)]
        round_ = draw(rng.choice(fitting or found), LEVELS["drill"], rng, wanted)
        folder = directory or Path(f"redflags-{round_.code}")
        session = sessions.start(round_, folder, sessions.now())
    told = {
        "round": round_.code,
        "folder": str(folder),
        "files": list(round_.files),
        "limit_s": int(session.limit.total_seconds()),
    }
    print(
        json.dumps(told, indent=2)
        if output_format == "json"
        else f"{round_.code}: review {folder / next(iter(round_.files))}, 3 minutes from now"
    )


def _round(found: list[Scenario], level: str, name: str | None, code: str | None, seed: int | None) -> Round:
    from ..practice.rounds import LEVELS, draw, from_code

    if code is not None:
        return from_code(code, found)
    if level not in LEVELS:
        raise Problem(f"--level: {level!r} is none of {', '.join(LEVELS)}")
    rng = random.Random(seed)
    wanted = _due(found)
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


def _due(found: list[Scenario]) -> set[str]:
    """Return the concepts that are due; none where the schedule cannot be had."""
    try:
        from ..practice import schedule, session

        now = session.now()
        return {known.concept for known in schedule.due(schedule.replay(_store().ratings(), now), now)}
    except (ImportError, Problem):
        return set()


@app.command()
def web(
    folder: _Folder = Path(),
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.")] = True,
    scenarios: _Scenarios = None,
) -> None:
    """Go on with a round on the page."""
    from ..practice import session as sessions

    with _problems():
        session = sessions.resume(folder, _all(scenarios))
    _serve(session, browser=browser)


def _serve(session: Session, *, browser: bool) -> None:
    """Serve the page of a round until Ctrl-C."""
    import webbrowser

    from ..practice.web import serve

    try:
        server = serve(session)
    except OSError as error:
        raise Problem(f"the page: no port can be had on 127.0.0.1: {error.strerror or error}") from error
    print(f"{session.round.code}: review on {server.address}", flush=True)
    print("everything is kept as you write; Ctrl-C stops the page, `redflags practice web` goes on with it", flush=True)
    if browser:
        webbrowser.open(server.address)
    with server:
        server.serve_forever()


@app.command()
def status(folder: _Folder = Path(), scenarios: _Scenarios = None, output_format: _Format = "full") -> None:
    """Show the clock and the comments as they were read."""
    from ..practice import session as sessions

    with _problems():
        session = sessions.resume(folder, _all(scenarios))
        review = session.review()
    left = int(session.left(sessions.now()).total_seconds())
    if output_format == "json":
        print(
            json.dumps(
                {"round": session.round.code, "left_s": left, "review": review.as_object()},
                indent=2,
                ensure_ascii=False,
            )
        )
        return
    over = "over time" if left < 0 else "left"
    clock = f"{abs(left) // 60}:{abs(left) % 60:02} {over}"
    print(f"{session.round.code}: {clock}, {len(review.comments)} comments, verdict {review.verdict or 'none yet'}")
    for comment in review.comments:
        place = f"{comment.file}:{comment.line}" if comment.line else f"{comment.file}"
        print(
            f"  {place:20} {comment.label:10} {comment.severity or '-':8} {', '.join(comment.families) or '-':14} {comment.text}"
        )


@app.command()
def watch(folder: _Folder = Path(), scenarios: _Scenarios = None) -> None:
    """Show the clock and the comments beside your editor, until Ctrl-C; nothing is graded, nothing is lost."""
    if not sys.stdout.isatty():
        raise Problem("watch: needs a terminal; `redflags practice status` prints the same once")
    import time

    from rich.live import Live

    from ..practice import session as sessions

    with _problems():
        session = sessions.resume(folder, _all(scenarios))
        with Live(_pane(session), refresh_per_second=2, screen=True) as live:
            while True:
                time.sleep(0.5)
                live.update(_pane(session))


def _pane(session: Session) -> Group:
    """Return the clock and the comments of a round, as a terminal shows them."""
    from rich.console import Group
    from rich.markup import escape
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    from ..practice.review import ReviewError
    from ..practice.session import SessionError, now

    left, limit = session.left(now()).total_seconds(), session.limit.total_seconds()
    clock = (
        f"{int(abs(left)) // 60:2}:{int(abs(left)) % 60:02} {'left of' if left >= 0 else 'over'} {limit / 60:.0f}:00"
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("line", "label", "severity", "family", "what"):
        table.add_column(name)
    try:
        review = session.review()
    except (ReviewError, SessionError) as error:
        return Group(clock, Text(str(error), style="red"))
    for comment in review.comments:
        place = f"{comment.file}:{comment.line or 'all'}"
        table.add_row(
            place, comment.label, comment.severity or "-", ", ".join(comment.families) or "-", escape(comment.text)
        )
    title = f"[bold]{session.round.code}[/]  {escape(session.round.scenario.title)}, {session.round.level.name}"
    verdict = f"verdict: {review.verdict or 'none yet, # REVIEW[pr](request-changes): …'}"
    bar = ProgressBar(total=limit, completed=limit - max(left, 0), width=40)
    end = f"\nredflags practice done {escape(str(session.folder))}  (hint, status)  Ctrl-C leaves"
    return Group(
        *map(Text.from_markup, (title, f"\n{clock}")), bar, Text(""), table, Text.from_markup(escape(verdict) + end)
    )


@app.command()
def hint(folder: _Folder = Path(), scenarios: _Scenarios = None) -> None:
    """Show the next hint for the heaviest flag not found yet; each costs a fifth of it."""
    from ..practice import session as sessions

    with _problems():
        hinted = sessions.resume(folder, _all(scenarios)).hinted()
    print(hinted[1] if hinted is not None else "there is no hint left")


@app.command()
def done(
    folder: _Folder = Path(),
    scenarios: _Scenarios = None,
    output_format: _Format = "full",
    no_input: Annotated[bool, typer.Option("--no-input", help="Ask nothing.")] = False,
    passing: Annotated[int, typer.Option("--pass", help="Exit with 1 below this score.")] = 0,
) -> None:
    """Stop the clock, grade the review, remember what was known."""
    from ..practice import session as sessions
    from ..practice.report import as_object, report

    with _problems():
        session = sessions.resume(folder, _all(scenarios))
        session.review()  # complains before the clock is stopped
        session = session.submit(sessions.now())
        told = report(session)
        explained = frozenset() if no_input or not sys.stdin.isatty() else _ask(told)
        note = _remember(told, explained)
    if output_format == "json":
        print(json.dumps(as_object(told), indent=2, ensure_ascii=False))
    else:
        _print(told)
        if note:
            print(note)
    raise typer.Exit(1 if told.result.score < passing else 0)


def _ask(told: Report) -> frozenset[str]:
    """Ask which whys and fixes the found flags' comments gave, and return the sites that were explained in full."""
    explained = set()
    for outcome in (o for o in told.result.outcomes if o.is_found):
        site = outcome.flag.site
        print(f"\nYour comment: {outcome.comment.text}\nThe flag:     {site.title}")  # type: ignore[union-attr]
        answers = [typer.confirm(f"  did you say: {bullet}?", default=False) for bullet in (*site.why, *site.fix)]
        if all(answers):
            explained.add(site.name)
    return frozenset(explained)


def _remember(told: Report, explained: frozenset[str]) -> str:
    """Put a graded round into the memory; return a line for the user where that cannot be done."""
    try:
        from ..practice.memory import remember
    except ImportError as error:
        return f"not remembered: {_missing(error)}"
    remember(told, explained)
    return ""


def _print(told: Report) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from ..practice.questions import next_questions
    from ..practice.report import counts, has_page, you_said

    out = Console(highlight=False)
    result, session = told.result, told.session
    seconds = int(((session.submitted or session.started) - session.started).total_seconds())
    limit = int(session.limit.total_seconds())
    out.print(
        f"[bold]{session.round.code}[/] {session.round.level.name}   {seconds // 60}:{seconds % 60:02} of {limit // 60}:{limit % 60:02}"
    )
    cap = f" (missed blockers cap the score: {result.missed_blockers})" if result.missed_blockers else ""
    out.print(f"[bold]{result.score:.0f}[/] {result.band}{cap}   {counts(result)}")
    if result.outcomes:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for name in ("line", "severity", "you", "linter", "flag"):
            table.add_column(name)
        for outcome in result.outcomes:
            colour = "green" if outcome.is_named else "yellow" if outcome.is_found else "red"
            site = outcome.flag.site
            place = f"{outcome.flag.file}:{outcome.flag.lines[0]}"
            table.add_row(
                place, site.severity, f"[{colour}]{you_said(outcome)}[/]", told.linter_on(outcome), escape(site.title)
            )
        out.print(table)
    for outcome in (o for o in result.outcomes if not (o.is_found and o.is_named)):
        site = outcome.flag.site
        out.print(f"\n[bold]{escape(site.title)}[/]")
        for name, texts in (("why", site.why), ("fix", site.fix), ("asked next", next_questions(site))):
            for text in texts:
                out.print(f"  {name}: {escape(text)}", soft_wrap=True)
        if has_page(site.concept):
            out.print(f"  redflags rule {site.concept}")
    for alarm in result.false_alarms:
        out.print(
            f"\nfalse alarm, {alarm.comment.file}:{alarm.comment.line or 'all'}: {escape(told.why_fine(alarm))}",
            soft_wrap=True,
        )
    for comment in result.extras:
        out.print(
            f"\nnot in the key, taken as real: {comment.file}:{comment.line or 'all'}: {escape(comment.text)}",
            soft_wrap=True,
        )


@app.command()
def dispute(
    place: Annotated[str, typer.Argument(help="FILE:LINE of your comment.")],
    folder: _Folder = Path(),
    scenarios: _Scenarios = None,
) -> None:
    """Maintain a comment that was counted as a false alarm: it is kept as an extra, and costs nothing any more."""
    from ..practice import session as sessions
    from ..practice.report import report

    file, _, line = place.rpartition(":")
    if not line.isdigit():
        raise Problem(f"{place!r} is no FILE:LINE")
    with _problems():
        session = sessions.resume(folder, _all(scenarios)).dispute(file, int(line))
        told = report(session)
        note = _remember(told, frozenset()) if session.submitted is not None else ""
    print(f"taken as real; the score is {told.result.score:.0f} now{f'; {note}' if note else ''}")


@app.command()
def show(
    folder: _Folder = Path(),
    md: Annotated[Path | None, typer.Option("--md", help="Write Markdown to this file.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write one HTML file.")] = None,
    no_code: Annotated[bool, typer.Option("--no-code", help="Leave out code and key, to share it.")] = False,
    scenarios: _Scenarios = None,
) -> None:
    """Show a finished round again, or write it down."""
    from ..practice import session as sessions
    from ..practice.report import html as as_html
    from ..practice.report import markdown, report

    with _problems():
        session = sessions.resume(folder, _all(scenarios))
        if session.submitted is None:
            raise Problem(f"{folder}: the round is not finished: `redflags practice done {folder}` grades it")
        told = report(session)
    for path, text in ((md, markdown(told, with_code=not no_code)), (html, as_html(told))):
        if path is not None:
            try:
                path.write_text(text, encoding="utf-8")
            except OSError as error:
                raise Problem(f"{path}: cannot be written: {error.strerror}") from error
    if md is None and html is None:
        _print(told)


@app.command()
def due(scenarios: _Scenarios = None, output_format: _Format = "full") -> None:
    """Show what is about to fade."""
    from ..practice import session as sessions

    schedule = _schedule()
    now = sessions.now()
    with _problems():
        store = _store()
        known = schedule.replay(store.ratings(), now, _interview(store))
    waiting = schedule.due(known, now)
    if output_format == "json":
        print(
            json.dumps(
                [{"concept": k.concept, "family": k.family, "due": k.due.isoformat()} for k in waiting], indent=2
            )
        )
        return
    for k in waiting:
        print(f"{k.concept:36} {k.family:14} since {k.due:%Y-%m-%d}")
    if not waiting:
        soonest = min((k.due for k in known.values()), default=None)
        print(
            f"nothing is due{f'; next on {soonest:%Y-%m-%d}' if soonest else ': start with `redflags practice start`'}"
        )


@app.command()
def plan(interview: Annotated[str, typer.Option("--interview", help="The day of the interview, YYYY-MM-DD.")]) -> None:
    """Set the day of the interview: nothing is put off beyond a third of the days left."""
    from ..practice import session as sessions

    try:
        day = datetime.strptime(interview, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise Problem(f"--interview: {interview!r} is no day like 2027-01-31") from error
    if day < sessions.now():
        raise Problem(f"--interview: {interview} is over")
    schedule = _schedule()
    with _problems():
        store, found = _store(), _all()
        store.set("interview", interview)
        known = schedule.replay(store.ratings(), sessions.now(), day)
    ready = schedule.readiness(known, found, day)
    print(f"expected to spot {ready:.0%} of the red flags on {interview}; {len(known)} concepts were met so far")


@app.command()
def stats(output_format: _Format = "full") -> None:
    """Show rounds, scores and families."""
    from ..practice import session as sessions

    schedule = _schedule()
    now = sessions.now()
    with _problems():
        store, found = _store(), _all()
        rounds, log, interview = store.rounds(), store.ratings(), _interview(store)
    known = schedule.replay(log, now, interview)
    families = sorted({rated.family for rated in log})
    rows = []
    for family in families:
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
        print(
            json.dumps(
                {
                    "rounds": len(rounds),
                    "mean_of_last_10": sum(last) / len(last) if last else None,
                    "readiness": ready,
                    "families": rows,
                },
                indent=2,
            )
        )
        return
    if not rounds:
        print("no round yet: start with `redflags practice start`")
        return
    print(f"{len(rounds)} rounds, mean of the last {len(last)}: {sum(last) / len(last):.0f}; ready {ready:.0%}")
    for row in rows:
        shares = "  ".join(f"{name} {row[name]:4.0%}" for name in ("found", "named", "likelihood"))
        print(f"  {row['family']:14} seen {row['seen']:3}  {shares}")


def _schedule():  # type: ignore[no-untyped-def]
    try:
        from ..practice import schedule
    except ImportError as error:
        raise Problem(_missing(error)) from error
    return schedule


def _interview(store: Store) -> datetime | None:
    day = store.setting("interview")
    return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC) if day else None


@app.command("list")
def list_command(scenarios: _Scenarios = None, output_format: _Format = "full") -> None:
    """List the scenarios."""
    with _problems():
        found = _all(scenarios)
    if output_format == "json":
        print(
            json.dumps(
                [{"name": s.name, "code": s.code, "title": s.title, "sites": len(s.sites)} for s in found], indent=2
            )
        )
        return
    for s in found:
        print(f"{s.code:5} {s.name:22} {len(s.sites):3} sites  {s.title}")


@app.command()
def tags() -> None:
    """List the families of defects that a comment may name."""
    from ..knowledge import table

    for family, what in table("practice")["families"].items():
        print(f"{family:14} {what}")


@app.command("pack")
def pack_command(
    code: Annotated[str, typer.Option(help="The code of the round.")],
    out: Annotated[Path, typer.Option(help="The folder to make.")],
    scenarios: _Scenarios = None,
) -> None:
    """Make an interviewer's pack: candidate/ to hand out, interviewer/ with key, hints, questions and sheet."""
    from ..practice.pack import pack
    from ..practice.rounds import from_code

    with _problems():
        pack(from_code(code, _all(scenarios)), out)
    print(f"{out / 'candidate'} to hand out, {out / 'interviewer'} to keep")


@app.command("export")
def export_command(file: Annotated[Path, typer.Argument(help="The file to write, as JSON lines.")]) -> None:
    """Write everything that is remembered to a file."""
    with _problems():
        lines = list(_store().exported())
    try:
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise Problem(f"{file}: cannot be written: {error.strerror}") from error
    print(f"{len(lines)} lines")


@app.command("import")
def import_command(file: Annotated[Path, typer.Argument(help="A file that export wrote.")]) -> None:
    """Add what another machine remembers."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(f"{file}: cannot be read: {error}") from error
    with _problems():
        try:
            print(f"{_store().take_in(lines)} new lines")
        except ValueError as error:
            raise Problem(f"{file}: {error}") from error


@app.command()
def reset(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Forget all rounds and ratings."""
    if not yes and not (sys.stdin.isatty() and typer.confirm("Forget all rounds and ratings?", default=False)):
        raise Problem("reset: nothing was forgotten; --yes does it without asking")
    with _problems():
        _store().reset()
    print("forgotten")


@dev.command("check")
def check_command(
    names: Annotated[list[str] | None, typer.Argument(help="Scenarios; all unless given.")] = None,
    rounds: Annotated[int, typer.Option(help="Random rounds of each.")] = 200,
    scenarios: _Scenarios = None,
) -> None:
    """Prove that every variant parses, lints exactly as marked, gives nothing away and comes back from its code."""
    from ..practice.check import check

    failed = False
    with _problems():
        for scenario in _all(scenarios):
            if names and scenario.name not in names:
                continue
            found = check(scenario, rounds)
            failed |= bool(found.problems)
            print(f"{found.scenario}: {found.variants} variants, {len(found.problems) or 'no'} problems")
            for problem in found.problems:
                print(f"  {problem}")
    raise typer.Exit(1 if failed else 0)
