"""LRF750: ``torch.compile`` called again in every turn, against once. Counted: how many graphs are compiled."""

import torch

from ..case import Case, Maker, Size


def bad(model: torch.nn.Module, batches, backend):
    outputs = []
    for batch in batches:
        step = torch.compile(model, backend=backend)
        outputs.append(step(batch))
    return torch.stack(outputs)


def good(model: torch.nn.Module, batches, backend):
    outputs = []
    step = torch.compile(model, backend=backend)
    for batch in batches:
        outputs.append(step(batch))
    return torch.stack(outputs)


def inputs(make: Maker, hidden: int, rows: int, steps: int):
    model = make.module(lambda: torch.nn.Linear(hidden, hidden))
    return model, [make.tensor(rows, hidden) for _ in range(steps)], "eager"


def nothing_compiled() -> None:
    """Forget what was compiled before."""
    torch._dynamo.reset()


SMALL = {"hidden": 8, "rows": 4, "steps": 4}
SIZES = (Size("512-wide", {"hidden": 512, "rows": 32, "steps": 8}, bound="launch"),)
CASES = (Case("module", bad, good, inputs, SMALL, SIZES, metric="compilations", before=nothing_compiled),)
