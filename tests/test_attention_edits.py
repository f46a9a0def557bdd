"""The edits of the attention rules are run: bad and edited code on the same random input.

In float32 and bfloat16, judged by the bad code in float64: with one query, as many queries as keys and fewer, one and
several copies of each KV head, with and without rows in which everything is masked. A safe edit agrees to rounding
everywhere. The unsafe edit of LRF501 agrees but for fully masked rows, where it gives zeros.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import pytest

from flake8_llm_redflags.fixes import fix
from flake8_llm_redflags.source import Source

from .support import DEFAULT, FIXTURES, codes, findings
from .test_edits_equal import distance

torch = pytest.importorskip("torch")

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
LENGTHS = pytest.mark.parametrize(("queries", "keys"), [(7, 7), (1, 9), (5, 9), (1, 1)])
HEAD = """\
import math

import torch
import torch.nn.functional as F
from torch import einsum, nn


"""


def edited(text: str, code: str, *, unsafe: bool) -> str:
    """Return the text after the edits of one rule, which must then be silent."""
    assert code in codes(text, DEFAULT)
    result = fix(Source("program.py", text), DEFAULT, unsafe=unsafe).source.text
    assert result != text
    assert code not in codes(result, DEFAULT)
    return result


def namespace(text: str) -> dict[str, Any]:
    """Run a text as a module and return its names."""
    names: dict[str, Any] = {"__name__": "program"}
    exec(compile(text, "program.py", "exec"), names)
    return names


def random(*shape: int, seed: int) -> Any:
    """Return a random tensor in float64, the same for the same seed."""
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def rounding(dtype: Any) -> float:
    return 1e-6 if dtype is torch.float32 else 2e-2


# ---- LRF501: rows of three axes and four, masks of every form, dropout

FOUR_AXES = {
    "divided": """\
def attend(q, k, v, keep):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    scores = scores.masked_fill(keep == 0, float("-inf"))
    return torch.matmul(F.softmax(scores, dim=-1), v)
""",
    "never scaled": """\
def attend(q, k, v, keep):
    weights = torch.where(keep, q @ k.mT, -torch.inf).softmax(-1)
    return weights @ v
""",
    "query scaled, in float32": """\
def attend(q, k, v, keep):
    q = q * q.size(-1) ** -0.5
    scores = torch.matmul(q, torch.transpose(k, 2, 3)).float()
    scores = scores.masked_fill(~keep, torch.finfo(scores.dtype).min)
    return torch.softmax(scores, dim=-1).type_as(q).matmul(v)
""",
    "added": """\
def attend(q, k, v, keep):
    bias = torch.zeros(keep.shape).masked_fill(~keep, float("-inf"))
    scores = torch.matmul(q, k.permute(0, 1, 3, 2))
    scores *= 0.3
    scores += bias
    return scores.softmax(dim=-1).to(v.dtype) @ v
""",
    "in place": """\
def attend(q, k, v, keep):
    blocked = torch.logical_not(keep)
    scores = q @ k.transpose(2, 3)
    scores.masked_fill_(blocked, -torch.inf)
    weights = torch.softmax(scores / k.shape[-1] ** 0.5, dim=-1)
    return weights @ v
""",
    "mask that may be missing": """\
def attend(q, k, v, keep=None):
    scores = torch.matmul(q, k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
    if keep is not None:
        scores = scores.masked_fill(keep == False, -1e9)
    weights = F.softmax(scores, dim=-1)
    return torch.matmul(weights, v)
""",
    "two masks": """\
def attend(q, k, v, keep):
    ahead = torch.ones(q.size(-2), k.size(-2)).triu(diagonal=9)
    scores = q @ k.mT / 2.0
    scores = scores.masked_fill(ahead == 1, -1e9)
    scores = scores.masked_fill(~keep, -1e9)
    return F.softmax(scores, -1) @ v
""",
    "two masks, one of which may be missing": """\
def attend(q, k, v, keep=None):
    ahead = torch.ones(q.size(-2), k.size(-2), dtype=torch.bool).triu(diagonal=9)
    scores = (q @ k.mT / 2.0).masked_fill(ahead, -1e9)
    if keep is not None:
        scores = scores.masked_fill((keep == 0).expand_as(scores), -1e9)
    return F.softmax(scores, -1) @ v
""",
    "added if there": """\
def attend(q, k, v, keep):
    bias = torch.zeros(keep.shape).masked_fill(~keep, float("-inf"))
    return with_bias(q, k, v, bias)


def with_bias(q, k, v, mask=None):
    scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores + mask
    weights = torch.softmax(scores.float(), dim=-1).type_as(q)
    return weights.nan_to_num() @ v
""",
    "einsum": """\
def attend(q, k, v, keep):
    scores = einsum("bhid,bhjd->bhij", q, k) * 0.25
    return einsum("b h i j, b h j d -> b h i d", scores.masked_fill(~keep, -torch.inf).softmax(dim=-1), v)
""",
    "heads third": """\
def attend(q, k, v, keep):
    return by_positions(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), keep).transpose(1, 2)


