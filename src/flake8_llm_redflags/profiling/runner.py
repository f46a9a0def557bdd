"""All cases, one fresh process each; what is measured is written at once, what is there already is not run again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from . import case_source, evidence
from .case import Case, all_cases

_LIMIT_SECONDS = 600


def selected(codes: Sequence[str]) -> list[tuple[str, Case]]:
    """Return the cases whose code starts with one of ``codes``; all without any."""
    return [(code, case) for code, case in all_cases() if not codes or code.upper().startswith(tuple(codes))]


def run(
    chosen: Sequence[tuple[str, Case]],
    device: str,
    out: Path,
    *,
    quick: bool = False,
    start: Callable[[str, Case], None] = lambda code, case: None,
) -> Iterator[evidence.Record]:
    """Run the cases and yield their records as they come; ``start`` is called before each case.

    A case that crashes, hangs or fails gives a record that says so, and the next one runs.
    """
    ceilings: str | None = None
    for code, case in chosen:
        start(code, case)
        done = {record.size for record in _done(out, code, case, device)}
        sizes = case.sizes[:1] if quick else case.sizes
        if all(size.name in done for size in sizes):
            continue
        if device == "cuda" and ceilings is None:
            ceilings = _ceilings(out)
        options = [f"--skip={name}" for name in sorted(done)] + (["--quick"] if quick else [])
        options += [f"--ceilings={ceilings}"] if ceilings else []
        note, _ = _run([code, case.name, device, str(out), *options])
        present = _done(out, code, case, device)
        if note:
            missing = next((size.name for size in sizes if size.name not in {record.size for record in present}), None)
            if missing is not None:
                source = case_source.digest(code) or ""
                failed = evidence.Record(code, case.name, missing, device, "failed", source, note=note)
                evidence.append(out, failed)
                present.append(failed)
        yield from (record for record in present if record.size not in done)


def _ceilings(out: Path) -> str:
    """Return the machine's ceilings as JSON: those that the file holds already, or measured once in their own process."""
    for record in evidence.read(out) if out.exists() else ():
        if record.device == "cuda" and record.ceilings:
            return json.dumps(record.ceilings)
    note, printed = _run(["ceilings"])
    return "" if note else printed.strip()


def _run(arguments: list[str]) -> tuple[str, str]:
    """Run a worker; return why it failed, or nothing, and what it printed."""
    command = [sys.executable, "-m", f"{__package__}.worker", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"took longer than {_LIMIT_SECONDS} s", ""
    if done.returncode == 0:
        return "", done.stdout
    if done.returncode < 0:
        return f"ended by signal {-done.returncode}", ""
    return (done.stderr.strip().splitlines() or ["failed without a word"])[-1][:300], ""


def _done(out: Path, code: str, case: Case, device: str) -> list[evidence.Record]:
    if not out.exists():
        return []
    wanted = (code, case.name, device)
    return [
        record
        for record in evidence.read(out)
        if (record.rule, record.case, record.device) == wanted and record.is_fresh and record.status != "failed"
    ]
