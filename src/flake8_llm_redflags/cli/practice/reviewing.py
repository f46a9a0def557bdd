"""Go on with a round: on the page, beside the editor, with a hint."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..problem import Problem
from .common import Browser, Folder, Format, Scenarios, clock, print_json, problems, resumed, unread_note

if TYPE_CHECKING:
    from rich.console import Group

    from ...practice.session import Session


def web(folder: Folder = Path(), browser: Browser = True, scenarios: Scenarios = None) -> None:
    """Go on with a round on the page."""
    with problems():
        session = resumed(folder, scenarios)
    serve_page(session, browser=browser)


def status(folder: Folder = Path(), scenarios: Scenarios = None, output_format: Format = "full") -> None:
    """Show the clock and the comments as they were read."""
    from ...practice.session import now

    with problems():
        session = resumed(folder, scenarios)
        review, unread = session.review(), session.unread()
    left = int(session.left(now()).total_seconds())
    if output_format == "json":
        print_json({"round": session.round.code, "left_s": left, "review": review.as_object()})
        return
    time = f"{clock(left)} {'over time' if left < 0 else 'left'}"
    print(f"{session.round.code}: {time}, {len(review.comments)} comments, verdict {review.verdict or 'none yet'}")
    for comment in review.comments:
        place = f"{comment.file}:{comment.line}" if comment.line else comment.file
        said = f"{comment.label:10} {comment.severity or '-':8} {', '.join(comment.families) or '-':14}"
        print(f"  {place:20} {said} {comment.text}")
    if unread:
        print(f"  {unread_note(unread)}")


def watch(folder: Folder = Path(), scenarios: Scenarios = None) -> None:
    """Show the clock and the comments beside your editor, until Ctrl-C; nothing is graded, nothing is lost."""
    if not sys.stdout.isatty():
        raise Problem("watch: needs a terminal; `redflags practice status` prints the same once")
    import time

    from rich.live import Live

    with problems():
        session = resumed(folder, scenarios)
        with Live(_pane(session), refresh_per_second=2, screen=True) as live:
            while True:
                time.sleep(0.5)
                live.update(_pane(session))


def hint(folder: Folder = Path(), scenarios: Scenarios = None) -> None:
    """Show the next hint for the heaviest flag not found yet; each costs a fifth of it."""
    with problems():
        hinted = resumed(folder, scenarios).hinted()
    print(hinted[1] if hinted is not None else "there is no hint left")


def serve_page(session: Session, *, browser: bool) -> None:
    """Serve the page of a round until Ctrl-C."""
    import webbrowser

    from ...practice.web import serve

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


def _pane(session: Session) -> Group:
    """Return the clock and the comments of a round, as a terminal shows them."""
    from rich.console import Group
    from rich.markup import escape
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    from ...practice.review import ReviewError
    from ...practice.session import SessionError, now

    left, limit = session.left(now()).total_seconds(), session.limit.total_seconds()
    time = f"{clock(left):>5} {'left of' if left >= 0 else 'over'} {limit / 60:.0f}:00"
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("line", "label", "severity", "family", "what"):
        table.add_column(name)
    try:
        review = session.review()
    except (ReviewError, SessionError) as error:
        return Group(time, Text(str(error), style="red"))
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
        *map(Text.from_markup, (title, f"\n{time}")), bar, Text(""), table, Text.from_markup(escape(verdict) + end)
    )
