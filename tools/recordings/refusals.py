"""A small server that refuses, for the answers that no local model gives: a wrong key, too many requests."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from tools.recordings.shape import Refusal

__all__ = ["refusing"]

# Written after OpenAI's documentation of its errors.
_ANSWERS: Final[Mapping[Refusal, tuple[int, Mapping[str, str], Mapping[str, str | None]]]] = {
    "unauthorized": (
        401,
        {},
        {
            "message": "Incorrect API key provided: recorded.",
            "type": "invalid_request_error",
            "param": None,
            "code": "invalid_api_key",
        },
    ),
    "rate limited": (
        429,
        {"retry-after": "1"},
        {
            "message": "Rate limit reached for requests. Please try again in 1s.",
            "type": "requests",
            "param": None,
            "code": "rate_limit_exceeded",
        },
    ),
}


@contextmanager
def refusing(why: Refusal) -> Generator[str]:
    """A server that answers every POST with this refusal; gives its base URL."""
    status, headers, error = _ANSWERS[why]
    body = json.dumps({"error": error}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            for name, value in {"content-type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()
