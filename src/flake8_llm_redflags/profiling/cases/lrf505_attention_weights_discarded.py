"""LRF505: attention weights computed, averaged and dropped, against the fused path."""

from torch import nn

from ..case import Case, Maker, Size


def bad(attention: nn.MultiheadAttention, x):
    return attention(x, x, x)[0]


def good(attention: nn.MultiheadAttention, x):
    return attention(x, x, x, need_weights=False)[0]


def inputs(make: Maker, batch: int, heads: int, tokens: int, hidden: int):
    return make.module(lambda: nn.MultiheadAttention(hidden, heads, batch_first=True)), make.tensor(
        batch, tokens, hidden
    )


SMALL = {"batch": 2, "heads": 2, "tokens": 24, "hidden": 16}
SIZES = tuple(
    Size(f"t{tokens}", {"batch": 4, "heads": 32, "tokens": tokens, "hidden": 4096}) for tokens in (1024, 4096)
)
CASES = (Case("self-attention", bad, good, inputs, SMALL, SIZES),)
