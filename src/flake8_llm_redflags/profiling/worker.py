"""One case in a process of its own: ``python -m …profiling.worker CODE CASE DEVICE FILE [--quick]``.

Allocator, compiler and library state of other cases cannot reach it, and a crash ends only this case.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from . import case_source, cuda, equivalence, evidence, prediction, protocol
from .case import Case, Maker, Size, cases_of
from .counters import Counting, Counts

#: Samples of the clocks beside the main one.
_OTHER_SAMPLES = 10
#: A counter must shrink by this factor for a case about it to hold.
_SAVES = 1.05


def records(
    code: str,
    case: Case,
    device: str,
    *,
    quick: bool = False,
    skip: frozenset[str] = frozenset(),
    machine: cuda.Machine | None = None,
    ceilings: dict[str, float] | None = None,
) -> Iterator[evidence.Record]:
    """Yield the records of a case; equality is settled first, and nothing is timed where it does not hold.

    ``machine`` takes the place of the GPU in tests; evidence taken with it is marked as a test double's.
    """
    machine = machine or (cuda.Gpu() if device == "cuda" else None)
    env = machine.environment() if machine else cuda.environment("cpu")
    if machine is not None and machine.test_double:
        env["test_double"] = machine.test_double
    on_device = machine is not None and case.metric == "time"  # what is counted is counted on the CPU
    equal = equivalence.check(case, machine.device if machine and on_device else "cpu")
    for size in case.sizes[:1] if quick else case.sizes:
        if size.name in skip:
            continue
        counting = prediction.count_both(case, dict(size.params))
        common: dict[str, Any] = {
            "rule": code,
            "case": case.name,
            "size": size.name,
            "device": device,
            "source": case_source.digest(code) or "",
            "params": dict(size.params) | {"dtype": case.dtype, "bound": size.bound},
            "env": env,
            "equivalence": equal,
            "expected": case.expected,
            "prediction": prediction.predict(case, dict(size.params), counting),
        }
        if not equal["ok"]:
            yield evidence.Record(**common, status="not equal", note="bad and good do not compute the same")
        elif machine is None or not on_device:
            yield _counted(case, size, common, counting)
        else:
            yield _measured(case, size, common, quick, machine, ceilings)


def _counted(case: Case, size: Size, common: dict[str, Any], counting: dict[str, Counting] | None) -> evidence.Record:
    counters = _counters(case, size, counting)
    if case.metric == "time":
        return evidence.Record(**common, status="ok", counters=counters)
    counted = {"metric": case.metric} | {name: counters[name][case.metric] for name in ("bad", "good")}
    verdict = "confirmed" if counted["bad"] >= _SAVES * max(counted["good"], 1) else "refuted"
    return evidence.Record(**common, status="ok", counters=counters, counted=counted, verdict=verdict)


def _counters(case: Case, size: Size, counting: dict[str, Counting] | None) -> dict[str, dict[str, Any]]:
    """Return the counters at full size, or at the small size where values decide what happens."""

    def at_small(body: Callable[..., Any]) -> Counts:
        return prediction.count(case, body, dict(case.small), fake=False).counts

    bodies = {"bad": case.bad, "good": case.good}
    if counting is None:
        return {name: at_small(body).as_object() | {"at": "small"} for name, body in bodies.items()}
    counted = {name: found.counts for name, found in counting.items()}
    if fused := prediction.one_kernel(case, dict(size.params)):  # a CPU takes it apart, a GPU does not
        one = {"operators": 1, "bytes": fused.bytes, "peak_bytes": counting["good"].result_bytes}
        counted["good"] = replace(counted["good"], **one, by_name={fused.name: 1})
    if case.metric == "compilations":  # nothing is compiled on fake tensors
        for name, body in bodies.items():
            counted[name].compilations = at_small(body).compilations
    return {name: found.as_object() | {"at": size.name} for name, found in counted.items()}


def _measured(
    case: Case,
    size: Size,
    common: dict[str, Any],
    quick: bool,
    machine: cuda.Machine,
    ceilings: dict[str, float] | None,
) -> evidence.Record:
    params = size.params if machine.test_double is None else case.small
    try:
        inputs = case.inputs(Maker(getattr(torch, case.dtype), machine.device), **params)
        bad, good = _call(case, case.bad, inputs), _call(case, case.good, inputs)
        found, clocks = _timed_at_steady_clocks(
            bad, good, machine, protocol.SAMPLES // 3 if quick else protocol.SAMPLES
        )
        wall = protocol.compare(bad, good, machine.wall_clock(), _OTHER_SAMPLES)
        counters = {"bad": machine.counters(bad), "good": machine.counters(good)}
        replayed = _replayed(bad, good, machine)  # last: a capture that fails may leave the device in disorder
    except (torch.OutOfMemoryError, MemoryError) as error:
        note = f"{str(error).split('.')[0]}; {_who_fits(case, params, machine)}"
        return evidence.Record(**common, status="out of memory", verdict="out of memory", note=note)
    timing: dict[str, Any] = {
        name: {"bad": _summary(times.bad), "good": _summary(times.good)}
        for name, times in (("gpu", found), ("wall", wall), ("graph", replayed))
        if times is not None
    }
    timing["roofline"] = _roofline(case, size, statistics.median(found.good), ceilings)
    timing["sm_clock_mhz"] = clocks
    return evidence.Record(
        **common,
        status="ok",
        counters=counters,
        ceilings=ceilings,
        timing=timing,
        speedup=asdict(found.speedup) | {"floor": found.floor},
        verdict=protocol.verdict(found.speedup, found.floor, prediction.expected(case, common["prediction"])),
        note="" if _is_steady(clocks) else f"the SM clock moved from {clocks[0]:.0f} to {clocks[1]:.0f} MHz",
    )


def _who_fits(case: Case, params: Any, machine: cuda.Machine) -> str:
    try:
        _call(case, case.good, case.inputs(Maker(getattr(torch, case.dtype), machine.device), **params))()
    except (torch.OutOfMemoryError, MemoryError):
        return "neither body fits"
    return "the good body fits"


def _timed_at_steady_clocks(
    bad: Callable[[], Any], good: Callable[[], Any], machine: cuda.Machine, samples: int
) -> tuple[protocol.Comparison, list[float] | None]:
    """Time both bodies; once more where the GPU slowed down meanwhile. Clocks are read, never set."""
    for _ in range(2):
        before = machine.sm_clock()
        found = protocol.compare(bad, good, machine.event_clock(), samples)
        after = machine.sm_clock()
        clocks = [before, after] if before and after else None
        if _is_steady(clocks):
            break
    return found, clocks


def _is_steady(clocks: list[float] | None) -> bool:
    return clocks is None or clocks[1] >= 0.95 * clocks[0]


def _replayed(bad: Callable[[], Any], good: Callable[[], Any], machine: cuda.Machine) -> protocol.Comparison | None:
    """Time both bodies as graphs: what is left of the gain there does not come from launches."""
    graphs = machine.replay(bad), machine.replay(good)
    if graphs[0] is None or graphs[1] is None:
        return None
    return protocol.compare(graphs[0], graphs[1], machine.event_clock(), _OTHER_SAMPLES)


def _call(case: Case, body: Callable[..., Any], inputs: tuple[Any, ...]) -> Callable[[], Any]:
    if not case.backward:
        return lambda: case.run(body, inputs)
    for value in inputs:
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            value.requires_grad_()

    def forward_and_backward() -> None:
        for value in inputs:
            if isinstance(value, torch.Tensor):
                value.grad = None
        case.run(body, inputs).sum().backward()

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
    """Run one case and append its records to the file, or measure the ceilings and print them."""
    torch.set_num_threads(min(2, torch.get_num_threads()))
    if arguments == ["ceilings"]:
        print(json.dumps(cuda.Gpu().ceilings()))
        return
    code, name, device, file, *options = arguments
    case = next(case for case in cases_of(code) if case.name == name)
    skip = frozenset(option.removeprefix("--skip=") for option in options if option.startswith("--skip="))
    given = [option.removeprefix("--ceilings=") for option in options if option.startswith("--ceilings=")]
    ceilings = json.loads(given[0]) if given else None
    for record in records(code, case, device, quick="--quick" in options, skip=skip, ceilings=ceilings):
        evidence.append(Path(file), record)


if __name__ == "__main__":
    main(sys.argv[1:])
