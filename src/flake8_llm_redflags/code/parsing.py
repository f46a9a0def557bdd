"""From text to libcst's tree, without what a linter does not need of the parse.

Two things take almost half of ``libcst.parse_module`` on real files and change nothing in its result:

- The garbage collector scans the growing tree again and again: two fifths of the time. It is off meanwhile.
- Every node checks itself once it is made: regular expressions on each name, number and space, an eighth of the rest.
  The checks are there for code that makes nodes; those that the parser makes are right, or the text would not have
  parsed. libcst has no switch for them, so ``CSTNode.__post_init__`` is replaced, once, by one that asks whether this module is
  parsing. Nodes made at any other time are checked as ever.
"""

from __future__ import annotations

import gc

import libcst as cst

#: Is a tree being parsed here? Nodes that another thread makes meanwhile are not checked either.
_parsing = False


def parse(text: str) -> cst.Module:
    """Parse a module; raises ``libcst.ParserSyntaxError``. The tree of ``libcst.parse_module``, much sooner."""
    global _parsing
    enabled = gc.isenabled()
    gc.disable()
    _parsing = True
    try:
        return cst.parse_module(text)
    finally:
        _parsing = False
        if enabled:
            gc.enable()


def _check(node: cst.CSTNode) -> None:
    if not _parsing:
        node._validate()


def _only_validates() -> bool:
    """Is libcst's own hook the one that ``_check`` stands for? A version where it does more keeps it."""
    hook = getattr(cst.CSTNode, "__post_init__", None)
    return hook is not None and hook.__code__.co_names == ("_validate",)


if _only_validates():
    cst.CSTNode.__post_init__ = _check  # type: ignore[method-assign]
