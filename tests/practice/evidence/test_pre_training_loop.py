"""Each defect of the pre-training loop trains another model or reports another number; its good variant and decoys do not."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from . import support

NAME = "pre-training-loop"
holds = partial(support.holds, NAME)
SHARD = np.arange(200, dtype=np.uint16) % 11


def loop(**sites: int) -> Any:
    return support.module(NAME, "train.py", **sites)


class Bigram(nn.Module):
    """The smallest model that the loop can train, and that remembers its modes and what it saw."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(11, 11)
        self.bias = nn.Parameter(torch.ones(11))
        self.modes: list[bool] = []

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled():
            self.modes.append(self.training)
        return self.table(ids) + self.bias


class Recorder(torch.optim.SGD):
    """Plain descent that keeps the gradients of each step."""

    def step(self, closure: Any = None) -> None:
        self.seen = [p.grad.clone() for group in self.param_groups for p in group["params"]]
        super().step()


def run(folder: Path, code: Any, **given: Any) -> tuple[Bigram, list[str]]:
    plan = {"context": 4, "batch": 2, "accumulation": 3, "steps": 4, "warmup": 1, "log_every": 2, "eval_every": 2}
    model, lines = Bigram(), []
    code.train(model, SHARD, SHARD, code.TrainConfig(**plan | given), folder, average=lambda _: None, log=lines.append)
    return model, lines


def gradients(folder: Path, **sites: int) -> list[torch.Tensor]:
    """Return the gradients that the first step uses."""
    code = loop(**sites)
    made = []
    code.build_optimizer = lambda model, config: made.append(Recorder(model.parameters(), lr=0.1)) or made[0]
    run(folder, code, steps=1, clip=1e9, eval_every=100)
    return made[0].seen


def test_rank() -> None:
    def tells_processes_apart(variant: int) -> bool:
        code = loop(rank=variant)
        first, second = (code.draw(SHARD, code.TrainConfig(context=8), 0, 0, rank)[0] for rank in (0, 1))
        return not torch.equal(first, second)

    holds("rank", tells_processes_apart)


def test_shift() -> None:
    def aims_at_the_next_token(variant: int) -> bool:
        code = loop(shift=variant)
        inputs, targets = code.draw(np.arange(100), code.TrainConfig(context=8), 0, 0, 0)
        return inputs.shape == targets.shape == (16, 8) and torch.equal(inputs + 1, targets)

    holds("shift", aims_at_the_next_token)


def test_decay() -> None:
    def spares_vectors(variant: int) -> bool:
        code, model = loop(decay=variant), Bigram()
        optimizer = code.build_optimizer(model, code.TrainConfig())
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        return bool((model.bias == 1).all())

    holds("decay", spares_vectors)


def test_cosine() -> None:
    def ends_at_the_final_rate(variant: int) -> bool:
        code = loop(cosine=variant)
        config = code.TrainConfig()
        middle = (config.steps + config.warmup) // 2
        assert code.lr_at(config.warmup, config) == pytest.approx(config.peak_lr)
        ends = code.lr_at(config.steps - 1, config) == pytest.approx(config.final_lr, rel=1e-3)
        return ends and code.lr_at(middle, config) == pytest.approx((config.peak_lr + config.final_lr) / 2)

    holds("cosine", ends_at_the_final_rate)


def test_perplexity() -> None:
    def is_that_of_the_whole_text(variant: int) -> bool:
        code, model = loop(perplexity=variant), Bigram()
        logits = model(torch.from_numpy(SHARD[:48].astype(np.int64)))
        whole = nn.functional.cross_entropy(logits, torch.from_numpy(SHARD[1:49].astype(np.int64)))
        found = code.evaluate(model, SHARD[:49], code.TrainConfig(context=4), "cpu")
        return math.isclose(found, whole.exp().item(), rel_tol=1e-4)

    holds("perplexity", is_that_of_the_whole_text)


def test_resume(tmp_path: Path) -> None:
    def is_one_run(variant: int) -> bool:
        halves, whole = tmp_path / f"halves-{variant}", tmp_path / f"whole-{variant}"
        halves.mkdir(), whole.mkdir()
        code = loop(resume=variant)
        rate = code.TrainConfig.peak_lr
        code.lr_at = lambda step, config: rate  # the same in both halves
        run(halves, code, steps=2)
        return torch.equal(run(halves, code, steps=4)[0].table.weight, run(whole, code, steps=4)[0].table.weight)

    holds("resume", is_one_run)


def mean_gradient() -> list[torch.Tensor]:
    """Return the gradient of the mean loss over the micro-batches of the first step, computed at once."""
    code, model = loop(), Bigram()
    config = code.TrainConfig(context=4, batch=2)
    drawn = [code.draw(SHARD, config, 0, micro, 0) for micro in range(3)]
    inputs, targets = (torch.cat([pair[number] for pair in drawn]) for number in (0, 1))
    nn.functional.cross_entropy(model(inputs).flatten(0, 1), targets.flatten()).backward()
    return [parameter.grad for parameter in model.parameters()]


@pytest.mark.parametrize("site", ["zero", "accumulate"])
def test_accumulation(site: str, tmp_path: Path) -> None:
    def equals_one_large_batch(variant: int) -> bool:
        pairs = zip(gradients(tmp_path, **{site: variant}), mean_gradient(), strict=True)
        return all(torch.allclose(found, right, atol=1e-5) for found, right in pairs)

    holds(site, equals_one_large_batch)


def history(tensor: torch.Tensor) -> int:
    """Return how many nodes of autograd's graph a tensor holds."""
    seen, waiting = set(), [tensor.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting.extend(parent for parent, _ in node.next_functions)
    return len(seen)


def test_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lets_graphs_go(variant: int) -> bool:
        with_graph = []
        item = torch.Tensor.item
        with monkeypatch.context() as patch:
            patch.setattr(torch.Tensor, "item", lambda self: with_graph.append(history(self)) or item(self))
            run(tmp_path, loop(log=variant), eval_every=100)
        return not any(with_graph)

    holds("log", lets_graphs_go)


def test_clip(tmp_path: Path) -> None:
    def uses_short_gradients(variant: int) -> bool:
        code = loop(clip=variant)
        made: list[Recorder] = []
        code.build_optimizer = lambda model, config: made.append(Recorder(model.parameters(), lr=0.1)) or made[0]
        run(tmp_path, code, steps=1, clip=1e-3, eval_every=100)
        return torch.cat([gradient.flatten() for gradient in made[0].seen]).norm().item() < 1.01e-3

    holds("clip", uses_short_gradients)


def test_mode(tmp_path: Path) -> None:
    def trains_in_training_mode(variant: int) -> bool:
        folder = tmp_path / str(variant)
        folder.mkdir()
        return all(run(folder, loop(mode=variant))[0].modes)

    holds("mode", trains_in_training_mode)


def test_best(tmp_path: Path) -> None:
    def keeps_the_best(variant: int) -> bool:
        folder = tmp_path / str(variant)
        folder.mkdir()
        code, found = loop(best=variant), iter([5.0, 3.0, 4.0])
        code.evaluate = lambda *_: next(found)
        run(folder, code, steps=6)
        state = torch.load(folder / "best.pt", weights_only=True)
        return (state["step"], state["best"]) == (4, 3.0)

    holds("best", keeps_the_best)
