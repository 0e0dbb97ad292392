"""What bodies of OpenAI's protocol hold, read from the JSON alone: nothing here is shared with the instrumentor."""

from __future__ import annotations

import re
from base64 import b64decode
from typing import TYPE_CHECKING, Any, Final

from tools.recorded_traffic.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tools.recorded_traffic.exchange import Exchange

__all__ = ["ERRORS", "held_by", "provider_of", "wants_stream"]

ERRORS: Final = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
}
"""The exceptions of the clients, by status; any higher one is an `InternalServerError`."""

_PROVIDERS: Final = (
    (r"api\.openai\.com", "openai"),
    (r".*\.(openai|cognitiveservices)\.azure\.com", "azure.ai.openai"),
    (r"api\.groq\.com", "groq"),
    (r"api\.deepseek\.com", "deepseek"),
    (r"api\.mistral\.ai", "mistral_ai"),
    (r"openrouter\.ai", "openrouter"),
    (r"api\.cerebras\.ai", "cerebras"),
    (r"api\.together\.(xyz|ai)", "together"),
    (r"ollama\.com", "ollama"),
    (r"router\.huggingface\.co", "huggingface"),
)
# What speaks the protocol at an address that nobody knows.
_UNKNOWN_PROVIDER: Final = "openai"


# The conventions have one word for an answer that asks for tools.
_ASKED: Final[dict[str, str]] = {"tool_calls": "tool_call", "function_call": "tool_call"}


def held_by(exchange: Exchange) -> Facts:
    """What an exchange says of its call. Raises KeyError for an endpoint that the table does not know."""
    for pattern, made in _MADE:
        if re.search(pattern, f"{exchange.method} {exchange.path}"):
            facts = made(exchange)
            break
    else:
        raise KeyError(f"{exchange.method} {exchange.path}")
    return facts


def _base(exchange: Exchange, operation: str) -> dict[str, Any]:
    asked = exchange.asked
    deployment = re.search(r"/(?:deployments|engines)/([^/]+)/", exchange.path)
    found: dict[str, Any] = {
        "operation": operation,
        "provider": provider_of(exchange.host),
        "model": asked.get("model") or (deployment.group(1) if deployment else None),
        "streamed": True if wants_stream(exchange) else None,
        "temperature": asked.get("temperature"),
        "top_p": asked.get("top_p"),
    }
    if exchange.status >= 400:
        found["error"] = ERRORS.get(exchange.status, "InternalServerError")
    elif not exchange.body:
        found["error"] = "JSONDecodeError"
    elif exchange.streamed and any("error" in event and event["error"] for event in exchange.events):
        found["error"] = "APIError"
    return found


def wants_stream(exchange: Exchange) -> bool:
    """Whether the answer was to come in pieces; one recording has lost where its request said so."""
    return bool(exchange.asked.get("stream")) or exchange.streamed


def provider_of(host: str) -> str:
    return next((name for pattern, name in _PROVIDERS if re.fullmatch(pattern, host)), _UNKNOWN_PROVIDER)


def _chat(exchange: Exchange) -> Facts:
    asked = exchange.asked
    found = _base(exchange, "chat")
    found["max_tokens"] = _first(asked.get("max_completion_tokens"), asked.get("max_tokens"))
    found["messages"] = len(asked["messages"])
    if exchange.status >= 400:
        return Facts(**found)
    replies = _replies(exchange)
    found |= _head(replies)
    found |= _chat_usage(_last(reply.get("usage") for reply in replies))
    choices = _by_index(choice for reply in replies for choice in reply.get("choices") or ())
    said: list[dict[str, Any]] = [choice.get("message") or choice.get("delta") or {} for choice in choices]
    found["finish_reasons"] = _reasons(choices)
    found["tools"] = tuple(_chat_tools(said)) or None
    found["text"] = "".join(_texts(one.get("content"), "text", "text") for one in said) or None
    found["refusal"] = "".join(one.get("refusal") or "" for one in said) or None
    found["reasoning"] = "".join(_thought(one) for one in said) or None
    return Facts(**found)


