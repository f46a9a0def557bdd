"""Rows and columns of tables: where values come from, which part of a table an expression picks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Literal

import libcst as cst

from ..tree import Node
from . import api
from .conditions import METHOD_OPPOSITES, asked_columns, fingerprint, is_of_order, split_condition
from .domain import Key, Range
from .facts import NO_MARKS, NONE, NOTHING, Choice, Columns, Data, Seen, Shape
from .interpreter import COMPREHENSIONS, Interpreter
from .rows import Mark, Rows, Split, Statistic, all_rows, either_rows, joined_back, rest_of
from .store import Thing

if TYPE_CHECKING:
    from ..program import Code

#: A value remembers at most so many statistics: one finding for each of the first is enough.
_MARKS = 100


class Selecting(Interpreter[Data]):
    """Follows rows through names, operators, attributes and subscripts."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.seen = Seen()
        self.numbers = count()
        self._origins: dict[tuple[int, int], Rows] = {}
        self._splits: dict[object, Split] = {}
        self._whole: dict[Split, dict[Rows, None]] = {}  # what each split divided
        self._read_at: dict[tuple[Statistic, str], Statistic] = {}  # statistics of all columns, at one of them

    # ---- states

    def nothing(self) -> Data:
        return NOTHING

    def join_states(self, one: Data, other: Data) -> Data:
        if one is other or other is NOTHING:
            return one
        if one is NOTHING:
            return other
        return Data(
            either_rows(one.rows, other.rows),
            together(one.marks, other.marks),
            one.shape if one.shape == other.shape else "object",
            one.column if one.column == other.column else None,
            one.each or other.each,
            one.estimator or other.estimator,
            one.fitted or other.fitted,
            one.prediction or other.prediction,
            one.score or other.score,
            one.table if one.table is other.table else None,
            _common_form((one, other)),
        )

    def unknown(self, node: Node) -> Thing[Data]:
        if isinstance(node, (cst.Name, cst.Attribute)) and self.code.qualified_name(node) is not None:
            return Thing(NOTHING)
        return Thing(Data(self._origin(node), shape="object"))

    def _origin(self, node: Node) -> frozenset[Rows]:
        key = (self.context, id(node))
        if key not in self._origins:
            self._origins[key] = Rows(node, numbers=self.numbers, turns=self._turns())
        return frozenset((self._origins[key],))

    def _split_at(
        self, node: Node, kind: Literal["random", "folds", "named", "pieces"], *, ordered: bool = False
    ) -> Split:
        key = (self.context, id(node))
        if key not in self._splits:
            self._splits[key] = Split(node, kind, ordered, self._turns())
            self.seen.splits.append(self._splits[key])
        return self._splits[key]

    def _named_split(self, kind: Literal["cut", "mask"], name: object, node: Node, *, ordered: bool = False) -> Split:
        return self._splits.setdefault((kind, name), Split(node, kind, ordered or kind == "cut", self._turns()))

    def _turns(self) -> frozenset[int]:
        return frozenset(map(id, self.turns))

    def _cut(self, rows: Iterable[Rows], split: Split, part: object) -> frozenset[Rows]:
        rows = tuple(rows)
        self._whole.setdefault(split, {}).update(dict.fromkeys(rows))
        return frozenset(one.cut(split, part) for one in rows)

    # ---- expressions

    def combined(self, node: Node, parts: Sequence[Thing[Data]]) -> Thing[Data]:
        if isinstance(node, cst.FormattedString):
            return Thing(NOTHING)
        scored = [part for part in parts if part.state.score is not None]
        if scored:
            if isinstance(node, cst.Comparison) and len(scored) > 1:
                self._choose(node, scored)
            return Thing(Data(score=scored[0].state.score))
        states = [part.state for part in parts if part.state.is_data]
        if not states:
            return Thing(_numbers(node, parts))
        result = self._blend(states)
        if self._only_shifts(node):
            result.marks = _shifted(states, result.marks)
        if (
            isinstance(node, cst.Comparison)
            or (isinstance(node, cst.UnaryOperation) and states[0].shape == "mask")
            or (isinstance(node, cst.BinaryOperation) and all(state.shape == "mask" for state in states))
        ):
            result.shape = "mask"
        if isinstance(node, (cst.Tuple, cst.List, cst.Dict, cst.ListComp, cst.GeneratorExp, cst.Set, cst.Call)):
            result.column = None
            if result.shape == "row" and not isinstance(node, cst.Tuple):
                result.shape = "object"  # many rows, one by one
        return Thing(result)

    def _only_shifts(self, node: Node) -> bool:
        """Is this a difference that is not divided at once, as a scale from 0 to 1 is?"""
        if not isinstance(node, cst.BinaryOperation) or not isinstance(node.operator, cst.Subtract):
            return False
        around = self.code.tree.parent(node)
        return not (isinstance(around, cst.BinaryOperation) and isinstance(around.operator, cst.Divide))

    def filtered(self, result: Thing[Data], conditions: Sequence[Thing[Data]]) -> Thing[Data]:
        chosen = _chosen_by(conditions)
        if not chosen:
            return result
        return Thing(replace(result.state, marks=together(result.state.marks, chosen)))

    def told(self, result: Thing[Data], test: Thing[Data]) -> Thing[Data]:
        if test.state.prediction is None or result.state.is_data:
            return result
        return Thing(replace(test.state, shape="row"))  # `1 if chance > 0.5 else 0` is still what the model says

    def decided(self, result: Thing[Data], conditions: Sequence[Thing[Data]]) -> Thing[Data]:
        marks = NO_MARKS
        for condition in conditions:
            marks = together(marks, condition.state.marks)
        return Thing(replace(result.state, marks=together(result.state.marks, marks))) if marks else result

    @staticmethod
    def _blend(states: Sequence[Data]) -> Data:
        """Return a value that all of these flow into."""
        rows, marks = states[0].rows, states[0].marks
        for state in states[1:]:
            rows, marks = all_rows(rows, state.rows), together(marks, state.marks)
        first = next((state for state in states if state.rows), states[0])
        return Data(rows, marks, first.shape, first.column, prediction=first.prediction, form=_common_form(states))

    def _choose(self, node: Node, things: Iterable[Thing[Data]]) -> None:
        """Take in that the best of several scores is picked."""
        scores = tuple(thing.state.score for thing in things if thing.state.score is not None)
        if scores:
            self.seen.choices.append(Choice(node, scores))

    def attribute(self, node: cst.Attribute, owner: Thing[Data]) -> Thing[Data]:
        name, state = node.attr.value, owner.state
        if name in api.names("pandas", "locators"):
            return owner
        if state.shape == "row":
            return owner
        if name == "shape":
            return Thing(Data(state.rows, shape="count"))
        if name == "index":
            return Thing(Data(state.rows, shape="index") if state.rows else state)
        if name in api.names("pandas", "views"):
            return owner
        if not state.is_data or name in api.names("pandas", "not_data") or name.startswith("_"):
            return Thing(NOTHING)
        if not state.rows:
            _reads_association(state)
        return Thing(self._column(state, name))

    def _column(self, state: Data, name: str) -> Data:
        """Return one column: of the statistics in the table, those that stand in it."""
        marks = frozenset(
            (self._of_column(mark[0], state, name), mark[1])
            for mark in state.marks
            if mark[1] is None or mark[1] == name
        )
        table = None if state.table is None else Columns(state.table.source, frozenset((name,)))
        shape: Shape = "grouped column" if state.shape == "grouped" else "column"
        return Data(state.rows, marks, shape, name, table=table, keys=state.keys)

    def _of_column(self, statistic: Statistic, groups: Data, column: str) -> Statistic:
        """Return a statistic that was taken by group of every column, as it is read at one: ``groupby("k").mean()["y"]``."""
        is_own = statistic.grouped and statistic.column is None
        if not is_own or all(rows.node is not statistic.node for rows in groups.rows):
            return statistic
        return self._read_at.setdefault((statistic, column), replace(statistic, column=column))

    def element(self, node: Node, owner: Thing[Data], position: int | None) -> Thing[Data]:
        state = owner.state
        if position is None:
            if state.each is not None:
                return state.each
            if isinstance(node, cst.Name) and state.shape == "table":
                return Thing(NOTHING)  # a loop over a table yields its column names
            if state.shape in ("grouped", "grouped column"):
                return self._group(node, state)
            if state.shape == "index":
                return Thing(Data(state.rows, shape="place"))
            if state.prediction is not None and self.turns and isinstance(self.turns[-1], COMPREHENSIONS):
                return Thing(replace(state, shape="row", each=None))  # `[round(value) for value in guesses]`
            if state.shape in ("table", "column", "count", "mask"):
                return Thing(NOTHING)
            return Thing(replace(state, each=None))
        if state.shape == "parts" and state.rows:
            split = self._split_at(node, "pieces")
            return Thing(replace(state, rows=self._cut(state.rows, split, position), shape="object"))
        return Thing(replace(state, each=None) if state is not NOTHING else NOTHING)

    def _group(self, node: Node, state: Data) -> Thing[Data]:
        """Return the key and the rows of one group: rows of its own in each turn of the loop over them."""
        key = ("group", self.context, id(node))
        split = self._splits.setdefault(key, Split(node, "mask", turns=self._turns()))
        shape: Shape = "table" if state.shape == "grouped" else "column"
        rows = Thing(replace(state, rows=self._cut(state.rows, split, "piece"), shape=shape, each=None))
        return Thing(rows.state, items=(Thing(NOTHING), rows))

    # ---- subscripts

    def item(self, node: cst.Subscript, owner: Thing[Data], keys: Sequence[Key[Data]]) -> Thing[Data]:
        state = owner.state
        if not state.is_data:
            chosen = _chosen_by(keys)
            if chosen:
                return Thing(Data(marks=chosen, shape="number"))
            if state.shape == "index" and isinstance(keys[0], Range):  # `order[:n]`
                return Thing(self._slice(state, keys[0], node.slice[0].slice))
            columns = state.shape == "count" and isinstance(keys[0], Thing) and keys[0].constant == 1  # `x.shape[1]`
            return Thing(state) if state.shape in ("count", "index") and not columns else Thing(NOTHING)
        if state.shape == "row":
            return Thing(state)
        if not state.rows and any(column_names(key) is not None for key in keys):
            _reads_association(state)
        chosen = _chosen_by(keys if len(keys) == 1 else keys[1:])
        if chosen:
            state = replace(state, marks=together(state.marks, chosen))
        if isinstance(node.value, cst.Attribute) and node.value.attr.value in api.names("pandas", "locators"):
            rows_key, column_key = keys[0], keys[1] if len(keys) > 1 else None
            by_label = node.value.attr.value not in ("iloc", "iat")
            part = node.slice[0].slice
            selected = self._select_rows(state, rows_key, part)
            if column_key is None:
                return Thing(selected)
            return Thing(self._select_columns(selected, column_key) if by_label else replace(selected, table=None))
        if len(keys) > 1:
            return Thing(replace(self._select_rows(state, keys[0], node.slice[0].slice), table=None))
        key = keys[0]
        if isinstance(key, Thing):
            if state.shape == "parts" and isinstance(key.constant, str):
                return Thing(self._named_part(state, key.constant, node))
            if column_names(key) is not None:
                return Thing(self._select_columns(state, key))
            if not key.state.is_data and key.state.shape not in ("index", "others", "place"):
                return Thing(replace(state, column=None, each=None, table=None))
        return Thing(self._select_rows(state, key, node.slice[0].slice))

    def _named_part(self, state: Data, name: str, node: Node) -> Data:
        split = self._splits.setdefault(("named", *sorted(id(rows) for rows in state.rows)), Split(node, "named"))
        part = "test" if "test" in name else "train" if name == "train" else name
        return Data(self._cut(state.rows, split, part), state.marks, "table")

    def _select_columns(self, state: Data, key: Key[Data]) -> Data:
        names = column_names(key) if isinstance(key, Thing) else None
        if names is None:
            return replace(state, column=None, table=None)
        if isinstance(key, Thing) and isinstance(key.constant, str):
            return self._column(state, key.constant)
        marks = frozenset(mark for mark in state.marks if mark[1] is None or mark[1] in names)
        table = None if state.table is None else Columns(state.table.source, frozenset(names))
        shape: Shape = "grouped" if state.shape == "grouped" else "table"
        return replace(state, marks=marks, column=None, shape=shape, table=table)

    def _select_rows(self, state: Data, key: Key[Data], part: cst.BaseSlice) -> Data:
        """Return the rows that a slice, a condition or an index picks; no statistic of a condition is a feature."""
        if isinstance(key, Range):
            return self._slice(state, key, part)
        index = key.state
        if index.shape == "place":
            lines = {rows for one in state.rows for rows in one.line()}
            return state if lines.isdisjoint(index.rows) else replace(state, shape="row", each=None, table=None)
        if index.shape == "index" and index.rows:
            return replace(state, rows=self._picked(state.rows, index.rows))
        if index.shape == "others":
            return replace(state, rows=rest_of(state.rows, index.rows) or state.rows)
        if index.shape == "mask":
            assert isinstance(part, cst.Index)
            return self._where(state, part.value, part.value)
        if index.is_data:  # numbers of rows, or names of columns
            own = frozenset(one for one in index.rows if one not in state.rows and state.rows & set(one.line()))
            return replace(state, rows=own or state.rows, table=None)
        return state

    def _where(self, state: Data, condition: Node, place: Node) -> Data:
        """Return the rows on one side of a condition, which is asked at ``place``."""
        side, name = split_condition(condition)
        split = self._named_split("mask", name, place, ordered=is_of_order(name))
        split.columns = split.columns or asked_columns(condition)
        return replace(state, rows=self._cut(state.rows, split, side))

    def _slice(self, state: Data, bounds: Range[Data], part: cst.BaseSlice) -> Data:
        lower, upper = bounds.lower, bounds.upper
        if lower is not None and upper is not None and lower.constant == 0:
            lower = None  # `x[0:n]`
        if (lower is None) == (upper is None):
            if lower is None:
                return state
            split = self._named_split("cut", fingerprint(part), part)
            return replace(state, rows=self._cut(state.rows, split, "piece"))
        bound = upper if lower is None else lower
        assert bound is not None
        assert isinstance(part, cst.Slice)
        if bound.state.shape == "count" and bound.state.rows:
            found = joined_back(state.rows, bound.state.rows, is_head=lower is None)
            if found is not None:
                return replace(state, rows=found)
        node = part.upper if lower is None else part.lower
        assert node is not None
        split = self._named_split("cut", fingerprint(node), node)
        return replace(state, rows=self._cut(state.rows, split, "head" if lower is None else "tail"))

    def _picked(self, rows: frozenset[Rows], chosen: frozenset[Rows]) -> frozenset[Rows]:
        """Return the parts of ``rows`` that an index holds, which may come from another table of the same length."""
        found: set[Rows] = set()
        for one in rows:
            own = [other for other in chosen if one in other.line()]
            if one.part == "joined":
                own += [other for other in chosen if any(whole in one.parents for whole in other.line())]
            if own:
                found.update(own)
                continue
            splits = [other for other in chosen if other.split is not None]
            for other in splits:
                assert other.split is not None
                found |= self._cut((one,), other.split, other.part)
            if not splits:
                found.add(one)
        return frozenset(found)

    def store_item(
        self, node: cst.Subscript, owner: Thing[Data], keys: Sequence[Key[Data]], value: Thing[Data]
    ) -> None:
        state = owner.state
        if state.shape in ("count", "index") or state.estimator is not None:
            return
        if value.state.score is not None:
            self.store.write(owner, replace(state, score=value.state.score))
        located = isinstance(node.value, cst.Attribute) and node.value.attr.value in api.names("pandas", "locators")
        target = keys[-1] if located and len(keys) > 1 else keys[0]
        names = column_names(target) if isinstance(target, Thing) else None
        if located and names is not None and self._asks_for_gaps(node.slice[0]):
            _learns(value.state, names[0])
        if located:
            _goes_back(value.state, state.rows)
        everywhere = isinstance(keys[0], Range) and keys[0].lower is None and keys[0].upper is None
        whole = everywhere or (names is not None and not located)
        self._write_columns(owner, names, value.state, whole=whole)

    def _asks_for_gaps(self, key: Node) -> bool:
        """Does a key pick the rows without a value: ``df.loc[df["age"].isnull(), "age"]``?"""
        asking = (*METHOD_OPPOSITES, *METHOD_OPPOSITES.values())
        return any(node.attr.value in asking for node in self.code.tree.within(key, cst.Attribute))

    def delete_item(self, node: cst.Subscript, owner: Thing[Data], keys: Sequence[Key[Data]]) -> None:
        names = column_names(keys[0])
        if names is not None and owner.state.is_data:
            self.store.write(owner, without(owner.state, names))

    def store_attribute(self, node: cst.Attribute, owner: Thing[Data], value: Thing[Data]) -> None:
        if (
            owner.state.is_data
            and owner.state.estimator is None
            and node.attr.value not in ("columns", "index", "name", "shape")
        ):
            self._write_columns(owner, (node.attr.value,), value.state, whole=True)

    def _write_columns(self, owner: Thing[Data], names: Sequence[str] | None, value: Data, *, whole: bool) -> None:
        """Put a value into columns of a table: what stood in them is gone where they are written from top to bottom."""
        state = owner.state
        kept = state.marks
        if whole and names is not None and kept:
            kept = frozenset(mark for mark in kept if mark[1] is None or mark[1] not in names)
        incoming = value.marks if value.shape not in ("count", "index") else NO_MARKS
        column = names[0] if names is not None and len(names) == 1 else None
        if column is not None:
            added = frozenset((statistic, column) for statistic, _ in incoming)
        elif names is not None and value.shape != "table":
            added = frozenset((statistic, name) for statistic, _ in incoming for name in names)
        elif names is None and value.shape == "column":
            added = frozenset((statistic, None) for statistic, _ in incoming)
        else:
            added = incoming
        anywhere = {statistic for statistic, name in kept if name is None} if added else ()
        added = frozenset(mark for mark in added if mark[0] not in anywhere)
        rows = state.rows or (value.rows if value.is_data else NONE)
        if not state.rows and names is None and not whole:  # `out[fold] = …` fills an empty array part by part
            rows = frozenset(whole for one in rows for whole in one.parents or (one,))
        if kept is not state.marks or added or rows is not state.rows:
            self.store.write(owner, replace(state, rows=rows, marks=together(kept, added)))


