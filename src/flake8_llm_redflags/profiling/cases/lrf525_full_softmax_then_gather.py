"""LRF525: log-probabilities of the whole vocabulary to pick one column, against one sequence at a time.

A matter of memory, so that is what is counted, with what ``logsumexp`` holds for one row inside itself.
"""

import torch
import torch.nn.functional as F

from ..case import Case, Maker, Size


def bad(logits, labels):
    return F.log_softmax(logits, dim=-1).gather(-1, labels.unsqueeze(-1)).squeeze(-1)


def good(logits, labels):
    rows = [
        row.gather(-1, label.unsqueeze(-1)) - row.logsumexp(-1, keepdim=True)
        for row, label in zip(logits, labels, strict=True)
    ]
    return torch.stack(rows).squeeze(-1)


def inputs(make: Maker, sequences: int, tokens: int, vocabulary: int):
    return make.tensor(sequences, tokens, vocabulary), make.indices(vocabulary, sequences, tokens)


SMALL = {"sequences": 4, "tokens": 8, "vocabulary": 2000}
SIZES = (Size("16x1k-128k", {"sequences": 16, "tokens": 1024, "vocabulary": 128256}),)
CASES = (
    Case("token-log-probabilities", bad, good, inputs, SMALL, SIZES, "float32", tolerance=8.0, metric="peak_bytes"),
)
