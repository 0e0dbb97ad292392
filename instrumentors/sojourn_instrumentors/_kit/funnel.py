"""Funnels: clients of one make send every request through one function, and that is the one to watch.

The clients of OpenAI, Anthropic and many others are made by the same generator. Their `request` sees the final body,
whatever helper the program called, below raw responses, parse and stream helpers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from sojourn_instrumentors._kit.patch import Patch
from sojourn_instrumentors._kit.plain import as_dict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sojourn_instrumentors._kit.operation import Operation

__all__ = ["endpoint", "funnel", "sent_body", "server"]


def funnel(
    package: str, route: Callable[[Mapping[str, Any]], Operation | None], *, apart: bool = False
) -> tuple[Patch, Patch]:
    """The two hooks, sync and async, that see every request of the clients of `package`; `apart` as in `Patch`."""
    sync, asynchronous = (
        Patch(f"{package}._base_client:{client}.request", route, "_iterator", ("response", "http_response"), apart)
        for client in ("SyncAPIClient", "AsyncAPIClient")
    )
    return sync, asynchronous


def endpoint(call: Mapping[str, Any]) -> tuple[str, str]:
    """Method, in upper case, and path of a request, as the client's own code writes it: without the base URL."""
    options = call["options"]
    return options.method.upper(), options.url


def sent_body(call: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the client is about to send; `extra_body` wins over named arguments, as it does there."""
    options = call["options"]
    body, extra = options.json_data, options.extra_json
    if body.__class__ is dict and not extra:
        found: dict[str, Any] = body
        return found
    return {**as_dict(body), **as_dict(extra)}


def server(call: Mapping[str, Any]) -> tuple[str | None, int | None]:
    """Host and port that the client of a request talks to."""
    address = call["self"].base_url
    # An address of httpx never changes, and to write it as text is dear: this runs for every call.
    seen = _SERVERS.get(id(address))
    if seen is not None and seen[0] is address:
        return seen[1]
    found = _server(str(address))
    if len(_SERVERS) >= _MAX_SERVERS:
        _SERVERS.clear()
    _SERVERS[id(address)] = address, found
    return found


_MAX_SERVERS: Final = 64
_SERVERS: Final[dict[int, tuple[Any, tuple[str | None, int | None]]]] = {}
"""By the identity of an address, which is held here so that no other one can have it."""


def _server(base_url: str) -> tuple[str | None, int | None]:
    parts = urlsplit(base_url)
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
