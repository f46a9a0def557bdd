"""LRF509: the causal flag on queries that follow a cache of keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.constants import is_true
from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code
    from ...code.fused import FusedAttention


class CausalFlagWithCache(Rule):
    """``is_causal`` counts from the first key: with a cache in front, a new query sees the oldest keys and not its own."""

    code = "LRF509"
    name = "causal-flag-with-cache"
    severity = Severity.ERROR
    trigger = Trigger(
        words=(("scaled_dot_product_attention",), ("is_causal",)), pattern=(r"cat\(", "cache", "Cache", "past", "prev")
    )

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding at each fused attention that is always causal while its keys hold earlier ones."""
        from ...code.fused import fused_attentions

        for attention in fused_attentions(code):
            if not is_true(attention.argument("is_causal")) or _is_guarded(code, attention):
                continue
            if _has_cache(code, attention):
                message = (
                    f"`is_causal=True` masks from the first key, but `{code.short_text(attention.key, 24)}` begins with cached keys:"
                    " new queries miss theirs; pass `is_causal=q_len == kv_len`"
                )
                yield self.finding(code, attention.call, message)


def _has_cache(code: Code, attention: FusedAttention) -> bool:
    """Are there keys of earlier steps in front of those that belong to the queries?"""
    from ...code.lineage import lineage
    from ...code.tensors import Place

    keys, queries = lineage(code, Place(attention.key)), lineage(code, Place(attention.query))
    return any(holds_earlier_keys(code, growth) for growth in keys.growths) and not queries.growths


def holds_earlier_keys(code: Code, growth: cst.CSTNode) -> bool:
    """Does the name of what is joined or read say that it is kept from step to step?"""
    from ...code.lineage import is_kept

    if isinstance(growth, cst.Param):
        return is_kept(growth.name.value)
    names = [node.value for node in code.tree.within(growth, cst.Name)]
    names += [node.attr.value for node in code.tree.within(growth, cst.Attribute)]
    return any(is_kept(name) for name in names)


def _is_guarded(code: Code, attention: FusedAttention) -> bool:
    """Is the call made only under some condition on lengths or caches, or behind a return under one?"""
    tree = code.tree
    child: cst.CSTNode = attention.call
    for above in tree.ancestors(attention.call):
        if isinstance(above, (cst.If, cst.IfExp)) and child is not above.test and _asks_for_length(code, above.test):
            return True
        if isinstance(above, cst.IndentedBlock):
            for statement in above.body:
                if statement is child:
                    break
                if isinstance(statement, cst.If) and _leaves(statement) and _asks_for_length(code, statement.test):
                    return True
        if isinstance(above, cst.FunctionDef):
            return False
        child = above
    return False


def _asks_for_length(code: Code, test: cst.CSTNode) -> bool:
    """May a test tell the first step from those with a cache: does it compare numbers, or name a cache, a length, a phase?"""
    from ...code.lineage import is_kept, is_length

    if any(code.tree.within(test, cst.Integer)):
        return True
    return any(is_kept(name) or is_length(name) for name in _names(code, test))


def _leaves(statement: cst.If) -> bool:
    last = statement.body.body[-1] if isinstance(statement.body, cst.IndentedBlock) and statement.body.body else None
    return isinstance(last, cst.SimpleStatementLine) and isinstance(last.body[-1], (cst.Return, cst.Raise))


def _names(code: Code, node: cst.CSTNode) -> Iterator[str]:
    yield from (name.value for name in code.tree.within(node, cst.Name))
    yield from (attribute.attr.value for attribute in code.tree.within(node, cst.Attribute))
