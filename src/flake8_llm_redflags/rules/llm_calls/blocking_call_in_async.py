"""LRF213: a call that blocks the event loop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ...knowledge import table
from ..rule import Rule, Trigger
from ..trigger import whole_word

if TYPE_CHECKING:
    from ...code import Code

_LIBRARIES = ("openai", "anthropic", "groq", "litellm", "ollama", "cohere", "mistralai", "genai", "generativeai")
_RUNNERS = ("huggingface_hub", "replicate", "transformers", "vllm")
_FRAMEWORKS = (
    "llama_index",
    "boto3",
    "crewai",
    "agno",
    "pydantic_ai",
    "smolagents",
    "dspy",
    "xai_sdk",
    "zhipuai",
    "dashscope",
)


class BlockingCallInAsync(Rule):
    """A synchronous call of a model, a local generation or ``time.sleep`` inside ``async def`` stops every other request."""

    code = "LRF213"
    name = "blocking-call-in-async"
    severity = Severity.WARNING
    reads_tests = False
    trigger = Trigger(
        words=(("async",),),
        pattern=(
            *(r"time\.sleep\s*\(", "from time import", "from together", "import together", "langchain"),
            r"(?:requests|httpx)\.(?:post|get)\s*\(",
            *map(whole_word, (*_LIBRARIES, *_RUNNERS, *_FRAMEWORKS)),
        ),
    )

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each blocking call that stands right in a coroutine."""
        for call in code.llm.remote_calls:
            if _is_in_coroutine(code, call.node) and code.llm.is_synchronous(call):
                message = (
                    f"`{code.short_text(call.func, 36)}` blocks the event loop until the model has answered: use the async client"
                    " and await it, or asyncio.to_thread"
                )
                yield self.finding(code, call.node, message)
        for call in code.llm.local_calls():
            if _is_in_coroutine(code, call) and not isinstance(code.tree.parent(call), cst.Await):
                message = (
                    f"`{code.short_text(call.func, 36)}` blocks the event loop while it generates: run it in asyncio.to_thread"
                    " or a worker"
                )
                yield self.finding(code, call, message)
        for call in code.llm.raw_requests(*table("llm_clients")["timeouts"]["blocking"]):
            if _is_in_coroutine(code, call):
                message = (
                    f"`{code.short_text(call.func, 36)}` blocks the event loop until the model has answered: use httpx.AsyncClient and"
                    " await it, or asyncio.to_thread"
                )
                yield self.finding(code, call, message)
        for call in code.calls("sleep"):
            if code.qualified_name(call.func) == "time.sleep" and _is_in_coroutine(code, call):
                yield self.finding(code, call, "`time.sleep` stops every task of the event loop: await `asyncio.sleep`")


def _is_in_coroutine(code: Code, call: cst.Call) -> bool:
    """Is the innermost function around the call an ``async def``?"""
    function = code.context.function(call)
    return isinstance(function, cst.FunctionDef) and function.asynchronous is not None
