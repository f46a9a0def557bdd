"""Cases that put people's numbers to the test and belong to no rule."""

import torch
import torch.nn.functional as F
from torch import nn

from ..case import Case, Maker, Size
from . import training_steps


def layer_norm(x, weight):
    return F.layer_norm(x, (x.size(-1),), weight, None, 1e-6)


def rms_norm(x, weight):
    return F.rms_norm(x, (x.size(-1),), weight, 1e-6)


def centred(make: Maker, batch: int, tokens: int, hidden: int):
    """Return rows whose mean is zero, for which both norms are the same."""
    x = make.tensor(batch, tokens, hidden)
    return x - x.mean(-1, keepdim=True), make.tensor(hidden)


def norm_bytes(batch: int, tokens: int, hidden: int) -> float:
    return 4.0 * batch * tokens * hidden


def float32_steps(model: nn.Module, optimizer, batches, device):
    for x, y in batches:
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
    return loss.detach()


def mixed_steps(model: nn.Module, optimizer, batches, device):
    for x, y in batches:
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16):
            loss = F.mse_loss(model(x).float(), y)
        loss.backward()
        optimizer.step()
    return loss.detach()


NORM_SMALL = {"batch": 2, "tokens": 16, "hidden": 64}
NORM_SIZES = (Size("8x4096x4096", {"batch": 8, "tokens": 4096, "hidden": 4096}),)
CASES = (
    Case(
        "rms-norm-over-layer-norm", layer_norm, rms_norm, centred, NORM_SMALL, NORM_SIZES,
        agreement=1e-2, tolerance=8.0, ideal_bytes=norm_bytes, one_kernel=True, expected=(1.15, 1.25),
    ),
    Case(
        "mixed-precision", float32_steps, mixed_steps, training_steps.inputs, training_steps.SMALL, training_steps.SIZES[1:],
        dtype="float32", tolerance=2.0**17, before=lambda: torch.set_float32_matmul_precision("highest"), expected=(2.0, 3.0),
    ),
)  # fmt: skip
