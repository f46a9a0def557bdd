"""What a case should gain on a GPU, worked out without one: each operator takes at least its FLOPs over the peak, its
bytes over the bandwidth, and a shortest kernel; queueing takes the host its time. A prediction is never a measurement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from ..knowledge import table
from .case import Case, Maker
from .counters import Counting, Operator

_PEAKS = {
    torch.bfloat16: "bf16_tflops",
    torch.float16: "bf16_tflops",
    torch.float32: "fp32_tflops",
    torch.float64: "fp64_tflops",
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Predicted milliseconds of one run: on the device, and on the host that queues the work."""

    device_ms: float
    host_ms: float

    @property
    def ms(self) -> float:
        """The longer of the two: they overlap."""
        return max(self.device_ms, self.host_ms)


def cost(operators: list[Operator], gpu: str = "h200") -> Cost:
    """Return the predicted cost of counted operators on a GPU of ``gpus.toml``."""
    ceilings, assumed = table("gpus")[gpu], table("gpus")["assumptions"]
    seconds = 0.0
    for operator in operators:
        peak = ceilings[_PEAKS.get(operator.dtype, "fp32_tflops")] * 1e12
        bandwidth = ceilings["copy_tbs"] * 1e12
        seconds += max(operator.flops / peak, operator.bytes / bandwidth, assumed["shortest_kernel_us"] * 1e-6)
    return Cost(seconds * 1e3, len(operators) * assumed["launch_us"] * 1e-3)


def count(case: Case, body: Callable[..., Any], params: dict[str, Any], *, fake: bool) -> Counting:
    """Run one body and count it: on fake tensors at any size, or on real ones at a small size.

    Fake tensors are *CPU* tensors: fake CUDA tensors on a build without CUDA take attention apart and end the process
    in autograd.
    """
    if not fake:
        return _counted(case, body, params)
    with FakeTensorMode(allow_non_fake_inputs=True):
        return _counted(case, body, params)


def _counted(case: Case, body: Callable[..., Any], params: dict[str, Any]) -> Counting:
    inputs = case.inputs(Maker(getattr(torch, case.dtype)), **params)
    if case.backward:
        for value in inputs:
            if isinstance(value, torch.Tensor) and value.is_floating_point():
                value.requires_grad_()
    with Counting(inputs) as counting:
        result = body(*inputs)
        if case.backward:
            result.sum().backward()
        del result
    return counting


def predict(case: Case, params: dict[str, Any], gpu: str = "h200") -> dict[str, Any] | None:
    """Return the predicted times and speedup of a case, or ``None`` where its result decides its own course."""
    try:
        bad = cost(count(case, case.bad, params, fake=True).operators, gpu)
        good = cost(_one_kernel(case, params) or count(case, case.good, params, fake=True).operators, gpu)
    except Exception:  # fake tensors have no values: whatever a body does with one may raise anything
        return None
    return {
        "gpu": table("gpus")[gpu]["name"],
        "source": "cost model 1",
        "bad_ms": bad.ms,
        "good_ms": good.ms,
        "speedup": bad.ms / good.ms,
        "launch_bound": bad.host_ms > bad.device_ms,
    }


def _one_kernel(case: Case, params: dict[str, Any]) -> list[Operator] | None:
    if not case.one_kernel or case.ideal_bytes is None:
        return None
    flops = case.ideal_flops(**params) if case.ideal_flops else 0.0
    return [Operator("fused", flops, case.ideal_bytes(**params), getattr(torch, case.dtype))]
