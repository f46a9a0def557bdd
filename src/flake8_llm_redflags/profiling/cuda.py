"""The parts that need a CUDA device: its clocks, its ceilings, its counters. Clocks of the GPU are read, never set.

``Machine`` is what the worker asks for; ``Gpu`` is the only one that gives evidence.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any, Protocol

import torch

from .protocol import Clock

_FLUSH_BYTES = 256 * 2**20


class Machine(Protocol):
    """Where cases are timed."""

    #: Where inputs are made.
    device: str
    #: The name of a stand-in, whose numbers are no evidence; ``None`` for a real GPU.
    test_double: str | None

    def environment(self) -> dict[str, Any]:
        """Return what the machine is."""
        ...

    def ceilings(self) -> dict[str, float]:
        """Return what it can do at best."""
        ...

    def event_clock(self) -> Clock:
        """Return a clock of the device's own time."""
        ...

    def wall_clock(self) -> Clock:
        """Return a clock of the host's time until the device is idle."""
        ...

    def replay(self, work: Callable[[], Any]) -> Callable[[], Any] | None:
        """Return the same work as one launch, or ``None`` where it cannot be captured."""
        ...

    def counters(self, work: Callable[[], Any]) -> dict[str, Any]:
        """Return what one call asks of the device."""
        ...

    def sm_clock(self) -> float | None:
        """Return the clock of the multiprocessors in MHz, if it can be read."""
        ...


class Gpu:
    """The CUDA device that torch sees."""

    device = "cuda"
    test_double = None

    def environment(self) -> dict[str, Any]:
        """Return versions, the GPU and its state."""
        return environment("cuda")

    def ceilings(self) -> dict[str, float]:
        """Measure copy bandwidth and matrix products."""
        return ceilings(EventClock())

    def event_clock(self) -> Clock:
        """Return CUDA events."""
        return EventClock()

    def wall_clock(self) -> Clock:
        """Return the host's view."""
        return WallClock()

    def replay(self, work: Callable[[], Any]) -> Callable[[], Any] | None:
        """Capture the work as a CUDA graph: its time is the device's alone, without launches. ``None`` if it waits."""
        graph = torch.cuda.CUDAGraph()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        try:
            with torch.cuda.stream(side):
                work()
            torch.cuda.current_stream().wait_stream(side)
            with torch.cuda.graph(graph):
                work()
        except RuntimeError:  # it reads a value on the host, or allocates where a graph may not
            torch.cuda.synchronize()
            return None
        return graph.replay

    def counters(self, work: Callable[[], Any]) -> dict[str, Any]:
        """Return kernels, waits, copies and peak memory."""
        return counters(work)

    def sm_clock(self) -> float | None:
        """Read the clock with nvidia-smi."""
        state = _smi("clocks.sm")
        digits = (state or "").split()
        return float(digits[0]) if digits and digits[0].isdigit() else None


class EventClock:
    """CUDA events around one call, with the L2 cache flushed before it."""

    def __init__(self) -> None:
        self._flush = torch.empty(_FLUSH_BYTES, dtype=torch.int8, device="cuda")

    def time(self, work: Callable[[], Any]) -> float:
        """Return the milliseconds between two events on the current stream."""
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        self._flush.zero_()
        torch.cuda.synchronize()
        start.record()
        work()
        end.record()
        torch.cuda.synchronize()
        return start.elapsed_time(end)


class WallClock:
    """The host's view: from the call until the device is idle. Far above the event clock means launch-bound."""

    def time(self, work: Callable[[], Any]) -> float:
        """Return milliseconds of wall time."""
        import time

        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        return (time.perf_counter() - start) * 1e3


def ceilings(clock: EventClock) -> dict[str, float]:
    """Measure what this GPU can do on random data: a copy in TB/s, matrix products in TFLOP/s."""
    source = torch.randn(2**28, device="cuda")
    copied = min(clock.time(source.clone) for _ in range(10))
    found = {"copy_tbs": 2 * source.numel() * 4 / copied / 1e9}
    size = 8192
    kinds = {"bf16_tflops": (torch.bfloat16, "highest"), "fp32_tflops": (torch.float32, "highest")}
    kinds["tf32_tflops"] = (torch.float32, "high")
    before = torch.get_float32_matmul_precision()
    for name, (dtype, precision) in kinds.items():
        a = torch.randn(size, size, dtype=dtype, device="cuda")
        b = torch.randn(size, size, dtype=dtype, device="cuda")
        torch.set_float32_matmul_precision(precision)
        best = min(clock.time(lambda a=a, b=b: a @ b) for _ in range(10))
        found[name] = 2 * size**3 / best / 1e9
    torch.set_float32_matmul_precision(before)
    return found


def environment(device: str) -> dict[str, Any]:
    """Return what the machine was."""
    found: dict[str, Any] = {"python": platform.python_version(), "torch": torch.__version__, "system": sys.platform}
    if device == "cuda":
        major, minor = torch.cuda.get_device_capability()
        found |= {
            "gpu": torch.cuda.get_device_name(),
            "compute_capability": f"{major}.{minor}",
            "cuda": torch.version.cuda,
            "state": _gpu_state(),
        }
    return found


def _gpu_state() -> str | None:
    """Driver, clocks, temperature and power, as nvidia-smi reads them."""
    return _smi("driver_version,clocks.sm,clocks.mem,temperature.gpu,power.draw")


def _smi(fields: str) -> str | None:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    command = [tool, f"--query-gpu={fields}", "--format=csv,noheader"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    return run.stdout.splitlines()[0] if run.stdout else None


def counters(work: Callable[[], Any]) -> dict[str, Any]:
    """Count one call in passes of their own, none of which is timed: memory, waits, kernels and copies."""
    work()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    work()
    torch.cuda.synchronize()
    found: dict[str, Any] = {"peak_bytes": torch.cuda.max_memory_allocated() - before, "syncs": _syncs(work)}
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        work()
        torch.cuda.synchronize()
    on_device = [event for event in profile.events() if event.device_type == torch.autograd.DeviceType.CUDA]
    kernels = [event.name for event in on_device if not event.name.startswith(("Memcpy", "Memset"))]
    found["kernels"] = len(kernels)
    found["kernel_names"] = sorted(set(kernels))[:5]
    for direction in ("HtoD", "DtoH"):
        found[f"copies_{direction}"] = sum(event.name.startswith(f"Memcpy {direction}") for event in on_device)
    return found


def _syncs(work: Callable[[], Any]) -> int:
    """Count the calls that torch's sync debug mode warns of; the mode is global, so it is put back."""
    mode = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            work()
        finally:
            torch.cuda.set_sync_debug_mode(mode)
    return sum("synchroniz" in str(warning.message) for warning in caught)
