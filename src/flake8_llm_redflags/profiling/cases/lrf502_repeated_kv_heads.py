"""LRF502: keys and values copied to every query head, against attention that shares them."""

import torch.nn.functional as F

from ..case import Case, Maker, Size


def bad(q, k, v):
    groups = q.size(1) // k.size(1)
    k = k.repeat_interleave(groups, dim=1)
    v = v.repeat_interleave(groups, dim=1)
    return F.scaled_dot_product_attention(q, k, v)


def good(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, enable_gqa=True)


def inputs(make: Maker, batch: int, heads: int, kv_heads: int, tokens: int, width: int):
    q = make.tensor(batch, heads, 1, width)
    return q, make.tensor(batch, kv_heads, tokens, width), make.tensor(batch, kv_heads, tokens, width)


def _bytes(batch: int, heads: int, kv_heads: int, tokens: int, width: int) -> float:
    return 4.0 * batch * width * (kv_heads * tokens + heads)


SMALL = {"batch": 2, "heads": 4, "kv_heads": 2, "tokens": 24, "width": 16}
SIZES = tuple(
    Size(f"b{batch}-t{tokens}", {"batch": batch, "heads": 64, "kv_heads": 8, "tokens": tokens, "width": 128})
    for batch, tokens in ((8, 8192), (32, 8192), (1, 32768))
)
CASES = (Case("decode", bad, good, inputs, SMALL, SIZES, ideal_bytes=_bytes, one_kernel=True),)
