"""Where values live: on the accelerator, in host memory, or in Python; and which of them are modules or loaders.

The lattice is about the run on a GPU: a value that one way of running puts on the device counts as a device value. What
a ``DataLoader`` yields is on the host until ``.to(device)``; what a module gives is where the module is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import libcst as cst

from ..knowledge import words
from .arguments import argument, keyword
from .constants import as_text
from .kinds import Kind, alike, combined, item_of, strongest
from .names import Binding, dotted
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

#: How many expressions one question follows, and how far, before the answer is "unknown".
_STEPS = 300
_DEPTH = 30

#: What names suggest: which lists of ``torch_devices.toml`` hold whole names, and which their endings.
_HINTS = (
    (Kind.MODULE, "names", "name_endings"),
    (Kind.OPTIMIZER, "optimizer_names", "optimizer_endings"),
    (Kind.LOADER, "loader_names", "loader_endings"),
)

_facts = partial(words, "torch_devices")


class Devices:
    """Answers "what is this value, and where?" for expressions."""

    def __init__(self, code: Code) -> None:
        self._code, self._tree, self._values, self._context = code, code.tree, code.values, code.context
        self._memo: dict[tuple[int, bool], Kind] = {}
        self._open: set[tuple[int, bool]] = set()
        self._cut_short = False
        self._steps = 0

    # ---- questions

    def kind(self, expression: Node) -> Kind:
        """Return what the value of an expression is."""
        return self._ask(expression, item=False)

    def item_kind(self, expression: Node) -> Kind:
        """Return what an element of the expression's value is: of a list, a batch, a loader's turn, a tuple."""
        return self._ask(expression, item=True)

    def kind_of_target(self, loop: cst.For) -> Kind:
        """Return what the (last) target of a loop gets in each turn: a batch, for a loop over a loader."""
        names = list(self._tree.within(loop.target, cst.Name))
        for binding in self._code.names.bindings(names[-1].value, loop.body) if names else ():
            if binding.node is loop and binding.value is not None:
                return self._looped(binding.value, binding.path)
        return Kind.UNKNOWN

    def on_device(self, expression: Node) -> bool:
        """Is the value a tensor on the accelerator?"""
        return self.kind(expression) is Kind.DEVICE

    def is_module(self, expression: Node) -> bool:
        """Is the value a model, a layer or a loss?"""
        return self.kind(expression) is Kind.MODULE

    def is_module_call(self, call: cst.Call) -> bool:
        """Does the call run a module: ``model(x)``, ``self.net.forward(x)``, ``model.generate(x)``?"""
        if isinstance(call.func, cst.Attribute) and call.func.attr.value in _facts("modules", "calls"):
            return self.kind(call.func.value) is Kind.MODULE or call.func.attr.value == "forward"
        return self.kind(call.func) is Kind.MODULE and not _names_a_class(call.func)

    def is_module_class(self, cls: Node) -> bool:
        """Does a class of this file derive from ``torch.nn.Module`` (or from a framework's own base of it)?"""
        return any(name.rpartition(".")[2] in _facts("modules", "bases") for name in self._context.base_names(cls))

    def moves(self, call: cst.Call) -> bool:
        """Does the call move its object to a device (``x.cuda()``, ``x.to(device)``; not ``x.to(torch.float16)``)?"""
        if not isinstance(call.func, cst.Attribute):
            return False
        if call.func.attr.value == "cuda":
            return True
        if call.func.attr.value != "to":
            return False
        target = self.move_target(call)
        return target is not None and not self.is_host_device(target)

    def move_target(self, call: cst.Call) -> Node | None:
        """Return the device argument of ``x.to(…)``; None where only a dtype or a memory format is given."""
        target = argument(call, 0, "device")
        if target is None or self._is_dtype(target) or self.kind(target).is_tensor:
            return None
        return target

    def is_host_device(self, target: Node) -> bool:
        """Is the device argument surely the CPU?"""
        found = self._values.constants(target)
        if found:
            return all(value == "cpu" for value in found)
        return (
            any(
                isinstance(origin.node, cst.Call)
                and origin.name == "torch.device"
                and origin.node.args
                and as_text(origin.node.args[0].value) == "cpu"
                for origin in self._values.origins(target)
            )
            and len(self._values.origins(target)) == 1
        )

    @cached_property
    def used(self) -> bool:
        """Does the file put anything on an accelerator? If not, its tensors may well all be in host memory."""
        for call in self._code.calls("cuda", "to"):
            if isinstance(call.func, cst.Attribute) and call.args and self._is_dtype(call.args[0].value):
                continue
            if call.args and as_text(call.args[0].value) == "cpu":
                continue
            return True
        for arg in self._tree.all(cst.Arg):
            placed = arg.keyword is not None and arg.keyword.value in ("device", "device_map")
            if placed and as_text(arg.value) != "cpu":
                return True
        packages = _facts("accelerators", "packages")
        modules = set(self._code.names.imported_modules)
        if any(module.partition(".")[0] in packages for module in modules):
            return True
        return any(
            (self._code.qualified_name(node) or "").startswith("torch.cuda") and dotted(node)
            for node in self._tree.all(cst.Attribute)
        )

    @cached_property
    def default_is_device(self) -> bool:
        """Does the file make the accelerator the default for new tensors?"""
        return any(self._code.calls("set_default_device", "set_default_tensor_type"))

    # ---- following

    def _ask(self, expression: Node, *, item: bool) -> Kind:
        outermost = not self._open
        if outermost:
            self._steps = _STEPS
        key = (id(expression), item)
        if key in self._memo:
            return self._memo[key]
        if key in self._open:  # a cycle adds nothing to what its other ways give
            self._cut_short = True
            return Kind.PYTHON
        if self._steps <= 0 or len(self._open) >= _DEPTH:
            self._cut_short = True
            return Kind.UNKNOWN
        self._steps -= 1
        self._open.add(key)
        before, self._cut_short = self._cut_short, False
        found = self._item(expression) if item else self._kind(expression)
        self._open.discard(key)
        if outermost or not self._cut_short:
            self._memo[key] = found
        self._cut_short |= before
        return found

    def _kind(self, node: Node) -> Kind:
        ask = _WAYS.get(node.__class__)
        return Kind.PYTHON if ask is None else ask(self, node)

    def _item(self, node: Node) -> Kind:
        if isinstance(node, cst.Name):
            bindings = self._values.definitions(node)
            if bindings and all(
                b.kind in ("assign", "walrus") and not b.path and b.value is not None for b in bindings
            ):
                return strongest(self.item_kind(b.value) for b in bindings if b.value is not None)
        elif isinstance(node, (cst.ListComp, cst.GeneratorExp, cst.SetComp)):
            return self.kind(node.elt)
        elif isinstance(node, cst.DictComp):
            return self.kind(node.value)
        elif isinstance(node, (cst.List, cst.Tuple, cst.Set, cst.Dict)):
            return alike(self.kind(element.value) for element in node.elements)
        elif isinstance(node, cst.IfExp):
            return strongest((self.item_kind(node.body), self.item_kind(node.orelse)))
        elif isinstance(node, cst.Call):
            return self._turn(node, ())
        return item_of(self.kind(node))

    # ---- names and attributes

    def _name(self, name: cst.Name) -> Kind:
        bindings = self._values.definitions(name)
        if not bindings:
            return self._hint(name.value) if self._code.qualified_name(name) is None else Kind.UNKNOWN
        found = strongest(self._bound(binding) for binding in bindings)
        if found is Kind.UNKNOWN and not any(origin.is_known for origin in self._values.origins(name)):
            return self._hint(name.value)
        return found

    def _bound(self, binding: Binding) -> Kind:
        value = binding.value
        if binding.kind == "param":
            return self._parameter(binding)
        if binding.kind == "augment" and isinstance(binding.node, cst.AugAssign):
            return combined((self.kind(binding.node.target), self.kind(binding.node.value)))
        if binding.kind == "class" and self.is_module_class(binding.node):
            return Kind.UNKNOWN
        if value is None or binding.kind in ("def", "class", "import", "except", "match", "with"):
            return Kind.UNKNOWN
        if binding.kind == "loop":
            return self._looped(value, binding.path)
        return self._unpacked(value, binding.path)

    def _looped(self, iterable: Node, path: Sequence[int | str]) -> Kind:
        """Return what a loop target gets: the part ``path`` of what the iterable yields."""
        if isinstance(iterable, cst.Call):
            return self._turn(iterable, path)
        return self.item_kind(iterable)

    def _turn(self, call: cst.Call, path: Sequence[int | str]) -> Kind:
        """Return what one turn of a loop over a call's result gives, following ``path`` into it."""
        function = self._code.qualified_name(call.func)
        arguments = [arg.value for arg in call.args if arg.keyword is None]
        if function in ("builtins.range", "builtins.len"):
            return Kind.PYTHON
        if function == "builtins.enumerate" and arguments:
            if path:
                return Kind.PYTHON if path[0] == 0 else self._looped(arguments[0], path[1:])
            return Kind.UNKNOWN
        if function == "builtins.zip" and arguments:
            if path and isinstance(path[0], int) and path[0] < len(arguments):
                return self._looped(arguments[path[0]], path[1:])
            return Kind.UNKNOWN
        if function == "builtins.map" and len(arguments) > 1 and isinstance(arguments[0], cst.Lambda):
            return self.kind(arguments[0].body)
        if isinstance(call.func, cst.Attribute) and call.func.attr.value in ("items", "values"):
            if call.func.attr.value == "items" and path and path[0] == 0:
                return Kind.PYTHON
            return self.item_kind(call.func.value)
        found = self._call_result(call, path)
        if found is not Kind.UNKNOWN:
            return item_of(found)
        for value in arguments:  # a progress bar or any other wrapper around a loader
            inner = self._looped(value, path) if isinstance(value, cst.Call) else self.kind(value)
            if inner in (Kind.LOADER, Kind.DEVICE_LOADER):
                return item_of(inner)
            if isinstance(value, cst.Call) and inner in (Kind.HOST, Kind.DEVICE, Kind.PYTHON):
                return inner
        return Kind.UNKNOWN

    def _unpacked(self, value: Node, path: Sequence[int | str]) -> Kind:
        if not path:
            return self.kind(value)
        if isinstance(value, (cst.Tuple, cst.List)):
            step = path[0]
            if (
                isinstance(step, int)
                and step < len(value.elements)
                and not any(isinstance(element, cst.StarredElement) for element in value.elements)
            ):
                return self._unpacked(value.elements[step].value, path[1:])
            return Kind.UNKNOWN
        if isinstance(value, cst.Call):
            if isinstance(value.func, cst.Attribute) and value.func.attr.value in _facts("modules", "prepare"):
                return self._prepared(value, path)
            if self._code.qualified_name(value.func) == "builtins.map":
                return self._turn(value, path)
            return self._call_result(value, path)
        if isinstance(value, cst.IfExp):
            return strongest((self._unpacked(value.body, path), self._unpacked(value.orelse, path)))
        return self.item_kind(value)

    def _prepared(self, call: cst.Call, path: Sequence[int | str]) -> Kind:
        """Follow ``model, optimizer, loader = accelerator.prepare(model, optimizer, loader)``."""
        step = path[0] if path else 0
        arguments = [arg.value for arg in call.args if arg.keyword is None and not arg.star]
        if not isinstance(step, int) or step >= len(arguments):
            return Kind.UNKNOWN
        found = self.kind(arguments[step])
        assert isinstance(call.func, cst.Attribute)
        if found is Kind.LOADER and call.func.attr.value in _facts("modules", "placing_loaders"):
            return Kind.DEVICE_LOADER
        return found

    def _parameter(self, binding: Binding) -> Kind:
        param = binding.node
        assert isinstance(param, cst.Param)
        function = self._tree.parent(self._tree.parent(param) or param)
        hint = self._hint(binding.name)
        if param.annotation is not None:
            declared = self._declared(param)
            if declared is not None:
                if declared is not Kind.TENSOR:
                    return declared
                hint = declared
        arguments = self._context.arguments_for(param, function) if function is not None else []
        if arguments:
            found = alike(self.kind(value) for value in arguments)  # unknown for a helper that takes anything
            if found is not Kind.UNKNOWN and not (found is Kind.PYTHON and hint is Kind.TENSOR):
                return found
        if hint is Kind.UNKNOWN and self.in_forward(function) and binding.name in _facts("forward", "tensor_names"):
            return Kind.TENSOR
        return hint

    def in_forward(self, function: Node | None) -> bool:
        """Is the function ``forward`` or ``__call__`` of a module of this file?"""
        if not isinstance(function, cst.FunctionDef) or function.name.value not in ("forward", "__call__"):
            return False
        owner = self._context.method_owner(function)
        return owner is not None and self.is_module_class(owner)

    def _declared(self, node: cst.Param) -> Kind | None:
        """Return what an annotation says; None where it names a class that may be anything."""
        assert node.annotation is not None
        for name, _ in self._values.annotated_classes(node.annotation.annotation):
            last = (name or "").rpartition(".")[2]
            if name is not None and name.startswith("torch."):
                if last.endswith("Tensor"):
                    return Kind.TENSOR
                if last == "Module":
                    return Kind.MODULE
                if last == "Optimizer":
                    return Kind.OPTIMIZER
                if last == "DataLoader":
                    return Kind.LOADER
                return Kind.PYTHON
            if name is not None and (name.startswith("builtins.") or name.startswith("typing.")):
                return Kind.PYTHON if last in ("int", "float", "str", "bool", "bytes") else Kind.UNKNOWN
            if name is not None and name.startswith("numpy."):
                return Kind.HOST
        return None

    def _attribute(self, node: cst.Attribute) -> Kind:
        name = node.attr.value
        if self._code.qualified_name(node) is not None:
            return Kind.UNKNOWN
        owner = node.value
        if isinstance(owner, cst.Name) and owner.value == "self":
            return self._member(node)
        of = self.kind(owner)
        if of.is_tensor:
            return Kind.PYTHON if name in _facts("methods", "python_attributes") else of
        if of is Kind.MODULE:
            return Kind.MODULE if name == "module" else self._hint(name)
        if of is Kind.UNKNOWN:
            if name in _facts("methods", "python_attributes"):
                return Kind.PYTHON
            return self._hint(name) if not self._values.is_known(node) else Kind.UNKNOWN
        return Kind.UNKNOWN

    def _member(self, node: cst.Attribute) -> Kind:
        """Return what ``self.name`` is by all its assignments in the class."""
        cls = self._code.names.enclosing_class(node)
        found = []
        if cls is not None:
            for owner in self._context.class_and_bases(cls):
                found += [
                    self._bound(binding) for binding in self._code.names.attribute_bindings(owner, node.attr.value)
                ]
        if not found and cls is not None and self._context.buffers(cls, node.attr.value):
            return Kind.TENSOR
        best = strongest(found) if found else Kind.UNKNOWN
        return self._hint(node.attr.value) if best is Kind.UNKNOWN and not self._values.is_known(node) else best

    def _hint(self, name: str) -> Kind:
        """Return what a name that nothing in the file explains suggests."""
        if name.partition("_")[0] in _facts("modules", "verbs"):  # `unwrap_model` is a function
            return Kind.UNKNOWN
        for kind, names, endings in _HINTS:
            if name in _facts("modules", names) or name.endswith(tuple(_facts("modules", endings))):
                return kind
        return Kind.UNKNOWN

    # ---- calls

    def _call(self, call: cst.Call) -> Kind:
        return self._call_result(call, ())

    def _call_result(self, call: cst.Call, path: Sequence[int | str]) -> Kind:
        """Return what the part ``path`` of a call's result is."""
        function = call.func
        qualified = self._code.qualified_name(function)
        if qualified is not None:
            found = self._named(call, qualified)
            if found is not None:
                return found
        if isinstance(function, cst.Attribute):
            found = self._method(call, function)
            if found is not None:
                return found
        if self.kind(function) is Kind.MODULE:  # a class handed in by its caller makes a module
            return Kind.MODULE if _names_a_class(function) else self.computed
        for origin in self._values.origins(function):
            if origin.kind == "name" and origin.name is not None and origin.name != qualified:
                found = self._named(call, origin.name)
                if found is not None:
                    return found
            if origin.kind == "class" and self.is_module_class(origin.node):
                return Kind.MODULE
            if origin.kind == "class":
                return Kind.UNKNOWN
            if origin.kind == "function":
                returned = self._context.returned_values(origin.node)
                return strongest(self._unpacked(value, path) for value in returned) if returned else Kind.UNKNOWN
            if origin.kind == "instance" and self.is_module_class(origin.node):
                return self.computed
        return Kind.UNKNOWN

    @property
    def computed(self) -> Kind:
        """What a module computes: on the device where the file uses one, else a tensor somewhere."""
        return Kind.DEVICE if self.used else Kind.TENSOR

    def _named(self, call: cst.Call, name: str) -> Kind | None:
        """Return what a call of an imported function or builtin gives; None where the name does not tell."""
        module, _, last = name.rpartition(".")
        arguments = [arg.value for arg in call.args if not arg.star]
        if module == "builtins":
            if last in ("sum", "max", "min") and arguments:
                inner = (
                    combined(self.kind(a) for a in arguments) if len(arguments) > 1 else self.item_kind(arguments[0])
                )
                return inner if inner.is_tensor else Kind.UNKNOWN if inner is Kind.UNKNOWN else Kind.PYTHON
            if last in ("iter", "tqdm") and arguments:
                return self.kind(arguments[0])
            if last in ("next", "getattr") and arguments:
                return item_of(self.kind(arguments[0])) if last == "next" else Kind.UNKNOWN
            return Kind.UNKNOWN if last in _facts("builtins", "of_anything") else Kind.PYTHON
        root = name.partition(".")[0]
        if root == "numpy":
            return Kind.HOST
        if root in _facts("builtins", "modules"):
            return Kind.PYTHON
        if root == "copy" and arguments:
            return self.kind(arguments[0])
        if root != "torch":
            return (
                Kind.MODULE
                if last == "from_pretrained" and not any(word in module for word in _facts("modules", "no_modules"))
                else None
            )
        return self._torch(call, name, module, last, arguments)

    def _torch(self, call: cst.Call, name: str, module: str, last: str, arguments: Sequence[Node]) -> Kind | None:
        if name in _facts("functions", "on_device"):
            return self.computed
        if name in _facts("functions", "same_as_first"):
            return self.kind(arguments[0]) if arguments else Kind.TENSOR
        if module == "torch.optim":
            return Kind.OPTIMIZER
        if module == "torch.utils.data":
            return Kind.LOADER if last == "DataLoader" else Kind.UNKNOWN
        if name in ("torch.compile", "torch.jit.script", "torch.jit.trace") or last in (
            "DataParallel",
            "DistributedDataParallel",
        ):
            return Kind.MODULE
        if module == "torch.cuda" and last.endswith("Tensor"):
            return Kind.DEVICE
        if module.startswith("torch.nn") and last[:1].isupper() and not module.startswith("torch.nn.functional"):
            return Kind.MODULE
        if module == "torch":
            if last in _facts("functions", "python"):
                return Kind.PYTHON
            if last in _facts("functions", "host"):
                return Kind.UNKNOWN
            if self.makes_tensor(call, name):
                return self._made(call)
        if module not in _facts("functions", "namespaces"):
            return Kind.UNKNOWN
        if last.startswith(("is_", "get_", "set_")):
            return Kind.PYTHON
        if last in _facts("constructors", "like") and keyword(call, "device") is not None:
            return self._placed(keyword(call, "device"))
        found = combined(self._content(value) for value in arguments)
        return found if found.is_tensor else Kind.TENSOR

    def _content(self, value: Node) -> Kind:
        """Return what a tensor function gets by an argument: the tensors in a list where one is given."""
        if isinstance(value, (cst.List, cst.Tuple, cst.ListComp, cst.GeneratorExp)):
            return self.item_kind(value)
        return self.kind(value)

    def makes_tensor(self, call: cst.Call, name: str | None = None) -> bool:
        """Is the call a constructor that makes a tensor from sizes, numbers or host data?"""
        name = name or self._code.qualified_name(call.func) or ""
        module, _, last = name.rpartition(".")
        return module == "torch" and any(
            last in _facts("constructors", group) for group in ("plain", "random", "from_host_data", "host_classes")
        )

    def _made(self, call: cst.Call) -> Kind:
        device = keyword(call, "device")
        if device is not None:
            return self._placed(device)
        if self.default_is_device:
            return Kind.TENSOR
        data = call.args[0].value if call.args else None
        if data is not None and self.kind(data) is Kind.DEVICE:  # `torch.as_tensor(x)` stays where `x` is
            return Kind.TENSOR
        return Kind.HOST

    def _placed(self, device: Node | None) -> Kind:
        if device is None:
            return Kind.TENSOR
        if isinstance(device, cst.Attribute) and device.attr.value == "device":
            owner = self.kind(device.value)
            if owner.is_tensor:
                return owner
        return Kind.HOST if self.is_host_device(device) else Kind.DEVICE

    def _method(self, call: cst.Call, function: cst.Attribute) -> Kind | None:
        """Return what a method gives; None where the receiver is no tensor and no module."""
        name = function.attr.value
        receiver = self.kind(function.value)
        if name in ("item", "tolist"):
            return Kind.PYTHON
        if name in _facts("methods", "host"):
            return Kind.MODULE if receiver is Kind.MODULE else Kind.HOST
        if name in ("to", "cuda", "type"):
            return self._moved(call, receiver)
        if receiver is Kind.MODULE:
            if name in _facts("modules", "fluent"):
                return Kind.MODULE
            return self.computed if name in _facts("modules", "calls") else None
        if name == "forward":
            return self.computed
        if name in _facts("modules", "prepare") and len(call.args) == 1:
            return self._prepared(call, ())
        if receiver.is_tensor:
            if name in _facts("methods", "python") or name.startswith("is_"):
                return Kind.PYTHON
            if name in _facts("methods", "new"):
                return self._placed(keyword(call, "device")) if keyword(call, "device") is not None else receiver
            if name in ("get", "pop"):  # of a batch
                return receiver
            return combined((receiver, *(self.kind(arg.value) for arg in call.args)))
        if receiver is Kind.LOADER and name in ("next", "__iter__"):
            return Kind.LOADER
        if receiver is Kind.PYTHON:
            return Kind.PYTHON if not isinstance(function.value, (cst.Dict, cst.Name)) else None
        return None

    def _moved(self, call: cst.Call, receiver: Kind) -> Kind:
        assert isinstance(call.func, cst.Attribute)
        if receiver in (Kind.MODULE, Kind.OPTIMIZER, Kind.LOADER):
            return receiver
        made = call.func.value
        if receiver is Kind.UNKNOWN and isinstance(made, cst.Call) and _names_a_class(made.func):
            return Kind.MODULE  # an object of an imported class that can be moved
        if call.func.attr.value == "cuda":
            return Kind.DEVICE
        if call.func.attr.value == "type":
            kinds = {o.name for o in self._values.origins(call.args[0].value) if o.name} if call.args else set()
            return Kind.DEVICE if any("torch.cuda" in name for name in kinds) else receiver
        target = argument(call, 0, "device")
        if target is None or self._is_dtype(target):
            return receiver
        other = self.kind(target)
        if other.is_tensor:
            return other
        return self._placed(target)

    def _is_dtype(self, node: Node) -> bool:
        name = self._code.qualified_name(node)
        if name is not None:
            return name.startswith("torch.") and name != "torch.device"
        if isinstance(node, cst.Attribute):
            return node.attr.value.endswith("dtype")
        if isinstance(node, cst.Name):
            if node.value.endswith("dtype"):
                return True
            return any(
                (o.name or "").removeprefix("torch.") in _facts("dtypes", "names")
                for o in self._values.origins(node)
                if o.kind == "name"
            )
        return False

    def _comparison(self, node: cst.Comparison) -> Kind:
        if any(isinstance(part.operator, (cst.Is, cst.IsNot, cst.In, cst.NotIn)) for part in node.comparisons):
            return Kind.PYTHON
        if any(isinstance(part.comparator, (cst.SimpleString, cst.FormattedString)) for part in node.comparisons):
            return Kind.PYTHON
        found = combined((self.kind(node.left), *(self.kind(part.comparator) for part in node.comparisons)))
        return found if found.is_tensor else Kind.UNKNOWN if found is Kind.UNKNOWN else Kind.PYTHON


#: How each form of expression is followed, by its class, as it is asked of every expression (see
#: ``tree.kinds``). What is not here is a Python value.
_WAYS: dict[type, Callable[[Devices, Any], Kind]] = {
    cst.Name: Devices._name,
    cst.Attribute: Devices._attribute,
    cst.Call: Devices._call,
    cst.Subscript: lambda self, node: self.item_kind(node.value),
    cst.BinaryOperation: lambda self, node: combined((self.kind(node.left), self.kind(node.right))),
    cst.UnaryOperation: lambda self, node: (
        Kind.PYTHON if isinstance(node.operator, cst.Not) else self.kind(node.expression)
    ),
    cst.Comparison: Devices._comparison,
    cst.IfExp: lambda self, node: strongest((self.kind(node.body), self.kind(node.orelse))),
    cst.BooleanOperation: lambda self, node: strongest((self.kind(node.left), self.kind(node.right))),
    cst.NamedExpr: lambda self, node: self.kind(node.value),
    cst.Arg: lambda self, node: self.kind(node.value),
    cst.Await: lambda self, node: self.kind(node.expression),
    cst.Lambda: lambda self, node: Kind.UNKNOWN,
}


def _names_a_class(function: Node) -> bool:
    """Is a callee written like a class (``Model``, ``models.ResNet``)?"""
    name = dotted(function).rpartition(".")[2]
    return name[:1].isupper() or name.endswith(("_class", "_cls", "_type"))
