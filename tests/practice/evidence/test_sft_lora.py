"""Each defect of the fine-tuning scenario teaches something else or ships another model; its good variant and decoys do not."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

import torch
from torch import nn

from . import support

NAME = "sft-lora"
holds = partial(support.holds, NAME)


def code(**sites: int) -> Any:
    return support.module(NAME, "sft.py", **sites)


class Words:
    """A tokenizer with one token per character, which pads with its end token as many do."""

    eos_token_id = pad_token_id = 0

    def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
        assert not add_special_tokens
        return [ord(character) for character in text]


YES = Words().encode("yes", add_special_tokens=False)


def taught(labels: list[int]) -> list[int]:
    return [label for label in labels if label != -100]


def talk(answer: str = "yes") -> list[dict[str, str]]:
    return [{"role": "user", "content": "why?"}, {"role": "assistant", "content": answer}]


def adapter(**sites: int) -> Any:
    torch.manual_seed(0)
    return code(**sites).LoRALinear(nn.Linear(6, 5), rank=2, alpha=8)


def model() -> nn.Module:
    inner = nn.ModuleDict({"q_proj": nn.Linear(6, 6), "up_proj": nn.Linear(6, 6)})
    return nn.Sequential(inner, nn.Linear(6, 6))


def test_scale() -> None:
    holds("scale", lambda variant: adapter(scale=variant).scale == 4)


def test_start() -> None:
    def starts_at_the_base_and_learns(variant: int) -> bool:
        layer, x = adapter(start=variant), torch.ones(3, 6)
        same = torch.allclose(layer(x), layer.base(x))
        layer(x).sum().backward()
        return same and any(bool(factor.grad.any()) for factor in (layer.up, layer.down))

    holds("start", starts_at_the_base_and_learns)


def test_merge() -> None:
    def is_the_tuned_layer(variant: int) -> bool:
        layer, x = adapter(merge=variant), torch.ones(3, 6)
        nn.init.normal_(layer.up)
        before = layer(x)
        return torch.allclose(layer.merged()(x), before, atol=1e-5)

    holds("merge", is_the_tuned_layer)


def test_freeze() -> None:
    def trains_adapters_only(variant: int) -> bool:
        net = code(freeze=variant).add_adapters(model())
        trained = [name.split(".")[-1] for name, parameter in net.named_parameters() if parameter.requires_grad]
        return sorted(trained) == ["down", "up"]

    holds("freeze", trains_adapters_only)


def test_targets() -> None:
    def adapts_the_projections_named(variant: int) -> bool:
        made = code(targets=variant)
        net = made.add_adapters(model())
        return [name for name, module in net.named_modules() if isinstance(module, made.LoRALinear)] == ["0.q_proj"]

    holds("targets", adapts_the_projections_named)


def test_role() -> None:
    def teaches_to_stop(variant: int) -> bool:
        return taught(code(role=variant).encode(Words(), talk())[1])[-1] == Words.eos_token_id

    holds("role", teaches_to_stop)


def test_prompt() -> None:
    def teaches_answers_only(variant: int) -> bool:
        ids, labels = code(prompt=variant).encode(Words(), talk())
        return len(ids) == len(labels) and taught(labels) == [*YES, 0]

    holds("prompt", teaches_answers_only)


def test_limit() -> None:
    def keeps_the_answer(variant: int) -> bool:
        ids, labels = code(limit=variant).encode(Words(), talk(), limit=6)
        return len(ids) == len(labels) == 6 and taught(labels)[-4:] == [*YES, 0]

    holds("limit", keeps_the_answer)


def test_padding() -> None:
    def teaches_the_end_once(variant: int) -> bool:
        _, labels = code(padding=variant).collate([([5, 6, 7, 0], [5, 6, 7, 0]), ([8, 0], [8, 0])], pad_id=0)
        return labels.tolist() == [[5, 6, 7, 0], [8, 0, -100, -100]]

    holds("padding", teaches_the_end_once)


def test_shift() -> None:
    def aims_at_the_next_token(variant: int) -> bool:
        ids = torch.arange(10)[None]
        labels = ids.clone()
        labels[:, :4] = -100

        def predict(ids: torch.Tensor) -> torch.Tensor:
            return nn.functional.one_hot((ids + 1) % 20, 20).float() * 50

        return code(shift=variant).loss_of(predict, ids, labels).item() < 0.01

    holds("shift", aims_at_the_next_token)


def test_customers() -> None:
    def keeps_customers_apart(variant: int) -> bool:
        rows = [{"customer": number % 20, "turns": [number]} for number in range(100)]
        training, held_out = code(customers=variant).split(rows, share=0.2)
        assert len(training) + len(held_out) == 100
        assert held_out
        return not {row["customer"] for row in training} & {row["customer"] for row in held_out}

    holds("customers", keeps_customers_apart)


def test_rate() -> None:
    """Two epochs bring an adapter to what it is taught, or leave it where it started."""

    def learns(variant: int) -> bool:
        torch.manual_seed(0)
        made = code(rate=variant)
        rate = inspect.signature(made.tune).parameters["rate"].default
        layer, target = made.LoRALinear(nn.Linear(16, 16)), torch.randn(16, 16) / 40
        layer.base.requires_grad_(False)
        optimizer, x = torch.optim.AdamW([layer.down, layer.up], lr=rate, weight_decay=0.0), torch.randn(256, 16)
        wanted = layer.base(x) + x @ target
        losses = []
        for _ in range(500):
            loss = nn.functional.mse_loss(layer(x), wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses[-1] < 0.5 * losses[0]

    holds("rate", learns)
