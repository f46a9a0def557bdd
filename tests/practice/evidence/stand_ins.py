"""Stand-ins for libraries that scenarios use and tests do without: a model provider's client, fastapi, pydantic."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
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
    """Makes modules that look like ``openai``, keeps requests, and takes its answers from functions.

    ``answer`` gets the arguments of a request and returns a text or a whole message; ``embed`` gets a model and a text.
    """

    def __init__(self, answer: Callable[..., Any] = lambda **_: "") -> None:
        self.answer = answer
        self.embed: Callable[[str, str], Sequence[float]] = lambda model, text: [1.0]
        self.requests: list[dict[str, Any]] = []
        self.clients: list[dict[str, Any]] = []

    def module(self) -> Any:
        made: Any = types.ModuleType("openai")
        known: dict[str, type] = {"Exception": Exception}
        for name, parent in _ERRORS.items():
            known[name] = type(name, (known[parent],), {})
        made.__dict__.update(known)
        made.OpenAI = lambda **arguments: self._client(arguments, self._complete, self._embeddings)
        made.AsyncOpenAI = lambda **arguments: self._client(
            arguments, _awaitable(self._complete), _awaitable(self._embeddings)
        )
        return made

    def _client(self, arguments: dict[str, Any], complete: Callable[..., Any], embed: Callable[..., Any]) -> Any:
        self.clients.append(arguments)
        made = SimpleNamespace(
            chat=SimpleNamespace(completions=SimpleNamespace(create=complete)),
            embeddings=SimpleNamespace(create=embed),
        )
        made.with_options = lambda **_: made
        return made

    def _complete(self, **arguments: Any) -> Any:
        self.requests.append(arguments)
        answer = self.answer(**arguments)
        message = SimpleNamespace(content=answer, tool_calls=None) if isinstance(answer, (str, type(None))) else answer
        return SimpleNamespace(
            choices=[SimpleNamespace(message=message, finish_reason="tool_calls" if message.tool_calls else "stop")],
            usage=SimpleNamespace(total_tokens=100),
        )

    def _embeddings(self, *, model: str, input: list[str]) -> Any:
        return SimpleNamespace(data=[SimpleNamespace(embedding=self.embed(model, text)) for text in input])


def _awaitable(function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(**arguments: Any) -> Any:
        return function(**arguments)

    return call


class HTTPException(Exception):
    """What a route raises to answer with another status."""

    def __init__(self, status_code: int, detail: str | None = None) -> None:
        super().__init__(status_code, detail)
        self.status_code = status_code


def fastapi() -> Any:
    """Return a module whose routes stay the plain functions they are."""

    def route(_: str) -> Callable[[Any], Any]:
        return lambda function: function

    made: Any = types.ModuleType("fastapi")
    made.FastAPI = lambda: SimpleNamespace(get=route, post=route)
    made.Depends, made.Header, made.HTTPException = lambda _: None, lambda: None, HTTPException
    return made


def pydantic() -> Any:
    """Return a module whose models are plain namespaces."""
    made: Any = types.ModuleType("pydantic")
    made.BaseModel = type("BaseModel", (SimpleNamespace,), {})
    return made
