"""A small decoder that several cases share, with the ``generate`` of the usual libraries."""

import torch
import torch.nn.functional as F
from torch import nn

from ..case import Maker, Size


class Decoder(nn.Module):
    """A stack of attention layers; greedy decoding, with or without a cache.

    ``attention`` is "sdpa", the fused operator, or "eager", as libraries name the one written out.
    """

    def __init__(self, layers: int, hidden: int, heads: int, vocabulary: int) -> None:
        super().__init__()
        self.heads, self.attention = heads, "sdpa"
        self.embedding = nn.Embedding(vocabulary, hidden)
        self.projections = nn.ModuleList(nn.Linear(hidden, 3 * hidden, bias=False) for _ in range(layers))
        self.feeds = nn.ModuleList(nn.Linear(hidden, hidden, bias=False) for _ in range(layers))

    @property
    def device(self):
        return self.embedding.weight.device

    def forward(self, ids, past=None):
        hidden = self.embedding(ids)
        grown = []
        for layer, (project, feed) in enumerate(zip(self.projections, self.feeds, strict=True)):
            parts = project(F.rms_norm(hidden, hidden.shape[-1:])).chunk(3, dim=-1)
            q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
            if past is not None:
                k, v = torch.cat((past[layer][0], k), 2), torch.cat((past[layer][1], v), 2)
            grown.append((k, v))
            mixed = self._attend(q, k, v, causal=past is None)
            hidden = hidden + feed(mixed.transpose(1, 2).flatten(2))
        return hidden[:, -1] @ self.embedding.weight.t(), grown

    def _attend(self, q, k, v, *, causal: bool):
        if self.attention == "sdpa":
            return F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        scores = q @ k.transpose(-2, -1) * q.size(-1) ** -0.5
        if causal:
            later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
            scores = scores.masked_fill(later, float("-inf"))
        return scores.float().softmax(-1).to(v.dtype) @ v

    @torch.no_grad()
    def generate(self, input_ids, max_new_tokens, use_cache=True):
        ids = input_ids
        logits, past = self(ids)
        for _ in range(max_new_tokens - 1):
            newest = logits.argmax(-1, keepdim=True)
            ids = torch.cat((ids, newest), 1)
            logits, past = self(newest, past) if use_cache else self(ids)
        return logits


def inputs(make: Maker, layers: int, hidden: int, heads: int, prompt: int, new_tokens: int):
    """Return model, token ids of one prompt and the number of tokens to make."""
    model = make.module(lambda: Decoder(layers, hidden, heads, 1024))
    return model, make.indices(1024, 1, prompt), new_tokens


SMALL = {"layers": 2, "hidden": 32, "heads": 2, "prompt": 8, "new_tokens": 4}
SIZES = (
    Size("2048-wide", {"layers": 6, "hidden": 2048, "heads": 16, "prompt": 2048, "new_tokens": 16}),
    Size("512-wide", {"layers": 4, "hidden": 512, "heads": 8, "prompt": 128, "new_tokens": 32}, bound="launch"),
)
