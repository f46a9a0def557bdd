"""``redflags check``: lint files, show what was found, mend what can be mended."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .problem import Problem
from .run import Outcome, Task, default_jobs, run
from .settings import Settings, load, with_options

if TYPE_CHECKING:
    from rich.console import Console

    from ..config import Config

_STDIN = "-"
#: A run over this many files shows a progress bar on a terminal.
_LONG = 100
#: Text up to and with a line end; `str.splitlines` would also split at form feeds.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def check(
    paths: Annotated[list[str] | None, typer.Argument(help="Files and folders; - reads standard input.")] = None,
    select: Annotated[
        list[str] | None, typer.Option(help="Codes, prefixes or names to report, comma-separated.")
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="Codes, prefixes or names not to report.")] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Also run preview rules.")] = False,
    exclude: Annotated[list[str] | None, typer.Option(help="Pattern of paths to leave out, as in .gitignore.")] = None,
    force_exclude: Annotated[
        bool, typer.Option("--force-exclude", help="Leave out named files, too, if a pattern excludes them.")
    ] = False,
    gitignore: Annotated[bool, typer.Option(help="Leave out what .gitignore leaves out.")] = True,
    fix: Annotated[bool, typer.Option("--fix", help="Apply the safe edits.")] = False,
    unsafe_fixes: Annotated[bool, typer.Option("--unsafe-fixes", help="Apply the unsafe edits, too.")] = False,
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
    settings = with_options(load(Path.cwd()), select or (), ignore or (), preview, exclude or (), noqa)
    task = Task(settings.config, fix=fix or unsafe_fixes or diff, unsafe=unsafe_fixes)
    writes = task.fix and not diff
    out, err = Console(highlight=False), Console(stderr=True, highlight=False)
    paths = paths or ["."]
    problems: list[str] = []

    if _STDIN in paths:
        if len(paths) > 1:
            raise Problem("- reads standard input and cannot stand beside other paths")
        data = sys.stdin.buffer.read()
        outcomes = [task.on(data, stdin_display_name)]
        if writes:  # the mended text is the output, the findings go beside it
            after = outcomes[0].after
            sys.stdout.buffer.write(data if after is None else after.encode(after.text))
            sys.stdout.buffer.flush()
            out = err
        texts = {stdin_display_name: data.decode("utf-8", errors="replace")}
    else:
        files, unreadable, problems = _find(paths, settings, task, gitignore=gitignore, force_exclude=force_exclude)
        outcomes = [*unreadable, *_lint(files, task, jobs or default_jobs(), err)]
        if writes:
            problems += [problem for outcome in outcomes if (problem := _write(outcome)) is not None]
        texts = {}
    if diff:
        out.file.writelines(line for outcome in outcomes for line in _diff(outcome, settings.config))
        out = err
    mended = sum(outcome.mended for outcome in outcomes)
    done = f", {mended:,} {'would be mended' if diff else 'mended'}" if mended else ""
    _report(outcomes, texts, output_format, statistics, done, out)
    for problem in problems:
        print(f"redflags: {problem}", file=sys.stderr)
    if problems:
        raise typer.Exit(2)
    changes = diff and any(outcome.after is not None for outcome in outcomes)
    raise typer.Exit(1 if changes or any(outcome.findings for outcome in outcomes) else 0)


def _find(
    paths: Sequence[str], settings: Settings, task: Task, *, gitignore: bool, force_exclude: bool
) -> tuple[list[str], list[Outcome], list[str]]:
    """Return the files to lint, the outcomes of those that cannot be read, and what is wrong with named paths."""
    from ..source.discovery import Patterns, Unusable, discover

    try:
        exclude = [Patterns(patterns, base) for base, patterns in settings.exclude if patterns]
    except ValueError as error:
        raise Problem(f"exclude: {error}") from error
    files: list[str] = []
    outcomes: list[Outcome] = []
    problems: list[str] = []
    for found in discover(paths, exclude, gitignore=gitignore, force_exclude=force_exclude):
        if not isinstance(found, Unusable):
            files.append(str(found))
        elif found.named:
            problems.append(f"{found.path}: {found.reason}")
        else:
            outcomes.append(task.unreadable(found.path, found.reason))
    if not files and not problems:
        print(f"redflags: no Python files in {', '.join(paths)}", file=sys.stderr)
    return files, outcomes, problems


def _lint(files: Sequence[str], task: Task, jobs: int, err: Console) -> list[Outcome]:
    outcomes = []
    running = run(files, task, jobs)
    with _progress(len(files), err) as advance:
        for outcome in running:
            outcomes.append(outcome)
            advance()
    return outcomes


@contextmanager
def _progress(files: int, err: Console) -> Iterator[Callable[[], None]]:
    """Give a function to call after each file; it moves a bar on a terminal in long runs."""
    if files < _LONG or not err.is_terminal:
        yield lambda: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("", total=files)
        yield lambda: progress.advance(task)


def _write(outcome: Outcome) -> str | None:
    """Write a mended file; return what went wrong, None where nothing did."""
    if outcome.after is None:
        return None
    try:
        Path(outcome.path).write_bytes(outcome.after.encode(outcome.after.text))
    except OSError as error:
        return f"{outcome.path}: the mended text cannot be written: {error.strerror or error}"
    return None


def _diff(outcome: Outcome, config: Config) -> Iterator[str]:
    """Yield the lines of a unified diff between the file and its mended text, secrets masked in both."""
    if outcome.after is None or outcome.before is None:
        return
    from ..linter import lint
    from ..reports.masking import masked
    from ..rules import all_rules

    found = lint(
        replace(outcome.after, text=outcome.before), config, [rule for rule in all_rules() if rule.hides_place]
    )
    before, after = (
        _LINE.findall(masked(outcome.before, found)),
        _LINE.findall(masked(outcome.after.text, outcome.findings)),
    )
    path = Path(outcome.path).as_posix().lstrip("/")
    for line in difflib.unified_diff(before, after, f"a/{path}", f"b/{path}"):
        yield line if line.endswith(("\n", "\r")) else f"{line}\n\\ No newline at end of file\n"


def _report(
    outcomes: Sequence[Outcome], texts: dict[str, str], output_format: str, statistics: bool, mended: str, out: Console
) -> None:
    from ..reports import report_for, text

    findings = [finding for outcome in outcomes for finding in outcome.findings]
    texts = texts | {outcome.path: outcome.after.text for outcome in outcomes if outcome.after is not None}

    def text_of(path: str) -> str | None:
        return texts[path] if path in texts else _read(path)

    report_for(output_format)(findings, out, text_of)
    if output_format == "json":
        return
    if statistics:
        text.statistics(findings, out)
    if output_format == "full":
        text.summary(findings, len(outcomes), mended, out)


def _read(path: str) -> str | None:
    from ..source import Unreadable, read

    try:
        return read(path).text
    except Unreadable:
        return None
