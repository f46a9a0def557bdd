"""Random text in batches."""

import torch


def batches(count, device, size=4, length=128, vocabulary=96):
    for _ in range(count):
        ids = torch.randint(vocabulary, (size, length + 1), device=device)
        yield ids[:, :-1], ids[:, 1:]
