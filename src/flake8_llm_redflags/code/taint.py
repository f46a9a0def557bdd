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
from .launches import launched_text
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
                for slot in self._slots(target.target):
                    kept.setdefault(slot, []).append((None, step.value))
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
        return self._slots(node)

    def _slots(self, node: Node) -> list[object]:
        """Return the place in a session that ``st.session_state.code`` and ``st.session_state["code"]`` name."""
        if isinstance(node, cst.Attribute):
            whole, key = node.value, node.attr.value
        elif isinstance(node, cst.Subscript):
            whole, key = node.value, _key(node) or ""
        elif isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value == "get":
            whole, key = node.func.value, as_text(argument(node, 0)) or ""
        else:
            return []
        session = self._code.qualified_name(whole)
        return [(session, key)] if key and session in table("taint")["keeping"]["sessions"] else []

    # ---- what a model wrote

    def _is_model_text(self, node: Node) -> str | None:
        if isinstance(node, cst.Call) and (
            (self._code.llm.gives_answer(node) and not _gives_numbers(node)) or self._says_it_asks(node)
        ):
            return f"the answer of `{self._code.short_text(node.func, 36)}`"
        if isinstance(node, cst.Attribute):
            chain = f"{last_name(node.value)}.{node.attr.value}"
            if chain in table("taint")["model_text"]["attribute_chains"]:
                return "the arguments of a tool call"
            if chain in table("taint")["model_text"]["name_chains"] and not _is_checked(self._code, node):
                return "the name in a tool call"
        if isinstance(node, cst.Subscript) and isinstance(node.value, cst.Name):
            if self._is_handed_answer(node.value, _key(node)):
                return "the answer that a pipe hands over"
        if isinstance(node, cst.Param):
            if self._code.pipes.hands_answer(node, None):
                return "the answer that a pipe hands over"
            if self._is_parameter_of(node, "tools") and not self._is_narrow(node):
                return f"the tool parameter `{node.name.value}`"
            if _matches("parameters", node.name.value) and not self._arguments(node):
                return f"`{node.name.value}`"
        return None

    def _is_handed_answer(self, name: cst.Name, key: str | None) -> bool:
        """Is this the parameter of a function in a pipe, whose table holds a model's answer under the key?"""
        params = [b.node for b in self._code.values.definitions(name) if b.kind == "param"]
        return key is not None and any(
            isinstance(param, cst.Param) and self._code.pipes.hands_answer(param, key) for param in params
        )

    def _is_narrow(self, param: cst.Param) -> bool:
        """Does an annotation or the schema of a tool leave no room for a text of the model's choice?"""
        if param.annotation is not None and _admits_no_text(param.annotation.annotation):
            return True
        function = self._tree.parent(self._tree.parent(param) or param)
        schemas = (
            keyword(expression, "args_schema")
            for _, expression in self._code.context.decorators(function or param)
            if isinstance(expression, cst.Call)
        )
        return any(
            origin.kind == "class" and self._is_validated(origin.node, param.name.value)
            for schema in schemas
            if schema is not None
            for origin in self._code.values.origins(schema)
        )

    def _is_validated(self, schema: Node, field: str) -> bool:
        """Does a schema check one of its fields: by a validator that names it, a pattern, or a fixed set of values?"""
        for method in self._tree.within(schema, cst.FunctionDef):
            names = [name for name, _ in self._code.context.decorators(method)]
            if any(name.endswith("validator") for name in names) and any(
                as_text(text) == field for text in self._tree.within(method, cst.SimpleString)
            ):
                return True
        return any(
            last_name(own.target) == field
            and (
                _admits_no_text(own.annotation.annotation)
                or (isinstance(own.value, cst.Call) and keyword(own.value, "pattern") is not None)
            )
            for own in self._tree.within(schema, cst.AnnAssign)
        )

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
        if isinstance(node, cst.Attribute) and self._is_sent(node):
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

    def _is_sent(self, node: cst.Attribute) -> bool:
        """Is this a field of the body of a request (``body.question``), or what somebody wrote to a bot (``message.text``)?"""
        param = self._request_parameter(node)
        if param is None:
            return False
        if param.name.value in table("taint")["untrusted"]["bot_parameters"]:
            return node.attr.value in table("taint")["untrusted"]["bot_attributes"]
        if not isinstance(node.value, cst.Name) or param.annotation is None or param.default is not None:
            return False
        return self._is_body_field(param.annotation.annotation, node.attr.value)

    def is_of_bot(self, node: cst.Attribute) -> bool:
        """Is this a part of what a bot's handler is handed: an object, of which its own fields are text?"""
        param = self._request_parameter(node)
        return param is not None and param.name.value in table("taint")["untrusted"]["bot_parameters"]

    def _request_parameter(self, node: cst.Attribute) -> cst.Param | None:
        """Return the parameter of a request handler that an attribute is a part of."""
        root: Node = node
        while isinstance(root, cst.Attribute):
            root = root.value
        bindings = self._code.values.definitions(root) if isinstance(root, cst.Name) else ()
        params = (b.node for b in bindings if isinstance(b.node, cst.Param))
        return next((param for param in params if self._is_parameter_of(param, "requests")), None)

    def _is_body_field(self, annotation: Node, field: str) -> bool:
        """Is a field of a class a text that a request sends: of a pydantic model, or of a class that is called like one?"""
        owners = [origin.node for origin in self._code.values.origins(annotation) if origin.kind == "class"]
        for owner in owners:
            if not any(name.endswith(".BaseModel") for name in self._code.context.base_names(owner)):
                return False
            own = next((a for a in self._tree.within(owner, cst.AnnAssign) if last_name(a.target) == field), None)
            return own is not None and any(
                last_name(name) in ("str", "Any") for name in _names_in(own.annotation.annotation)
            )
        name = self._code.qualified_name(annotation) or ""
        return pattern("taint", "untrusted", "bodies").search(name.rpartition(".")[2]) is not None

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
            if _is_checked(self._code, node):
                return []
            return [part for binding in self._code.values.given_by(node) for part in self._of(binding)]
        if isinstance(node, cst.Attribute):
            if _is_checked(self._code, node) or self._code.taint.is_of_bot(node):
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
            return [node.value, *self._looked_up(node.value, _key(node)), *self._kept(node, None)]
        if isinstance(node, cst.FormattedString):
            holes = [part.expression for part in node.parts if isinstance(part, cst.FormattedStringExpression)]
            return [part for hole in holes for part in self._written_out(hole)]
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
        if isinstance(binding.value, cst.Call) and binding.path:
            name, place = last_name(binding.value.func), binding.path[0]
            given = [arg.value for arg in binding.value.args]
            if name == "enumerate":
                return given[:1] if place != 0 else []
            if name == "zip" and isinstance(place, int):
                return given[place : place + 1]
            if name == "items" and place == 0:
                return []
        if isinstance(binding.value, cst.List):
            return [binding.value, *(value for _, value in self._code.taint.kept.get(id(binding), ())[:_STEPS])]
        return (
            [binding.value]
            if binding.value is not None and binding.kind not in ("import", "def", "class", "except")
            else []
        )

    def _looked_up(self, whole: Node, key: str | None) -> list[Node]:
        """Return what a table holds under a key, or under any where either is not constant."""
        tables = [*(origin.node for origin in self._code.values.origins(whole)), *self._tables_in_list(whole)]
        entries = [
            entry.value
            for found in tables
            for entry in (found.elements if isinstance(found, cst.Dict) else ())
            if isinstance(entry, cst.DictElement) and _may_be(as_text(entry.key), key)
        ]
        return [*entries, *self._kept(whole, key)]

    def _tables_in_list(self, item: Node) -> list[Node]:
        """Return the tables that the file puts into a list of which this is an item: ``messages[-1]``, ``for message in messages``."""
        if isinstance(item, cst.Subscript):
            return self._kept(item.value, None)
        bindings = self._code.values.definitions(item) if isinstance(item, cst.Name) else ()
        lists = [binding.value for binding in bindings if binding.kind == "loop" and not binding.path]
        return [value for items in lists if items is not None for value in self._kept(items, None)]

    def _kept(self, whole: Node, key: str | None) -> list[Node]:
        """Return what the file puts into a table or list under a key."""
        taint = self._code.taint
        found = (
            pair
            for place in (whole, *self._returned(whole))
            for holder in taint.holders(place)
            for pair in taint.kept.get(holder, ())
        )
        return [value for own, value in found if _may_be(own, key)][:_STEPS]

    def _returned(self, whole: Node) -> list[Node]:
        """Return the names under which functions of this file have filled a table that they return."""
        is_name = isinstance(whole, cst.Name)
        values = [binding.value for binding in self._code.values.definitions(whole)] if is_name else [whole]
        functions = [self._code.context.called_function(call) for call in values if isinstance(call, cst.Call)]
        return [
            value
            for function in functions
            if function is not None
            for value in self._code.context.returned_values(function)
            if isinstance(value, cst.Name)
        ]

    def _written_out(self, node: Node) -> list[Node]:
        """Return a value that becomes text, and, of a table, all that it holds."""
        return [node, *self._looked_up(node, None)] if isinstance(node, (cst.Name, cst.Attribute)) else [node]

    def _member_values(self, node: cst.Attribute) -> list[Node]:
        if not isinstance(node.value, cst.Name) or node.value.value not in ("self", "cls"):
            return []
        owner = self._code.names.enclosing_class(node)
        bindings = self._code.names.attribute_bindings(owner, node.attr.value) if owner is not None else ()
        return [b.value for b in bindings if b.value is not None]

    def _parts_of_call(self, call: cst.Call) -> list[Node]:
        if self._code.llm.gives_answer(call):  # what a model answers is its own text, not the question's
            return []
        if self._code.qualified_name(call.func) in table("taint")["untrusted"]["calls"]:
            return []  # what a server or a person answers is theirs, too
        name = last_name(call.func) or ""
        facts = table("taint")["harmless"]
        if name in facts["calls"] or (
            any(part in name.lower() for part in facts["name_parts"]) and self._may_clean(call)
        ):
            return []
        if name == "search" and any(keyword(call, key) is not None for key in facts["lookup_keywords"]):
            return []
        if self._code.qualified_name(call.func) in facts["parsers"] and self._is_walked(call):
            return []
        function = self._code.context.called_function(call)
        if function is not None:
            return list(self._code.context.returned_values(function))
        receiver = [call.func.value] if isinstance(call.func, cst.Attribute) else []
        if name in facts["whole_tables"] and receiver:
            return [receiver[0], *self._looked_up(receiver[0], None)]
        if name in facts["writers"] and call.args:
            return [part for arg in call.args for part in self._written_out(arg.value)]
        if name == "get" and (slots := self._kept(call, None)):
            return slots
        if name == "get" and receiver and any(o.kind == "literal" for o in self._code.values.origins(receiver[0])):
            return self._looked_up(receiver[0], as_text(argument(call, 0)))
        return [*receiver, *(arg.value for arg in call.args)]

    def _is_walked(self, parse: cst.Call) -> bool:
        """Does the same function look at the nodes of what it has parsed, before anything is made of them?"""
        function = self._code.context.function(parse)
        looks = self._code.calls(*table("taint")["harmless"]["tree_walks"])
        return function is not None and any(self._tree.contains(function, look) for look in looks)

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


