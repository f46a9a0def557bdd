"""LRF702: a host read between forward and backward, against none: the queue runs empty before the longer half."""

import math

from torch import nn

from ..case import Case
from .training_steps import SIZES, SMALL, inputs


def bad(model, optimizer, batches, device):
    for x, y in batches:
        loss = nn.functional.mse_loss(model(x.to(device)), y.to(device))
        print_every_step(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.detach()


def good(model, optimizer, batches, device):
    for x, y in batches:
        loss = nn.functional.mse_loss(model(x.to(device)), y.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.detach()


def print_every_step(value: float) -> None:
    """Stand for a progress bar: takes a host number, costs nothing itself."""
    assert not math.isnan(value)


CASES = (Case("item", bad, good, inputs, SMALL, SIZES, dtype="float32", expected=(1.0, 3.0)),)
