"""How much memory JSON unfolds to, before it does: some bytes of text can be many times as many of values."""

from __future__ import annotations

import re
from typing import Final

from sojourn_gateway.model.faults import TooLarge

__all__ = ["check_weight"]

_MEBI: Final = 1024 * 1024
_HEAVIEST: Final = 256 * _MEBI
_OBJECT: Final = 240
_LIST: Final = 72
_VALUE: Final = 64
_NAME: Final = 100
"""Bytes that an object with one member, a list, a value and each further name take at least; what looks like them
inside of texts counts as well, which errs to the side of too much."""
_FAR: Final = re.compile(rb"[\xf0-\xff]")
_FAR_ESCAPED: Final = re.compile(rb"\\u[dD][89abAB]")
_NEAR: Final = re.compile(rb"[\xc4-\xef]")


def check_weight(body: bytes) -> None:
    """Raise `TooLarge` for JSON that would take more memory than one request may."""
    if len(body) * _OBJECT <= _HEAVIEST:
        return
    objects = body.count(b"{")
    weight = len(body) * _widths(body) + objects * _OBJECT + body.count(b"[") * _LIST + body.count(b",") * _VALUE
    weight += max(body.count(b":") - objects, 0) * _NAME
    if weight > _HEAVIEST:
        raise TooLarge(
            f"the JSON of the body unfolds to about {weight // _MEBI} MiB of values, the limit is "
            f"{_HEAVIEST // _MEBI} MiB; send smaller batches, or OTLP in protobuf"
        )


def _widths(body: bytes) -> int:
    """Bytes that a character of the document and one of a text in it take: as many as the widest one needs."""
    document = 1 if body.isascii() else 4 if _FAR.search(body) else 2 if _NEAR.search(body) else 1
    escaped = 1 if b"\\u" not in body else 4 if _FAR_ESCAPED.search(body) else 2
    return document + max(document, escaped)
