"""LRF522: the tanh form of GELU by hand, against one operator."""

import math

import torch
import torch.nn.functional as F

from ..case import Case, Maker, Size


def bad(x):
    return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))))


def good(x):
    return F.gelu(x, approximate="tanh")


def inputs(make: Maker, batch: int, tokens: int, hidden: int):
    return (make.tensor(batch, tokens, hidden),)


SMALL = {"batch": 2, "tokens": 16, "hidden": 64}
SIZES = (
    Size("8x4096x11008", {"batch": 8, "tokens": 4096, "hidden": 11008}),
    Size("1x1x11008", {"batch": 1, "tokens": 1, "hidden": 11008}, bound="launch"),
)
CASES = (Case("tanh", bad, good, inputs, SMALL, SIZES),)
