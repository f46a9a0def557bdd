"""LRF603: a KV cache that is copied whole for each token, against one that is allocated once and written in place."""

import torch
import torch.nn.functional as F

from ..case import Case, Maker, Size


@torch.no_grad()
def bad(tokens, past_key, past_value):
    mixed = []
    for query, key, value in tokens:
        past_key = torch.cat([past_key, key], dim=2)
        past_value = torch.cat([past_value, value], dim=2)
        mixed.append(F.scaled_dot_product_attention(query, past_key, past_value))
    return torch.cat(mixed, dim=2)


@torch.no_grad()
def good(tokens, past_key, past_value):
    end = past_key.size(2)
    keys, values = F.pad(past_key, (0, 0, 0, len(tokens))), F.pad(past_value, (0, 0, 0, len(tokens)))
    mixed = []
    for query, key, value in tokens:
        keys[:, :, end : end + 1], values[:, :, end : end + 1] = key, value
        end += 1
        mixed.append(F.scaled_dot_product_attention(query, keys[:, :, :end], values[:, :, :end]))
    return torch.cat(mixed, dim=2)


def inputs(make: Maker, batch: int, heads: int, context: int, steps: int, width: int):
    tokens = [tuple(make.tensor(batch, heads, 1, width) for _ in range(3)) for _ in range(steps)]
    return tokens, make.tensor(batch, heads, context, width), make.tensor(batch, heads, context, width)


SMALL = {"batch": 2, "heads": 2, "context": 16, "steps": 4, "width": 8}
SIZES = tuple(
    Size(f"b{batch}-t{context}", {"batch": batch, "heads": 32, "context": context, "steps": 32, "width": 128}, bound)
    for batch, context, bound in ((8, 4096, "gpu"), (1, 4096, "gpu"), (8, 32768, "gpu"), (1, 512, "launch"))
)
CASES = (Case("decode", bad, good, inputs, SMALL, SIZES, expected=(1.1, 4.0)),)
