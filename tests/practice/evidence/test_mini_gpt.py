"""Each defect of the mini-GPT scenario gives a wrong result, and its good variant and decoys do not."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch

from . import support
from .support import module

NAME = "mini-gpt"
holds = partial(support.holds, NAME)


def model(depth: int = 2, **sites: int) -> Any:
    torch.manual_seed(0)
    code = module(NAME, "model.py", **sites)
    made = code.GPT(code.GPTConfig(vocab_size=50, context=8, width=16, heads=2, layers=depth, dropout=0.5))
    with torch.no_grad():
        for parameter in made.parameters():  # large enough for differences to show
            parameter.mul_(5) if parameter.dim() > 1 else None
    return made


IDS = torch.arange(8)[None] * 3 % 50


def ignores_the_future(net: Any) -> bool:
    net.eval()
    later = IDS.clone()
    later[0, 5:] = 49
    return torch.allclose(net(IDS)[:, :5], net(later)[:, :5], atol=1e-5)


def test_split() -> None:
    holds("split", lambda variant: ignores_the_future(model(split=variant)))


def test_causal() -> None:
    holds("causal", lambda variant: ignores_the_future(model(causal=variant)))


def test_dropout() -> None:
    def repeats(variant: int) -> bool:
        net = model(dropout=variant).eval()
        return torch.equal(net(IDS), net(IDS))

    holds("dropout", repeats)


def test_residual() -> None:
    def keeps_the_stream(variant: int) -> bool:
        net = model(residual=variant)
        block = net.blocks[0].eval()
        for parameter in (block.attention.out.weight, block.mlp[2].weight, block.mlp[2].bias):
            torch.nn.init.zeros_(parameter)
        x = torch.randn(1, 4, 16)
        return torch.allclose(block(x), x)

    holds("residual", keeps_the_stream)


def test_layers() -> None:
    holds("layers", lambda variant: any("attention" in name for name, _ in model(layers=variant).named_parameters()))


def test_tying() -> None:
    def stays_tied(variant: int) -> bool:
        net = model(tying=variant)
        torch.nn.init.ones_(net.tokens.weight)
        return torch.equal(net.head.weight, net.tokens.weight)

    holds("tying", stays_tied)


def test_positions() -> None:
    def knows_the_order(variant: int) -> bool:
        net = model(depth=1, positions=variant).eval()
        swapped = IDS[:, [1, 0, 2, 3, 4, 5, 6, 7]]
        return not torch.allclose(net(IDS)[:, -1], net(swapped)[:, -1], atol=1e-5)

    holds("positions", knows_the_order)


def test_shift() -> None:
    def aims_at_the_next_token(variant: int) -> bool:
        net = model(shift=variant).eval()
        net.forward = lambda ids: torch.nn.functional.one_hot((ids + 1) % 50, 50).float() * 50  # predicts id + 1
        return net.loss(torch.arange(10)[None], pad_id=-1).item() < 0.01

    holds("shift", aims_at_the_next_token)


def test_padding() -> None:
    def leaves_padding_out(variant: int) -> bool:
        net = model(padding=variant).eval()
        short = net.loss(IDS[:, :5], pad_id=0)
        return torch.allclose(
            net.loss(torch.cat([IDS[:, :5], torch.zeros(1, 3, dtype=torch.long)], 1), pad_id=0), short, atol=1e-4
        )

    holds("padding", leaves_padding_out)


def test_serving(tmp_path: Path) -> None:
    net = model()
    torch.save({"config": asdict(net.config), "model": net.state_dict()}, tmp_path / "last.pt")

    def completes_the_same_twice(variant: int) -> bool:
        served = module(NAME, "model.py", serving=variant).load(tmp_path / "last.pt", "cpu")
        return torch.equal(served(IDS), served(IDS))

    holds("serving", completes_the_same_twice)


def test_crop() -> None:
    def reads_the_end(variant: int) -> bool:
        net = model(crop=variant)
        seen: list[torch.Tensor] = []
        net.tokens.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
        net.next_token(torch.arange(12)[None])
        return seen[0][0, -1].item() == 11

    holds("crop", reads_the_end)
