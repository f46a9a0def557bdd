"""Work that is started in a thread or a task: where its error comes out."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from ..knowledge import words
from .names import last_name
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

_deferred = partial(words, "guards", "deferred")

#: What a started call is put into before it gets a name.
_CONTAINERS = (
    cst.Arg,
    cst.Element,
    cst.StarredElement,
    cst.List,
    cst.Tuple,
    cst.Set,
    cst.Dict,
    cst.DictElement,
    cst.ListComp,
    cst.SetComp,
    cst.DictComp,
    cst.GeneratorExp,
)


class _Started(NamedTuple):
    """The names that hold work under way, and whether a thread or a task runs it: a bare coroutine waits to be awaited."""

    names: set[str]
    is_running: bool


def fetches(code: Code, node: Node) -> list[cst.Name]:
    """Return the names of work under way where its result is fetched, and its error raised.

    ``node`` is a call of a coroutine, or a call or function that is handed to a thread or task. Empty where it is run on
    the spot, or where the file does not show what becomes of it.
    """
    started = _started(code, node)
    if started is None:
        return []
    scope = code.context.function(node) or code.tree.module
    names = _held_by(code, scope, started.names)
    places = (name for name in code.tree.within(scope, cst.Name) if name.value in names)
    return [name for name in places if _is_fetch(code, name, is_running=started.is_running)]


def _started(code: Code, node: Node) -> _Started | None:
    """Follow work to the name that it is kept under: ``task = create_task(…)``, ``futures = [submit(…) for …]``."""
    is_running, child = False, node
    for above in code.tree.ancestors(node):
        if isinstance(above, cst.Call) and child is not above.func:
            name = last_name(above.func)
            if name in _deferred("keepers") and isinstance(above.func, cst.Attribute):
                return _kept(above.func.value, is_running)
            if name in _deferred("starters"):
                is_running = True
            elif name not in _deferred("carriers"):
                return None
        elif isinstance(above, cst.Assign) and len(above.targets) == 1:
            return _kept(above.targets[0].target, is_running)
        elif isinstance(above, cst.For) and child is above.iter:
            return _kept(above.target, is_running)
        elif not isinstance(above, _CONTAINERS):
            return None
        child = above
    return None


def _kept(holder: Node, is_running: bool) -> _Started | None:
    while isinstance(holder, cst.Subscript):  # `tasks[key] = create_task(…)`
        holder = holder.value
    return _Started({holder.value}, is_running) if isinstance(holder, cst.Name) else None


def _held_by(code: Code, scope: Node, names: set[str]) -> set[str]:
    """Return the names, and those that loops and look-ups in a function give to what they hold."""
    held = set(names)
    steps = sorted(code.tree.within(scope, cst.For, cst.CompFor, cst.Assign), key=code.tree.start)
    for step in steps:
        if isinstance(step, cst.Assign):
            source, targets = step.value, [target.target for target in step.targets]
            if isinstance(source, cst.Await) and not _is_carried(source.expression):
                continue  # what has been awaited is an answer, no more work
        else:
            source, targets = step.iter, [step.target]
        if _carries(source, held):
            held |= {name.value for target in targets for name in code.tree.within(target, cst.Name)}
    return held


def _carries(source: Node, names: set[str]) -> bool:
    """Is the expression one of the names, or what a loop is given of it: ``as_completed(tasks)``, ``tasks.items()``?"""
    if isinstance(source, cst.Await):
        source = source.expression
    if isinstance(source, cst.Call):
        if isinstance(source.func, cst.Attribute) and last_name(source.func) in _deferred("views"):
            return _carries(source.func.value, names)
        return _is_carried(source) and any(_carries(arg.value, names) for arg in source.args)
    return isinstance(source, cst.Name) and source.value in names


def _is_carried(node: Node) -> bool:
    return isinstance(node, cst.Call) and last_name(node.func) in _deferred("carriers")


def _is_fetch(code: Code, name: cst.Name, *, is_running: bool) -> bool:
    """Does the result of work under way come out here: ``future.result()``, ``await task``, ``gather(*tasks)``?"""
    above = iter(code.tree.ancestors(name))
    first = next(above, None)
    if isinstance(first, cst.Attribute):
        return is_running and first.attr.value in _deferred("fetchers") and isinstance(next(above, None), cst.Call)
    while isinstance(first, (cst.Arg, cst.StarredElement)):
        call = next(above, None)
        if not isinstance(call, cst.Call):
            return False
        called = last_name(call.func)
        if called == "gather":
            return True
        if called not in _deferred("carriers"):
            return is_running and called not in _deferred("keepers")  # another function fetches it
        first = next(above, None)
    return isinstance(first, cst.Await)
