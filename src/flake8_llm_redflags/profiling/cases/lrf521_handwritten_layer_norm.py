"""LRF521: LayerNorm by hand, against one operator."""

import torch
import torch.nn.functional as F

from ..case import Case, Maker, Size


def bad(x, weight, bias):
    mean = x.mean(-1, keepdim=True)
    variance = x.var(-1, keepdim=True, unbiased=False)
    return weight * (x - mean) / torch.sqrt(variance + 1e-5) + bias


def good(x, weight, bias):
    return F.layer_norm(x, (x.size(-1),), weight, bias, 1e-5)


def inputs(make: Maker, batch: int, tokens: int, hidden: int):
    return make.tensor(batch, tokens, hidden), make.tensor(hidden), make.tensor(hidden)


SMALL = {"batch": 2, "tokens": 16, "hidden": 64}
SIZES = (
    Size("8x4096x4096", {"batch": 8, "tokens": 4096, "hidden": 4096}),
    Size("1x1x4096", {"batch": 1, "tokens": 1, "hidden": 4096}, bound="launch"),
)
CASES = (Case("layer-norm", bad, good, inputs, SMALL, SIZES, dtype="float32"),)
