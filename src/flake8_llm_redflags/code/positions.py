"""Where a node stands in the text, computed only for the nodes that are reported.

Each libcst statement is paired with its twin in the ``ast`` that flake8 hands over; code is then generated only for
the one statement around the node, starting at the twin's place. Equal to libcst's ``PositionProvider``, which
generates the whole module and costs twice the parse.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import libcst as cst
from libcst._nodes.internal import CodegenState

from ..finding import Span
from .tree import STATEMENTS, Node, Tree

#: Never ``str.splitlines``: it also splits at form feeds and at Unicode's line separators.
_LINE_END = re.compile(r"\r\n|\r|\n")
#: Statements whose own expressions all stand before their first block.
_HEADED = (cst.FunctionDef, cst.ClassDef, cst.If, cst.For, cst.While, cst.With)


class _Found(Exception):
    """What was wanted is behind us: the rest need not be generated."""


class _Recorder(CodegenState):
    """Generates the code of a statement into nowhere, counting lines and columns, until the wanted node has ended.

    ``None`` wants every node of the statement, or of its head where blocks follow it.
    """

    def __init__(self, module: cst.Module, statement: Node, wanted: Node | None) -> None:
        super().__init__(module.default_indent, module.default_newline)
        self.statement, self.wanted = statement, wanted
        self.spans: dict[int, Span] = {}
        self.line, self.column = 1, 0
        self.keyword_line: int | None = None  #: where the statement itself began, after its comments and decorators
        self._starts: list[tuple[int, int]] = []
        self._block = getattr(statement, "body", None) if wanted is None and isinstance(statement, _HEADED) else None

    def add_indent_tokens(self) -> None:
        self.column += sum(map(len, self.indent_tokens))

    def add_token(self, value: str) -> None:
        if "\n" in value or "\r" in value:
            ends = list(_LINE_END.finditer(value))
            self.line += len(ends)
            self.column = len(value) - ends[-1].end()
        else:
            self.column += len(value)

    def before_codegen(self, node: Node) -> None:
        if self.wanted is None:
            self._starts.append((self.line, self.column))
            if node is self._block:
                raise _Found
        elif node is self.wanted:
            self._starts.append((self.line, self.column))

    def after_codegen(self, node: Node) -> None:
        if self.wanted is None or node is self.wanted:
            start = self._starts.pop()
            if id(node) not in self.spans:  # Arg, Element and Param record nothing by themselves
                self._finish(node, start)

    def record_syntactic_position(
        self, node: Node, *, start_node: Node | None = None, end_node: Node | None = None
    ) -> AbstractContextManager[None]:
        if node is self.statement and self.keyword_line is None:
            self.keyword_line = self.line
        if self.wanted is None or node is self.wanted:
            return self._record(node)
        return nullcontext()

    @contextmanager
    def _record(self, node: Node) -> Iterator[None]:
        start = (self.line, self.column)
        yield
        self._finish(node, start)

    def _finish(self, node: Node, start: tuple[int, int]) -> None:
        self.spans[id(node)] = Span(*start, self.line, self.column)
        if node is self.wanted:
            raise _Found


class Positions:
    """Spans of nodes, and offsets of places in the text."""

    def __init__(self, text: str, root: ast.Module, tree: Tree) -> None:
        self._text, self._root, self._tree = text, root, tree
        self._starts = [0, *(match.end() for match in _LINE_END.finditer(text))]
        self._twins = _pair(tree.module, root)
        self._is_ascii = text.isascii()
        self._spans: dict[int, Span] = {}
        self._visited: set[int] = set()  #: statements that have been asked about once

    def span(self, node: Node) -> Span:
        """Return where the node stands, without its own parentheses and without its trailing comma."""
        if isinstance(node, cst.SimpleStatementLine):
            first, last = self.span(node.body[0]), self.span(node.body[-1])
            return Span(first.line, first.column, last.end_line, last.end_column)
        if node.__class__ in STATEMENTS:
            return self._twin_span(node)
        key = id(node)
        if key not in self._spans:
            try:
                self._locate(node)
            except RecursionError:  # deep operator chains: the statement's own place is near enough
                self._spans[key] = self._twin_span(self._tree.statement(node))
        return self._spans[key]

    def offset(self, line: int, column: int) -> int:
        """Return the character offset of a line (from 1) and a column (from 0)."""
        return self._starts[line - 1] + column

    def offsets(self, node: Node) -> tuple[int, int]:
        """Return the character offsets of the node's start and end."""
        span = self.span(node)
        return self.offset(span.line, span.column), self.offset(span.end_line, span.end_column)

    def line_text(self, line: int) -> str:
        """Return the text of a line (from 1), its line end included."""
        end = self._starts[line] if line < len(self._starts) else len(self._text)
        return self._text[self._starts[line - 1] : end]

    def _twin_span(self, statement: Node) -> Span:
        twin = self._twins[id(statement)]
        end_line = twin.end_lineno or twin.lineno
        return Span(
            twin.lineno,
            self._characters(twin.lineno, twin.col_offset),
            end_line,
            self._characters(end_line, twin.end_col_offset or 0),
        )

    def _characters(self, line: int, offset: int) -> int:
        """Return the column in characters of a column in UTF-8 bytes, as ``ast`` counts them."""
        if self._is_ascii:
            return offset
        text = self.line_text(line)
        return offset if text.isascii() else len(text.encode()[:offset].decode())

    def _locate(self, node: Node) -> None:
        """Find the span of a node; at the second question about a statement, those of all its nodes."""
        statement = self._tree.statement(node)
        twin: ast.AST = self._twins[id(statement)]
        for number, decorator in enumerate(getattr(statement, "decorators", ())):
            if self._tree.contains(decorator, node):  # it starts at its own twin, not at `def`
                statement, twin = decorator.decorator, twin.decorator_list[number]  # type: ignore[attr-defined]
                break
        if id(statement) in self._visited:
            self._spans.update(self._generate(statement, twin, None))
        self._visited.add(id(statement))
        if id(node) not in self._spans:
            self._spans.update(self._generate(statement, twin, node))

    def _generate(self, statement: Node, twin: ast.AST, wanted: Node | None) -> dict[int, Span]:
        """Return the spans of the wanted node (None: all) by node id, from the code of its statement."""
        tree, module = self._tree, self._tree.module
        compound = isinstance(statement, cst.BaseCompoundStatement)
        recorder = _Recorder(module, statement, wanted)
        recorder.indent_tokens.extend(
            reversed(
                [
                    module.default_indent if above.indent is None else above.indent
                    for above in tree.ancestors(statement)
                    if isinstance(above, cst.IndentedBlock)
                ]
            )
        )
        line: int = twin.lineno  # type: ignore[attr-defined]
        if not compound:  # a compound statement starts with comments and decorators: shifted below by its keyword
            recorder.line, recorder.column = line, self._characters(line, twin.col_offset)  # type: ignore[attr-defined]
        try:
            if isinstance(statement, cst.If) and isinstance(tree.parent(statement), cst.If):
                statement._codegen(recorder, is_elif=True)
            else:
                statement._codegen(recorder)
        except _Found:
            pass
        assert wanted is None or recorder.spans, f"{wanted.__class__.__name__} is not part of its statement"
        shift = line - (recorder.keyword_line or 1) if compound else 0
        if not shift:
            return recorder.spans
        return {
            key: Span(span.line + shift, span.column, span.end_line + shift, span.end_column)
            for key, span in recorder.spans.items()
        }


