"""Session ids: opaque text of at most 512 characters; the ones we make are UUIDs."""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from sojourn.clock import new_uuid

__all__ = ["SessionId", "new_session_id", "parse_session_id"]

MAX_LENGTH: Final = 512
_UNWRITABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class SessionId(str):
    """A session's id: a `str` that also equals its `UUID`, for programs that compare with either.

    It hashes as the text, so as a key of a dict it meets other texts, not UUID objects.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, UUID):
            return str(self) == str(other)
        return str.__eq__(self, other) is True

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def new_session_id() -> SessionId:
    """A fresh random id."""
    return SessionId(new_uuid())


def parse_session_id(given: str | UUID) -> SessionId:
    """An id as a program hands it over. Raises ValueError or TypeError in words that say what is wrong."""
    if not isinstance(given, str | UUID):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may be untyped
        raise TypeError(f"inherited_session_id must be text or a UUID, not {type(given).__name__}")
    text = str(given).strip()
    if not text:
        raise ValueError("inherited_session_id is empty")
    if len(text) > MAX_LENGTH:
        raise ValueError(f"inherited_session_id has {len(text)} characters; at most {MAX_LENGTH} are kept")
    if _UNWRITABLE.search(text):
        raise ValueError("inherited_session_id holds control characters, or half a character")
    return SessionId(text)
