"""What values are, as far as the cost of reading them goes: a lattice of kinds, and how kinds combine."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Kind(StrEnum):
    """What a value is, as far as the cost of reading it goes."""

    DEVICE = "device"  #: a tensor on the accelerator, or a structure of them such as a model's output
    HOST = "host"  #: a tensor or array in host memory, or a structure of them such as a loader's batch
    TENSOR = "tensor"  #: a tensor; the file does not say where
    PYTHON = "python"  #: a number, string, list, shape, device…
    MODULE = "module"  #: something that computes tensors when called: a model, a layer, a loss
    OPTIMIZER = "optimizer"
    LOADER = "loader"  #: yields batches in host memory
    DEVICE_LOADER = "device loader"  #: yields batches on the device (prepared by accelerate or Fabric)
    UNKNOWN = "unknown"

    @property
    def is_tensor(self) -> bool:
        """Is the value surely a tensor or a structure of tensors?"""
        return self in (Kind.DEVICE, Kind.HOST, Kind.TENSOR)


#: Of several ways in which a value may come to be, the one that decides.
_STRONGEST = (
    *(Kind.DEVICE, Kind.MODULE, Kind.OPTIMIZER, Kind.DEVICE_LOADER, Kind.LOADER),
    *(Kind.TENSOR, Kind.UNKNOWN, Kind.HOST, Kind.PYTHON),
)


def strongest(kinds: Iterable[Kind]) -> Kind:
    """Return the kind that decides among several ways in which one value may come to be."""
    found = set(kinds)
    return next((kind for kind in _STRONGEST if kind in found), Kind.UNKNOWN)


def alike(kinds: Iterable[Kind]) -> Kind:
    """Return the strongest kind, or unknown where tensors stand beside other things."""
    found = set(kinds)
    mixed = any(kind.is_tensor for kind in found) and not all(kind.is_tensor for kind in found)
    return Kind.UNKNOWN if mixed else strongest(found)


def combined(kinds: Iterable[Kind]) -> Kind:
    """Return the kind of what an operator or a tensor function makes from operands of these kinds."""
    found = set(kinds)
    for kind in (Kind.DEVICE, Kind.HOST, Kind.TENSOR):
        if kind in found:
            return kind
    return Kind.PYTHON if found == {Kind.PYTHON} else Kind.UNKNOWN


def item_of(whole: Kind) -> Kind:
    """Return the kind of one element of a value: of a batch, a loader's turn, a structure of tensors."""
    if whole.is_tensor:
        return whole
    return Kind.HOST if whole is Kind.LOADER else Kind.DEVICE if whole is Kind.DEVICE_LOADER else Kind.UNKNOWN
