"""Bodies of HTTP responses, for calls whose caller asked for the raw response instead of the parsed one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sojourn_instrumentors._kit.generation import Generation
    from sojourn_instrumentors._kit.observation import Watch
    from sojourn_instrumentors._kit.operation import Operation

__all__ = ["Body", "Fields"]

MAX_BODY = 16 * 1024 * 1024
"""Bytes of an unread body that are kept to be read at its end; of a longer one only the time is recorded."""


class Fields:
    """A JSON object read by attribute, as the library's own models are; what is absent reads as None."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.__dict__ = fields

    def __getattr__(self, name: str) -> None:
        return None


class Body:
    """Reads the bytes of a response as they pass, and feeds an operation with what they say."""

    def __init__(self, watch: Watch, operation: Operation, record: Generation, *, streamed: bool) -> None:
        self._watch = watch
        self.record = record
        self._operation = operation
        self._streamed = streamed
        self._rest = bytearray()
        self._events: list[bytes] = []

    def feed(self, part: bytes, _: Generation | None = None) -> None:
        """Take the next bytes; called as the `chunk` of a stream of bytes."""
        if len(self._rest) + len(part) > MAX_BODY:
            self._rest.clear()
            return
        self._rest += part
        if not self._streamed:
            return
        *lines, rest = bytes(self._rest).splitlines(keepends=True) or [b""]
        if rest.endswith((b"\n", b"\r")):
            lines.append(rest)
            rest = b""
        self._rest = bytearray(rest)
        for line in lines:
            self._line(line.rstrip(b"\r\n"))

    def __del__(self) -> None:
        # Nobody is left who could read the response.
        self._watch.collected()

    def finish(self) -> None:
        """Read what has to be whole to be read."""
        rest, self._rest = bytes(self._rest), bytearray()
        if self._streamed:
            self._line(rest)
            self._line(b"")
        elif rest and not self._watch.complete:
            self._watch.complete = True
            self._operation.response(json.loads(rest, object_hook=Fields), self.record)

    def _line(self, line: bytes) -> None:
        if line.startswith(b"data:"):
            self._events.append(line[5:].lstrip(b" "))
        elif not line and self._events:
            data = b"\n".join(self._events)
            self._events = []
            if data.startswith(b"[DONE]"):
                self._watch.complete = True
            else:
                self._operation.chunk(json.loads(data, object_hook=Fields), self.record)
