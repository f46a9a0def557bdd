"""Calls of language models: which calls are, of which library, and which models run in this process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any

import libcst as cst

from ..knowledge import pattern, table, words
from .arguments import argument, keyword
from .constants import as_text
from .names import last_name
from .tree import Node
from .values import Origin

if TYPE_CHECKING:
    from .program import Code

_around_calls = partial(words, "llm_clients", "around_calls")


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A call that asks a remote model: the call, and what is known of its library.

    ``handed``: the function of the library where another one is called, which runs it: ``to_thread(client.chat, …)``.
    """

    node: cst.Call
    provider: str
    facts: dict[str, Any]
    is_self_guarded: bool = False
    handed: Node | None = None

    @property
    def func(self) -> Node:
        """The function of the library."""
        return self.handed or self.node.func


class Llm:
    """Knows the model calls of one file."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self._sites: dict[bool, list[cst.Call]] = {}

    @cached_property
    def remote_calls(self) -> list[ModelCall]:
        """All calls of remote models, in document order."""
        if not self._libraries:
            return []
        found = [*filter(None, map(self._remote, self._code.calls(*_last_steps())))]
        found += [*self._called_objects(), *self._handed_over()]
        return sorted(found, key=lambda call: self._code.tree.start(call.node))

    def call_sites(self, *, exposed: bool = False) -> list[cst.Call]:
        """Return the remote calls, and the calls of this file's functions that make one, in document order.

        ``exposed``: only of those functions that let its errors through.
        """
        if exposed not in self._sites:
            self._sites[exposed] = self._find_sites(exposed)
        return self._sites[exposed]

    def is_call_site(self, call: cst.Call) -> bool:
        """Does the call ask a remote model, itself or through functions of this file?"""
        return id(call) in self._site_ids

    @cached_property
    def _site_ids(self) -> frozenset[int]:
        return frozenset(map(id, self.call_sites()))

    def _find_sites(self, exposed: bool) -> list[cst.Call]:
        found = [call.node for call in self.remote_calls if not (exposed and call.is_self_guarded)]
        seen = {id(call) for call in found}
        for call in found:  # it grows on the way
            function = self._code.context.function(call)
            if not isinstance(function, cst.FunctionDef) or (exposed and self._code.guards.is_caught_in_function(call)):
                continue
            for caller in self._code.context.callers(function):
                if id(caller) not in seen:
                    seen.add(id(caller))
                    found.append(caller)
        return sorted(found, key=self._code.tree.start)

    def _called_objects(self) -> Iterator[ModelCall]:
        """Yield the calls of objects that ask a model when they are called: ``dspy.Predict(…)(question=…)``."""
        makers = {name: facts for facts in self._libraries for name in facts.get("callables", ())}
        for call in self._code.all(cst.Call) if makers else ():
            if self._code.qualified_name(call.func) is None:
                facts = next((makers[name] for name in self._code.values.made_by(call.func) if name in makers), None)
                if facts is not None:
                    yield ModelCall(call, facts["library"], facts)
        for facts in self._libraries:
            for call in self._code.calls(*facts.get("called", ())):
                guarded = self._is_client(call.func, facts)
                if guarded is not None:
                    yield ModelCall(call, facts["library"], facts, guarded)

    def _handed_over(self) -> Iterator[ModelCall]:
        """Yield the calls that run a model's function elsewhere and give its answer: ``await to_thread(client.chat, …)``."""
        for call in self._code.calls(*_around_calls("runners")):
            position = 1 if last_name(call.func) == "run_in_executor" else 0
            given = argument(call, position) if len(call.args) > position else None
            made = [given, *(o.node for o in self._code.values.origins(given))] if given is not None else []
            bound = next((one for one in made if isinstance(one, cst.Call) and last_name(one.func) == "partial"), None)
            given = argument(bound, 0) if bound is not None else given
            if isinstance(given, (cst.Name, cst.Attribute)) and (found := self._remote(call, given)) is not None:
                yield found

    @cached_property
    def _libraries(self) -> list[dict[str, Any]]:
        """The libraries that the file could call: those it imports, and those whose methods are unmistakable."""
        unmistakable = ("untyped", "untyped_with")
        return [
            facts
            for facts in table("llm_clients")["client"]
            if self._is_imported(facts) or any(key in facts for key in unmistakable)
        ]

    def _is_imported(self, facts: dict[str, Any]) -> bool:
        """Does the file import a package of the library?"""
        return not self._imported_packages.isdisjoint(facts["modules"])

    @cached_property
    def _imported_packages(self) -> frozenset[str]:
        return frozenset(name.partition(".")[0] for name in self._code.names.imported_modules)

    def _remote(self, call: cst.Call, handed: Node | None = None) -> ModelCall | None:
        function = handed or call.func
        qualified = self._code.qualified_name(function)
        for facts in self._libraries:
            if qualified is not None and qualified in facts["functions"]:
                return ModelCall(call, facts["library"], facts, handed=handed)
        steps = _steps(function)
        for facts in self._libraries:
            for method in facts["methods"]:
                receiver = _receiver(function, steps, method)
                if receiver is None:
                    continue
                guarded = self._is_client(receiver, facts)
                if guarded is not None:
                    return ModelCall(call, facts["library"], facts, guarded, handed)
                if self._is_unmistakable(call, receiver, method, facts):
                    return ModelCall(call, facts["library"], facts, handed=handed)
        return None

    def _is_client(self, receiver: Node, facts: dict[str, Any]) -> bool | None:
        """Return None where the value is no client of the library, else whether it guards its own calls."""
        for origin in self._code.values.origins(receiver):
            guarded = self._origin_is_client(origin, facts)
            if guarded is not None:
                return guarded
        return None

    def _origin_is_client(self, origin: Origin, facts: dict[str, Any]) -> bool | None:
        if origin.kind == "expression" and "class_pattern" in facts:  # `prompt | llm | parser`
            node = origin.node
            if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.BitOr):
                if any(_falls_back(side) for side in (node.left, node.right)):
                    return True
                sides = [self._is_client(side, facts) for side in (node.left, node.right)]
                if any(self._is_named_model(side, facts) for side in (node.left, node.right)):
                    sides.append(False)
                return next((side for side in sides if side is not None), None)
            return None
        if "conversation" in facts and isinstance(
            origin.node, cst.Call
        ):  # `client.chats.create(…)` is asked like the client
            client = _receiver(origin.node.func, _steps(origin.node.func), facts["conversation"])
            if client is not None:
                return self._is_client(client, facts)
        if origin.name is None or origin.kind not in ("call", "annotation", "item"):
            return None
        parts = origin.name.split(".")
        if len(parts) > 1 and parts[-1].startswith("from_"):  # `RetrievalQA.from_chain_type(…)` makes one, too
            parts.pop()
        guarded = False
        while parts and parts[-1] in _around_calls("configuring") | _around_calls("guarding"):
            guarded |= parts.pop() in _around_calls("guarding")
        if not parts or (origin.kind == "item" and parts[-1] != "start_chat"):
            return None
        if parts[-1] == "start_chat":  # a chat of a generative model is asked like the model
            parts.pop()
        is_class = bool(parts) and _is_client_class(".".join(parts), facts)
        return guarded if is_class and self._starts_with(origin.node, facts.get("first_argument")) else None

    @staticmethod
    def _starts_with(maker: Node, first: str | None) -> bool:
        """Is the first argument of a constructor a text that starts so (``boto3.client("bedrock-runtime")``)?"""
        if first is None:
            return True
        given = argument(maker, 0, "service_name") if isinstance(maker, cst.Call) else None
        return (as_text(given) or "").startswith(first)

    def _is_unmistakable(self, call: cst.Call, receiver: Node, method: str, facts: dict[str, Any]) -> bool:
        origins = self._code.values.origins(receiver)
        if any(o.kind in ("instance", "literal", "function", "class") or _is_mock(o) for o in origins):
            return False
        if any(self._is_client(receiver, other) is not None for other in self._libraries if other is not facts):
            return False
        if method in facts.get("untyped", ()):
            return True
        if "named" in facts and method in facts["named"]["methods"]:
            return self._is_named_model(receiver, facts) and not self._is_handed_on(call, method)
        more = facts.get("untyped_with")
        if more is None or method not in more["methods"]:
            return False
        known = any(o.is_known and o.kind != "name" for o in origins)
        return not known and all(keyword(call, name) is not None for name in more["arguments"])

    def _is_handed_on(self, call: cst.Call, method: str) -> bool:
        """Does a method hand on to the one of its own name: a project's own model around another?"""
        function = self._code.context.function(call)
        return isinstance(function, cst.FunctionDef) and function.name.value == method

    def _is_named_model(self, value: Node, facts: dict[str, Any]) -> bool:
        """Is a value called like a model of the library, in a file that imports it and does not show what makes the value?"""
        if "named" not in facts or not self._is_imported(facts):
            return False
        while isinstance(value, cst.Call) and isinstance(value.func, cst.Attribute):  # `llm.bind_tools(tools)`
            if value.func.attr.value not in _around_calls("configuring"):
                return False
            value = value.func.value
        if not isinstance(value, (cst.Name, cst.Attribute)) or not name_matches(value, facts["named"]["receivers"]):
            return False
        return not any(self._is_of_library(origin, facts) for origin in self._code.values.origins(value))

    @staticmethod
    def _is_of_library(origin: Origin, facts: dict[str, Any]) -> bool:
        """Does an origin say what a value is: made by the library itself, such as a model of this process, or guarded?"""
        if isinstance(origin.node, cst.Call) and last_name(origin.node.func) in _around_calls("guarding"):
            return True
        made = origin.name if origin.kind in ("call", "annotation") else None
        return made is not None and (made.partition(".")[0] in facts["modules"] or _is_of_local_library(made))

    def constructor(self, call: ModelCall) -> cst.Call | None:
        """Return the call in this file that made the client of a model call, None where it is not in view."""
        for method in call.facts["methods"]:
            receiver = _receiver(call.func, _steps(call.func), method)
            if receiver is not None:
                origins = self._code.values.origins(receiver)
                return next((o.node for o in origins if isinstance(o.node, cst.Call) and o.kind == "call"), None)
        return None

    def is_client(self, call: cst.Call) -> bool:
        """Does the call make a client of a library that the file imports?"""
        qualified = self._code.qualified_name(call.func)
        return qualified is not None and any(_is_client_class(qualified, facts) for facts in self._libraries)

    def client_constructors(self) -> Iterator[cst.Call]:
        """Yield the calls that make a client of a remote model, in document order."""
        for call in self._code.all(cst.Call):
            qualified = self._code.qualified_name(call.func)
            if qualified is None:
                continue
            made = (
                facts
                for facts in self._libraries
                if _is_client_class(qualified, facts) and not facts.get("is_framework")
            )
            if any(self._starts_with(call, facts.get("first_argument")) for facts in made):
                yield call

    def is_synchronous(self, call: ModelCall) -> bool:
        """Does the call block its thread, as far as its method and the class of its client show?"""
        method = last_name(call.func) or ""
        if method in call.facts.get("async_methods", ()):
            return False
        if method.endswith("_async") or "aio" in _steps(call.func) or self._is_awaited(call.node):
            return False
        if self._code.qualified_name(call.func) in call.facts.get("coroutines", ()):
            return False
        qualified = self._code.qualified_name(call.func)
        if qualified is not None:
            return qualified in call.facts["functions"] and not method.startswith("a")
        if "class_pattern" in call.facts:  # these libraries tell by the method's name
            return not method.startswith("a")
        maker = self.constructor(call)
        made_by = self._code.qualified_name(maker.func) if maker is not None else None
        return made_by is not None and "Async" not in made_by and ".aio." not in made_by

    def _is_awaited(self, call: cst.Call) -> bool:
        """Is the call awaited, there, by ``async for`` or by what it is handed to (``asyncio.gather(call(), …)``)?"""
        for above in self._code.tree.ancestors(call):
            if isinstance(above, cst.Await) or getattr(above, "asynchronous", None) is not None:
                return True
            if isinstance(above, cst.Call) and last_name(above.func) in _around_calls("awaiting"):
                return True
            if isinstance(above, (cst.BaseSmallStatement, cst.BaseCompoundStatement, cst.Lambda)):
                return False
        return False

    def raw_requests(self, *functions: str) -> Iterator[cst.Call]:
        """Yield the calls of these functions (``requests.post``) that ask a model's own endpoint, without a client."""
        endpoints = _compiled(table("llm_clients")["timeouts"]["endpoints"])
        for call in self._code.calls(*{name.rpartition(".")[2] for name in functions}):
            if self._code.qualified_name(call.func) not in functions or not call.args:
                continue
            url = call.args[0].value
            urls = self._code.values.constants(url) or self._code.strings.parts(url) or []
            if endpoints.search("".join(part for part in urls if isinstance(part, str))):
                yield call

    def gives_answer(self, call: cst.Call) -> bool:
        """Is the value of the call a model's answer: a remote call, or ``llm.invoke(…)`` of what is only called a model?"""
        if id(call) in self._remote_by_node:
            return True
        names = table("llm_clients")["names"]
        if not isinstance(call.func, cst.Attribute) or call.func.attr.value not in names["answers"]:
            return False
        receiver = call.func.value
        return name_matches(receiver, names["models"]) and not self._code.values.is_known(receiver)

    def is_model(self, node: Node) -> bool:
        """Is the value a runnable that asks a model, or only called like one where the file does not show what it is?"""
        if any(self._is_client(node, facts) is not None for facts in self._libraries if "class_pattern" in facts):
            return True
        names = table("llm_clients")["names"]
        while isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
            if node.func.attr.value not in _around_calls("configuring"):
                break
            node = node.func.value
        return name_matches(node, names["models"]) and not self._code.values.is_known(node)

    def answers_in_json(self, call: cst.Call) -> bool:
        """Is the value of a remote call the service's own JSON, which holds the model's text?"""
        remote = self._remote_by_node.get(id(call))
        return remote is not None and bool(remote.facts.get("answers_in_json"))

    @cached_property
    def _remote_by_node(self) -> dict[int, ModelCall]:
        return {id(call.node): call for call in self.remote_calls}

    # ---- models in this process

    @cached_property
    def runs_models(self) -> bool:
        """Does the file import a library whose models run in this process?"""
        return any(map(_is_of_local_library, self._code.names.imported_modules))

    def is_local(self, node: Node) -> bool:
        """Is the value a model or pipeline that runs in this process?"""
        return any(map(_is_of_local_library, self._code.values.made_by(node))) or any(
            origin.kind == "instance" and self._is_module(origin.node) for origin in self._code.values.origins(node)
        )

    def _is_module(self, cls: Node) -> bool:
        """Is the class of this file a neural network?"""
        return any(map(_is_of_local_library, self._code.context.base_names(cls)))

    def local_calls(self) -> Iterator[cst.Call]:
        """Yield the calls that run a model of this process: ``model.generate(…)`` and ``pipeline(…)``."""
        for call in self._code.calls("generate"):
            if isinstance(call.func, cst.Attribute) and self.is_local(call.func.value):
                made_by = self._code.values.made_by(call.func.value)
                if not any("Async" in name for name in made_by):  # `AsyncLLMEngine` yields
                    yield call
        callables = words("llm_clients", "local", "callables")
        if not any(map(self._may_be_made, callables)):
            return
        for call in self._code.all(cst.Call):
            if isinstance(call.func, (cst.Name, cst.Attribute)) and self._code.qualified_name(call.func) is None:
                if callables & self._code.values.made_by(call.func):
                    yield call

    def _may_be_made(self, maker: str) -> bool:
        """Does the file import the library of the maker, and hold its name? Else no value can come of it."""
        imported = self._code.names.imported_modules
        return maker.rpartition(".")[2] in self._code.text and any(
            f"{maker}.".startswith(f"{module}.") for module in imported
        )


