"""Is a text shallow enough for libcst? Its native parser ends the process on deep nesting instead of raising.

Measured with libcst 1.9: on a stack of 8 MB brackets and calls crash from some 1,100 levels, dotted module names and
``and`` chains between 5,000 and 20,000; on 1 MB (a thread's share on many platforms) blocks from 40, brackets from 130,
``for`` clauses from 500, joined literals from 1,000. Parse time is quadratic in nesting (800 nested calls: 3.8 s).
Python's own parser stops at 200 brackets and 100 indents. Real code stays far below these bounds.
"""

from __future__ import annotations

import ast
import re
from itertools import accumulate

#: Levels of one statement: blocks, brackets, operators, chained attributes and calls, ``and``/``or`` operands.
LIMIT = 100
#: What a block counts for: it takes four times the stack of a bracket.
BLOCK_LEVELS = 4
#: Nested brackets, redundant ones (which ``ast`` drops) included.
BRACKET_LIMIT = 40
#: ``elif``s of one statement: each is a level for libcst, though a cheap one (1,000 end the process on a 1 MB stack).
ELIF_LIMIT = 150
#: String literals joined by standing side by side: one constant for ``ast``, a level each for libcst.
JOINED_LIMIT = 300

#: The fields of compound statements that hold blocks; ``handlers`` and ``cases`` indent nothing by themselves.
_BLOCKS: dict[type[ast.AST], tuple[str, ...]] = {
    ast.FunctionDef: ("body",),
    ast.AsyncFunctionDef: ("body",),
    ast.ClassDef: ("body",),
    ast.If: ("body", "orelse"),
    ast.For: ("body", "orelse"),
    ast.AsyncFor: ("body", "orelse"),
    ast.While: ("body", "orelse"),
    ast.With: ("body",),
    ast.AsyncWith: ("body",),
    ast.Try: ("body", "handlers", "orelse", "finalbody"),
    ast.TryStar: ("body", "handlers", "orelse", "finalbody"),
    ast.ExceptHandler: ("body",),
    ast.Match: ("cases",),
    ast.match_case: ("body",),
}
_LEAVES = frozenset({ast.Name, ast.Load, ast.Store, ast.Del})
_COMPREHENSIONS = frozenset({ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp})

_LINE_END = re.compile(rb"\r\n|\r|\n")
_OPENING, _CLOSING = b"([{", b")]}"
_NO_BRACKETS = bytes(set(range(256)).difference(_OPENING + _CLOSING))
#: What each byte adds to the number of open brackets.
_STEPS = [(code in _OPENING) - (code in _CLOSING) for code in range(256)]


def too_deep(root: ast.Module, text: str) -> int | None:
    """Return the line of the first statement found that is nested too deeply for libcst, None where there is none."""
    return _Guard(text).first_too_deep(root) or _bracketed(text)


