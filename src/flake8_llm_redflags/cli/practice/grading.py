"""End a round: grade it, remember what was known, argue about it, show it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..problem import Problem
from .common import Folder, Format, Scenarios, clock, not_installed, print_json, problems, resumed, unread_note

if TYPE_CHECKING:
    from ...practice.report import Report


def done(
    folder: Folder = Path(),
    scenarios: Scenarios = None,
    output_format: Format = "full",
    no_input: Annotated[bool, typer.Option("--no-input", help="Ask nothing.")] = False,
    passing: Annotated[int, typer.Option("--pass", help="Exit with 1 below this score.")] = 0,
) -> None:
    """Stop the clock, grade the review, remember what was known."""
    from ...practice.report import as_object, report
    from ...practice.session import now

    with problems():
        session = resumed(folder, scenarios)
        session.review()  # complains before the clock is stopped
        session = session.submit(now())
        told = report(session)
        note = _remember(told, frozenset())  # before anything is asked: Ctrl-C must not lose the round
        explained = "" if no_input or not sys.stdin.isatty() else _explained(told)
    if output_format == "json":
        print_json(as_object(told))
    else:
        _print(told)
        unread = unread_note(session.unread()) if session.unread() else ""
        for line in filter(None, (explained, unread, note)):
            print(line)
    raise typer.Exit(1 if told.result.score < passing else 0)


def dispute(
    place: Annotated[str, typer.Argument(help="FILE:LINE of your comment.")],
    folder: Folder = Path(),
    scenarios: Scenarios = None,
) -> None:
    """Maintain a comment that was counted as a false alarm: it is kept as an extra, and costs nothing any more."""
    from ...practice.report import report

    file, _, line = place.rpartition(":")
    if not line.isdigit():
        raise Problem(f"{place!r} is no FILE:LINE")
    with problems():
        session = resumed(folder, scenarios).dispute(file, int(line))
        told = report(session)
        note = _remember(told, frozenset()) if session.submitted is not None else ""
    print(f"taken as real; the score is {told.result.score:.0f} now{f'; {note}' if note else ''}")


def show(
    folder: Folder = Path(),
    md: Annotated[Path | None, typer.Option("--md", help="Write Markdown to this file.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write one HTML file.")] = None,
    no_code: Annotated[bool, typer.Option("--no-code", help="Leave out code and key, to share it.")] = False,
    scenarios: Scenarios = None,
) -> None:
    """Show a finished round again, or write it down."""
    from ...practice.report import html as as_html
    from ...practice.report import markdown, report

    with problems():
        session = resumed(folder, scenarios)
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


def _explained(told: Report) -> str:
    """Ask which whys and fixes the found flags' comments gave, remember it, and return how many they were, in words."""
    explained, given = set(), []
    for outcome in (o for o in told.result.outcomes if o.is_found):
        site = outcome.flag.site
        print(f"\nYour comment: {outcome.comment.text}\nThe flag:     {site.title}")  # type: ignore[union-attr]
        answers = [typer.confirm(f"  did you say: {bullet}?", default=False) for bullet in (*site.why, *site.fix)]
        given += answers
        if all(answers):
            explained.add(site.name)
    if explained:
        _remember(told, frozenset(explained))
    return f"\nexplained (your own word): {sum(given)} of {len(given)}" if given else ""


def _remember(told: Report, explained: frozenset[str]) -> str:
    """Put a graded round into the memory; return a line for the user where that cannot be done."""
    try:
        from ...practice.memory import remember
    except ImportError as error:
        return f"not remembered: {not_installed(error)}"
    remember(told, explained)
    return ""


def _print(told: Report) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from ...practice.questions import next_questions
    from ...practice.report import counts, has_page, you_said

    out = Console(highlight=False)
    result, session = told.result, told.session
    took = clock(((session.submitted or session.started) - session.started).total_seconds())
    limit = clock(session.limit.total_seconds())
    out.print(f"[bold]{session.round.code}[/] {session.round.level.name}   {took} of {limit}")
    out.print(f"[bold]{result.score:.0f}[/] {result.band}   {counts(result)}")
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
        place = f"{alarm.comment.file}:{alarm.comment.line or 'all'}"
        out.print(f"\nfalse alarm, {place}: {escape(told.why_fine(alarm))}", soft_wrap=True)
    for comment in result.extras:
        place = f"{comment.file}:{comment.line or 'all'}"
        out.print(f"\nnot in the key, taken as real: {place}: {escape(comment.text)}", soft_wrap=True)