def _chat_tools(said: list[dict[str, Any]]) -> Iterable[str]:
    for one in said:
        for call in one.get("tool_calls") or ():
            function: dict[str, Any] = call.get("function") or call.get("custom") or {}
            if function.get("name"):
                yield function["name"]
        legacy: dict[str, Any] = one.get("function_call") or {}
        if legacy.get("name"):
            yield legacy["name"]


def _thought(said: dict[str, Any]) -> str:
    for name in ("reasoning_content", "reasoning"):
        told: object = said.get(name)
        if isinstance(told, str) and told:
            return told
    return _texts(said.get("content"), "thinking", "thinking")


def _texts(content: Any, kind: str, field: str) -> str:
    if isinstance(content, str):
        return content if kind == "text" else ""
    found: list[str] = []
    for part in content or ():
        if part.get("type") == kind:
            inner: object = part[field]
            found.append(inner if isinstance(inner, str) else "".join(one["text"] for one in part[field]))
    return "".join(found)


def _completion(exchange: Exchange) -> Facts:
    found = _base(exchange, "text_completion")
    found["max_tokens"] = exchange.asked.get("max_tokens")
    found["messages"] = _prompts(exchange.asked.get("prompt"))
    if exchange.status >= 400:
        return Facts(**found)
    replies = _replies(exchange)
    choices = _by_index(choice for reply in replies for choice in reply.get("choices") or ())
    found |= _head(replies)
    found |= _chat_usage(_last(reply.get("usage") for reply in replies))
    found["finish_reasons"] = _reasons(choices)
    found["text"] = "".join(choice.get("text") or "" for choice in choices) or None
    return Facts(**found)


def _response(exchange: Exchange) -> Facts:
    asked = exchange.asked
    found = _base(exchange, "chat")
    found["max_tokens"] = asked.get("max_output_tokens")
    given = asked.get("input")
    found["messages"] = (1 if isinstance(given, str) else len(given)) if given else None
    if exchange.status >= 400:
        return Facts(**found)
    return Facts(**found, **_whole_response(_final(exchange)))


def _whole_response(reply: dict[str, Any]) -> dict[str, Any]:
    usage: dict[str, Any] = reply.get("usage") or {}
    taken: dict[str, Any] = usage.get("input_tokens_details") or {}
    given: dict[str, Any] = usage.get("output_tokens_details") or {}
    items: list[dict[str, Any]] = reply.get("output") or []
    parts = [part for item in items if item["type"] == "message" for part in item["content"]]
    incomplete: dict[str, Any] = reply.get("incomplete_details") or {}
    thoughts = [
        one["text"]
        for item in items
        if item["type"] == "reasoning"
        for one in (item.get("content") or item.get("summary") or ())
    ]
    return {
        "response_model": reply.get("model"),
        "response_id": reply.get("id"),
        "input_tokens": usage.get("input_tokens"),
        "output_tokens": usage.get("output_tokens"),
        "cache_read_tokens": taken.get("cached_tokens"),
        "cache_write_tokens": taken.get("cache_write_tokens"),
        "reasoning_tokens": given.get("reasoning_tokens"),
        "finish_reasons": (incomplete["reason"],) if incomplete.get("reason") else None,
        "tools": tuple(name for item in items if (name := _tool_of(item))) or None,
        "text": "".join(part["text"] for part in parts if part["type"] == "output_text") or None,
        "refusal": "".join(part["refusal"] for part in parts if part["type"] == "refusal") or None,
        "reasoning": "".join(thoughts) or None,
    }


def _tool_of(item: dict[str, Any]) -> str | None:
    kind = str(item["type"])
    if not kind.endswith("_call"):
        return None
    return item.get("name") or kind.removesuffix("_call")


