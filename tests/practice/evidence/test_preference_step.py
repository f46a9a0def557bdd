"""Each defect of the preference scenario moves the policy elsewhere, and its good variant and decoys do not."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from . import support

NAME = "preference-step"
holds = partial(support.holds, NAME)
GOOD, POOR = torch.tensor([[1, 2, 3, 4]]), torch.tensor([[1, 2, 5, 6]])
ANSWER = torch.tensor([[False, False, True, True]])
PAIR = {"good": GOOD, "good_answer": ANSWER, "poor": POOR, "poor_answer": ANSWER}


def code(**sites: int) -> Any:
    return support.module(NAME, "preference.py", **sites)


def bigram(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Embedding(8, 8)


@pytest.mark.parametrize("site", ["shift", "gather"])
def test_logprobs(site: str) -> None:
    model = bigram()
    right = [model.weight[a].log_softmax(-1)[b].item() for a, b in ((1, 2), (2, 3), (3, 4))]
    holds(
        site,
        lambda variant: (
            code(**{site: variant}).token_logprobs(model, GOOD)[0].tolist() == pytest.approx(right, abs=1e-5)
        ),
    )


def test_answer() -> None:
    def counts_the_answer(variant: int) -> bool:
        made, model = code(answer=variant), bigram()
        found = made.answer_logprob(model, GOOD, ANSWER)
        return torch.allclose(found, made.token_logprobs(model, GOOD)[:, 1:].sum(-1))

    holds("answer", counts_the_answer)


def margin_after(made: Any, steps: int = 20) -> tuple[float, float]:
    """Return the last loss of DPO and by how much the policy then prefers the good answer more than the reference."""
    policy, reference = bigram(), bigram()
    optimizer = torch.optim.SGD(policy.parameters(), lr=1.0)
    for _ in range(steps):
        told = made.dpo_step(policy, reference, optimizer, PAIR)
    with torch.no_grad():
        good, poor = (
            made.answer_logprob(policy, ids, ANSWER) - made.answer_logprob(reference, ids, ANSWER)
            for ids in (GOOD, POOR)
        )
    return told["loss"].item(), (good - poor).item()


@pytest.mark.parametrize("site", ["reference", "dpo"])
def test_dpo(site: str) -> None:
    def learns_the_preference(variant: int) -> bool:
        loss, margin = margin_after(code(**{site: variant}))
        return margin > 0 and loss < math.log(2) - 0.05

    holds(site, learns_the_preference)


def test_accuracy() -> None:
    def is_zero_at_the_start(variant: int) -> bool:
        policy, told = bigram(), []
        optimizer = torch.optim.SGD(policy.parameters(), lr=0.0)
        turned = {"good": POOR, "good_answer": ANSWER, "poor": GOOD, "poor_answer": ANSWER}
        for pair in (PAIR, turned):  # one of the two answers is likelier under the reference
            told.append(code(accuracy=variant).dpo_step(policy, bigram(), optimizer, pair)["accuracy"].item())
        return told == [0, 0]

    holds("accuracy", is_zero_at_the_start)


def test_group() -> None:
    def compares_within_a_question(variant: int) -> bool:
        rewards = torch.tensor([[1.0, 2.0, 3.0], [11.0, 12.0, 13.0]])
        found = code(group=variant).advantages(rewards)
        return torch.allclose(found, torch.tensor([[-1.0, 0.0, 1.0]] * 2), atol=1e-3)

    holds("group", compares_within_a_question)


def test_spread() -> None:
    def is_finite(variant: int) -> bool:
        return bool((code(spread=variant).advantages(torch.ones(2, 4)) == 0).all())

    holds("spread", is_finite)


def gradient(made: Any, ratio: float = 1.0, gap: float = 0.0, gain: float = 1.0, **given: float) -> torch.Tensor:
    """Return the gradient of the GRPO loss at the log-probabilities of one sample with two answer tokens and padding."""
    logprobs = torch.full((1, 3), -1.0, requires_grad=True)
    old, reference = logprobs.detach() - math.log(ratio), logprobs.detach() + gap
    answer = torch.tensor([[True, True, False]])
    made.grpo_loss(logprobs, old, reference, torch.tensor([gain]), answer, **given).backward()
    return logprobs.grad[0]


def test_clip() -> None:
    def limits_the_step(variant: int) -> bool:
        made = code(clip=variant)
        beyond = [gradient(made, ratio=2.0, gain=1.0), gradient(made, ratio=0.5, gain=-1.0)]
        return not any(bool(found.any()) for found in beyond) and gradient(made, ratio=0.5, gain=1.0)[0] < 0

    holds("clip", limits_the_step)


def test_penalty() -> None:
    def pulls_to_the_reference(variant: int) -> bool:
        made = code(penalty=variant)
        surer, shyer = (gradient(made, gap=gap, gain=0.0, penalty=1.0)[0].item() for gap in (-1.0, 1.0))
        return surer > 0 > shyer

    holds("penalty", pulls_to_the_reference)


def test_tokens() -> None:
    def teaches_answers_only(variant: int) -> bool:
        found = gradient(code(tokens=variant)).tolist()
        return found == pytest.approx([-0.5, -0.5, 0.0])

    holds("tokens", teaches_answers_only)


def test_old() -> None:
    def knows_how_far_it_went(variant: int) -> bool:
        made, policy, ratios = code(old=variant), bigram(), []
        loss = made.grpo_loss

        def watched(logprobs: torch.Tensor, old: torch.Tensor, *rest: Any) -> torch.Tensor:
            ratios.append((logprobs - old).exp())
            return loss(logprobs, old, *rest)

        made.grpo_loss = watched
        ids, answer = torch.cat([GOOD, POOR]), ANSWER.expand(2, -1)
        optimizer = torch.optim.SGD(policy.parameters(), lr=1.0)
        made.grpo_steps(policy, bigram(), optimizer, ids, answer, torch.tensor([[1.0, 0.0]]))
        return bool((ratios[0] == 1).all()) and not torch.allclose(ratios[1], torch.ones(2, 3))

    holds("old", knows_how_far_it_went)
