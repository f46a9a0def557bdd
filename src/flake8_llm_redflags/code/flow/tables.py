"""What functions and methods of numpy, pandas and Python itself do to tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import libcst as cst

from ..constants import as_text
from ..tree import Node
from . import api
from .conditions import fingerprint
from .dividing import Dividing
from .domain import Argument
from .facts import NO_MARKS, NONE, NOTHING, Columns, Data, Shape
from .rows import Mark, Rows, Split, Statistic, StatisticKind, joined, joined_back, origins_of, rest_of, with_parents
from .selecting import column_names, together, without
from .store import Thing


class Tables(Dividing):
    """Adds functions and methods of tables, and the statistics that they take."""

    def _qualified(self, function: Node) -> str | None:
        qualified = self.code.qualified_name(function)
        if qualified is None and isinstance(function, cst.Attribute):
            root: Node = function.value
            path = [function.attr.value]
            while isinstance(root, cst.Attribute):
                path.append(root.attr.value)
                root = root.value
            if (
                isinstance(root, cst.Name)
                and root.value in api.conventional_modules()
                and not self.code.names.bindings(root.value, root)
            ):
                return ".".join([api.conventional_modules()[root.value], *reversed(path)])
        return qualified

    def _unknown_call(self, node: cst.Call, arguments: Sequence[Argument[Data]]) -> Thing[Data]:
        """Return what an unknown function gives: the rows that went in, or rows of its own."""
        states = [
            argument.value.state for argument in arguments if argument.value.state.rows and argument.value.state.is_data
        ]
        if states:
            result = self._blend(states)
            result.shape, result.column, result.prediction = "parts", None, None
            return Thing(result)
        return Thing(Data(self._origin(node), shape="parts"))

    def _builtin(self, node: cst.Call, name: str, arguments: Sequence[Argument[Data]]) -> Thing[Data]:
        first = arguments[0].value if arguments else Thing(NOTHING)
        if name == "len":
            return Thing(Data(first.state.rows, shape="count"))
        if name == "range":
            counts = [a.value.state.rows for a in arguments if a.value.state.shape == "count"]
            if not counts:
                return Thing(NOTHING)
            rest = joined_back(counts[1], counts[0], is_head=False) if len(counts) > 1 else None
            return Thing(Data(rest or counts[0], shape="index"))
        if name == "enumerate":
            pair: Thing[Data] = Thing(NOTHING)
            pair.items = (Thing(NOTHING), self._element_of(node, first))
            return Thing(Data(each=pair))
        if name == "zip":
            pair = Thing(NOTHING)
            pair.items = tuple(self._element_of(node, argument.value) for argument in arguments)
            return Thing(Data(each=pair))
        if name == "next":
            return self._element_of(node, first)
        if name in ("list", "tuple", "set", "sorted", "reversed", "iter"):
            if name == "list" and not arguments:
                first.items, first.is_list = (), True
            return first
        if name == "dict" and not arguments:
            return Thing(NOTHING, fields={})
        if name in ("max", "min", "sorted"):
            candidates = [argument.value for argument in arguments if argument.keyword is None]
            listed = first.items or tuple((first.fields or {}).values()) or (first,)
            self._choose(node, candidates if len(candidates) > 1 else listed)
        if name in ("max", "min", "sum") and first.state.rows and len(arguments) == 1 and first.state.shape != "count":
            return self._statistic_value(node, first.state, name)
        if name == "map" and len(arguments) == 2:
            return Thing(arguments[1].value.state)
        if name in ("float", "int", "round", "abs", "str", "bool"):
            state = first.state
            return (
                Thing(Data(marks=state.marks) if not state.rows else state)
                if state.shape != "count"
                else Thing(NOTHING)
            )
        return Thing(NOTHING)

    def _passed(self, arguments: Sequence[Argument[Data]]) -> Thing[Data]:
        """Return the positional arguments as they came: ``X, y = shuffle(X, y)``."""
        positional = [argument.value for argument in arguments if argument.keyword is None]
        if len(positional) == 1:
            return Thing(positional[0].state)
        result = Thing(self._blend([value.state for value in positional]))
        result.items = tuple(Thing(value.state) for value in positional)
        return result

    # ---- numpy and pandas functions

    def _table_function(self, node: cst.Call, name: str, root: str, arguments: Sequence[Argument[Data]]) -> Thing[Data]:
        first = arguments[0].value if arguments else None
        states = [argument.value.state for argument in arguments if argument.value.state.is_data]
        if name in api.names("numpy", "choices") and first is not None:
            self._choose(node, first.items or (first,))
        reads = name.startswith("read_")  # whatever goes in (a path, a connection, a buffer) is no table
        if name in api.names("pandas", "readers") and (reads or not states):
            if name == "DataFrame" and first is None:
                return Thing(Data(shape="table"))  # its first column brings the rows
            if first is None or not first.fields:
                rows = self._origin(node)
                columns = Columns(next(iter(rows))) if reads else None
                return Thing(Data(rows, shape="object" if root == "numpy" else "table", table=columns))
        if name in api.names("numpy", "blanks") and first is not None:
            shape = first.items[0].state if first.items else first.state
            return Thing(
                Data(shape.rows, shape="object" if len(first.items or ()) > 1 else "column")
                if shape.shape == "count"
                else NOTHING
            )
        if (drawn := self._drawn(node, name, arguments)) is not None:
            return drawn
        if name in api.names("row_numbers", "differences") and first is not None and len(arguments) > 1:
            return self._less(first, arguments[1].value)
        if not states:
            return (
                Thing(NOTHING)
                if name not in api.names("pandas", "readers")
                else Thing(Data(self._origin(node), shape="table"))
            )
        assert first is not None
        if name in api.names("pandas", "joins"):
            return self._joined_rows(node, name, arguments)
        if root == "pandas" and name in api.names("pandas", "binning_by_rows"):
            bins = argument_of(arguments, 1, "bins")
            if name == "cut" and bins is not None and not isinstance(bins.constant, int):
                return Thing(replace(first.state, shape="column", marks=together(first.state.marks, bins.state.marks)))
            return self._broadcast(node, first.state, f"{name} of")
        if name in api.names("pandas", "vocabulary"):
            return self._broadcast(node, first.state, name, kind="encoder")
        if name in api.names("numpy", "repeats") and self._repeats_rows(arguments):
            return self._broadcast(node, first.state, f"`{name}`", kind="resampling")
        if root == "numpy" and name in api.names("numpy", "pieces"):
            axis = argument_of(arguments, 2, "axis")
            return Thing(self._pieces(first.state) if axis is None or _over_rows(axis) else self._blend(states))
        if root == "numpy" and name in api.names("numpy", "reductions"):
            axis = argument_of(arguments, 1, "axis")
            if axis is not None and not _over_rows(axis):
                return Thing(replace(first.state, column=None, form=object()))
            return self._statistic_value(node, first.state, name)
        if name == "merge":
            return Thing(self._looked_up(states))
        result = self._blend(states)
        if name in api.names("numpy", "cycles"):  # of `hour / hour.max()`: how long a day is, anyone can say
            result.marks = frozenset(mark for mark in result.marks if mark[0].what != "max")
        if name == "DataFrame" and first.fields is not None:
            result.marks = _by_column(first)
        if name not in ("DataFrame", "Series", "array", "asarray", *api.names("numpy", "pointwise")):
            result.prediction = None
        return Thing(result)

    def _joined_rows(self, node: cst.Call, name: str, arguments: Sequence[Argument[Data]]) -> Thing[Data]:
        """Return tables below one another. Rows that come in twice are copies that a later split may part."""
        first = arguments[0].value
        parts = list(first.items) if first.items is not None else None
        if name == "append" and parts is None:
            parts = [argument.value for argument in arguments if argument.keyword is None][:2]
        axis = argument_of(arguments, 1, "axis") if name != "append" else None
        columns = name == "hstack" or (axis is not None and not _over_rows(axis))
        if parts is None or columns or len(parts) < 2:
            states = [part.state for part in parts or [first] if part.state.is_data]
            if not states:
                return Thing(NOTHING)
            beside = self._blend(states)
            if name != "hstack":  # which puts flat arrays behind one another
                beside.rows = _beside(states)
            if parts is None and not columns:  # a list that has grown
                beside.rows = self._stacked_again(node, beside.rows)
            return Thing(replace(beside, shape="table", column=None))
        return self._stack(node, parts)

    def _stack(self, node: cst.Call, parts: Sequence[Thing[Data]]) -> Thing[Data]:
        states = [part.state for part in parts if part.state.is_data]
        if not states:
            return Thing(NOTHING)
        marks = self._blend(states).marks
        seen = {rows for state in states for rows in state.rows}
        copied = any(statistic.kind == "resampling" for statistic, _ in marks)
        if not copied and self._repeat_rows(states):
            statistic = Statistic(node, "resampling", with_parents(seen), "rows are copied", next(self.numbers))
            marks = together(marks, frozenset({(statistic, None)}))
        thinned = _thinned_class(states)
        if thinned is not None:
            cut, column = thinned
            statistic = Statistic(cut.node, "thinning", with_parents(seen), "one class", next(self.numbers), column)
            marks = together(marks, frozenset({(statistic, None)}))
        if len(seen) == 1:
            rows_of_one = frozenset(seen)
            return Thing(Data(self._stacked_again(node, rows_of_one) if self.in_loop else rows_of_one, marks, "table"))
        key = (self.context, id(node))
        rows = self._origins.get(key)
        if rows is None or not seen <= set(rows.parents):
            rows = self._origins[key] = joined(node, seen)
        return Thing(Data(frozenset((rows,)), marks, "table"))

    def _stacked_again(self, node: cst.Call, rows: frozenset[Rows]) -> frozenset[Rows]:
        """Return the rows that the test parts of all folds make together: each of the table once."""
        found: set[Rows] = set()
        for one in rows:
            if one.part == "test" and one.split is not None and one.split.kind == "folds":
                key = (self.context, id(node))
                found.add(self._origins.setdefault(key, Rows(node, one.parents, "together")))
            else:
                found.add(one)
        return frozenset(found)

    def _looked_up(self, states: Sequence[Data]) -> Data:
        """Return a table to which others were merged: its rows, with the columns of all."""
        merged = self._blend(states)
        own = states[0].rows
        if not own:
            return merged
        known = states[0].statistics()
        summed_up = {one for one in merged.statistics() - known if one.grouped and _are_heads(own, one.rows)}
        marks = frozenset(mark for mark in merged.marks if mark[0] not in summed_up)
        return replace(merged, rows=own, marks=marks)

    def _repeat_rows(self, states: Sequence[Data]) -> bool:
        """Do several of the tables hold the same rows, with the same columns?"""
        if any(state.shape in ("parts", "column") for state in states):
            return False
        chosen = [state.table.chosen if state.table is not None else None for state in states]
        if None not in chosen and len(set(chosen)) > 1:
            return False  # home and away teams, one below the other
        seen: dict[object, set[Rows]] = {}
        for state in states:
            earlier = seen.setdefault(state.form, set())
            lines = {rows for one in state.rows for rows in one.line()}
            if any(not self._is_new_each_turn(rows) for rows in (lines & earlier)):
                return True
            earlier |= state.rows
        return False

    def _is_new_each_turn(self, rows: Rows) -> bool:
        """Are these other rows in each turn of a loop under way?"""
        return any(self.code.tree.contains(turn, rows.node) for turn in self.turns)

    @staticmethod
    def _repeats_rows(arguments: Sequence[Argument[Data]]) -> bool:
        """Does ``np.repeat(x, 3, axis=0)`` give each row several times? Along other axes it widens them."""
        axis = argument_of(arguments, 2, "axis")
        return axis is not None and _over_rows(axis)

    # ---- statistics

    def _statistic(self, node: Node, state: Data, kind: StatisticKind, what: str, *, causal: bool = False) -> Statistic:
        grouped = state.shape in ("grouped", "grouped column")
        number = next(self.numbers)
        turns = self._own_turns(state.rows)
        keys = state.keys if grouped else frozenset()
        rows = with_parents(state.rows)
        return Statistic(node, kind, rows, what, number, state.column, causal, grouped, turns, keys=keys)

    def _own_turns(self, rows: frozenset[Rows]) -> frozenset[int]:
        """Return the loops under way that take one element after the other: each turn brings rows of its own.

        Those that read one file each, and those over what such a loop has read: ``for image in [imread(f) for f in files]``.
        """
        under_way = self._turns()
        own = frozenset.intersection(under_way, *(one.turns for one in rows))
        return own if own or not all(one.turns for one in rows) else under_way

    def _statistic_value(
        self, node: cst.Call, state: Data, what: str, *, kind: StatisticKind = "statistic"
    ) -> Thing[Data]:
        """Return one number (or one row) computed from many rows."""
        if state.shape == "row":
            return Thing(state)
        statistic = self._statistic(node, state, kind, what)
        return Thing(Data(marks=together(state.marks, frozenset({(statistic, None)})), shape="number"))

    def _broadcast(
        self, node: cst.Call, state: Data, what: str, *, kind: StatisticKind = "statistic", causal: bool = False
    ) -> Thing[Data]:
        """Return a value for each row that depends on the other rows."""
        if state.shape == "row":
            return Thing(state)
        statistic = self._statistic(node, state, kind, what, causal=causal)
        shape: Shape = (
            "column" if state.shape == "grouped column" else "table" if state.shape == "grouped" else state.shape
        )
        return Thing(
            replace(
                state, marks=together(state.marks, frozenset({(statistic, state.column)})), shape=shape, prediction=None
            )
        )

    def _transformer_function(
        self, node: cst.Call, name: str, first: Thing[Data] | None, arguments: Sequence[Argument[Data]]
    ) -> Thing[Data]:
        if first is None or not first.state.rows:
            return Thing(NOTHING)
        if name not in ("boxcox", "yeojohnson"):
            return self._broadcast(node, first.state, f"`{name}`", kind="transformer")
        exponent = argument_of(arguments, 1, "lmbda")
        if exponent is not None:  # as it was fitted elsewhere, or a plain logarithm
            return Thing(replace(first.state, marks=together(first.state.marks, exponent.state.marks)))
        result = self._broadcast(node, first.state, f"`{name}`", kind="transformer")
        pair: Thing[Data] = Thing(result.state)
        pair.items = (result, Thing(Data(marks=result.state.marks - first.state.marks, shape="number")))
        return pair

    # ---- methods of tables

    def _table_method(
        self, node: cst.Call, name: str, receiver: Thing[Data], arguments: Sequence[Argument[Data]]
    ) -> Thing[Data]:
        state = receiver.state
        if name == "groupby":
            by = argument_of(arguments, 0, "by")
            keys = column_names(by) if by is not None else None
            return Thing(replace(state, shape="grouped", column=None, keys=frozenset(keys or ())))
        if name in ("iterrows", "itertuples"):
            row = Thing(replace(state, shape="row", each=None, table=None))
            if name == "iterrows":
                row, values = Thing(NOTHING), row
                row.items = (Thing(NOTHING), values)
            return Thing(replace(state, each=row))
        if name in api.names("pandas", "windows"):
            is_centered = any(a.keyword == "center" and a.value.constant is not False for a in arguments)
            return self._broadcast(node, state, name) if is_centered else Thing(replace(state, shape="window"))
        if state.shape == "window":
            return Thing(replace(state, shape="column"))
        if state.shape in ("grouped", "grouped column"):
            result = self._grouped_method(node, name, state, arguments)
        elif name in api.names("pandas", "reductions"):
            axis = argument_of(arguments, 9 if name in api.names("pandas", "argued_reductions") else 0, "axis")
            if axis is not None and not _over_rows(axis):
                return Thing(replace(state, column=None, form=object()))
            if state.shape == "mask" or name == "sum":
                return Thing(NOTHING)
            if name in api.names("pandas", "frequencies"):
                return Thing(Data(marks=state.marks, shape="number"))
            other = name in api.names("pandas", "associations") and any(a.value.state.is_data for a in arguments)
            result = self._statistic_value(node, state, name, kind="supervised" if other else "statistic")
        elif name in api.names("pandas", "row_wise_statistics"):
            result = self._broadcast(node, state, name, causal=name in ("ffill", "pad"))
        elif name == "fillna":
            result = self._filled(node, state, arguments)
        elif name in ("apply", "applymap", "map", "transform", "pipe", "agg"):
            result = self._applied(node, name, receiver, arguments)
        elif name in api.names("pandas", "not_data"):
            return Thing(NOTHING)
        elif name == "drop":
            result = Thing(self._dropped(state, arguments))
        elif name in ("rename", "reset_index"):
            result = Thing(_renamed(state, arguments))
            if name == "rename":
                result.state.table = None
        elif name == "pop":
            column = arguments[0].value.constant if arguments else None
            if not isinstance(column, str):
                return Thing(state)
            self.store.write(receiver, without(state, (column,)))
            return Thing(self._column(state, column))
        elif name == "sample":
            result = self._sampled(node, state, arguments)
        elif name == "append":
            result = self._stack(
                node, [receiver, *(argument.value for argument in arguments if argument.keyword is None)]
            )
        elif name in ("head", "tail"):
            return Thing(self._end_of(node, name, state))
        elif name == "query":
            result = Thing(self._queried(node, state, arguments))
        elif name == "get_group":
            return Thing(state)
        elif name == "randomSplit":
            return Thing(replace(state, shape="parts"))
        else:
            incoming = [argument.value.state for argument in arguments if argument.value.state.is_data]
            if name in api.names("pandas", "blending"):
                both = [state, *incoming]
                blended = self._looked_up(both) if name in ("merge", "join") else self._blend(both)
                result = Thing(replace(state, rows=blended.rows, marks=blended.marks))
            else:
                result = Thing(replace(state, each=None))
            if name not in api.names("pandas", "same_columns"):
                result.state.table = None
            if name == "merge" and not any(a.keyword == "how" and a.value.constant == "left" for a in arguments):
                split = self._named_split("mask", fingerprint(node), node)  # rows without a partner are gone
                result.state.rows = self._cut(state.rows, split, True) | result.state.rows - state.rows
        if any(argument.keyword == "inplace" and argument.value.constant is True for argument in arguments):
            self._write_back(node, receiver, result)
        return result

    def _grouped_method(
        self, node: cst.Call, name: str, state: Data, arguments: Sequence[Argument[Data]]
    ) -> Thing[Data]:
        if name in api.names("pandas", "group_broadcasts"):
            return self._spread_over_groups(node, name, state, arguments)
        if name in ("shift", "diff", "pct_change", "cumsum", "cumcount", "head", "tail"):
            return Thing(replace(state, shape="table"))
        if name in api.names("pandas", "counts") or (name in ("agg", "aggregate") and _only_counts(arguments)):
            return Thing(Data(self._origin(node), state.marks, "table"))
        given = arguments[0].value if arguments else Thing(NOTHING)
        if given.fields is not None and len(given.fields) == 1:  # `agg({"price": "mean"})`
            state = replace(state, column=str(next(iter(given.fields))))
        statistic = self._statistic(node, state, "statistic", f"groupby().{name}")
        rows = self._origin(node)  # one row for each group: a table of its own, unless it is merged back
        renamed = bool(arguments) and arguments[0].value.items is not None  # `agg(["mean", "std"])`
        column = None if renamed else state.column
        return Thing(Data(rows, together(state.marks, frozenset({(statistic, column)})), "table"))

    def _spread_over_groups(
        self, node: cst.Call, name: str, state: Data, arguments: Sequence[Argument[Data]]
    ) -> Thing[Data]:
        """Return what each row gets from its group; a function in view says itself what it computes."""
        given = arguments[0].value if arguments else Thing(NOTHING)
        plain = replace(state, shape="column" if state.shape == "grouped column" else "table")
        if given.constant in api.names("pandas", "counts"):
            return Thing(plain)
        if name in ("apply", "transform"):
            result = self.apply_function(given, node, Thing(plain))
            rows = result.state.rows if result is not None and not result.state.marks - state.marks else NONE
            if rows and (rows == state.rows or isinstance(given.function, cst.FunctionDef)):
                return Thing(plain)  # row by row, over the rows before, or groups thinned out
        return self._broadcast(node, state, f"groupby().{name}", causal=name == "ffill")

    def _filled(self, node: cst.Call, state: Data, arguments: Sequence[Argument[Data]]) -> Thing[Data]:
        method = argument_of(arguments, 1, "method")
        if method is not None and isinstance(method.constant, str):
            return self._broadcast(node, state, "fillna", causal=method.constant in ("ffill", "pad"))
        value = argument_of(arguments, 0, "value")
        if value is None:
            return Thing(state)
        marks = value.state.marks if value.state.is_data else NO_MARKS
        if _is_beyond_all(node):
            marks = frozenset(mark for mark in marks if mark[0].what not in ("max", "min"))
        if state.column is not None:
            marks = frozenset((statistic, state.column) for statistic, _ in marks)
        return Thing(replace(state, marks=together(state.marks, marks)))

    def _applied(
        self, node: cst.Call, name: str, receiver: Thing[Data], arguments: Sequence[Argument[Data]]
    ) -> Thing[Data]:
        """Run a function over the elements of a column, the rows or the columns of a table."""
        state = receiver.state
        if not arguments:
            return Thing(state)
        function = arguments[0].value
        if function.function is None:
            looked_up = function.state.statistics() if function.state.is_data else ()
            marks = frozenset((statistic, state.column) for statistic in looked_up)
            return Thing(replace(state, marks=together(state.marks, marks)))
        axis = next((a.value.constant for a in arguments if a.keyword == "axis"), 0)
        whole = name == "pipe" or (name == "apply" and state.shape == "table" and axis == 0)
        # One element or one row otherwise: what is computed from it stays within the row.
        given = state if whole else Data(marks=state.marks)
        result = self.apply_function(function, node, Thing(given))
        marks = result.state.marks if result is not None and result.state.is_data else NO_MARKS
        rows = result.state.rows if result is not None and name == "pipe" and result.state.rows else state.rows
        if function.function is not None and state.shape == "table" and axis in (1, "columns"):
            taken = self._taken_from_row(function.function, state.marks)
            return Thing(replace(state, marks=together(taken, marks), table=None))
        return Thing(replace(state, rows=rows, marks=together(state.marks, marks)))

    def _taken_from_row(self, function: Node, marks: frozenset[Mark]) -> frozenset[Mark]:
        """Return the statistics in what a function reads of the row it is given, in its conditions too."""
        params = function.params.params  # type: ignore[attr-defined]
        columns: set[str | None] = {None}
        for use in self.code.tree.within(function.body, cst.Name):  # type: ignore[attr-defined]
            if not params or use.value != params[0].name.value:
                continue
            reader = self.code.tree.parent(use)
            if isinstance(reader, cst.Attribute) and not isinstance(self.code.tree.parent(reader), cst.Call):
                columns.add(reader.attr.value)
            elif isinstance(reader, cst.Subscript) and isinstance(key := reader.slice[0].slice, cst.Index):
                if (name := as_text(key.value)) is None:
                    return marks
                columns.add(name)
            else:
                return marks  # handed on whole
        return frozenset(mark for mark in marks if mark[1] in columns)

    @staticmethod
    def _dropped(state: Data, arguments: Sequence[Argument[Data]]) -> Data:
        first = argument_of(arguments, 0, "labels")
        if first is not None and first.state.shape == "index" and first.state.rows and state.rows:
            rest = rest_of(state.rows, first.state.rows)
            if rest is not None:
                return replace(state, rows=rest)
        dropped = argument_of(arguments, 9, "columns") or first
        names = column_names(dropped) if dropped is not None else None
        if names is None:
            return replace(state, table=None)
        return without(state, names)

    def _sampled(self, node: cst.Call, state: Data, arguments: Sequence[Argument[Data]]) -> Thing[Data]:
        if any(argument.keyword == "replace" and argument.value.constant is True for argument in arguments):
            return self._broadcast(node, state, "`sample(replace=True)`", kind="resampling")
        share = argument_of(arguments, 1, "frac")
        if share is not None and share.constant in (1, 1.0):
            return Thing(state)
        return Thing(self._sample_of(node, state))

    def _write_back(self, node: cst.Call, receiver: Thing[Data], result: Thing[Data]) -> None:
        """Take in ``inplace=True``: the object itself changes, or the column that the call was made on."""
        assert isinstance(node.func, cst.Attribute)
        target = node.func.value
        if isinstance(target, (cst.Subscript, cst.Attribute)):
            self.assign(target, result, node)
        else:
            self.store.write(receiver, result.state)


def argument_of(arguments: Sequence[Argument[Data]], position: int, keyword: str) -> Thing[Data] | None:
    """Return an argument by keyword or position."""
    for number, argument in enumerate(arguments):
        if argument.keyword == keyword:
            return argument.value
        if argument.keyword is None and not argument.star and number == position:
            return argument.value
    return None


def _only_counts(arguments: Sequence[Argument[Data]]) -> bool:
    """Does ``agg`` count the rows of each group and nothing else: ``agg("count")``, ``agg({"city": ["size"]})``?"""
    waiting = [argument.value for argument in arguments]
    asked: list[object] = []
    while waiting:
        one = waiting.pop()
        within = (*(one.items or ()), *(one.fields or {}).values())
        waiting.extend(within)
        if not within:
            asked.append(one.constant)
    return bool(asked) and all(one in api.names("pandas", "counts") for one in asked)


def _is_beyond_all(filled: cst.Call) -> bool:
    """Are gaps filled with a number outside of the range: ``x.fillna(x.min() - 1)``, which only marks them?"""
    value = filled.args[0].value if filled.args else None
    return isinstance(value, cst.BinaryOperation) and isinstance(value.operator, (cst.Add, cst.Subtract))


def _by_column(columns: Thing[Data]) -> frozenset[Mark]:
    """Return the statistics of a table made of named columns, under the names that they have there."""
    named: set[Mark] = set()
    for key, column in (columns.fields or {}).items():
        named.update((statistic, str(key)) for statistic in column.state.statistics())
    others = columns.state.statistics().difference(statistic for statistic, _ in named)
    return frozenset(named).union((statistic, None) for statistic in others)


def _over_rows(axis: Thing[Data]) -> bool:
    """Does ``axis=`` run over the rows, alone or with others?"""
    if axis.items is not None:
        return any(item.constant == 0 for item in axis.items)
    return axis.constant in (0, "index", "rows") and axis.constant is not False


def _beside(states: Sequence[Data]) -> frozenset[Rows]:
    """Return the rows of tables side by side: those of the first, and of others that have nothing to do with it."""
    own = states[0].rows
    known = origins_of(own)
    return own.union(*(state.rows for state in states[1:] if known.isdisjoint(origins_of(state.rows))))


def _renamed(state: Data, arguments: Sequence[Argument[Data]]) -> Data:
    """Return a table whose columns, or a column that, get other names, and the statistics in them with it."""
    given = argument_of(arguments, 9, "columns") or argument_of(arguments, 9, "name")
    others = {key: value.constant for key, value in (given.fields or {}).items()} if given is not None else {}
    if given is not None and isinstance(given.constant, str):
        others = {state.column: given.constant, **{column: given.constant for _, column in state.marks}}
    if not others:
        return replace(state, each=None)
    marks = frozenset((statistic, _text(others.get(column, column))) for statistic, column in state.marks)
    return replace(state, each=None, marks=marks, column=_text(others.get(state.column, state.column)))


def _text(name: object) -> str | None:
    return name if isinstance(name, str) else None


def _thinned_class(states: Sequence[Data]) -> tuple[Split, str] | None:
    """Return where one class is thinned out and by which column, the others left whole: `concat([fine.sample(9), bad])`."""
    tables: set[tuple[Rows, str | None]] = set()
    cuts: list[Split | None] = []
    for state in states:
        cut = None
        for rows in next(iter(state.rows)).line() if len(state.rows) == 1 else ():
            if rows.split is None or rows.split.kind not in ("cut", "mask"):
                return None
            if rows.split.kind == "mask":
                asked = rows.split.columns
                tables.add((rows.parents[0], next(iter(asked)) if len(asked) == 1 else None))
                break
            cut = rows.split
        else:
            return None
        cuts.append(cut)
    if len(tables) != 1 or None not in cuts:
        return None
    table, column = tables.pop()
    found = next((cut for cut in cuts if cut is not None), None)
    if found is None or column is None or any(rows.part == "train" for rows in table.line()):
        return None
    return found, column


def _are_heads(rows: frozenset[Rows], summed_up: frozenset[Rows]) -> bool:
    """Are rows picked by a condition out of those that were summed up, as the head of each household is?

    The sums over its members are then its own. Whether one row of each group is left, the code does not say.
    """
    return all(_is_picked_from(one, summed_up) for one in rows)


def _is_picked_from(rows: Rows, wholes: frozenset[Rows]) -> bool:
    is_picked = False
    for one in rows.line():
        if one in wholes:
            return is_picked
        is_picked |= one.split is not None and one.split.kind == "mask"
    return False
