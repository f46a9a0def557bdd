"""Scopes, bindings and qualified names of one module."""

from __future__ import annotations

import builtins
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from operator import attrgetter
from typing import Literal

import libcst as cst

from .tree import Node, Tree, kinds

Kind = Literal[
    "assign", "augment", "annotate", "import", "def", "class", "param", "loop", "with", "except", "walrus", "match"
]

_COMPREHENSIONS = (cst.ListComp, cst.SetComp, cst.DictComp, cst.GeneratorExp)
_SCOPES = kinds(cst.FunctionDef, cst.ClassDef, cst.Lambda, *_COMPREHENSIONS)
_BUILTINS = frozenset(dir(builtins))


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """One place that gives a name a value.

    ``node`` is the binding construct (statement, parameter, loop, ``with`` item). ``value`` is the expression whose
    value is taken (for a loop the iterable), None where there is none. ``path`` leads into the value when it is
    unpacked: ``(1,)`` for ``b`` in ``a, b = f()``. ``qualified`` is the dotted name of an import.
    """

    name: str
    kind: Kind
    node: Node
    at: int  #: document-order number of ``node``
    value: Node | None = None
    path: tuple[int | Literal["*"], ...] = ()
    qualified: str | None = None


class Names:
    """Which binding a name refers to, and what a dotted expression is called in full."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._scopes: dict[int, dict[str, list[Binding]]] = {}
        self._attributes: dict[tuple[int, str], list[Binding]] = {}
        self._redirected: dict[tuple[int, str], int] = {}  # global and nonlocal names
        self._scope_memo: dict[int, int] = {}
        self._imported: dict[tuple[int, str], list[Binding]] = {}
        self._qualified_memo: dict[int, str | None] = {}
        #: Modules imported with ``from m import *``.
        self.star_imports: list[str] = []
        self._collect()

    # ---- questions

    def scope(self, node: Node) -> Node:
        """Return the function, class, lambda, comprehension or module whose scope the node stands in."""
        return self._tree.nodes[self._scope_number(self._tree.index[id(node)])]

    def bindings(self, name: str, node: Node) -> Sequence[Binding]:
        """Return all bindings of ``name`` in the scope that it refers to when used at ``node``, in document order."""
        return self.lookup(name, self._tree.index[id(node)])[0]

    def lookup(self, name: str, number: int) -> tuple[Sequence[Binding], int]:
        """Return the bindings of ``name`` seen from the node ``number``, and the number of their scope."""
        nodes = self._tree.nodes
        scope, first = self._scope_number(number), True
        while True:
            redirected = self._redirected.get((scope, name))
            if redirected is not None:
                scope = redirected
            if first or nodes[scope].__class__ is not cst.ClassDef:
                found = self._scopes.get(scope)
                if found is not None and name in found:
                    return found[name], scope
            if scope == 0:
                return (), 0
            scope, first = self._scope_number(scope), False

    def in_scope(self, scope: Node) -> dict[str, list[Binding]]:
        """Return every name bound in a scope with its bindings."""
        return self._scopes.get(self._tree.index[id(scope)], {})

    def attribute_bindings(self, owner: Node, attribute: str) -> Sequence[Binding]:
        """Return the bindings of ``self.<attribute>`` in the methods of a class, and those in its body."""
        number = self._tree.index[id(owner)]
        in_methods = self._attributes.get((number, attribute), [])
        in_body = [b for b in self._scopes.get(number, {}).get(attribute, ()) if b.kind not in ("def", "class")]
        return [*in_body, *in_methods]

    def qualified_name(self, node: Node) -> str | None:
        """Return ``torch.nn.functional.softmax`` for ``F.softmax``; None where the root is no import and no builtin."""
        key = id(node)
        if key in self._qualified_memo:
            return self._qualified_memo[key]
        result = None
        if isinstance(node, cst.Attribute):
            base = self.qualified_name(node.value)
            if base is not None:
                result = f"{base}.{node.attr.value}"
        elif isinstance(node, cst.Name):
            number = self._tree.index.get(key)
            if number is not None:
                result = self.qualify(node.value, number)
        self._qualified_memo[key] = result
        return result

    def qualify(self, name: str, number: int) -> str | None:
        """Return the qualified name of a bare ``name`` used at the node ``number``."""
        found, scope = self.lookup(name, number)
        if not found:
            return f"builtins.{name}" if name in _BUILTINS else None
        imports = self._imported.get((scope, name))
        if imports is None:  # asked once: a script may bind the name thousands of times
            imports = self._imported[scope, name] = self._imports_in_turn(found)
        if not imports:
            return None
        return imports[max(bisect_left(imports, number, key=attrgetter("at")) - 1, 0)].qualified

    def _imports_in_turn(self, bindings: Sequence[Binding]) -> list[Binding]:
        """Return the first import of a name, and those by which a later cell of a notebook surely replaces it."""
        imports = [binding for binding in bindings if binding.kind == "import"]
        return imports[:1] + [later for later in imports[1:] if self._stands_in_the_module(later.node)]

    def _stands_in_the_module(self, statement: Node) -> bool:
        line = self._tree.parent(statement)
        return line is not None and isinstance(self._tree.parent(line), cst.Module)

    def is_free_for(self, module: str) -> bool:
        """Could ``import <module>`` at the top of the file bind that name without taking it from something else?"""
        found, _ = self.lookup(module, 0)
        return all(binding.qualified == module for binding in found)

    def spelling(self, qualified: str, node: Node) -> str | None:
        """Return how an importable thing can be written at a node: ``F.gelu`` or ``torch.nn.functional.gelu``.

        The longest import of a module above it that is in reach there is used; None where there is none.
        """
        number = self._tree.index[id(node)]
        found = []
        for scope in (0, self._scope_number(number)):
            for name, bindings in self._scopes.get(scope, {}).items():
                path = bindings[0].qualified
                if bindings[0].at < number and path is not None and f"{qualified}.".startswith(f"{path}."):
                    if all(b.qualified == path for b in self.lookup(name, number)[0]):
                        found.append((len(path), name + qualified[len(path) :]))
        return max(found)[1] if found else None

    def enclosing_class(self, node: Node) -> cst.ClassDef | None:
        """Return the class whose body (methods included) holds the node."""
        return next((above for above in self._tree.ancestors(node) if isinstance(above, cst.ClassDef)), None)

    @cached_property
    def imported_modules(self) -> tuple[str, ...]:
        """The dotted names of everything that the module imports, anywhere in it, each once."""
        bindings = (b.qualified for scope in self._scopes.values() for found in scope.values() for b in found)
        return tuple(dict.fromkeys([*self.star_imports, *(name for name in bindings if name is not None)]))

    def renamed(self, names: Collection[str]) -> set[str]:
        """Return under what else the module imports any of these: ``acc`` for ``accuracy_score as acc``."""
        bindings = (b for scope in self._scopes.values() for found in scope.values() for b in found)
        return {b.name for b in bindings if b.qualified is not None and b.qualified.rpartition(".")[2] in names}

    # ---- scopes

    def _scope_number(self, number: int) -> int:
        """Return the number of the innermost scope around a node; a definition's own name lives outside of it."""
        up, nodes, memo = self._tree.up, self._tree.nodes, self._scope_memo
        trail = []
        child, above = number, up[number]
        found = 0
        while above >= 0:
            node = nodes[above]
            if node.__class__ in _SCOPES:
                if _holds(node, nodes[child]):
                    found = above
                    break
            elif above in memo:
                found = memo[above]
                break
            else:
                trail.append(above)
            child, above = above, up[above]
        memo[number] = found
        for passed in trail:
            memo[passed] = found
        return found

    def _bind(
        self,
        name: str,
        kind: Kind,
        node: Node,
        value: Node | None = None,
        path: tuple[int | Literal["*"], ...] = (),
        *,
        scope: int | None = None,
        qualified: str | None = None,
    ) -> None:
        at = self._tree.index[id(node)]
        if scope is None:
            scope = self._scope_number(at)
            if kind == "walrus":
                while isinstance(self._tree.nodes[scope], _COMPREHENSIONS):
                    scope = self._scope_number(scope)
        scope = self._redirected.get((scope, name), scope)
        binding = Binding(name, kind, node, at, value, path, qualified)
        self._scopes.setdefault(scope, {}).setdefault(name, []).append(binding)

    def _bind_target(
        self,
        target: Node,
        kind: Kind,
        node: Node,
        value: Node | None,
        path: tuple[int | Literal["*"], ...] = (),
        scope: int | None = None,
    ) -> None:
        if isinstance(target, cst.Name):
            self._bind(target.value, kind, node, value, path, scope=scope)
        elif isinstance(target, (cst.Tuple, cst.List)):
            for position, element in enumerate(target.elements):
                step = "*" if isinstance(element, cst.StarredElement) else position
                self._bind_target(element.value, kind, node, value, (*path, step), scope)
        elif (
            isinstance(target, cst.Attribute)
            and isinstance(target.value, cst.Name)
            and target.value.value in ("self", "cls")
        ):
            owner = self.enclosing_class(node)
            if owner is not None:
                key = (self._tree.index[id(owner)], target.attr.value)
                binding = Binding(target.attr.value, kind, node, self._tree.index[id(node)], value, path)
                self._attributes.setdefault(key, []).append(binding)

    def _collect(self) -> None:
        tree = self._tree
        for node in tree.all(cst.Global):
            scope = self._scope_number(tree.index[id(node)])
            self._redirected.update({(scope, item.name.value): 0 for item in node.names})
        for node in tree.all(cst.Nonlocal):
            scope = self._scope_number(tree.index[id(node)])
            self._redirected.update({(scope, item.name.value): self._scope_number(scope) for item in node.names})
        for node in tree.all(cst.Import):
            for alias in node.names:
                full = dotted(alias.name)
                if alias.asname is not None:
                    self._bind(_text(alias.asname.name), "import", node, qualified=full)
                else:
                    root = full.partition(".")[0]
                    self._bind(root, "import", node, qualified=root)
        for node in tree.all(cst.ImportFrom):
            module = "." * len(node.relative) + (dotted(node.module) if node.module is not None else "")
            if isinstance(node.names, cst.ImportStar):
                self.star_imports.append(module)
                continue
            for alias in node.names:
                name = _text(alias.name)
                bound = _text(alias.asname.name) if alias.asname is not None else name
                self._bind(bound, "import", node, qualified=f"{module}.{name}" if module.strip(".") else module + name)
        for node in tree.all(cst.FunctionDef):
            self._bind(node.name.value, "def", node, node)
        for node in tree.all(cst.ClassDef):
            self._bind(node.name.value, "class", node, node)
        for node in tree.all(cst.Assign):
            for target in node.targets:
                self._bind_target(target.target, "assign", node, node.value)
        for node in tree.all(cst.AnnAssign):
            self._bind_target(node.target, "assign" if node.value is not None else "annotate", node, node.value)
        for node in tree.all(cst.AugAssign):
            self._bind_target(node.target, "augment", node, node.value)
        for node in tree.all(cst.NamedExpr):
            self._bind_target(node.target, "walrus", node, node.value)
        for node in tree.all(cst.For):
            self._bind_target(node.target, "loop", node, node.iter)
        for node in tree.all(cst.CompFor):
            owner = tree.index[id(node)]
            while isinstance(tree.nodes[owner], cst.CompFor):  # chained loops share the comprehension's scope
                owner = tree.up[owner]
            self._bind_target(node.target, "loop", node, node.iter, scope=owner)
        for node in tree.all(cst.WithItem):
            if node.asname is not None:
                self._bind_target(node.asname.name, "with", node, node.item)
        for node in tree.all(cst.ExceptHandler, cst.ExceptStarHandler):
            if node.name is not None:
                self._bind_target(node.name.name, "except", node, node.type)
        for node in tree.all(cst.MatchAs, cst.MatchStar):
            if node.name is not None:
                self._bind_target(node.name, "match", node, None)
        for node in tree.all(cst.Param):
            number = tree.index[id(node)]
            self._bind(node.name.value, "param", node, node, scope=tree.up[tree.up[number]])
        for scope in self._scopes.values():
            for found in scope.values():
                if len(found) > 1:
                    found.sort(key=lambda binding: binding.at)
        for found in self._attributes.values():
            found.sort(key=lambda binding: binding.at)


