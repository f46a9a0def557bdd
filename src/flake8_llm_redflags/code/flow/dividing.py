"""How tables are divided by hand: by numbers drawn at random, by shuffled row numbers, at a place, by a condition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import libcst as cst

from . import api
from .conditions import fingerprint
from .domain import Argument
from .facts import NOTHING, Data
from .rows import rest_of
from .selecting import Selecting
from .store import Thing


class Dividing(Selecting):
    """Adds the functions and methods that people split a table with where they do not call ``train_test_split``."""

    def _drawn(self, node: cst.Call, name: str, arguments: Sequence[Argument[Data]]) -> Thing[Data] | None:
        """Return what is drawn at random for the rows of a table: a number for each, or some of their numbers."""
        counted = next((a.value.state for a in arguments if a.value.state.shape in ("count", "index")), None)
        if counted is None or not counted.rows:
            is_made = name in api.names("draws", "classes") and len(arguments) > 1
            return Thing(Data(self._origin(node), shape="column")) if is_made else None
        if name in api.names("draws", "numbers"):
            return Thing(Data(counted.rows, shape="column"))
        if name in api.names("draws", "orders"):
            return Thing(Data(counted.rows, shape="index"))
        if name not in api.names("draws", "choices"):
            return None
        if arguments[0].value.state is not counted:  # `choice([True, False], len(df), p=[0.8, 0.2])`
            return Thing(Data(counted.rows, shape="column"))
        is_part = name == "sample" or any(a.keyword == "replace" and a.value.constant is False for a in arguments)
        return Thing(
            self._sample_of(node, replace(counted, shape="index")) if is_part else Data(counted.rows, shape="index")
        )

    def _sample_of(self, node: cst.Call, state: Data) -> Data:
        """Return some of the rows; their rest is the other part of the same split."""
        split = self._named_split("cut", ("sample", self.context, id(node)), node)
        return replace(state, rows=self._cut(state.rows, split, "head"))

    def _less(self, rows: Thing[Data], taken: Thing[Data]) -> Thing[Data]:
        """Return rows, or their numbers, less those whose numbers are ``taken``."""
        rest = rest_of(rows.state.rows, taken.state.rows) if taken.state.shape == "index" else None
        return Thing(rows.state if rest is None else replace(rows.state, rows=rest))

    def _index_method(
        self, name: str, receiver: Thing[Data], arguments: Sequence[Argument[Data]]
    ) -> Thing[Data] | None:
        """Return what a method of row numbers gives: ``df.index.isin(train.index)`` are those of the training rows."""
        first = arguments[0].value if arguments else None
        if name in api.names("row_numbers", "copies"):
            return Thing(receiver.state)
        if name in api.names("row_numbers", "members") and first is not None and first.state.shape == "index":
            return Thing(Data(first.state.rows, shape="index"))
        if name in api.names("row_numbers", "differences") and first is not None:
            return self._less(receiver, first)
        return None

    def _end_of(self, node: cst.Call, name: str, state: Data) -> Data:
        """Return what ``head(n)`` and ``tail(n)`` give; without a number they show the table."""
        if not node.args:
            return state
        split = self._named_split("cut", (name, fingerprint(node.args[0].value)), node)
        return replace(state, rows=self._cut(state.rows, split, name))

    def _queried(self, node: cst.Call, state: Data, arguments: Sequence[Argument[Data]]) -> Data:
        """Return the rows of ``query("year < 2020")``; ``query("year >= 2020")`` gives the others."""
        asked = arguments[0].value.constant if arguments else None
        if not isinstance(asked, str):
            return state
        try:
            condition = cst.parse_expression(asked)
        except cst.ParserSyntaxError:
            return state
        return self._where(state, condition, node)

    @staticmethod
    def _pieces(state: Data) -> Data:
        """Return what ``np.split(x, [a, b])`` gives: parts that are taken apart one by one."""
        return replace(state, shape="parts", column=None, prediction=None) if state.rows else NOTHING
