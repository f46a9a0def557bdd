"""One case in a process of its own: ``python -m flake8_llm_redflags.profiling.worker CODE CASE DEVICE FILE [--quick]``.

Allocator, compiler and library state of other cases cannot reach it, and a crash ends only this case.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from . import case_source, cuda, equivalence, evidence, prediction, protocol
from .case import Case, Maker, Size, cases_of


def records(
    code: str,
    case: Case,
    device: str,
    *,
    quick: bool = False,
    skip: frozenset[str] = frozenset(),
    clock: protocol.Clock | None = None,
) -> list[evidence.Record]:
    """Return the records of a case; equality is settled first, and nothing is timed where it does not hold.

    ``clock`` takes the place of the CUDA clock; evidence taken with it is marked as a test double's.
    """
    return list(_records(code, case, device, quick, skip, clock))


def _records(code: str, case: Case, device: str, quick: bool, skip: frozenset[str], clock: protocol.Clock | None):  # type: ignore[no-untyped-def]
    env = cuda.environment(device if clock is None else "cpu")
    if clock is not None:
        env["test_double"] = type(clock).__name__
    equal = equivalence.check(case, device if clock is None else "cpu")
    for size in case.sizes[:1] if quick else case.sizes:
        if size.name in skip:
            continue
        common: dict[str, Any] = {
            "rule": code,
            "case": case.name,
            "size": size.name,
            "device": device,
            "source": case_source.digest(code) or "",
            "params": dict(size.params) | {"dtype": case.dtype, "bound": size.bound},
            "env": env,
            "equivalence": equal,
            "prediction": prediction.predict(case, dict(size.params)),
        }
        if not equal["ok"]:
            yield evidence.Record(**common, status="not equal", note="bad and good do not compute the same")
        elif device == "cpu":
            yield evidence.Record(**common, status="ok", counters=_counters(case, size))
        else:
            yield _measured(case, size, common, quick, clock)


def _counters(case: Case, size: Size) -> dict[str, dict[str, Any]]:
    """Count at full size on fake tensors, or at the small size where values decide what happens."""
    bodies = {"bad": case.bad, "good": case.good}
    real = {name: prediction.count(case, body, dict(case.small), fake=False).counts for name, body in bodies.items()}
    try:
        counted = {
            name: prediction.count(case, body, dict(size.params), fake=True).counts for name, body in bodies.items()
        }
        at = size.name
    except Exception:  # fake tensors have no values: whatever a body does with one may raise anything
        counted, at = real, "small"
    return {
        name: found.as_object() | {"would_sync": real[name].would_sync, "at": at} for name, found in counted.items()
    }


def _measured(
    case: Case, size: Size, common: dict[str, Any], quick: bool, clock: protocol.Clock | None
) -> evidence.Record:
    on = "cuda" if clock is None else "cpu"
    try:
        inputs = case.inputs(Maker(getattr(torch, case.dtype), on), **(size.params if clock is None else case.small))
        bad, good = _call(case, case.bad, inputs), _call(case, case.good, inputs)
        timer = clock or cuda.EventClock()
        samples = 10 if quick else protocol.SAMPLES
        found = protocol.compare(bad, good, timer, samples)
        wall = protocol.compare(bad, good, cuda.WallClock(), 10) if clock is None else None
        counters = {"bad": cuda.counters(bad), "good": cuda.counters(good)} if clock is None else None
        ceilings = cuda.ceilings(cuda.EventClock()) if clock is None else None
    except torch.OutOfMemoryError as error:
        return evidence.Record(**common, status="out of memory", verdict="out of memory", note=str(error).split(".")[0])
    predicted = common["prediction"]
    expected = case.expected or ((predicted["speedup"] / 2, predicted["speedup"] * 2) if predicted else None)
    timing: dict[str, Any] = {"gpu": {"bad": _summary(found.bad), "good": _summary(found.good)}}
    if wall is not None:
        timing["wall"] = {"bad": _summary(wall.bad), "good": _summary(wall.good)}
    timing["roofline"] = _roofline(case, size, statistics.median(found.good), ceilings)
    return evidence.Record(
        **common,
        status="ok",
        counters=counters,
        ceilings=ceilings,
        timing=timing,
        speedup=asdict(found.speedup) | {"floor": found.floor},
        verdict=protocol.verdict(found.speedup, found.floor, expected),
    )


def _call(case: Case, body: Callable[..., Any], inputs: tuple[Any, ...]) -> Callable[[], Any]:
    if not case.backward:
        return lambda: body(*inputs)
    for value in inputs:
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            value.requires_grad_()

    def forward_and_backward() -> None:
        for value in inputs:
            if isinstance(value, torch.Tensor):
                value.grad = None
        body(*inputs).sum().backward()

    return forward_and_backward


def _summary(samples: tuple[float, ...]) -> dict[str, float]:
    fifths = statistics.quantiles(samples, n=5)
    return {"median": statistics.median(samples), "p20": fifths[0], "p80": fifths[3], "samples": len(samples)}


def _roofline(case: Case, size: Size, ms: float, ceilings: dict[str, float] | None) -> float | None:
    """Return the share of the machine's ceiling that the good body reaches on the ideal work."""
    if ceilings is None or (case.ideal_flops is None and case.ideal_bytes is None):
        return None
    flops = case.ideal_flops(**size.params) if case.ideal_flops else 0.0
    moved = case.ideal_bytes(**size.params) if case.ideal_bytes else 0.0
    peak = ceilings["fp32_tflops" if case.dtype == "float32" else "bf16_tflops"] * 1e12
    return max(flops / peak, moved / (ceilings["copy_tbs"] * 1e12)) * 1e3 / ms


def main(arguments: list[str]) -> None:
    """Run one case and append its records to the file."""
    code, name, device, file, *options = arguments
    torch.set_num_threads(min(2, torch.get_num_threads()))
    case = next(case for case in cases_of(code) if case.name == name)
    skip = frozenset(option.removeprefix("--skip=") for option in options if option.startswith("--skip="))
    for record in _records(code, case, device, "--quick" in options, skip, None):
        evidence.append(Path(file), record)


if __name__ == "__main__":
    main(sys.argv[1:])
