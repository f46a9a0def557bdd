"""What a program unpickles: the file, whether it holds a model, and whether the program wrote it itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from ..knowledge import pattern, table, words
from .constants import as_text
from .names import last_name
from .tree import Node

if TYPE_CHECKING:
    from .program import Code


def holds_model(code: Code, call: cst.Call) -> bool:
    """Does the name of the target, of the file or of a loading function say that a load gives a model, or is it used as one?"""
    statement, function = code.context.statement(call), code.context.function(call)
    names = [_text(code, _last_part(path)) for path in _files(code, call)]
    names += [arg.value.value for arg in call.args if isinstance(arg.value, cst.Name)]
    if isinstance(statement, cst.Assign):
        target = statement.targets[0].target
        if isinstance(target, (cst.Name, cst.Attribute, cst.Subscript)):
            names.append(code.text_of(target))
        if isinstance(target, cst.Name) and _predicts(code, statement, target.value):
            return True
    if isinstance(statement, cst.Return) and isinstance(function, cst.FunctionDef):
        names.append(function.name.value)
    return any(_names_model(name.lower()) for name in names)


def holds_results(code: Code, call: cst.Call) -> bool:
    """Is the file that is loaded called like what a run of one's own has written: ``all_results.npy``?"""
    path = next(_files(code, call), None)
    name = _text(code, _last_part(path)).lower() if path is not None else ""
    return pattern("loading", "pickles", "data_words").search(name) is not None


def is_opted_in(code: Code, call: cst.Call) -> bool:
    """Does the function around ask its caller first: ``if not allow_pickle: raise …``?"""
    function = code.context.function(call)
    tests = [statement.test for statement in code.tree.within(function, cst.If)] if function is not None else []
    asked = pattern("loading", "pickles", "opt_in")
    return any(
        asked.search(last_name(name) or "")
        for test in tests
        for name in code.tree.within(test, cst.Name, cst.Attribute)
    )


def _names_model(name: str) -> bool:
    is_data = pattern("loading", "pickles", "data_words").search(name) is not None
    return not is_data and pattern("loading", "pickles", "model_words").search(name) is not None


def _text(code: Code, path: Node) -> str:
    """Return the text of a path; of ``f"{folder}/x.pkl"`` what it says itself."""
    if isinstance(path, cst.FormattedString) and path.parts and isinstance(path.parts[-1], cst.FormattedStringText):
        return "".join(part.value for part in path.parts if isinstance(part, cst.FormattedStringText))
    return code.text_of(path)


def _predicts(code: Code, statement: cst.Assign, name: str) -> bool:
    """Is a method of a fitted model called on what an assignment gives a name?"""
    methods = words("loading", "pickles", "model_methods")
    for binding in code.names.bindings(name, statement):
        for use in code.values.uses(binding) if binding.node is statement else ():
            member = code.tree.parent(use)
            if isinstance(member, cst.Attribute) and member.value is use and member.attr.value in methods:
                return True
    return False


def is_downloaded(code: Code, call: cst.Call) -> bool:
    """Is what is loaded a file that the program fetches from a hub or a server?"""
    downloads = words("loading", "downloads")
    return any(code.taint.is_made_by(path, downloads) for path in _files(code, call))


def wrote_itself(code: Code, call: cst.Call) -> bool:
    """Does the same file write what is loaded?

    That is the same literal path or the same attribute of one object anywhere, and in one function the same name: written
    before, or written for the next run where this one looks first whether the file exists.
    """
    dumpers = table("loading")["pickles"]["dumpers"]
    loaded = _paths(code, call)
    for dump in code.calls(*{dumper.rpartition(".")[2] for dumper in dumpers}):
        if code.qualified_name(dump.func) not in dumpers and last_name(dump.func) not in words(
            "loading", "pickles", "dumping_methods"
        ):
            continue
        shared = _paths(code, dump).keys() & loaded.keys()
        together = code.context.function(dump) is code.context.function(call)
        if together and code.tree.start(dump) > code.tree.start(call):
            is_own = any(_is_for_next_run(code, call, path, loaded[path]) for path in shared)
        else:
            is_own = any(
                together or isinstance(loaded[p], cst.SimpleString) or _is_attribute_of_self(loaded[p]) for p in shared
            )
        if is_own:
            return True
    return False


def _paths(code: Code, call: cst.Call) -> dict[str, Node]:
    """Return the files of a call and their literal names by their text."""
    files = list(_files(code, call))
    return {as_text(value) or code.text_of(value): value for value in (*files, *map(_last_part, files))}


def _files(code: Code, call: cst.Call) -> Iterator[Node]:
    """Yield the arguments of a call, for a file that is open its path: ``pickle.load(open(path, "rb"))``, ``pickle.load(file)``."""
    for arg in call.args:
        yield _path(code, arg.value)


def _path(code: Code, node: Node) -> Node:
    """Return the path of an open file, the text that a local name for it holds; the node itself where neither is in view."""
    if isinstance(node, cst.Call) and last_name(node.func) == "open":
        if node.args and not (isinstance(node.func, cst.Attribute) and code.qualified_name(node.func) is None):
            return _path(code, node.args[0].value)
        return _path(code, node.func.value) if isinstance(node.func, cst.Attribute) else node
    if isinstance(node, cst.Name):
        definitions = code.values.definitions(node)
        given = definitions[0].value if len(definitions) == 1 and definitions[0].kind in ("assign", "with") else None
        if isinstance(given, cst.SimpleString) or (isinstance(given, cst.Call) and last_name(given.func) == "open"):
            return _path(code, given)
    return node


def _last_part(path: Node) -> Node:
    """Return what names the file in ``os.path.join(folder, "x.pkl")``, ``folder / "x.pkl"``; the whole path otherwise."""
    if isinstance(path, cst.Call) and last_name(path.func) in ("join", "joinpath", "Path", "str") and path.args:
        return _last_part(path.args[-1].value)
    if isinstance(path, cst.BinaryOperation):
        return _last_part(path.right)
    return path


def _is_attribute_of_self(value: Node) -> bool:
    return isinstance(value, cst.Attribute) and isinstance(value.value, cst.Name) and value.value.value == "self"


def _is_for_next_run(code: Code, call: cst.Call, path: str, value: Node) -> bool:
    """Is a file that is written below loaded only in some runs: if it exists, or else by a switch, under the same literal name?"""
    tests = list(code.context.conditions(call))
    asked = [test for test, holds in tests if holds]
    looks = [look for test in asked for look in (test, *code.tree.within(test, cst.Call)) if isinstance(look, cst.Call)]
    return (bool(tests) and isinstance(value, cst.SimpleString)) or any(
        last_name(look.func) in ("exists", "isfile", "is_file") and path in code.text_of(look) for look in looks
    )
