"""Where queries, keys and values come from: which input, by which projections, scaled how often, grown by what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import libcst as cst

from .attention.words import listed, says
from .names import Binding, dotted, last_name
from .tensors import Operation, Place, group
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

#: How many expressions one question follows.
_STEPS = 120

#: Groups of operations that keep every vector as it is.
_LAYOUTS = ("views", "transposes", "casts", "repairs", "dropouts")


@dataclass(slots=True)
class Lineage:
    """The way of one operand. Each list holds the expressions met, latest first."""

    roots: set[tuple[str, int]] = field(default_factory=set)  #: parameters and attributes at the start of the way
    projections: list[Node] = field(default_factory=list)  #: linear layers
    factors: list[Operation] = field(default_factory=list)  #: products and quotients with something
    growths: list[Node] = field(default_factory=list)  #: what joins earlier keys to these: a cat, a cache
    cuts: list[Node] = field(default_factory=list)  #: slices
    norms: list[Node] = field(default_factory=list)  #: normalisations
    opaque: list[Node] = field(default_factory=list)  #: what may have done anything
    is_whole: bool = True  #: was everything followed to its start?


def lineage(code: Code, operand: Place) -> Lineage:
    """Follow an operand of an attention back to where its values enter the function."""
    return _Walk(code).follow(operand)


def are_of_one_length(code: Code, query: Place, key: Place) -> bool:
    """Do queries and keys surely have as many positions: projected from one input, with nothing joined or cut?"""
    ways = [lineage(code, query), lineage(code, key)]
    if any(way.growths or way.cuts or way.opaque or not way.is_whole for way in ways):
        return False
    return len(ways[0].roots) == 1 and ways[0].roots == ways[1].roots


def is_kept(name: str) -> bool:
    """Does a name say that something is kept from one step to the next: ``past``, ``cache_k``, ``prev_keys``?"""
    return says(name, "cache_words")


def is_length(name: str) -> bool:
    """Does a name say that it is a number of positions, a place among them, or a phase such as prefill or training?"""
    return says(name, "length_words")


class _Walk:
    def __init__(self, code: Code) -> None:
        self._code, self._tensors = code, code.tensors
        self._found = Lineage()
        self._seen: set[tuple[int, int]] = set()
        self._left = _STEPS

    def follow(self, place: Place) -> Lineage:
        self._visit(place)
        return self._found

    def _visit(self, place: Place) -> None:
        if place.key in self._seen:
            return
        self._seen.add(place.key)
        self._left -= 1
        if self._left < 0:
            self._found.is_whole = False
            return
        node = place.node
        if isinstance(node, cst.Name):
            self._name(node, place)
        elif isinstance(node, cst.Attribute) and (operation := self._tensors.operation(node)) is not None:
            self._operation(operation, place)
        elif isinstance(node, cst.Attribute):
            self._attribute(node, place)
        elif isinstance(node, cst.Subscript):
            if _is_cut(node):
                self._found.cuts.append(node)
            self._visit(Place(node.value, place.frame))
        elif isinstance(node, (cst.Tuple, cst.List)):
            for element in node.elements:
                self._visit(Place(element.value, place.frame))
        elif isinstance(node, (cst.IfExp, cst.NamedExpr)):
            for source in self._tensors.sources(place) or ():
                self._visit(source)
        elif isinstance(node, (cst.GeneratorExp, cst.ListComp)):
            self._visit(Place(node.elt, place.frame))
        elif isinstance(node, (cst.Call, cst.BinaryOperation, cst.AugAssign)):
            self._computed(node, place)
        else:
            self._found.opaque.append(node)

    def _name(self, name: cst.Name, place: Place) -> None:
        bindings = self._code.values.definitions(name)
        if not bindings:
            self._found.opaque.append(name)
        for binding in bindings:
            known = self._tensors.bound(binding, place.frame)
            if known is None:
                self._given(binding, place)
            for source in known or ():
                self._visit(source)

    def _given(self, binding: Binding, place: Place) -> None:
        """Take a parameter as a root, and what is unpacked or looped over as a whole."""
        if binding.kind == "param":
            self._found.roots.add((binding.name, id(binding.node)))
            if is_kept(binding.name):
                self._found.growths.append(binding.node)
        elif binding.value is not None:
            self._visit(Place(binding.value, place.frame))
        else:
            self._found.opaque.append(binding.node)

    def _attribute(self, node: cst.Attribute, place: Place) -> None:
        if says(dotted(node), "cache_words"):
            self._found.growths.append(node)
            return
        sources = self._tensors.sources(place)
        if sources:
            for source in sources:
                self._visit(source)
        else:
            self._found.roots.add((dotted(node), 0))

    def _computed(self, node: Node, place: Place) -> None:
        operation = self._tensors.operation(node)
        if operation is not None and self._operation(operation, place):
            return
        if not isinstance(node, cst.Call):
            self._found.opaque.append(node)
            return
        name = (last_name(node.func) or "").lower()
        if says(dotted(node.func), "cache_words"):
            self._found.growths.append(node)
        elif self._is_projection(node):
            self._found.projections.append(node)
        elif says(name, "norm_words"):
            self._found.norms.append(node)
        elif (sources := self._tensors.sources(place)) is not None:
            for source in sources:
                self._visit(source)
            return
        elif not says(name, "rotation_words"):
            self._found.opaque.append(node)
        if node.args:
            self._visit(Place(node.args[0].value, place.frame))

    def _operation(self, operation: Operation, place: Place) -> bool:
        """Follow a known operation to the operand that it works on; False where it is none of those."""
        name, operands = operation.name, operation.operands
        if not operands:
            return False
        follows: tuple[Node, ...] = operands[:1]
        if name in listed("growing"):
            if _axis(operation) in ("-1", "3"):  # features beside features
                follows = operands[:1]
            else:
                self._found.growths.append(operation.node)
        elif name in group("scalings") and len(operands) == 2:
            self._found.factors.append(operation)
            first = operands[0]
            if name in ("mul", "multiply") and self._is_number(first):
                follows = operands[1:]
        elif name in group("additions"):
            follows = operands[:2]
        elif name in group("products"):
            self._found.projections.append(operation.node)
        elif name in ("repeat_kv", "repeat_interleave"):
            pass
        elif not (name in listed("layouts") or any(name in group(kind) for kind in _LAYOUTS)):
            return False
        for operand in follows:
            self._visit(Place(operand, place.frame))
        return True

    def _is_projection(self, call: cst.Call) -> bool:
        made_by = self._code.values.made_by(call.func)
        return bool(made_by) and made_by <= listed("projections")

    def _is_number(self, node: Node) -> bool:
        if isinstance(node, (cst.Integer, cst.Float)):
            return True
        return isinstance(node, (cst.Name, cst.Attribute)) and "scal" in (last_name(node) or "")


def _axis(operation: Operation) -> str:
    axis = operation.setting(0, "dim") or operation.setting(0, "axis")
    if isinstance(axis, cst.UnaryOperation) and isinstance(axis.expression, cst.Integer):
        return f"-{axis.expression.value}"
    return axis.value if isinstance(axis, cst.Integer) else ""


def _is_cut(subscript: cst.Subscript) -> bool:
    """Does a subscript take a part of an axis by a slice with ends?"""
    return any(
        isinstance(element.slice, cst.Slice) and (element.slice.lower is not None or element.slice.upper is not None)
        for element in subscript.slice
    )
