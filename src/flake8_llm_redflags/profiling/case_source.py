"""The text of the cases, read without importing them, as that would need torch: which are there, have they changed?"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "cases"
#: What stands in the place of a rule's code for cases that put a claim to the test.
CLAIM = "claim"


@cache
def modules() -> dict[str, Path]:
    """Return the case module of each rule: ``cases/lrf501_unfused_attention.py`` belongs to LRF501."""
    return {path.stem[:6].upper(): path for path in sorted(FOLDER.glob("lrf[0-9][0-9][0-9]_*.py"))}


def path(code: str) -> Path | None:
    """Return the module that holds the cases of a rule, or of the claims; ``None`` where there is none."""
    return FOLDER / "claims.py" if code == CLAIM else modules().get(code)


@cache
def digest(code: str) -> str | None:
    """Return a hash of what a rule's cases do, or ``None`` where it has none.

    Comments, formatting, docstrings and the list of cases (``CASES``) do not count: evidence stays fresh while the code
    that was measured, its inputs, sizes and helpers are the same, in its own module and in those it imports beside it.
    """
    file = path(code)
    return None if file is None else digest_of(file.read_text(encoding="utf-8"))


def digest_of(text: str, folder: Path = FOLDER) -> str:
    """Return the hash of a case module's text and of the case modules that it imports."""
    return hashlib.sha256("\n".join(_meaning(text, folder)).encode()).hexdigest()[:16]


def _meaning(text: str, folder: Path) -> list[str]:
    tree = ast.parse(text)
    beside = sorted(
        name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for name in ([node.module] if node.module else [alias.name for alias in node.names])
    )
    imported = [
        part for name in beside for part in _meaning((folder / f"{name}.py").read_text(encoding="utf-8"), folder)
    ]
    return [ast.unparse(_without_words(tree)), *imported]


def body(code: str, function: str) -> str:
    """Return one function of a case module with the imports it needs, as a file: what is linted and shown."""
    text = modules()[code].read_text(encoding="utf-8")
    tree = ast.parse(text)
    imports = [
        node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom) and not getattr(node, "level", 0)
    ]
    wanted = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function)
    start = min([wanted.lineno, *(decorator.lineno for decorator in wanted.decorator_list)])
    source = "\n".join(text.splitlines()[start - 1 : wanted.end_lineno])
    used = {node.id for node in ast.walk(wanted) if isinstance(node, ast.Name)}
    kept = [
        node for node in imports if any((name.asname or name.name).partition(".")[0] in used for name in node.names)
    ]
    return "\n".join([*(ast.unparse(node) for node in kept), "", "", source, ""])


def _without_words(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    tree.body = [node for node in tree.body if not (isinstance(node, ast.Assign) and _targets(node) == ["CASES"])]
    return tree


def _targets(node: ast.Assign) -> list[str]:
    return [target.id for target in node.targets if isinstance(target, ast.Name)]
