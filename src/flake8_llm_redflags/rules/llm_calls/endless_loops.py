"""What the rules about endless loops ask: is the loop one, who ends it, is there a limit?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...code.constants import as_integer, is_none, is_true
from ...code.syntax import cst
from ...knowledge import words

if TYPE_CHECKING:
    from ...code import Code

#: Names of what bounds a loop, and of what ends one from outside.
_LIMIT = re.compile(r"max|limit|budget|remaining|deadline|timeout", re.IGNORECASE)


def is_endless(loop: cst.CSTNode) -> bool:
    """Is this ``while True`` or ``while 1``?"""
    return isinstance(loop, cst.While) and (is_true(loop.test) or as_integer(loop.test) == 1)


def is_until_answered(code: Code, loop: cst.While) -> bool:
    """Is this ``while answer is None`` or ``while not done``, where the loop itself gives the name its value?"""
    test = loop.test
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        name = test.expression
    elif isinstance(test, cst.Comparison) and is_none(test.comparisons[0].comparator):
        name = test.left if isinstance(test.comparisons[0].operator, cst.Is) else None
    else:
        return False
    return isinstance(name, cst.Name) and any(
        isinstance(target.target, cst.Name) and target.target.value == name.value
        for step in code.tree.within(loop, cst.Assign)
        for target in step.targets
    )


def waits_for_somebody(code: Code, loop: cst.While) -> bool:
    """Does a person or a peer decide about each turn?"""
    from ...code.names import last_name

    calls = code.tree.within(loop, cst.Call)
    return any(last_name(call.func) in words("guards", "waiting") and not code.llm.is_call_site(call) for call in calls)


def is_limited(code: Code, loop: cst.While) -> bool:
    """Does the loop count its turns, compare something by size, such as seconds, or name a limit?"""
    if any(_is_by_size(test) for test in code.tree.within(loop, cst.Comparison)):
        return True
    if any(isinstance(step.value, cst.Integer) for step in code.tree.within(loop, cst.AugAssign)):
        return True
    tests = (statement.test for statement in code.tree.within(loop, cst.If, cst.While))
    if any(_LIMIT.search(name.value) for test in tests for name in code.tree.within(test, cst.Name)):
        return True
    return any(
        _LIMIT.search(code.text_of(item.item)) for statement in code.context.withs(loop) for item in statement.items
    )


def _is_by_size(test: cst.Comparison) -> bool:
    """Is something compared by size? Whether there is any (``len(calls) > 0``) is no question of size."""
    orders = (cst.GreaterThan, cst.GreaterThanEqual, cst.LessThan, cst.LessThanEqual)
    if not any(isinstance(target.operator, orders) for target in test.comparisons):
        return False
    sides = (test.left, *(target.comparator for target in test.comparisons))
    return not any(as_integer(side) in (0, 1) for side in sides)
