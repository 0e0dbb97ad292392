"""Files that a program sends along: what they are called and how long they are, never what is in them."""

from __future__ import annotations

from typing import Any

from sojourn_instrumentors._kit import Part, as_dict, as_list, as_text, blob

__all__ = ["read_uploads"]


def read_uploads(files: Any, modality: str) -> list[Part]:
    """A part for each file of a request; nothing is read from it, since a stream can be read only once."""
    sent: list[Any] = [*as_dict(files).values()] or [one[-1] for one in as_list(files)]
    return [_part(one, modality) for one in sent]


def _part(file: Any, modality: str) -> Part:
    """A file as HTTP clients take it: itself, or a tuple of name, content and kind."""
    held: list[Any] = [*file, None, None] if isinstance(file, tuple) else [None, file, None]
    name, content, kind = held[:3]
    told = f"[{len(content)} bytes]" if isinstance(content, bytes | bytearray | str) else ""
    part = blob(modality, told, as_text(kind))
    if named := as_text(name) or as_text(getattr(content, "name", None)):
        part["name"] = named.rpartition("/")[2]
    return part
