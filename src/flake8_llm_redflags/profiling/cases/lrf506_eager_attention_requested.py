"""LRF506: a model loaded with its written-out attention, against the library's default."""

import torch

from ..case import Case, Maker
from .decoder import SIZES, SMALL, Decoder


@torch.no_grad()
def bad(AutoModelForCausalLM, checkpoint, ids):
    model = AutoModelForCausalLM.from_pretrained(checkpoint, attn_implementation="eager")
    logits, _ = model(ids)
    return logits


@torch.no_grad()
def good(AutoModelForCausalLM, checkpoint, ids):
    model = AutoModelForCausalLM.from_pretrained(checkpoint)
    logits, _ = model(ids)
    return logits


class Resident:
    """Stands for the library's class: ``from_pretrained`` hands out a model that is loaded already."""

    @staticmethod
    def from_pretrained(checkpoint, attn_implementation="sdpa"):
        checkpoint.attention = attn_implementation
        return checkpoint


def inputs(make: Maker, layers: int, hidden: int, heads: int, prompt: int, new_tokens: int):
    model = make.module(lambda: Decoder(layers, hidden, heads, 1024))
    return Resident, model, make.indices(1024, 1, prompt)


CASES = (Case("prefill", bad, good, inputs, SMALL, SIZES),)
