"""Attention masks as the code makes them: which pairs they keep, in what form, and how large they are."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import libcst as cst

from .arguments import keyword
from .constants import as_integer, as_number, as_text, is_false, is_new_axis, is_none, is_true
from .names import last_name
from .tensors import Operation, Place, group
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

_STEPS = 24
_WAYS = 3
#: A score below this is as good as minus infinity.
_FAR_BELOW = -1e3

#: Sizes of rows and columns.
Sides = tuple[Node, Node]


@dataclass(frozen=True, slots=True)
class Mask:
    """A matrix of queries × keys made of ones and zeros, or of zeros and minus infinities."""

    #: ``keep``: one or True where a key may be seen; ``block``: where it may not. An ``added`` mask blocks.
    marks: Literal["keep", "block"]
    #: ``bool``; ``number``: ones and zeros; ``added``: zeros and minus infinities, to be added to scores.
    form: Literal["bool", "number", "added"]
    #: ``causal``: position i sees 0 … i; ``reversed``: it sees i …; ``other``: nothing is known.
    shape: Literal["causal", "reversed", "other"]
    sides: Sides | None = None

    @property
    def is_causal(self) -> bool:
        """Does each position see itself and those before it, both counted from the first row and column?"""
        return self.shape == "causal"


@dataclass(frozen=True, slots=True)
class _Constant:
    """A matrix of one value: ``torch.ones(T, T)``."""

    value: Literal["one", "zero", "below"]
    is_bool: bool
    sides: Sides | None


def is_length_of(code: Code, side: Node, operand: Node) -> bool:
    """Is the size of a mask surely the number of positions of this operand: ``q.size(-2)``, ``q.shape[-2]``?"""
    if not isinstance(operand, cst.Name):
        return False
    node = code.tensors.followed(Place(side)).node
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value == "size":
        owner, axis = node.func.value, node.args[0].value if len(node.args) == 1 else None
    elif isinstance(node, cst.Subscript) and isinstance(node.value, cst.Attribute) and node.value.attr.value == "shape":
        part = node.slice[0].slice
        owner, axis = node.value.value, part.value if isinstance(part, cst.Index) else None
    else:
        return False
    if as_integer(axis) != -2 or not isinstance(owner, cst.Name) or owner.value != operand.value:
        return False
    return list(code.values.definitions(owner)) == list(code.values.definitions(operand))


class Masks:
    """Reads masks backwards through the file."""

    def __init__(self, code: Code) -> None:
        self._code, self._tensors = code, code.tensors
        self._known: dict[tuple[int, int], Mask | _Constant | None] = {}

    def read(self, node: Node) -> Mask | None:
        """Return what an expression is as a mask; None where the file does not show it."""
        found = self._read(Place(node), _STEPS)
        return found if isinstance(found, Mask) else None

    def is_far_below(self, node: Node) -> bool:
        """Is a value as good as minus infinity for a softmax: ``float("-inf")``, ``-1e9``, ``torch.finfo(…).min``?"""
        return self._level(node) == "below"

    def is_zero(self, node: Node) -> bool:
        """Is a value the number zero?"""
        return self._level(node) == "zero"

    # ---- matrices

    def _read(self, place: Place, left: int) -> Mask | _Constant | None:
        if place.key not in self._known:
            self._known[place.key] = None  # what a cycle sees
            self._known[place.key] = self._made(place, left) if left else None
        return self._known[place.key]

    def _made(self, place: Place, left: int) -> Mask | _Constant | None:
        node = place.node
        if isinstance(node, cst.Comparison):
            return self._compared(node, place, left - 1)
        if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, (cst.BitInvert, cst.Minus)):
            inner = self._read(Place(node.expression, place.frame), left - 1)
            return _inverted(inner, "bool") if isinstance(node.operator, cst.BitInvert) else None
        if isinstance(node, cst.Subscript):
            return self._cut(node, self._read(Place(node.value, place.frame), left - 1))
        operation = self._tensors.operation(node)
        if operation is not None and (taken := self._computed(operation, place, left - 1)) is not None:
            return taken
        return self._agreed([self._read(source, left - 1) for source in self._sources(place)[:_WAYS]])

    @staticmethod
    def _agreed(found: list[Mask | _Constant | None]) -> Mask | _Constant | None:
        """Return what several ways of making a mask have in common; None where they differ in more than size."""
        first = found[0] if found else None
        alike = all(
            isinstance(first, Mask)
            and isinstance(other, Mask)
            and replace(other, sides=None) == replace(first, sides=None)
            for other in found[1:]
        )
        return first if alike else None

    def _sources(self, place: Place) -> list[Place]:
        sources = self._tensors.sources(place)
        node = place.node
        if (
            sources is None
            and isinstance(node, cst.Attribute)
            and isinstance(node.value, cst.Name)
            and node.value.value == "self"
        ):
            owner = self._code.names.enclosing_class(node)
            if owner is None:
                return []
            bindings = self._code.names.attribute_bindings(owner, node.attr.value)
            values = [b.value if not b.path else None for b in bindings] + self._code.context.buffers(
                owner, node.attr.value
            )
            return [Place(value) if value is not None else place for value in values]
        return sources or []

    def _computed(self, operation: Operation, place: Place, left: int) -> Mask | _Constant | None:
        name, operands = operation.name, operation.operands
        if name == "generate_square_subsequent_mask" and operands:
            side = operands[-1] if len(operands) > 1 and operation.is_method else operands[0]
            return Mask("block", "added", "causal", (side, side))
        if name in ("ones", "zeros", "full"):
            return self._constant(operation)
        if not operands:
            return None

        def inner(number: int = 0) -> Mask | _Constant | None:
            return self._read(Place(operands[number], place.frame), left)

        if name in ("tril", "triu"):
            return self._triangle(operation, inner())
        if name == "logical_not":
            return _inverted(inner(), "bool")
        if name == "bool":
            return _as_bool(inner())
        if name in ("view", "unsqueeze", "expand", "squeeze", "repeat", "reshape"):
            return inner()
        if name in ("transpose", "t", "T", "mT", "swapaxes"):
            return _transposed(inner())
        if name in group("casts"):
            return self._cast(operation, inner())
        if name in ("eq", "ne") and len(operands) == 2:
            return self._equal(inner(), operands[1], is_equal=name == "eq")
        if name in ("sub", "subtract") and len(operands) == 2 and self._level(operands[0]) == "one":
            return _inverted(inner(1), "number")
        if name in ("mul", "multiply") and len(operands) == 2:
            for number in (0, 1):
                if self._level(operands[1 - number]) == "below":
                    return _added(inner(number))
            return None
        if name == "masked_fill" and len(operands) == 3:
            return self._filled(inner(0), inner(1), operands[2])
        if name == "where" and len(operands) == 3:
            return self._chosen(inner(0), operands[1], operands[2])
        return None

    def _constant(self, operation: Operation) -> _Constant | None:
        sizes = list(operation.operands)
        value: Literal["one", "zero", "below"] | None = "zero" if operation.name == "zeros" else "one"
        is_bool = operation.call is not None and self._is_bool(keyword(operation.call, "dtype"))
        if operation.name == "full":
            given = operation.setting(0, "fill_value")
            value = self._level(given) if given is not None else None
            is_bool = is_bool or is_true(given) or is_false(given)
            sizes = sizes[:1]
        if len(sizes) == 1 and isinstance(sizes[0], (cst.Tuple, cst.List)):
            sizes = [element.value for element in sizes[0].elements]
        if value is None:
            return None
        return _Constant(value, is_bool, (sizes[-2], sizes[-1]) if len(sizes) >= 2 else None)

    def _is_bool(self, dtype: Node | None) -> bool:
        return dtype is not None and self._code.qualified_name(dtype) in ("torch.bool", "builtins.bool")

    def _triangle(self, operation: Operation, inner: Mask | _Constant | None) -> Mask | _Constant | None:
        if not isinstance(inner, _Constant) or inner.sides is None:
            return None
        diagonal = operation.setting(0, "diagonal")
        offset = 0 if diagonal is None else as_integer(diagonal)
        form: Literal["bool", "number"] = "bool" if inner.is_bool else "number"
        if operation.name == "tril" and offset == 0 and inner.value == "one":
            return Mask("keep", form, "causal", inner.sides)
        if operation.name == "triu" and offset == 1 and inner.value == "one":
            return Mask("block", form, "causal", inner.sides)
        if operation.name == "triu" and offset == 1 and inner.value == "below":
            return Mask("block", "added", "causal", inner.sides)
        if operation.name == "triu" and offset == 0 and inner.value == "one":
            return Mask("keep", form, "reversed", inner.sides)
        if inner.value == "one":
            return Mask("keep", form, "other", inner.sides)
        return None

    def _cast(self, operation: Operation, inner: Mask | _Constant | None) -> Mask | _Constant | None:
        target = operation.setting(0, "dtype")
        if operation.name in ("to", "type") and self._is_bool(target):
            return _as_bool(inner)
        changes = operation.name in ("float", "half", "bfloat16", "double", "type_as") or (
            target is not None
            and operation.name in ("to", "type")
            and (last_name(target) in ("dtype", "float") or self._is_dtype(target))
        )
        if changes and isinstance(inner, Mask) and inner.form == "bool":
            return replace(inner, form="number")
        if changes and isinstance(inner, _Constant):
            return replace(inner, is_bool=False)
        return inner

    def _is_dtype(self, node: Node) -> bool:
        qualified = self._code.qualified_name(node) or ""
        return qualified.startswith("torch.") and qualified[6:].rstrip("0123456789") in (
            "float",
            "bfloat",
            "int",
            "uint",
        )

    def _cut(self, node: cst.Subscript, inner: Mask | _Constant | None) -> Mask | None:
        """Read ``mask[:T, :S]``, ``mask[0, 0, :T, :T]``: axes in front may come and go, and corners be taken."""
        if not isinstance(inner, Mask):
            return None
        slices = []
        for element in node.slice:
            index = element.slice
            if isinstance(index, cst.Slice):
                if index.lower is not None or index.step is not None:
                    return None
                slices.append(index)
            elif not isinstance(index, cst.Index) or not _is_axis(index.value):
                return None
        if len(slices) < 2 or inner.sides is None:
            return inner if not slices or slices[0].upper is None else None
        rows, columns = slices[-2].upper, slices[-1].upper
        return replace(inner, sides=(rows or inner.sides[0], columns or inner.sides[1]))

    def _filled(self, inner: Mask | _Constant | None, where: Mask | _Constant | None, value: Node) -> Mask | None:
        """Read ``zeros.masked_fill(blocked, -inf)`` and ``ones_and_zeros.masked_fill(blocked, -inf)``."""
        if not isinstance(where, Mask) or where.form != "bool":
            return None
        level = self._level(value)
        if level == "below" and where.marks == "block":
            is_base = isinstance(inner, _Constant) or (
                isinstance(inner, Mask) and inner.marks == "keep" and inner.form == "number"
            )
            return Mask("block", "added", where.shape, where.sides) if is_base else None
        if level == "zero" and isinstance(inner, Mask) and inner.form == "added" and where.marks == "keep":
            return inner
        return None

    def _chosen(self, where: Mask | _Constant | None, first: Node, second: Node) -> Mask | None:
        if not isinstance(where, Mask) or where.form != "bool":
            return None
        levels = (self._level(first), self._level(second))
        wanted = ("zero", "below") if where.marks == "keep" else ("below", "zero")
        return Mask("block", "added", where.shape, where.sides) if levels == wanted else None

    # ---- comparisons

    def _compared(self, node: cst.Comparison, place: Place, left: int) -> Mask | None:
        if len(node.comparisons) != 1:
            return None
        target = node.comparisons[0]
        operator, right = target.operator, target.comparator
        if (counted := self._counted(node.left, operator, right)) is not None:
            return counted
        inner = self._read(Place(node.left, place.frame), left)
        if isinstance(operator, (cst.Equal, cst.NotEqual)):
            return self._equal(inner, right, is_equal=isinstance(operator, cst.Equal))
        level = self._level(right)
        if isinstance(operator, cst.GreaterThan) and level == "zero":
            return self._equal(inner, right, is_equal=False)
        if isinstance(operator, cst.LessThan) and level == "one" and isinstance(inner, Mask) and inner.form == "number":
            return _inverted(replace(inner, form="bool"), "bool")
        return None

    def _equal(self, inner: Mask | _Constant | None, value: Node, *, is_equal: bool) -> Mask | None:
        level = self._level(value)
        if not isinstance(inner, Mask) or inner.form == "added" or level not in ("zero", "one"):
            return None
        mask = replace(inner, form="bool")
        return mask if (level == "one") == is_equal else _inverted(mask, "bool")

    def _counted(self, left: Node, operator: Node, right: Node) -> Mask | None:
        """Read ``arange(T)[:, None] >= arange(T)``: queries against keys, or the other way round."""
        one, other = self._positions(left), self._positions(right)
        if one is None or other is None or one[1] == other[1]:
            return None
        queries_left = one[1]
        queries, keys = (one[0], other[0]) if queries_left else (other[0], one[0])
        sides = (queries, keys)
        greater = (
            {cst.GreaterThanEqual: True, cst.LessThan: False}
            if queries_left
            else {cst.LessThanEqual: True, cst.GreaterThan: False}
        )
        keeps = greater.get(type(operator))  # type: ignore[arg-type]
        return None if keeps is None else Mask("keep" if keeps else "block", "bool", "causal", sides)

    def _positions(self, node: Node) -> tuple[Node, bool] | None:
        """Return, for ``arange(T)`` with an axis put in, its T and whether it stands upright (one row for each)."""
        upright = False
        node = self._tensors.followed(Place(node)).node
        if isinstance(node, cst.Subscript) and len(node.slice) == 2:
            upright = is_new_axis(node.slice[1].slice)
            node = self._tensors.followed(Place(node.value)).node
        operation = self._tensors.operation(node)
        if operation is not None and operation.name == "unsqueeze" and len(operation.operands) == 2:
            upright = as_integer(operation.operands[1]) in (1, -1)
            operation = self._tensors.operation(self._tensors.followed(Place(operation.operands[0])).node)
        if operation is None or operation.name != "arange" or len(operation.operands) != 1:
            return None
        return operation.operands[0], upright

    def _level(self, node: Node) -> Literal["one", "zero", "below"] | None:
        """Return whether a number is one, zero, or as good as minus infinity."""
        if is_true(node) or is_false(node):
            return "one" if is_true(node) else "zero"
        number = self._number(node)
        if number is None:
            if isinstance(node, cst.Attribute) and node.attr.value == "min" and isinstance(node.value, cst.Call):
                return "below" if last_name(node.value.func) == "finfo" else None
            return None
        if number <= _FAR_BELOW:
            return "below"
        return "zero" if number == 0 else "one" if number == 1 else None

    def _number(self, node: Node, left: int = 4) -> float | None:
        if (literal := as_number(node)) is not None:
            return literal
        if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Minus):
            inner = self._number(node.expression, left)
            return None if inner is None else -inner
        if (
            isinstance(node, cst.Call)
            and len(node.args) == 1
            and self._code.qualified_name(node.func) == "builtins.float"
        ):
            given = node.args[0].value
            try:
                return as_number(given) if (text := as_text(given)) is None else float(text)
            except ValueError:
                return None
        if self._code.qualified_name(node) in ("math.inf", "numpy.inf", "torch.inf"):
            return math.inf
        if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Power):
            base, power = self._number(node.left, left), self._number(node.right, left)
            return float(base**power) if base and power is not None and abs(power) < 40 and base > 0 else None
        if isinstance(node, (cst.Name, cst.Attribute)) and left:
            values = [origin.node for origin in self._code.values.origins(node)]
            return self._number(values[0], left - 1) if len(values) == 1 and values[0] is not node else None
        return None


def _is_axis(index: Node) -> bool:
    """Does an index put an axis in or take one out: ``None``, ``0``?"""
    return isinstance(index, cst.Integer) or is_none(index)


def _inverted(inner: Mask | _Constant | None, form: Literal["bool", "number"]) -> Mask | None:
    if not isinstance(inner, Mask) or inner.form != form:
        return None
    return replace(inner, marks="block" if inner.marks == "keep" else "keep")


def _as_bool(inner: Mask | _Constant | None) -> Mask | _Constant | None:
    if isinstance(inner, _Constant):
        return replace(inner, is_bool=True)
    return replace(inner, form="bool") if inner is not None and inner.form != "added" else inner


def _transposed(inner: Mask | _Constant | None) -> Mask | None:
    """Turn rows into columns: what was kept above the diagonal is kept below it."""
    if not isinstance(inner, Mask) or inner.form == "added" or inner.sides is None:
        return None
    turned: dict[str, Literal["causal", "reversed", "other"]] = {"reversed": "causal", "causal": "reversed"}
    return replace(inner, shape=turned.get(inner.shape, "other"), sides=(inner.sides[1], inner.sides[0]))


def _added(inner: Mask | _Constant | None) -> Mask | None:
    is_marked = isinstance(inner, Mask) and inner.marks == "block" and inner.form != "added"
    return replace(inner, form="added") if is_marked and isinstance(inner, Mask) else None
