"""LRF620: 4-bit weights spread out to float32 for each product, against bfloat16.

``FourBitLinear`` stands for the library's layer: the arithmetic is the same, its kernels are not.
"""

import torch
import torch.nn.functional as F

from ..case import Case, Maker, Size


@torch.no_grad()
def bad(BitsAndBytesConfig, load, x):
    layer = load(BitsAndBytesConfig(load_in_4bit=True))
    return layer(x)


@torch.no_grad()
def good(BitsAndBytesConfig, load, x):
    layer = load(BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_compute_dtype=torch.bfloat16))
    return layer(x)


class Config:
    """Stands for the library's configuration, with its default."""

    def __init__(self, load_in_4bit, bnb_4bit_compute_dtype=torch.float32) -> None:
        self.compute_dtype = bnb_4bit_compute_dtype


class FourBitLinear(torch.nn.Module):
    """Weights as numbers from 0 to 15 with a scale for each 64 of them; input of any width, output like the input."""

    def __init__(self, codes, scales) -> None:
        super().__init__()
        self.register_buffer("codes", codes)
        self.register_buffer("scales", scales)
        self.compute_dtype = torch.float32

    def forward(self, x):
        weight = (self.codes.to(self.compute_dtype) - 7.5) * self.scales.to(self.compute_dtype)
        return F.linear(x.to(self.compute_dtype), weight.flatten(1)).to(x.dtype)

    def __call__(self, value):
        if isinstance(value, Config):
            self.compute_dtype = value.compute_dtype
            return self
        return super().__call__(value)


def inputs(make: Maker, rows: int, hidden: int):
    codes = make.indices(16, hidden, hidden // 64, 64).to(torch.uint8)
    layer = FourBitLinear(codes, make.tensor(hidden, hidden // 64, 1).abs() * hidden**-0.5)
    return Config, layer, make.tensor(rows, hidden)


SMALL = {"rows": 8, "hidden": 128}
SIZES = (
    Size("prefill-8192", {"rows": 4096, "hidden": 8192}),
    Size("decode-8192", {"rows": 1, "hidden": 8192}),
)
CASES = (Case("linear", bad, good, inputs, SMALL, SIZES, agreement=5e-3, tolerance=8.0),)
