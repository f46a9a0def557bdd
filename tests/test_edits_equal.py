"""Safe edits about cost are run: bad and edited code on the same random input, in float32 and bfloat16 against float64."""

from __future__ import annotations

import pytest

from flake8_llm_redflags.fixes import fix
from flake8_llm_redflags.source import Source

from .support import EVERYTHING

torch = pytest.importorskip("torch")

WEIGHTS_DISCARDED = """\
from torch import nn


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, query, memory, mask):
        return self.attn(query, memory, memory, attn_mask=mask)[0]
"""


def block(text: str, dtype):
    """Return the ``Block`` of a text with the same random weights each time."""
    namespace: dict[str, object] = {"__name__": "block"}
    exec(compile(text, "block.py", "exec"), namespace)
    torch.manual_seed(0)
    return namespace["Block"](32, 4).to(dtype).eval()


def distance(result, truth) -> float:
    return float((result.double() - truth).norm() / truth.norm())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("queries", "keys"), [(7, 7), (1, 9), (5, 9)])
@pytest.mark.parametrize("is_masked", [False, True])
def test_attention_without_weights_is_equal_to_rounding(dtype, queries: int, keys: int, is_masked: bool) -> None:
    edited = fix(Source("block.py", WEIGHTS_DISCARDED), EVERYTHING).source.text
    assert "need_weights=False" in edited
    torch.manual_seed(1)
    query, memory = torch.randn(2, queries, 32, dtype=torch.float64), torch.randn(2, keys, 32, dtype=torch.float64)
    mask = torch.ones(queries, keys, dtype=torch.bool).triu(keys - queries + 1) if is_masked else None
    with torch.no_grad():
        truth = block(WEIGHTS_DISCARDED, torch.float64)(query, memory, mask)
        bad = block(WEIGHTS_DISCARDED, dtype)(query.to(dtype), memory.to(dtype), mask)
        good = block(edited, dtype)(query.to(dtype), memory.to(dtype), mask)
    rounding = 1e-6 if dtype is torch.float32 else 2e-2
    assert distance(good, truth) <= max(2 * distance(bad, truth), rounding)
