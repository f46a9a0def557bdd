"""Text that nobody vouches for: what a model wrote, and what came from outside; followed backwards from where it is used."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from ..knowledge import pattern, table
from .arguments import argument, keyword
from .constants import as_text, is_true
from .names import Binding, last_name
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

#: How long a chain of assignments, calls and parts is followed, and how many expressions in all.
_DEPTH = 30
_STEPS = 400

Test = Callable[[Node], str | None]


@dataclass(frozen=True, slots=True)
class Source:
    """Where text comes from: the expression that gives it, and what a message calls it."""

    node: Node
    words: str

    def __str__(self) -> str:
        return self.words


class Taint:
    """Says of an expression which source its text comes from; None where none is in view."""

    def __init__(self, code: Code) -> None:
        self._code, self._tree = code, code.tree

    def model_text(self, expression: Node) -> Source | None:
        """Return where an expression gets text that a model wrote."""
        return _Search(self._code, self._is_model_text).origin(expression)

    def untrusted(self, expression: Node) -> Source | None:
        """Return where an expression gets text from outside the program: a request, a widget, a terminal, a page."""
        return _Search(self._code, self._is_untrusted).origin(expression)

    def is_made_by(self, expression: Node, calls: Container[str]) -> bool:
        """Is the value of an expression made of what one of these calls gives, named in full?"""

        def test(node: Node) -> str | None:
            return "made" if isinstance(node, cst.Call) and self._code.qualified_name(node.func) in calls else None

        return _Search(self._code, test).origin(expression) is not None

    @cached_property
    def kept(self) -> dict[object, list[tuple[str | None, Node]]]:
        """What the file puts into its tables and lists, with the constant key where there is one, by ``holder``."""
        kept: dict[object, list[tuple[str | None, Node]]] = {}
        for step in self._code.all(cst.Assign):
            for target in step.targets:
                if isinstance(target.target, cst.Subscript):
                    for holder in self.holders(target.target.value):
                        kept.setdefault(holder, []).append((_key(target.target), step.value))
        for call in self._code.calls(*table("taint")["keeping"]["methods"]):
            if isinstance(call.func, cst.Attribute):
                given = [(arg.keyword and arg.keyword.value, arg.value) for arg in call.args]
                for holder in self.holders(call.func.value):
                    kept.setdefault(holder, []).extend(given)
        return kept

    def holders(self, node: Node) -> list[object]:
        """Return by what a table or list is known wherever the file uses it: its bindings, or its class and attribute."""
        if isinstance(node, cst.Name):
            return [id(binding) for binding in self._code.values.definitions(node)]
        if isinstance(node, cst.Attribute) and last_name(node.value) in ("self", "cls"):
            owner = self._code.names.enclosing_class(node)
            return [(id(owner), node.attr.value)] if owner is not None else []
        return []

    # ---- what a model wrote

    def _is_model_text(self, node: Node) -> str | None:
        if isinstance(node, cst.Call) and (self._code.llm.gives_answer(node) or self._says_it_asks(node)):
            return f"the answer of `{self._code.short_text(node.func, 36)}`"
        if isinstance(node, cst.Attribute):
            chain = f"{last_name(node.value)}.{node.attr.value}"
            if chain in table("taint")["model_text"]["attribute_chains"]:
                return "the arguments of a tool call"
        if isinstance(node, cst.Param):
            if self._is_parameter_of(node, "tools"):
                return f"the tool parameter `{node.name.value}`"
            if _matches("parameters", node.name.value) and not self._arguments(node):
                return f"`{node.name.value}`"
        return None

    def _says_it_asks(self, call: cst.Call) -> bool:
        """Does only its name say that a function asks a model: is it of another module, or left to subclasses?"""
        if not _matches("functions", last_name(call.func) or "") or self._code.llm.is_client(call):
            return False
        function = self._code.context.called_function(call)
        return function is None or not any(self._code.context.returned_values(function))

    def _arguments(self, param: cst.Param) -> list[Node]:
        function = self._tree.parent(self._tree.parent(param) or param)
        return [] if function is None else self._code.context.arguments_for(param, function)

    # ---- what came from outside

    def _is_untrusted(self, node: Node) -> str | None:
        facts = table("taint")["untrusted"]
        if isinstance(node, cst.Param):
            if (
                node.name.value not in ("self", "cls", "request")
                and self._is_parameter_of(node, "requests")
                and _is_text(node)
            ):
                return f"the request parameter `{node.name.value}`"
            return None
        if isinstance(node, (cst.Attribute, cst.Name)) and self._code.qualified_name(node) in facts["values"]:
            return "the command line"
        if (
            isinstance(node, cst.Attribute)
            and node.attr.value in facts["request_attributes"]
            and self._is_request(node.value)
        ):
            return f"`{self._code.short_text(node, 30)}`"
        if isinstance(node, cst.Call):
            qualified = self._code.qualified_name(node.func)
            if qualified in facts["calls"] or self._is_named_source(node, facts):
                return f"`{self._code.short_text(node.func, 30)}`"
        return None

    def _is_request(self, node: Node) -> bool:
        facts = table("taint")["untrusted"]
        if self._code.qualified_name(node) in facts["requests"]:
            return True
        if any(name.rpartition(".")[2] in facts["request_classes"] for name in self._code.values.made_by(node)):
            return True
        return last_name(node) == "request" and not self._code.values.is_known(node)

    def _is_named_source(self, call: cst.Call, facts: dict[str, list[str]]) -> bool:
        """Is this ``st.text_input`` or ``requests.get`` where nothing says what ``st`` and ``requests`` are?"""
        if not isinstance(call.func, cst.Attribute) or self._code.values.is_known(call.func.value):
            return False
        receiver, method = last_name(call.func.value), call.func.attr.value
        if method in facts["widget_methods"]:
            return receiver in facts["widget_receivers"]
        return receiver in facts["fetching_receivers"] and method in ("get", "post")

    def _is_parameter_of(self, param: cst.Param, role: str) -> bool:
        function = self._tree.parent(self._tree.parent(param) or param)
        return isinstance(function, cst.FunctionDef) and self._code.serving.own_role(function) == role


class _Search:
    """One question: follows an expression to everything that its text may be made of."""

    def __init__(self, code: Code, test: Test) -> None:
        self._code, self._tree, self._test = code, code.tree, test
        self._seen: set[int] = set()
        self._steps = _STEPS

    def origin(self, node: Node, depth: int = _DEPTH) -> Source | None:
        """Return the first source that the expression is made of."""
        if depth == 0 or self._steps == 0 or id(node) in self._seen:
            return None
        self._seen.add(id(node))
        self._steps -= 1
        words = self._test(node)
        if words is not None:
            return Source(node, words)
        return next((found for part in self._parts(node) if (found := self.origin(part, depth - 1)) is not None), None)

    def _parts(self, node: Node) -> list[Node]:
        """Return what the text of an expression is made of."""
        if isinstance(node, cst.Name):
            return [] if self._is_checked(node) else [p for b in self._code.values.given_by(node) for p in self._of(b)]
        if isinstance(node, cst.Attribute):
            if self._is_checked(node):
                return []
            members = [o.node for o in self._code.values.origins(node) if o.kind == "literal"]
            kept = [] if any(isinstance(member, cst.Dict) for member in members) else self._kept(node, None)
            return [node.value, *members, *self._member_values(node), *kept]
        if isinstance(node, cst.Call):
            return self._parts_of_call(node)
        if isinstance(node, cst.Param):
            function = self._tree.parent(self._tree.parent(node) or node)
            return [] if function is None else self._code.context.arguments_for(node, function)
        if isinstance(node, cst.Subscript):  # a look-up gives what the table holds, not what is looked up
            return [node.value, *self._looked_up(node.value, _key(node))]
        if isinstance(node, cst.FormattedString):
            return [part.expression for part in node.parts if isinstance(part, cst.FormattedStringExpression)]
        if isinstance(node, (cst.BinaryOperation, cst.BooleanOperation, cst.ConcatenatedString)):
            return [node.left, node.right]
        if isinstance(node, cst.IfExp):
            return [node.body, node.orelse]
        if isinstance(node, (cst.Await, cst.UnaryOperation)):
            return [node.expression]
        if isinstance(node, cst.NamedExpr):
            return [node.value]
        if isinstance(node, (cst.List, cst.Tuple, cst.Set)):
            return [element.value for element in node.elements]
        if isinstance(node, (cst.ListComp, cst.GeneratorExp, cst.SetComp)):
            return [node.elt]
        return []

    def _of(self, binding: Binding) -> list[Node]:
        if binding.kind == "param":
            return [binding.node]
        if isinstance(binding.value, cst.List):
            return [binding.value, *(value for _, value in self._code.taint.kept.get(id(binding), ())[:_STEPS])]
        return (
            [binding.value]
            if binding.value is not None and binding.kind not in ("import", "def", "class", "except")
            else []
        )

    def _looked_up(self, whole: Node, key: str | None) -> list[Node]:
        """Return what a table holds under a key, or under any where either is not constant."""
        tables = [origin.node for origin in self._code.values.origins(whole)]
        entries = [
            entry.value
            for found in tables
            for entry in (found.elements if isinstance(found, cst.Dict) else ())
            if isinstance(entry, cst.DictElement) and _may_be(as_text(entry.key), key)
        ]
        return [*entries, *self._kept(whole, key)]

    def _kept(self, whole: Node, key: str | None) -> list[Node]:
        """Return what the file puts into a table or list under a key."""
        taint = self._code.taint
        found = (pair for holder in taint.holders(whole) for pair in taint.kept.get(holder, ()))
        return [value for own, value in found if _may_be(own, key)][:_STEPS]

    def _member_values(self, node: cst.Attribute) -> list[Node]:
        if not isinstance(node.value, cst.Name) or node.value.value not in ("self", "cls"):
            return []
        owner = self._code.names.enclosing_class(node)
        bindings = self._code.names.attribute_bindings(owner, node.attr.value) if owner is not None else ()
        return [b.value for b in bindings if b.value is not None]

    def _parts_of_call(self, call: cst.Call) -> list[Node]:
        if self._code.llm.gives_answer(call):  # what a model answers is its own text, not the question's
            return []
        name = last_name(call.func) or ""
        facts = table("taint")["harmless"]
        if name in facts["calls"] or (
            any(part in name.lower() for part in facts["name_parts"]) and self._may_clean(call)
        ):
            return []
        if name == "search" and any(keyword(call, key) is not None for key in facts["lookup_keywords"]):
            return []
        function = self._code.context.called_function(call)
        if function is not None:
            return list(self._code.context.returned_values(function))
        receiver = [call.func.value] if isinstance(call.func, cst.Attribute) else []
        if name == "get" and receiver and any(o.kind == "literal" for o in self._code.values.origins(receiver[0])):
            return self._looked_up(receiver[0], as_text(argument(call, 0)))
        return [*receiver, *(arg.value for arg in call.args)]

    def _may_clean(self, call: cst.Call) -> bool:
        """May a function keep its name's promise to clean a text? One of this file that decides nothing does not."""
        function = self._code.context.called_function(call)
        if function is None:
            return True
        if any(self._tree.within(function, cst.If, cst.IfExp, cst.Raise, cst.For, cst.While, cst.Comparison, cst.Try)):
            return True
        return any(
            (self._code.qualified_name(inner.func) or "") != "" for inner in self._tree.within(function, cst.Call)
        )

    def _is_checked(self, name: cst.Name | cst.Attribute) -> bool:
        """Is the value tested against a collection or a pattern in the same function?"""
        return any(
            isinstance(test.operator, (cst.In, cst.NotIn)) and not isinstance(test.comparator, cst.SimpleString)
            for test in self._code.context.tests(name)
        )


