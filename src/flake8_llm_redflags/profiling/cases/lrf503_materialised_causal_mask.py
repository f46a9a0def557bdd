"""LRF503: a causal mask built and handed over, which rules the flash kernel out, against the flag."""

import torch
import torch.nn.functional as F

from ..case import Case
from .lrf501_unfused_attention import SIZES, SMALL, inputs


def bad(q, k, v):
    mask = torch.tril(torch.ones(q.size(-2), q.size(-2), dtype=torch.bool, device=q.device))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def good(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


CASES = (Case("square", bad, good, inputs, SMALL, SIZES),)
