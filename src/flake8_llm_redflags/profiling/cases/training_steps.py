"""Training steps that several cases share: a stack of linear layers and its batches, launch-bound and GPU-bound."""

import torch
from torch import nn

from ..case import Maker, Size


def inputs(make: Maker, layers: int, hidden: int, rows: int, steps: int):
    """Return model, optimizer, batches and device."""
    model = make.module(lambda: nn.Sequential(*(nn.Linear(hidden, hidden) for _ in range(layers))))
    batches = [(make.tensor(rows, hidden), make.tensor(rows, hidden)) for _ in range(steps)]
    return model, torch.optim.SGD(model.parameters(), lr=1e-3), batches, torch.device(make.device)


SMALL = {"layers": 2, "hidden": 8, "rows": 4, "steps": 5}
SIZES = (
    Size("512-wide", {"layers": 12, "hidden": 512, "rows": 32, "steps": 20}, bound="launch"),
    Size("4096-wide", {"layers": 4, "hidden": 4096, "rows": 4096, "steps": 2}),
)
