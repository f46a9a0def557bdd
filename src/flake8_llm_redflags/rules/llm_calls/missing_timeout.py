"""LRF204: a model call that may wait for ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.arguments import may_give
from ...code.syntax import cst
from ...finding import Edit, Finding, Severity
from ...knowledge import table
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code

#: A default of more seconds than this is no time-out to a caller.
_HOURS = 1800
_SECONDS = 60


class MissingTimeout(Rule):
    """No time-out where the library's own default is none or hours."""

    code = "LRF204"
    name = "missing-timeout"
    severity = Severity.WARNING
    fixable = "unsafe"
    reads_tests = False
    trigger = Trigger(
        words=(("ollama", "litellm", "genai", "huggingface_hub", "requests"),),
        pattern=r"ollama|litellm|genai|huggingface_hub|/v1/|/api/(?:generate|chat)|openrouter|googleapis|anthropic",
    )

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each client, or call without a client, that nothing bounds."""
        reported = set()
        for call in code.llm.remote_calls:
            default = call.facts["timeout"]
            if 0 < default < _HOURS or _is_bounded(call.node):
                continue
            maker = code.llm.constructor(call)
            if maker is None and code.qualified_name(call.func) is None:
                continue  # the client comes from elsewhere, and may be bounded there
            place = maker or call.node
            if _is_bounded(place) or _sets_default(code, call.provider) or id(place) in reported:
                continue
            reported.add(id(place))
            waits = f"{default:,} s" if default else "for ever"
            message = (
                f"`{code.short_text(place.func, 36)}` waits {waits} where nothing else is said ({call.provider}'s default): a hung server"
                " hangs the caller; give it a timeout"
            )
            yield self.finding(code, place, message, self._edit(code, place, call.provider, made=maker is not None))
        yield from self._raw_requests(code)

    def _raw_requests(self, code: Code) -> Iterator[Finding]:
        for call in code.llm.raw_requests("requests.post", "requests.get"):
            if not _is_bounded(call):
                message = "`requests` waits for ever where nothing else is said: a hung model server hangs the caller; give it timeout="
                edit = code.edit("give it a minute", safe=False).append_argument(call, f"timeout={_SECONDS}").done()
                yield self.finding(code, call, message, edit)

    @staticmethod
    def _edit(code: Code, place: cst.Call, library: str, *, made: bool) -> Edit | None:
        if library == "google-genai" or (library == "ollama" and not made):  # it takes no such argument
            return None
        return code.edit("give it a minute", safe=False).append_argument(place, f"timeout={_SECONDS}").done()


def _is_bounded(call: cst.Call) -> bool:
    """Is a time-out given, or could one hide in what is handed over?"""
    return may_give(call, table("llm_clients")["timeouts"]["keywords"])


def _sets_default(code: Code, library: str) -> bool:
    """Does the file set the library's own default: ``litellm.request_timeout = 60``?"""
    return any(
        isinstance(target.target, cst.Attribute) and code.qualified_name(target.target) == f"{library}.request_timeout"
        for statement in code.all(cst.Assign)
        for target in statement.targets
    )
