"""A stand-in for the client library of a model provider: answers come from a function, requests are kept."""

from __future__ import annotations

import types
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

#: The client's exceptions, each with its parent, as openai names them.
_ERRORS = {
    "OpenAIError": "Exception",
    "APIError": "OpenAIError",
    "APIConnectionError": "APIError",
    "APITimeoutError": "APIConnectionError",
    "APIStatusError": "APIError",
    "AuthenticationError": "APIStatusError",
    "BadRequestError": "APIStatusError",
    "RateLimitError": "APIStatusError",
    "InternalServerError": "APIStatusError",
}


class Provider:
    """Makes modules that look like ``openai``. ``answer`` gets the arguments of each request and returns the text or a message."""

    def __init__(self, answer: Callable[..., Any] = lambda **_: "") -> None:
        self.answer = answer
        self.requests: list[dict[str, Any]] = []
        self.clients: list[dict[str, Any]] = []

    def module(self) -> Any:
        made: Any = types.ModuleType("openai")
        known: dict[str, type] = {"Exception": Exception}
        for name, parent in _ERRORS.items():
            known[name] = type(name, (known[parent],), {})
        made.__dict__.update(known)
        made.OpenAI, made.AsyncOpenAI = self._client, self._async_client
        return made

    def create(self, **arguments: Any) -> Any:
        self.requests.append(arguments)
        answer = self.answer(**arguments)
        message = SimpleNamespace(content=answer, tool_calls=None) if isinstance(answer, (str, type(None))) else answer
        reason = "tool_calls" if message.tool_calls else "stop"
        return SimpleNamespace(
            choices=[SimpleNamespace(message=message, finish_reason=reason)],
            usage=SimpleNamespace(total_tokens=100),
        )

    def _client(self, **arguments: Any) -> Any:
        self.clients.append(arguments)
        return SimpleNamespace(chat=SimpleNamespace(completions=SimpleNamespace(create=self.create)))

    def _async_client(self, **arguments: Any) -> Any:
        async def create(**given: Any) -> Any:
            return self.create(**given)

        self.clients.append(arguments)
        return SimpleNamespace(chat=SimpleNamespace(completions=SimpleNamespace(create=create)))
