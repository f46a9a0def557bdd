"""The scenarios themselves: lists of them, packs for interviewers, and the proof that they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import Format, Scenarios, all_scenarios, print_json, problems


def list_scenarios(scenarios: Scenarios = None, output_format: Format = "full") -> None:
    """List the scenarios."""
    with problems():
        found = all_scenarios(scenarios)
    if output_format == "json":
        print_json([{"name": s.name, "code": s.code, "title": s.title, "sites": len(s.sites)} for s in found])
        return
    for s in found:
        print(f"{s.code:5} {s.name:22} {len(s.sites):3} sites  {s.title}")


def tags() -> None:
    """List the families of defects that a comment may name."""
    from ...knowledge import table

    for family, what in table("practice")["families"].items():
        print(f"{family:14} {what}")


def make_pack(
    code: Annotated[str, typer.Option(help="The code of the round.")],
    out: Annotated[Path, typer.Option(help="The folder to make.")],
    scenarios: Scenarios = None,
) -> None:
    """Make an interviewer's pack: candidate/ to hand out, interviewer/ with key, hints, questions and sheet."""
    from ...practice.pack import pack
    from ...practice.rounds import from_code

    with problems():
        pack(from_code(code, all_scenarios(scenarios)), out)
    print(f"{out / 'candidate'} to hand out, {out / 'interviewer'} to keep")


def check_scenarios(
    names: Annotated[list[str] | None, typer.Argument(help="Scenarios; all unless given.")] = None,
    rounds: Annotated[int, typer.Option(help="Random rounds of each.")] = 200,
    scenarios: Scenarios = None,
) -> None:
    """Prove that every variant parses, lints exactly as marked, gives nothing away and comes back from its code."""
    from ...practice.check import check

    failed = False
    with problems():
        for scenario in all_scenarios(scenarios):
            if names and scenario.name not in names:
                continue
            found = check(scenario, rounds)
            failed |= bool(found.problems)
            print(f"{found.scenario}: {found.variants} variants, {len(found.problems) or 'no'} problems")
            for problem in found.problems:
                print(f"  {problem}")
    raise typer.Exit(1 if failed else 0)
