"""LRF605: logits of every prompt position when the last alone is used."""

from torch import nn

from ..case import Case, Maker, Size


def bad(lm_head: nn.Linear, hidden):
    logits = lm_head(hidden)
    return logits[:, -1]


def good(lm_head: nn.Linear, hidden):
    logits = lm_head(hidden[:, -1:])
    return logits[:, -1]


def inputs(make: Maker, batch: int, tokens: int, hidden: int, vocabulary: int):
    return make.module(lambda: nn.Linear(hidden, vocabulary, bias=False)), make.tensor(batch, tokens, hidden)


SMALL = {"batch": 2, "tokens": 8, "hidden": 16, "vocabulary": 64}
SIZES = (Size("8x4k-128k", {"batch": 8, "tokens": 4096, "hidden": 4096, "vocabulary": 128256}),)
CASES = (Case("prefill", bad, good, inputs, SMALL, SIZES),)
