"""LRF708: the log-probability of each row's token read one by one, against one read of all."""

import torch

from ..case import Case, Maker, Size


def bad(model: torch.nn.Module, batches, device):
    scores = []
    with torch.no_grad():
        for x, targets in batches:
            logits = model(x.to(device))
            for row in range(len(targets)):
                scores.append(logits[row, targets[row]].item())
    return scores


def good(model: torch.nn.Module, batches, device):
    scores = []
    with torch.no_grad():
        for x, targets in batches:
            logits = model(x.to(device))
            scores += logits.gather(1, targets.to(device)[:, None])[:, 0].tolist()
    return scores


def inputs(make: Maker, hidden: int, rows: int, steps: int):
    model = make.module(lambda: torch.nn.Linear(hidden, hidden, bias=False))
    batches = [(make.tensor(rows, hidden), make.indices(hidden, rows)) for _ in range(steps)]
    return model, batches, torch.device(make.device)


SMALL = {"hidden": 8, "rows": 6, "steps": 2}
SIZES = (
    Size("64-rows", {"hidden": 4096, "rows": 64, "steps": 4}, bound="launch"),
    Size("64-rows-32k-wide", {"hidden": 32768, "rows": 64, "steps": 2}),
)
CASES = (Case("token-scores", bad, good, inputs, SMALL, SIZES, dtype="float32", expected=(2.0, 60.0)),)
