"""LRF140: ``torch.load`` that runs whatever code the file holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.arguments import has_star_arguments, keyword
from ...code.constants import is_false
from ...code.syntax import cst
from ...finding import Edit, Finding, Severity
from ..rule import Rule, Trigger
from ..torch_version import newest_torch

if TYPE_CHECKING:
    from ...code import Code

#: From this version on ``weights_only`` is True where it is not given (PyTorch 2.6 release notes).
_SAFE_BY_DEFAULT = (2, 6)


class UnsafeTorchLoad(Rule):
    """``torch.load`` with ``weights_only=False``, or without it where the project pins a torch whose default is unsafe."""

    code = "LRF140"
    name = "unsafe-torch-load"
    severity = Severity.ERROR
    fixable = "unsafe"
    reads_tests = False
    trigger = Trigger(words=(("torch",),), pattern=r"load\s*\(")

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each load that unpickles without restraint."""
        for call in code.calls("load"):
            if code.qualified_name(call.func) != "torch.load" or has_star_arguments(call):
                continue
            given = keyword(call, "weights_only")
            if given is not None:
                if is_false(given):
                    message = (
                        "`weights_only=False` runs whatever code is pickled in the file: load the weights only, or allow the"
                        " classes by `add_safe_globals`"
                    )
                    edit = code.edit("load the weights only", safe=False).replace(given, "True").done()
                    yield self.finding(code, call, message, edit)
            elif (version := newest_torch(self.config, code.path)) is not None and version < _SAFE_BY_DEFAULT:
                message = (
                    f"`torch.load` runs whatever code is pickled in the file: torch {version[0]}.{version[1] if version[1:] else 0} is"
                    " pinned, whose default is weights_only=False; pass True"
                )
                yield self.finding(code, call, message, self._edit(code, call))

    @staticmethod
    def _edit(code: Code, call: cst.Call) -> Edit:
        return code.edit("load the weights only", safe=False).append_argument(call, "weights_only=True").done()
