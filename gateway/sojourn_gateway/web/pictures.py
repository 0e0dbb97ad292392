"""Pictures that were sent to a model, or came back, as the address by which a browser shows what was recorded."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["picture_of"]

_MOST: Final = 4_000_000
_KINDS: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""Grids of pixels; a drawing that may hold scripts and links is no picture here."""
_DATA: Final = re.compile(r"data:(image/[a-z]+);base64,", re.ASCII)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/\s]++=*+\s*+", re.ASCII)
"""It never goes back: on much that is nearly such data it would for hours."""


def picture_of(part: str) -> str:
    """The `data:` address of the picture that a part of a message holds, JSON as it was recorded; empty without one.

    A picture that lies elsewhere has none: a page loads nothing that it did not record.
    """
    if len(part) > _MOST:
        return ""
    try:
        told: Any = json.loads(part)
    except (ValueError, RecursionError):
        return ""
    if not _is_object(told):
        return ""
    for held in (told, told.get("image_url"), told.get("source"), told.get("image")):
        if isinstance(held, str):
            found = _from_address(held)
        elif _is_object(held):
            found = _from_fields(held)
        else:
            continue
        if found:
            return found
    return ""


def _from_fields(held: Mapping[str, Any]) -> str:
    for name in ("url", "uri"):
        if isinstance(address := held.get(name), str) and (found := _from_address(address)):
            return found
    kind = held.get("mime_type") or held.get("media_type")
    data = held.get("content") or held.get("data")
    return _address(kind, data) if isinstance(kind, str) and isinstance(data, str) else ""


def _from_address(address: str) -> str:
    found = _DATA.match(address)
    return "" if found is None else _address(found[1], address[found.end() :])


def _address(kind: str, data: str) -> str:
    return f"data:{kind};base64,{data}" if kind in _KINDS and _BASE64.fullmatch(data) else ""


def _is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, dict)