def by_positions(queries, keys, values, mask):
    energy = torch.einsum("nqhd,nkhd->nhqk", [queries, keys])
    if mask is not None:
        energy = energy.masked_fill(mask == 0, float("-1e20"))
    attention = torch.softmax(energy / (queries.shape[-1] ** 0.5), dim=3)
    return torch.einsum("nhql,nlhd->nqhd", [attention, values])
""",
    "three axes": """\
def attend(q, k, v, keep):
    size = q.shape
    q, k, v = (t.flatten(0, 1) for t in (q, k, v))
    blocked = ~keep.expand(-1, size[1], -1, -1).flatten(0, 1)
    scores = torch.bmm(q, k.transpose(1, 2)).masked_fill(blocked, float("-inf"))
    return torch.bmm(scores.softmax(dim=-1), v).view(size)
""",
    "dropout at rest": """\
drop = nn.Dropout(0.5).eval()


def attend(q, k, v, keep):
    scores = (q @ k.mT * 0.25).masked_fill(~keep, -1e9)
    weights = drop(scores.softmax(dim=-1))
    return weights @ v
""",
    "no dropout": """\
def attend(q, k, v, keep):
    scores = (q @ k.mT).mul(0.25).masked_fill(~keep, -1e9)
    return torch.matmul(F.dropout(torch.softmax(scores, -1), p=0.5, training=False), v)
""",
}


@DTYPES
@LENGTHS
@pytest.mark.parametrize("has_empty_rows", [False, True])
@pytest.mark.parametrize("name", FOUR_AXES)
def test_fused_attention_is_equal_where_a_row_has_a_key(
    name: str, has_empty_rows: bool, queries: int, keys: int, dtype: Any
) -> None:
    bad = HEAD + FOUR_AXES[name]
    good = edited(bad, "LRF501", unsafe=True)
    assert "scaled_dot_product_attention" in good
    q, k, v = random(2, 3, queries, 8, seed=1), random(2, 3, keys, 8, seed=2), random(2, 3, keys, 8, seed=3)
    keep = torch.rand(2, 1, queries, keys, generator=torch.Generator().manual_seed(4)) > 0.4
    keep[..., 0] = True
    if has_empty_rows:
        keep[0, :, 0] = False
    rows = keep.any(-1, keepdim=True).expand(2, 3, queries, 1)

    def run(text: str, kind: Any) -> Any:
        return namespace(text)["attend"](q.to(kind), k.to(kind), v.to(kind), keep).double()

    truth, before, after = run(bad, torch.float64), run(bad, dtype), run(good, dtype)
    assert not after.masked_select(~rows).any(), "a fully masked row is zero in the fused attention"
    truth, before, after = (result.where(rows, torch.zeros(())) for result in (truth, before, after))
    assert distance(after, truth) <= max(2 * distance(before, truth), rounding(dtype))


BLOCK = (
    HEAD
    + """\
class Block(nn.Module):
    def __init__(self, width, heads, size, drop):
        super().__init__()
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.to_qkv = nn.Linear(width, 3 * width)
        self.attend = nn.Softmax(dim=-1)
        self.dropout = nn.Dropout(drop)
        self.register_buffer("mask", torch.tril(torch.ones(size, size)))

    def forward(self, x):
        b, t, w = x.shape
        q, k, v = self.to_qkv(x).view(b, t, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4)
        scores = (q @ k.transpose(-2, -1)) * self.scale
        scores = scores.masked_fill(self.mask[:t, :t] == 0, float("-inf"))
        weights = self.dropout(self.attend(scores))
        return (weights @ v).transpose(1, 2).reshape(b, t, w)
