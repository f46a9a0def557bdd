"""``redflags rule`` and ``redflags rules``: what the linter knows, and why."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from .. import resources
from ..rules import Rule, all_rules, rule_for
from .problem import Problem


def rule(key: Annotated[str, typer.Argument(help="A code (LRF501) or a name (unfused-attention).")]) -> None:
    """Show the page of one rule."""
    from rich.console import Console
    from rich.markdown import Markdown

    found = rule_for(key)
    if found is None:
        raise Problem(f"{key}: no such rule; `redflags rules` lists them all")
    text = page(found)
    console = Console()
    if console.is_terminal:
        console.print(Markdown(text))
    else:
        console.file.write(text)


def page(found: type[Rule]) -> str:
    """Return the Markdown page of a rule, made-up keys whole, with what the evidence says now."""
    from ..profiling.publish import on_page, without_markers
    from ..source.marks import without_key_breaks

    file = resources.folder("rules") / f"{found.code}-{found.name}.md"
    try:
        return without_markers(without_key_breaks(on_page(found.code, file.read_text(encoding="utf-8"))))
    except OSError as error:
        raise Problem(f"{file}: the page cannot be read: {error.strerror}; install the package again") from error


def rules(
    output_format: Annotated[str, typer.Option(help="full, concise or json.")] = "full",
) -> None:
    """List every rule."""
    if output_format == "json":
        print(json.dumps([_as_object(found) for found in all_rules()], indent=2))
    elif output_format == "concise":
        for found in all_rules():
            print(found.code, found.name)
    elif output_format == "full":
        _print_table()
    else:
        raise Problem(f"--output-format: {output_format!r} is none of full, concise, json")


def _as_object(found: type[Rule]) -> dict[str, object]:
    return {
        "code": found.code,
        "name": found.name,
        "severity": str(found.severity),
        "family": found.__module__.split(".")[-2],
        "summary": _summary(found),
        "preview": found.preview,
        "fixable": found.fixable,
    }


def _summary(found: type[Rule]) -> str:
    return (found.__doc__ or "").strip().partition("\n")[0]


def _print_table() -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("code", "name", "severity", "edit", ""):
        table.add_column(heading, no_wrap=heading in ("code", "name"))
    for found in all_rules():
        table.add_row(
            found.code, found.name, str(found.severity), found.fixable or "", "preview" if found.preview else ""
        )
    Console().print(table)
