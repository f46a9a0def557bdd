"""The guide's numbers put to the test: the figures are worked out here, the texts stand in ``claims.toml``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache

from ..knowledge import table
from . import formulas
from .formulas import Attention, Decoder, Shape

Figures = dict[str, float]

#: A smaller speedup is none.
_A_GAIN = 1.05

_WORK: dict[str, Callable[[], Figures]] = {}


@dataclass(frozen=True, slots=True)
class Claim:
    """One number people quote: what is said, how it was checked, what came out, what to say in an interview."""

    key: str
    topic: str
    says: str
    #: computed, simulated, predicted, measured or not checkable here
    checked: str
    #: holds, depends, wrong as stated or open
    verdict: str
    came_out: str
    say: str
    source: str
    figures: Figures = field(default_factory=dict)
    #: The same for the shape the user gave, where the claim is about a model's shape.
    yours: str | None = None

    def as_object(self) -> dict[str, object]:
        """Return the row as it stands in JSON."""
        names = ("key", "topic", "says", "checked", "verdict", "came_out", "say", "source", "figures", "yours")
        return {name: getattr(self, name) for name in names}


#: What fresh evidence says about a case (``"LRF501/causal"``): in words, and the median speedup; ``None`` without any.
Measured = Callable[[str], tuple[str, float] | None]


def claims(shape: Shape | None = None, measured: Measured = lambda case: None) -> list[Claim]:
    """Return a row for each number of the guide.

    ``shape`` is the user's own model. A claim about speed stays a prediction unless ``measured`` knows better.
    """
    return list(_rows(shape, measured))


def _rows(shape: Shape | None, measured: Measured) -> Iterator[Claim]:
    for key, entry in table("claims")["claims"].items():
        figures = _figures(key)
        came_out, checked, verdict = entry["came_out"].format(**figures), entry["checked"], entry["verdict"]
        if checked == "measured":
            result = measured(entry["case"])
            checked = "measured" if result else "predicted"
            came_out = f"{result[0]}; predicted: {came_out}" if result else f"{came_out}; unmeasured"
            verdict = _judged(result[1], *entry["range"]) if result else verdict
        yield Claim(
            key=key,
            topic=entry["topic"],
            says=entry["says"],
            checked=checked,
            verdict=verdict,
            came_out=came_out,
            say=entry["say"].format(**figures),
            source=entry["source"],
            figures=figures,
            yours=_YOURS[key](shape) if shape is not None and key in _YOURS else None,
        )


def _judged(speedup: float, low: float, high: float) -> str:
    """Judge a measured speedup by the range that people quote."""
    if low <= speedup <= high:
        return "holds"
    return "depends" if speedup >= _A_GAIN else "wrong as stated"


@cache
def _figures(key: str) -> Figures:
    return _WORK[key]() if key in _WORK else {}


def _about(key: str) -> Callable[[Callable[[], Figures]], Callable[[], Figures]]:
    def remember(work: Callable[[], Figures]) -> Callable[[], Figures]:
        _WORK[key] = work
        return work

    return remember


def _llama_7b() -> Decoder:
    entry = table("claims")["models"]["llama-2-7b"]
    return Decoder(**{name: value for name, value in entry.items() if name != "source"})


def llama_70b(kv_heads: int | None = None) -> Shape:
    """Return Llama-2-70B's shape, or what it would be with other K/V heads."""
    entry = table("claims")["models"]["llama-2-70b"]
    fields = {name: value for name, value in entry.items() if name != "source"}
    return Shape(**fields | ({"kv_heads": kv_heads} if kv_heads else {}))


@_about("attention-quadratic")
def _attention_quadratic() -> Figures:
    lengths = [1024, 2048, 4096, 8192, 16384]
    model = _llama_7b()
    per_token = 2 * sum(wide * high for wide, high in model.linears.values())
    return {
        "exponent": formulas.power_law(lengths, [Attention(tokens=length).flops for length in lengths]),
        "crossover": per_token // (4 * model.hidden),
    }