def _numbers(node: Node, parts: Sequence[Thing[Data]]) -> Data:
    """Return what is made of row numbers: the place ``i + 1``, the rows of ``list(learn) + list(more)``, all others."""
    found = [part.state for part in parts if part.state.shape in ("place", "index")]
    if not found:
        return NOTHING
    if isinstance(node, cst.UnaryOperation):
        inverts = isinstance(node.operator, (cst.BitInvert, cst.Not)) and found[0].shape == "index"
        return replace(found[0], shape="others") if inverts else NOTHING
    if isinstance(node, cst.Comparison) and found[0].shape == "index":  # `df.index < "2020"`
        return Data(found[0].rows, shape="mask")
    if not isinstance(node, cst.BinaryOperation):
        return NOTHING
    if isinstance(node.operator, cst.Subtract) and len(found) == 2:  # sets of them
        return replace(found[0], rows=rest_of(found[0].rows, found[1].rows) or found[0].rows)
    return Data(frozenset().union(*(state.rows for state in found)), shape=found[0].shape)


def _shifted(states: Sequence[Data], marks: frozenset[Mark]) -> frozenset[Mark]:
    """Return the marks of a difference: a column counted from its first or last value is only moved, no scale is."""
    if len(states) != 2 or sum(bool(state.rows) for state in states) != 1:
        return marks
    column, bound = sorted(states, key=lambda state: not state.rows)
    moved = frozenset(mark for mark in bound.marks if mark[0].what in ("max", "min"))
    return marks - (moved - column.marks)


