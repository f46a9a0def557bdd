"""The arithmetic behind the numbers people quote: pure functions, no torch, the same result on every machine.

Sizes are in bytes, work in floating-point operations, lengths in tokens.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

#: Bytes per element.
DTYPES = {"float32": 4.0, "float16": 2.0, "bfloat16": 2.0, "fp8": 1.0, "int8": 1.0, "int4": 0.5}


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides the size of a KV cache: a decoder's layers and heads, the context and the element type."""

    layers: int = 80
    heads: int = 64
    kv_heads: int = 8
    head_dim: int = 128
    tokens: int = 4096
    dtype: str = "bfloat16"

    def __post_init__(self) -> None:
        for name in ("layers", "heads", "kv_heads", "head_dim", "tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name.replace('_', '-')} must be 1 or more")
        if self.heads % self.kv_heads:
            raise ValueError(f"{self.heads} query heads cannot share {self.kv_heads} K/V heads: it must divide them")
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype {self.dtype!r} is none of {', '.join(DTYPES)}")

    @property
    def hidden(self) -> int:
        """Width of the residual stream, where heads × head_dim make it up."""
        return self.heads * self.head_dim

    def kv_cache_bytes(self, kv_heads: int | None = None) -> float:
        """Return the K/V bytes of one request: 2 × layers × kv_heads × head_dim × tokens × bytes per element."""
        kv_heads = kv_heads or self.kv_heads
        return 2 * self.layers * kv_heads * self.head_dim * self.tokens * DTYPES[self.dtype]

    def score_bytes(self) -> float:
        """Return the bytes of one layer's T × T scores over all heads, which a fused kernel never stores."""
        return self.heads * self.tokens**2 * DTYPES[self.dtype]


@dataclass(frozen=True, slots=True)
class Decoder:
    """A Llama-shaped decoder: enough to count its parameters."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    vocab: int

    @property
    def linears(self) -> dict[str, tuple[int, int]]:
        """Input and output width of each linear of a layer."""
        kv_width = self.hidden * self.kv_heads // self.heads
        return {
            "q": (self.hidden, self.hidden),
            "k": (self.hidden, kv_width),
            "v": (self.hidden, kv_width),
            "o": (self.hidden, self.hidden),
            "gate": (self.hidden, self.intermediate),
            "up": (self.hidden, self.intermediate),
            "down": (self.intermediate, self.hidden),
        }

    @property
    def linear_parameters(self) -> int:
        """Parameters of all layers' linears: what 4-bit methods quantise."""
        return self.layers * sum(wide * high for wide, high in self.linears.values())

    @property
    def parameters(self) -> int:
        """All parameters: linears, two norms a layer and a last one, embeddings and an untied head."""
        return self.linear_parameters + (2 * self.layers + 1) * self.hidden + 2 * self.vocab * self.hidden

    def lora_parameters(self, rank: int, targets: Sequence[str]) -> int:
        """Trainable parameters of LoRA on ``targets``: rank × (in + out) for each."""
        return self.layers * sum(rank * sum(self.linears[name]) for name in targets)

    def four_bit_bytes(self, *, double_quantised: bool) -> float:
        """Bytes with NF4 linears (a scale per 64 weights) and 16-bit embeddings, head and norms.

        The scale takes 4 bytes, or 1 byte and 4 bytes per 256 scales when it is quantised itself (QLoRA, §3).
        """
        per_weight = 0.5 + (1 / 64 + 4 / (64 * 256) if double_quantised else 4 / 64)
        return self.linear_parameters * per_weight + (self.parameters - self.linear_parameters) * 2