def _is_checked(code: Code, name: cst.Name | cst.Attribute) -> bool:
    """Is the value tested against a collection or a pattern in the same function?"""
    return any(
        isinstance(test.operator, (cst.In, cst.NotIn)) and not isinstance(test.comparator, cst.SimpleString)
        for test in code.context.tests(name)
    )


def _gives_numbers(call: cst.Call) -> bool:
    """Does a model answer with a vector or a score: ``client.embeddings.create(…)``, ``embeddings.embed_query(…)``?"""
    function = call.func
    while isinstance(function, cst.Attribute):
        if pattern("taint", "model_text", "numbers").fullmatch(function.attr.value):
            return True
        function = function.value
    return False


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


def _admits_no_text(annotation: Node) -> bool:
    """Does an annotation leave only numbers, or a fixed set of values: ``int | None``, ``Literal["day", "week"]``?"""
    if isinstance(annotation, cst.Subscript) and last_name(annotation.value) == "Literal":
        return True
    names = [last_name(name) for name in _names_in(annotation)]
    return bool(names) and all(name in table("taint")["harmless"]["types"] for name in names)


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
    if qualified in facts["shell_calls"] and is_true(keyword(call, "shell")):
        return argument(call, 0, "args")
    if (text := launched_text(code, call)) is not None:
        return text
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
