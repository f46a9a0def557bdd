"""Pictures altered at random: whether the rows that a model is judged by are altered too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import libcst as cst

from ..knowledge import words
from .arguments import argument, keyword
from .constants import as_number, as_text, is_false, is_none
from .names import dotted
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

#: Names of parts that are there to judge a model.
_JUDGING = re.compile(
    r"(?:^|_)(?:test|val|valid|validation|dev|eval|holdout)(?:\d|_|$|set|data|loader|idx|ind|sampler)", re.I
)
#: Attributes by which a part gets a transform, or rows, of its own after the split.
_GIVEN_LATER = ("transform", "transforms", "dataset")

_words = partial(words, "data", "augmentation")


@dataclass(frozen=True, slots=True)
class AlteredPart:
    """A part of a data set that should judge a model, and whose pictures are altered at random as those for training."""

    made: Node  #: where the pictures get the transform
    transform: str  #: what the code calls it
    split: Node


class Augmentation:
    """How a file alters its pictures."""

    def __init__(self, code: Code) -> None:
        self._code, self._tree = code, code.tree

    def altered_parts(self) -> Iterator[AlteredPart]:
        """Yield each data set that is altered at random and then divided, once."""
        if self._is_given_later():
            return
        seen: set[int] = set()
        for part in (*self._by_call(), *self._by_index(), *self._by_keras()):
            if id(part.made) not in seen:
                seen.add(id(part.made))
                yield part

    def _is_given_later(self) -> bool:
        """Does a part get its own transform after the split (``val_set.dataset.transform = plain``)?"""
        return any(
            isinstance(target.target, cst.Attribute)
            and target.target.attr.value in _GIVEN_LATER
            and dotted(target.target.value) != "self"
            for target in self._code.all(cst.AssignTarget)
        )

    # ---- one call hands out the parts

    def _by_call(self) -> Iterator[AlteredPart]:
        for call in self._code.calls("random_split", "train_test_split"):
            whole = argument(call, 0, "dataset")
            found = self._altered(whole) if whole is not None else None
            if found is not None and self._judges(call):
                yield AlteredPart(*found, call)

    def _judges(self, call: cst.Call) -> bool:
        """Is one of the parts named as one to judge by (``train_set, val_set = random_split(…)``)?"""
        assign = self._tree.parent(call)
        if not isinstance(assign, cst.Assign):
            return False
        targets = assign.targets[0].target
        return isinstance(targets, cst.Tuple) and any(
            _JUDGING.search(dotted(element.value).rpartition(".")[2]) for element in targets.elements
        )

    # ---- several calls pick rows of the same data set

    def _by_index(self) -> Iterator[AlteredPart]:
        """Follow ``Subset(pictures, test_rows)`` and ``DataLoader(pictures, sampler=test_sampler)``."""
        parts: dict[int, list[tuple[cst.Call, str, tuple[Node, str]]]] = {}
        for call in self._code.calls("Subset", "DataLoader"):
            is_subset = dotted(call.func).endswith("Subset")
            whole = argument(call, 0, "dataset")
            rows = argument(call, 1, "indices") if is_subset else keyword(call, "sampler")
            if whole is None or rows is None or is_none(rows):
                continue
            found = self._altered(whole)
            if found is not None:
                names = f"{dotted(rows)} {self._assigned_name(call)}"
                parts.setdefault(id(found[0]), []).append((call, names, found))
        for calls in parts.values():
            judging = [call for call, names, _ in calls if any(map(_JUDGING.search, names.split()))]
            if judging and len(calls) > len(judging):
                yield AlteredPart(*calls[0][2], judging[0])

    def _assigned_name(self, call: cst.Call) -> str:
        assign = self._tree.parent(call)
        return dotted(assign.targets[0].target) if isinstance(assign, cst.Assign) else ""

    # ---- one generator of Keras serves both parts

    def _by_keras(self) -> Iterator[AlteredPart]:
        trained = [maker for _, maker in self._drawn("training")]
        for call, maker in self._drawn("validation"):
            alters = next((dotted(arg.keyword) for arg in maker.args if _alters(arg)), None)
            if alters is not None and any(maker is one for one in trained):
                yield AlteredPart(maker, alters, call)

    def _drawn(self, subset: str) -> Iterator[tuple[cst.Call, cst.Call]]:
        """Yield the calls that draw one subset from a generator, and the call that made the generator."""
        for call in self._code.calls("flow_from_directory", "flow_from_dataframe", "flow"):
            if as_text(keyword(call, "subset")) == subset and isinstance(call.func, cst.Attribute):
                maker = self._maker(call.func.value)
                if isinstance(maker, cst.Call) and dotted(maker.func).endswith("ImageDataGenerator"):
                    yield call, maker

    # ---- what is altered at random

    def _altered(self, whole: Node) -> tuple[Node, str] | None:
        """Return where a data set is made and the transform that alters it at random, None where nothing does."""
        maker = self._maker(whole)
        if isinstance(maker, cst.Call):
            transform = keyword(maker, "transform") or keyword(maker, "transforms")
            if transform is not None and self._is_random(transform):
                return maker, self._code.short_text(transform)
        if isinstance(maker, cst.ListComp):
            for call in self._tree.within(maker.elt, cst.Call):
                if isinstance(call.func, cst.Name) and self._is_random(call.func):
                    return maker, call.func.value
        return None

    def _maker(self, node: Node) -> Node | None:
        """Return the one expression that a name stands for."""
        if not isinstance(node, cst.Name):
            return node
        bindings = self._code.values.definitions(node)
        return bindings[0].value if len(bindings) == 1 else None

    def _is_random(self, transform: Node) -> bool:
        """Does a transform surely give the same picture another result each time?"""
        origins = self._code.values.origins(transform)
        return bool(origins) and all(
            origin.kind == "call"
            and isinstance(origin.node, cst.Call)
            and self._is_random_call(origin.node, origin.name or "")
            for origin in origins
        )

    def _is_random_call(self, call: cst.Call, qualified: str) -> bool:
        package, _, name = qualified.rpartition(".")
        if name in _words("containers"):
            return any(self._is_random(part) for part in _parts(call))
        if package.startswith("albumentations"):
            return name not in _words("steady")
        return package.startswith("torchvision") and (name.startswith("Random") or name in _words("random"))


def _parts(call: cst.Call) -> Iterator[Node]:
    """Yield the transforms that a container is given, one by one or in a list."""
    for arg in call.args:
        if isinstance(arg.value, (cst.List, cst.Tuple)):
            yield from (element.value for element in arg.value.elements)
        elif arg.keyword is None:
            yield arg.value


def _alters(arg: cst.Arg) -> bool:
    """Does an argument of Keras' generator switch a random change on?"""
    if arg.keyword is None or arg.keyword.value not in _words("keras"):
        return False
    return not (is_none(arg.value) or is_false(arg.value) or as_number(arg.value) == 0)