"""
)


@DTYPES
@pytest.mark.parametrize("length", [1, 6])
@pytest.mark.parametrize("is_training", [False, True])
def test_fused_module_keeps_causality_dropout_and_gradients(length: int, is_training: bool, dtype: Any) -> None:
    good = edited(BLOCK, "LRF501", unsafe=True)
    assert "is_causal=True" in good
    assert "dropout_p=self.dropout.p if self.dropout.training else 0.0" in good

    def run(text: str, kind: Any) -> tuple[Any, Any]:
        torch.manual_seed(0)
        block = namespace(text)["Block"](16, 2, 8, 0.0).to(kind).train(is_training)
        x = random(2, length, 16, seed=5).to(kind).requires_grad_()
        result = block(x)
        result.square().sum().backward()
        return result.detach().double(), x.grad.double()

    for truth, before, after in zip(run(BLOCK, torch.float64), run(BLOCK, dtype), run(good, dtype), strict=True):
        assert distance(after, truth) <= max(2 * distance(before, truth), rounding(dtype))


def test_fused_module_drops_weights_only_in_training() -> None:
    text = edited(BLOCK, "LRF501", unsafe=True)
    block = namespace(text)["Block"](16, 2, 8, 0.5)
    x = random(2, 6, 16, seed=5).float()
    assert not torch.equal(block(x), block(x))
    assert torch.equal(block.eval()(x), block(x))


SHAPES = FIXTURES / "LRF501-unfused-attention"


def edited_shapes() -> list[str]:
    """Return the functions of the fixture with the compiler's shapes that the edit has changed."""
    before, after = (
        ast.parse((SHAPES / name).read_text()) for name in ("compiler_shapes.py", "compiler_shapes.unsafe-fixed.py")
    )
    return [
        one.name
        for one, other in zip(before.body, after.body, strict=True)
        if isinstance(one, ast.FunctionDef) and ast.dump(one) != ast.dump(other)
    ]


@DTYPES
@pytest.mark.parametrize("name", edited_shapes())
def test_compiler_shape_is_equal_once_edited(name: str, dtype: Any) -> None:
    size = (2, 8, 8) if name == "three_axes" else (2, 8, 8, 8)

    def argument(parameter: str, kind: Any) -> Any:
        if parameter in ("c", "p"):
            return 2.0 if parameter == "c" else 0.0
        if parameter in ("mask", "bias"):
            return random(2, 1, 8, 8, seed=9).to(kind)
        if parameter == "padding":
            return torch.arange(8).expand(2, 8) < 6
        return random(*size, seed=len(parameter) + ord(parameter[0])).to(kind)

    def run(file: str, kind: Any) -> Any:
        function = namespace((SHAPES / file).read_text())[name]
        result = function(*(argument(parameter, kind) for parameter in inspect.signature(function).parameters))
        return (result[0] if isinstance(result, tuple) else result).double()

    truth = run("compiler_shapes.py", torch.float64)
    before, after = run("compiler_shapes.py", dtype), run("compiler_shapes.unsafe-fixed.py", dtype)
    assert distance(after, truth) <= max(2 * distance(before, truth), rounding(dtype))


UNSURE = {
    "weights returned": """\
def attend(q, k, v):
    weights = (q @ k.mT * 0.5).softmax(-1)
    return weights @ v, weights
""",
    "weights kept": """\
class Attention(nn.Module):
    def forward(self, q, k, v):
        weights = (q @ k.mT * 0.5).softmax(-1)
        self.weights = weights.detach()
        return weights @ v
""",
    "scale that is learned": """\
class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, q, k, v):
        return (q @ k.mT * self.scale).softmax(-1) @ v
""",
    "scale that is a tensor": """\
class Attention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.scale = torch.sqrt(torch.FloatTensor([width]))

    def forward(self, q, k, v):
        return (q @ k.mT / self.scale).softmax(-1) @ v
""",
    "scale of the caller": """\
def attend(q, k, v, c):
    return (q @ k.mT / c).softmax(-1) @ v
""",
    "mask added before the scale": """\
def attend(q, k, v, bias):
    return ((q @ k.mT + bias) * 0.5).softmax(-1) @ v
""",
    "fill that leaves a score": """\
def attend(q, k, v, mask):
    return (q @ k.mT * 0.5).masked_fill(mask, -1.0).softmax(-1) @ v
""",
    "query replaced on the way": """\
def attend(q, k, v):
    scores = q @ k.mT * 0.5
    q = q + 1
    return scores.softmax(-1) @ v, q
""",
    "dropout with a softmax": """\
class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attend = nn.Sequential(nn.Softmax(dim=-1), nn.Dropout(0.1))

    def forward(self, q, k, v):
        return self.attend(q @ k.mT * 0.5) @ v
""",
    "dropout of unknown rate": """\
class Attention(nn.Module):
    def forward(self, q, k, v):
        return self.dropout((q @ k.mT * 0.5).softmax(-1)) @ v
""",
    "operands in float32": """\
def attend(q, k, v):
    return (q.float() @ k.float().mT * 0.5).softmax(-1).to(v.dtype) @ v
""",
    "scores clamped": """\
def attend(q, k, v):
    return (q @ k.mT * 0.5).clamp(-5, 5).softmax(-1) @ v
""",
    "scores read elsewhere": """\
def attend(q, k, v):
    scores = q @ k.mT * 0.5
    largest = scores.amax()
    return scores.softmax(-1) @ v, largest
""",
    "taken in one of two ways": """\
def attend(q, k, v, is_scaled):
    scores = q @ k.mT
    if is_scaled:
        scores = scores * 0.5
    return scores.softmax(-1) @ v
""",
    "keys with one head": """\
def attend(q, k, v):
    return einsum("bhij,bjd->bhid", einsum("bhid,bjd->bhij", q, k).softmax(-1), v)
""",
}


