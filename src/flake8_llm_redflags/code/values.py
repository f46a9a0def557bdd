"""Where a value comes from: assignments, attributes, annotations, parameters, returns of local functions."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Literal

import libcst as cst

from ..knowledge import words
from .constants import is_none
from .names import Binding, dotted
from .tree import FUNCTIONS, LOOPS, STATEMENTS, Node, kinds

if TYPE_CHECKING:
    from .program import Code

OriginKind = Literal[
    "call",  # made by calling something imported, or a method of a value made so; `name` is its qualified name
    "name",  # an imported object itself (`torch.float16`, `os.environ`) or a builtin
    "annotation",  # declared to be an instance of `name`
    "instance",  # of a class of this file: `node` is the ClassDef
    "function",  # a function of this file: `node` is the FunctionDef or Lambda
    "class",  # a class of this file
    "literal",  # a constant, f-string, list, tuple, set, dict or comprehension: `node`
    "item",  # an element of `name`'s result: unpacked, subscripted or looped over; `node` is the whole
    "expression",  # an operator applied to values: `node`
    "parameter",  # handed in by a caller this file does not show: `node` is the Param
    "unknown",  # nothing in the file tells
]

#: How long a chain and how many expressions one question follows before the answer is "unknown", and how many ways of
#: making a value it tells apart.
_DEPTH = 12
_STEPS = 120
_WAYS = 40

_place = attrgetter("at")

_LITERALS = (
    cst.SimpleString,
    cst.FormattedString,
    cst.ConcatenatedString,
    cst.Integer,
    cst.Float,
    cst.Imaginary,
    cst.List,
    cst.Tuple,
    cst.Set,
    cst.Dict,
    cst.ListComp,
    cst.SetComp,
    cst.DictComp,
    cst.GeneratorExp,
)
_BRANCHES = kinds(cst.For, cst.While, cst.Try, cst.TryStar, cst.ExceptHandler, cst.MatchCase, cst.Finally)
_CHOICES = kinds(cst.If, cst.For, cst.While, cst.IfExp)


@dataclass(frozen=True, slots=True)
class Origin:
    """One way in which a value comes to be."""

    kind: OriginKind
    node: Node = field(repr=False)
    name: str | None = None

    @property
    def is_known(self) -> bool:
        """Does an import, an assignment or an annotation of this file say what the value is?

        Where it does not, a rule may go by the name alone.
        """
        return self.kind not in ("unknown", "parameter")


class Values:
    """Answers "what is this?" for expressions, following names backwards through the file."""

    def __init__(self, code: Code) -> None:
        self._code, self._tree, self._names = code, code.tree, code.names
        self._definitions: dict[int, Sequence[Binding]] = {}
        self._origins: dict[int, tuple[Origin, ...]] = {}
        self._open: set[int] = set()  #: expressions being followed now: meeting one again is a cycle
        self._steps_left = 0
        self._cut_short = False  #: did the trace under way stop at a cycle or at a limit?
        self._arms_memo: dict[int, dict[int, bool]] = {}

    # ---- definitions: which assignments reach this use

    def definitions(self, name: cst.Name) -> Sequence[Binding]:
        """Return the bindings that may reach this use of a name.

        Those are the last one that surely ran before it and every one that may have run since, in a branch or in an
        earlier turn of a loop. A name of an outer scope is reached by all its bindings.
        """
        key = id(name)
        if key not in self._definitions:
            number = self._tree.index.get(key)
            self._definitions[key] = () if number is None else self._reaching(name.value, number)
        return self._definitions[key]

    def given_by(self, name: cst.Name) -> Sequence[Binding]:
        """Return ``definitions``, or, for a variable of a comprehension, the loop that gives it, which stands behind its use."""
        found = self.definitions(name)
        if found or id(name) not in self._tree.index:
            return found
        return [binding for binding in self._names.bindings(name.value, name) if isinstance(binding.node, cst.CompFor)]

    def added_to(self, binding: Binding) -> Sequence[Node]:
        """Return what the function around a binding of a list appends to it, in document order."""
        scope = self._code.context.function(binding.node) or self._tree.module
        return self._added.get((id(scope), binding.name), ())

    @cached_property
    def _added(self) -> dict[tuple[int, str], list[Node]]:
        """What is appended to lists, by the function that does it and the name of the list."""
        added: dict[tuple[int, str], list[Node]] = {}
        for call in self._code.calls("append", "extend"):
            if isinstance(call.func, cst.Attribute) and isinstance(call.func.value, cst.Name):
                scope = self._code.context.function(call) or self._tree.module
                added.setdefault((id(scope), call.func.value.value), []).extend(
                    argument.value for argument in call.args
                )
        return added

    def depends_on(self, expression: Node, scope: Node) -> bool:
        """Does an expression use a name that is bound inside of a statement or function?"""
        names = self._tree.within(expression, cst.Name)
        return any(self._tree.contains(scope, binding.node) for name in names for binding in self.given_by(name))

    def definitions_at(self, name: str, place: Node) -> Sequence[Binding]:
        """Return the bindings that would reach a use of ``name``, were there one at ``place``."""
        return self._reaching(name, self._tree.start(place))

    def uses(self, binding: Binding) -> list[cst.Name]:
        """Return the places that read what a binding of a local name has put there, closures included."""
        scope = self._names.scope(binding.node)
        return [
            name
            for name in self._tree.within(scope, cst.Name)
            if name.value == binding.name and binding in self.definitions(name) and not self._is_target(name)
        ]

    def _is_target(self, name: cst.Name) -> bool:
        """Is the name assigned here, and not read besides (``x += 1`` reads it)?"""
        child: Node = name
        for above in self._tree.ancestors(name):
            if isinstance(above, cst.AssignTarget):
                return True
            if not isinstance(above, (cst.Tuple, cst.List, cst.Element, cst.StarredElement)):
                return isinstance(above, (cst.AnnAssign, cst.NamedExpr, cst.For, cst.CompFor)) and child is above.target
            child = above
        return False

    def is_same_at(self, expression: Node, place: Node) -> bool:
        """Would a name, or an attribute of one, mean at ``place`` what it means where it stands?"""
        if not isinstance(expression, (cst.Name, cst.Attribute)):
            return False
        number = self._tree.index[id(place)]
        return all(
            list(self.definitions(name)) == list(self._reaching(name.value, number))
            for name in self._tree.within(expression, cst.Name)
        )

    def _reaching(self, name: str, use: int) -> Sequence[Binding]:
        found, scope = self._names.lookup(name, use)
        if len(found) == 1 and found[0].at < use and not self._is_inside(found[0], use):
            return found
        if found and scope == self._tree.index[id(self._names.scope(self._tree.nodes[use]))]:
            return self._in_order(found, use)
        return found

    def _in_order(self, found: Sequence[Binding], use: int) -> list[Binding]:
        tree = self._tree
        loops = []
        above = tree.up[use]
        while above >= 0:
            if tree.nodes[above].__class__ in LOOPS:
                loops.append(above)
            above = tree.up[above]
        first_later = bisect_right(found, use, key=_place)
        last = bisect_left(found, tree.end(tree.nodes[loops[-1]]), key=_place) if loops else first_later
        later = (found[number] for number in range(last - 1, first_later - 1, -1))
        carried = list(islice(later, _WAYS))  # they reach only through a later turn of a loop
        arms = self._arms(use)
        reaching: list[Binding] = []
        for number in range(first_later - 1, max(first_later - 1 - _STEPS, -1), -1):
            binding = found[number]
            if self._is_inside(binding, use):
                carried.append(binding)
                continue
            there = self._arms(binding.at)
            if any(owner in arms and arms[owner] != arm for owner, arm in there.items()):
                carried.append(binding)  # the other arm of the same `if`, one turn earlier
                continue
            reaching.append(binding)
            if binding.kind != "annotate" and all(owner in arms for owner in there):  # it surely ran
                loops = [loop for loop in loops if binding.at < loop]  # and runs again in each turn of those around it
                break
            if len(reaching) == _WAYS:
                break
        inside = [b for b in carried if any(loop <= b.at < tree.end(tree.nodes[loop]) for loop in loops)]
        return [*inside, *reaching]

    def _is_inside(self, binding: Binding, use: int) -> bool:
        """Does the use stand in the binding statement itself (``x = f(x)``), before the value is bound?"""
        return binding.kind in ("assign", "augment", "walrus") and binding.at < use < self._tree.end(binding.node)

    def _arms(self, number: int) -> dict[int, bool]:
        """Return which arm of each branching statement above the node runs it."""
        tree = self._tree
        up, nodes = tree.up, tree.nodes
        while up[number] >= 0 and nodes[number].__class__ not in STATEMENTS:
            if nodes[up[number]].__class__ in _CHOICES:
                break
            number = up[number]
        if number in self._arms_memo:
            return self._arms_memo[number]
        arms: dict[int, bool] = {}
        child, above = number, up[number]
        while above >= 0:
            node, inside = nodes[above], nodes[child]
            kind = node.__class__
            if kind is cst.If:
                if inside is node.body or inside is node.orelse:
                    arms[above] = inside is node.body
            elif kind in _BRANCHES:
                if inside is node.body:
                    arms[above] = True
            elif kind in FUNCTIONS:
                break
            child, above = above, up[above]
        self._arms_memo[number] = arms
        return arms

    # ---- origins: what a value is

    def origins(self, expression: Node) -> tuple[Origin, ...]:
        """Return the ways in which the value of an expression may come to be; never empty."""
        outermost = self._steps_left == 0
        if outermost:
            self._steps_left = _STEPS
        try:
            return self._follow(expression, _DEPTH)
        finally:
            if outermost:
                self._steps_left = 0

    def made_by(self, expression: Node) -> set[str]:
        """Return the qualified names of what made the value: constructors, factory functions, annotated classes."""
        return {o.name for o in self.origins(expression) if o.name is not None and o.kind in ("call", "annotation")}

    def is_known(self, expression: Node) -> bool:
        """Does an import, assignment or annotation say what the value is? If not, its name may be believed."""
        return any(origin.is_known for origin in self.origins(expression))

    def constants(self, expression: Node) -> list[object] | None:
        """Return the Python values that the expression may have if all its origins are plain constants, else None."""
        found = []
        for origin in self.origins(expression):
            if not isinstance(origin.node, (cst.SimpleString, cst.ConcatenatedString, cst.Integer, cst.Float)):
                return None
            value = origin.node.evaluated_value
            if value is None:
                return None
            found.append(value)
        return found

    def _follow(self, expression: Node, depth: int) -> tuple[Origin, ...]:
        key = id(expression)
        if key in self._origins:
            return self._origins[key]
        nothing = (Origin("unknown", expression),)
        if depth == 0 or self._steps_left <= 1 or key in self._open:
            self._cut_short = True
            return nothing
        self._steps_left -= 1
        self._open.add(key)
        cut_short_before, self._cut_short = self._cut_short, False
        found = tuple(dict.fromkeys(islice(self._trace(expression, depth - 1), _WAYS))) or nothing
        self._open.discard(key)
        if not self._open or not self._cut_short:  # a partial answer is kept for nobody but who asked for it
            self._origins[key] = found
        self._cut_short |= cut_short_before
        return found

    def _trace(self, expression: Node, depth: int) -> Iterator[Origin]:
        if isinstance(expression, cst.Name):
            yield from self._trace_name(expression, depth)
        elif isinstance(expression, cst.Attribute):
            yield from self._trace_attribute(expression, depth)
        elif isinstance(expression, cst.Call):
            yield from self._trace_call(expression, depth)
        elif isinstance(expression, (cst.Await, cst.From)):
            yield from self._follow(
                expression.expression if isinstance(expression, cst.Await) else expression.item, depth
            )
        elif isinstance(expression, cst.NamedExpr):
            yield from self._follow(expression.value, depth)
        elif isinstance(expression, cst.IfExp):
            yield from self._follow(expression.body, depth)
            yield from self._follow(expression.orelse, depth)
        elif isinstance(expression, cst.BooleanOperation):
            yield from self._follow(expression.left, depth)
            yield from self._follow(expression.right, depth)
        elif isinstance(expression, cst.Subscript):
            yield from self._trace_item(expression, expression.value, self._key(expression), depth)
        elif isinstance(expression, cst.Lambda):
            yield Origin("function", expression)
        elif isinstance(expression, _LITERALS):
            yield Origin("literal", expression)
        else:
            yield Origin("expression", expression)

    def _trace_name(self, name: cst.Name, depth: int) -> Iterator[Origin]:
        definitions = self.definitions(name)
        if not definitions:
            qualified = self._names.qualified_name(name)
            yield Origin("unknown", name) if qualified is None else Origin("name", name, qualified)
        for binding in definitions:
            yield from self._trace_binding(binding, depth)

    def _trace_binding(self, binding: Binding, depth: int) -> Iterator[Origin]:
        value = binding.value
        if binding.kind == "import":
            yield Origin("name", binding.node, binding.qualified)
        elif binding.kind == "def":
            yield Origin("function", binding.node)
        elif binding.kind == "class":
            yield Origin("class", binding.node)
        elif binding.kind == "param":
            yield from self._trace_parameter(binding, depth)
        elif binding.kind == "annotate":
            yield from self._trace_annotation(binding.node)
        elif binding.kind in ("augment", "except", "match") or value is None:
            yield Origin("expression", binding.node)
        elif binding.kind == "loop":
            yield from self._trace_item(binding.node, value, None, depth)
        elif binding.path:
            yield from self._trace_unpacked(binding, value, depth)
        else:
            yield from self._follow(value, depth)
            if isinstance(binding.node, cst.AnnAssign):
                yield from self._trace_annotation(binding.node)

    def _trace_unpacked(self, binding: Binding, value: Node, depth: int) -> Iterator[Origin]:
        """Follow ``a, b = x, y`` to ``x`` and ``y``; from anything else an item is taken."""
        for step in binding.path:
            if not isinstance(value, (cst.Tuple, cst.List)) or step == "*" or step >= len(value.elements):
                yield from self._trace_item(binding.node, value, None, depth)
                return
            value = value.elements[step].value
        yield from self._follow(value, depth)

    def _trace_parameter(self, binding: Binding, depth: int) -> Iterator[Origin]:
        param = binding.node
        assert isinstance(param, cst.Param)
        function = self._tree.parent(self._tree.parent(param) or param)
        if param.annotation is not None:
            found = list(self._trace_annotation(param))
            if any(origin.is_known for origin in found):
                yield from found
                return
        if isinstance(function, cst.FunctionDef) and binding.name in ("self", "cls"):
            owner = self._code.context.method_owner(function)
            if owner is not None:
                yield Origin("instance" if binding.name == "self" else "class", owner)
                return
        arguments = self._code.context.arguments_for(param, function)
        for argument in arguments:
            yield from self._follow(argument, depth)
        if not arguments:
            if isinstance(param.default, _LITERALS):
                yield Origin("parameter", param)
            elif param.default is not None and not is_none(param.default):
                yield from self._follow(param.default, depth)
            yield Origin("parameter", param)

    def _trace_annotation(self, node: Node) -> Iterator[Origin]:
        annotation = getattr(node, "annotation", None)
        names = [] if annotation is None else list(self.annotated_classes(annotation.annotation))
        for name, place in names:
            local = self._local_class(place)
            if local is not None:
                yield Origin("instance", local)
            elif name is not None:
                yield Origin("annotation", place, name)
        if not names:
            yield Origin("unknown", node)

    def annotated_classes(self, annotation: Node) -> Iterator[tuple[str | None, Node]]:
        """Yield the classes that an annotation allows: through ``Optional``, ``X | None``, ``Union``, strings."""
        if isinstance(annotation, (cst.Name, cst.Attribute)):
            name = self._names.qualified_name(annotation)
            if name not in ("builtins.None", "None", "typing.Any") and dotted(annotation) not in ("None", ""):
                yield name, annotation
        elif isinstance(annotation, cst.BinaryOperation) and isinstance(annotation.operator, cst.BitOr):
            yield from self.annotated_classes(annotation.left)
            yield from self.annotated_classes(annotation.right)
        elif isinstance(annotation, cst.SimpleString):
            text = annotation.evaluated_value
            if isinstance(text, str):
                root, _, rest = text.partition(".")
                base = self._names.qualify(root, self._tree.index[id(annotation)]) if root.isidentifier() else None
                if base is not None:
                    yield (f"{base}.{rest}" if rest else base), annotation
        elif isinstance(annotation, cst.Subscript):
            outer = self._names.qualified_name(annotation.value) or dotted(annotation.value)
            inner = [e.slice.value for e in annotation.slice if isinstance(e.slice, cst.Index)]
            if outer.rpartition(".")[2] in ("Optional", "Union", "Annotated", "Final", "ClassVar"):
                for part in inner[:1] if outer.endswith("Annotated") else inner:
                    yield from self.annotated_classes(part)
            else:
                yield from self.annotated_classes(annotation.value)

    def _local_class(self, node: Node) -> cst.ClassDef | None:
        if isinstance(node, cst.Name):
            for binding in self._names.bindings(node.value, node):
                if isinstance(binding.node, cst.ClassDef):
                    return binding.node
        return None

    def _trace_attribute(self, node: cst.Attribute, depth: int) -> Iterator[Origin]:
        qualified = self._names.qualified_name(node)
        if qualified is not None:
            yield Origin("name", node, qualified)
            return
        for owner in self._follow(node.value, depth):
            if owner.kind in ("instance", "class"):
                found = list(self._trace_member(owner.node, node.attr.value, depth))
                yield from found or (Origin("unknown", node),)
            elif owner.name is not None and owner.kind in ("call", "annotation", "name"):
                yield Origin("item", node, f"{owner.name}.{node.attr.value}")
            else:
                yield Origin("unknown", node)

    def _trace_member(self, owner: Node, attribute: str, depth: int) -> Iterator[Origin]:
        """Follow ``self.attribute`` through the class and its base classes in this file."""
        for cls in self._code.context.class_and_bases(owner):
            for binding in self._names.attribute_bindings(cls, attribute):
                yield from self._trace_binding(binding, depth)
            method = self._code.context.method(cls, attribute)
            if method is not None:
                yield Origin("function", method)

    def _trace_call(self, call: cst.Call, depth: int) -> Iterator[Origin]:
        function = call.func
        qualified = self._names.qualified_name(function)
        if qualified is not None:
            if qualified in words("values", "transparent_calls") and call.args:  # `torch.compile(model)` is the model
                yield from self._follow(call.args[0].value, depth)
            else:
                yield Origin("call", call, qualified)
            return
        if isinstance(function, cst.Attribute) and function.attr.value in words("values", "fluent_methods"):
            yield from self._follow(function.value, depth)  # `model.to(device)` is the model
            return
        for callee in self._follow(function, depth):
            if callee.kind == "class":
                yield Origin("instance", callee.node)
            elif callee.kind == "function":
                returned = list(self._code.context.returned_values(callee.node))
                for value in returned:
                    yield from self._follow(value, depth)
                if not returned:
                    yield Origin("unknown", call)
            elif callee.kind in ("name", "item") and callee.name is not None:
                yield Origin("call", call, callee.name)
            else:
                yield Origin("unknown", call)

    def _trace_item(self, node: Node, whole: Node, key: object, depth: int) -> Iterator[Origin]:
        """Follow an element out of a container: into a literal where one is in view, else to an item of it."""
        for origin in self._follow(whole, depth):
            container = origin.node
            if origin.kind == "literal" and isinstance(container, (cst.List, cst.Tuple, cst.Set)):
                elements = [element.value for element in container.elements]
                if isinstance(key, int) and -len(elements) <= key < len(elements):
                    elements = [elements[key]]
                for element in elements:
                    yield from self._follow(element, depth)
            elif origin.kind == "literal" and isinstance(container, cst.Dict) and isinstance(node, cst.Subscript):
                for entry in container.elements:
                    if isinstance(entry, cst.DictElement):
                        own = getattr(entry.key, "evaluated_value", None)
                        if key is None or own is None or own == key:
                            yield from self._follow(entry.value, depth)
            elif origin.kind == "parameter":
                yield Origin("parameter", container)
            elif origin.is_known:
                yield Origin("item", whole, origin.name)
            else:
                yield Origin("unknown", node)

    @staticmethod
    def _key(subscript: cst.Subscript) -> object:
        """Return the constant key of ``x[key]``, None where it is no constant."""
        if len(subscript.slice) == 1 and isinstance(index := subscript.slice[0].slice, cst.Index):
            return getattr(index.value, "evaluated_value", None)
        return None
