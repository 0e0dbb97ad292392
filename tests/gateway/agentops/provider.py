"""A provider on loopback that gives the recorded answer of a real model to whoever asks."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from tests.replay import recorded

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.replay import Exchange

__all__ = ["answering"]


@contextmanager
def answering(name: str) -> Generator[tuple[str, Exchange]]:
    """The base URL of a provider that answers each request with the recording of this name; and the recording."""
    exchange = recorded(name)[0]

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the server's own name for it
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(exchange.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(exchange.body)))
            self.end_headers()
            self.wfile.write(exchange.body)

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1", exchange
        finally:
            server.shutdown()
            thread.join()
