"""LRF707: the cache of free blocks given back in every step and asked for again in the next, against kept."""

import torch
from torch import nn

from ..case import Case
from .training_steps import SIZES, SMALL, inputs


def bad(model: nn.Module, optimizer, batches, device):
    for x, y in batches:
        loss = nn.functional.mse_loss(model(x.to(device)), y.to(device))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        torch.cuda.empty_cache()
    return loss.detach()


def good(model: nn.Module, optimizer, batches, device):
    for x, y in batches:
        loss = nn.functional.mse_loss(model(x.to(device)), y.to(device))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return loss.detach()


CASES = (Case("training-step", bad, good, inputs, SMALL, SIZES, dtype="float32", expected=(1.0, 4.0)),)
