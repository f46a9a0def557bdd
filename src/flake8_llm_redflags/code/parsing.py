"""From text to libcst's tree, without what a linter does not need of the parse.

Two things take almost half of ``libcst.parse_module`` on real files and change nothing in its result:

- The garbage collector scans the growing tree again and again: two fifths of the time. It is off meanwhile.
- Every node checks itself once it is made: regular expressions on each name, number and space, an eighth of the rest.
  The checks are there for code that makes nodes; those that the parser makes are right, or the text would not have
  parsed. libcst has no switch for them, so ``CSTNode.__post_init__`` is taken away while a module is parsed, and put back.
"""

from __future__ import annotations

import gc

import libcst as cst

#: libcst's own hook, as it is put back. It is read once, so that two threads that parse cannot put back each other's.
_HOOK = getattr(cst.CSTNode, "__post_init__", None)


def parse(text: str) -> cst.Module:
    """Parse a module; raises ``libcst.ParserSyntaxError``. The tree of ``libcst.parse_module``, much sooner."""
    enabled, only_checks = gc.isenabled(), _only_checks(_HOOK)
    gc.disable()
    if only_checks:
        cst.CSTNode.__post_init__ = _leave_unchecked  # type: ignore[method-assign]
    try:
        return cst.parse_module(text)
    finally:
        if only_checks:
            cst.CSTNode.__post_init__ = _HOOK  # type: ignore[method-assign]
        if enabled:
            gc.enable()


def _leave_unchecked(node: cst.CSTNode) -> None:
    """Stand in for libcst's hook while a module is parsed. Nodes that another thread makes meanwhile are not checked either."""


def _only_checks(hook: object) -> bool:
    """Does the hook do nothing but check the node? In a version of libcst where it does more, it stays."""
    code = getattr(hook, "__code__", None)
    return code is not None and code.co_names == ("_validate",)
