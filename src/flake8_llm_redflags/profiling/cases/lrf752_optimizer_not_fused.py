"""LRF752: AdamW in a pass per operation over all parameters, against one pass."""

import torch

from ..case import Case, Maker, Size


def bad(model: torch.nn.Module, batches, device):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for x in batches:
        model(x.to(device)).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    return model[0].weight.detach().clone()


def good(model: torch.nn.Module, batches, device):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    for x in batches:
        model(x.to(device)).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    return model[0].weight.detach().clone()


def inputs(make: Maker, layers: int, hidden: int, rows: int, steps: int):
    model = make.module(lambda: torch.nn.Sequential(*(torch.nn.Linear(hidden, hidden) for _ in range(layers))))
    return model, [make.tensor(rows, hidden) for _ in range(steps)], torch.device(make.device)


SMALL = {"layers": 2, "hidden": 16, "rows": 8, "steps": 3}
SIZES = (
    Size("4096-wide", {"layers": 12, "hidden": 4096, "rows": 64, "steps": 4}),
    Size("512-wide", {"layers": 24, "hidden": 512, "rows": 32, "steps": 10}, bound="launch"),
)
CASES = (Case("adamw", bad, good, inputs, SMALL, SIZES, dtype="float32"),)
