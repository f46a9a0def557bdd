"""Which rows of a data set a value holds: origins, parts cut from them, and what was computed from whose rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Literal

from ..tree import Node

#: How a data set is divided. "random" and "folds" come from a library that says so; "cut" (slices, samples and their
#: rest), "mask" (a condition) and "pieces" (what an unknown call returns) do not say which side is the test.
SplitKind = Literal["random", "folds", "named", "cut", "mask", "pieces"]
StatisticKind = Literal["supervised", "transformer", "statistic", "encoder", "resampling", "thinning"]

#: A part of a part of a part …: beyond this depth conditions and slices no longer make new parts.
_DEPTH = 30
#: A value holds the rows of so many tables and parts apart.
_ROWS = 24


@dataclass(slots=True, eq=False)
class Split:
    """One place that divides rows."""

    node: Node
    kind: SplitKind
    #: Whether earlier rows stay before later ones (``shuffle=False``, slices, ``TimeSeriesSplit``).
    ordered: bool = False
    #: The loops in whose turns it stands.
    turns: frozenset[int] = frozenset()
    #: The columns that a condition asks about.
    columns: frozenset[str] = frozenset()


class Rows:
    """A set of rows: all rows of an origin (no parents), a part of other rows, or several rows joined."""

    __slots__ = ("_parts", "depth", "node", "number", "numbers", "parents", "part", "split", "turns")

    def __init__(
        self,
        node: Node,
        parents: tuple[Rows, ...] = (),
        part: object = "all",
        split: Split | None = None,
        numbers: Iterator[int] | None = None,
        turns: frozenset[int] = frozenset(),
    ) -> None:
        self.node, self.parents, self.part, self.split = node, parents, part, split
        #: The loops each turn of which brings rows of its own: `image = imread(name)`.
        self.turns = frozenset.intersection(*(parent.turns for parent in parents)) if parents else turns
        self.depth = 1 + max((parent.depth for parent in parents), default=0)
        self._parts: dict[tuple[int, object], Rows] = {}
        #: Counts the rows of one run: sets of them keep one order, whatever the memory addresses.
        self.numbers: Iterator[int] = parents[0].numbers if parents else numbers or count()
        self.number = next(self.numbers)

    def __hash__(self) -> int:
        return self.number

    def cut(self, split: Split, part: object) -> Rows:
        """Return one part of these rows; the same split and part give the same rows."""
        if self.depth >= _DEPTH and split.kind not in ("random", "folds"):
            return self
        key = (id(split), part)
        if key not in self._parts:
            self._parts[key] = Rows(split.node, (self,), part, split)
            if part == "piece":  # `series[i : i + 30]`: a window of its own in each turn
                self._parts[key].turns |= split.turns
        return self._parts[key]

    def line(self) -> Iterator[Rows]:
        """Yield these rows, then what they were cut from, up to the origin or to the place where rows were joined."""
        rows = self
        yield rows
        while len(rows.parents) == 1:
            rows = rows.parents[0]
            yield rows

    @property
    def is_of_joined(self) -> bool:
        """Are these rows of several tables below one another, or a part of such?"""
        return any(rows.part == "joined" for rows in self.line())

    @property
    def is_put_aside(self) -> bool:
        """Are these the test part of a split, and of no training part (where it would be there to choose by)?"""
        return self.part == "test" and not any(rows.part == "train" for rows in self.line())


def joined(node: Node, parts: Iterable[Rows]) -> Rows:
    """Return the rows of several tables below one another."""
    return Rows(node, tuple(dict.fromkeys(parts)), "joined")


def origins_of(rows: Iterable[Rows]) -> set[Rows]:
    """Return the origins that rows were cut and joined from."""
    found: set[Rows] = set()
    waiting, reached = list(rows), set(rows)
    while waiting:
        one = waiting.pop()
        if not one.parents:
            found.add(one)
        waiting.extend(parent for parent in one.parents if parent not in reached)
        reached.update(one.parents)
    return found


def with_parents(rows: Iterable[Rows]) -> frozenset[Rows]:
    """Return the rows and, for joined ones, those that they were joined from: whoever saw all saw each."""
    found: set[Rows] = set()
    waiting = list(rows)
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            if one.part == "joined":
                waiting.extend(one.parents)
    return frozenset(found)


def covers(seen: frozenset[Rows], rows: Rows, *, partly: bool = False) -> bool:
    """Tell whether whoever saw ``seen`` saw all of ``rows``; ``partly``: or one of the tables they were joined from."""
    last = rows
    for last in rows.line():
        if last in seen:
            return True
    if last.part != "joined":
        return False
    return (any if partly else all)(covers(seen, parent, partly=partly) for parent in last.parents)


def rest_of(rows: frozenset[Rows], taken: frozenset[Rows]) -> frozenset[Rows] | None:
    """Return what ``df.drop(sample.index)`` leaves, None where the sample is none of these rows."""
    for one in taken:
        other = {"head": "tail", "tail": "head", True: False, False: True}.get(one.part)  # type: ignore[call-overload]
        if one.split is not None and other is not None and one.parents and one.parents[0] in rows:
            return frozenset({*(rows - {one.parents[0]}), one.parents[0].cut(one.split, other)})
    return None


def all_rows(rows: frozenset[Rows], others: frozenset[Rows]) -> frozenset[Rows]:
    """Return the rows of both, as far as a value can hold them apart."""
    if rows is others or not others or len(rows) >= _ROWS:
        return rows
    return rows | others


def either_rows(rows: frozenset[Rows], others: frozenset[Rows]) -> frozenset[Rows]:
    """Return the rows of a value that holds the one or the other: of a table and a part of it, only the part is sure."""
    if rows == others:
        return rows
    return all_rows(_less_wholes(rows, others), _less_wholes(others, rows))


def _less_wholes(rows: frozenset[Rows], parts: frozenset[Rows]) -> frozenset[Rows]:
    wholes = {whole for part in parts if part not in rows for whole in part.line() if whole is not part}
    return rows - wholes if wholes else rows


def joined_back(rows: frozenset[Rows], counted: frozenset[Rows], *, is_head: bool) -> frozenset[Rows] | None:
    """Return the table that ``both[:len(train)]`` cuts off again, None where the rows were not joined from it."""
    for one in rows:
        if one.part == "joined" and counted <= with_parents(one.parents):
            own = {parent for parent in one.parents if parent in counted}
            return frozenset(own) if is_head else frozenset(set(one.parents) - own) or None
    return None


def is_another_part(part: Rows, seen: frozenset[Rows]) -> bool:
    """Is a part of a table held apart from what a model has seen of the same table?"""
    assert part.split is not None
    return any(
        other is not part
        and other.split is not None
        and other.parents == part.parents
        and (other.split is part.split or other.split.kind == part.split.kind)
        for rows in seen
        for other in rows.line()
    )


@dataclass(slots=True, eq=False)
class Statistic:
    """Something computed from many rows at once: a fit, a mean, a resampling.

    ``rows`` are those that it saw; ``what`` names it for messages; ``column`` is the one column it was taken of.
    """

    node: Node
    kind: StatisticKind
    rows: frozenset[Rows]
    what: str
    number: int = 0
    column: str | None = None
    #: Whether it looks only at earlier rows (a forward fill).
    causal: bool = False
    #: Whether it was taken for each group (``groupby``).
    grouped: bool = False
    #: The loops that take it for each element anew: of one image, one file.
    turns: frozenset[int] = frozenset()
    #: The column that was learnt, for a model.
    learnt: str | None = None
    #: Whether its predictions are seen to fill the gaps of that column.
    fills: bool = False
    #: The columns that make the groups it was taken for.
    keys: frozenset[str] = frozenset()

    def leaks_into(self, split: Split, whole: Rows) -> bool:
        """Does a split of the rows ``whole`` hand out parts that were already seen together?

        A statistic of the training part of another split is no leak here: only the inner score is touched.
        """
        if (self.causal and split.ordered) or self.turns - split.turns:
            return False
        if self.kind in ("resampling", "thinning") and split.kind == "mask":
            return False  # a condition keeps the copies of a row together
        if self.keys & split.columns:
            return False  # … and the rows of a group whose month it asks for
        if not covers(self.rows, whole, partly=split.kind in ("random", "folds")):
            return False
        return not any(rows.part in ("train", "test") and rows in self.rows for rows in whole.line())

    @property
    def saw_joined_rows(self) -> bool:
        """Were tables joined before it was computed?"""
        return any(rows.part == "joined" for rows in self.rows)


#: What flows into a value: a statistic, and the column it stands in (None: anywhere).
Mark = tuple[Statistic, str | None]
