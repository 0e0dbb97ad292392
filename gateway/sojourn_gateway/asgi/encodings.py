"""Content encodings of requests: what a sender compressed is unfolded piece by piece, never whole at once."""

from __future__ import annotations

import sys
import zlib
from typing import TYPE_CHECKING, Final, Protocol

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ENCODINGS", "Damaged", "Decoder", "decoder"]

ENCODINGS: Final = ("gzip", "deflate", "zstd")
"""The encodings that are understood."""

_PIECE: Final = 1024 * 1024
"""What one step unfolds at most: a reader stops within so much of its limit."""
_ZSTD_WINDOW: Final = 23
"""Eight mebibytes, as RFC 9659 has it for HTTP: a sender decides about no more of our memory than that."""


class Damaged(Exception):
    """The body is not what its encoding says."""


class Decoder(Protocol):
    """Unfolds one body."""

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        """What a chunk of the body gives, in pieces of at most a mebibyte. Raises `Damaged`."""
        ...

    def finish(self) -> Iterator[bytes]:
        """What is left at the end of the body. Raises `Damaged` when it ends early."""
        ...


def decoder(encoding: str) -> Decoder:
    """A decoder for one of `ENCODINGS`."""
    return _Zstd() if encoding == "zstd" else _Zlib(encoding)


class _Inflater(Protocol):
    """What `zlib.decompressobj` makes, whose class has no public name."""

    @property
    def unconsumed_tail(self) -> bytes: ...

    @property
    def unused_data(self) -> bytes: ...

    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Zlib:
    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._one = self._fresh(b"")
        self._begun = False

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        waiting = chunk
        while waiting:
            # A gzip file may consist of several members.
            if not self._begun or self._one.eof:
                self._one = self._fresh(waiting)
                self._begun = True
            yield self._step(waiting)
            waiting = self._one.unconsumed_tail or self._one.unused_data

    def finish(self) -> Iterator[bytes]:
        while self._begun and (piece := self._step(b"")):
            yield piece
        if self._begun and not self._one.eof:
            raise Damaged(f"the {self._encoding} body ends early")

    def _step(self, waiting: bytes) -> bytes:
        try:
            return self._one.decompress(waiting, _PIECE)
        except zlib.error as fault:
            raise Damaged(f"the body is not valid {self._encoding}: {fault}") from None

    def _fresh(self, begin: bytes) -> _Inflater:
        if self._encoding == "gzip":
            return zlib.decompressobj(16 + zlib.MAX_WBITS)
        # HTTP's deflate has a header of two bytes; some senders leave it out. No stream without one begins so.
        headed = not begin or begin[0] & 0x8F == 0x08
        return zlib.decompressobj(zlib.MAX_WBITS if headed else -zlib.MAX_WBITS)


class _Zstd:
    def __init__(self) -> None:
        self._one: zstd.ZstdDecompressor | None = None

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        waiting = chunk
        while waiting:
            # A body may consist of several frames.
            if self._one is None or self._one.eof:
                self._one = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW})
            yield self._step(self._one, waiting)
            while not (self._one.eof or self._one.needs_input):
                yield self._step(self._one, b"")
            waiting = self._one.unused_data if self._one.eof else b""

    def finish(self) -> Iterator[bytes]:
        if self._one is not None and not self._one.eof:
            raise Damaged("the zstd body ends early")
        yield from ()

    @staticmethod
    def _step(one: zstd.ZstdDecompressor, waiting: bytes) -> bytes:
        try:
            return one.decompress(waiting, _PIECE)
        except zstd.ZstdError as fault:
            raise Damaged(f"the body is not valid zstd: {fault}") from None
