"""LRF701: the loss read on the host in every step, against once at the end."""

import torch
from torch import nn

from ..case import Case, Maker, Size


def bad(model, optimizer, batches, device):
    total = 0.0
    for x, y in batches:
        loss = nn.functional.mse_loss(model(x.to(device)), y.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total


def good(model, optimizer, batches, device):
    total = 0.0
    for x, y in batches:
        loss = nn.functional.mse_loss(model(x.to(device)), y.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.detach()
    return total


def inputs(make: Maker, layers: int, hidden: int, rows: int, steps: int):
    model = make.module(lambda: nn.Sequential(*(nn.Linear(hidden, hidden) for _ in range(layers))))
    batches = [(make.tensor(rows, hidden), make.tensor(rows, hidden)) for _ in range(steps)]
    return model, torch.optim.SGD(model.parameters(), lr=0.0), batches, torch.device(make.device)


SMALL = {"layers": 2, "hidden": 8, "rows": 4, "steps": 5}
SIZES = (
    Size("512-wide", {"layers": 12, "hidden": 512, "rows": 32, "steps": 20}, bound="launch"),
    Size("4096-wide", {"layers": 12, "hidden": 4096, "rows": 8192, "steps": 5}),
)
CASES = (Case("sum-of-losses", bad, good, inputs, SMALL, SIZES, dtype="float32", expected=(1.0, 2.5)),)
