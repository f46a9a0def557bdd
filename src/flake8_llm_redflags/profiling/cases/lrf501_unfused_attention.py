"""LRF501: attention written out, against one fused kernel."""

import math

import torch
import torch.nn.functional as F

from ..case import Case, Maker, Size


def bad(q, k, v):
    scores = (q @ k.transpose(-2, -1)) / math.sqrt(q.size(-1))
    causal = torch.tril(torch.ones(q.size(-2), k.size(-2), dtype=torch.bool, device=q.device))
    scores = scores.masked_fill(~causal, float("-inf"))
    return F.softmax(scores, dim=-1) @ v


def good(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def inputs(make: Maker, batch: int, heads: int, tokens: int, width: int):
    return tuple(make.tensor(batch, heads, tokens, width) for _ in range(3))


def _flops(batch: int, heads: int, tokens: int, width: int) -> float:
    return 2.0 * batch * heads * tokens**2 * width


def _bytes(batch: int, heads: int, tokens: int, width: int) -> float:
    return 8.0 * batch * heads * tokens * width


SMALL = {"batch": 2, "heads": 2, "tokens": 48, "width": 16}
SIZES = tuple(
    Size(f"t{tokens}", {"batch": 4, "heads": 32, "tokens": tokens, "width": 128}) for tokens in (1024, 2048, 4096, 8192)
)
CASES = (
    Case("causal", bad, good, inputs, SMALL, SIZES, ideal_flops=_flops, ideal_bytes=_bytes),
    Case("causal-training", bad, good, inputs, SMALL, SIZES[:3], backward=True),
)
