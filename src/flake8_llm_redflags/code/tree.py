"""The lean tree: one walk over the syntax fields of a parsed module, in document order.

libcst's own visitors and its ``MetadataWrapper`` visit every space and comma and rebuild every node; on 18.6 kLOC they
take ten times as long as the parse. This walk takes a twentieth of it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from operator import attrgetter
from typing import Any, TypeVar

import libcst as cst

#: Child fields in source order; a class that is absent is a leaf. Names that refer to nothing by themselves (attribute,
#: keyword, parameter and definition names, import aliases) are not walked, so that the bucket of ``cst.Name`` holds
#: references and assignment targets only.
_FIELDS = {
    "Module": "body",
    "IndentedBlock": "body",
    "SimpleStatementLine": "body",
    "SimpleStatementSuite": "body",
    "Expr": "value",
    "Assign": "targets value",
    "AssignTarget": "target",
    "AugAssign": "target value",
    "AnnAssign": "target annotation value",
    "Annotation": "annotation",
    "Assert": "test msg",
    "Del": "target",
    "Raise": "exc cause",
    "From": "item",
    "Return": "value",
    "Await": "expression",
    "Yield": "value",
    "If": "test body orelse",
    "Else": "body",
    "For": "target iter body orelse",
    "While": "test body orelse",
    "With": "items body",
    "WithItem": "item asname",
    "AsName": "name",
    "Try": "body handlers orelse finalbody",
    "TryStar": "body handlers orelse finalbody",
    "ExceptHandler": "type name body",
    "ExceptStarHandler": "type name body",
    "Finally": "body",
    "FunctionDef": "decorators params returns body",
    "ClassDef": "decorators bases keywords body",
    "Decorator": "decorator",
    "Parameters": "posonly_params params star_arg kwonly_params star_kwarg",
    "Param": "annotation default",
    "Lambda": "params body",
    "Call": "func args",
    "Arg": "value",
    "Attribute": "value",
    "Subscript": "value slice",
    "SubscriptElement": "slice",
    "Index": "value",
    "Slice": "lower upper step",
    "BinaryOperation": "left right",
    "BooleanOperation": "left right",
    "UnaryOperation": "expression",
    "Comparison": "left comparisons",
    "ComparisonTarget": "comparator",
    "IfExp": "body test orelse",
    "NamedExpr": "target value",
    "Tuple": "elements",
    "List": "elements",
    "Set": "elements",
    "Dict": "elements",
    "Element": "value",
    "StarredElement": "value",
    "DictElement": "key value",
    "StarredDictElement": "value",
    "ListComp": "elt for_in",
    "SetComp": "elt for_in",
    "GeneratorExp": "elt for_in",
    "DictComp": "key value for_in",
    "CompFor": "target iter ifs inner_for_in",
    "CompIf": "test",
    "FormattedString": "parts",
    "FormattedStringExpression": "expression format_spec",
    "ConcatenatedString": "left right",
    "Match": "subject cases",
    "MatchCase": "pattern guard body",
    "MatchValue": "value",
    "MatchOr": "patterns",
    "MatchOrElement": "pattern",
    "MatchAs": "pattern name",
    "MatchClass": "cls patterns kwds",
    "MatchKeywordElement": "pattern",
    "MatchList": "patterns",
    "MatchTuple": "patterns",
    "MatchSequenceElement": "value",
    "MatchStar": "name",
    "MatchMapping": "elements rest",
    "MatchMappingElement": "key pattern",
    "TypeAlias": "value",
}

Node = cst.CSTNode
_Class = TypeVar("_Class", bound=cst.CSTNode)


def _getters() -> tuple[dict[type, attrgetter[Any]], dict[type, attrgetter[Any]]]:
    """Split the field table into classes with one child field and classes with several (last field first)."""
    one, several = {}, {}
    for name, fields in _FIELDS.items():
        cls = getattr(cst, name, None)  # older libcst lacks TypeAlias
        if cls is None:
            continue
        names = fields.split()
        if len(names) == 1:
            one[cls] = attrgetter(names[0])
        else:
            several[cls] = attrgetter(*reversed(names))
    return one, several


_ONE, _SEVERAL = _getters()


def kinds(*classes: type) -> frozenset[type]:
    """Return the classes and all their subclasses, for ``node.__class__ in …`` where that is asked for every node.

    ``isinstance`` says the same, but takes eight times as long where it says no: libcst's classes are abstract ones.
    """
    return frozenset(classes).union(*(kinds(*cls.__subclasses__()) for cls in classes if cls.__subclasses__()))


#: Classes that many ask for; ``node.__class__ in LOOPS``.
LOOPS = kinds(cst.For, cst.While)
FUNCTIONS = kinds(cst.FunctionDef, cst.Lambda)
STATEMENTS = kinds(cst.BaseSmallStatement, cst.BaseCompoundStatement)


def _children_backwards(node: Node) -> Iterator[Node]:
    """Yield the children of a node, last first."""
    cls = node.__class__
    if (get := _ONE.get(cls)) is not None:
        values: tuple[Any, ...] = (get(node),)
    elif (get := _SEVERAL.get(cls)) is not None:
        values = get(node)
    else:
        return
    for value in values:
        if value.__class__ is tuple or value.__class__ is list:
            yield from reversed(value)
        elif isinstance(value, cst.CSTNode):
            yield value


def children(node: Node) -> list[Node]:
    """Return the child nodes of a node in source order."""
    return list(_children_backwards(node))[::-1]


class Tree:
    """Parents, document order and class buckets of one module.

    ``nodes`` lists all walked nodes in document order and ``index`` gives a node's number, so that "inside" is a
    comparison of numbers and "all calls in this loop" a bisection. libcst nodes are frozen and slotted: everything
    about a node is kept under its ``id``, which holds as long as ``module`` is alive.
    """

    __slots__ = ("_ends", "buckets", "index", "module", "nodes", "up")

    def __init__(self, module: cst.Module) -> None:
        self.module = module
        nodes: list[Node] = []
        up: list[int] = []
        index: dict[int, int] = {}
        buckets: dict[type, list[int]] = {}
        one, several = _ONE.get, _SEVERAL.get
        sentinel = cst.MaybeSentinel
        stack: list[Node] = [module]
        above = [-1]
        number = 0
        # The loop spells out `_children_backwards`: a generator per node would double its time.
        while stack:
            node = stack.pop()
            cls = node.__class__
            nodes.append(node)
            up.append(above.pop())
            index[id(node)] = number
            try:
                buckets[cls].append(number)
            except KeyError:
                buckets[cls] = [number]
            if (get := one(cls)) is not None:
                values: tuple[Any, ...] = (get(node),)
            elif (get := several(cls)) is not None:
                values = get(node)
            else:
                number += 1
                continue
            for value in values:
                kind = value.__class__
                if kind is tuple or kind is list:
                    if value:
                        stack.extend(value[::-1])
                        above.extend([number] * len(value))
                elif value is not None and kind is not sentinel and kind is not str:
                    stack.append(value)
                    above.append(number)
            number += 1
        self.nodes, self.up, self.index, self.buckets = nodes, up, index, buckets
        self._ends: dict[int, int] = {}

    def parent(self, node: Node) -> Node | None:
        """Return the node right above, None for the module."""
        above = self.up[self.index[id(node)]]
        return self.nodes[above] if above >= 0 else None

    def ancestors(self, node: Node) -> Iterator[Node]:
        """Yield the nodes above, nearest first."""
        nodes, up = self.nodes, self.up
        above = up[self.index[id(node)]]
        while above >= 0:
            yield nodes[above]
            above = up[above]

    def statement(self, node: Node) -> Node:
        """Return the innermost statement that holds the node (itself where it is one, or where none does)."""
        if node.__class__ in STATEMENTS:
            return node
        return next((above for above in self.ancestors(node) if above.__class__ in STATEMENTS), node)

    def children(self, node: Node) -> list[Node]:
        """Return the child nodes in source order."""
        return children(node)

    def start(self, node: Node) -> int:
        """Return the node's number in document order."""
        return self.index[id(node)]

    def end(self, node: Node) -> int:
        """Return the number after the node's last descendant."""
        start = self.index[id(node)]
        if start not in self._ends:
            last = node
            while (child := next(_children_backwards(last), None)) is not None:
                last = child
            self._ends[start] = self.index[id(last)] + 1
        return self._ends[start]

    def within(self, node: Node, *classes: type[_Class]) -> Iterator[_Class]:
        """Yield the nodes of ``classes`` in the subtree of ``node``, itself included; in document order per class."""
        start, end, nodes = self.index[id(node)], self.end(node), self.nodes
        for cls in classes:
            bucket = self.buckets.get(cls)
            if bucket:
                for position in range(bisect_left(bucket, start), bisect_left(bucket, end)):
                    yield nodes[bucket[position]]  # type: ignore[misc]

    def all(self, *classes: type[_Class]) -> Iterator[_Class]:
        """Yield every node of ``classes``, in document order per class."""
        for cls in classes:
            for number in self.buckets.get(cls, ()):
                yield self.nodes[number]  # type: ignore[misc]

    def contains(self, outer: Node, node: Node) -> bool:
        """Tell whether ``node`` is ``outer`` or stands inside it."""
        return self.index[id(outer)] <= self.index[id(node)] < self.end(outer)

    def comes_before(self, first: Node, second: Node) -> bool:
        """Tell whether ``first`` starts earlier in the text than ``second``."""
        return self.index[id(first)] < self.index[id(second)]
