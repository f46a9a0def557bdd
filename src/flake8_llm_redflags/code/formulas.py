"""Arithmetic in one normal form, so that a formula is known however it is spelled.

``0.5 * x * (1 + torch.tanh(c * (x + a * x**3)))`` and ``x * cdf`` with ``cdf`` assigned above are the same sum of
products of powers. Numbers are folded (``math.sqrt(2 / math.pi)``), casts are looked through, names and calls of local
functions are followed, and what cannot be read any further is an atom.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import libcst as cst

from ..knowledge import table
from .arguments import keyword
from .constants import as_integer, is_false
from .names import Binding
from .tensors import Operation, Place, group
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

#: The largest sum that is multiplied out, how many expressions one reading may visit, and how deep it may go.
_TERMS = 12
_VISITS = 150
_DEPTH = 30
#: Significant digits of a coefficient: ``0.5 * 2`` and ``1`` must be equal.
_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Atom:
    """A value that a formula does not look into, or a function of other formulas.

    ``name`` is empty for a value; else ``tanh``, ``mean``, ``var`` …, or ``sum`` for a sum under a root. Equal atoms
    have equal ``key``, ``arguments`` and ``settings``; ``place`` is where it was met first.
    """

    name: str
    key: tuple[object, ...] = ()
    arguments: tuple[Sum, ...] = ()
    settings: tuple[object, ...] = ()
    place: Place | None = field(default=None, compare=False, repr=False)


#: A product of atoms to powers.
Monomial = frozenset[tuple[Atom, float]]
ONE: Monomial = frozenset()


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum of monomials with coefficients."""

    terms: frozenset[tuple[Monomial, float]]

    @staticmethod
    def of(terms: Iterable[tuple[Monomial, float]]) -> Sum:
        """Add terms up; what cancels is left out."""
        total: dict[Monomial, float] = {}
        for monomial, coefficient in terms:
            total[monomial] = total.get(monomial, 0.0) + coefficient
        rounded = ((monomial, float(f"{value:.{_DIGITS}g}")) for monomial, value in total.items())
        return Sum(frozenset((monomial, value) for monomial, value in rounded if value))

    @staticmethod
    def number(value: float) -> Sum:
        """Return a constant."""
        return Sum.of([(ONE, value)])

    @staticmethod
    def atom(atom: Atom, power: float = 1.0) -> Sum:
        """Return one atom to a power."""
        return Sum.of([(frozenset([(atom, power)]), 1.0)])

    @property
    def value(self) -> float | None:
        """The number that this is, None where it depends on anything."""
        if not self.terms:
            return 0.0
        (monomial, coefficient), *more = self.terms
        return coefficient if not more and not monomial else None

    @property
    def single(self) -> Atom | None:
        """The atom that this is, None for anything else."""
        if len(self.terms) != 1:
            return None
        ((monomial, coefficient),) = self.terms
        if coefficient != 1.0 or len(monomial) != 1:
            return None
        ((atom, power),) = monomial
        return atom if power == 1.0 else None

    def plus(self, other: Sum, sign: float = 1.0) -> Sum:
        """Add, or subtract."""
        return Sum.of([*self.terms, *((monomial, sign * value) for monomial, value in other.terms)])

    def times(self, other: Sum) -> Sum | None:
        """Multiply out; None where that gets too long."""
        if len(self.terms) * len(other.terms) > _TERMS:
            return None
        return Sum.of((product(m, n), a * b) for m, a in self.terms for n, b in other.terms)

    def power(self, exponent: float) -> Sum | None:
        """Raise to a power: whole small powers of sums are multiplied out, other powers of sums are an atom."""
        if len(self.terms) == 1:
            ((monomial, coefficient),) = self.terms
            if coefficient > 0 or exponent == int(exponent):
                try:
                    raised = float(coefficient**exponent)
                except (OverflowError, ZeroDivisionError):
                    return None
                return Sum.of([(frozenset((atom, power * exponent) for atom, power in monomial), raised)])
        if exponent in (1.0, 2.0, 3.0):
            total: Sum | None = self
            for _ in range(int(exponent) - 1):
                total = total.times(self) if total is not None else None
            return total
        return Sum.atom(Atom("sum", arguments=(self,)), exponent) if self.terms else None


