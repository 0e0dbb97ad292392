"""A small OTLP collector on loopback that answers as it is told, and remembers what it got."""

from __future__ import annotations

import gzip
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

from sojourn.journal import Kind
from tests.core.journalled import Journalled, add

if TYPE_CHECKING:
    from collections.abc import Callable
    from ssl import SSLContext


@dataclass
class Request:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """What the collector answers."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])


class Collector:
    """A server for a `with` block; `decide` answers each POST, everything is taken by default."""

    def __init__(
        self,
        decide: Callable[[Request], Reply] = lambda _: Reply(),
        *,
        ours: bool = True,
        tls: SSLContext | None = None,
    ) -> None:
        self.decide = decide
        self.requests: list[Request] = []
        self.clients: list[int] = []
        """The client's port, of each request."""
        self.taken = Journalled()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(Reply(200 if ours else 404))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers["Content-Encoding"] == "gzip":
                    body = gzip.decompress(body)
                request = Request(self.path, dict(self.headers), body)
                reply = outer.decide(request)
                outer.requests.append(request)
                outer.clients.append(self.client_address[1])
                if reply.status == 200:
                    # As a proxy it is asked for a whole URL.
                    add(outer.taken, Kind.LOGS if self.path.endswith("/v1/logs") else Kind.TRACES, body)
                self._answer(reply)

            def _answer(self, reply: Reply) -> None:
                self.send_response(reply.status)
                if ours:
                    self.send_header("Sojourn-Gateway", "test")
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
