"""``redflags check``: lint files, show what was found, mend what can be mended."""

from __future__ import annotations

import difflib
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..finding import Finding
from .problem import Problem
from .run import Outcome, Task, default_jobs, run
from .settings import Settings, load, with_options

if TYPE_CHECKING:
    from rich.console import Console

_STDIN = "-"
#: A run over this many files shows a progress bar on a terminal.
_LONG = 100


def check(
    paths: Annotated[list[str] | None, typer.Argument(help="Files and folders; - reads standard input.")] = None,
    select: Annotated[list[str] | None, typer.Option(help="Codes or prefixes to report, comma-separated.")] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="Codes or prefixes not to report.")] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Also run preview rules.")] = False,
    exclude: Annotated[list[str] | None, typer.Option(help="Patterns of paths to leave out, as in .gitignore.")] = None,
    gitignore: Annotated[bool, typer.Option(help="Leave out what .gitignore leaves out.")] = True,
    fix: Annotated[bool, typer.Option("--fix", help="Apply the safe edits.")] = False,
    unsafe_fixes: Annotated[bool, typer.Option("--unsafe-fixes", help="Apply the unsafe edits too.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show what the edits would change, and change nothing.")] = False,
    noqa: Annotated[bool, typer.Option(help="Obey # noqa comments.")] = True,
    output_format: Annotated[str, typer.Option(help="full, concise or json.")] = "full",
    statistics: Annotated[bool, typer.Option("--statistics", help="Show how often each code was found.")] = False,
    stdin_display_name: Annotated[str, typer.Option(help="What standard input is called in reports.")] = "stdin",
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Processes to use; 0 for one per processor.")] = 0,
) -> None:
    """Report the red flags in Python files. Exit status: 0 clean, 1 findings, 2 could not run."""
    from rich.console import Console

    from ..reports import FORMATS

    if output_format not in FORMATS:
        raise Problem(f"--output-format: {output_format!r} is none of {', '.join(FORMATS)}")
    if jobs < 0:
        raise Problem("--jobs: must be 0 or more")
    settings = with_options(load(Path.cwd()), select or (), ignore or (), preview, exclude or ())
    if not noqa:
        from dataclasses import replace

        settings = Settings(replace(settings.config, noqa=False), settings.exclude)
    task = Task(settings.config, fix=fix or unsafe_fixes or diff, unsafe=unsafe_fixes)
    out, err = Console(highlight=False), Console(stderr=True, highlight=False)
    paths = paths or ["."]

    if _STDIN in paths:
        if len(paths) > 1:
            raise Problem("- reads standard input and cannot stand beside other paths")
        outcomes = [task.on(sys.stdin.buffer.read(), stdin_display_name)]
        if task.fix and not diff:  # the mended text is the output, the findings go beside it
            sys.stdout.buffer.write(_bytes_of(outcomes[0]))
            sys.stdout.buffer.flush()
            out = err
    else:
        outcomes = _lint_paths(paths, settings, task, jobs or default_jobs(), err, gitignore=gitignore)
        if task.fix and not diff:
            for outcome in outcomes:
                _write(outcome)
    if diff:
        _print_diffs(outcomes, out)
        out = err
    _report(outcomes, output_format, statistics, out)
    changed = diff and any(outcome.after is not None for outcome in outcomes)
    raise typer.Exit(1 if changed or any(outcome.findings for outcome in outcomes) else 0)


def _lint_paths(
    paths: list[str], settings: Settings, task: Task, jobs: int, err: Console, *, gitignore: bool
) -> list[Outcome]:
    from ..linter import not_analysed
    from ..source.discovery import Unusable, discover

    files: list[str] = []
    outcomes: list[Outcome] = []
    named = {path for path in paths}
    for found in discover(paths, settings.exclude, gitignore=gitignore):
        if not isinstance(found, Unusable):
            files.append(str(found))
        elif found.path in named and len(paths) == 1:
            raise Problem(f"{found.path}: {found.reason}; name a file or folder that exists")
        else:
            outcomes.append(Outcome(found.path, (not_analysed(found.path, f"cannot be read: {found.reason}"),)))
    with _progress(len(files), err) as advance:
        outcomes += run(files, task, jobs, advance)
    return outcomes


def _progress(files: int, err: Console):  # type: ignore[no-untyped-def]
    """Return a context that gives a function to call after each file; it shows a bar on a terminal in long runs."""
    if files < _LONG or not err.is_terminal:
        return nullcontext(lambda: None)
    from contextlib import contextmanager

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    @contextmanager
    def bar():  # type: ignore[no-untyped-def]
        columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=err, transient=True) as progress:
            task = progress.add_task("", total=files)
            yield lambda: progress.advance(task)

    return bar()


def _bytes_of(outcome: Outcome) -> bytes:
    if outcome.after is not None:
        return outcome.after.encode(outcome.after.text)
    return (outcome.before or "").encode()


def _write(outcome: Outcome) -> None:
    if outcome.after is None:
        return
    try:
        Path(outcome.path).write_bytes(_bytes_of(outcome))
    except (OSError, UnicodeEncodeError) as error:
        raise Problem(f"{outcome.path}: the mended text cannot be written: {error}") from error


def _print_diffs(outcomes: list[Outcome], out: Console) -> None:
    for outcome in outcomes:
        if outcome.after is not None and outcome.before is not None:
            before, after = (text.splitlines(keepends=True) for text in (outcome.before, outcome.after.text))
            lines = difflib.unified_diff(before, after, f"a/{outcome.path}", f"b/{outcome.path}")
            out.file.writelines(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _report(outcomes: list[Outcome], output_format: str, statistics: bool, out: Console) -> None:
    from ..reports import report_for, text

    findings: list[Finding] = [finding for outcome in outcomes for finding in outcome.findings]
    texts = {outcome.path: outcome.after.text if outcome.after is not None else outcome.before for outcome in outcomes}

    def text_of(path: str) -> str | None:
        return texts.get(path) or _read_again(path)

    report_for(output_format)(findings, out, text_of)
    if output_format == "json":
        return
    if statistics:
        text.statistics(findings, out)
    if output_format == "full":
        text.summary(findings, len(outcomes), sum(outcome.mended for outcome in outcomes), out)


def _read_again(path: str) -> str | None:
    from ..source import Unreadable, read

    try:
        return read(path).text
    except Unreadable:
        return None
