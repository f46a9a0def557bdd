"""Building edits: replace, drop or add pieces of the text at nodes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import libcst as cst

from ..finding import Edit, Replacement
from .formulas import arithmetic_operation
from .names import Binding
from .tensors import group
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

_GAP = re.compile(r"\s*,?\s*")


class EditBuilder:
    """Collects the replacements of one edit, each confined to the nodes it names."""

    def __init__(self, code: Code, title: str, *, safe: bool) -> None:
        self._code, self._title, self._safe = code, title, safe
        self._replacements: list[Replacement] = []
        self._imports: list[str] = []

    def replace(self, node: Node, text: str) -> EditBuilder:
        """Put ``text`` in place of the node (its own parentheses stay)."""
        start, end = self._code.positions.offsets(node)
        self._replacements.append(Replacement(start, end, text))
        return self

    def replace_whole(self, node: cst.BaseExpression, text: str) -> EditBuilder:
        """Put ``text`` in place of the node and of the parentheses around it, for a text that needs none."""
        start, end = self._code.positions.offsets(node)
        source = self._code.text
        touches_word = _is_word(source[start - 2 : start - 1]) or _is_word(source[end + 1 : end + 2])  # `return(x)`
        if (
            len(node.lpar) == 1
            and source[start - 1 : start] == "("
            and source[end : end + 1] == ")"
            and not touches_word
        ):
            start, end = start - 1, end + 1
        self._replacements.append(Replacement(start, end, text))
        return self

    def remove_argument(self, call: cst.Call, argument: cst.Arg) -> EditBuilder:
        """Take an argument out of a call, with the comma and the space that joined it to its neighbour."""
        arguments = list(call.args)
        number = next(i for i, other in enumerate(arguments) if other is argument)
        start, end = self._argument_offsets(argument)
        if number + 1 < len(arguments):
            end = self._argument_offsets(arguments[number + 1])[0]
        elif number > 0:
            start = self._argument_offsets(arguments[number - 1])[1]
        else:
            gap = _GAP.match(self._code.text, end)
            end = gap.end() if gap is not None and "," in gap.group() else end
        self._replacements.append(Replacement(start, end, ""))
        return self

    def replace_argument(self, argument: cst.Arg, text: str) -> EditBuilder:
        """Put ``text`` (``name=value``) in place of an argument, its keyword included."""
        self._replacements.append(Replacement(*self._argument_offsets(argument), text))
        return self

    def append_argument(self, call: cst.Call, text: str) -> EditBuilder:
        """Add ``text`` (``name=value``) as the last argument of a call."""
        if call.args:
            place = self._argument_offsets(call.args[-1])[1]
            self._replacements.append(Replacement(place, place, f", {text}"))
        else:
            place = self._code.positions.offsets(call)[1] - 1
            self._replacements.append(Replacement(place, place, text))
        return self

    def insert_before(self, statement: Node, text: str) -> EditBuilder:
        """Put a line before a statement, at its indentation. ``text`` has no line end of its own."""
        positions = self._code.positions
        span = positions.span(statement)
        place = positions.offset(span.line, 0)
        indent = positions.line_text(span.line)[: span.column]
        self._replacements.append(Replacement(place, place, f"{indent}{text}{self._newline()}"))
        return self

    def remove_statement(self, line: cst.SimpleStatementLine | cst.If) -> EditBuilder:
        """Take a statement out, with the comment at its end; ``pass`` takes its place where its block holds nothing else."""
        block = self._code.tree.parent(line)
        if len(getattr(block, "body", ())) == 1:
            return self.replace(line.body[0] if isinstance(line, cst.SimpleStatementLine) else line, "pass")
        positions = self._code.positions
        span = positions.span(line)
        start, end = span.line, span.end_line
        place, after = positions.offset(start, 0), positions.offset(end, 0) + len(positions.line_text(end))
        self._replacements.append(Replacement(place, after, ""))
        return self

    def remove_unused(self, gone: Sequence[Node], kept: Sequence[str]) -> EditBuilder:
        """Take out the assignments in plain arithmetic whose names only what the edit replaces (``gone``) reads.

        ``kept`` are the names that the new text reads.
        """
        code, removed = self._code, list(gone)
        for node in removed:  # grows: what only a removed assignment reads goes too
            for name in code.tree.within(node, cst.Name):
                for binding in code.values.definitions(name) if name.value not in kept else ():
                    if all(binding.node is not other for other in removed) and self._is_only_for(removed, binding):
                        removed.append(binding.node)
        for statement in removed[len(gone) :]:
            line = code.tree.parent(statement)
            assert isinstance(line, cst.SimpleStatementLine)
            self.remove_statement(line)
        return self

    def _is_only_for(self, removed: Sequence[Node], binding: Binding) -> bool:
        """Is this a line ``name = arithmetic`` whose name is read in ``removed`` only?"""
        code, statement = self._code, binding.node
        line = code.tree.parent(statement)
        if not isinstance(statement, cst.Assign) or not isinstance(line, cst.SimpleStatementLine) or len(line.body) > 1:
            return False
        if len(statement.targets) > 1 or not isinstance(code.context.function(statement), cst.FunctionDef):
            return False
        operations = (arithmetic_operation(code, call) for call in code.tree.within(statement.value, cst.Call))
        if not all(operation is not None and operation.name in group("arithmetic") for operation in operations):
            return False
        names = {target.value for target in code.tree.within(statement.targets[0], cst.Name)}
        return bool(names) and all(
            self._is_target(name) or any(code.tree.contains(node, name) for node in removed)
            for name in code.tree.within(code.names.scope(statement), cst.Name)
            if name.value in names and any(b.node is statement for b in code.values.definitions(name))
        )

    def _is_target(self, name: cst.Name) -> bool:
        """Is the name given a value here, rather than read?"""
        above = self._code.tree.parent(name)
        while isinstance(above, (cst.Element, cst.Tuple)):
            above = self._code.tree.parent(above)
        return isinstance(above, cst.AssignTarget)

    def remove_statements(self, lines: Iterable[cst.SimpleStatementLine | cst.If]) -> EditBuilder:
        """Take lines out that do not empty their block, and of blank lines around them so many that one gap remains."""
        positions = self._code.positions
        runs: list[tuple[int, int]] = []
        for line in sorted(lines, key=self._code.tree.start):
            span = positions.span(line)
            if runs and not any(map(self._holds_text, range(runs[-1][1] + 1, span.line))):
                runs[-1] = (runs[-1][0], span.end_line)
            else:
                runs.append((span.line, span.end_line))
        for start, end in runs:
            before = positions.line_text(start - 1).strip() if start > 1 else ""
            while (not before or before.endswith(":")) and not self._holds_text(end + 1):
                end += 1
            after = positions.offset(end, 0) + len(positions.line_text(end))
            self._replacements.append(Replacement(positions.offset(start, 0), after, ""))
        return self

    def _holds_text(self, line: int) -> bool:
        return bool(self._code.positions.line_text(line).strip())

    def wrap_in_try(self, line: cst.SimpleStatementLine, error: str, handler: Sequence[str]) -> bool:
        """Put a statement into ``try`` with one handler; False where a text over several lines forbids indenting it."""
        code = self._code
        for text in code.tree.within(line, cst.SimpleString, cst.FormattedString):
            if "\n" in code.text_of(text):
                return False
        positions = code.positions
        span = positions.span(line)
        indent = positions.line_text(span.line)[: span.column]
        if indent.strip():  # `if x: y = f()`
            return False
        step, newline = code.tree.module.default_indent, self._newline()
        start, end = positions.offset(span.line, 0), positions.offset(span.end_line, span.end_column)
        rest = positions.line_text(span.end_line)[span.end_column :]
        end += len(rest.rstrip("\r\n"))  # its trailing comment goes along
        body = "".join(step + old if old.strip() else old for old in code.text[start:end].splitlines(keepends=True))
        lines = [f"{indent}try:", body, f"{indent}except {error}:", *(f"{indent}{step}{new}" for new in handler)]
        self._replacements.append(Replacement(start, end, newline.join(lines)))
        return True

    def importing(self, *modules: str) -> EditBuilder:
        """Say what the new text needs imported: ``"os"``, ``"torch.nn.functional as F"``."""
        self._imports.extend(modules)
        return self

    def done(self) -> Edit:
        """Return the finished edit."""
        return Edit(self._title, tuple(sorted(self._replacements)), self._safe, tuple(self._imports))

    def _newline(self) -> str:
        return self._code.tree.module.default_newline

    def _argument_offsets(self, argument: cst.Arg) -> tuple[int, int]:
        """Return the span of an argument: star, keyword, value and the value's own parentheses, without the comma."""
        start, end = self._code.positions.offsets(argument)
        text = self._code.text[start:end]
        return start, start + len(text.rstrip().rstrip(",").rstrip())


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
