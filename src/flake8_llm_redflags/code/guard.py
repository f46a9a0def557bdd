"""Is a text shallow enough for libcst? Its native parser ends the process on deep nesting instead of raising.

Measured with libcst 1.9 on an 8 MB stack: brackets and calls crash from some 1,100 levels, ``and`` chains between 5,000
and 10,000, and parse time is quadratic in nesting (800 nested calls: 3.8 s). Python's own parser stops at 200 brackets
and 100 indents. Real code stays below 30, so a bound of 100 costs nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import accumulate

#: Levels of one statement: blocks, brackets, operators, chained attributes and calls, ``and``/``or`` operands.
LIMIT = 100
#: `elif`s of one statement: each is a level for libcst, though a cheap one (1,000 end the process on a 1 MB stack).
ELIF_LIMIT = 500

_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_BRACKETS = re.compile(r"[()\[\]{}]")
_LEAVES = (ast.Constant, ast.Name, ast.expr_context)


def too_deep(root: ast.Module, text: str) -> int | None:
    """Return the line of the first statement that is nested deeper than ``LIMIT``, None where there is none."""
    starts = [0, *(match.end() for match in _LINE_END.finditer(text.encode("utf-8", "surrogatepass")))]
    stack: list[tuple[list[ast.AST], int, int]] = [(root.body, 0, 0)]  # type: ignore[list-item]
    while stack:
        block, depth, elifs = stack.pop()
        if depth > LIMIT or elifs > ELIF_LIMIT:
            return _line(block[0])
        for node in block:
            elif_chain = isinstance(node, ast.If) and len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If)
            for field in _BLOCKS:
                inner = getattr(node, field, None)
                if inner.__class__ is list and inner:
                    next_elif = elif_chain and field == "orelse"
                    stack.append((inner, depth, elifs + 1) if next_elif else (inner, depth + 1, 0))
            for head in _heads(node):
                # A level takes at least one character: a short expression needs no look inside.
                if _size(head, starts) >= LIMIT - depth and _expression_depth(head) > LIMIT - depth:
                    return _line(head) or _line(node)
    return _bracketed(text)


def _heads(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the expressions of a statement that are not statements themselves."""
    for field, value in ast.iter_fields(node):
        if field in _BLOCKS and value.__class__ is list:
            continue
        if value.__class__ is list:
            for item in value:
                if isinstance(item, ast.AST):
                    yield item
        elif isinstance(value, ast.AST):
            yield value


def _size(node: ast.AST, starts: list[int]) -> int:
    """Return the number of bytes that the node spans, ``LIMIT`` where it does not know its place."""
    line, end_line = getattr(node, "lineno", None), getattr(node, "end_lineno", None)
    if line is None or end_line is None or end_line > len(starts):
        return LIMIT
    return starts[end_line - 1] + node.end_col_offset - starts[line - 1] - node.col_offset  # type: ignore[attr-defined]


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 1)


def _expression_depth(root: ast.AST) -> int:
    """Return the depth as libcst will see it: chains of ``and`` and ``or`` are nested there, flat in ``ast``."""
    deepest = 0
    stack = [(root, 0)]
    while stack:
        node, depth = stack.pop()
        if depth > deepest:
            deepest = depth
            if depth > LIMIT:
                break
        if isinstance(node, _LEAVES):
            continue
        if isinstance(node, ast.BoolOp):
            depth += len(node.values) - 1
        stack.extend((child, depth + 1) for child in ast.iter_child_nodes(node))
    return deepest


def _bracketed(text: str) -> int | None:
    """Return the line where brackets nest deeper than ``LIMIT``, by characters alone.

    ``ast`` drops redundant parentheses, so they are counted here. Brackets inside strings count too: where that alone
    passes the limit, the second look counts tokens.
    """
    kinds = _BRACKETS.findall(text)
    if max(accumulate((1 if kind in "([{" else -1 for kind in kinds)), default=0) <= LIMIT:
        return None
    return _bracketed_by_token(text)


def _bracketed_by_token(text: str) -> int | None:
    import io
    import tokenize

    depth = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.OP and token.string in "()[]{}":
                depth += 1 if token.string in "([{" else -1
                if depth > LIMIT:
                    return token.start[0]
    except (tokenize.TokenError, SyntaxError, IndentationError):
        return 1
    return None
