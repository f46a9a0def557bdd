"""LRF142: code from a model's repository is run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.arguments import keyword_argument
from ...code.constants import as_text, is_true
from ...code.syntax import cst
from ...finding import Finding, Severity
from ...knowledge import table
from ..rule import Rule, Trigger
from ..settings import settings

if TYPE_CHECKING:
    from ...code import Code


class TrustRemoteCode(Rule):
    """``trust_remote_code=True`` runs Python that comes with the model, today's version unless a commit is named.

    ``trust_repo=True`` of ``torch.hub.load`` does the same, and has no commit to name but in the repository's own name.
    """

    code = "LRF142"
    name = "trust-remote-code"
    severity = Severity.WARNING
    reads_tests = False
    trigger = Trigger(pattern=r"trust_re(?:mote_code|po)(?:\s*=|[\"']\s*[:,]|[\"']\]\s*=)\s*True")

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each call, and each setting, that trusts the code of a repository."""
        switches = table("loading")["remote_code"]["switches"]
        for call in code.all(cst.Call):
            for argument in call.args:
                keyword = argument.keyword
                if keyword is None or keyword.value not in switches or not is_true(argument.value):
                    continue
                pinned = _is_pinned(call)
                commit = "revision=<commit>" if keyword.value == "trust_remote_code" else "owner/name:<commit>"
                advice = (
                    "read that code at the pinned revision" if pinned else f"read it and pin {commit}, or leave it off"
                )
                is_settings = code.qualified_name(call.func) == "builtins.dict"
                what = f"{keyword.value}=True" if is_settings else code.short_text(call.func, 40)
                message = f"`{what}` runs Python from the model's repository on this machine: {advice}"
                yield self.finding(code, argument, message)
        for place, switch, value in settings(code, switches):
            if not is_true(value) or any(
                switch in code.text_of(test) for test, holds in code.context.conditions(place) if holds
            ):
                continue  # the caller has asked for it
            advice = (
                "read that code at the pinned revision"
                if _is_revision_beside(code, place)
                else "read it and pin revision=<commit>"
            )
            yield self.finding(
                code, place, f"`{switch}: True` runs Python from the model's repository on this machine: {advice}"
            )


def _is_revision_beside(code: Code, place: cst.CSTNode) -> bool:
    """Does the dict of a setting pin a revision?"""
    whole = code.tree.parent(place)
    others = whole.elements if isinstance(whole, cst.Dict) else ()
    return any(as_text(getattr(other, "key", None)) == "revision" for other in others)


def _is_pinned(call: cst.Call) -> bool:
    """Is a revision given, or, for ``torch.hub``, a branch or commit behind the repository's name?"""
    repository = call.args[0].value if call.args else None
    return ":" in (as_text(repository) or "") or keyword_argument(call, "revision") is not None
