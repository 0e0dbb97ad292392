"""Bodies of HTTP responses, for calls whose caller asked for the raw response instead of the parsed one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sojourn_instrumentors._kit.generation import Generation
    from sojourn_instrumentors._kit.observation import Watch
    from sojourn_instrumentors._kit.operation import Operation

__all__ = ["Body", "Fields", "Media"]

MAX_BODY = 16 * 1024 * 1024
"""Bytes of an unread body that are kept to be read at its end; of a longer one only the time is recorded."""


@dataclass(frozen=True, slots=True)
class Media:
    """A body that is no JSON: a sound, a file. Of a long one only the size is known."""

    mime_type: str
    size: int
    content: bytes | None


class Fields:
    """A JSON object read by attribute, as the library's own models are; what is absent reads as None."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.__dict__ = fields

    def __getattr__(self, name: str) -> None:
        return None


class Body:
    """Reads the bytes of a response as they pass, and feeds an operation with what they say."""

    def __init__(
        self, watch: Watch, operation: Operation, record: Generation, *, streamed: bool, kind: str = ""
    ) -> None:
        """`kind` is the content type; a body of none is JSON."""
        self._watch = watch
        self.record = record
        self._operation = operation
        self._jsonl = kind.startswith(("application/x-jsonl", "application/jsonl"))
        self._streamed = streamed or self._jsonl or kind.startswith("text/event-stream")
        self._kind = kind.partition(";")[0].strip()
        self._size = 0
        self._rest = bytearray()
        self._events: list[bytes] = []

    def feed(self, part: bytes, _: Generation | None = None) -> None:
        """Take the next bytes; called as the `chunk` of a stream of bytes."""
        self._size += len(part)
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
        elif self._size and not self._watch.complete:
            self._watch.complete = True
            whole = rest if len(rest) == self._size else None
            if self._kind and "json" not in self._kind:
                self._operation.response(Media(self._kind, self._size, whole), self.record)
            elif whole is not None:
                self._operation.response(json.loads(whole, object_hook=Fields), self.record)

    def _line(self, line: bytes) -> None:
        if self._jsonl:
            if line:
                self._operation.chunk(json.loads(line, object_hook=Fields), self.record)
        elif line.startswith(b"data:"):
            self._events.append(line[5:].lstrip(b" "))
        elif not line and self._events:
            data = b"\n".join(self._events)
            self._events = []
            if data.startswith(b"[DONE]"):
                self._watch.complete = True
            else:
                self._operation.chunk(json.loads(data, object_hook=Fields), self.record)