def power_law(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Return the slope of log(value) over log(size): 1 for linear growth, 2 for quadratic."""
    xs, ys = [math.log(size) for size in sizes], [math.log(value) for value in values]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / sum((x - mean_x) ** 2 for x in xs)


@dataclass(frozen=True, slots=True)
class Attention:
    """One causal attention in 16 bits: what it reads, writes and computes, by hand and fused."""

    batch: int = 4
    heads: int = 32
    tokens: int = 4096
    head_dim: int = 128

    @property
    def flops(self) -> float:
        """Both matrix products over the full square, as the hand-written form computes it."""
        return 4.0 * self.batch * self.heads * self.tokens**2 * self.head_dim

    @property
    def fused_bytes(self) -> float:
        """q, k and v in, the output back."""
        return 4.0 * self.batch * self.heads * self.tokens * self.head_dim * 2

    @property
    def scores_bytes(self) -> float:
        """The T × T matrix once, over all heads."""
        return float(self.batch * self.heads * self.tokens**2 * 2)

    @property
    def by_hand_bytes(self) -> float:
        """Scores written, scaled, masked, softmaxed and read again: eight passes over T × T."""
        return 8 * self.scores_bytes + self.fused_bytes

    def by_hand_seconds(self, bandwidth: float, peak: float) -> float:
        """Roofline time by hand; the products and the passes over the scores do not overlap much, memory decides."""
        return max(self.flops / peak, self.by_hand_bytes / bandwidth)

    def fused_seconds(self, bandwidth: float, peak: float) -> float:
        """Roofline time fused; a causal kernel skips half of the square."""
        return max(self.flops / 2 / peak, self.fused_bytes / bandwidth)


def speculative_speedup(acceptance: float, draft_tokens: int, cost_ratio: float) -> float:
    """Return the expected gain of speculative decoding (Leviathan et al. 2023, theorem 3.8).

    ``acceptance`` is the chance that one drafted token is kept, ``cost_ratio`` a draft step over a target step.
    """
    if acceptance == 1:
        return (draft_tokens + 1) / (draft_tokens * cost_ratio + 1)
    produced = (1 - acceptance ** (draft_tokens + 1)) / (1 - acceptance)
    return produced / (draft_tokens * cost_ratio + 1)


def simulated_speculative_speedup(
    acceptance: float, draft_tokens: int, cost_ratio: float, rounds: int = 20_000, seed: int = 0
) -> float:
    """Play the accept/reject game and return tokens per target-step of cost."""
    rng = random.Random(seed)
    produced = 0
    for _ in range(rounds):
        kept = 0
        while kept < draft_tokens and rng.random() < acceptance:
            kept += 1
        produced += kept + 1
    return produced / (rounds * (draft_tokens * cost_ratio + 1))


@dataclass(frozen=True, slots=True)
class Waste:
    """Share of reserved KV slots that hold no token."""

    mean_length: float
    static: float
    paged: float


def kv_waste(median_length: float, block: int = 16, limit: int = 2048, requests: int = 20_000, seed: int = 0) -> Waste:
    """Draw request lengths (log-normal, σ = 0.8, cut at ``limit``) and compare one slot per request with blocks."""
    rng = random.Random(seed)
    lengths = [
        max(1, min(limit, int(rng.lognormvariate(math.log(median_length), 0.8)))) for _ in range(requests)
    ]  # fmt: skip
    used = sum(lengths)
    paged = sum(math.ceil(length / block) * block for length in lengths)
    return Waste(used / requests, 1 - used / (limit * requests), 1 - used / paged)


def accumulation_error(tokens: Sequence[int], classes: int = 8, *, by_token: bool, seed: int = 0) -> float:
    """Return the relative error of an accumulated gradient against the whole batch's, for a linear softmax model.

    ``tokens`` holds the number of real (unpadded) tokens of each micro-batch. ``by_token`` weights each micro-batch by
    them; otherwise each mean loss counts the same, as ``(loss / steps).backward()`` does.
    """
    rng = random.Random(seed)
    width = 6
    weights = [[rng.gauss(0, 0.5) for _ in range(width)] for _ in range(classes)]

    def summed_gradient(count: int) -> list[float]:
        total = [0.0] * (classes * width)
        for _ in range(count):
            features, label = [rng.gauss(0, 1) for _ in range(width)], rng.randrange(classes)
            scores = [sum(w * x for w, x in zip(row, features, strict=True)) for row in weights]
            top = max(scores)
            exponentials = [math.exp(score - top) for score in scores]
            norm = sum(exponentials)
            for c in range(classes):
                slope = exponentials[c] / norm - (c == label)
                for i, x in enumerate(features):
                    total[c * width + i] += slope * x
        return total

    parts = [summed_gradient(count) for count in tokens]
    everything = sum(tokens)
    whole = [sum(values) / everything for values in zip(*parts, strict=True)]
    shares = [1 / everything if by_token else 1 / (count * len(tokens)) for count in tokens]
    accumulated = [
        sum(share * value for share, value in zip(shares, values, strict=True)) for values in zip(*parts, strict=True)
    ]
    return math.dist(accumulated, whole) / math.hypot(*whole)


def queries_per_second(daily_users: float, requests_each: float) -> float:
    """Return the mean load: users × requests ÷ 86,400 s."""
    return daily_users * requests_each / 86_400


def downtime_hours(availability: float, days: float = 365) -> float:
    """Return the hours a year that an availability (0.999) leaves."""
    return (1 - availability) * days * 24
