"""Anthropic: messages, whole and streamed, and every other request of its clients, through their request funnel."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sojourn import semconv
from sojourn_instrumentors._formats import anthropic_batches as batches
from sojourn_instrumentors._formats import anthropic_completions as completions
from sojourn_instrumentors._formats import anthropic_messages as messages
from sojourn_instrumentors._formats.anthropic_endpoints import find
from sojourn_instrumentors._kit import Generation, Instrumentor, Operation, endpoint, funnel, sent_body, server

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sojourn_instrumentors._formats.anthropic_endpoints import Endpoint

    Call = Mapping[str, Any]
    Reader = Callable[[Any, Generation], None]

__all__ = ["INSTRUMENTOR"]

# Clients of other platforms, by the beginning of their class's name.
_PLATFORMS: Final = (
    ("AnthropicBedrock", "aws.bedrock"),
    ("AsyncAnthropicBedrock", "aws.bedrock"),
    ("AnthropicVertex", "gcp.vertex_ai"),
    ("AsyncAnthropicVertex", "gcp.vertex_ai"),
)
# Services that speak Anthropic's protocol, by the end of their host name.
_HOSTS: Final = (
    ("api.deepseek.com", "deepseek"),
    ("api.moonshot.ai", "moonshot_ai"),
    ("api.moonshot.cn", "moonshot_ai"),
    ("api.minimax.io", "minimax"),
    ("api.z.ai", "z_ai"),
    ("openrouter.ai", "openrouter"),
)


def _route(call: Call) -> Operation | None:
    method, path = endpoint(call)
    path = path.partition("?")[0]
    found = _DIRECT.get((method, path))
    if found is not None:
        return found
    return _KEPT.get(_endpoint(call).name.removeprefix("beta."), _PLAIN)


def _endpoint(call: Call) -> Endpoint:
    options = call["options"]
    return find(*endpoint(call), getattr(options, "span_name", None), getattr(options, "span_route", None))


def _client(call: Call, gen: Generation) -> None:
    gen.server_address, gen.server_port = server(call)
    gen.provider = _provider(call["self"].__class__, gen.server_address or "")
    gen.stream = True if call.get("stream") else None


def _refused(error: Any, gen: Generation) -> None:
    gen.others[semconv.HTTP_STATUS] = getattr(error, "status_code", None)
    response = getattr(error, "response", None)
    if response is not None:
        messages.read_headers(response.headers, gen)


def _no_chunk(_part: Any, _gen: Generation) -> None:
    """Of this answer no piece says anything."""


def _generation(name: str, parameters: Reader, sent: Reader, response: Reader, chunk: Reader) -> Operation:
    """A call of a model."""

    def request(call: Call, gen: Generation) -> None:
        _client(call, gen)
        parameters(sent_body(call), gen)

    def content(call: Call, gen: Generation) -> None:
        sent(sent_body(call), gen)

    return Operation(name, request, content, response, chunk, failure=_refused, headers=messages.read_headers)


def _resource(
    response: Reader = batches.read_kept,
    chunk: Reader = _no_chunk,
    *,
    parameters: Reader = _no_chunk,
    sent: Reader = _no_chunk,
) -> Operation:
    """A call about something that the provider keeps, or that it tells without a model's work."""

    def request(call: Call, gen: Generation) -> None:
        _client(call, gen)
        found = _endpoint(call)
        gen.name = found.name
        gen.others[semconv.HTTP_METHOD] = found.method
        gen.others[semconv.URL_TEMPLATE] = found.template
        if found.ids:
            gen.others[semconv.RESOURCE_ID] = found.ids[-1]
        parameters(sent_body(call), gen)

    def content(call: Call, gen: Generation) -> None:
        sent(sent_body(call), gen)

    return Operation(
        None, request, content, response, chunk, failure=_refused, headers=messages.read_headers, folds=False
    )


@lru_cache(maxsize=256)
def _provider(client: Any, host: str) -> str:
    for kind in client.__mro__:
        for beginning, name in _PLATFORMS:
            if kind.__name__.startswith(beginning):
                return name
    return next((name for end, name in _HOSTS if host.endswith(end)), "anthropic")


_CHAT: Final = _generation(
    semconv.CHAT, messages.read_parameters, messages.read_messages, messages.read_reply, messages.read_chunk
)
_COMPLETION: Final = _generation(
    semconv.TEXT_COMPLETION,
    completions.read_parameters,
    completions.read_sent,
    completions.read_completion,
    completions.read_chunk,
)
_COUNT: Final = _resource(messages.read_counted, parameters=messages.read_parameters, sent=messages.read_messages)
_BATCH: Final = _resource(batches.read_batch)
_PLAIN: Final = _resource()

_DIRECT: Final = {
    ("POST", "/v1/messages"): _CHAT,
    ("POST", "/v1/messages/count_tokens"): _COUNT,
    ("POST", "/v1/complete"): _COMPLETION,
}
_KEPT: Final = {
    "messages.batches.create": _resource(batches.read_batch, parameters=batches.read_requests),
    "messages.batches.retrieve": _BATCH,
    "messages.batches.cancel": _BATCH,
    "messages.batches.results": _resource(chunk=batches.read_result),
}
"""What calls mean, by their names in the client; any other is one about something that the provider keeps."""

INSTRUMENTOR = Instrumentor(
    library="anthropic",
    # Before, the stream manager threw away the stream that it was given, and read the response by itself.
    requires="anthropic >= 0.43",
    # Since 1.0 the client makes spans of its own and sends the current one's ids along.
    hooks=funnel("anthropic", _route, apart=True),
    newest="2.12.0",
    surfaces="messages, batches, count of tokens, completions; every other endpoint by name",
)
