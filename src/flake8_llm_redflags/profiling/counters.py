"""Counting what a piece of code asks of the machine: operators, bytes, FLOPs, live memory, waits. No clock is involved,
so the counts are the same on every machine; on fake tensors they cost no memory and no arithmetic."""

from __future__ import annotations

import weakref
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from ..knowledge import table


@dataclass(slots=True)
class Operator:
    """One dispatched operator: roughly one kernel."""

    name: str
    flops: float
    bytes: float
    dtype: torch.dtype


@dataclass(slots=True)
class Counts:
    """Totals of a run. Bytes are what operators read and write; ``peak_bytes`` what they hold beyond their inputs."""

    operators: int = 0
    bytes: float = 0
    flops: float = 0
    peak_bytes: int = 0
    #: Operators whose result the host must wait for, on values that came from the inputs. ``tolist`` is none: on a
    #: CPU it reads memory without an operator.
    would_sync: int = 0
    by_name: dict[str, int] = field(default_factory=dict)

    def as_object(self) -> dict[str, Any]:
        """Return the counts as they stand in evidence: the five most frequent operators only."""
        return asdict(self) | {"by_name": dict(Counter(self.by_name).most_common(5))}


class Counting(TorchDispatchMode):
    """Counts every operator that runs inside it. ``inputs`` are what lies on the device at the start."""

    def __init__(self, inputs: Any = ()) -> None:
        super().__init__()
        self.counts = Counts()
        self.operators: list[Operator] = []
        self._live = 0
        #: Storages that are alive, and those whose values would be on the device.
        self._known: dict[int, int] = {}
        self._device: set[int] = set()
        for tensor in _tensors(inputs):
            self._follow(tensor)
            self._device.add(_storage(tensor))
        self._at_start = self._live

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operator and count it."""
        result = func(*args, **(kwargs or {}))
        if func.namespace != "aten":
            return result
        name = func._schema.name.partition("::")[2]
        given, made = _tensors((args, kwargs or {})), _tensors(result)
        storages = {_storage(tensor) for tensor in given}
        on_device = bool(storages & self._device)
        for tensor in made:
            self._follow(tensor)
            if on_device:
                self._device.add(_storage(tensor))
        if on_device and name in table("torch_operators")["waits"]["names"]:
            self.counts.would_sync += 1
        if not self._is_free(func, name, storages, made):
            self._add(
                Operator(
                    name, _flops(func, name, args, kwargs or {}, result), _traffic(name, given, made), _dtype(given)
                )
            )
        return result

    def _is_free(self, func: Any, name: str, storages: set[int], made: list[torch.Tensor]) -> bool:
        """Tell whether an operator only looks at memory differently, or reserves it: no kernel runs."""
        if name.startswith(("empty", "new_empty")):
            return True
        return bool(made) and not func._schema.is_mutable and all(_storage(tensor) in storages for tensor in made)

    def _add(self, operator: Operator) -> None:
        counts = self.counts
        self.operators.append(operator)
        counts.operators += 1
        counts.bytes += operator.bytes
        counts.flops += operator.flops
        counts.by_name[operator.name] = counts.by_name.get(operator.name, 0) + 1

    def _follow(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return
        self._known[key] = size
        self._live += size
        self.counts.peak_bytes = max(self.counts.peak_bytes, self._live - getattr(self, "_at_start", self._live))
        weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self._live -= self._known.pop(key, 0)
        self._device.discard(key)


def _tensors(values: Any) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    for leaf in tree_leaves(values):
        if isinstance(leaf, torch.Tensor):
            found.append(leaf)
        elif isinstance(leaf, torch.nn.Module):
            found += [*leaf.parameters(), *leaf.buffers()]
    return found


def _storage(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage()._cdata


def _dtype(tensors: list[torch.Tensor]) -> torch.dtype:
    return next((tensor.dtype for tensor in tensors if tensor.dtype.is_floating_point), torch.float32)


def _traffic(name: str, given: list[torch.Tensor], made: list[torch.Tensor]) -> float:
    """Return the bytes an operator reads and writes; an expanded dimension is read once, a gather reads what it picks."""
    if name in table("torch_operators")["gathers"]["names"]:
        return 2.0 * sum(tensor.numel() * tensor.element_size() for tensor in made)
    total, seen = 0.0, set()
    for written, tensors in ((False, given), (True, made)):
        for tensor in tensors:
            key = (written, _storage(tensor), tensor.storage_offset(), tensor.shape)
            if key not in seen:
                seen.add(key)
                total += _stored_elements(tensor) * tensor.element_size()
    return total


def _stored_elements(tensor: torch.Tensor) -> int:
    count = 1
    for size, stride in zip(tensor.shape, tensor.stride(), strict=True):
        count *= size if stride else 1
    return count


def _flops(func: Any, name: str, args: Any, kwargs: Any, result: Any) -> float:
    flops = 0.0
    if func._overloadpacket in flop_registry:
        try:
            flops = float(flop_registry[func._overloadpacket](*args, **kwargs, out_val=result))
        except (TypeError, ValueError, AssertionError):  # a form the registry does not know: only bytes count
            flops = 0.0
    if "_scaled_dot_product" in name:
        backward = "backward" in name  # five matrix products instead of two, behind the gradient of the output
        query, key = args[1:3] if backward else args[:2]
        batch, heads, length, width = query.shape
        flops = flops or (10.0 if backward else 4.0) * batch * heads * length * key.shape[2] * width
        if kwargs.get("is_causal") or any(value is True for value in args[3:]):
            flops /= 2
    return flops
