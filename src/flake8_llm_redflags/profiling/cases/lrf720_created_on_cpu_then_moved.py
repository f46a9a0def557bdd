"""LRF720: a causal mask made on the host and sent over in each step, against one made where it is used."""

import torch

from ..case import Case, Maker, Size


def bad(model: torch.nn.Module, batches, device):
    total = torch.zeros((), device=device)
    with torch.no_grad():
        for x in batches:
            mask = torch.triu(torch.ones(x.size(0), x.size(0)), diagonal=1).to(device)
            total += (model(x.to(device)) * mask).sum()
    return total


def good(model: torch.nn.Module, batches, device):
    total = torch.zeros((), device=device)
    with torch.no_grad():
        for x in batches:
            mask = torch.triu(torch.ones(x.size(0), x.size(0), device=device), diagonal=1)
            total += (model(x.to(device)) * mask).sum()
    return total


def inputs(make: Maker, rows: int, steps: int):
    model = make.module(lambda: torch.nn.Linear(rows, rows))
    return model, [make.tensor(rows, rows) for _ in range(steps)], torch.device(make.device)


SMALL = {"rows": 16, "steps": 2}
SIZES = (
    Size("4096-wide", {"rows": 4096, "steps": 4}),
    Size("256-wide", {"rows": 256, "steps": 20}, bound="launch"),
)
CASES = (Case("causal-mask", bad, good, inputs, SMALL, SIZES, dtype="float32", expected=(1.2, 20.0)),)
