"""LRF705: padding rows found by ``nonzero``, whose result size the host must wait for, against a mask."""

import torch

from ..case import Case, Maker, Size


def bad(model: torch.nn.Module, optimizer, batches, device):
    for ids, x in batches:
        ids = ids.to(device)
        x = x.to(device)
        rows = torch.nonzero(ids == 0).squeeze(-1)
        loss = model(x.index_fill(0, rows, 0.0)).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return loss.detach()


def good(model: torch.nn.Module, optimizer, batches, device):
    for ids, x in batches:
        ids = ids.to(device)
        x = x.to(device)
        loss = model(x.masked_fill((ids == 0)[:, None], 0.0)).square().mean()
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
CASES = (Case("padding-rows", bad, good, inputs, SMALL, SIZES, dtype="float32", expected=(1.0, 2.5)),)
