"""Edits of norms, activations, losses and output heads: bad and edited code run side by side on random inputs, against float64."""

from __future__ import annotations

import pytest

from flake8_llm_redflags.fixes import fix
from flake8_llm_redflags.source import Source

from .support import DEFAULT, codes
from .test_gpu_edits import result

torch = pytest.importorskip("torch")

HEAD = "import math\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n\n"

MODULE = """
class Norm(nn.Module):
    def __init__(self, dim, dtype):
        super().__init__()
        self.eps = 1e-5
        self.weight = nn.Parameter(torch.ones(dim))
        self.bias = nn.Parameter(torch.zeros(dim))
        with torch.no_grad():
            self.weight.normal_(1, 0.2)
            self.bias.normal_(0, 0.2)
        self.to(dtype)

    def forward(self, x):
{body}


def run(dtype):
    torch.manual_seed(0)
    given = torch.randn(3, 7, 96, dtype=torch.float64) * 2 + 1
    given[0, 0] = 0.5  # no variance
    x = given.to(dtype).requires_grad_()
    y = Norm(96, dtype)(x)
    y.sum().backward()
    return y.detach(), Norm(96, dtype)(x[:, :1]).detach()
"""

FUNCTION = """
{body}


def run(dtype):
    torch.manual_seed(0)
    x = torch.cat([torch.randn(5, 64, dtype=torch.float64) * 3, torch.linspace(-40, 40, 64, dtype=torch.float64)[None]])
    return (apply(x.to(dtype)),)
"""


def module(*lines: str) -> str:
    return HEAD + MODULE.format(body="\n".join(f"        {line}" for line in lines))


def function(*lines: str) -> str:
    return HEAD + FUNCTION.format(body="\n".join(["def apply(x):", *(f"    {line}" for line in lines)]))


HEAD_OF_MODEL = """
class Decoder(nn.Module):
    def __init__(self, dtype):
        super().__init__()
        self.norm = nn.LayerNorm(64)
        self.lm_head = nn.Linear(64, 500, bias=False)
        self.to(dtype)

    def forward(self, hidden):
{body}


def run(dtype):
    torch.manual_seed(0)
    model = Decoder(dtype)
    given = torch.randn(3, 9, 64, dtype=torch.float64)
    return model(given.to(dtype)).detach(), model(given[:, :1].to(dtype)).detach()
"""


def head(*lines: str) -> str:
    return HEAD + HEAD_OF_MODEL.format(body="\n".join(f"        {line}" for line in lines))


LOSS = """
def log_probabilities(logits, labels):
{body}


def run(dtype):
    torch.manual_seed(0)
    logits, labels = torch.randn(3, 7, 2000, dtype=torch.float64) * 3, torch.randint(2000, (3, 7))
    return log_probabilities(logits.to(dtype), labels), log_probabilities(logits[:1, :1].to(dtype), labels[:1, :1])
"""


def loss(*lines: str) -> str:
    return HEAD + LOSS.format(body="\n".join(f"    {line}" for line in lines))


MEAN = "mean = x.mean(-1, keepdim=True)"
VARIANCE = "var = x.var(-1, keepdim=True, unbiased=False)"
CASES = {
    "LRF521-exact": (
        module(MEAN, VARIANCE, "y = (x - mean) / torch.sqrt(var + self.eps)", "return self.weight * y + self.bias"),
        False,
    ),
    "LRF521-reassigned": (
        module(MEAN, VARIANCE, "x = (x - mean) * torch.rsqrt(var + 1e-5)", "return self.weight * x + self.bias"),
        False,
    ),
    "LRF521-gain": (module(MEAN, VARIANCE, "return (x - mean) * (var + self.eps).rsqrt() * self.weight"), False),
    "LRF521-bias": (module(MEAN, VARIANCE, "return (x - mean) * (var + self.eps).rsqrt() + self.bias"), False),
    "LRF521-centred": (
        module("c = x - x.mean(-1, keepdim=True)", "return c / (c.square().mean(-1, keepdim=True) + self.eps) ** 0.5"),
        False,
    ),
    "LRF520-weighted": (
        module("return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps))"),
        True,
    ),
    "LRF520-bare": (module("return x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-5)"), True),
    "LRF522-tanh": (
        function("return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))"),
        False,
    ),
    "LRF522-fast": (function("return x * 0.5 * (1 + torch.tanh(x * 0.7978845608 * (1 + 0.044715 * x * x)))"), False),
    "LRF525-direct": (
        loss("return torch.gather(logits.log_softmax(-1), dim=2, index=labels.unsqueeze(2)).squeeze(2)"),
        True,
    ),
    "LRF525-named": (
        loss("found = F.log_softmax(logits, -1)", "return found.gather(-1, labels.unsqueeze(2))[..., 0]"),
        True,
    ),
    "LRF605-named": (head("logits = self.lm_head(self.norm(hidden))", "return logits[:, -1, :]"), False),
    "LRF605-direct": (head("return self.lm_head(hidden)[:, -1:]"), False),
    "LRF522-erf": (function("cdf = 0.5 * (1 + torch.erf(x / math.sqrt(2.0)))", "return x * cdf"), False),
}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("case", CASES)
def test_edited_formula_is_as_near_to_the_truth(case: str, dtype: str) -> None:
    bad, unsafe = CASES[case]
    code = case.partition("-")[0]
    assert codes(bad, DEFAULT) == [code]
    edited = fix(Source("program.py", bad), DEFAULT, unsafe=unsafe).source.text
    assert codes(edited, DEFAULT) == []
    kind = getattr(torch, dtype)
    for truth, before, after in zip(result(bad, torch.float64), result(bad, kind), result(edited, kind), strict=True):
        assert after.dtype == before.dtype == kind
        assert _error(after, truth) <= 2 * _error(before, truth) + 4 * torch.finfo(kind).eps


def _error(found, truth) -> float:
    return float((found.double() - truth).norm() / truth.norm())
