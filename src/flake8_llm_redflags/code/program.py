"""``Code``: one parsed file and everything that rules ask about it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property
from typing import TypeVar

import libcst as cst

from ..finding import Span
from ..source import is_test
from .attention import Attentions
from .augmentation import Augmentation
from .autograd import Autograd
from .context import Context
from .decoding import Decoding
from .devices import Devices
from .edits import EditBuilder
from .evaluation import Evaluation
from .flow import Flow
from .generation import Generation
from .guards import Guards
from .imbalance import Imbalance
from .llm import Llm
from .names import Names, last_name
from .norms import Norms
from .parsing import parse
from .pickled import Pickled
from .pipes import Pipes
from .positions import Positions
from .rarity import Rarity
from .reads import Reads
from .sampling import Sampling
from .secrets import Secrets
from .serving import Serving
from .sql import Sql
from .strings import Strings
from .taint import Taint
from .tensors import Tensors
from .training import Training
from .tree import Node, Tree
from .values import Values

_Class = TypeVar("_Class", bound=cst.CSTNode)


class Code:
    """One file, read on demand: each part is built at the first question that needs it.

    ``text`` is the source without its byte order mark; ``root`` is its ``ast``. Raises ``libcst.ParserSyntaxError``
    at the first question if libcst cannot read the text. ``code.nesting.too_deep`` must have passed it before.
    """

    def __init__(self, text: str, root: ast.Module, path: str = "<unknown>") -> None:
        self.text, self.root, self.path = text, root, path

    def forget(self) -> None:
        """Let go of all parts. They refer to this object, and to collect such circles takes as long as half of the rules."""
        self.__dict__.clear()

    @cached_property
    def tree(self) -> Tree:
        """The syntax tree: parents, document order, buckets."""
        return Tree(parse(self.text))

    @cached_property
    def names(self) -> Names:
        """Scopes, bindings, qualified names."""
        return Names(self.tree)

    @cached_property
    def context(self) -> Context:
        """Surroundings of a node."""
        return Context(self)

    @cached_property
    def values(self) -> Values:
        """Where values come from."""
        return Values(self)

    @cached_property
    def flow(self) -> Flow:
        """What happens to values while the file runs."""
        return Flow(self)

    @cached_property
    def devices(self) -> Devices:
        """Tensors on the device and on the host, modules, optimizers, loaders."""
        return Devices(self)

    @cached_property
    def training(self) -> Training:
        """Training steps, loops around a model."""
        return Training(self)

    @cached_property
    def rarity(self) -> Rarity:
        """Code that runs only now and then."""
        return Rarity(self)

    @cached_property
    def evaluation(self) -> Evaluation:
        """Functions and loops that evaluate."""
        return Evaluation(self)

    @cached_property
    def autograd(self) -> Autograd:
        """Where gradients are recorded."""
        return Autograd(self)

    @cached_property
    def reads(self) -> Reads:
        """Reads that make the host wait for the device."""
        return Reads(self)

    @cached_property
    def augmentation(self) -> Augmentation:
        """Pictures altered at random."""
        return Augmentation(self)

    @cached_property
    def imbalance(self) -> Imbalance:
        """What the file shows of rare classes."""
        return Imbalance(self)

    @cached_property
    def pipes(self) -> Pipes:
        """Functions in pipes, and what they are handed."""
        return Pipes(self)

    @cached_property
    def secrets(self) -> Secrets:
        """Literals that may be secrets."""
        return Secrets(self)

    @cached_property
    def strings(self) -> Strings:
        """Texts that the file puts together."""
        return Strings(self)

    @cached_property
    def pickled(self) -> Pickled:
        """Pickles that the file reads and writes."""
        return Pickled(self)

    @cached_property
    def sql(self) -> Sql:
        """SQL that the file puts together."""
        return Sql(self)

    @cached_property
    def llm(self) -> Llm:
        """Calls of language models."""
        return Llm(self)

    @cached_property
    def guards(self) -> Guards:
        """What catches a failing call."""
        return Guards(self)

    @cached_property
    def serving(self) -> Serving:
        """Which functions serve requests."""
        return Serving(self)

    @cached_property
    def taint(self) -> Taint:
        """Where text that nobody vouches for goes."""
        return Taint(self)

    @cached_property
    def decoding(self) -> Decoding:
        """Loops that generate token by token."""
        return Decoding(self)

    @cached_property
    def generation(self) -> Generation:
        """Calls that generate with a local model."""
        return Generation(self)

    @cached_property
    def sampling(self) -> Sampling:
        """Where tokens are chosen."""
        return Sampling(self)

    @cached_property
    def tensors(self) -> Tensors:
        """What expressions compute with tensors."""
        return Tensors(self)

    @cached_property
    def norms(self) -> Norms:
        """Normalisation written out by hand."""
        return Norms(self)

    @cached_property
    def attention(self) -> Attentions:
        """Attention written out by hand."""
        return Attentions(self)

    @cached_property
    def positions(self) -> Positions:
        """Places of nodes in the text."""
        return Positions(self.text, self.root, self.tree)

    @cached_property
    def _calls(self) -> dict[str, list[cst.Call]]:
        """All calls by the last part of what is called (``generate`` for ``self.model.generate(x)``)."""
        calls: dict[str, list[cst.Call]] = {}
        for call in self.tree.all(cst.Call):
            if (name := last_name(call.func)) is not None:
                calls.setdefault(name, []).append(call)
        return calls

    @cached_property
    def _references(self) -> dict[str, list[cst.Name | cst.Attribute]]:
        """All names and attributes that are not called where they stand, by their last part."""
        references: dict[str, list[cst.Name | cst.Attribute]] = {}
        for node in self.tree.all(cst.Name, cst.Attribute):
            parent = self.tree.parent(node)
            if not (isinstance(parent, cst.Call) and parent.func is node):
                references.setdefault(last_name(node) or "", []).append(node)
        return references

    @cached_property
    def is_test(self) -> bool:
        """Is the file a test, by its name or by a folder near it?"""
        return is_test(self.path)

    # ---- the questions that nearly every rule asks

    def all(self, *classes: type[_Class]) -> Iterator[_Class]:
        """Yield every node of the classes, in document order per class."""
        return self.tree.all(*classes)

    def calls(self, *names: str) -> Iterator[cst.Call]:
        """Yield the calls whose callee ends in one of ``names`` (a method or a function name), in document order."""
        if len(names) == 1:
            return iter(self._calls.get(names[0], ()))
        found = [call for name in dict.fromkeys(names) for call in self._calls.get(name, ())]
        return iter(sorted(found, key=self.tree.start))

    def references(self, name: str) -> Iterator[cst.Name | cst.Attribute]:
        """Yield the uses of a name, bare or as an attribute, that are no calls: where a function is handed on."""
        return iter(self._references.get(name, ()))

    def qualified_name(self, node: Node) -> str | None:
        """Return the full dotted name of an imported or builtin thing; see ``Names.qualified_name``."""
        return self.names.qualified_name(node)

    def span(self, node: Node | Span) -> Span:
        """Return the place of a node; a place is its own."""
        return node if isinstance(node, Span) else self.positions.span(node)

    def line(self, node: Node) -> int:
        """Return the line (from 1) that a node starts on."""
        return self.positions.span(node).line

    def text_of(self, node: Node) -> str:
        """Return the source text of a node, as written, without its own parentheses."""
        start, end = self.positions.offsets(node)
        return self.text[start:end]

    def text_as_operand(self, node: Node) -> str:
        """Return the source text of a node, in parentheses unless a dot or a sign may stand beside it."""
        text = self.text_of(node)
        return text if isinstance(node, (cst.Name, cst.Attribute, cst.Call, cst.Subscript)) else f"({text})"

    def short_text(self, node: Node, limit: int = 40) -> str:
        """Return the node's source on one line, cut to ``limit`` characters: for messages, so suspected secrets are left out."""
        text = self.text_of(node)
        if '"' in text or "'" in text:
            text = self._without_secrets(node, text)
        text = " ".join(text.split())
        return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"

    def _without_secrets(self, node: Node, text: str) -> str:
        first = self.positions.offsets(node)[0]
        places = (literal.node for literal, _ in self.secrets.suspects)
        inside = [place for place in places if not isinstance(place, Span) and self.tree.contains(node, place)]
        for start, end in sorted(map(self.positions.offsets, inside), reverse=True):
            text = f"{text[: start - first]}…{text[end - first :]}"
        return text

    def edit(self, title: str, *, safe: bool) -> EditBuilder:
        """Return a builder for an edit of this file; ``safe`` where it changes nothing but the defect."""
        return EditBuilder(self, title, safe=safe)

    def comment_on(self, node: Node) -> str:
        """Return the comment at the end of the node's last line, without ``#``; empty where there is none."""
        line = next((n for n in (node, *self.tree.ancestors(node)) if isinstance(n, cst.SimpleStatementLine)), None)
        comment = line.trailing_whitespace.comment if line is not None else None
        return comment.value.lstrip("#").strip() if comment is not None else ""
