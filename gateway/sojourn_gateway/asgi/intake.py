"""Bodies of requests, read within limits: compressed, decompressed, and over all requests at once."""

from __future__ import annotations

import zlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.model.faults import Overloaded, TooLarge

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from fastapi import Request

__all__ = ["Intake"]

_MEBI: Final = 1024 * 1024


class Intake:
    """Reads bodies; `limit` bounds one body before and after decompression, `held_limit` all that are held at once."""

    def __init__(self, limit: int, held_limit: int) -> None:
        self._limit = limit
        self._held_limit = held_limit
        self._held = 0

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncGenerator[bytes]:
        """The body, decompressed, counted as held until the block is left.

        Raises `TooLarge`, `Overloaded`, and `HttpFault` for an encoding that is unknown or damaged.
        """
        taken = 0
        pieces: list[bytes] = []
        stream = request.stream()
        encoding = request.headers.get("content-encoding", "identity").strip().lower() or "identity"
        try:
            try:
                if int(_digits(request.headers.get("content-length"))) > self._limit:
                    raise self._too_large("the body")
                async for piece in _decoded(stream, encoding, self._limit):
                    taken += len(piece)
                    self._held += len(piece)
                    self._check(taken, encoding)
                    pieces.append(piece)
            except (TooLarge, Overloaded):
                await _discard(stream, self._limit)
                raise
            yield b"".join(pieces)
        finally:
            self._held -= taken

    def _check(self, taken: int, encoding: str) -> None:
        if taken > self._limit:
            raise self._too_large("the decompressed body" if encoding == "gzip" else "the body")
        if self._held > self._held_limit:
            raise Overloaded(1)

    def _too_large(self, what: str) -> TooLarge:
        return TooLarge(f"{what} is larger than {self._limit / _MEBI:g} MiB; send smaller batches")


async def _decoded(stream: AsyncIterator[bytes], encoding: str, limit: int) -> AsyncGenerator[bytes]:
    """Pieces of the body; of a gzip bomb never more than one byte above the limit is inflated."""
    if encoding == "identity":
        async for chunk in stream:
            yield chunk
        return
    if encoding != "gzip":
        raise HttpFault(415, "unsupported_media_type", f"Content-Encoding must be gzip or absent, not {encoding!r}")
    inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
    left = limit + 1
    begun = False
    try:
        async for chunk in stream:
            waiting = chunk
            while waiting and left > 0:
                if inflater.eof:
                    # A gzip file may consist of several members.
                    inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
                begun = True
                piece = inflater.decompress(waiting, left)
                left -= len(piece)
                yield piece
                waiting = inflater.unconsumed_tail or inflater.unused_data
    except zlib.error as fault:
        raise HttpFault(400, "invalid_request_body", f"the body is not valid gzip: {fault}") from None
    if begun and not inflater.eof and left > 0:
        raise HttpFault(400, "invalid_request_body", "the gzip body ends early")


async def _discard(stream: AsyncIterator[bytes], limit: int) -> None:
    """Read on for a while: a client that is still sending would else see a reset connection and not our answer."""
    async for chunk in stream:
        limit -= len(chunk)
        if limit < 0:
            return


def _digits(text: str | None) -> str:
    return text if text is not None and text.isascii() and text.isdigit() else "0"
