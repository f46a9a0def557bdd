"""LRF761: gradients reduced over all processes after every micro-batch, against once per update.

Counted, not timed: what a reduction costs is the network's matter. One process suffices to count the calls.
"""

from contextlib import nullcontext

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ..case import Case, Maker, Size


def bad(module: nn.Module, batches, device, accumulation):
    model = DistributedDataParallel(module)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, fused=True)
    for step, x in enumerate(batches):
        loss = model(x.to(device)).square().mean() / accumulation
        loss.backward()
        if (step + 1) % accumulation == 0:
            optimizer.step()
            optimizer.zero_grad()
    return loss.detach()


def good(module: nn.Module, batches, device, accumulation):
    model = DistributedDataParallel(module)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, fused=True)
    for step, x in enumerate(batches):
        last = (step + 1) % accumulation == 0
        with nullcontext() if last else model.no_sync():
            loss = model(x.to(device)).square().mean() / accumulation
            loss.backward()
        if last:
            optimizer.step()
            optimizer.zero_grad()
    return loss.detach()


def inputs(make: Maker, hidden: int, rows: int, accumulation: int):
    if not dist.is_initialized():
        backend = "gloo" if make.device == "cpu" else "nccl"
        dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)
    module = make.module(lambda: nn.Linear(hidden, hidden))
    batches = [make.tensor(rows, hidden) for _ in range(2 * accumulation)]
    return module, batches, torch.device(make.device), accumulation


SMALL = {"hidden": 8, "rows": 4, "accumulation": 4}
SIZES = (Size("8-micro-batches", {"hidden": 512, "rows": 32, "accumulation": 8}),)
CASES = (Case("data-parallel", bad, good, inputs, SMALL, SIZES, dtype="float32", metric="collectives"),)