def dotted(node: Node | None) -> str:
    """Return ``a.b.c`` for a chain of attributes on a name; an empty string for anything else."""
    parts = []
    while isinstance(node, cst.Attribute):
        parts.append(node.attr.value)
        node = node.value
    if not isinstance(node, cst.Name):
        return ""
    parts.append(node.value)
    return ".".join(reversed(parts))


def last_name(node: Node) -> str | None:
    """Return ``c`` for ``a.b.c`` and for ``c``; None for anything that is neither a name nor an attribute."""
    if isinstance(node, cst.Attribute):
        return node.attr.value
    return node.value if isinstance(node, cst.Name) else None


@cache
def words_in(name: str) -> frozenset[str]:
    """Return the words of ``should_log`` and ``shouldLog``, in lower case."""
    parts, word = [], ""
    for sign in name:
        if not sign.isalnum() or (sign.isupper() and word and not word[-1].isupper()):
            parts.append(word)
            word = ""
        if sign.isalnum():
            word += sign
    return frozenset(part.lower() for part in (*parts, word) if part)


def holds_word(name: str, words: Iterable[str]) -> bool:
    """Does a name hold one of these words, given in lower case, anywhere and in any case of letters?"""
    lowered = name.lower()
    return any(word in lowered for word in words)


def _text(node: Node) -> str:
    return node.value if isinstance(node, cst.Name) else dotted(node)


def _holds(scope: Node, child: Node) -> bool:
    """Tell whether ``child``, right below ``scope``, stands inside the scope rather than in its head."""
    if isinstance(scope, cst.FunctionDef):
        return child is scope.body or child is scope.params
    if isinstance(scope, cst.ClassDef):
        return child is scope.body
    return True
