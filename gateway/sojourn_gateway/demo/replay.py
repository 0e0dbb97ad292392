"""A replay server: answers a program's requests from recorded exchanges, over a real socket."""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from sojourn_gateway.demo.exchange import Exchange

__all__ = ["ReplayServer"]


class ReplayServer:
    """Serves each recorded exchange once, to the first request of the same method, path and body.

    Streams leave event by event, `pause_s` apart. A request that was not recorded gets a 404 that says so, and stands
    in `unmatched`. With `hold_after=n`, answers after the n-th are withheld until the server closes: `held` is set once
    a program waits for one, which is the moment to kill it in mid-call.
    """

    def __init__(self, exchanges: Iterable[Exchange], *, pause_s: float = 0.0, hold_after: int | None = None) -> None:
        self._left = list(exchanges)
        self._lock = threading.Lock()
        self._answers_left = hold_after
        self._closing = threading.Event()
        self._pause_s = pause_s
        self.held = threading.Event()
        self.unmatched: list[str] = []
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def base_url(self) -> str:
        """What a program sets as the provider's base URL."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def left(self) -> tuple[Exchange, ...]:
        """The exchanges that nobody asked for yet."""
        with self._lock:
            return tuple(self._left)

    def take(self, method: str, path: str, request: Any) -> Exchange | None:
        """The exchange that answers this request, taken out; None when there is none left."""
        with self._lock:
            for place, exchange in enumerate(self._left):
                if (exchange.method, exchange.path, exchange.request) == (method, path, request):
                    return self._left.pop(place)
            self.unmatched.append(f"{method} {path} {json.dumps(request)}")
        return None

    def pass_gate(self) -> bool:
        """Whether the next answer may leave; waits for the end of the server when it may not."""
        with self._lock:
            if self._answers_left is None:
                return True
            if self._answers_left > 0:
                self._answers_left -= 1
                return True
        self.held.set()
        self._closing.wait()
        return False

    def pause(self) -> None:
        """Wait between two events of a stream."""
        if self._pause_s:
            self._closing.wait(self._pause_s)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A client that keeps its connection open must not keep the server from closing.
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A program that was killed or left a stream early is what tests do; anything else is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _handler(replay: ReplayServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply("GET")

        def do_POST(self) -> None:
            self._reply("POST")

        def _reply(self, method: str) -> None:
            length = int(self.headers.get("content-length", 0))
            body = self.rfile.read(length)
            exchange = replay.take(method, urlsplit(self.path).path, json.loads(body) if body else None)
            if not replay.pass_gate():
                self.close_connection = True
            elif exchange is None:
                told = {"error": {"message": "this request was not recorded", "type": "replay", "code": "unrecorded"}}
                self._whole(404, {"content-type": "application/json"}, json.dumps(told).encode())
            elif exchange.streamed:
                self._events(exchange)
            else:
                self._whole(exchange.status, dict(exchange.headers), exchange.body)

        def _whole(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self._begin(status, {**headers, "content-length": str(len(body))})
            self.wfile.write(body)

        def _events(self, exchange: Exchange) -> None:
            self._begin(exchange.status, {**exchange.headers, "transfer-encoding": "chunked"})
            for event in exchange.events:
                self.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
                self.wfile.flush()
                replay.pause()
            self.wfile.write(b"0\r\n\r\n")

        def _begin(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
