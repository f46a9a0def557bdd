"""The edits of the GPU rules leave the results as they are: bad and edited code run side by side on CPU torch."""

from __future__ import annotations

from typing import Any

import pytest

from flake8_llm_redflags.fixes import fix
from flake8_llm_redflags.source import Source

from .support import DEFAULT, codes

torch = pytest.importorskip("torch")

TRAINING = """
import torch
from torch import nn


def run(dtype):
    torch.manual_seed(0)
    device = torch.device(DEVICE)
    model = nn.Linear(8, 3).to(device).to(dtype)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loader = [(torch.randn(4, 8).to(dtype), torch.randint(3, (4,))) for _ in range(3)]
    total, seen = 0.0, []
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
{body}
    return torch.tensor([float(total), *seen], dtype=torch.float64), model.weight.detach()
"""

FORWARD = """
import torch
from torch import nn


class Block(nn.Module):
    def forward(self, x):
        size = x.size(-1)
        made = {made}
        return x * 1, made


def run(dtype):
    return Block()(torch.ones(2, 5, dtype=dtype))
"""

EVALUATION = """
import torch
from torch import nn


def evaluate(model, loader, device):
    model.eval()
    total = 0.0
    for images in loader:
        total += model(images.to(device)).sum().item()
    return total


def run(dtype):
    torch.manual_seed(0)
    model = nn.Linear(8, 3).to(dtype)
    return (torch.tensor(evaluate(model, [torch.randn(4, 8).to(dtype)], "cpu")),)
"""


def result(text: str, dtype: Any) -> tuple[Any, ...]:
    """Run the program and return its tensors."""
    names: dict[str, Any] = {"DEVICE": "cpu", "__name__": "program"}
    exec(compile(text, "program.py", "exec"), names)
    return names["run"](dtype)


CASES = {
    "LRF701": (TRAINING.format(body="        total += loss.item()\n        seen.append(1.0)"), True),
    "LRF703": (
        TRAINING.format(body="        value = loss.item()\n        seen.append(value)\n        total += loss.item()"),
        False,
    ),
    "LRF706": (TRAINING.format(body="        torch.cuda.synchronize()"), False),
    "LRF707": (TRAINING.format(body="        torch.cuda.empty_cache()"), False),
    "LRF720-ones": (FORWARD.format(made="torch.triu(torch.ones(size, size), diagonal=1).bool().to(x.device)"), False),
    "LRF720-arange": (FORWARD.format(made="torch.arange(0, size, 2).float().to(x.device)"), False),
    "LRF720-full": (FORWARD.format(made="torch.full((size, 2), float('-inf')).to(x.device)"), False),
    "LRF720-linspace": (FORWARD.format(made="1 - torch.linspace(0, 1, steps=size).to(device=x.device)"), False),
    "LRF740": (EVALUATION, False),
    "LRF741": (TRAINING.format(body="        total += loss"), True),
}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("case", CASES)
def test_edited_code_gives_the_same(case: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "synchronize", lambda *_: None)
    bad, unsafe = CASES[case]
    code = case.partition("-")[0]
    assert code in codes(bad, DEFAULT)
    edited = fix(Source("program.py", bad), DEFAULT, unsafe=unsafe).source.text
    assert edited != bad
    assert code not in codes(edited, DEFAULT)
    tolerance = 1e-2 if case == "LRF701" and dtype == "bfloat16" else 1e-6  # it adds up in the loss's own dtype
    for before, after in zip(result(bad, getattr(torch, dtype)), result(edited, getattr(torch, dtype)), strict=True):
        torch.testing.assert_close(after, before, rtol=tolerance, atol=tolerance)