def product(first: Monomial, second: Monomial) -> Monomial:
    """Multiply two monomials."""
    powers: dict[Atom, float] = {}
    for atom, power in (*first, *second):
        powers[atom] = powers.get(atom, 0.0) + power
    return frozenset((atom, power) for atom, power in powers.items() if power)


class Formula:
    """One reading of an expression.

    ``variables`` are the definitions of the names that stay names: ``x`` in a formula of ``x``, whatever ``x`` was
    computed from. ``sum`` is None where the expression is no arithmetic that can be read.
    """

    def __init__(self, code: Code, place: Place, variables: frozenset[object]) -> None:
        self._code, self._variables = code, variables
        self._visits = 0
        self.visited: set[int] = set()  #: the expressions read, by ``id``
        self.casts = False  #: does a change of dtype lie on the way?
        self.sum = self._read(place, _DEPTH)

    def _read(self, place: Place, depth: int) -> Sum | None:
        self._visits += 1
        if depth == 0 or self._visits > _VISITS:
            return None
        node = place.node
        self.visited.add(id(node))
        if isinstance(node, (cst.Integer, cst.Float)):
            return Sum.number(float(node.evaluated_value))
        if (constant := _constants().get(self._code.qualified_name(node) or "")) is not None:
            return Sum.number(constant)
        if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Minus):
            inner = self._read(Place(node.expression, place.frame), depth - 1)
            return None if inner is None else Sum.number(-1.0).times(inner)
        if isinstance(node, cst.Name):
            return self._name(node, place, depth)
        operation = arithmetic_operation(self._code, node)
        if operation is not None and operation.operands:
            return self._compute(operation, place, depth)
        return self._sources(place, depth) or self._leaf(place)

    # ---- names

    def _name(self, name: cst.Name, place: Place, depth: int) -> Sum | None:
        definitions = self._code.values.definitions(name)
        if variable_key(definitions) in self._variables:
            return self._leaf(place)
        if (pair := self._from_pair(definitions, place, depth)) is not None:
            return pair
        found = self._sources(place, depth)
        # a name for something that cannot be read is better known by the name
        return self._leaf(place) if found is None or _is_value(found) else found

    def _sources(self, place: Place, depth: int) -> Sum | None:
        """Read the one expression that a name, an attribute or a call of a local function stands for."""
        sources = self._code.tensors.sources(place)
        if sources is None or len(sources) != 1 or isinstance(sources[0].node, cst.AugAssign):
            return None
        before = self.casts
        found = self._read(sources[0], depth - 1)
        if found is not None and _is_value(found):
            self.casts = before  # `x = x.float()` before the formula is no part of it
        return found

    def _from_pair(self, definitions: Iterable[Binding], place: Place, depth: int) -> Sum | None:
        """Read ``variance, mean = torch.var_mean(x, -1, keepdim=True)``."""
        for binding in definitions:
            operation = self._code.tensors.operation(binding.value) if isinstance(binding.value, cst.Call) else None
            if operation is not None and operation.name in ("var_mean", "std_mean") and binding.path in ((0,), (1,)):
                which = operation.name.split("_")[binding.path[0]]  # type: ignore[index]
                return self._reduced(which, operation, place, depth)
        return None

    def _leaf(self, place: Place) -> Sum:
        node = place.node
        if isinstance(node, cst.Name):
            key: tuple[object, ...] = (node.value, variable_key(self._code.values.definitions(node)))
        elif isinstance(node, cst.Attribute):
            key = (self._code.text_of(node),)
        else:
            key = (id(node), id(place.frame))
        return Sum.atom(Atom("", key, place=place))

    # ---- operations

    def _compute(self, operation: Operation, place: Place, depth: int) -> Sum | None:
        name, operands = operation.name, operation.operands
        if name in group("casts") or name in ("unsqueeze", "tensor", "as_tensor"):
            self.casts = self.casts or name in group("casts")
            return self._read(Place(operands[0], place.frame), depth - 1)
        if name in ("mean", "var", "std"):
            return self._reduced(name, operation, place, depth)
        if (
            name in ("add", "sub", "subtract", "mul", "multiply", "div", "divide", "true_divide", "pow")
            and len(operands) == 2
        ):
            if operation.call is not None and (
                keyword(operation.call, "alpha") or keyword(operation.call, "rounding_mode")
            ):
                return self._leaf(place)
            first, second = (self._read(Place(operand, place.frame), depth - 1) for operand in operands)
            return None if first is None or second is None else self._binary(name, first, second, place)
        if name in _POWERS or name in _FUNCTIONS:
            inner = self._read(Place(operands[0], place.frame), depth - 1)
            if inner is None:
                return None
            if name in _POWERS:
                return inner.power(_POWERS[name])
            return Sum.atom(Atom(name, arguments=(inner,), place=place))
        return self._sources(place, depth) or self._leaf(place)

    def _binary(self, name: str, first: Sum, second: Sum, place: Place) -> Sum | None:
        if name == "add":
            return first.plus(second)
        if name in ("sub", "subtract"):
            return first.plus(second, -1.0)
        if name in ("mul", "multiply"):
            return first.times(second)
        if name == "pow":
            exponent = second.value
            return self._leaf(place) if exponent is None or not math.isfinite(exponent) else first.power(exponent)
        inverse = second.power(-1.0)
        return None if inverse is None else first.times(inverse)

    def _reduced(self, name: str, operation: Operation, place: Place, depth: int) -> Sum | None:
        """Read a mean, variance or deviation over the last axis; over any other it is a leaf."""
        axis = operation.setting(0, "dim") or (operation.call and keyword(operation.call, "axis"))
        if axis is None or self._code.text_of(axis).strip("()[], ") != "-1":
            return self._leaf(place)
        inner = self._read(Place(operation.operands[0], place.frame), depth - 1)
        if inner is None:
            return None
        if name == "mean":
            return Sum.atom(Atom("mean", arguments=(inner,), place=place))
        return Sum.atom(Atom("var", (), (inner,), (_is_biased(operation),), place), 0.5 if name == "std" else 1.0)


