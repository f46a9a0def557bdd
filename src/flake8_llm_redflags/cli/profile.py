"""``redflags profile``: the guide's numbers, the measured cases, and a user's own script."""

from __future__ import annotations

import json
import linecache
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .problem import Problem

if TYPE_CHECKING:
    from ..profiling.claims import Claim
    from ..profiling.evidence import Record
    from ..profiling.formulas import Shape
    from ..profiling.script.report import Report

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
    from ..profiling.evidence import measured_case

    given: dict[str, int | str | None] = {"layers": layers, "heads": heads, "kv_heads": kv_heads}
    given |= {"head_dim": head_dim, "tokens": tokens, "dtype": dtype}
    rows = claims(_shape(given), measured_case)
    if output_format == "json":
        print(json.dumps([row.as_object() for row in rows], indent=2, ensure_ascii=False))
    elif output_format == "markdown":
        from ..profiling.publish import claims_table

        print(claims_table(rows))
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


@app.command("cases")
def cases_command(
    codes: Annotated[list[str] | None, typer.Argument(help="Codes or prefixes; all cases unless given.")] = None,
    device: Annotated[str, typer.Option(help="cpu counts and predicts, cuda measures; the GPU if there is one.")] = "",
    quick: Annotated[bool, typer.Option("--quick", help="The first size of each case only, fewer samples.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Evidence file; a run that was ended goes on where it stopped.")
    ] = None,
) -> None:
    """Run the rules' own bad and good code: equality, counters, predictions and, on a GPU, times."""
    torch = _torch()
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device not in ("cpu", "cuda"):
        raise Problem(f"--device: {device!r} is neither cpu nor cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise Problem("--device cuda: this torch sees no CUDA GPU; --device cpu counts and predicts without one")
    from ..profiling import runner
    from ..profiling.evidence import BadEvidence

    chosen = runner.selected([code.upper() for code in codes or ()])
    if not chosen:
        raise Problem(f"{', '.join(codes or ())}: no case; `redflags evidence show` lists the rules that have one")
    machine = torch.cuda.get_device_name().lower().replace(" ", "-") if device == "cuda" else "cpu"
    file = out or Path("evidence") / f"{machine}.jsonl"
    try:
        failed = _run_cases(chosen, device, file, quick=quick)
    except BadEvidence as error:
        raise Problem(str(error)) from error
    except OSError as error:
        raise Problem(f"--out {file}: cannot be written: {error.strerror}") from error
    raise typer.Exit(1 if failed else 0)


@app.command("report")
def report_command(
    out: Annotated[Path, typer.Option(help="Folder for report.html and the PNG files.")] = Path("report"),
    file: Annotated[Path | None, typer.Option(help="Evidence file to show instead of what ships here.")] = None,
) -> None:
    """Draw the evidence: speedups against predictions, memory over length, the roofline; one HTML page."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise Problem(f"needs matplotlib ({error}): pip install 'flake8-llm-redflags[profile]'") from error
    from ..profiling import evidence, plots

    try:
        records = evidence.stored() if file is None else evidence.read(file)
        written = plots.write(records, out)
    except evidence.BadEvidence as error:
        raise Problem(str(error)) from error
    except OSError as error:
        raise Problem(f"--out {out}: cannot be written: {error.strerror}") from error
    print("\n".join(str(path) for path in written))


#: The oldest torch whose profiler and compiler this rests on, as in pyproject.toml.
_OLDEST_TORCH = (2, 6)


def _torch():  # type: ignore[no-untyped-def]
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler's own words would stand between the script's
    remedy = "pip install 'flake8-llm-redflags[profile]'"
    try:
        import torch

        version = torch.__version__
    except (ImportError, OSError, AttributeError) as error:  # OSError: one of its libraries does not load
        raise Problem(f"needs torch ({str(error).splitlines()[0]}): {remedy}") from error
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < _OLDEST_TORCH:
        raise Problem(f"needs torch {'.'.join(map(str, _OLDEST_TORCH))} or newer, this is {version}: {remedy}")
    return torch


def _run_cases(chosen, device: str, out: Path, *, quick: bool) -> int:  # type: ignore[no-untyped-def]
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from ..profiling import runner

    console, failed, written = Console(highlight=False, soft_wrap=True), 0, 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=len(chosen) + 1)

        def start(code, case) -> None:  # type: ignore[no-untyped-def]
            progress.update(bar, advance=1, description=f"{code} {case.name} ({', '.join(s.name for s in case.sizes)})")

        try:
            for record in runner.run(chosen, device, out, quick=quick, start=start):
                console.print(_in_short(record), markup=False)
                failed += record.status in ("failed", "not equal")
                written += 1
        except KeyboardInterrupt:
            console.print(f"interrupted; {written} results are kept in {out}, the same command goes on from there")
            raise
    console.print(f"{written} results written to {out}" if written else f"nothing to do: {out} is up to date")
    return failed


def _in_short(record: Record) -> str:
    head = f"{record.rule} {record.case} {record.size}"
    if record.status != "ok":
        return f"{head}: {record.status}: {record.note}"
    if record.speedup is not None:
        gain = record.speedup
        return f"{head}: ×{gain['median']:.2f} [{gain['low']:.2f}, {gain['high']:.2f}], {record.verdict}"
    if record.counted is not None:
        from ..profiling.evidence import counted_in_words

        return f"{head}: equal; counted: {counted_in_words(record)}"
    parts = []
    if record.counters:
        bad, good = record.counters["bad"], record.counters["good"]
        parts.append(f"operators {bad['operators']} → {good['operators']}")
        parts.append(f"GB {bad['bytes'] / 1e9:.2f} → {good['bytes'] / 1e9:.2f}")
        parts.append(f"peak GB {bad['peak_bytes'] / 1e9:.2f} → {good['peak_bytes'] / 1e9:.2f}")
        parts.append(f"waits {bad['would_sync']} → {good['would_sync']}")
        if bad["copied_bytes"] != good["copied_bytes"]:
            parts.append(f"bytes copied {bad['copied_bytes']:,.0f} → {good['copied_bytes']:,.0f}")
    if record.prediction:
        parts.append(f"predicted ×{record.prediction['speedup']:.1f} on {record.prediction['gpu']}")
    elif record.expected:
        parts.append(f"expected ×{record.expected[0]:.1f} to ×{record.expected[1]:.1f} on a GPU")
    return f"{head}: equal; {', '.join(parts)}; unmeasured"


@app.command("run", context_settings={"allow_interspersed_args": False})
def run_command(
    script: Annotated[Path, typer.Argument(help="The training script.")],
    arguments: Annotated[list[str] | None, typer.Argument(help="What the script gets.")] = None,
    steps: Annotated[int, typer.Option(help="Optimizer steps to profile; 0 profiles the whole script.")] = 5,
    warmup: Annotated[int, typer.Option(help="Optimizer steps before them.")] = 3,
    out: Annotated[Path | None, typer.Option(help="Also write the report as JSON to this file.")] = None,
) -> None:
    """Run a script and rank its findings by time; its output and exit status are its own, the report is on stderr."""
    if steps < 0 or warmup < 0:
        raise Problem("--steps and --warmup: must be 0 or more")
    if not script.is_file():
        raise Problem(f"{script}: no such script")
    _torch()
    from ..profiling.script import report
    from ..profiling.script.run import run

    made = report.make(run(script, arguments or (), steps, warmup))
    if out is not None:
        try:
            out.write_text(json.dumps(made.as_object(), indent=2, ensure_ascii=False), encoding="utf-8")
        except OSError as error:
            raise Problem(f"--out {out}: cannot be written: {error.strerror}") from error
    _print_report(made, wanted=steps, warmup=warmup)
    raise typer.Exit(made.run.exit_code)


def _print_report(made: Report, *, wanted: int, warmup: int) -> None:
    from rich.console import Console

    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    done, profile = made.run, made.run.profile
    if not profile.total_ms:
        ended = "was interrupted" if done.interrupted else "ended"
        why = f"{ended} before optimizer step {warmup + 1}; try --steps 0" if wanted else f"{ended} without torch work"
        console.print(f"redflags: nothing was profiled: the script {why}")
        return
    what = f"{done.steps} steps" if wanted else "the whole script"
    found = profile.attributed_ms / profile.total_ms
    console.print(f"\n{what}: {profile.total_ms:.1f} ms, {found:.0%} on exact lines ({made.clock})")
    if wanted and done.steps < wanted:
        ended = "was interrupted" if done.interrupted else "ended"
        console.print(f"the script {ended} after {done.steps} of {wanted} steps")
    for priced in made.costly:
        where = f"{Path(priced.finding.path).name}:{priced.finding.line}"
        gain = _gain_in_words(priced.speedup, priced.basis, priced.step_speedup)
        waits = f", {priced.waits} waits" if priced.waits else ""
        console.print(f"{priced.share:6.1%}  {where} {priced.finding.code} {priced.finding.name}{waits}; {gain}")
    for (path, line), share in made.hot:
        console.print(
            f"{share:6.1%}  {Path(path).name}:{line} no finding: {linecache.getline(path, line).strip()[:60]}"
        )
    if made.negligible:
        places = (f"{item.finding.code} {Path(item.finding.path).name}:{item.finding.line}" for item in made.negligible)
        console.print(f"cost nothing here: {', '.join(places)}")


def _gain_in_words(speedup: float | None, basis: str, step_speedup: float) -> str:
    if speedup is None:
        return f"at most ×{step_speedup:.2f} for the step" if step_speedup != float("inf") else "the whole step"
    return f"×{speedup:.1f} ({basis}) would make the step ×{step_speedup:.2f}"
