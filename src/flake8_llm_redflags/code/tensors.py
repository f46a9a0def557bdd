"""What an expression computes with tensors, and what it was computed from.

Function, method, operator, in-place and module forms of one operation are one ``Operation``: ``F.softmax(x, -1)``,
``x.softmax(-1)`` and ``self.attend(x)`` with ``self.attend = nn.Softmax(-1)`` are all ``softmax`` of ``x``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING

import libcst as cst

from ..knowledge import table, words
from .arguments import argument, has_star_arguments, keyword
from .constants import is_none
from .names import Binding, last_name
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

_OPERATORS: dict[type, str] = {
    cst.MatrixMultiply: "matmul",
    cst.MatrixMultiplyAssign: "matmul",
    cst.Add: "add",
    cst.AddAssign: "add",
    cst.Subtract: "sub",
    cst.SubtractAssign: "sub",
    cst.Multiply: "mul",
    cst.MultiplyAssign: "mul",
    cst.Divide: "div",
    cst.DivideAssign: "div",
    cst.Power: "pow",
    cst.PowerAssign: "pow",
}
#: Properties of a tensor that are operations on it.
_PROPERTIES = ("mT", "T", "mH", "data")
_FRAMES = 4

#: Returns the operation names of a group of ``knowledge/torch_ops.toml``: ``casts``, ``views``, ``products`` …
group = partial(words, "torch_ops", "operations")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its plain name (``masked_fill`` also for ``masked_fill_``) and its operands.

    ``operands`` are the positional arguments, the tensor of a method call first. ``call`` holds the keywords: the call
    itself, or the one that built the module. ``node`` is the expression, or the augmented assignment.
    """

    name: str
    node: Node
    operands: tuple[Node, ...]
    call: cst.Call | None = None
    #: Are the settings (axis, rate) those of a module, in ``call``, rather than arguments here?
    is_module: bool = False
    is_method: bool = False

    @property
    def rest(self) -> tuple[Node, ...]:
        """The operands behind the tensor, those of one tuple or list singly: the axes of ``permute``, the sizes of ``view``."""
        rest = self.operands[1:]
        if len(rest) == 1 and isinstance(rest[0], (cst.Tuple, cst.List)):
            elements = rest[0].elements
            if not any(isinstance(element, cst.StarredElement) for element in elements):
                return tuple(element.value for element in elements)
        return rest

    def setting(self, position: int, name: str) -> Node | None:
        """Return an argument besides the tensor: by keyword, or by its position (from 0) behind the tensor."""
        if self.call is None:
            return None
        return argument(self.call, position if self.is_module or self.is_method else position + 1, name)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One call of a local function: what its parameters stand for in the caller."""

    function: Node
    values: dict[tuple[int, str], Place] = field(repr=False)
    depth: int


@dataclass(frozen=True, slots=True)
class Place:
    """An expression (or an augmented assignment) as it is evaluated in one call."""

    node: Node
    frame: Frame | None = None

    @property
    def key(self) -> tuple[int, int]:
        """What tells places apart."""
        return id(self.node), id(self.frame)


class Tensors:
    """Operations and their sources in one file."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self._operations: dict[int, Operation | None] = {}
        self._frames: dict[tuple[int, int], Frame] = {}

    # ---- operations

    def operation(self, node: Node) -> Operation | None:
        """Return the operation that an expression or an augmented assignment performs, None where it is no known one."""
        key = id(node)
        if key not in self._operations:
            self._operations[key] = None if self._are_of_another_library else self._operation(node)
        return self._operations[key]

    @cached_property
    def _are_of_another_library(self) -> bool:
        """Does the file import another library of tensors, and not torch? Its methods have the same names."""
        packages = {module.partition(".")[0] for module in self._code.names.imported_modules}
        return "torch" not in packages and not packages.isdisjoint(words("torch_ops", "other_frameworks", "tensors"))

    def _operation(self, node: Node) -> Operation | None:
        if isinstance(node, cst.BinaryOperation):
            name = _OPERATORS.get(node.operator.__class__)
            return Operation(name, node, (node.left, node.right)) if name else None
        if isinstance(node, cst.AugAssign):
            name = _OPERATORS.get(node.operator.__class__)
            return Operation(name, node, (node.target, node.value)) if name else None
        if isinstance(node, cst.Attribute) and node.attr.value in _PROPERTIES:
            return Operation(node.attr.value, node, (node.value,))
        if isinstance(node, cst.Call):
            return self._call(node)
        return None

    def _call(self, call: cst.Call) -> Operation | None:
        if any(arg.star == "*" for arg in call.args[:1]):
            return None
        positional = tuple(arg.value for arg in call.args if arg.keyword is None and not arg.star)
        qualified = self._code.qualified_name(call.func)
        if qualified is not None:
            package = qualified.partition(".")[0]
            if package in words("torch_ops", "other_frameworks") or qualified.startswith("builtins."):
                return None
            name = _plain(qualified.rpartition(".")[2])
            if not positional and (first := keyword(call, "input")) is not None:
                positional = (first,)
            return Operation(name, call, positional, call)
        function = call.func
        if isinstance(function, cst.Attribute) and not _is_self(function.value):
            if (module := self._module(call)) is not None:
                return Operation(module[0], call, positional, module[1], is_module=True)
            if self._package_of(function.value) in words("torch_ops", "other_frameworks"):
                return None
            return Operation(_plain(function.attr.value), call, (function.value, *positional), call, is_method=True)
        if isinstance(function, (cst.Name, cst.Attribute)):
            if (module := self._module(call)) is not None:
                return Operation(module[0], call, positional, module[1], is_module=True)
            if not self._code.values.is_known(function):
                name = last_name(function) or ""
                if "drop" in name.lower():
                    return Operation("dropout", call, positional)
                return Operation(_plain(name), call, positional, call)
        return None

    def _package_of(self, node: Node) -> str | None:
        qualified = self._code.qualified_name(node)
        return None if qualified is None else qualified.partition(".")[0]

    def _module(self, call: cst.Call) -> tuple[str, cst.Call | None] | None:
        """Return what a called module does (``softmax``) and the call that built it."""
        function = call.func
        if isinstance(function, cst.Attribute) and not _is_self(function.value) and function.attr.value != "forward":
            return None
        origins = [
            origin
            for origin in self._code.values.origins(function)
            if origin.kind == "call" and origin.name is not None
        ]
        if any(self._does_more(origin.name or "") for origin in origins):
            return None
        for origin in origins:
            if origin.name in _modules():
                return _modules()[origin.name], origin.node if isinstance(origin.node, cst.Call) else None
            if origin.name == "torch.nn.Sequential" and isinstance(origin.node, cst.Call):
                return self._sequence(origin.node)
        return None

    @staticmethod
    def _does_more(name: str) -> bool:
        """Is a module another than those known: ``nn.Conv2d(…)`` of ``nn.Conv2d(…) if mixes_heads else nn.Identity()``?"""
        return name.startswith("torch.nn.") and name not in _modules() and name != "torch.nn.Sequential"

    def _sequence(self, built: cst.Call) -> tuple[str, cst.Call | None] | None:
        """Return what ``nn.Sequential(nn.Softmax(-1), nn.Dropout(p))`` amounts to: the one step that is no dropout."""
        steps = []
        for arg in built.args:
            name = self._code.qualified_name(arg.value.func) if isinstance(arg.value, cst.Call) else None
            if name not in _modules() or not isinstance(arg.value, cst.Call):
                return None
            if _modules()[name] not in ("dropout", "identity"):
                steps.append((_modules()[name], arg.value))
        return steps[0] if len(steps) == 1 else None

    # ---- sources

    def sources(self, place: Place) -> list[Place] | None:
        """Return the expressions whose value a name, attribute, branch or call of a local function may have.

        None where the file does not tell: a parameter of an unknown caller, an element of something opaque.
        """
        node, frame = place.node, place.frame
        if isinstance(node, cst.Name):
            found: list[Place] = []
            for binding in self._code.values.definitions(node):
                source = self.bound(binding, frame)
                if source is None:
                    return None
                found.extend(source)
            return found or None
        if isinstance(node, cst.IfExp):
            return [Place(node.body, frame), Place(node.orelse, frame)]
        if isinstance(node, cst.NamedExpr):
            return [Place(node.value, frame)]
        if isinstance(node, cst.Attribute) and _is_self(node.value):
            return self._attribute(node, frame)
        if isinstance(node, cst.Call):
            return self._returned(node, frame)
        return None

    def followed(self, place: Place) -> Place:
        """Return the first place behind a chain of names that each have one source; the place itself if none."""
        for _ in range(12):
            if self.operation(place.node) is not None:
                return place
            found = self.sources(place)
            if found is None or len(found) != 1:
                return place
            place = found[0]
        return place

    def bound(self, binding: Binding, frame: Frame | None) -> list[Place] | None:
        """Return the expressions whose value one binding may have given to its name, None where the file does not tell."""
        if binding.kind == "augment":
            return [Place(binding.node, frame)]
        if binding.kind in ("param", "loop"):
            outer = frame.values.get((id(binding.node), binding.name)) if frame is not None else None
            return None if outer is None else [outer]
        if binding.kind not in ("assign", "walrus") or binding.value is None:
            return None
        return self._element(Place(binding.value, frame), binding.path)

    def _element(self, place: Place, path: tuple[int | str, ...]) -> list[Place] | None:
        """Return what stands at ``path`` inside a value that is unpacked."""
        if not path:
            return [place]
        node, frame, step = place.node, place.frame, path[0]
        if not isinstance(step, int):
            return None
        if isinstance(node, (cst.Tuple, cst.List)):
            if any(isinstance(e, cst.StarredElement) for e in node.elements[: step + 1]) or step >= len(node.elements):
                return None
            return self._element(Place(node.elements[step].value, frame), path[1:])
        if (
            isinstance(node, cst.Call)
            and isinstance(node.func, cst.Name)
            and node.func.value == "map"
            and len(node.args) == 2
        ):
            function, items = node.args[0].value, node.args[1].value
            item = self._element(Place(items, frame), (step,))
            if isinstance(function, cst.Lambda) and len(function.params.params) == 1:
                return self._applied(function, function.params.params[0], item, function.body, frame, path[1:])
            return None
        if isinstance(node, (cst.GeneratorExp, cst.ListComp)) and isinstance(node.for_in.target, cst.Name):
            item = self._element(Place(node.for_in.iter, frame), (step,))
            return self._applied(node, node.for_in, item, node.elt, frame, path[1:], node.for_in.target.value)
        if isinstance(node, cst.Call):
            returned = self._returned(node, frame)
            if returned is not None:
                found: list[Place] = []
                for one in returned:
                    inner = self._element(one, path)
                    if inner is None:
                        return None
                    found.extend(inner)
                return found
            return None
        if isinstance(node, cst.Name):
            sources = self.sources(place)
            return self._element(sources[0], path) if sources is not None and len(sources) == 1 else None
        return None

    def _applied(
        self,
        owner: Node,
        bound_by: Node,
        item: list[Place] | None,
        body: Node,
        frame: Frame | None,
        rest: tuple[int | str, ...],
        name: str | None = None,
    ) -> list[Place] | None:
        """Return the body of a lambda or comprehension with its variable standing for ``item``."""
        depth = 1 if frame is None else frame.depth + 1
        if depth > _FRAMES or rest:
            return None
        if name is None:
            assert isinstance(bound_by, cst.Param)
            name = bound_by.name.value
        key = (id(owner), id(item[0].node) if item else id(frame))
        if key not in self._frames:
            values = dict(frame.values) if frame is not None else {}
            if item:
                values[id(bound_by), name] = item[0]
            self._frames[key] = Frame(owner, values, depth)
        return [Place(body, self._frames[key])]

    def _attribute(self, node: cst.Attribute, frame: Frame | None) -> list[Place] | None:
        """Follow ``self.scores`` to what this very method has stored there, if it was stored once in the class."""
        owner = self._code.names.enclosing_class(node)
        if owner is None:
            return None
        bindings = [
            binding
            for binding in self._code.names.attribute_bindings(owner, node.attr.value)
            if not is_none(binding.value)
        ]
        if len(bindings) != 1 or bindings[0].value is None or bindings[0].path:
            return None
        here = self._code.context.function(bindings[0].node) is self._code.context.function(node)
        return [Place(bindings[0].value, frame)] if here else None

    def _returned(self, call: cst.Call, frame: Frame | None) -> list[Place] | None:
        depth = 1 if frame is None else frame.depth + 1
        if depth > _FRAMES or has_star_arguments(call):
            return None
        function = self._code.context.called_function(call)
        if function is None:
            return None
        values = self._code.context.returned_values(function)
        if not values or len(values) > 4:
            return None
        key = (id(call), id(frame))
        if key not in self._frames:
            self._frames[key] = Frame(function, dict(self._arguments(call, function, frame)), depth)
        return [Place(value, self._frames[key]) for value in values]

    def _arguments(
        self, call: cst.Call, function: cst.FunctionDef, frame: Frame | None
    ) -> Iterator[tuple[tuple[int, str], Place]]:
        params = [*function.params.posonly_params, *function.params.params]
        bound = self._code.context.method_owner(function) is not None and not self._code.context.is_static(function)
        positional = params[1:] if bound else params
        for number, param in enumerate((*positional, *function.params.kwonly_params)):
            given = keyword(call, param.name.value)
            if given is None and number < len(positional):
                given = argument(call, number)
            if given is not None:
                yield (id(param), param.name.value), Place(given, frame)


def _plain(name: str) -> str:
    """Return ``add`` for ``add_``, but ``_safe_softmax`` as it is."""
    return name[:-1] if name.endswith("_") and not name.endswith("__") and len(name) > 1 else name


def _is_self(node: Node) -> bool:
    return isinstance(node, cst.Name) and node.value in ("self", "cls")


@cache
def _modules() -> dict[str, str]:
    return {name: what for name, what in table("torch_ops")["modules"].items() if name != "source"}