#: Functions that are powers, and functions that stay as they are.
_POWERS = {"sqrt": 0.5, "rsqrt": -0.5, "square": 2.0, "reciprocal": -1.0}
_FUNCTIONS = ("tanh", "erf", "sigmoid")


def variable_key(definitions: Iterable[Binding]) -> object:
    """Return what tells one variable from another of the same name: where it was given its value."""
    return frozenset(id(binding.node) for binding in definitions)


def arithmetic_operation(code: Code, node: Node) -> Operation | None:
    """Return the operation that an expression performs on tensors or, as ``np.sqrt(2 / np.pi)`` does, on numbers."""
    operation = code.tensors.operation(node)
    if operation is None and isinstance(node, cst.Call):
        name = table("torch_ops")["constants"]["functions"].get(code.qualified_name(node.func))
        if name is not None and not any(arg.star or arg.keyword for arg in node.args):
            return Operation(name, node, tuple(arg.value for arg in node.args), node)
    return operation


def arithmetic(code: Code, function: Node) -> Iterator[Node]:
    """Yield the operators and calls of a function that a formula may end with, outer ones before inner ones."""
    yield from sorted(code.tree.within(function, cst.BinaryOperation, cst.Call), key=code.tree.start)


def _is_value(found: Sum) -> bool:
    atom = found.single
    return atom is not None and not atom.name


def _is_biased(operation: Operation) -> bool:
    """Is this variance the mean square itself, rather than that times n/(n-1)?"""
    correction = keyword(operation.call, "correction") if operation.call is not None else None
    return is_false(operation.setting(1, "unbiased")) or as_integer(correction) == 0


@cache
def _constants() -> dict[str, float]:
    return dict.fromkeys(table("torch_ops")["constants"]["pi"], math.pi)
