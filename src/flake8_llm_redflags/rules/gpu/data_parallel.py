"""LRF760: ``nn.DataParallel``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code
    from ...code.tree import Node


class DataParallel(Rule):
    """``nn.DataParallel`` copies the model to every GPU in each step and drives all of them from one process."""

    code = "LRF760"
    name = "data-parallel"
    severity = Severity.WARNING
    reads_tests = False
    trigger = Trigger(words=(("torch",), ("DataParallel",)))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each model that is wrapped in ``DataParallel``."""
        for call in code.calls("DataParallel"):
            name = code.qualified_name(call.func) or ""
            if not name.startswith("torch.") or not call.args or _is_library(code, call.args[0].value):
                continue
            message = (
                f"`DataParallel({code.short_text(call.args[0].value, 24)})` copies the model to every GPU in each step"
                " from one process: use DistributedDataParallel, one process per GPU"
            )
            yield self.finding(code, call, message)


def _is_library(code: Code, model: Node) -> bool:
    """Does a method wrap whatever model its user hands in, as a trainer class offers it?"""
    function = code.context.function(model)
    if not isinstance(model, cst.Name) or function is None or code.context.method_owner(function) is None:
        return False
    return any(binding.kind == "param" for binding in code.names.bindings(model.value, model))
