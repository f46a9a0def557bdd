"""Do both bodies of a case compute the same? Asked before anything is timed, against float64, gradients included."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._pytree import tree_leaves, tree_map

from .case import Case, Maker
from .counters import as_on_a_gpu


def check(case: Case, device: str = "cpu") -> dict[str, Any]:
    """Return the relative errors of both bodies in the case's element type, and whether they are equal enough.

    Equal means: in float64 they agree, nothing is NaN, and the good body is at most ``tolerance`` times as far from
    float64 as the bad one (or as rounding alone).
    """
    inputs = case.inputs(Maker(getattr(torch, case.dtype), device), **case.small)
    exact = tree_map(_doubled, copy.deepcopy(inputs))
    reference, other = _run(case, case.bad, exact), _run(case, case.good, exact)
    bad, good = _run(case, case.bad, inputs), _run(case, case.good, inputs)
    disagreement, error_bad, error_good = (_distance(values, reference) for values in (other, bad, good))
    limit = case.tolerance * max(error_bad, torch.finfo(getattr(torch, case.dtype)).eps)
    return {
        "float64_disagreement": disagreement,
        "error_bad": error_bad,
        "error_good": error_good,
        "gradients": case.backward,
        "ok": disagreement <= case.agreement and error_good <= limit,  # a NaN compares as false
    }


def _doubled(value: Any) -> Any:
    if isinstance(value, torch.nn.Module):
        return value.double()
    return value.double() if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def _run(case: Case, body: Callable[..., Any], inputs: Any) -> list[torch.Tensor]:
    own = copy.deepcopy(inputs)  # as a whole: an optimizer's parameters are its model's; a body may change them
    leaves = [value for value in tree_leaves(own) if isinstance(value, torch.Tensor) and value.is_floating_point()]
    if case.backward:
        for leaf in leaves:
            leaf.requires_grad_()
    torch.manual_seed(1)
    with as_on_a_gpu():
        result = case.run(body, own)
    values = [
        value.detach() if isinstance(value, torch.Tensor) else torch.tensor(value)
        for value in tree_leaves(result)
        if isinstance(value, torch.Tensor | float | int)
    ]
    if case.backward:
        weight = torch.linspace(-1, 1, result.numel(), dtype=result.dtype, device=result.device).view_as(result)
        (result * weight).sum().backward()
        values += [leaf.grad for leaf in leaves if leaf.grad is not None]
    return values


def _distance(values: list[torch.Tensor], reference: list[torch.Tensor]) -> float:
    if len(values) != len(reference) or not values:
        return float("nan")
    worst = 0.0
    for value, exact in zip(values, reference, strict=True):
        if value.shape != exact.shape:
            return float("nan")
        scale = exact.double().norm().clamp_min(1e-30)
        distance = ((value.double() - exact.double()).norm() / scale).item()
        if distance != distance:
            return distance
        worst = max(worst, distance)
    return worst
