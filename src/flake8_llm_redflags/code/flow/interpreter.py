"""An abstract run of a module: statement by statement, branches joined, loops twice, local functions inlined.

The interpreter knows Python and no library. What a value *is* stays with a domain, a subclass that answers the questions
of ``domain``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import libcst as cst

from ..tree import LOOPS, Node
from .domain import Argument, Domain, Key, Range, constant_key
from .flags import Arms, is_chosen
from .store import Frame, Store, Thing

if TYPE_CHECKING:
    from ..program import Code

State = TypeVar("State")

#: How deep calls of local functions are followed.
_DEPTH = 6
#: How many elements of a growing list are kept in view.
_IN_VIEW = 50
#: Up to how many elements in view are looped over one by one.
_TURNS = 6
#: How many statements are run for each statement of the file before calls are no longer followed.
_EFFORT = 6
COMPREHENSIONS = (cst.ListComp, cst.SetComp, cst.GeneratorExp)


class Interpreter(Domain[State]):
    """Runs the module once, then every function and method that nothing in it has called."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.store: Store[State] = Store(self.joined, self.join_states)
        self.module: Frame[State] = Frame()
        self.frame = self.module
        #: Identifies the chain of inlined calls, so that one call site run for two callers counts as two.
        self.context = 0
        #: The loops, comprehensions and calls for each element that are under way.
        self.turns: list[Node] = []
        self._running: list[int] = []
        self._entered: set[int] = set()
        self._arms = Arms()
        self._returned: list[list[Thing[State]]] = []
        #: The conditions met in each function that is run for one element after the other.
        self._conditions: list[list[Thing[State]]] = []
        self._ended = False  # the current arm has returned, raised or left its loop
        self._steps = 0
        self._limit = 2000 + _EFFORT * sum(1 for _ in code.all(cst.SimpleStatementLine))
        self._expressions: dict[type, Callable[..., Thing[State]]] = {
            cst.Name: self._name,
            cst.Attribute: self._attribute,
            cst.Call: self._call,
            cst.Subscript: self._subscript,
            cst.Tuple: self._sequence,
            cst.List: self._sequence,
            cst.Dict: self._dict,
            cst.SimpleString: self._literal,
            cst.ConcatenatedString: self._literal,
            cst.Integer: self._literal,
            cst.Float: self._literal,
            cst.UnaryOperation: self._unary,
            cst.BinaryOperation: self._binary,
            cst.IfExp: self._either,
            cst.Lambda: self._lambda,
            cst.NamedExpr: self._walrus,
            cst.Await: lambda node: self.evaluate(node.expression),
            cst.ListComp: self._comprehension,
            cst.SetComp: self._comprehension,
            cst.GeneratorExp: self._comprehension,
            cst.DictComp: self._comprehension,
        }
        self._statements: dict[type, Callable[..., None]] = {
            cst.Expr: lambda node: self._evaluate_for_effect(node.value),
            cst.Assign: self._assign,
            cst.AnnAssign: self._annotated_assign,
            cst.AugAssign: self._augmented_assign,
            cst.Return: self._return,
            cst.Del: self._delete,
            cst.Global: self._global,
            cst.Raise: self._leave,
            cst.Break: self._leave,
            cst.Continue: self._leave,
            cst.Assert: lambda node: self._evaluate_for_effect(node.test),
            cst.If: self._if,
            cst.For: self._for,
            cst.While: self._while,
            cst.With: self._with,
            cst.Try: self._try,
            cst.TryStar: self._try,
            cst.FunctionDef: self._define,
            cst.ClassDef: self._define,
            cst.Match: self._match,
        }

    # ---- the run

    @property
    def in_loop(self) -> bool:
        """Is a ``for`` or ``while`` under way, here or around a call that led here?"""
        return any(turn.__class__ in LOOPS for turn in self.turns)

    def run(self) -> None:
        """Run the module, then what nothing has called. Code nested too deeply ends the run: what was seen stays."""
        try:
            self._run_all()
        except RecursionError:
            self.frame = self.module

    def _run_all(self) -> None:
        self.block(self.code.tree.module.body)
        self._ended = False
        self._entered -= self._arms.functions_cut_short()
        for node in list(self.code.all(cst.ClassDef)):
            self._run_uncalled_methods(node)
        for node in list(self.code.all(cst.FunctionDef)):
            if id(node) not in self._entered and self.code.context.method_owner(node) is None:
                self._run_alone(node, self.module, None)

    def _run_uncalled_methods(self, owner: cst.ClassDef) -> None:
        waiting = [node for node in _methods(owner) if id(node) not in self._entered]
        if not waiting:
            return
        instance = self.instance(owner, self.module)
        waiting.sort(key=lambda method: method.name.value != "__init__")
        for method in waiting:
            if id(method) not in self._entered:
                self._run_alone(method, self.module, instance)

    def _run_alone(self, function: cst.FunctionDef, home: Frame[State], owner: Thing[State] | None) -> None:
        self._inline(function, home, owner, {}, function)

    def joined(self, one: Thing[State], other: Thing[State]) -> Thing[State]:
        """Return the thing that stands for either of two."""
        if one is other:
            return one
        result = Thing(self.join_states(one.state, other.state))
        if one.items is not None and other.items is not None and len(one.items) == len(other.items):
            result.items = tuple(self.joined(a, b) for a, b in zip(one.items, other.items, strict=True))
        if one.fields is not None and other.fields is not None:
            result.fields = {**other.fields, **one.fields}
        if one.constant == other.constant:
            result.constant = one.constant
        source = one if one.function is not None else other
        result.function, result.home, result.owner = source.function, source.home, source.owner
        return result

    # ---- statements

    def block(self, statements: Sequence[Node]) -> None:
        """Run statements until one leaves the block."""
        for statement in statements:
            if self._ended:
                return
            self._steps += 1
            if statement.__class__ is cst.SimpleStatementLine:
                for small in statement.body:  # type: ignore[attr-defined]
                    if (run := self._statements.get(small.__class__)) is not None:
                        run(small)
            elif (run := self._statements.get(statement.__class__)) is not None:
                run(statement)

    def _body(self, node: Node) -> None:
        body = node.body  # type: ignore[attr-defined]
        if isinstance(body, cst.SimpleStatementSuite):
            for small in body.body:
                if not self._ended and (run := self._statements.get(small.__class__)) is not None:
                    run(small)
        else:
            self.block(body.body)

    def _evaluate_for_effect(self, node: Node) -> None:
        self.evaluate(node)

    def _assign(self, node: cst.Assign) -> None:
        value = self.evaluate(node.value)
        for target in node.targets:
            self.assign(target.target, value, node.value)

    def _annotated_assign(self, node: cst.AnnAssign) -> None:
        if node.value is not None:
            self.assign(node.target, self.evaluate(node.value), node.value)

    def _augmented_assign(self, node: cst.AugAssign) -> None:
        before, value = self.evaluate(node.target), self.evaluate(node.value)
        self.assign(node.target, self.combined(node, (before, value)), node.value)

    def assign(self, target: Node, value: Thing[State], source: Node) -> None:
        """Give a value to a name, an attribute, an item, or to several of them."""
        if isinstance(target, cst.Name):
            self.store.bind(self.frame, target.value, value)
        elif isinstance(target, (cst.Tuple, cst.List)):
            self._unpack(target, value, source)
        elif isinstance(target, cst.Attribute):
            owner = self.evaluate(target.value)
            if owner.fields is not None:
                self.store.put(owner.fields, target.attr.value, value)
            else:
                self.store_attribute(target, owner, value)
        elif isinstance(target, cst.Subscript):
            owner, keys = self.evaluate(target.value), self._keys(target)
            key = constant_key(keys)
            if owner.fields is not None and key is not None:
                self.store.put(owner.fields, key, value)
            else:
                self.store_item(target, owner, keys, value)

    def _unpack(self, target: cst.Tuple | cst.List, value: Thing[State], source: Node) -> None:
        elements = target.elements
        star = next((i for i, element in enumerate(elements) if isinstance(element, cst.StarredElement)), None)
        for position, element in enumerate(elements):
            if value.items is not None and star is None and position < len(value.items):
                part = value.items[position]
            else:
                part = self.element(source, value, None if star is not None and position >= star else position)
            self.assign(element.value, part, source)

    def _return(self, node: cst.Return) -> None:
        if node.value is not None:
            value = self.evaluate(node.value)
            if self._returned:
                self._returned[-1].append(value)
        self._ended = True

    def _delete(self, node: cst.Del) -> None:
        several = isinstance(node.target, cst.Tuple)
        for target in [element.value for element in node.target.elements] if several else [node.target]:
            if isinstance(target, cst.Subscript):
                self.delete_item(target, self.evaluate(target.value), self._keys(target))

    def _leave(self, node: Node) -> None:
        self._ended = True

    def _global(self, node: cst.Global) -> None:
        self.frame.globals.update(item.name.value for item in node.names)

    def _if(self, node: cst.If) -> None:
        self._ask(node.test)
        if (holds := is_chosen(node.test, self.frame, self.nothing())) is not None:
            arm = self._arms.choose(node, self._running[-1], holds=holds)
            if arm is node or isinstance(arm, cst.Else):
                self._body(arm)
            elif isinstance(arm, cst.If):
                self._if(arm)
            return
        arms: list[Callable[[], None]] = [lambda: self._body(node)]
        if node.orelse is None:
            arms.append(lambda: None)
        elif isinstance(node.orelse, cst.If):
            orelse = node.orelse
            arms.append(lambda: self._if(orelse))
        else:
            orelse_block = node.orelse
            arms.append(lambda: self._body(orelse_block))
        self._branch(arms)

    def _ask(self, test: Node) -> Thing[State]:
        condition = self.evaluate(test)
        if self._conditions:
            self._conditions[-1].append(condition)
        return condition

    def _branch(self, arms: Sequence[Callable[[], None]]) -> None:
        """Run the arms from the same state; go on with those that reach the end."""
        reached, all_ended = [], True
        for run in arms:
            changes = self.store.arm(run)
            if not self._ended:
                reached.append(changes)
                all_ended = False
            self._ended = False
        self.store.apply(reached)
        self._ended = all_ended

    def _for(self, node: cst.For) -> None:
        iterable = self.evaluate(node.iter)
        items = iterable.items
        if (
            items is not None
            and 1 < len(items) <= _TURNS
            and not self.in_loop
            and (items[0].constant is None or self._picks_entries(node))
        ):
            self.turns.append(node)
            for item in items:  # `for frame in (train, test)`: each is changed in place
                self.assign(node.target, item, node.iter)
                self._body(node)
                self._ended = False
            self.turns.pop()
            return
        self._loop(node, lambda: self.assign(node.target, self._element_of(node.iter, iterable), node.iter))

    def _picks_entries(self, node: cst.For) -> bool:
        """Does a loop over names take entries of a dict in view: ``for name in ("sales", "stores"): data[name]``?"""
        for use in self.code.tree.within(node.body, cst.Subscript):
            key = use.slice[0].slice
            if isinstance(use.value, cst.Name) and isinstance(key, cst.Index) and isinstance(key.value, cst.Name):
                owner = self.frame.find(use.value.value)
                if owner is not None and owner.fields and key.value.value == getattr(node.target, "value", None):
                    return True
        return False

    def _while(self, node: cst.While) -> None:
        self._loop(node, lambda: self._evaluate_for_effect(node.test))

    def _loop(self, node: cst.For | cst.While, begin: Callable[[], None]) -> None:
        """Run the body; the outermost loop twice, so that what one turn leaves reaches the next."""
        for _ in range(1 if self.in_loop else 2):
            self.turns.append(node)
            begin()
            self._body(node)
            self.turns.pop()
            self._ended = False
        if node.orelse is not None:
            self._body(node.orelse)

    def _element_of(self, node: Node, value: Thing[State]) -> Thing[State]:
        if value.items:
            result = value.items[0]
            for other in value.items[1:]:
                result = self.joined(result, other)
            return result
        return self.element(node, value, None)

    def _with(self, node: cst.With) -> None:
        for item in node.items:
            value = self.evaluate(item.item)
            if item.asname is not None:
                self.assign(item.asname.name, value, item.item)
        self._body(node)

    def _try(self, node: cst.Try | cst.TryStar) -> None:
        self._body(node)
        ended, self._ended = self._ended, False
        if node.handlers:
            self._branch([lambda: None, *(lambda handler=handler: self._body(handler) for handler in node.handlers)])
        elif ended:
            self._ended = True
        for part in (node.orelse, node.finalbody):
            if part is not None and not self._ended:
                self._body(part)

    def _match(self, node: cst.Match) -> None:
        self.evaluate(node.subject)
        self._branch([lambda: None, *(lambda case=case: self._body(case) for case in node.cases)])

    def _define(self, node: cst.FunctionDef | cst.ClassDef) -> None:
        thing = Thing(self.nothing())
        thing.function, thing.home = node, self.frame
        self.store.bind(self.frame, node.name.value, thing)

    # ---- expressions

    def evaluate(self, node: Node) -> Thing[State]:
        """Return the value of an expression."""
        run = self._expressions.get(node.__class__)
        if run is not None:
            return run(node)
        return self.combined(node, [self.evaluate(child) for child in self._operands(node)])

    def _operands(self, node: Node) -> Iterator[Node]:
        """Yield the operand expressions of an operator, f-string, set, starred element …"""
        for child in self.code.tree.children(node):
            if child.__class__ in _WRAPPERS:
                yield from self._operands(child)
            else:
                yield child

    def _name(self, node: cst.Name) -> Thing[State]:
        if node.value in _CONSTANTS:
            return Thing(self.nothing(), constant=_CONSTANTS[node.value])
        found = self.frame.find(node.value)
        if found is None:
            found = self.unknown(node)
            if self.code.qualified_name(node) is None:
                self.module.names.setdefault(node.value, found)
        return found

    def _literal(self, node: cst.SimpleString | cst.ConcatenatedString | cst.Integer | cst.Float) -> Thing[State]:
        if isinstance(node, cst.ConcatenatedString) and isinstance(node.right, cst.FormattedString):
            return self.combined(node, [self.evaluate(child) for child in self._operands(node)])
        if isinstance(node, cst.SimpleString) and (plain := _PLAIN.fullmatch(node.value)) is not None:
            return Thing(self.nothing(), constant=plain[2])
        return Thing(self.nothing(), constant=node.evaluated_value)

    def _unary(self, node: cst.UnaryOperation) -> Thing[State]:
        operand = self.evaluate(node.expression)
        if isinstance(node.operator, cst.Minus) and isinstance(operand.constant, (int, float)):
            return Thing(self.nothing(), constant=-operand.constant)
        return self.combined(node, (operand,))

    def _binary(self, node: cst.BinaryOperation) -> Thing[State]:
        left, right = self.evaluate(node.left), self.evaluate(node.right)
        result = self.combined(node, (left, right))
        if isinstance(node.operator, cst.Add) and left.is_list and right.is_list:
            if left.items is not None and right.items is not None and len(left.items) + len(right.items) <= _IN_VIEW:
                result.items, result.is_list = left.items + right.items, True
        elif isinstance(node.operator, cst.Multiply) and left.is_list and left.items is not None:
            result.items, result.is_list = left.items * (1 if right.constant == 1 else 2), True  # once, or again
        return result

    def _sequence(self, node: cst.Tuple | cst.List) -> Thing[State]:
        parts = [self.evaluate(element.value) for element in node.elements]
        thing = self.combined(node, parts)
        if not any(isinstance(element, cst.StarredElement) for element in node.elements):
            thing.items = tuple(parts)
        thing.is_list = isinstance(node, cst.List)
        return thing

    def _dict(self, node: cst.Dict) -> Thing[State]:
        fields: dict[object, Thing[State]] = {}
        parts = []
        for entry in node.elements:
            value = self.evaluate(entry.value)
            parts.append(value)
            if isinstance(entry, cst.DictElement):
                key = self.evaluate(entry.key)
                if key.constant is not None:
                    fields[key.constant] = value
            elif value.fields is not None:
                fields.update(value.fields)
        thing = self.combined(node, parts)
        thing.fields = fields
        return thing

    def _either(self, node: cst.IfExp) -> Thing[State]:
        test = self._ask(node.test)
        return self.told(self.joined(self.evaluate(node.body), self.evaluate(node.orelse)), test)

    def _lambda(self, node: cst.Lambda) -> Thing[State]:
        thing = Thing(self.nothing())
        thing.function, thing.home = node, self.frame
        return thing

    def _walrus(self, node: cst.NamedExpr) -> Thing[State]:
        value = self.evaluate(node.value)
        self.assign(node.target, value, node.value)
        return value

    def _comprehension(self, node: cst.BaseComp) -> Thing[State]:
        outer = self.frame
        self.frame = Frame(outer)
        self.turns.append(node)
        loop: cst.CompFor | None = node.for_in
        conditions: list[Thing[State]] = []
        while loop is not None:
            iterable = self.evaluate(loop.iter)
            self.assign(loop.target, self._element_of(loop.iter, iterable), loop.iter)
            conditions += [self.evaluate(condition.test) for condition in loop.ifs]
            loop = loop.inner_for_in
        results = (node.key, node.value) if isinstance(node, cst.DictComp) else (node.elt,)
        parts = [self.evaluate(result) for result in results]
        self.turns.pop()
        self.frame = outer
        result = self.combined(node, parts)
        return self.filtered(result, conditions) if conditions else result

    def _attribute(self, node: cst.Attribute) -> Thing[State]:
        if self.code.qualified_name(node) is not None:
            return self.unknown(node)
        owner = self.evaluate(node.value)
        if owner.fields is not None:
            found = owner.fields.get(node.attr.value)
            if found is not None:
                return found
        if isinstance(owner.function, cst.ClassDef):
            setting = self._setting(owner.function, node.attr.value)
            if setting is not None:
                return self.evaluate(setting)
            method = self._own_method(owner.function, node.attr.value) if owner.fields is not None else None
            if method is not None:
                return self._bound(method, owner)
        return self.attribute(node, owner)

    def _setting(self, owner: cst.ClassDef, name: str) -> Node | None:
        """Return the text or number that the body of a class gives a name: ``class Config: target = "price"``."""
        values = [binding.value for binding in self.code.names.in_scope(owner).get(name, ())]
        value = values[0] if len(values) == 1 else None
        return value if isinstance(value, (cst.SimpleString, cst.Integer, cst.Float)) else None

    def _bound(self, method: cst.FunctionDef, owner: Thing[State]) -> Thing[State]:
        if id(method) not in self._running and any(
            name.endswith("property") for name, _ in self.code.context.decorators(method)
        ):
            return self._inline(method, owner.home or self.module, owner, {}, method)
        thing = Thing(self.nothing())
        thing.function, thing.home, thing.owner = method, owner.home, owner
        return thing

    def _subscript(self, node: cst.Subscript) -> Thing[State]:
        owner = self.evaluate(node.value)
        keys = self._keys(node)
        key = constant_key(keys)
        if owner.items is not None and isinstance(key, int) and -len(owner.items) <= key < len(owner.items):
            return owner.items[key]
        if owner.fields is not None and key is not None and key in owner.fields:
            return owner.fields[key]
        return self.item(node, owner, keys)

    def _keys(self, node: cst.Subscript) -> list[Key[State]]:
        return [self._key(part.slice) for part in node.slice]

    def _key(self, part: cst.BaseSlice) -> Key[State]:
        if isinstance(part, cst.Index):
            return self.evaluate(part.value)
        assert isinstance(part, cst.Slice)
        return Range(*(self.evaluate(bound) if bound is not None else None for bound in (part.lower, part.upper)))

    # ---- calls

    def _call(self, node: cst.Call) -> Thing[State]:
        function, receiver = node.func, None
        target: Thing[State] | None = None
        if isinstance(function, cst.Attribute):
            if self.code.qualified_name(function) is None:
                receiver = self.evaluate(function.value)
                target = self._member(function, receiver)
        elif isinstance(function, cst.Name):
            target = self.frame.find(function.value)
        else:
            target = self.evaluate(function)
        arguments = [
            Argument(arg.keyword.value if arg.keyword is not None else None, arg.star, self.evaluate(arg.value), arg)
            for arg in node.args
        ]
        if target is not None and target.function is not None:
            result = self._run(target, node, arguments)
            if result is not None:
                return result
        if receiver is not None and receiver.fields and not arguments and isinstance(function, cst.Attribute):
            entries = self._entries(receiver, function.attr.value)
            if entries is not None:
                return entries
        if receiver is None and target is not None and target.function is None and isinstance(function, cst.Name):
            receiver = target
        if receiver is not None and receiver.is_list and isinstance(function, cst.Attribute):
            self._change_list(node, function.attr.value, receiver, arguments)
        result = self.call(node, receiver, arguments)
        self._run_handed_over(node, arguments)
        return result

    def _run_handed_over(self, node: cst.Call, arguments: Sequence[Argument[State]]) -> None:
        """Run the functions that a call out of view is given (``study.optimize(objective)``): now, not at the end."""
        for argument in arguments:
            given = argument.value
            if isinstance(given.function, cst.FunctionDef) and id(given.function) not in self._entered:
                self._inline_call(given.function, given.home or self.module, given.owner, node, ())

    def _member(self, function: cst.Attribute, receiver: Thing[State]) -> Thing[State] | None:
        name = function.attr.value
        if receiver.fields is not None:
            if (found := receiver.fields.get(name)) is not None:
                return found
            if (
                isinstance(receiver.function, cst.ClassDef)
                and (method := self._own_method(receiver.function, name)) is not None
            ):
                thing = Thing(self.nothing())
                thing.function, thing.home, thing.owner = method, receiver.home, receiver
                return thing
        return None

    def _entries(self, owner: Thing[State], method: str) -> Thing[State] | None:
        """Return what ``models.items()`` and ``models.values()`` give of a dict in view."""
        if owner.function is not None or owner.fields is None or method not in ("items", "values"):
            return None
        items: list[Thing[State]] = []
        for key, value in owner.fields.items():
            pair = (Thing(self.nothing(), constant=key), value)
            items.append(value if method == "values" else Thing(self.nothing(), items=pair))
        return Thing(owner.state, items=tuple(items))

    def _own_method(self, owner: cst.ClassDef, name: str) -> cst.FunctionDef | None:
        for cls in self.code.context.class_and_bases(owner):
            if (method := self.code.context.method(cls, name)) is not None:
                return method
        return None

    def _change_list(
        self, node: cst.Call, method: str, receiver: Thing[State], arguments: Sequence[Argument[State]]
    ) -> None:
        if method not in ("append", "extend", "insert", "remove", "pop", "clear"):
            return
        kept = receiver.items or ()
        if method == "append" and len(arguments) == 1 and not self.in_loop and len(kept) < _IN_VIEW:
            self.store.write_items(receiver, (*kept, arguments[0].value))
        else:
            self.store.write_items(receiver, None)
        if method in ("append", "extend", "insert") and arguments:
            parts = [receiver, arguments[-1].value]
            self.store.write(receiver, self.combined(node, parts).state)

    def _run(self, target: Thing[State], node: cst.Call, arguments: Sequence[Argument[State]]) -> Thing[State] | None:
        """Run the function in view that a call reaches; None where it is not to be followed."""
        function, home = target.function, target.home or self.module
        if isinstance(function, cst.ClassDef):
            if target.fields is not None:  # an instance is called
                method = self._own_method(function, "__call__")
                return None if method is None else self._inline_call(method, home, target, node, arguments)
            instance = self.instance(function, home)
            method = self._own_method(function, "__init__")
            if method is not None:
                self._inline_call(method, home, instance, node, arguments)
            return instance
        assert function is not None
        return self._inline_call(function, home, target.owner, node, arguments)

    def instance(self, owner: cst.ClassDef, home: Frame[State]) -> Thing[State]:
        """Return a new instance of a class in view."""
        thing: Thing[State] = Thing(self.nothing(), fields={})
        thing.function, thing.home = owner, home
        return thing

    def apply_function(self, target: Thing[State], node: cst.Call, *values: Thing[State]) -> Thing[State] | None:
        """Run a function that was handed over (``df.apply(f)``) on given values; None where it is not in view."""
        if not isinstance(target.function, (cst.FunctionDef, cst.Lambda)):
            return None
        arguments = [Argument(None, "", value, node) for value in values]
        self.turns.append(node)
        self._conditions.append([])
        result = self._inline_call(target.function, target.home or self.module, target.owner, node, arguments)
        self.turns.pop()
        conditions = self._conditions.pop()
        return self.decided(result, conditions) if result is not None and conditions else result

    def _inline_call(
        self,
        function: Node,
        home: Frame[State],
        owner: Thing[State] | None,
        node: cst.Call,
        arguments: Sequence[Argument[State]],
    ) -> Thing[State] | None:
        if id(function) in self._running or len(self._running) >= _DEPTH or self._steps > self._limit:
            return None
        params = function.params  # type: ignore[attr-defined]
        names = [param.name.value for param in (*params.posonly_params, *params.params)]
        if owner is not None and names and not self.code.context.is_static(function):
            names = names[1:]
        bound: dict[str, Thing[State]] = {}
        for argument in arguments:
            if argument.star:
                continue
            if argument.keyword is not None:
                bound[argument.keyword] = argument.value
            elif names:
                bound[names.pop(0)] = argument.value
        return self._inline(function, home, owner, bound, node)

    def _inline(
        self,
        function: Node,
        home: Frame[State],
        owner: Thing[State] | None,
        bound: dict[str, Thing[State]],
        site: Node,
    ) -> Thing[State]:
        self._entered.add(id(function))
        outer = (self.frame, self.context, self._ended)
        frame: Frame[State] = Frame(home)
        self.frame, self.context, self._ended = home, hash((self.context, id(site))), False
        params = function.params  # type: ignore[attr-defined]
        positional = [*params.posonly_params, *params.params]
        for position, param in enumerate([*positional, *params.kwonly_params]):
            name = param.name.value
            if name in bound:
                value = bound[name]
            elif position == 0 and owner is not None:
                value = owner
            elif param.default is not None:
                value = self.evaluate(param.default)
                if isinstance(param.default, cst.Name) and param.default.value == "None":
                    frame.left_out.add(name)
            else:
                value = self.unknown(param)
            frame.names[name] = value
        if site is not function:  # it is called, and not only read for what is in it
            frame.parameters = dict(frame.names)
        self.frame = frame
        self._running.append(id(function))
        self._returned.append([])
        if isinstance(function, cst.Lambda):
            self._returned[-1].append(self.evaluate(function.body))
        else:
            self._body(function)
        self._running.pop()
        returned = self._returned.pop()
        self.frame, self.context, self._ended = outer
        if not returned:
            return Thing(self.nothing())
        result = returned[0]
        for other in returned[1:]:
            result = self.joined(result, other)
        return result


#: A string without prefix, escapes and tripled quotes: its value is what stands between the quotes.
_PLAIN = re.compile(r"""(["'])([^"'\\]*)\1""")

_CONSTANTS = {"True": True, "False": False}

#: Nodes that only hold operands.
_WRAPPERS = frozenset(
    {
        cst.ComparisonTarget,
        cst.Element,
        cst.StarredElement,
        cst.FormattedStringExpression,
        cst.From,
    }
)


def _methods(owner: cst.ClassDef) -> list[cst.FunctionDef]:
    body = owner.body.body
    return [node for node in body if isinstance(node, cst.FunctionDef)]
