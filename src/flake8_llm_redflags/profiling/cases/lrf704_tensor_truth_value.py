"""LRF704: a mask asked in every step whether it masks anything, against masking in any case."""

import torch

from ..case import Case, Maker, Size


def bad(model: torch.nn.Module, optimizer, batches, device):
    for ids, x in batches:
        padding = ids.to(device) == 0
        x = x.to(device)
        if padding.any():
            x = x.masked_fill(padding[:, None], 0.0)
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return loss.detach()


def good(model: torch.nn.Module, optimizer, batches, device):
    for ids, x in batches:
        padding = ids.to(device) == 0
        x = x.to(device).masked_fill(padding[:, None], 0.0)
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return loss.detach()


def inputs(make: Maker, hidden: int, rows: int, steps: int):
    model = make.module(lambda: torch.nn.Linear(hidden, hidden))
    batches = [(make.indices(3, rows), make.tensor(rows, hidden)) for _ in range(steps)]
    return model, torch.optim.SGD(model.parameters(), lr=1e-3), batches, torch.device(make.device)


SMALL = {"hidden": 8, "rows": 16, "steps": 4}
SIZES = (
    Size("512-wide", {"hidden": 512, "rows": 256, "steps": 20}, bound="launch"),
    Size("4096-wide", {"hidden": 4096, "rows": 8192, "steps": 2}),
)
CASES = (Case("padding-mask", bad, good, inputs, SMALL, SIZES, dtype="float32", expected=(1.0, 2.5)),)
