"""Texts that a program puts together, as one list of parts.

f-strings, ``%``, ``format``, ``format_map``, ``string.Template``, ``replace``, ``join`` of a list in view (of a comprehension one
piece, of a name's list what is appended, too), ``+``, adjoining literals.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from .arguments import argument
from .constants import as_text
from .names import last_name
from .tree import Node

if TYPE_CHECKING:
    from .names import Binding
    from .program import Code

#: How many names are followed to the text that they hold, and how many pieces of a list are put together.
_DEPTH = 4
_PIECES = 50

_PERCENT = re.compile(r"%(?:\((?P<key>[^)]*)\))?[-#0 +]*(?:\*|\d+)?(?:\.(?:\*|\d+))?(?P<kind>[diouxXeEfFgGcrsa%])")
_BRACES = re.compile(r"\{\{|\}\}|\{(?P<key>[^{}!:]*)(?:![rsa])?(?P<spec>:[^{}]*)?\}")
_DOLLARS = re.compile(r"\$(?:\$|(?P<name>[_a-zA-Z]\w*)|\{(?P<braced>[_a-zA-Z]\w*)\})")
_NUMBERS = frozenset("diouxXeEfFgGc")
#: Functions and methods that give the same text, less some white space.
_TRIMMING_FUNCTIONS = frozenset({"dedent", "cleandoc"})
_TRIMMING_METHODS = frozenset({"strip", "lstrip", "rstrip"})
_TEXT_METHODS = _TRIMMING_METHODS | {"format", "format_map", "replace"}


@dataclass(frozen=True, slots=True)
class Hole:
    """A place in a text where a value goes. ``is_number``: its format admits numbers only."""

    node: Node
    is_number: bool = False


#: A text is what stands in the program and what is put in, in order.
Part = str | Hole


class Strings:
    """Takes texts apart into what the program says and what it puts in."""

    def __init__(self, code: Code) -> None:
        self._code, self._tree = code, code.tree
        self._texts: dict[tuple[int, int], list[Part] | None] = {}  # what names hold: each may be met on many ways
        self._holding: dict[int, bool] = {}  # whether names hold nothing but texts in view

    def assembled(self) -> Iterator[tuple[Node, list[Part]]]:
        """Yield every expression that puts values into a text, the outermost of nested ones, with its parts."""
        calls = self._code.calls("format", "format_map", "replace", "join", "substitute", "safe_substitute")
        for node in (*self._code.all(cst.FormattedString, cst.ConcatenatedString, cst.BinaryOperation), *calls):
            if self._builds(node) and not self._is_part(node):
                parts = self.parts(node)
                if parts is not None and any(isinstance(part, Hole) for part in parts):
                    yield node, parts

    def parts(self, node: Node, depth: int = _DEPTH) -> list[Part] | None:
        """Return the parts of the text that an expression gives, None where it is none.

        Names that hold a text are followed. ``x += …`` continues what ``x`` held before.
        """
        if isinstance(node, cst.SimpleString):
            text = as_text(node)
            return [text] if text is not None else None
        if isinstance(node, cst.FormattedString):
            return self._formatted(node, depth)
        if isinstance(node, cst.ConcatenatedString):
            return self._sum(node.left, node.right, depth)
        if isinstance(node, cst.BinaryOperation):
            if isinstance(node.operator, cst.Add):
                return self._sum(node.left, node.right, depth)
            if isinstance(node.operator, cst.Modulo):
                return self._percent(node, depth)
        if isinstance(node, cst.Call):
            return self._called(node, depth)
        if isinstance(node, cst.IfExp):
            return _richest([self.parts(node.body, depth), self.parts(node.orelse, depth)])
        if isinstance(node, cst.Name) and depth:
            return self._held(node, depth - 1)
        if isinstance(node, (cst.Attribute, cst.Subscript)) and depth:
            return self._kept(node)
        return None

    def before(self, node: Node) -> list[Part]:
        """Return the text that stands in front of ``node`` where it is added to a name: ``query += node``."""
        statement = self._tree.parent(node)
        if isinstance(statement, cst.AugAssign) and isinstance(statement.target, cst.Name):
            return self._held(statement.target, _DEPTH) or []
        return []

    def _called(self, call: cst.Call, depth: int) -> list[Part] | None:
        name = last_name(call.func)
        if name in _TRIMMING_FUNCTIONS and len(call.args) == 1:
            return self.parts(call.args[0].value, depth)
        if not isinstance(call.func, cst.Attribute):
            return None
        if name in ("format", "format_map"):
            return self._format(call, call.func.value, depth)
        if name == "replace":
            return self._replace(call, call.func.value, depth)
        if name == "join":
            return self._joined(call, call.func.value, depth)
        if name in ("substitute", "safe_substitute"):
            return self._substituted(call, call.func.value, depth)
        return self.parts(call.func.value, depth) if name in _TRIMMING_METHODS else None

    def _held(self, name: cst.Name, depth: int) -> list[Part] | None:
        """Return the text that a name holds, by that of its definitions that puts most into it, with what was added since."""
        definitions = self._code.values.definitions(name)
        key = id(definitions), depth  # all uses of a global have the same ones
        if key not in self._texts:
            self._texts[key] = self._defined(definitions, depth)
        return self._texts[key]

    def _defined(self, definitions: Sequence[Binding], depth: int) -> list[Part] | None:
        found: list[Part] | None = None
        for binding in sorted(definitions, key=lambda b: b.at):
            if binding.value is None or binding.path or binding.kind not in ("assign", "augment"):
                continue
            if binding.kind == "augment" and found is None and depth:
                target = getattr(binding.node, "target", None)
                found = self._held(target, depth - 1) if isinstance(target, cst.Name) else None
            parts = self.parts(binding.value, depth)
            if parts is not None:
                is_more = binding.kind == "augment" and found is not None
                found = [*(found or ()), *parts] if is_more else _richest([found, parts])
        return found

    def _kept(self, node: Node) -> list[Part] | None:
        """Return the constant text that an attribute or a table's entry holds, where it is always the same."""
        origins = self._code.values.origins(node)
        text = as_text(origins[0].node) if len(origins) == 1 and origins[0].kind == "literal" else None
        return [text] if text is not None else None

    def _template(self, node: Node, depth: int) -> list[Part] | None:
        """Return the parts of a text that is to be filled; of a parameter that which it has where nobody gives another."""
        parts = self.parts(node, depth)
        if parts is None and isinstance(node, cst.Name):
            defaults = [getattr(binding.node, "default", None) for binding in self._code.values.definitions(node)]
            return self.parts(defaults[0], 0) if len(defaults) == 1 and defaults[0] is not None else None
        return parts

    def _formatted(self, node: cst.FormattedString, depth: int) -> list[Part]:
        parts: list[Part] = []
        for part in node.parts:
            if isinstance(part, cst.FormattedStringText):
                parts.append(part.value.replace("{{", "{").replace("}}", "}"))
            elif isinstance(part, cst.FormattedStringExpression):
                parts += self._filled(part.expression, depth, is_number=_is_number_format(part))
        return parts

    def _sum(self, left: Node, right: Node, depth: int) -> list[Part] | None:
        one, other = self.parts(left, depth), self.parts(right, depth)
        if one is None and other is None:
            return None
        if other is None or self._hides_values(right, other):
            other = [Hole(right)]
        return [*(one if one is not None else [Hole(left)]), *other]

    def _percent(self, node: cst.BinaryOperation, depth: int) -> list[Part] | None:
        template = self._template(node.left, depth)
        if template is None:
            return None
        values = [e.value for e in node.right.elements] if isinstance(node.right, cst.Tuple) else [node.right]
        by_key = _entries(node.right)
        number = 0

        def filled(match: re.Match[str]) -> list[Part]:
            nonlocal number
            if match["kind"] == "%":
                return ["%"]
            in_turn = values[min(number, len(values) - 1)] if values else node.right
            value = in_turn if match["key"] is None else by_key.get(match["key"], node.right)
            number += 1
            return self._filled(value, depth, is_number=match["kind"] in _NUMBERS)

        return _fill(template, _PERCENT, filled)

    def _format(self, call: cst.Call, template: Node, depth: int) -> list[Part] | None:
        """Return the parts of ``"…{}…".format(value)`` and ``"…{name}…".format_map({"name": value})``."""
        texts = self._template(template, depth)
        if texts is None:
            return None
        positional = [arg.value for arg in call.args if arg.keyword is None and not arg.star]
        hidden = {arg.star: arg.value for arg in call.args if arg.star}
        by_key = {arg.keyword.value: arg.value for arg in call.args if arg.keyword is not None}
        if last_name(call.func) == "format_map":
            by_key, positional = _entries(positional[0]) if positional else {}, []
        number = 0

        def filled(match: re.Match[str]) -> list[Part]:
            nonlocal number
            if match["key"] is None:
                return [match.group()[0]]
            root = re.split(r"[.\[]", match["key"], maxsplit=1)[0]
            position = number if not root else int(root) if root.isdigit() else None
            number += not root
            value = by_key.get(root) if position is None else None
            if position is not None and position < len(positional):
                value = positional[position]
            is_number = (match["spec"] or "")[-1:] in _NUMBERS and bool(match["spec"])
            if value is None:  # it comes in by ``*`` or ``**``
                return [Hole(hidden.get("**" if position is None else "*", call), is_number)]
            return self._filled(value, depth, is_number=is_number)

        return _fill(texts, _BRACES, filled)

    def _substituted(self, call: cst.Call, template: Node, depth: int) -> list[Part] | None:
        """Return the parts of ``string.Template("… $name").substitute(name=value)``."""
        made = [o.node for o in self._code.values.origins(template) if o.name == "string.Template"]
        text = argument(made[0], 0) if len(made) == 1 and isinstance(made[0], cst.Call) else None
        texts = self.parts(text, depth) if text is not None else None
        if texts is None:
            return None
        given = argument(call, 0)
        by_key = {**(_entries(given) if given is not None else {}), **_entries(call)}

        def filled(match: re.Match[str]) -> list[Part]:
            name = match["name"] or match["braced"]
            return ["$"] if name is None else self._filled(by_key.get(name, call), depth, is_number=False)

        return _fill(texts, _DOLLARS, filled)

    def _joined(self, call: cst.Call, separator: Node, depth: int) -> list[Part] | None:
        """Return the parts of ``" ".join([…])`` where separator and list are in view and a piece is a text."""
        between, pieces = as_text(separator), argument(call, 0)
        if between is None or pieces is None:
            return None
        values = self._pieces(pieces, depth)
        texts = [self.parts(value, depth) for value in values]
        if not any(texts):
            return None
        parts: list[Part] = []
        for value, text in zip(values, texts, strict=True):
            parts += [*([between] if parts else []), *(text if text is not None else [Hole(value)])]
        return parts

    def _pieces(self, node: Node, depth: int) -> list[Node]:
        """Return what a list holds, of a comprehension one piece; nothing where the file does not show it."""
        if isinstance(node, (cst.ListComp, cst.GeneratorExp)):
            return [node.elt]
        if isinstance(node, (cst.List, cst.Tuple)):
            inner = [(e.value, self._pieces(e.value, depth)) for e in node.elements[:_PIECES]]
            return [value for whole, pieces in inner for value in (pieces or [whole])]
        if not isinstance(node, cst.Name) or not depth:
            return []
        pieces: list[Node] = []
        for binding in sorted(self._code.values.definitions(node), key=lambda b: b.at):
            if not isinstance(binding.value, (cst.List, cst.ListComp)) or binding.path:
                return []
            pieces += self._pieces(binding.value, 0)
            if binding.kind == "assign":
                added = self._code.values.added_to(binding)[:_PIECES]
                pieces += [piece for value in added for piece in (self._pieces(value, 0) or [value])]
        return list({id(piece): piece for piece in pieces}.values())[:_PIECES]

    def _replace(self, call: cst.Call, template: Node, depth: int) -> list[Part] | None:
        """Return the parts of ``"… id = [ID]".replace("[ID]", value)``; a replaced text is a hole where it stood."""
        mark, new = as_text(argument(call, 0)), argument(call, 1)
        texts = self.parts(template, depth)
        if texts is None or not mark or new is None:
            return texts
        parts: list[Part] = []
        for part in texts:
            pieces = part.split(mark) if isinstance(part, str) else [part]
            for number, piece in enumerate(pieces):
                parts += [*(self._filled(new, depth, is_number=False) if number else ()), piece]
        return parts

    def _filled(self, value: Node, depth: int, *, is_number: bool) -> list[Part]:
        """Return what goes into a hole: the parts of a text in view, else the hole."""
        parts = None if is_number else self.parts(value, depth)
        return parts if parts is not None and not self._hides_values(value, parts) else [Hole(value, is_number)]

    def _hides_values(self, node: Node, parts: list[Part]) -> bool:
        """Is the text in view, into which nothing goes, only what stands there where no value comes in: ``name = ""``?"""
        return not any(isinstance(part, Hole) for part in parts) and not self._is_text(node)

    def _is_text(self, node: Node) -> bool:
        """Is each of the values that an expression may have a text in view, or none at all? Asked of its form alone."""
        if isinstance(node, (cst.SimpleString, cst.FormattedString, cst.ConcatenatedString)):
            return True
        if isinstance(node, cst.IfExp):
            return self._is_text(node.body) and self._is_text(node.orelse)
        if isinstance(node, cst.BinaryOperation):
            return self._is_text(node.left) or self._is_text(node.right)
        if isinstance(node, cst.Name):
            return node.value == "None" or self._holds_text(node)
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
            return last_name(node.func) in _TEXT_METHODS and self._is_text(node.func.value)
        return isinstance(node, (cst.Attribute, cst.Subscript, cst.Call)) and self.parts(node, 1) is not None

    def _holds_text(self, name: cst.Name) -> bool:
        definitions = self._code.values.definitions(name)
        key = id(definitions)
        if key not in self._holding:
            self._holding[key] = True  # where a name is made of itself
            self._holding[key] = all(
                binding.kind in ("assign", "augment")
                and not binding.path
                and (binding.value is None or self._is_text(binding.value))
                for binding in definitions
            )
        return self._holding[key]

    def _builds(self, node: Node) -> bool:
        if isinstance(node, cst.BinaryOperation):
            return isinstance(node.operator, (cst.Add, cst.Modulo))
        return not isinstance(node, cst.FormattedString) or any(
            isinstance(part, cst.FormattedStringExpression) for part in node.parts
        )

    def _is_part(self, node: Node) -> bool:
        """Does the expression go into a larger text?"""
        parent = self._tree.parent(node)
        if isinstance(parent, cst.BinaryOperation):
            return isinstance(parent.operator, (cst.Add, cst.Modulo)) and self.parts(parent, 0) is not None
        if isinstance(parent, cst.Attribute) and parent.attr.value in ("format", "format_map", "replace"):
            return True
        if isinstance(parent, cst.Element):
            return self._is_joined(parent)
        return isinstance(parent, (cst.ConcatenatedString, cst.FormattedStringExpression))

    def _is_joined(self, element: cst.Element) -> bool:
        """Does an element stand in a list that is joined to one text right there?"""
        argument_ = self._tree.parent(self._tree.parent(element) or element)
        call = self._tree.parent(argument_) if isinstance(argument_, cst.Arg) else None
        return isinstance(call, cst.Call) and last_name(call.func) == "join" and self.parts(call, 0) is not None


