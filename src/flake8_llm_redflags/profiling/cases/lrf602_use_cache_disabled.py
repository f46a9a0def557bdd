"""LRF602: generation that recomputes all earlier tokens, against a KV cache."""

import torch

from ..case import Case
from .decoder import SIZES, SMALL, inputs


def bad(model, prompt, new_tokens):
    try:
        return model.generate(prompt, max_new_tokens=new_tokens, use_cache=False)
    except torch.OutOfMemoryError as error:
        raise MemoryError("too long a prompt for this GPU") from error


def good(model, prompt, new_tokens):
    try:
        return model.generate(prompt, max_new_tokens=new_tokens)
    except torch.OutOfMemoryError as error:
        raise MemoryError("too long a prompt for this GPU") from error


CASES = (Case("generate", bad, good, inputs, SMALL, SIZES, dtype="float32"),)
