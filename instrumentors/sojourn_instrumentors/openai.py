"""OpenAI: chat completions, whole and streamed, through the one function that every request of a client passes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sojourn_instrumentors._formats import chat_completions as chat
from sojourn_instrumentors._kit import Generation, Instrumentor, Operation, Patch, as_dict

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["INSTRUMENTOR"]

# Services that speak OpenAI's protocol, by the end of their host name.
_PROVIDERS = (
    ("api.openai.com", "openai"),
    (".openai.azure.com", "azure.ai.openai"),
    (".cognitiveservices.azure.com", "azure.ai.openai"),
    (".ai.azure.com", "azure.ai.inference"),
    ("api.groq.com", "groq"),
    ("api.deepseek.com", "deepseek"),
    ("api.mistral.ai", "mistral_ai"),
    ("api.x.ai", "x_ai"),
    ("api.perplexity.ai", "perplexity"),
    ("openrouter.ai", "openrouter"),
    ("api.moonshot.ai", "moonshot_ai"),
    ("api.moonshot.cn", "moonshot_ai"),
    ("api.together.xyz", "together"),
    ("api.fireworks.ai", "fireworks"),
    ("api.cerebras.ai", "cerebras"),
    ("api.anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
)


def _route(call: Mapping[str, Any]) -> Operation | None:
    options = call["options"]
    if options.method.lower() == "post" and options.url.endswith("/chat/completions"):
        return _CHAT
    return None


def _request(call: Mapping[str, Any], gen: Generation) -> None:
    gen.provider, gen.server_address, gen.server_port = _server(str(call["self"].base_url))
    gen.api_type = "chat_completions"
    gen.stream = True if call.get("stream") else None
    chat.read_parameters(_body(call), gen)


def _content(call: Mapping[str, Any], gen: Generation) -> None:
    chat.read_messages(_body(call), gen)


def _failure(error: Any, gen: Generation) -> None:
    # The parse helpers raise when an answer was cut off, and hand the answer over with the exception.
    completion = getattr(error, "completion", None)
    if completion is not None:
        chat.read_completion(completion, gen)


def _body(call: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the client is about to send; `extra_body` wins over named arguments, as it does there."""
    options = call["options"]
    body, extra = as_dict(options.json_data), as_dict(options.extra_json)
    return {**body, **extra} if extra else body


@lru_cache(maxsize=256)
def _server(base_url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    provider = next((name for end, name in _PROVIDERS if host.endswith(end)), "openai")
    return provider, host or None, parts.port or (443 if parts.scheme == "https" else 80)


_CHAT = Operation(
    "chat",
    request=_request,
    content=_content,
    response=chat.read_completion,
    chunk=chat.read_chunk,
    failure=_failure,
)

INSTRUMENTOR = Instrumentor(
    library="openai",
    requires="openai >= 1.60",
    hooks=tuple(
        Patch(
            f"openai._base_client:{client}.request",
            _route,
            iterator="_iterator",
            transports=("response", "http_response"),
        )
        for client in ("SyncAPIClient", "AsyncAPIClient")
    ),
)
