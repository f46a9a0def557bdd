"""What a case is: a bad and a good body with the same result, their inputs, and the sizes at which they are compared."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import case_source

if TYPE_CHECKING:
    import torch


#: From so many numbers on, a GPU makes its own: drawing them on the host would take longer than the measurement.
_LARGE = 2**22


@dataclass(frozen=True, slots=True)
class Size:
    """One point of a case's sweep: a name, the arguments of its input maker, and what limits the bad body there."""

    name: str
    params: Mapping[str, Any]
    #: "gpu" where kernels take the time, "launch" where queueing them does
    bound: str = "gpu"


class Maker:
    """Makes a case's inputs: at small sizes the same numbers on every machine, under fake tensors no numbers at all."""

    def __init__(self, dtype: torch.dtype, device: str = "cpu", seed: int = 0) -> None:
        import torch

        self.dtype, self.device = dtype, device
        torch.manual_seed(seed)

    def tensor(self, *shape: int) -> torch.Tensor:
        """Return normal random numbers; zeros would run faster than real data."""
        import torch

        where = self.device if math.prod(shape) > _LARGE else "cpu"
        return torch.randn(*shape, dtype=self.dtype, device=where).to(self.device)

    def indices(self, limit: int, *shape: int) -> torch.Tensor:
        """Return random integers below ``limit``."""
        import torch

        return torch.randint(limit, shape).to(self.device)

    def module(self, build: Callable[[], torch.nn.Module]) -> torch.nn.Module:
        """Return what ``build`` makes, made in the case's element type on its device: moving it later fails when fake."""
        import torch

        before = torch.get_default_dtype()
        torch.set_default_dtype(self.dtype)
        try:
            with torch.device(self.device):
                return build()
        finally:
            torch.set_default_dtype(before)


@dataclass(frozen=True, slots=True)
class Case:
    """A measurement that a rule rests on. ``bad`` and ``good`` are the very code that is linted and shown."""

    name: str
    bad: Callable[..., Any]
    good: Callable[..., Any]
    #: Called with a ``Maker`` and a size's params; returns the arguments of both bodies.
    inputs: Callable[..., tuple[Any, ...]]
    #: Params at which both bodies run in full on a CPU: equivalence and counters.
    small: Mapping[str, Any]
    sizes: tuple[Size, ...]
    dtype: str = "bfloat16"
    #: How closely both bodies agree in float64; they may pass through float32 inside, or through less by intent.
    agreement: float = 1e-5
    #: How many times larger than the bad body's error the good body's may be.
    tolerance: float = 2.0
    #: Whether gradients are compared, and the backward pass counted, too.
    backward: bool = False
    #: Ideal work of a size: FLOPs and bytes that no implementation can avoid; for the roofline fraction.
    ideal_flops: Callable[..., float] | None = None
    ideal_bytes: Callable[..., float] | None = None
    #: Whether the good body is one kernel on a GPU that moves the ideal bytes, though a CPU takes it apart.
    one_kernel: bool = False
    #: What the good body saves: "time", or the counter that shows it ("peak_bytes", "collectives", "compilations",
    #: "copied_bytes"). A case about a counter is not timed.
    metric: str = "time"
    #: Called before each run of a body: puts back what a body sets for the whole process.
    before: Callable[[], Any] | None = None
    #: Speedup expected on a GPU, low and high; without it the cost model's figure, within a factor of two.
    expected: tuple[float, float] | None = None

    def run(self, body: Callable[..., Any], inputs: Any) -> Any:
        """Run one body from the state that both start in."""
        if self.before is not None:
            self.before()
        return body(*inputs)


def cases_of(code: str) -> tuple[Case, ...]:
    """Return the cases of a rule, or of the claims; imports torch. Empty where it has none."""
    path = case_source.path(code)
    return () if path is None else importlib.import_module(f"{__package__}.cases.{path.stem}").CASES


def all_cases() -> Iterator[tuple[str, Case]]:
    """Yield every case with its code."""
    for code in (*case_source.modules(), case_source.CLAIM):
        for case in cases_of(code):
            yield code, case