@pytest.mark.parametrize("name", UNSURE)
def test_what_is_not_sure_stays(name: str) -> None:
    text = HEAD + UNSURE[name]
    assert "scaled_dot_product_attention" not in fix(Source("program.py", text), DEFAULT, unsafe=True).source.text


# ---- LRF502: heads shared inside the kernel

COPIES = {
    "interleaved": """\
def attend(q, k, v, n):
    k = k.repeat_interleave(n, dim=1)
    v = v.repeat_interleave(n, dim=1)
    return F.scaled_dot_product_attention(q, k, v)
""",
    "helper": """\
def repeat_kv(x, n):
    if n == 1:
        return x
    b, t, h, d = x.shape
    return x[:, :, :, None, :].expand(b, t, h, n, d).reshape(b, t, h * n, d)


def attend(q, k, v, n):
    q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
    q, k, v = (q.transpose(1, 2), repeat_kv(k, n).transpose(1, 2), repeat_kv(v, n).transpose(1, 2))
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)
""",
}


@DTYPES
@LENGTHS
@pytest.mark.parametrize("repeats", [1, 2, 4])
@pytest.mark.parametrize("name", COPIES)
def test_shared_heads_are_equal(name: str, repeats: int, queries: int, keys: int, dtype: Any) -> None:
    bad = HEAD + COPIES[name]
    good = edited(bad, "LRF502", unsafe=False)
    assert "enable_gqa=True" in good
    q, k, v = (
        random(2, 4, queries, 8, seed=1),
        random(2, 4 // repeats, keys, 8, seed=2),
        random(2, 4 // repeats, keys, 8, seed=3),
    )

    def run(text: str, kind: Any) -> Any:
        return namespace(text)["attend"](q.to(kind), k.to(kind), v.to(kind), repeats).double()

    truth = run(bad, torch.float64)
    assert distance(run(good, dtype), truth) <= max(2 * distance(run(bad, dtype), truth), rounding(dtype))


# ---- LRF503: the flag for the mask

CAUSAL = {
    "boolean": "torch.tril(torch.ones(t, t, device=x.device)).bool()",
    "added": "torch.full((t, t), float('-inf'), dtype=x.dtype).triu(1)",
    "inverted": "~torch.ones(t, t, dtype=torch.bool).triu(diagonal=1)",
    "positions": "torch.arange(t)[:, None] >= torch.arange(t)[None, :]",
    "turned": "(torch.triu(torch.ones(t, t)) == 1).transpose(0, 1)",
    "framework": "nn.Transformer.generate_square_subsequent_mask(t).to(x.dtype)",
    "buffer": "self.mask[:t, :t] == 0",
}
CAUSAL_BLOCK = """\
class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q, self.kv = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.register_buffer("mask", torch.triu(torch.ones(16, 16), diagonal=1))

    def forward(self, x):
        b, t, w = x.size()
        q = self.q(x).view(b, t, self.heads, w // self.heads).transpose(1, 2)
        k, v = self.kv(x).view(b, t, 2, self.heads, w // self.heads).permute(2, 0, 3, 1, 4)
        mask = {mask}
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return y.transpose(1, 2).reshape(b, t, w)
"""


@DTYPES
@pytest.mark.parametrize("length", [1, 7])
@pytest.mark.parametrize("name", CAUSAL)
def test_causal_flag_is_equal_to_the_mask(name: str, length: int, dtype: Any) -> None:
    bad = HEAD + CAUSAL_BLOCK.replace("{mask}", CAUSAL[name])
    good = edited(bad, "LRF503", unsafe=False)
    assert "is_causal=True" in good
    assert "mask = " not in good

    def run(text: str, kind: Any) -> Any:
        torch.manual_seed(0)
        return namespace(text)["Block"](16, 2).to(kind)(random(2, length, 16, seed=5).to(kind)).detach().double()

    truth = run(bad, torch.float64)
    assert distance(run(good, dtype), truth) <= max(2 * distance(run(bad, dtype), truth), rounding(dtype))


@DTYPES
@LENGTHS
def test_causal_flag_is_equal_for_two_lengths(queries: int, keys: int, dtype: Any) -> None:
    bad = (
        HEAD
        + """\
def attend(q, k, v):
    keep = torch.ones(q.size(-2), k.size(-2), dtype=torch.bool).tril()
    return F.scaled_dot_product_attention(q, k, v, attn_mask=keep)
"""
    )
    good = edited(bad, "LRF503", unsafe=False)
    q, k, v = random(2, 3, queries, 8, seed=1), random(2, 3, keys, 8, seed=2), random(2, 3, keys, 8, seed=3)

    def run(text: str, kind: Any) -> Any:
        return namespace(text)["attend"](q.to(kind), k.to(kind), v.to(kind)).double()

    truth = run(bad, torch.float64)
    assert distance(run(good, dtype), truth) <= max(2 * distance(run(bad, dtype), truth), rounding(dtype))


# ---- LRF511: masks that mask

MASKED = {
    "module, ones keep": ("torch.tril(torch.ones(t, t))", True),
    "module, ones block": ("torch.triu(torch.ones(t, t), diagonal=1)", True),
    "module, True keeps": ("torch.ones(t, t, dtype=torch.bool).tril()", True),
    "function, ones keep": ("torch.tril(torch.ones(t, t))", False),
    "function, ones block": ("1 - torch.tril(torch.ones(t, t))", False),
    "function, True blocks": ("torch.triu(torch.ones(t, t), diagonal=1).bool()", False),
}
MASKED_BLOCK = """\
class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, x):
        t = x.size(1)
        mask = {mask}
        return {call}
"""
BY_MODULE = "self.attn(x, x, x, attn_mask=mask, need_weights=False)[0]"
BY_FUNCTION = "F.scaled_dot_product_attention(x, x, x, attn_mask=mask)"


@DTYPES
@pytest.mark.parametrize("name", MASKED)
def test_edited_mask_hides_the_future(name: str, dtype: Any) -> None:
    mask, by_module = MASKED[name]
    call = BY_MODULE if by_module else BY_FUNCTION
    bad = HEAD + MASKED_BLOCK.replace("{mask}", mask).replace("{call}", call)
    good = edited(bad, "LRF511", unsafe=True)
    x = random(2, 6, 16, seed=5).to(dtype)
    changed = torch.cat([x[:, :-1], x[:, -1:] + 1], dim=1)

    def moves_the_first(text: str) -> bool:
        torch.manual_seed(0)
        block = namespace(text)["Block"](16, 2).to(dtype).eval()
        return not torch.equal(block(x)[:, 0], block(changed)[:, 0])

    with torch.no_grad():
        assert moves_the_first(bad)
        assert not moves_the_first(good)


# ---- advice that is right for the torch of the project


def in_project(folder: Path, requirement: str, text: str) -> list[Any]:
    """Lint a file of a project that asks for this torch."""
    (folder / "requirements.txt").write_text(requirement)
    return findings(text, DEFAULT, str(folder / "model.py"))


@pytest.mark.parametrize(
    ("requirement", "is_reported", "is_mended"),
    [
        ("torch\n", True, True),
        ("torch>=2.5\n", True, True),
        ("torch==2.6.0\n", True, True),
        ("torch>=2.2\n", True, False),
        ("torch>=2.2,<2.5\n", False, False),
        ("torch==2.0.1\n", False, False),
    ],
)
def test_heads_are_shared_where_every_allowed_torch_can(
    requirement: str, is_reported: bool, is_mended: bool, tmp_path: Path
) -> None:
    found = in_project(tmp_path, requirement, HEAD + COPIES["interleaved"])
    assert [finding.code for finding in found] == ["LRF502"] * is_reported
    assert any(finding.edit is not None for finding in found) is is_mended


@pytest.mark.parametrize(
    ("requirement", "is_reported", "is_mended"),
    [
        ("torch>=2.1\n", True, True),
        ("torch>=1.13\n", True, False),
        ("torch==2.0.1\n", True, False),
        ("torch<2.0\n", False, False),
    ],
)
def test_attention_is_fused_where_every_allowed_torch_can(
    requirement: str, is_reported: bool, is_mended: bool, tmp_path: Path
) -> None:
    found = in_project(tmp_path, requirement, HEAD + FOUR_AXES["divided"])
    assert [finding.code for finding in found] == ["LRF501"] * is_reported
    assert any(finding.edit is not None for finding in found) is is_mended
