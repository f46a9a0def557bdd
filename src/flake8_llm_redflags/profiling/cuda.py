"""The parts that need a CUDA device: its clock, its ceilings, its counters. Clocks of the GPU are read, never set."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import torch

_FLUSH_BYTES = 256 * 2**20


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
    for name, dtype in (("bf16_tflops", torch.bfloat16), ("fp32_tflops", torch.float32)):
        a = torch.randn(size, size, dtype=dtype, device="cuda")
        b = torch.randn(size, size, dtype=dtype, device="cuda")
        best = min(clock.time(lambda a=a, b=b: a @ b) for _ in range(10))
        found[name] = 2 * size**3 / best / 1e9
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
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    query = "--query-gpu=driver_version,clocks.sm,clocks.mem,temperature.gpu,power.draw"
    run = subprocess.run(
        [tool, query, "--format=csv,noheader"], capture_output=True, text=True, check=False, timeout=20
    )
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