def _pair(module: cst.Module, root: ast.Module) -> dict[int, ast.stmt]:
    """Return the ``ast`` twin of each libcst statement by its id, walking both block trees in step."""
    pairs: dict[int, ast.stmt] = {}
    stack: list[tuple[Sequence[Node], list[ast.stmt]]] = [(module.body, root.body)]
    while stack:
        ours, theirs = stack.pop()
        flat = [part for line in ours for part in (line.body if line.__class__ is cst.SimpleStatementLine else (line,))]  # type: ignore[attr-defined]
        if len(flat) != len(theirs):
            near = theirs[0].lineno if theirs else 1
            raise ValueError(f"libcst and ast disagree about the statements near line {near}")
        for statement, twin in zip(flat, theirs, strict=True):
            pairs[id(statement)] = twin
            if isinstance(statement, cst.BaseCompoundStatement):
                stack.extend(_blocks(statement, twin))
    return pairs


def _blocks(statement: Node, twin: ast.stmt) -> Iterator[tuple[Sequence[Node], list[ast.stmt]]]:
    """Yield the blocks of a compound statement beside those of its twin."""
    if isinstance(statement, cst.Match):
        for case, other in zip(statement.cases, twin.cases, strict=True):  # type: ignore[attr-defined]
            yield case.body.body, other.body
        return
    yield statement.body.body, twin.body  # type: ignore[attr-defined]
    if isinstance(statement, (cst.Try, cst.TryStar)):
        for handler, other in zip(statement.handlers, twin.handlers, strict=True):  # type: ignore[attr-defined]
            yield handler.body.body, other.body
        if statement.finalbody is not None:
            yield statement.finalbody.body.body, twin.finalbody  # type: ignore[attr-defined]
    orelse = getattr(statement, "orelse", None)
    if isinstance(orelse, cst.If):
        yield (orelse,), twin.orelse  # type: ignore[attr-defined]
    elif orelse is not None:
        yield orelse.body.body, twin.orelse  # type: ignore[attr-defined]
