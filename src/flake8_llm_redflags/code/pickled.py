"""What a program unpickles: the file, whether it holds a model, and whether the program wrote it itself."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from ..knowledge import pattern, table, words
from .constants import as_text
from .names import last_name
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

#: How many names and calls a path is followed through.
_DEPTH = 6


class Pickled:
    """Knows the pickles that one file reads and writes."""

    def __init__(self, code: Code) -> None:
        self._code, self._tree, self._context = code, code.tree, code.context

    def holds_model(self, call: cst.Call) -> bool:
        """Does the name of the target, of the file or of a loading function say that a load gives a model, or is it used as one?"""
        statement, function = self._context.statement(call), self._context.function(call)
        if id(statement) in self._fitted:
            return True
        names = [self._text(_last_part(path)) for path in self._files(call)]
        names += [arg.value.value for arg in call.args if isinstance(arg.value, cst.Name)]
        target = statement.targets[0].target if isinstance(statement, cst.Assign) else None
        if isinstance(target, (cst.Name, cst.Attribute, cst.Subscript)):
            names.append(self._code.text_of(target))
        if isinstance(statement, cst.Return) and isinstance(function, cst.FunctionDef):
            names.append(function.name.value)
        return any(_names_model(name.lower()) for name in names)

    def holds_results(self, call: cst.Call) -> bool:
        """Is the file that is loaded called like what a run of one's own has written: ``all_results.npy``?"""
        path = next(self._files(call), None)
        name = self._text(_last_part(path)).lower() if path is not None else ""
        return pattern("loading", "pickles", "data_words").search(name) is not None

    def is_opted_in(self, call: cst.Call) -> bool:
        """Does the function around ask its caller first: ``if not allow_pickle: raise …``?"""
        function = self._context.function(call)
        tests = [statement.test for statement in self._tree.within(function, cst.If)] if function is not None else []
        asked = pattern("loading", "pickles", "opt_in")
        return any(
            asked.search(last_name(name) or "")
            for test in tests
            for name in self._tree.within(test, cst.Name, cst.Attribute)
        )

    def is_downloaded(self, call: cst.Call) -> bool:
        """Is what is loaded a file that the program fetches from a hub or a server?"""
        downloads = words("loading", "downloads")
        return any(self._code.taint.is_made_by(path, downloads) for path in self._files(call))

    def is_own(self, call: cst.Call) -> bool:
        """Does the same file write what is loaded?

        That is the same literal path or the same attribute of one object anywhere, and in one function the same name: written
        before, or written for the next run where this one looks first whether the file exists.
        """
        for text, path in self._paths(call).items():
            for dump in self._dumps.get(text, ()):
                together = self._context.function(dump) is self._context.function(call)
                if together and self._tree.start(dump) > self._tree.start(call):
                    if self._is_for_next_run(call, text, path):
                        return True
                elif together or isinstance(path, cst.SimpleString) or _is_attribute_of_self(path):
                    return True
        return False

    # ---- what is written, and what is used as a model

    @cached_property
    def _dumps(self) -> dict[str, list[cst.Call]]:
        """The calls that write pickles, by the text of their paths."""
        facts, found = table("loading")["pickles"], {}
        names = {dumper.rpartition(".")[2] for dumper in facts["dumpers"]}
        for call in self._code.calls(*names, *facts["dumping_methods"]):
            if (
                last_name(call.func) in facts["dumping_methods"]
                or self._code.qualified_name(call.func) in facts["dumpers"]
            ):
                for text in self._paths(call):
                    found.setdefault(text, []).append(call)
        return found

    @cached_property
    def _fitted(self) -> set[int]:
        """The assignments to names on which a method of a fitted model is called."""
        return {
            id(binding.node)
            for call in self._code.calls(*words("loading", "pickles", "model_methods"))
            if isinstance(call.func, cst.Attribute) and isinstance(call.func.value, cst.Name)
            for binding in self._code.values.definitions(call.func.value)
        }

    def _is_for_next_run(self, call: cst.Call, text: str, path: Node) -> bool:
        """Is a file that is written below loaded only in some runs: if it exists, or by a switch under the same literal name?"""
        tests = list(self._context.conditions(call))
        if tests and isinstance(path, cst.SimpleString):
            return True
        asked = [test for test, holds in tests if holds]
        looks = [look for test in asked for look in (test, *self._tree.within(test, cst.Call))]
        return any(
            isinstance(look, cst.Call)
            and last_name(look.func) in ("exists", "isfile", "is_file")
            and text in self._code.text_of(look)
            for look in looks
        )

    # ---- files

    def _paths(self, call: cst.Call) -> dict[str, Node]:
        """Return the files of a call, and their own names, by their text."""
        files = list(self._files(call))
        return {as_text(value) or self._code.text_of(value): value for value in (*files, *map(_last_part, files))}

    def _files(self, call: cst.Call) -> Iterator[Node]:
        """Yield the arguments of a call, for an open file its path: ``pickle.load(open(path, "rb"))``, ``pickle.load(file)``."""
        for arg in call.args:
            yield self._path(arg.value, _DEPTH)

    def _path(self, node: Node, depth: int) -> Node:
        """Return the path of an open file, or the text that a local name holds; the node itself where neither is in view."""
        if depth == 0:
            return node
        if isinstance(node, cst.Call) and last_name(node.func) == "open":
            is_method = isinstance(node.func, cst.Attribute) and self._code.qualified_name(node.func) is None
            if is_method:
                return self._path(node.func.value, depth - 1)
            return self._path(node.args[0].value, depth - 1) if node.args else node
        if isinstance(node, cst.Name):
            definitions = self._code.values.definitions(node)
            given = (
                definitions[0].value if len(definitions) == 1 and definitions[0].kind in ("assign", "with") else None
            )
            if isinstance(given, cst.SimpleString) or (isinstance(given, cst.Call) and last_name(given.func) == "open"):
                return self._path(given, depth - 1)
        return node

    def _text(self, path: Node) -> str:
        """Return the text of a path; of ``f"{folder}/x.pkl"`` what it says itself."""
        if isinstance(path, cst.FormattedString) and path.parts and isinstance(path.parts[-1], cst.FormattedStringText):
            return "".join(part.value for part in path.parts if isinstance(part, cst.FormattedStringText))
        return self._code.text_of(path)


def _names_model(name: str) -> bool:
    is_data = pattern("loading", "pickles", "data_words").search(name) is not None
    return not is_data and pattern("loading", "pickles", "model_words").search(name) is not None


def _last_part(path: Node) -> Node:
    """Return what names the file in ``os.path.join(folder, "x.pkl")``, ``folder / "x.pkl"``; the whole path otherwise."""
    while True:
        if isinstance(path, cst.Call) and last_name(path.func) in ("join", "joinpath", "Path", "str") and path.args:
            path = path.args[-1].value
        elif isinstance(path, cst.BinaryOperation):
            path = path.right
        else:
            return path


def _is_attribute_of_self(value: Node) -> bool:
    return isinstance(value, cst.Attribute) and isinstance(value.value, cst.Name) and value.value.value == "self"
