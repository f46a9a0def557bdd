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

#: Flags by which a user or another thread stops a loop.
_STOP = re.compile(
    r"stop(?:ped|ping|_event|_flag|_requested)?$|cancel|abort|interrupt|shut_?down|shutting|quit", re.IGNORECASE
)


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
    """Does the loop look at a count of its turns, a flag or a size, such as seconds, or name a limit?"""
    if any(_is_by_size(test) for test in code.tree.within(loop, cst.Comparison)):
        return True
    counters = (step.target for step in code.tree.within(loop, cst.AugAssign) if isinstance(step.value, cst.Integer))
    if any(_is_asked_for(code, counter, loop) for counter in counters):
        return True
    if _is_stopped(code, loop):
        return True
    tests = (statement.test for statement in code.tree.within(loop, cst.If, cst.While))
    if any(_LIMIT.search(name.value) for test in tests for name in code.tree.within(test, cst.Name)):
        return True
    return any(
        _LIMIT.search(code.text_of(item.item)) for statement in code.context.withs(loop) for item in statement.items
    )


def _is_asked_for(code: Code, counter: cst.BaseExpression, loop: cst.While) -> bool:
    """Does a test look at a counter, or a function that gets it? One that is only told of ends nothing."""
    from ...code.names import last_name

    name, scope = code.text_of(counter), loop if isinstance(counter, cst.Name) else code.tree.module
    tests = [test.test for test in code.tree.within(scope, cst.If, cst.While, cst.IfExp)]
    tests += code.tree.within(scope, cst.Comparison)
    if any(code.text_of(part) == name for test in tests for part in code.tree.within(test, cst.Name, cst.Attribute)):
        return True
    return any(
        code.text_of(arg.value) == name
        for call in code.tree.within(loop, cst.Call)
        if last_name(call.func) not in words("guards", "telling")
        for arg in call.args
    )


def _is_stopped(code: Code, loop: cst.While) -> bool:
    """Does the loop look at a flag by which somebody else ends it: ``if self.cancelled``, ``if stop_event.is_set()``?"""
    from ...code.names import last_name

    for statement in code.tree.within(loop, cst.If):
        test = statement.test
        if isinstance(test, cst.Call) and isinstance(test.func, cst.Attribute) and not test.args:
            test = test.func.value if test.func.attr.value == "is_set" else test.func
        if isinstance(test, (cst.Name, cst.Attribute)) and _STOP.search(last_name(test) or ""):
            return True
    return False


def _is_by_size(test: cst.Comparison) -> bool:
    """Is something compared by size? Whether there is any (``len(calls) > 0``) is no question of size."""
    orders = (cst.GreaterThan, cst.GreaterThanEqual, cst.LessThan, cst.LessThanEqual)
    if not any(isinstance(target.operator, orders) for target in test.comparisons):
        return False
    sides = (test.left, *(target.comparator for target in test.comparisons))
    return not any(as_integer(side) in (0, 1) for side in sides)
