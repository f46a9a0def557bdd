"""LRF620: 4-bit weights multiplied in float32, the silent default."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.arguments import has_star_arguments, keyword
from ...code.constants import is_true
from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class FourBitFp32Compute(Rule):
    """``bnb_4bit_compute_dtype`` defaults to float32, and nothing says so at run time."""

    code = "LRF620"
    name = "four-bit-fp32-compute"
    severity = Severity.WARNING
    fixable = "unsafe"
    reads_tests = False
    trigger = Trigger(words=(("BitsAndBytesConfig",), ("load_in_4bit",)))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each 4-bit configuration that leaves the dtype of the arithmetic to the default."""
        for call in code.calls("BitsAndBytesConfig"):
            if not is_true(keyword(call, "load_in_4bit")) or has_star_arguments(call):
                continue
            if keyword(call, "bnb_4bit_compute_dtype") is None and not _is_set_later(code):
                edit = code.edit("compute in bfloat16", safe=False)
                edit = edit.append_argument(call, "bnb_4bit_compute_dtype=torch.bfloat16").importing("torch")
                message = (
                    "4-bit weights are multiplied in float32 here, silently (5 instead of 16 tokens/s in one report):"
                    " pass `bnb_4bit_compute_dtype=torch.bfloat16`"
                )
                yield self.finding(code, call, message, edit.done())


def _is_set_later(code: Code) -> bool:
    return any(node.attr.value == "bnb_4bit_compute_dtype" for node in code.all(cst.Attribute))
