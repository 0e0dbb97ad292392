"""Bodies of requests, read within limits: compressed, decompressed, and over all requests at once."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager, contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Final

from sojourn_gateway.asgi.encodings import ENCODINGS, Damaged, decoder
from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.model.faults import Overloaded, TooLarge

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Generator

    from fastapi import Request

__all__ = ["Intake"]

_MEBI: Final = 1024 * 1024
_PATIENCE: Final = 16 * _MEBI
_PAUSE_S: Final = 60.0


class Intake:
    """Reads bodies; `limit` bounds one body before and after decompression, `held_limit` all that are held at once."""

    def __init__(self, limit: int, held_limit: int, pause_s: float = _PAUSE_S) -> None:
        """A sender that is silent for `pause_s` in the middle of a body is given up."""
        self._pause_s = pause_s
        self.limit = limit
        self._held_limit = held_limit
        self._held = 0
        # Requests over HTTP are read by one thread, those over gRPC by several.
        self._counting = Lock()

    @asynccontextmanager
    async def body(self, request: Request, limit: int | None = None) -> AsyncGenerator[bytes]:
        """The body, decompressed, counted as held until the block is left; `limit` is for those that are small.

        Raises `TooLarge`, `Overloaded`, and `HttpFault` for an encoding that is unknown or damaged.
        """
        limit = self.limit if limit is None else min(limit, self.limit)
        taken = 0
        pieces: list[bytes] = []
        stream = request.stream()
        try:
            try:
                encoding = _encoding(request.headers.getlist("content-encoding"))
                if int(_digits(request.headers.get("content-length"))) > limit:
                    raise _too_large("the body", limit)
                async with (
                    aclosing(_bounded(stream, limit, self._pause_s)) as sent,
                    aclosing(_decoded(sent, encoding)) as plain,
                ):
                    async for piece in plain:
                        taken += len(piece)
                        self._count(len(piece))
                        if taken > limit:
                            raise _too_large("the body" if encoding is None else "the decompressed body", limit)
                        pieces.append(piece)
            except (TooLarge, Overloaded, HttpFault, _Beyond) as fault:
                # Whoever asks before sending has sent nothing yet, and will not.
                if request.headers.get("expect", "").lower() != "100-continue":
                    await _discard(stream, max(4 * limit, _PATIENCE))
                raise _too_large("the body", limit) if isinstance(fault, _Beyond) else fault from None
            yield b"".join(pieces)
        finally:
            self._release(taken)

    @contextmanager
    def holding(self, size: int) -> Generator[None]:
        """Count a body that another door has read as held until the block is left; any thread. Raises `Overloaded`."""
        try:
            self._count(size)
            yield
        finally:
            self._release(size)

    def _count(self, size: int) -> None:
        with self._counting:
            self._held += size
            over = self._held > self._held_limit
        if over:
            raise Overloaded(1)

    def _release(self, size: int) -> None:
        with self._counting:
            self._held -= size


class _Beyond(Exception):
    """More came than may."""


def _too_large(what: str, limit: int) -> TooLarge:
    if limit < _MEBI:
        return TooLarge(f"{what} is larger than {limit / 1024:g} KiB")
    return TooLarge(f"{what} is larger than {limit / _MEBI:g} MiB; send smaller batches")


def _encoding(said: list[str]) -> str | None:
    """The one encoding of a request, None for a plain body; raises in words for others and for several."""
    names = [name for line in said for one in line.split(",") if (name := one.strip().lower()) not in ("", "identity")]
    if not names:
        return None
    known = f"{', '.join(ENCODINGS)} or absent"
    # As RFC 7694 has it: an answer that refuses an encoding says which are accepted.
    accepted = {"Accept-Encoding": ", ".join(ENCODINGS)}
    if len(names) > 1:
        words = f"a body may be compressed once: Content-Encoding must be {known}, not {len(names)} of them"
        raise HttpFault(415, "unsupported_media_type", words, headers=accepted)
    if names[0] == "x-gzip":
        return "gzip"
    if names[0] not in ENCODINGS:
        words = f"Content-Encoding must be {known}, not {names[0][:80]!r}"
        raise HttpFault(415, "unsupported_media_type", words, headers=accepted)
    return names[0]


async def _bounded(stream: AsyncIterator[bytes], limit: int, pause_s: float) -> AsyncGenerator[bytes]:
    """The body as it is sent, also when it says no length and unfolds to nothing.

    What stays away would count as held for as long as the connection is open, and so keep others out.
    """
    left = limit
    while True:
        try:
            async with asyncio.timeout(pause_s):
                chunk = await anext(stream, None)
        except TimeoutError:
            words = f"nothing more of the body came for {pause_s:g} s"
            raise HttpFault(408, "request_timeout", words, headers={"Connection": "close"}) from None
        if chunk is None:
            return
        left -= len(chunk)
        if left < 0:
            raise _Beyond
        yield chunk


async def _decoded(stream: AsyncIterator[bytes], encoding: str | None) -> AsyncGenerator[bytes]:
    """Pieces of the body; of a bomb never more than a piece beyond what the reader takes is unfolded."""
    if encoding is None:
        async for chunk in stream:
            yield chunk
        return
    unfolding = decoder(encoding)
    try:
        async for chunk in stream:
            for piece in unfolding.decode(chunk):
                yield piece
                # One large body must not keep all others waiting.
                await asyncio.sleep(0)
        for piece in unfolding.finish():
            yield piece
    except Damaged as fault:
        raise HttpFault(400, "invalid_request_body", str(fault)) from None


async def _discard(stream: AsyncIterator[bytes], limit: int) -> None:
    """Read on for a while: a client that is still sending would else see a reset connection and not our answer."""
    async for chunk in stream:
        limit -= len(chunk)
        if limit < 0:
            return


def _digits(text: str | None) -> str:
    return text if text is not None and text.isascii() and text.isdigit() else "0"
