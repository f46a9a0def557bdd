"""LRF608: each token chosen on the host and sent back, against a choice on the device."""

import torch

from ..case import Case
from .decoder import SIZES, SMALL, inputs


@torch.no_grad()
def bad(model, ids, new_tokens):
    token, past_key_values, tokens = ids, None, []
    for _ in range(new_tokens):
        logits, past_key_values = model(token, past_key_values)
        token = torch.argmax(logits.cpu(), dim=-1, keepdim=True).to(ids.device)
        tokens.append(token)
    return torch.cat(tokens, dim=1)


@torch.no_grad()
def good(model, ids, new_tokens):
    token, past_key_values, tokens = ids, None, []
    for _ in range(new_tokens):
        logits, past_key_values = model(token, past_key_values)
        token = torch.argmax(logits, dim=-1, keepdim=True)
        tokens.append(token)
    return torch.cat(tokens, dim=1)


CASES = (Case("greedy", bad, good, inputs, SMALL, SIZES[::-1], dtype="float32", expected=(1.0, 2.0)),)
