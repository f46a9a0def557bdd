"""LRF142: code from a model's repository is run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class TrustRemoteCode(Rule):
    """``trust_remote_code=True`` runs Python that comes with the model, today's version unless a commit is named."""

    code = "LRF142"
    name = "trust-remote-code"
    severity = Severity.WARNING
    reads_tests = False
    trigger = Trigger(pattern=r"trust_remote_code\s*=\s*True")

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each call that trusts the code of a repository."""
        for call in code.all(cst.Call):
            for argument in call.args:
                keyword = argument.keyword
                if keyword is None or keyword.value != "trust_remote_code" or not _is_true(argument.value):
                    continue
                pinned = any(other.keyword is not None and other.keyword.value == "revision" for other in call.args)
                advice = "read that code at the pinned revision" if pinned else "read it and pin revision=<commit>, or leave it off"
                message = f"`{code.short_text(call.func, 40)}` runs Python from the model's repository on this machine: {advice}"
                yield self.finding(code, argument, message)


def _is_true(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Name) and node.value == "True"
