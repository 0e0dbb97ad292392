"""The guard at the door: who may ask, and the headers that every answer bears."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sojourn_gateway.asgi.faults import HttpFault, present_fault

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["HEADERS", "Guard", "standing_headers"]

_HOST: Final = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>\d{1,5}))?")
HEADERS: Final = "sojourn.headers"
"""In the scope of a request: headers that its answer shall bear, whoever gives it."""
_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Guard:
    """Refuses requests that were addressed to another name or port than ours.

    A page on the internet can make its own host name resolve to 127.0.0.1 and then read a local server as its own
    origin (DNS rebinding). The `Host` header still says that name, so it gives the page away. Where keys are demanded
    such a page has none, and the gateway may have any name, or those of a list.
    """

    def __init__(self, app: ASGIApp, version: str, hosts: Collection[str] | None = None) -> None:
        """`hosts` are the names that are ours; empty: any name; None: this machine's own, with our own port."""
        self._app = app
        self._hosts = hosts
        self._headers = [(name.lower().encode(), value.encode()) for name, value in standing_headers(version).items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = {name for name, _ in message["headers"]}
                # What handlers have no answer to write on yet: where the caller stands with their limit.
                told = [(name.lower().encode(), value.encode()) for name, value in scope[HEADERS].items()]
                more = [(name, value) for name, value in (*self._headers, *told) if name not in said]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        scope[HEADERS] = dict[str, str]()

        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(hosts) == 1 and self._is_ours(hosts[0], scope["server"]):
            await self._app(scope, receive, answer)
            return
        said = f"{hosts[0][:100]!r}" if hosts else "missing"
        ours = "localhost and its own port" if self._hosts is None else "the names of SOJOURN_ALLOWED_HOSTS"
        fault = HttpFault(403, "forbidden", f"this gateway answers to {ours} only; the Host header is {said}")
        await present_fault(fault)(scope, receive, answer)

    def _is_ours(self, host: str, server: tuple[str, int | None] | None) -> bool:
        if self._hosts is None:
            return _is_local(host, server)
        found = _HOST.fullmatch(host.strip())
        return found is not None and (not self._hosts or found["name"].lower() in self._hosts)


def standing_headers(version: str) -> dict[str, str]:
    """What every answer says, errors included, unless it says otherwise."""
    return {
        "Sojourn-Gateway": version,
        "X-Content-Type-Options": "nosniff",
        # Not "no-referrer": a browser would call the origin of our own forms "null", like that of a foreign page.
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "X-Frame-Options": "DENY",
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
            "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        ),
    }


def _is_local(host: str, server: tuple[str, int | None] | None) -> bool:
    found = _HOST.fullmatch(host.strip())
    if found is None or found["name"].lower() not in _NAMES:
        return False
    # A unix socket has no port, and nothing in a browser can reach it.
    return server is None or server[1] is None or int(found["port"] or 80) == server[1]
