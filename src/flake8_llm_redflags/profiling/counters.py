"""Counting what a piece of code asks of the machine: operators, bytes, FLOPs, live memory, waits. No clock is involved,
so the counts are the same on every machine; on fake tensors they cost no memory and no arithmetic."""

from __future__ import annotations

import contextlib
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from ..knowledge import table, words


@dataclass(slots=True)
class Operator:
    """One dispatched operator: roughly one kernel."""

    name: str
    flops: float
    bytes: float
    dtype: torch.dtype
    #: Whether float32 products may use the tensor cores' short form, as it was set when the operator ran.
    tf32: bool = False


@dataclass(slots=True)
class Counts:
    """Totals of a run. Bytes are what operators read and write; ``peak_bytes`` what they hold beyond their inputs."""

    operators: int = 0
    bytes: float = 0
    flops: float = 0
    peak_bytes: int = 0
    #: Points at which the host must wait for the device: reads of values that came from the inputs, and plain waits.
    would_sync: int = 0
    #: Bytes that cross between host and device.
    copied_bytes: float = 0
    #: All-reduces over the process group.
    collectives: int = 0
    #: Graphs that torch.compile made.
    compilations: int = 0
    #: Autograd nodes that the result keeps alive.
    kept_nodes: int = 0
    by_name: dict[str, int] = field(default_factory=dict)

    def as_object(self) -> dict[str, Any]:
        """Return the counts as they stand in evidence: the five most frequent operators only."""
        return asdict(self) | {"by_name": dict(Counter(self.by_name).most_common(5))}


class Counting(TorchDispatchMode):
    """Counts every operator that runs inside it. ``inputs`` are what lies on the device at the start.

    A tensor is on the device where an input made it or ``device=`` named the place, and on the host otherwise: so a CPU
    shows the crossings that a GPU would have.
    """

    def __init__(self, inputs: Any = ()) -> None:
        super().__init__()
        self.counts = Counts()
        self.operators: list[Operator] = []
        #: Bytes of what the body returned, where the caller says what that is.
        self.result_bytes = 0
        self._live = 0
        #: Storages that are alive, and those whose values would be on the device.
        self._known: dict[int, int] = {}
        self._device: set[int] = set()
        #: What collectives were given: their thread lets go of it whenever it comes to that, so it counts as held.
        self._sent: list[torch.Tensor] = []
        for tensor in _tensors(inputs):
            self._follow(tensor)
            self._device.add(_storage(tensor))
        self._at_start = self._live
        self._around = contextlib.ExitStack()

    def __enter__(self) -> Counting:
        self._around.enter_context(as_on_a_gpu(self._wait))
        self._around.enter_context(_Crossings(self))
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._around.close()

    def _wait(self) -> None:
        self.counts.would_sync += 1

    def is_on_device(self, tensor: torch.Tensor) -> bool:
        """Tell whether a tensor would lie on the device."""
        return _storage(tensor) in self._device

    def returned(self, result: Any) -> None:
        """Note what the body returned, after it ran."""
        self.result_bytes = sum(
            {_storage(tensor): tensor.untyped_storage().nbytes() for tensor in _tensors(result)}.values()
        )
        self.counts.kept_nodes = graph_nodes(result)

    def put_on_device(self, tensor: torch.Tensor) -> None:
        """Take a tensor as one that lies on the device."""
        self._follow(tensor)
        self._device.add(_storage(tensor))

    def cross(self, tensor: torch.Tensor) -> None:
        """Count a copy between host and device; back to the host, it is waited for."""
        self.counts.copied_bytes += tensor.numel() * tensor.element_size()
        self.counts.would_sync += self.is_on_device(tensor)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operator and count it."""
        result = func(*args, **(kwargs or {}))
        if func.namespace == "c10d":
            self.counts.collectives += "allreduce" in func.__name__
            self._sent += _tensors((args, kwargs or {}))
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
        if name in words("torch_operators", "workspaces") and given:
            inside = given[0].numel() * given[0].element_size()
            self.counts.peak_bytes = max(self.counts.peak_bytes, self._live + inside - self._at_start)
        if on_device and name in table("torch_operators")["waits"]["names"]:
            self.counts.would_sync += 1
        if not self._is_free(func, name, storages, made):
            self._add(
                Operator(
                    name,
                    _flops(func, name, args, kwargs or {}, result),
                    _traffic(name, given, made),
                    _dtype(given),
                    torch.get_float32_matmul_precision() != "highest",
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


class _Crossings(TorchFunctionMode):
    """Sees what a CPU leaves out because nothing moves there: ``.to(device)``, ``.cpu()``, ``.numpy()``, ``.tolist()``."""

    def __init__(self, counting: Counting) -> None:
        super().__init__()
        self._counting = counting

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the function; a result on the other side has a storage of its own, as on a GPU."""
        kwargs = kwargs or {}
        name, counting = getattr(func, "__name__", ""), self._counting
        first = args[0] if args and isinstance(args[0], torch.Tensor) else None
        if first is None:
            result = func(*args, **kwargs)
            if isinstance(result, torch.Tensor) and _is_the_device(kwargs.get("device")):
                counting.put_on_device(result)
            return result
        known = table("torch_operators")
        if counting.is_on_device(first):
            if name in known["to_host"]["names"]:
                counting.cross(first)
                return _copy(first) if name == "cpu" else func(*args, **kwargs)
        elif name in known["to_device"]["names"] and any(map(_is_the_device, (*args[1:], *kwargs.values()))):
            counting.cross(first)
            moved = _copy(func(*args, **kwargs))
            counting.put_on_device(moved)
            return moved
        return func(*args, **kwargs)


def _copy(tensor: torch.Tensor) -> torch.Tensor:
    with _disable_current_modes():  # neither an operator of the body nor on its operands' side
        return tensor.clone()


def _is_the_device(value: Any) -> bool:
    """Tell whether an argument names where the inputs lie: code that says ``"cpu"`` outright means the host."""
    return isinstance(value, torch.device)


@contextlib.contextmanager
def as_on_a_gpu(wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Let code that asks for a GPU run without one: its waits are counted, and optimizers choose as they do there."""
    if torch.cuda.is_available():
        yield
        return
    with contextlib.ExitStack() as stack:
        for name in table("torch_operators")["waiting_calls"]["names"]:
            stack.enter_context(mock.patch(name, wait))
        stack.enter_context(
            mock.patch("torch.optim.optimizer._get_foreach_kernels_supported_devices", return_value=["cpu", "cuda"])
        )
        yield


def graphs_compiled(work: Callable[[], Any]) -> int:
    """Run something and return how many graphs torch.compile made; it makes none inside ``Counting``."""
    from torch._dynamo.utils import counters

    before = counters["stats"]["unique_graphs"]
    work()
    return int(counters["stats"]["unique_graphs"] - before)


def graph_nodes(result: Any) -> int:
    """Return how many autograd nodes a result keeps alive, parameters' own excluded."""
    found: set[Any] = set()
    waiting = [tensor.grad_fn for tensor in _tensors(result) if tensor.grad_fn is not None]
    while waiting:
        node = waiting.pop()
        if node not in found and node.name() != "torch::autograd::AccumulateGrad":
            found.add(node)
            waiting += [before for before, _ in node.next_functions if before is not None]
    return len(found)


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
