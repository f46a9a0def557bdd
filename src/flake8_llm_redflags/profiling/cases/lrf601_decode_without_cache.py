"""LRF601: a decode loop that feeds the whole sequence again for each token, against one that keeps keys and values."""

import torch

from ..case import Case
from .decoder import SIZES, SMALL, inputs


@torch.no_grad()
def bad(model, ids, new_tokens):
    for _ in range(new_tokens):
        logits, _ = model(ids)
        ids = torch.cat((ids, logits.argmax(-1, keepdim=True)), dim=1)
    return ids


@torch.no_grad()
def good(model, ids, new_tokens):
    logits, past_key_values = model(ids)
    tokens = [logits.argmax(-1, keepdim=True)]
    for _ in range(new_tokens - 1):
        logits, past_key_values = model(tokens[-1], past_key_values)
        tokens.append(logits.argmax(-1, keepdim=True))
    return torch.cat((ids, *tokens), dim=1)


CASES = (Case("greedy", bad, good, inputs, SMALL, SIZES, dtype="float32"),)
