"""Arguments that a program puts into a table first: ``options["weights_only"] = False``, which then goes into a call."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import TYPE_CHECKING, NamedTuple

from ..code.arguments import argument
from ..code.constants import as_text
from ..code.syntax import cst

if TYPE_CHECKING:
    from ..code import Code


class Setting(NamedTuple):
    """An argument in a table: where it is set, its name and its value."""

    place: cst.CSTNode
    name: str
    value: cst.CSTNode


def settings(code: Code, names: Container[str]) -> Iterator[Setting]:
    """Yield the settings of these names: entries of a dict, what is put into one, and its defaults."""
    for entry in code.all(cst.DictElement):
        name = as_text(entry.key)
        if name in names:
            yield Setting(entry, name, entry.value)
    for step in code.all(cst.Assign):
        target = step.targets[0].target
        if isinstance(target, cst.Subscript):
            index = target.slice[0].slice
            name = as_text(index.value) if isinstance(index, cst.Index) else None
            if name in names:
                yield Setting(target, name, step.value)
    for call in code.calls("setdefault"):
        name, value = as_text(argument(call, 0)), argument(call, 1)
        if name in names and value is not None:
            yield Setting(call, name, value)
