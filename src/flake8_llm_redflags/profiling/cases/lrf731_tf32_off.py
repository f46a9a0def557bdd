"""LRF731: float32 products outside the tensor cores, against TensorFloat-32.

The results differ by TensorFloat-32's shorter fraction, 10 bits instead of 23: that is the trade, and the tolerance.
"""

import torch
from torch import nn

from ..case import Case
from .training_steps import SIZES, SMALL, inputs


def bad(model: nn.Module, optimizer, batches, device):
    model = model.to(device)
    for x, y in batches:
        loss = nn.functional.mse_loss(model(x.to(device)), y.to(device))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return loss.detach()


def good(model: nn.Module, optimizer, batches, device):
    torch.set_float32_matmul_precision("high")
    model = model.to(device)
    for x, y in batches:
        loss = nn.functional.mse_loss(model(x.to(device)), y.to(device))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return loss.detach()


def full_precision() -> None:
    """Put back PyTorch's default, which the good body changes for the whole process."""
    torch.set_float32_matmul_precision("highest")


CASES = (
    Case(
        "training-step",
        bad,
        good,
        inputs,
        SMALL,
        SIZES[::-1],
        dtype="float32",
        tolerance=2.0**14,
        before=full_precision,
    ),
)