class _Guard:
    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: tuple[bytes, list[int]] | None = None

    def first_too_deep(self, root: ast.Module) -> int | None:
        stack: list[tuple[list[ast.AST], int, int]] = [(root.body, 0, 0)]  # type: ignore[list-item]
        while stack:
            block, depth, elifs = stack.pop()
            room = LIMIT - depth
            if room < 0 or elifs > ELIF_LIMIT:
                return _line(block[0])
            for node in block:
                cls = node.__class__
                blocks = _BLOCKS.get(cls)
                if blocks is None:
                    if not _is_short(node, room) and self._deeper(node, room):
                        return _line(node)
                    continue
                for field in node._fields:
                    value = getattr(node, field, None)
                    if field in blocks:
                        if value:
                            stack.append(_inner(node, field, value, depth, elifs))
                        continue
                    for head in _nodes(value):
                        if not _is_short(head, room) and self._deeper(head, room):
                            return getattr(head, "lineno", _line(node))
        return None

    def _deeper(self, root: ast.AST, room: int) -> bool:
        """Does libcst need more than ``room`` levels here? What is flat in ``ast`` but nested there counts in full."""
        stack = [(root, room)]
        while stack:
            node, room = stack.pop()
            cls = node.__class__
            if cls is ast.Constant or cls is ast.JoinedStr:
                if self._joined(node) > JOINED_LIMIT:
                    return True
                if cls is ast.Constant:
                    continue
            elif cls is ast.BoolOp:
                room -= len(node.values) - 1  # type: ignore[attr-defined]
            elif cls in _COMPREHENSIONS:
                room -= len(node.generators) - 1  # type: ignore[attr-defined]
            elif cls is ast.alias:
                room -= node.name.count(".")  # type: ignore[attr-defined]
            elif cls is ast.ImportFrom:
                room -= (node.module or "").count(".")  # type: ignore[attr-defined]
            room -= 1
            if room < 0:
                return True
            for field in node._fields:
                for child in _nodes(getattr(node, field, None)):
                    if child.__class__ not in _LEAVES and not _is_short(child, room):
                        stack.append((child, room))
        return False

    def _joined(self, literal: ast.AST) -> int:
        """Return how many literals may be joined here at most: half the quotes in its text, for a long one."""
        if _is_short(literal, 2 * JOINED_LIMIT) or not isinstance(getattr(literal, "value", ""), (str, bytes)):
            return 0
        if self._lines is None:
            data = self._text.encode("utf-8", "surrogatepass")
            self._lines = data, [0, *(match.end() for match in _LINE_END.finditer(data))]
        data, starts = self._lines
        start = starts[literal.lineno - 1] + literal.col_offset  # type: ignore[attr-defined]
        end = starts[literal.end_lineno - 1] + literal.end_col_offset  # type: ignore[attr-defined]
        quotes = data.count(b'"', start, end) + data.count(b"'", start, end)
        if quotes <= 2 * JOINED_LIMIT:
            return 0
        return _joined_by_token(data[start:end].decode("utf-8", "surrogatepass"))


def _inner(node: ast.AST, field: str, block: list[ast.AST], depth: int, elifs: int) -> tuple[list[ast.AST], int, int]:
    """Return a block of a compound statement with its depth and the number of ``elif``s that lead to it."""
    if field in ("handlers", "cases"):
        return block, depth, 0
    if field == "orelse" and node.__class__ is ast.If and len(block) == 1 and block[0].__class__ is ast.If:
        return block, depth, elifs + 1
    return block, depth + BLOCK_LEVELS, 0


def _nodes(value: object) -> list[ast.AST]:
    """Return the nodes in a field of a node."""
    if value.__class__ is list:
        return [item for item in value if isinstance(item, ast.AST)]  # type: ignore[attr-defined]
    return [value] if isinstance(value, ast.AST) else []


def _is_short(node: ast.AST, room: int) -> bool:
    """Is the node too short to hold ``room`` levels? Each takes at least one character."""
    try:
        return node.lineno == node.end_lineno and node.end_col_offset - node.col_offset < room  # type: ignore[attr-defined]
    except AttributeError:  # parameters, `with` items, comprehensions
        return False


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 1)


def _bracketed(text: str) -> int | None:
    """Return the line where brackets nest deeper than ``BRACKET_LIMIT``, by characters alone.

    ``ast`` drops redundant parentheses, so they are counted here. Brackets inside strings count too: where that alone
    passes the limit, the second look counts tokens.
    """
    brackets = text.encode("ascii", "replace").translate(None, _NO_BRACKETS)
    if max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) <= BRACKET_LIMIT:
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
                if depth > BRACKET_LIMIT:
                    return token.start[0]
    except (tokenize.TokenError, SyntaxError):
        return 1
    return None


def _joined_by_token(text: str) -> int:
    """Return the number of string literals in the text of one constant."""
    import io
    import tokenize

    kinds = {tokenize.STRING, getattr(tokenize, "FSTRING_START", tokenize.STRING)}
    try:
        return sum(token.type in kinds for token in tokenize.generate_tokens(io.StringIO(f"({text})").readline))
    except (tokenize.TokenError, SyntaxError):
        return JOINED_LIMIT + 1
