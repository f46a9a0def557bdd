"""What the rules about endless loops ask: is the loop one, who ends it, does it count?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...code.syntax import cst

if TYPE_CHECKING:
    from ...code import Code

#: What a loop calls that waits for a person or a message: somebody else ends it.
_WAITS = (
    "input", "prompt", "ask", "receive", "receive_text", "receive_json", "recv", "get_input", "chat_input", "listen", "readline",
)  # fmt: skip


def is_endless(loop: cst.CSTNode) -> bool:
    """Is this ``while True`` or ``while 1``?"""
    if not isinstance(loop, cst.While):
        return False
    test = loop.test
    return isinstance(test, (cst.Name, cst.Integer)) and test.value in ("True", "1")


def waits_for_somebody(code: Code, loop: cst.While) -> bool:
    """Does a person or a peer decide about each turn?"""
    return any(code.tree.contains(loop, call) for call in code.calls(*_WAITS))


def counts(code: Code, loop: cst.While) -> bool:
    """Does the loop compare something by size, such as attempts or seconds, or add to something?"""
    orders = (cst.GreaterThan, cst.GreaterThanEqual, cst.LessThan, cst.LessThanEqual)
    comparisons = (target for test in code.tree.within(loop, cst.Comparison) for target in test.comparisons)
    return any(isinstance(target.operator, orders) for target in comparisons) or any(code.tree.within(loop, cst.AugAssign))
