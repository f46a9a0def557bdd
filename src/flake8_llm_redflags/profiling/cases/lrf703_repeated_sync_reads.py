"""LRF703: three losses read one after another, against one read of all."""

import torch
from torch import nn

from ..case import Case
from .training_steps import SIZES, SMALL, inputs


def bad(model, optimizer, batches, device):
    history = []
    for x, y in batches:
        out = model(x.to(device))
        fit = nn.functional.mse_loss(out, y.to(device))
        size = out.square().mean()
        total = fit + 0.1 * size
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        history.append((fit.item(), size.item(), total.item()))
    return history


def good(model, optimizer, batches, device):
    history = []
    for x, y in batches:
        out = model(x.to(device))
        fit = nn.functional.mse_loss(out, y.to(device))
        size = out.square().mean()
        total = fit + 0.1 * size
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        history.append(torch.stack((fit, size, total)).detach())
    return torch.stack(history).flatten().tolist()


CASES = (Case("three-losses", bad, good, inputs, SMALL, SIZES, dtype="float32", expected=(1.0, 2.5)),)