@_about("flash-speed")
def _flash_speed() -> Figures:
    gpu, attention = table("gpus")["h200"], Attention()
    bandwidth, peak = gpu["copy_tbs"] * 1e12, gpu["bf16_tflops"] * 1e12
    by_hand, fused = attention.by_hand_seconds(bandwidth, peak), attention.fused_seconds(bandwidth, peak)
    return {"by_hand_ms": by_hand * 1e3, "fused_ms": fused * 1e3, "speedup": by_hand / fused}


@_about("flash-memory")
def _flash_memory() -> Figures:
    lengths = [1024, 2048, 4096, 8192]
    return {
        "by_hand_exponent": formulas.power_law(lengths, [Attention(tokens=n).scores_bytes for n in lengths]),
        "fused_exponent": formulas.power_law(lengths, [Attention(tokens=n).fused_bytes for n in lengths]),
        "by_hand_gb": Attention().scores_bytes / 1e9,
        "fused_gb": Attention().fused_bytes / 1e9,
    }


@_about("mqa-memory")
def _mqa_memory() -> Figures:
    def saving(heads: int, kv_heads: int = 1) -> float:
        shape = Shape(heads=heads, kv_heads=kv_heads)
        return shape.kv_cache_bytes(heads) / shape.kv_cache_bytes()

    return {"on_8": saving(8), "on_32": saving(32), "on_64": saving(64), "gqa_8_on_64": saving(64, 8)}


@_about("kv-cache")
def _kv_cache() -> Figures:
    return {"as_mha_gb": llama_70b(64).kv_cache_bytes() / 1e9, "real_gb": llama_70b().kv_cache_bytes() / 1e9}


@_about("speculative-decoding")
def _speculative_decoding() -> Figures:
    def gain(acceptance: float) -> float:
        return formulas.speculative_speedup(acceptance, 4, 0.1)

    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if gain(middle) < 1 else (low, middle)
    return {
        "at_06": gain(0.6),
        "at_07": gain(0.7),
        "at_08": gain(0.8),
        "simulated_08": formulas.simulated_speculative_speedup(0.8, 4, 0.1),
        "break_even": high,
    }


@_about("four-bit-memory")
def _four_bit_memory() -> Figures:
    model = _llama_7b()
    full = 2 * model.parameters
    return {
        "nf4": 1 - model.four_bit_bytes(double_quantised=False) / full,
        "double": 1 - model.four_bit_bytes(double_quantised=True) / full,
    }


@_about("paged-attention")
def _paged_attention() -> Figures:
    figures: Figures = {}
    for name, median in (("short", 60), ("middle", 200), ("long", 500)):
        waste = formulas.kv_waste(median)
        figures |= {f"{name}_mean": waste.mean_length, f"{name}_paged": waste.paged, f"{name}_static": waste.static}
    return figures


@_about("mixed-precision")
def _mixed_precision() -> Figures:
    gpu = table("gpus")["h200"]
    return {"over_tf32": gpu["bf16_tflops"] / gpu["tf32_tflops"], "over_fp32": gpu["bf16_tflops"] / gpu["fp32_tflops"]}


@_about("gradient-accumulation")
def _gradient_accumulation() -> Figures:
    return {
        "by_token": formulas.accumulation_error((10, 3), by_token=True),
        "mean_of_means": formulas.accumulation_error((10, 3), by_token=False),
        "equal": formulas.accumulation_error((10, 10), by_token=False),
    }


@_about("lora-parameters")
def _lora_parameters() -> Figures:
    model = _llama_7b()

    def share(rank: int, targets: str) -> float:
        return model.lora_parameters(rank, targets.split()) / model.parameters

    return {
        "r8_qv": share(8, "q v"),
        "r16_attention": share(16, "q k v o"),
        "r64_attention": share(64, "q k v o"),
        "r64_all": share(64, " ".join(model.linears)),
    }