def _key(node: cst.Subscript) -> str | None:
    """Return the constant key of ``table["key"]``."""
    index = node.slice[0].slice
    return as_text(index.value) if isinstance(index, cst.Index) else None


def _may_be(own: str | None, key: str | None) -> bool:
    return own is None or key is None or own == key


def _matches(what: str, name: str) -> bool:
    return pattern("taint", "model_text", what).fullmatch(name) is not None


def _is_text(param: cst.Param) -> bool:
    """Could the parameter carry text: annotated so, or not at all?"""
    if param.annotation is None:
        return True
    return any(last_name(name) == "str" for name in _names_in(param.annotation.annotation))


def _names_in(node: Node) -> list[Node]:
    if isinstance(node, cst.BinaryOperation):
        return [*_names_in(node.left), *_names_in(node.right)]
    if isinstance(node, cst.Subscript):
        return [n for e in node.slice if isinstance(e.slice, cst.Index) for n in _names_in(e.slice.value)]
    return [node]


# ---- where such text does harm


def runs_code(code: Code, call: cst.Call) -> Node | None:
    """Return the argument of a call that is run as code or as a shell command, None where there is none."""
    facts = table("taint")["code_sinks"]
    qualified = code.qualified_name(call.func)
    if qualified in facts["calls"]:
        text = call.args[0].value if call.args else None
        if text is not None and qualified in facts["imports"] and _names_own_package(code, text):
            return None
        return text
    if qualified in facts["shell_calls"]:
        command = call.args[0].value if call.args and call.args[0].keyword is None else keyword(call, "args")
        return command if is_true(keyword(call, "shell")) else None
    if is_namespace(code, call):  # `globals()[name]`: whatever the module can call, `exec` too
        looked_up = code.tree.parent(call)
        is_read = isinstance(looked_up, cst.Subscript) and looked_up.value is call
        index = looked_up.slice[0].slice if is_read else None
        return index.value if isinstance(index, cst.Index) else None
    if last_name(call.func) in facts["interpreter_methods"] and isinstance(call.func, cst.Attribute) and call.args:
        if any(name.rpartition(".")[2] in facts["interpreters"] for name in code.values.made_by(call.func.value)):
            return call.args[0].value
    return None


def is_namespace(code: Code, call: cst.Call) -> bool:
    """Does the call give all the names that a program has: ``globals()``?"""
    return code.qualified_name(call.func) in table("taint")["code_sinks"]["namespaces"]


def _names_own_package(code: Code, text: Node) -> bool:
    """Does the name of a module start with a package that the program gives: ``f"tools.{name}"``?"""
    parts = code.strings.parts(text) or []
    return bool(parts) and isinstance(parts[0], str) and "." in parts[0].lstrip(".")


def runs_sql(code: Code, call: cst.Call) -> Node | None:
    """Return the argument of a call that a database runs, None where the receiver is neither made nor called like one."""
    if not isinstance(call.func, cst.Attribute) or not call.args or call.args[0].keyword is not None:
        return None
    facts, receiver, text = table("taint")["sql_sinks"], call.func.value, call.args[0].value
    if call.func.attr.value in facts["runner_methods"]:
        runners = frozenset(facts["runners"])
        return None if all(runners.isdisjoint(name.split(".")) for name in code.values.made_by(receiver)) else text
    name = last_name(receiver.func if isinstance(receiver, cst.Call) else receiver)
    is_database = name is not None and pattern("taint", "sql_sinks", "receivers").search(name.lower())
    return text if is_database else None
