"""LRF214: the interface of openai before version 1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ...knowledge import table
from ...source.project import newest_allowed
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class RemovedOpenaiApi(Rule):
    """``openai.ChatCompletion.create`` and its kin raise ``APIRemovedInV1`` since openai 1.0."""

    code = "LRF214"
    name = "removed-openai-api"
    severity = Severity.ERROR
    trigger = Trigger(
        words=(("openai",),),
        pattern=r"(?:Completion|Embedding|Image|Audio|Moderation|Edit|File|Fine\w+|Model|Engine)\.\w+\s*\(",
    )

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each removed call, unless the project pins an openai that still has it."""
        pinned = newest_allowed(code.path, "openai")
        if pinned is not None and pinned < (1,):
            return
        removed = table("llm_clients")["removed_openai"]["names"]
        for call in code.calls(*{name.rpartition(".")[2] for name in removed}):
            qualified = code.qualified_name(call.func)
            if qualified in removed:
                message = f"`{qualified}` raises APIRemovedInV1 since openai 1.0: make a client, `client = OpenAI()`, and call its method"
                yield self.finding(code, call, message)
