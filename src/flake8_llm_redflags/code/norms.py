"""LayerNorm and RMSNorm written out by hand, in whatever operations they are spelled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import libcst as cst

from .formulas import ONE, Atom, Formula, Monomial, Sum, arithmetic, variable_key
from .names import last_name
from .tensors import Place, group
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

_REDUCTIONS = ("mean", "var", "std", "var_mean", "std_mean")


@dataclass(frozen=True, slots=True)
class Norm:
    """One normalisation over the last axis. ``value``, ``weight``, ``bias`` and ``eps`` are as written."""

    kind: Literal["layer", "rms"]
    node: Node  #: the expression that normalises
    whole: Node  #: the expression with weight and bias; ``node`` itself where there are none
    value: Node
    weight: Node | None
    bias: Node | None
    eps: Node | float | None  #: None where there is none
    is_exact: bool  #: biased variance, and eps under the root, as ``F.layer_norm`` and ``F.rms_norm`` compute it
    casts: bool  #: does a change of dtype lie on the way?
    is_local: bool  #: is all of it written in the function of ``whole``?
    inner: Norm | None = None  #: the same as far as ``node`` goes, where ``whole`` goes further


@dataclass(frozen=True, slots=True)
class _Spread:
    """What a value is divided by: the root of its variance, or of its mean square."""

    kind: Literal["layer", "rms"]
    value: Atom
    eps: Place | float | None
    is_exact: bool


class Norms:
    """The normalisations that a file writes out by hand."""

    def __init__(self, code: Code) -> None:
        self._code = code

    @cached_property
    def all(self) -> tuple[Norm, ...]:
        """Every normalisation, in document order."""
        around = (self._code.context.function(root) for root in self._roots())
        functions = {id(function): function for function in around if function is not None}
        found = [norm for function in functions.values() for norm in self._in_function(function)]
        return tuple(sorted(found, key=lambda norm: self._code.tree.start(norm.node)))

    def _roots(self) -> Iterator[Node]:
        yield from self._code.calls("rsqrt", "sqrt", "std", "std_mean")
        for node in self._code.all(cst.BinaryOperation):
            if isinstance(node.operator, cst.Power) and not isinstance(node.right, cst.Integer):
                yield node

    def _in_function(self, function: Node) -> Iterator[Norm]:
        variables = self._variables(function)
        if not variables:
            return
        matches: list[tuple[Norm, set[int]]] = []
        for node in arithmetic(self._code, function):
            if self._code.context.function(node) is function:
                formula = Formula(self._code, Place(node), variables)
                norm = self._read(node, formula)
                if norm is not None:
                    matches.append((norm, formula.visited))
        yield from _without_parts(matches)

    def _variables(self, function: Node) -> frozenset[object]:
        """Return the variables whose mean, variance or mean square is taken."""
        found = set()
        for call in self._code.tree.within(function, cst.Call):
            if last_name(call.func) in _REDUCTIONS:
                operation = self._code.tensors.operation(call)
                operand = self._bare(operation.operands[0]) if operation is not None and operation.operands else None
                if isinstance(operand, cst.Name) and not self._is_regrouped(operand):
                    found.add(variable_key(self._code.values.definitions(operand)))
        return frozenset(found)

    def _bare(self, node: Node) -> Node:
        """Take casts and squares off: ``x`` for ``x.float().pow(2)``, unless ``x`` is itself a difference."""
        operation = self._code.tensors.operation(node)
        if operation is None or not operation.operands:
            return node
        if operation.name in group("casts"):
            return self._bare(operation.operands[0])
        if operation.name in ("pow", "square", "mul", "multiply"):
            base = self._bare(operation.operands[0])
            source = self._code.tensors.operation(self._code.tensors.followed(Place(base)).node)
            return node if source is not None and source.name in ("sub", "subtract") else base
        return node

    def _is_regrouped(self, name: cst.Name) -> bool:
        """Was it laid out anew, so that its last axis is a group of channels, or all of an image?"""
        sources = self._code.tensors.sources(Place(name)) or []
        operations = (self._code.tensors.operation(source.node) for source in sources)
        return any(o is not None and o.name in (*group("views"), "rearrange") for o in operations)

    # ---- one expression

    def _read(self, node: Node, formula: Formula) -> Norm | None:
        if formula.sum is None or not 1 <= len(formula.sum.terms) <= 3:
            return None
        factors = {factor for monomial, _ in formula.sum.terms for factor in monomial}
        for atom, power in factors:
            spread = _spread(atom, power)
            if spread is None:
                continue
            root: Monomial = frozenset([(atom, power)])
            parts = _affine(formula.sum, root, spread)
            if parts is not None:
                return self._norm(node, formula, spread, *parts)
        return None

    def _norm(
        self, node: Node, formula: Formula, spread: _Spread, weight: Atom | None, bias: Atom | None
    ) -> Norm | None:
        eps = spread.eps
        places = [atom.place for atom in (spread.value, weight, bias) if atom is not None]
        places += [eps] if isinstance(eps, Place) else []
        function = self._code.context.function(node)
        is_local = all(
            place is not None and place.frame is None and self._code.context.function(place.node) is function
            for place in places
        )
        value = spread.value.place
        if value is None:
            return None
        return Norm(
            kind=spread.kind,
            node=node,
            whole=node,
            value=value.node,
            weight=weight.place.node if weight is not None and weight.place is not None else None,
            bias=bias.place.node if bias is not None and bias.place is not None else None,
            eps=eps.node if isinstance(eps, Place) else eps,
            is_exact=spread.is_exact,
            casts=formula.casts,
            is_local=is_local,
        )


def _without_parts(matches: list[tuple[Norm, set[int]]]) -> Iterator[Norm]:
    """Yield one norm for each that is matched by several expressions: ``normed``, and ``weight * normed + bias``."""
    for norm, visited in matches:
        if any(id(other.node) in visited for other, _ in matches if other is not norm):
            continue
        wholes = [
            other
            for other, inside in matches
            if other is not norm and id(norm.node) in inside and other.is_local and not other.casts
        ]
        outermost = [
            w for w in wholes if not any(id(w.node) in inside for o, inside in matches if o in wholes and o is not w)
        ]
        yield replace(outermost[0], node=norm.node, inner=norm) if len(outermost) == 1 else norm


def _spread(atom: Atom, power: float) -> _Spread | None:
    """Read 1/√(variance + eps), 1/√(mean square + eps), and 1/(deviation + eps), which is near enough to be meant."""
    if power not in (-0.5, -1.0):
        return None
    if atom.name in ("var", "mean"):
        read = _moment(Sum.atom(atom)) if power == -0.5 else None
        return None if read is None else _Spread(read[0], read[1], None, read[2])
    if atom.name != "sum":
        return None
    inside, eps = _without_eps(atom.arguments[0])
    if power == -1.0:  # the root was taken before eps was added
        squared = inside.power(2.0)
        read = _moment(squared) if squared is not None else None
        return None if read is None else _Spread(read[0], read[1], eps, False)
    read = _moment(inside)
    return None if read is None else _Spread(read[0], read[1], eps, read[2])


def _without_eps(total: Sum) -> tuple[Sum, Place | float | None]:
    """Split off the number, or the one value, that is added to a moment."""
    for monomial, coefficient in total.terms:
        rest = Sum(total.terms - {(monomial, coefficient)})
        if monomial == ONE:
            return rest, coefficient
        atom = Sum(frozenset([(monomial, coefficient)])).single
        if atom is not None and not atom.name and len(total.terms) > 1:
            return rest, atom.place
    return total, None


def _moment(total: Sum) -> tuple[Literal["layer", "rms"], Atom, bool] | None:
    """Read a variance or a mean square: (kind, of what, is it biased)."""
    if (atom := total.single) is not None and atom.name == "var":
        value = atom.arguments[0].single
        return None if value is None or value.name else ("layer", value, bool(atom.settings[0]))
    if atom is not None and atom.name == "mean":
        squares = atom.arguments[0]
        for value in _values(squares):
            square = Sum.atom(value, 2.0)
            if squares == square:
                return "rms", value, True
            centred = Sum.atom(value).plus(Sum.atom(Atom("mean", arguments=(Sum.atom(value),))), -1.0).power(2.0)
            if squares == centred:
                return "layer", value, True
        return None
    for value in _values(total):  # E[x²] - E[x]²
        mean = Atom("mean", arguments=(Sum.atom(value),))
        mean_square = Sum.atom(Atom("mean", arguments=(Sum.atom(value, 2.0),)))
        if total == mean_square.plus(Sum.atom(mean, 2.0), -1.0):
            return "layer", value, True
    return None


def _values(total: Sum) -> set[Atom]:
    """Return the plain values that a sum mentions, those inside its means included."""
    found = set()
    for monomial, _ in total.terms:
        for atom, _ in monomial:
            if not atom.name:
                found.add(atom)
            elif atom.name == "mean":
                found |= _values(atom.arguments[0])
    return found


def _affine(total: Sum, root: Monomial, spread: _Spread) -> tuple[Atom | None, Atom | None] | None:
    """Return (weight, bias) if the sum is the normalised value times a weight plus a bias, with either, both or none."""
    scaled = [(monomial, c) for monomial, c in total.terms if root <= monomial]
    others = [(monomial, c) for monomial, c in total.terms if not root <= monomial]
    if len(others) > 1 or (others and spread.kind == "rms"):
        return None
    bias = Sum(frozenset(others)).single
    if others and (bias is None or bias.name):
        return None
    value = Sum.atom(spread.value)
    if spread.kind == "layer":
        value = value.plus(Sum.atom(Atom("mean", arguments=(value,))), -1.0)
    base = value.times(Sum(frozenset([(root, 1.0)])))
    if base is None or len(scaled) != len(base.terms):
        return None
    if Sum(frozenset(scaled)) == base:
        return None, bias
    for weight in {atom for monomial, _ in scaled for atom, power in monomial if not atom.name and power == 1.0}:
        if weight != spread.value and Sum(frozenset(scaled)) == base.times(Sum.atom(weight)):
            return weight, bias
    return None
