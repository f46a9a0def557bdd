"""What the rules about leaks share besides their triggers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...code import Code
    from ...code.flow.data import Leak


def one_a_statement(code: Code, leaks: Iterable[Leak]) -> Iterator[Leak]:
    """Yield the first leak of each statement: ``(x - x.mean()) / x.std()`` is one defect."""
    seen = set()
    for leak in leaks:
        statement = id(code.context.statement(leak.statistic.node))
        if statement not in seen:
            seen.add(statement)
            yield leak