def _richest(texts: Sequence[list[Part] | None]) -> list[Part] | None:
    """Return the text into which most values go, the first of equal ones; one with words before an empty one."""
    found = [text for text in texts if text is not None]
    return max(found, key=lambda text: (sum(isinstance(p, Hole) for p in text), any(text)), default=None)


def _fill(template: list[Part], mark: re.Pattern[str], filled: Callable[[re.Match[str]], list[Part]]) -> list[Part]:
    """Return a text with what ``filled`` gives in the place of each mark."""
    parts: list[Part] = []
    for piece in template:
        if not isinstance(piece, str):
            parts.append(piece)
            continue
        place = 0
        for match in mark.finditer(piece):
            parts += [piece[place : match.start()], *filled(match)]
            place = match.end()
        parts.append(piece[place:])
    return parts


def _entries(node: Node) -> dict[str, Node]:
    """Return the values of a dict in view by their constant keys."""
    if isinstance(node, cst.Dict):
        pairs = [e for e in node.elements if isinstance(e, cst.DictElement)]
        return {str(getattr(e.key, "evaluated_value", "")): e.value for e in pairs}
    if isinstance(node, cst.Call) and last_name(node.func) in ("dict", "substitute", "safe_substitute"):
        return {arg.keyword.value: arg.value for arg in node.args if arg.keyword is not None}
    return {}


def _is_number_format(part: cst.FormattedStringExpression) -> bool:
    spec = part.format_spec or ()
    last = spec[-1] if spec else None
    return isinstance(last, cst.FormattedStringText) and last.value[-1:] in _NUMBERS
