"""``redflags evidence``: what has been measured, whether it still holds, and what changed between two runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .problem import Problem

if TYPE_CHECKING:
    from ..profiling.evidence import Record

app = typer.Typer(help="Show, check and compare measured evidence.", no_args_is_help=True)


@app.command("show")
def show(
    codes: Annotated[list[str] | None, typer.Argument(help="Codes; all rules with cases unless given.")] = None,
    file: Annotated[Path | None, typer.Option(help="Evidence file to read instead of what ships here.")] = None,
    output_format: Annotated[str, typer.Option(help="full or json.")] = "full",
) -> None:
    """Show what is known about each rule's cost."""
    from ..profiling import case_source, evidence

    records = _records(file)
    wanted = [code.upper() for code in codes or ()] or sorted(case_source.modules())
    unknown = set(wanted) - case_source.modules().keys()
    if unknown:
        raise Problem(f"{', '.join(sorted(unknown))}: no case; `redflags evidence show` lists the rules that have one")
    if output_format == "json":
        rows = [asdict(record) | {"fresh": record.is_fresh} for record in records if record.rule in wanted]
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    elif output_format == "full":
        for code in wanted:
            print(f"{code}: {evidence.standing(code, records)}")
    else:
        raise Problem(f"--output-format: {output_format!r} is none of full, json")


@app.command("check")
def check(
    file: Annotated[Path | None, typer.Option(help="Evidence file to read instead of what ships here.")] = None,
) -> None:
    """Exit with 1 where stored evidence belongs to a case that has changed since, or to none."""
    stale = [record for record in _records(file) if not record.is_fresh]
    for record in stale:
        print(f"{record.rule} {record.case} {record.size} on {record.machine}: stale, the case changed; run it again")
    if stale:
        raise typer.Exit(1)


@app.command("diff")
def diff(old: Path, new: Path) -> None:
    """Compare two evidence files; exit with 1 where a gain was lost or a confirmed rule is refuted."""
    from ..profiling import evidence

    changes = list(evidence.diff(_records(old), _records(new)))
    for change in changes:
        print(f"{' '.join(change.key)}: {change.what}: {change.text}")
    if any(change.is_bad for change in changes):
        raise typer.Exit(1)


@app.command("publish")
def publish(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit with 1 where something is out of date.")
    ] = False,
) -> None:
    """Write what the evidence says into the README and the rules' pages of this checkout."""
    from ..profiling.publish import published

    try:
        texts = published()
    except OSError as error:
        raise Problem(f"{error.filename}: not a checkout of this project: {error.strerror}") from error
    changed = {path: text for path, text in texts.items() if path.read_text(encoding="utf-8") != text}
    for path, text in changed.items():
        print(f"{path.name}: {'out of date; run `redflags evidence publish`' if check else 'written'}")
        if not check:
            path.write_text(text, encoding="utf-8")
    if check and changed:
        raise typer.Exit(1)


def _records(file: Path | None) -> list[Record]:
    from ..profiling import evidence

    try:
        return evidence.stored() if file is None else evidence.read(file)
    except evidence.BadEvidence as error:
        raise Problem(str(error)) from error
