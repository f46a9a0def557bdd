"""LRF525: log-probabilities of the whole vocabulary to pick one column, against cross-entropy, which picks it."""

import torch.nn.functional as F

from ..case import Case, Maker, Size


def bad(logits, labels):
    return F.log_softmax(logits.float(), dim=-1).gather(-1, labels.unsqueeze(-1)).squeeze(-1)


def good(logits, labels):
    return -F.cross_entropy(logits, labels, reduction="none")


def inputs(make: Maker, tokens: int, vocabulary: int):
    return make.tensor(tokens, vocabulary), make.indices(vocabulary, tokens)


SMALL = {"tokens": 16, "vocabulary": 2000}
SIZES = (Size("16k-128k", {"tokens": 16384, "vocabulary": 128256}),)
CASES = (Case("token-log-probabilities", bad, good, inputs, SMALL, SIZES, dtype="float32"),)
