"""LRF602: generation that recomputes all earlier tokens, against a KV cache."""

import torch
import torch.nn.functional as F
from torch import nn

from ..case import Case, Maker, Size


def bad(model, prompt, new_tokens):
    try:
        return model.generate(prompt, max_new_tokens=new_tokens, use_cache=False)
    except torch.OutOfMemoryError:
        return None


def good(model, prompt, new_tokens):
    try:
        return model.generate(prompt, max_new_tokens=new_tokens)
    except torch.OutOfMemoryError:
        return None


class Decoder(nn.Module):
    """A stack of attention layers with the ``generate`` of the usual libraries: greedy, with or without a cache."""

    def __init__(self, layers: int, hidden: int, heads: int, vocabulary: int) -> None:
        super().__init__()
        self.heads = heads
        self.embedding = nn.Embedding(vocabulary, hidden)
        self.projections = nn.ModuleList(nn.Linear(hidden, 3 * hidden, bias=False) for _ in range(layers))
        self.feeds = nn.ModuleList(nn.Linear(hidden, hidden, bias=False) for _ in range(layers))

    def forward(self, ids, past=None):
        hidden = self.embedding(ids)
        grown = []
        for layer, (project, feed) in enumerate(zip(self.projections, self.feeds, strict=True)):
            parts = project(F.rms_norm(hidden, hidden.shape[-1:])).chunk(3, dim=-1)
            q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
            if past is not None:
                k, v = torch.cat((past[layer][0], k), 2), torch.cat((past[layer][1], v), 2)
            grown.append((k, v))
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=past is None)
            hidden = hidden + feed(mixed.transpose(1, 2).flatten(2))
        return hidden[:, -1] @ self.embedding.weight.t(), grown

    @torch.no_grad()
    def generate(self, ids, max_new_tokens, use_cache=True):
        logits, past = self(ids)
        for _ in range(max_new_tokens - 1):
            newest = logits.argmax(-1, keepdim=True)
            ids = torch.cat((ids, newest), 1)
            logits, past = self(newest, past) if use_cache else self(ids)
        return logits


def inputs(make: Maker, layers: int, hidden: int, heads: int, prompt: int, new_tokens: int):
    model = make.module(lambda: Decoder(layers, hidden, heads, 1024))
    return model, make.indices(1024, 1, prompt), new_tokens


SMALL = {"layers": 2, "hidden": 32, "heads": 2, "prompt": 8, "new_tokens": 4}
SIZES = (
    Size("2048-wide", {"layers": 12, "hidden": 2048, "heads": 16, "prompt": 2048, "new_tokens": 32}),
    Size("512-wide", {"layers": 4, "hidden": 512, "heads": 8, "prompt": 128, "new_tokens": 32}, bound="launch"),
)
CASES = (Case("generate", bad, good, inputs, SMALL, SIZES, dtype="float32"),)