def _common_form(states: Sequence[Data]) -> object:
    """Return the form of values that come together: one of their own, unless all have the same."""
    first = states[0].form
    return first if all(state.form is first for state in states) else object()


def _learns(filling: Data, column: str) -> None:
    """Take in that what a model predicts, or what was made of it, fills the gaps of a column that it has learnt."""
    made = filling.prediction
    if made is not None and made.fit is not None and made.fit.statistic is not None:
        statistic = made.fit.statistic
        statistic.learnt, statistic.fills = statistic.learnt or column, True
    for statistic in filling.statistics():
        statistic.fills |= statistic.learnt == column


def _goes_back(value: Data, rows: frozenset[Rows]) -> None:
    """Take in that what was computed of one group is written into its table: group by group, it is one of all rows."""
    lines = {whole for one in rows for whole in one.line()}
    for statistic in value.statistics():
        for group in statistic.rows:
            if group.part == "piece" and group.split is not None and group.split.kind == "mask":
                if group.parents[0] in lines:
                    statistic.rows |= {group.parents[0]}
                    statistic.turns -= group.split.turns
                    statistic.grouped = True


def _reads_association(state: Data) -> None:
    """Take in that correlations are read at one column, as at the target: `corr()["y"]`, not those among features."""
    for statistic in state.statistics():
        if statistic.what in api.names("pandas", "associations"):
            statistic.kind = "supervised"


