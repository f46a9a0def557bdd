"""LRF604: prompts generated one after another, each reading all weights anew, against one batch."""

import torch

from ..case import Case, Maker, Size
from .decoder import Decoder


def bad(model, tokenizer, prompts):
    answers = []
    for prompt in prompts:
        batch = tokenizer(prompt, return_tensors="pt").to(model.device)
        try:
            answers.append(model.generate(**batch, max_new_tokens=16))
        except torch.OutOfMemoryError as error:
            raise MemoryError("too long a prompt for this GPU") from error
    return torch.cat(answers)


def good(model, tokenizer, prompts):
    batch = tokenizer(prompts, return_tensors="pt", padding=True).to(model.device)
    try:
        return model.generate(**batch, max_new_tokens=16)
    except torch.OutOfMemoryError as error:
        raise MemoryError("too many prompts for this GPU") from error


class Encoded(dict):
    """What a tokenizer returns: named tensors that move together."""

    def to(self, device):
        return Encoded({name: value.to(device) for name, value in self.items()})


class Tokenizer:
    """Stands for a library's tokenizer: prompts of one length, known beforehand, so that there is nothing to pad."""

    def __init__(self, ids) -> None:
        self.ids = ids

    def __call__(self, prompts, return_tensors, padding=False):
        wanted = [prompts] if isinstance(prompts, int) else prompts
        return Encoded(input_ids=self.ids[list(wanted)])


def inputs(make: Maker, layers: int, hidden: int, heads: int, prompts: int, tokens: int):
    model = make.module(lambda: Decoder(layers, hidden, heads, 1024))
    return model, Tokenizer(make.indices(1024, prompts, tokens)), range(prompts)


SMALL = {"layers": 2, "hidden": 32, "heads": 2, "prompts": 3, "tokens": 8}
SIZES = (
    Size("8-prompts", {"layers": 4, "hidden": 4096, "heads": 32, "prompts": 8, "tokens": 128}),
    Size("4-prompts-narrow", {"layers": 4, "hidden": 512, "heads": 8, "prompts": 4, "tokens": 128}, bound="launch"),
)
CASES = (Case("greedy", bad, good, inputs, SMALL, SIZES, expected=(2.0, 16.0)),)
