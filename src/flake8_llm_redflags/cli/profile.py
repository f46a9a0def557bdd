"""``redflags profile``: the guide's numbers, the measured cases, and a user's own script."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from .problem import Problem

if TYPE_CHECKING:
    from ..profiling.claims import Claim
    from ..profiling.formulas import Shape

app = typer.Typer(help="Prove the cost: cases, claims, and your own script.", no_args_is_help=True)


@app.command("claims")
def claims_command(
    layers: Annotated[int | None, typer.Option(help="Layers of your own model.")] = None,
    heads: Annotated[int | None, typer.Option(help="Query heads.")] = None,
    kv_heads: Annotated[int | None, typer.Option(help="K/V heads; as many as query heads unless given.")] = None,
    head_dim: Annotated[int | None, typer.Option(help="Width of a head.")] = None,
    tokens: Annotated[int | None, typer.Option(help="Context length.")] = None,
    dtype: Annotated[str | None, typer.Option(help="Element type of the KV cache.")] = None,
    output_format: Annotated[str, typer.Option(help="full, markdown or json.")] = "full",
) -> None:
    """Put the numbers that interview guides quote to the test."""
    from ..profiling.claims import claims
    from ..profiling.evidence import measured_in_words

    given: dict[str, int | str | None] = {"layers": layers, "heads": heads, "kv_heads": kv_heads}
    given |= {"head_dim": head_dim, "tokens": tokens, "dtype": dtype}
    rows = claims(_shape(given), measured_in_words)
    if output_format == "json":
        print(json.dumps([row.as_object() for row in rows], indent=2, ensure_ascii=False))
    elif output_format == "markdown":
        print(_markdown(rows))
    elif output_format == "full":
        _print_claims(rows)
    else:
        raise Problem(f"--output-format: {output_format!r} is none of full, markdown, json")


def _shape(given: dict[str, int | str | None]) -> Shape | None:
    from ..profiling.claims import llama_70b
    from ..profiling.formulas import Shape

    known = {name: value for name, value in given.items() if value is not None}
    if not known:
        return None
    if "heads" in known:
        known.setdefault("kv_heads", known["heads"])
    default = llama_70b()
    try:
        return Shape(**{name: getattr(default, name) for name in given} | known)  # type: ignore[arg-type]
    except ValueError as error:
        raise Problem(f"claims: {error}") from error


def _print_claims(rows: list[Claim]) -> None:
    from rich.console import Console
    from rich.markup import escape

    out = Console(highlight=False)
    for row in rows:
        out.print(f"[bold]{escape(row.topic)}[/]: {escape(row.says)}")
        out.print(f"  [{_COLOUR[row.verdict]}]{row.verdict}[/], {row.checked}: {escape(row.came_out)}")
        if row.yours:
            out.print(f"  [cyan]your model:[/] {escape(row.yours)}")
        if row.checked == "predicted":
            out.print("  [dim]a prediction, not a measurement[/]")
        out.print(f"  [italic]say:[/] {escape(row.say)}\n")


_COLOUR = {"holds": "green", "depends": "yellow", "wrong as stated": "red", "open": "dim"}


def _markdown(rows: list[Claim]) -> str:
    lines = ["| number | the guide says | checked | what came out | verdict |", "|---|---|---|---|---|"]
    lines += [f"| {row.topic} | {row.says} | {row.checked} | {row.came_out} | {row.verdict} |" for row in rows]
    return "\n".join(lines)
