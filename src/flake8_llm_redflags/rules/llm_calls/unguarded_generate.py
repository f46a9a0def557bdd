"""LRF202: text generation that nothing protects, in the guide's bare form or where somebody waits for the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.arguments import has_star_arguments
from ...code.syntax import cst
from ...finding import Finding, Severity
from ...knowledge import table
from ..rule import Rule, Trigger
from .model_call_edit import guard_with_fallback

if TYPE_CHECKING:
    from ...code import Code


class UnguardedGenerate(Rule):
    """``model.generate(prompt)`` without error handling, or a local model run bare in a request handler, worker or tool."""

    code = "LRF202"
    name = "unguarded-generate"
    severity = Severity.WARNING
    fixable = "unsafe"
    reads_tests = False
    trigger = Trigger(pattern=(r"\.generate\s*\(", r"pipeline\s*\(", r"Llama\s*\("))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each unguarded generation."""
        remote = {id(call.node) for call in code.llm.remote_calls}
        for call in code.calls("generate"):
            if id(call) not in remote and _takes_one_prompt(code, call) and not self._is_covered(code, call):
                message = (
                    f"`{code.short_text(call.func, 40)}` has no error handling: a failing model ends the program here;"
                    " catch the error, log it and answer with a fallback"
                )
                yield self.finding(code, call, message, guard_with_fallback(code, call, "Exception"))
        for call in code.llm.local_calls():
            role = code.serving.role(call)
            if role is not None and not self._is_covered(code, call):
                from ...code.serving import ROLE_NAMES

                message = (
                    f"`{code.short_text(call.func, 40)}` runs bare in a {ROLE_NAMES[role]}: running out of memory or a bad prompt fails"
                    " the request; catch it and answer with a fallback"
                )
                yield self.finding(code, call, message, guard_with_fallback(code, call, "RuntimeError"))

    @staticmethod
    def _is_covered(code: Code, call: cst.Call) -> bool:
        return code.guards.is_guarded(call) or code.guards.is_provider_wrapper(call)


def _takes_one_prompt(code: Code, call: cst.Call) -> bool:
    """Is one text handed to the ``generate`` of something that is no model of this process?"""
    if not isinstance(call.func, cst.Attribute) or not call.args or has_star_arguments(call):
        return False
    prompt = [arg.value for arg in call.args if arg.keyword is None or arg.keyword.value == "prompt"]
    receiver = call.func.value
    if len(prompt) != 1 or code.llm.is_local(receiver) or not _is_model(code, receiver):
        return False
    return _is_text(code, prompt[0])


def _is_model(code: Code, receiver: cst.CSTNode) -> bool:
    """Is the receiver called a model, and does nothing in the file say that it is something else?"""
    from ...code.llm import name_matches

    if not name_matches(receiver, table("llm_clients")["names"]["models"]):
        return False
    if code.llm.runs_models:
        return False  # beside torch or transformers it is one of theirs
    return not any(o.kind in ("instance", "literal", "function") for o in code.values.origins(receiver))


def _is_text(code: Code, prompt: cst.CSTNode) -> bool:
    """Is the argument a text: by what it is, or, where nothing says what it is, by its name?"""
    from ...code.llm import name_matches

    if isinstance(prompt, (cst.SimpleString, cst.FormattedString, cst.ConcatenatedString)):
        return True
    origins = code.values.origins(prompt)
    if any(o.name == "builtins.str" for o in origins):
        return True
    if any(o.is_known for o in origins):
        texts = (cst.SimpleString, cst.FormattedString, cst.ConcatenatedString)
        return any(isinstance(o.node, texts) for o in origins)
    return name_matches(prompt, table("llm_clients")["names"]["prompts"])
