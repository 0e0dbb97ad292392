"""A provider on the loopback address: it answers as a test says, and keeps every byte that it was sent."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CUT", "HOLD", "Answer", "Request", "Wire", "events", "refusal", "whole"]

Mark = Literal["cut", "hold"]

CUT: Mark = "cut"
"""In an answer: the connection breaks here."""
HOLD: Mark = "hold"
"""In an answer: nothing comes until the test says so, or ends."""


@dataclass(frozen=True)
class Answer:
    """A status, and the pieces of a body as they come."""

    pieces: tuple[bytes | Mark, ...]
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Request:
    """What came over the wire."""

    line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def whole(body: Any, status: int = 200) -> Answer:
    return Answer((json.dumps(body).encode(),), status)


def refusal(status: int, body: Any) -> Answer:
    return whole(body, status)


def events(*data: Any, names: bool = False) -> Answer:
    """Server-sent events; `names`: each is called by its own `type`. Text, CUT and HOLD stand for themselves."""
    pieces: list[bytes | Mark] = []
    for one in data:
        if one in (CUT, HOLD):
            pieces.append(one)
        else:
            told = one if isinstance(one, str) else json.dumps(one)
            name = f"event: {json.loads(told)['type']}\n" if names else ""
            pieces.append(f"{name}data: {told}\n\n".encode())
    return Answer(tuple(pieces), content_type="text/event-stream")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that go away in the middle are what many tests are about."""


class Wire:
    """Answers each request with the next of `answers`, the last one again and again."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[Request] = []
        self.holding = threading.Event()
        """Set while an answer holds."""
        self._go_on = threading.Event()
        self._lock = threading.Lock()
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Pieces must arrive as they are written.
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                wire._serve(self)

            do_GET = do_POST  # noqa: N815  # the name that the server looks for
            do_DELETE = do_POST  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def reset(self) -> None:
        """Let go of what still holds, and forget what was said."""
        self._go_on.set()
        self._go_on = threading.Event()
        self.holding = threading.Event()
        self.answers = []
        self.requests = []

    def close(self) -> None:
        self._go_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(120)

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        go_on, holding = self._go_on, self.holding
        with self._lock:
            self.requests.append(Request(handler.requestline, tuple(handler.headers.items()), body))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        try:
            self._write(handler, answer, holding, go_on)
        except OSError:  # the client went away, as some of the tests want it to
            handler.close_connection = True

    @staticmethod
    def _write(
        handler: BaseHTTPRequestHandler, answer: Answer, holding: threading.Event, go_on: threading.Event
    ) -> None:
        handler.send_response(answer.status)
        handler.send_header("content-type", answer.content_type)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        if len(answer.pieces) == 1 and isinstance(answer.pieces[0], bytes):
            handler.send_header("content-length", str(len(answer.pieces[0])))
            handler.end_headers()
            handler.wfile.write(answer.pieces[0])
            return
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        for piece in answer.pieces:
            if piece == CUT:
                handler.close_connection = True
                return
            if isinstance(piece, bytes):
                handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            else:
                holding.set()
                go_on.wait(300)
        handler.wfile.write(b"0\r\n\r\n")