@_about("ema")
def _ema() -> Figures:
    decay, early = 0.999, 500
    return {
        "memory": 1 / (1 - decay),
        "half_life": math.log(2) / -math.log(decay),
        "early": early,
        "start_share": decay**early,
    }


@_about("rms-norm")
def _rms_norm() -> Figures:
    elements = 8 * 4096 * 4096
    fused = 2 * elements * 2
    # bf16 in and out, float32 between: cast, square, mean, multiply, cast back, weight
    by_hand = elements * ((2 + 4) + (4 + 4) + 4 + (4 + 4) + (4 + 2) + (2 + 2))
    return {"bytes_gb": fused / 1e9, "by_hand_ratio": by_hand / fused}


@_about("grpo-memory")
def _grpo_memory() -> Figures:
    trained, frozen = 16, 2  # bf16 weights and gradients, float32 master copy and two moments; bf16 weights
    ppo = trained + trained + frozen + frozen  # policy, critic, reference, reward model
    return {
        "ppo": ppo,
        "with_reward_model": 1 - (trained + frozen + frozen) / ppo,
        "rule_reward": 1 - (trained + frozen) / ppo,
        "no_reference": 1 - trained / ppo,
    }


@_about("grpo-group")
def _grpo_group() -> Figures:
    return {f"at_{size}": 1 / math.sqrt(size) for size in (4, 16, 64)}


@_about("qps")
def _qps() -> Figures:
    mean = formulas.queries_per_second(10e6, 10)
    return {"mean": mean, "peak": 3 * mean}


@_about("semantic-cache")
def _semantic_cache() -> Figures:
    hits, lookup_ms, answer_ms = 0.65, 30, 2000
    return {"hits": hits, "mean_ms": lookup_ms + (1 - hits) * answer_ms}


@_about("capacity")
def _capacity() -> Figures:
    mean = formulas.queries_per_second(10e6, 10)
    low, high = (1 - 0.8) * mean, (1 - 0.5) * mean
    tokens_per_second, seconds, answer = 100, 0.2, 200
    return {
        "mean_low": low,
        "mean_high": high,
        "peak_low": 3 * low,
        "peak_high": 3 * high,
        "tokens": tokens_per_second * seconds,
        "gpus_low": 3 * low * answer / tokens_per_second,
        "gpus_high": 3 * high * answer / tokens_per_second,
    }


@_about("availability")
def _availability() -> Figures:
    return {
        "hours": formulas.downtime_hours(0.999),
        "minutes": formulas.downtime_hours(0.999, 30) * 60,
        "in_series": formulas.downtime_hours(0.999**3),
    }


@_about("long-context")
def _long_context() -> Figures:
    return {"ratio": 500_000 / 5_000}


def _your_attention(shape: Shape) -> str:
    per_layer = 4 * shape.heads * shape.tokens**2 * shape.head_dim
    return f"{per_layer / 1e9:,.1f} GFLOP of scores a layer at {shape.tokens:,} tokens (causal: half)"


def _your_scores(shape: Shape) -> str:
    return f"{shape.score_bytes() / 1e9:.2f} GB of T×T scores a layer and request by hand, none fused"


def _your_saving(shape: Shape) -> str:
    return f"{shape.heads} ÷ {shape.kv_heads} = {shape.heads / shape.kv_heads:g}× less K/V than with all heads"


def _your_kv_cache(shape: Shape) -> str:
    own, full = shape.kv_cache_bytes() / 1e9, shape.kv_cache_bytes(shape.heads) / 1e9
    size = f"{own:.2f} GB a request at {shape.tokens:,} tokens in {shape.dtype}"
    return size if shape.heads == shape.kv_heads else f"{size}; {full:.2f} GB if it had {shape.heads} K/V heads"


_YOURS: dict[str, Callable[[Shape], str]] = {
    "attention-quadratic": _your_attention,
    "flash-memory": _your_scores,
    "mqa-memory": _your_saving,
    "kv-cache": _your_kv_cache,
}
