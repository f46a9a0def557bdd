"""Putting a profiler range around every statement of the user's files, at import and without changing a file.

A stack gives the line of the ``def`` only, and no frame at all for ``q @ k``; a range gives the exact line.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import torch

PREFIX = "redflags"
_STATEMENT, _BEGIN, _END, _ITERATE = (f"__{PREFIX}_{name}__" for name in ("range", "begin", "end", "iterate"))
_SIMPLE = (ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.Assert)


def range_name(path: str, line: int, kind: str = "") -> str:
    """Return the name that a range has in a trace; ``kind`` is ``iter`` where a loop fetches its next item."""
    return f"{PREFIX}|{path}|{line}|{kind}"


def parse_range(name: str) -> tuple[str, int, str] | None:
    """Return file, line and kind of a range, or ``None`` for a name that is not ours."""
    parts = name.split("|")
    return (parts[1], int(parts[2]), parts[3]) if len(parts) == 4 and parts[0] == PREFIX else None


def instrumented(text: str, path: str) -> CodeType:
    """Compile a file with a range around each statement, loop test and loop fetch."""
    tree = _Ranges(path).visit(ast.parse(text, path))
    return compile(ast.fix_missing_locations(tree), path, "exec")


def helpers() -> dict[str, Any]:
    """Return the names that instrumented code calls."""
    return {_STATEMENT: _range, _BEGIN: _begin, _END: _end, _ITERATE: _iterate}


class _Range:
    """A profiler range that is one only while profiling is on: one opened before that must not be closed in it."""

    __slots__ = ("_inner", "_name")

    #: Set while a profiler runs.
    on = False

    def __init__(self, name: str) -> None:
        self._name = name
        self._inner: Any = None

    def __enter__(self) -> None:
        if _Range.on:
            self._inner = torch._C._profiler._RecordFunctionFast(self._name)
            self._inner.__enter__()

    def __exit__(self, *error: object) -> None:
        if self._inner is not None:
            self._inner.__exit__(*error)


def switch(*, on: bool) -> None:
    """Turn the ranges on behind the start of a profiler, or off."""
    _Range.on = on


def _range(name: str) -> Any:
    # Dynamo cannot trace the fast range, and a compiled region has no lines: there it is nothing at all
    return contextlib.nullcontext() if torch.compiler.is_compiling() else _Range(name)


def _begin(name: str) -> Any:
    if torch.compiler.is_compiling():
        return None
    opened = _Range(name)
    opened.__enter__()
    return opened


def _end(opened: Any, value: Any) -> Any:
    if opened is None:
        return value
    try:
        return bool(value)  # where a tensor decides, this is what waits
    finally:
        opened.__exit__(None, None, None)


def _iterate(name: str, items: Iterable[Any]) -> Iterable[Any]:
    return items if torch.compiler.is_compiling() else _fetched(name, items)


def _fetched(name: str, items: Iterable[Any]) -> Iterator[Any]:
    iterator = iter(items)
    while True:
        with _range(name):
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item


class _Ranges(ast.NodeTransformer):
    def __init__(self, path: str) -> None:
        self._path = path

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, ast.If | ast.While) and not _suspends(node.test):
            begun = self._call(_BEGIN, node.test)
            node.test = _at(ast.Call(ast.Name(_END, ast.Load()), [begun, node.test], []), node.test)
        elif isinstance(node, ast.For) and not _suspends(node.iter):
            node.iter = self._call(_ITERATE, node.iter, "iter", node.iter)
        elif isinstance(node, _SIMPLE) and not _suspends(node) and not _is_text(node):
            return _at(ast.With(items=[ast.withitem(self._call(_STATEMENT, node))], body=[node]), node)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Enter methods only: what stands in a class body runs once and may be read by a metaclass."""
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        node.body = [self.visit(child) if isinstance(child, kinds) else child for child in node.body]
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        """Lambdas belong to the statement around them."""
        return node

    def _call(self, helper: str, node: ast.AST, kind: str = "", *arguments: ast.expr) -> ast.Call:
        name = ast.Constant(range_name(self._path, node.lineno, kind))  # type: ignore[attr-defined]
        return _at(ast.Call(ast.Name(helper, ast.Load()), [name, *arguments], []), node)


def _at(made: Any, node: ast.AST) -> Any:
    return ast.copy_location(made, node)


def _suspends(node: ast.AST) -> bool:
    """Tell whether running the node may leave the function in between: a range cannot be left open there."""
    return any(isinstance(child, ast.Yield | ast.YieldFrom | ast.Await) for child in ast.walk(node))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a user's file with ranges; byte code on disk is neither read nor written."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return instrumented(importlib.util.decode_source(self.get_data(path)), path)

    def exec_module(self, module: Any) -> None:
        module.__dict__.update(helpers())
        super().exec_module(module)


class Finder(importlib.abc.MetaPathFinder):
    """Finds the modules that lie below the script's folder; ``files`` are those that were loaded."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.files: list[Path] = []

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """Return a spec with our loader for a file of the user's, ``None`` for all else."""
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or not isinstance(spec.loader, importlib.machinery.SourceFileLoader) or spec.origin is None:
            return None
        file = Path(spec.origin).resolve()
        if not file.is_relative_to(self._root) or any(part in ("site-packages", ".venv") for part in file.parts):
            return None
        self.files.append(file)
        spec.loader = _Loader(name, str(file))
        return spec


@contextlib.contextmanager
def imports_instrumented(root: Path) -> Iterator[Finder]:
    """Instrument what is imported from below ``root`` inside this context."""
    finder = Finder(root)
    sys.meta_path.insert(0, finder)
    try:
        yield finder
    finally:
        sys.meta_path.remove(finder)
