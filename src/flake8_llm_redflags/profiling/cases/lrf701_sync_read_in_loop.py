"""LRF701: the loss read on the host in every step, against once at the end."""

from torch import nn

from ..case import Case
from .training_steps import SIZES, SMALL, inputs


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


CASES = (Case("sum-of-losses", bad, good, inputs, SMALL, SIZES, dtype="float32", expected=(1.0, 2.5)),)