def column_names(key: Key[Data]) -> tuple[str, ...] | None:
    """Return the column names that a key spells out, None where it does not."""
    if isinstance(key, Range):
        return None
    if isinstance(key.constant, str):
        return (key.constant,)
    if key.items is not None:
        names = [item.constant for item in key.items]
        if names and all(isinstance(name, str) for name in names):
            return tuple(str(name) for name in names)
    return None


def without(state: Data, names: Sequence[str]) -> Data:
    """Return a table less some columns."""
    marks = frozenset(mark for mark in state.marks if mark[1] is None or mark[1] not in names)
    table = state.table
    if table is not None:
        table = Columns(table.source, table.chosen, table.dropped | frozenset(names))
    return replace(state, marks=marks, table=table)


def together(marks: frozenset[Mark], others: frozenset[Mark]) -> frozenset[Mark]:
    """Return both. A value that remembers its fill of statistics takes in no more, so that long files stay linear."""
    if not others or marks is others:
        return marks
    if len(marks) >= _MARKS:
        return marks
    found = marks | others
    if len(found) <= _MARKS:
        return found
    return frozenset(sorted(found, key=lambda mark: (mark[0].number, mark[1] or ""))[:_MARKS])


def _chosen_by(keys: Sequence[Key[Data]]) -> frozenset[Mark]:
    """Return what looked at the target to choose columns: importances, correlations, the support of a selector."""
    found = [mark for key in keys if isinstance(key, Thing) and not key.state.rows for mark in key.state.marks]
    return frozenset((statistic, None) for statistic, _ in found if statistic.kind == "supervised")