def _is_of_local_library(name: str) -> bool:
    """Does a dotted name belong to a library whose models run in this process?"""
    return name.partition(".")[0] in words("llm_clients", "local", "modules")


def _is_client_class(qualified: str, facts: dict[str, Any]) -> bool:
    """Is this the qualified name of a class, or of a factory, of the library's clients?"""
    root, last = qualified.partition(".")[0], qualified.rpartition(".")[2]
    if root not in facts["modules"]:
        return False
    if "class_pattern" not in facts:
        return any(last == known.rpartition(".")[2] for known in facts["classes"])
    return bool(_compiled(facts["class_pattern"]).fullmatch(last)) and not _compiled(
        facts["not_class_pattern"]
    ).fullmatch(last)


def _is_mock(origin: Origin) -> bool:
    return origin.name is not None and "mock" in origin.name.lower()


def _steps(function: Node) -> list[str]:
    """Return ``["chat", "completions", "create"]`` for ``client.chat.completions.create``, neutral steps left out."""
    steps: list[str] = []
    while isinstance(function, cst.Attribute):
        steps.append(function.attr.value)
        function = function.value
    return [step for step in reversed(steps) if step not in _around_calls("neutral_steps")]


def _receiver(function: Node, steps: list[str], method: str) -> Node | None:
    """Return ``client`` for ``client.chat.completions.create`` and the method ``chat.completions.create``."""
    wanted = method.split(".")
    if steps[-len(wanted) :] != wanted:
        return None
    left, neutral = len(wanted), _around_calls("neutral_steps")
    while isinstance(function, cst.Attribute) and (left or function.attr.value in neutral):
        left -= function.attr.value not in neutral
        function = function.value
    return function


@cache
def _last_steps() -> tuple[str, ...]:
    facts = table("llm_clients")["client"]
    names = {name.rpartition(".")[2] for f in facts for name in (*f["methods"], *f["functions"])}
    return tuple(sorted(names))


def _falls_back(node: Node) -> bool:
    """Is a runnable made by what says that it guards it: ``prompt | with_fallback(model)``?"""
    name = last_name(node.func) if isinstance(node, cst.Call) else None
    return name is not None and pattern("guards", "wrappers", "guarding").search(name) is not None


@cache
def _compiled(expression: str) -> re.Pattern[str]:
    return re.compile(expression)


def name_matches(node: Node, expression: str) -> bool:
    """Does the last part of a name or attribute match a pattern of ``llm_clients.toml``?"""
    name = last_name(node)
    return name is not None and _compiled(expression).search(name.lower()) is not None
