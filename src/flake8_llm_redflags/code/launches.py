"""Interpreters that a program starts, and the text that they run: ``["python", "-c", code]``, ``["bash", path]``."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import libcst as cst

from ..knowledge import pattern, table, words
from .arguments import argument
from .constants import as_text
from .names import last_name
from .tree import Node

if TYPE_CHECKING:
    from .program import Code


def launched_text(code: Code, call: cst.Call) -> Node | None:
    """Return the text that an interpreter runs which a call starts without a shell; None where there is none."""
    command = _command(code, call)
    if len(command) < 2 or not _is_interpreter(code, command[0]):
        return None
    flags = words("taint", "launches", "code_flags")
    for flag, text in pairwise(command[1:]):
        if as_text(flag) in flags:
            return text
    files = [part for part in command[1:] if not (as_text(part) or "").startswith("-")]
    return _written(code, call, files[0]) if files else None


def _command(code: Code, call: cst.Call) -> list[Node]:
    """Return the parts of the command that a call starts."""
    qualified = code.qualified_name(call.func)
    if qualified in table("taint")["launches"]["spread"]:
        return [arg.value for arg in call.args if arg.keyword is None and not arg.star]
    if qualified not in table("taint")["code_sinks"]["shell_calls"]:
        return []
    given = argument(call, 0, "args")
    lists = (origin.node for origin in code.values.origins(given)) if given is not None else ()
    found = next((node for node in lists if isinstance(node, (cst.List, cst.Tuple))), None)
    return [element.value for element in found.elements] if found is not None else []


def _is_interpreter(code: Code, node: Node) -> bool:
    name = as_text(node)
    if name is not None:
        return pattern("taint", "launches", "interpreters").fullmatch(name) is not None
    return code.qualified_name(node) in table("taint")["launches"]["own"]


def _written(code: Code, call: cst.Call, path: Node) -> Node | None:
    """Return what the same function writes into the file of a path."""
    function = code.context.function(call)
    while isinstance(path, cst.Call) and last_name(path.func) in ("str", "Path", "fspath") and path.args:
        path = path.args[0].value
    names = {code.text_of(path), *(code.text_of(origin.node) for origin in code.values.origins(path))}
    for write in code.calls("write", "write_text", "writelines"):
        if not isinstance(write.func, cst.Attribute) or not write.args or code.context.function(write) is not function:
            continue
        if write.func.attr.value == "write_text":
            is_file = code.text_of(write.func.value) in names
        else:
            is_file = _is_open_file(code, write.func.value, names)
        if is_file:
            return write.args[0].value
    return None


def _is_open_file(code: Code, file: Node, names: set[str]) -> bool:
    """Is the file open under one of these names: ``open(path, "w")``, or a temporary one whose ``.name`` is meant?"""
    if f"{code.text_of(file)}.name" in names:
        return True
    opened = (origin.node for origin in code.values.origins(file))
    return any(
        isinstance(node, cst.Call)
        and last_name(node.func) == "open"
        and any(code.text_of(part) in names for part in _path(node))
        for node in opened
    )


def _path(opening: cst.Call) -> list[Node]:
    """Return the path of ``open(path, "w")`` or ``path.open("w")``."""
    path = argument(opening, 0, "file")
    receiver = opening.func.value if isinstance(opening.func, cst.Attribute) else None
    return [part for part in (path, receiver) if part is not None]
