"""LRF753: gradient descent parameter by parameter, against one call for all."""

import torch

from ..case import Case, Maker, Size


def bad(model: torch.nn.Module, batches, device):
    for x in batches:
        model.zero_grad()
        loss = model(x.to(device)).square().mean()
        loss.backward()
        for parameter in model.parameters():
            parameter.data.add_(parameter.grad, alpha=-1e-3)
    return loss.detach()


def good(model: torch.nn.Module, batches, device):
    parameters = list(model.parameters())
    for x in batches:
        model.zero_grad()
        loss = model(x.to(device)).square().mean()
        loss.backward()
        with torch.no_grad():
            torch._foreach_add_(parameters, [parameter.grad for parameter in parameters], alpha=-1e-3)
    return loss.detach()


def inputs(make: Maker, layers: int, hidden: int, rows: int, steps: int):
    model = make.module(lambda: torch.nn.Sequential(*(torch.nn.Linear(hidden, hidden) for _ in range(layers))))
    return model, [make.tensor(rows, hidden) for _ in range(steps)], torch.device(make.device)


SMALL = {"layers": 3, "hidden": 8, "rows": 4, "steps": 2}
SIZES = (
    Size("150-layers", {"layers": 150, "hidden": 256, "rows": 32, "steps": 4}, bound="launch"),
    Size("4096-wide", {"layers": 4, "hidden": 4096, "rows": 1024, "steps": 2}),
)
CASES = (Case("gradient-descent", bad, good, inputs, SMALL, SIZES, dtype="float32", expected=(1.0, 2.0)),)
