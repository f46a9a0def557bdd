"""LRF520: RMSNorm in eight operators, against one."""

import torch
import torch.nn.functional as F

from ..case import Case, Maker, Size


def bad(x, weight):
    wide = x.float()
    normed = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)
    return normed.type_as(x) * weight


def good(x, weight):
    return F.rms_norm(x, (x.size(-1),), weight, 1e-6)


def inputs(make: Maker, batch: int, tokens: int, hidden: int):
    return make.tensor(batch, tokens, hidden), make.tensor(hidden)


SMALL = {"batch": 2, "tokens": 16, "hidden": 64}
SIZES = (
    Size("8x4096x4096", {"batch": 8, "tokens": 4096, "hidden": 4096}),
    Size("1x1x4096", {"batch": 1, "tokens": 1, "hidden": 4096}, bound="launch"),
)


def _bytes(batch: int, tokens: int, hidden: int) -> float:
    return 4.0 * batch * tokens * hidden


CASES = (Case("rms-norm", bad, good, inputs, SMALL, SIZES, ideal_bytes=_bytes, one_kernel=True),)
