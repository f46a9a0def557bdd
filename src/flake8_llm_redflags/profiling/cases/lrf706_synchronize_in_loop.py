"""LRF706: a wait for the device in every step, against none."""

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
        torch.cuda.synchronize()
    return loss.detach()


def good(model: nn.Module, optimizer, batches, device):
    for x, y in batches:
        loss = nn.functional.mse_loss(model(x.to(device)), y.to(device))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return loss.detach()


CASES = (Case("training-step", bad, good, inputs, SMALL, SIZES, dtype="float32", expected=(1.0, 2.0)),)
