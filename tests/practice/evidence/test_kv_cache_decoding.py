"""Each defect of the decoding scenario changes what is completed, and its good variant and decoys do not."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from . import support

NAME = "kv-cache-decoding"
holds = partial(support.holds, NAME)
END = 49


def code(**sites: int) -> Any:
    return support.module(NAME, "decode.py", **sites)


class Tiny(nn.Module):
    """Two layers of the scenario's attention between an embedding and a head; no MLP."""

    def __init__(self, made: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.made = made
        self.tokens = nn.Embedding(50, 16)
        self.layers = nn.ModuleList(made.CachedAttention(16, 2, layer) for layer in range(2))
        self.head = nn.Linear(16, 49)  # cannot say END
        for layer in self.layers:
            nn.init.normal_(layer.qkv.weight, std=0.5)
            nn.init.normal_(layer.out.weight, std=0.5)

    def new_cache(self, batch: int, limit: int) -> Any:
        return self.made.KVCache(2, batch, 2, limit, 8)

    def forward(self, ids: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor, cache: Any) -> torch.Tensor:
        x = self.tokens(ids)
        for layer in self.layers:
            x = x + layer(x, positions, mask, cache)
        return self.head(x)


def recomputed(prompt: list[int], count: int) -> list[int]:
    """Return the likeliest tokens after a prompt, each from a run over everything before it."""
    model, ids = Tiny(code()), list(prompt)
    for _ in range(count):
        at, seen = torch.arange(len(ids))[None], torch.ones(1, len(ids), dtype=torch.bool)
        logits = model(torch.tensor([ids]), at, seen, model.new_cache(1, len(ids)))
        ids.append(int(logits[0, -1].argmax()))
    return ids[len(prompt) :]


@pytest.mark.parametrize("site", ["put", "rotate", "visible", "padded", "advance"])
def test_cached_tokens(site: str) -> None:
    prompts = [[5, 6, 7, 8, 9, 10], [11, 12, 13]]
    ids = torch.tensor([prompts[0], [0, 0, 0, *prompts[1]]])
    mask = torch.tensor([[True] * 6, [False] * 3 + [True] * 3])

    def equals_the_old_code(variant: int) -> bool:
        made = code(**{site: variant})
        found = made.complete(Tiny(made), ids, mask, END, limit=12, temperature=0)
        return found.tolist() == [recomputed(prompt, 12) for prompt in prompts]

    holds(site, equals_the_old_code)


def test_greedy() -> None:
    def takes_the_likeliest(variant: int) -> bool:
        try:
            return code(greedy=variant).sample(torch.tensor([[1.0, 3.0, 2.0]]), 0, 0.95).tolist() == [1]
        except RuntimeError:  # multinomial refuses NaN
            return False

    holds("greedy", takes_the_likeliest)


def drawn(made: Any, probabilities: list[float], top_p: float) -> set[int]:
    torch.manual_seed(0)
    logits = torch.tensor(probabilities).log().expand(400, -1)
    return set(made.sample(logits, 1.0, top_p).tolist())


def test_temperature() -> None:
    def flattens(variant: int) -> bool:
        torch.manual_seed(0)
        logits = torch.tensor([0.9, 0.09, 0.01]).log().expand(1000, -1)
        tokens = code(temperature=variant).sample(logits, temperature=100.0, top_p=1.0)
        return (tokens == 0).float().mean().item() < 0.5

    holds("temperature", flattens)


def test_nucleus() -> None:
    def keeps_what_crosses(variant: int) -> bool:
        made = code(nucleus=variant)
        try:
            return drawn(made, [0.6, 0.3, 0.1], top_p=0.8) == {0, 1} and drawn(made, [0.97, 0.02, 0.01], top_p=0.9) == {
                0
            }
        except RuntimeError:  # nothing left to draw
            return False

    holds("nucleus", keeps_what_crosses)


class Script(nn.Module):
    """A model that says END to the first row at its second step, and to the other at its twelfth."""

    def __init__(self) -> None:
        super().__init__()
        self.step = 0

    def new_cache(self, batch: int, limit: int) -> Any:
        return code().KVCache(1, batch, 1, limit, 2)

    def forward(self, ids: torch.Tensor, *_: Any) -> torch.Tensor:
        self.step += 1
        said = torch.tensor([END if self.step == 2 else 7, END if self.step == 12 else 8])
        return nn.functional.one_hot(said, 50).float()[:, None].expand(-1, ids.size(1), -1)


def completed(made: Any, model: Script) -> list[list[int]]:
    return made.complete(
        model, torch.ones(2, 3, dtype=torch.long), torch.ones(2, 3).bool(), END, temperature=0
    ).tolist()


def test_end() -> None:
    def is_silent_after_the_end(variant: int) -> bool:
        first, _ = completed(code(finished=variant), Script())
        return first[:2] == [7, END] and set(first[2:]) == {END}

    holds("finished", is_silent_after_the_end)


def test_stop() -> None:
    def lets_all_rows_end(variant: int) -> bool:
        _, second = completed(code(stop=variant), Script())
        return len(second) == 16 and second[11] == END

    holds("stop", lets_all_rows_end)
