"""LRF740: evaluation that keeps every activation for a backward pass that never comes."""

import torch

from ..case import Case, Maker, Size


def bad(model: torch.nn.Module, batches, device):
    model.eval()
    total = 0.0
    for x in batches:
        total = total + model(x.to(device)).square().mean().detach()
    return total


@torch.no_grad()
def good(model: torch.nn.Module, batches, device):
    model.eval()
    total = 0.0
    for x in batches:
        total = total + model(x.to(device)).square().mean().detach()
    return total


def inputs(make: Maker, layers: int, hidden: int, rows: int, steps: int):
    def stack() -> torch.nn.Module:
        pairs = ((torch.nn.Linear(hidden, hidden), torch.nn.GELU()) for _ in range(layers))
        return torch.nn.Sequential(*(module for pair in pairs for module in pair))

    return make.module(stack), [make.tensor(rows, hidden) for _ in range(steps)], torch.device(make.device)


SMALL = {"layers": 2, "hidden": 8, "rows": 4, "steps": 2}
SIZES = (Size("2048-wide", {"layers": 24, "hidden": 2048, "rows": 8192, "steps": 2}),)
CASES = (Case("evaluate", bad, good, inputs, SMALL, SIZES, expected=(1.0, 1.5)),)
