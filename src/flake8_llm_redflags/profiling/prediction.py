"""What a case should gain on a GPU, worked out without one: each operator takes at least its FLOPs over the peak, its
bytes over the bandwidth, and a shortest kernel; queueing takes the host its time. A prediction is never a measurement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from ..knowledge import table
from . import protocol
from .case import Case, Maker, Size
from .counters import Counting, Counts, Operator, graphs_compiled

#: Calls of a body beside its samples: warm-up, the other clocks, the counters.
_OTHER_CALLS = 40
#: Assumed seconds for measuring a size whose body waits for values, which fake tensors do not have: as for LRF706.
_UNPREDICTED_SECONDS = {"launch": 2.0, "gpu": 10.0}
#: Assumed seconds of a case's own process on a GPU: imports, context, equality, fake runs, the profiler's start.
PROCESS_SECONDS = 9.0

_PEAKS = {
    torch.bfloat16: "bf16_tflops",
    torch.float16: "bf16_tflops",
    torch.float32: "fp32_tflops",
    torch.float64: "fp64_tflops",
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Predicted milliseconds of one run: on the device, on the host that queues the work, and in between."""

    device_ms: float
    host_ms: float
    #: Copies between host and device, and waits for them: nothing overlaps with these.
    between_ms: float = 0

    @property
    def ms(self) -> float:
        """The longer of device and host, which overlap, and what stands between them."""
        return max(self.device_ms, self.host_ms) + self.between_ms


def cost(operators: list[Operator], gpu: str = "h200", counts: Counts | None = None) -> Cost:
    """Return the predicted cost of counted operators, waits and copies on a GPU of ``gpus.toml``."""
    ceilings, assumed = table("gpus")[gpu], table("gpus")["assumptions"]
    seconds = 0.0
    for operator in operators:
        kind = "tf32_tflops" if operator.tf32 and operator.dtype == torch.float32 else _PEAKS.get(operator.dtype)
        peak = ceilings[kind or "fp32_tflops"] * 1e12
        bandwidth = ceilings["copy_tbs"] * 1e12
        seconds += max(operator.flops / peak, operator.bytes / bandwidth, assumed["shortest_kernel_us"] * 1e-6)
    between = 0.0
    if counts is not None:
        between = (
            counts.would_sync * assumed["wait_us"] * 1e-3 + counts.copied_bytes / assumed["pageable_copy_gbs"] * 1e-6
        )
    return Cost(seconds * 1e3, len(operators) * assumed["launch_us"] * 1e-3, between)


def count(case: Case, body: Callable[..., Any], params: dict[str, Any], *, fake: bool) -> Counting:
    """Run one body and count it: on fake tensors at any size, or on real ones at a small size.

    Fake tensors are *CPU* tensors: fake CUDA tensors on a build without CUDA take attention apart and end the process
    in autograd.
    """
    if not fake:
        counting = _counted(case, body, params)
        if case.metric == "compilations":
            inputs = case.inputs(Maker(getattr(torch, case.dtype)), **params)
            counting.counts.compilations = graphs_compiled(lambda: case.run(body, inputs))
        return counting
    stay = mock.patch.object(torch.nn.Module, "to", lambda module, *_, **__: module)  # fake parameters cannot be moved
    with FakeTensorMode(allow_non_fake_inputs=True), stay:
        return _counted(case, body, params)


def _counted(case: Case, body: Callable[..., Any], params: dict[str, Any]) -> Counting:
    inputs = case.inputs(Maker(getattr(torch, case.dtype)), **params)
    if case.backward:
        for value in inputs:
            if isinstance(value, torch.Tensor) and value.is_floating_point():
                value.requires_grad_()
    with Counting(inputs) as counting:
        result = case.run(body, inputs)
        if case.backward:
            result.sum().backward()
            result = result.detach()
        counting.returned(result)
        del result
    return counting


def count_both(case: Case, params: dict[str, Any]) -> dict[str, Counting] | None:
    """Count both bodies on fake tensors, or return ``None`` where a value decides their course: fakes have none."""
    try:
        return {name: count(case, body, params, fake=True) for name, body in (("bad", case.bad), ("good", case.good))}
    except Exception:  # whatever a body does with a value that is not there may raise anything
        return None


def predict(
    case: Case, params: dict[str, Any], counted: dict[str, Counting] | None, gpu: str = "h200"
) -> dict[str, Any] | None:
    """Return the predicted times and speedup of what ``count_both`` counted; ``None`` where it could not."""
    if counted is None:
        return None
    fused = one_kernel(case, params)
    bad, good = _cost_of(counted["bad"], gpu), cost([fused], gpu) if fused else _cost_of(counted["good"], gpu)
    return {
        "gpu": table("gpus")[gpu]["name"],
        "source": "cost model 2",
        "bad_ms": bad.ms,
        "good_ms": good.ms,
        "speedup": bad.ms / good.ms,
        "launch_bound": bad.host_ms > bad.device_ms,
    }


def _cost_of(counting: Counting, gpu: str) -> Cost:
    return cost(counting.operators, gpu, counting.counts)


def expected(case: Case, predicted: dict[str, Any] | None) -> tuple[float, float] | None:
    """Return the speedup, low and high, that a measurement confirms: the case's own, or twice around the prediction."""
    if case.expected is not None or predicted is None:
        return case.expected
    return predicted["speedup"] / 2, predicted["speedup"] * 2


def gpu_seconds(case: Case, size: Size, predicted: dict[str, Any] | None) -> float:
    """Return how long measuring a size should take on a GPU: the calls that the protocol makes, without the process."""
    if case.metric != "time":
        return 0.0
    if predicted is None:
        return _UNPREDICTED_SECONDS[size.bound]
    calls_bad, calls_good = protocol.SAMPLES + _OTHER_CALLS, 3 * protocol.SAMPLES + _OTHER_CALLS
    return (calls_bad * predicted["bad_ms"] + calls_good * predicted["good_ms"]) / 1e3


def one_kernel(case: Case, params: dict[str, Any]) -> Operator | None:
    """Return the good body as the one kernel that it is on a GPU, or ``None`` for a case of another kind."""
    if not case.one_kernel or case.ideal_bytes is None:
        return None
    flops = case.ideal_flops(**params) if case.ideal_flops else 0.0
    return Operator("fused", flops, case.ideal_bytes(**params), getattr(torch, case.dtype))
