"""LRF741: a running sum that keeps the graph of every step, against a sum of numbers.

After ``backward`` the graph's tensors are freed; what stays is counted: the nodes of all steps.
"""

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
        total += loss
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


CASES = (Case("sum-of-losses", bad, good, inputs, SMALL, SIZES[:1], dtype="float32", metric="kept_nodes"),)
