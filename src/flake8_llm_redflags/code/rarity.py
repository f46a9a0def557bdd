"""Code that runs only now and then within a loop or a function: every n-th turn, on one rank, for debugging, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from ..knowledge import words
from .constants import as_text
from .names import dotted, words_in
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

#: How many names a test is followed through.
_DEPTH = 3


class Rarity:
    """Answers whether a node runs in every turn."""

    def __init__(self, code: Code) -> None:
        self._code, self._tree = code, code.tree

    def is_rare(self, node: Node, owner: Node | None) -> bool:
        """Does the node run only now and then within ``owner`` (a loop or function; None for the whole function)?

        Guarded by an interval, a rank, a debug flag; after ``if step % n: continue``; right before the loop is left;
        in an exception handler or what is raised.
        """
        child = node
        for above in self._tree.ancestors(node):
            if isinstance(above, (cst.If, cst.IfExp)) and child is not above.test and self._is_rare_arm(above, child):
                return True
            if isinstance(above, cst.BooleanOperation) and child is above.right and self.is_rare_test(above.left):
                return True
            if isinstance(above, (cst.ExceptHandler, cst.ExceptStarHandler, cst.Raise)):
                return True
            if isinstance(above, cst.IndentedBlock):
                if not isinstance(self._tree.parent(above), cst.FunctionDef) and self._leaves(above, owner):
                    return True
                if self._after_skip(above, child):
                    return True
            if above is owner or isinstance(above, cst.FunctionDef):
                return False
            child = above
        return False

    def _leaves(self, block: cst.IndentedBlock, owner: Node | None) -> bool:
        """Does the block end the program or, standing in the loop ``owner``, leave that?"""
        last = block.body[-1] if block.body and self._tree.parent(block) is not owner else None
        if not isinstance(last, cst.SimpleStatementLine):
            return False
        end = last.body[-1]
        if isinstance(end, (cst.Return, cst.Break)):
            return isinstance(owner, (cst.For, cst.While)) and self._tree.contains(owner, block)
        if isinstance(end, cst.Raise):
            return True
        call = end.value if isinstance(end, cst.Expr) else None
        return isinstance(call, cst.Call) and dotted(call.func) in ("sys.exit", "exit", "quit")

    def _after_skip(self, block: cst.IndentedBlock, child: Node) -> bool:
        """Stands the child behind ``if step % n: continue`` in the same block?"""
        for statement in block.body:
            if statement is child:
                return False
            if not isinstance(statement, cst.If):
                continue
            skips = self.is_rare_test(statement.test) or self._is_lazy(statement.test, missing=False)
            if skips and any(self._tree.within(statement.body, cst.Continue, cst.Return)):
                return True
        return False

    def is_rare_test(self, test: Node) -> bool:
        """Is a test true only now and then: ``step % n == 0``, a rank, a debug flag, the last turn?"""
        return self._is_rare_test(test, _DEPTH)

    def _is_rare_test(self, test: Node, depth: int) -> bool:
        tree, guards = self._tree, words("torch_training", "guards", "words")
        if any(isinstance(op.operator, cst.Modulo) for op in tree.within(test, cst.BinaryOperation)):
            return True
        if any(self._counts(comparison) for comparison in tree.within(test, cst.Comparison)):
            return True
        for node in tree.within(test, cst.Attribute):
            if not words_in(node.attr.value).isdisjoint(guards):
                return True
        for name in tree.within(test, cst.Name):
            if not words_in(name.value).isdisjoint(guards) and not self._is_imported(name):
                return True
            if depth and self._is_rare_flag(name, depth):
                return True
        return False

    def _is_rare_arm(self, branch: cst.If | cst.IfExp, arm: Node) -> bool:
        taken = arm is branch.body
        if self.is_rare_test(branch.test) or self._is_evaluation_arm(branch.test, taken=taken):
            return True
        return taken and (self._is_lazy(branch.test, missing=True) or self._is_first_time(branch))

    def _is_lazy(self, test: Node, *, missing: bool) -> bool:
        """Does a test ask whether an attribute is still to be made (``missing``), or made already: a cache?"""
        operator = cst.Is if missing else cst.IsNot
        return any(
            isinstance(part.left, cst.Attribute)
            and any(isinstance(other.operator, operator) for other in part.comparisons)
            for part in self._tree.within(test, cst.Comparison)
        )

    def _is_first_time(self, branch: cst.If | cst.IfExp) -> bool:
        """Does ``if first is None:`` guard the assignment of ``first``?"""
        test = branch.test
        if not isinstance(test, cst.Comparison) or not isinstance(test.left, cst.Name):
            return False
        if not isinstance(test.comparisons[0].operator, cst.Is):
            return False
        bindings = self._code.names.bindings(test.left.value, test)
        if any(binding.kind == "param" for binding in bindings):  # not handed in: that may be so every time
            return False
        return any(self._tree.contains(branch.body, binding.node) for binding in bindings)

    def _is_evaluation_arm(self, test: Node, *, taken: bool) -> bool:
        """Does an arm run only outside of training: ``if not self.training``, ``if stage != Stage.TRAIN``?"""
        if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
            return self._is_evaluation_arm(test.expression, taken=not taken)
        if isinstance(test, cst.Comparison) and len(test.comparisons) == 1:
            part = test.comparisons[0]
            if isinstance(part.operator, (cst.NotEqual, cst.Equal)):
                return taken == isinstance(part.operator, cst.NotEqual) and _says_train(part.comparator)
        return not taken and _says_train(test)

    def _is_imported(self, name: cst.Name) -> bool:
        return self._code.qualified_name(name) is not None

    def _counts(self, comparison: cst.Comparison) -> bool:
        """Is this ``step == 0`` or ``i in milestones``: a counter of a loop against one value?"""
        if not isinstance(comparison.left, cst.Name) or len(comparison.comparisons) != 1:
            return False
        part = comparison.comparisons[0]
        if not isinstance(part.operator, (cst.Equal, cst.In)):
            return False
        return any(b.kind in ("loop", "augment") for b in self._code.values.definitions(comparison.left))

    def _is_rare_flag(self, name: cst.Name, depth: int) -> bool:
        """Does the name hold the outcome of such a test (``log_now = step % n == 0``)?"""
        for binding in self._code.values.definitions(name):
            if (
                binding.kind in ("assign", "walrus")
                and isinstance(binding.value, (cst.Comparison, cst.BooleanOperation, cst.UnaryOperation))
                and self._is_rare_test(binding.value, depth - 1)
            ):
                return True
        return False


def _says_train(node: Node) -> bool:
    """Is this ``training``, ``self.training``, ``Stage.TRAIN`` or ``"train"``?"""
    text = as_text(node) or dotted(node)
    return not words_in(text.rpartition(".")[2]).isdisjoint({"train", "training"})
