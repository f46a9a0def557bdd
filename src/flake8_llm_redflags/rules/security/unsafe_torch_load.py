"""LRF140: ``torch.load`` that runs whatever code the file holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.arguments import has_star_arguments, keyword
from ...code.constants import is_false
from ...code.syntax import cst
from ...finding import Edit, Finding, Severity
from ...knowledge import words
from ..rule import Rule, Trigger
from ..settings import settings
from ..torch_version import newest_torch

if TYPE_CHECKING:
    from ...code import Code

_UNRESTRAINED = (
    "`weights_only=False` runs whatever code is pickled in the file: load the weights only, or allow the classes by"
    " `add_safe_globals`"
)
#: From this version on ``weights_only`` is True where it is not given (PyTorch 2.6 release notes).
_SAFE_BY_DEFAULT = (2, 6)


class UnsafeTorchLoad(Rule):
    """``weights_only=False``, however it gets to ``torch.load``, or a load without it where the pinned torch is unsafe by default."""

    code = "LRF140"
    name = "unsafe-torch-load"
    severity = Severity.ERROR
    fixable = "unsafe"
    reads_tests = False
    trigger = Trigger(words=(("torch", "lightning", "pytorch_lightning"),), pattern=(r"load\s*\(", "weights_only"))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each load that unpickles without restraint, and each setting that makes loads do so."""
        for call in code.all(cst.Call):
            given = keyword(call, "weights_only")
            if given is not None and is_false(given) and _loads(code, call):
                edit = code.edit("load the weights only", safe=False).replace(given, "True").done()
                yield self.finding(code, call, _UNRESTRAINED, edit)
        for call in code.calls("load"):
            if code.qualified_name(call.func) != "torch.load" or has_star_arguments(call):
                continue
            if keyword(call, "weights_only") is not None:
                continue
            version = newest_torch(self.config, code.path)
            if version is not None and version < _SAFE_BY_DEFAULT:
                message = (
                    f"`torch.load` runs whatever code is pickled in the file: torch {version[0]}.{version[1] if version[1:] else 0} is"
                    " pinned, whose default is weights_only=False; pass True"
                )
                yield self.finding(code, call, message, self._edit(code, call))
        for place, _, value in settings(code, ["weights_only"]):
            if is_false(value):
                yield self.finding(code, place, _UNRESTRAINED)

    @staticmethod
    def _edit(code: Code, call: cst.Call) -> Edit:
        return code.edit("load the weights only", safe=False).append_argument(call, "weights_only=True").done()


def _loads(code: Code, call: cst.Call) -> bool:
    """Is this ``torch.load``, under another name too, or a loader that hands its argument on to it?"""
    from ...code.names import last_name

    named = (call.func, *(arg.value for arg in call.args[:1] if last_name(call.func) == "partial"))
    names = {code.qualified_name(node) for node in named}
    names |= {origin.name for node in named for origin in code.values.origins(node) if origin.kind == "name"}
    return "torch.load" in names or last_name(call.func) in words("loading", "torch_loaders")