def _final(exchange: Exchange) -> dict[str, Any]:
    """The response as it was when it was last sent whole."""
    if not exchange.streamed:
        return exchange.answer
    whole = [event["response"] for event in exchange.events if event.get("response")]
    last: dict[str, Any] = {**whole[-1]} if whole else {}
    if last and not last.get("output"):
        # Some services leave out of the last event what they said in the ones before.
        last["output"] = [e["item"] for e in exchange.events if e.get("type") == "response.output_item.done"]
    return last


def _embedding(exchange: Exchange) -> Facts:
    found = _base(exchange, "embeddings")
    found["messages"] = _inputs(exchange.asked["input"])
    if exchange.status >= 400:
        found["dimensions"] = exchange.asked.get("dimensions")
        return Facts(**found)
    reply = exchange.answer
    usage: dict[str, Any] = reply.get("usage") or {}
    found["response_model"] = reply.get("model")
    found["input_tokens"] = usage.get("prompt_tokens")
    found["dimensions"] = _length(reply["data"][0]["embedding"])
    return Facts(**found)


def _prompts(given: Any) -> int:
    return len(given) if isinstance(given, list) and isinstance(next(iter(given), None), str) else 1  # pyright: ignore[reportUnknownArgumentType]  # JSON


def _inputs(given: Any) -> int | None:
    """How many texts, given as such or as tokens, are embedded; None when there is nothing."""
    if isinstance(given, str):
        return 1 if given else None
    return len(given) if isinstance(given[0], str | list) else 1


def _length(vector: str | list[float]) -> int:
    """The numbers of a vector; as base64 it holds floats of four bytes."""
    return len(b64decode(vector)) // 4 if isinstance(vector, str) else len(vector)


def _image(exchange: Exchange) -> Facts:
    found = _base(exchange, "generate_content")
    found["messages"] = 1
    if exchange.status < 400:
        usage: dict[str, Any] = exchange.answer.get("usage") or {}
        found["text"] = "".join(one.get("revised_prompt") or "" for one in exchange.answer["data"]) or None
        found |= {"input_tokens": usage.get("input_tokens"), "output_tokens": usage.get("output_tokens")}
    return Facts(**found)


def _head(replies: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "response_model": _last(reply.get("model") for reply in replies),
        "response_id": next((reply["id"] for reply in replies if reply.get("id")), None),
    }


def _chat_usage(usage: dict[str, Any] | None) -> dict[str, Any]:
    told = usage or {}
    taken: dict[str, Any] = told.get("prompt_tokens_details") or {}
    given: dict[str, Any] = told.get("completion_tokens_details") or {}
    return {
        "input_tokens": told.get("prompt_tokens"),
        "output_tokens": told.get("completion_tokens"),
        "cache_read_tokens": taken.get("cached_tokens"),
        "cache_write_tokens": taken.get("cache_write_tokens"),
        "audio_input_tokens": taken.get("audio_tokens"),
        "reasoning_tokens": given.get("reasoning_tokens"),
        "audio_output_tokens": given.get("audio_tokens"),
    }


def _replies(exchange: Exchange) -> list[dict[str, Any]]:
    return exchange.events if exchange.streamed else [exchange.answer]


def _by_index(choices: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Choices and pieces of choices, those of one choice together, in their order."""
    return sorted(choices, key=lambda choice: choice.get("index") or 0)


def _reasons(choices: Iterable[dict[str, Any]]) -> tuple[str, ...] | None:
    # Some services say it again with the usage.
    told = (choice for choice in choices if choice.get("finish_reason"))
    found: dict[int, str] = {choice.get("index") or 0: choice["finish_reason"] for choice in told}
    return tuple(_ASKED.get(reason, reason) for reason in found.values()) or None


def _last(values: Iterable[Any]) -> Any:
    told = [value for value in values if value]
    return told[-1] if told else None


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


_MADE: Final[tuple[tuple[str, Callable[[Exchange], Facts]], ...]] = (
    (r"POST .*/chat/completions$", _chat),
    (r"POST .*/completions$", _completion),
    (r"POST .*/responses$", _response),
    (r"POST .*/embeddings$", _embedding),
    (r"POST .*/images/generations$", _image),
)
