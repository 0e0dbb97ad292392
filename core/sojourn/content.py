"""The one gate that prompts, replies and tool arguments pass before they are recorded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeGuard, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Capture", "ContentPolicy", "parse_capture"]

Capture = Literal["full", "lengths", "off"]

MAX_TEXT = 1_000_000
"""Characters kept of one piece of content; what is cut is marked, never silent."""


def parse_capture(text: str) -> Capture:
    """`SOJOURN_CAPTURE_CONTENT` as written by a person; raises ValueError in words that say what to do."""
    for choice in get_args(Capture):
        if text.strip().lower() == choice:
            return choice  # type: ignore[no-any-return]  # get_args gives Any
    raise ValueError(f"SOJOURN_CAPTURE_CONTENT is {text!r}; it must be full, lengths or off")


@dataclass(frozen=True, slots=True)
class ContentPolicy:
    """What may be recorded of content.

    `full` records it, `lengths` keeps the shape with each text replaced by its length in characters, `off` records
    nothing: callers ask `wants` first, so that content which is off is not even serialised.
    """

    capture: Capture = "full"
    redactors: tuple[Callable[[str], str], ...] = ()

    @property
    def wants(self) -> bool:
        """Whether anything of content is recorded at all."""
        return self.capture != "off"

    def render(self, value: Any) -> str | None:
        """JSON text (compact, not escaped to ASCII) of a piece of content, or None when content is off.

        Values that are no JSON are written as their `str`; a redactor sees the whole text and must return text.
        """
        if self.capture == "off":
            return None
        if self.capture == "lengths":
            value = _measured(value)
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_as_plain)
        for redact in self.redactors:
            text = redact(text)
        # A lone surrogate is legal in JSON and in a Python str, but not in the UTF-8 that protobuf carries.
        if not text.isascii():
            text = text.encode("utf-8", "replace").decode("utf-8")
        return text if len(text) <= MAX_TEXT else _cut(text)

    def render_text(self, text: str) -> str | None:
        """The same gate for a plain text that is recorded as it is."""
        if self.capture == "off":
            return None
        if self.capture == "lengths":
            return f"[{len(text)} characters]"
        for redact in self.redactors:
            text = redact(text)
        text = text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
        return text if len(text) <= MAX_TEXT else _cut(text)


def _cut(text: str) -> str:
    return f"{text[:MAX_TEXT]}… [sojourn: cut, {len(text)} characters in all]"


# Names that say what a part is, not what was said in it.
_SHAPE = frozenset({"role", "type", "name", "id", "finish_reason", "modality", "mime_type", "file_id"})


def _measured(value: Any, key: str | None = None) -> Any:
    if isinstance(value, str):
        return value if key in _SHAPE else f"[{len(value)} characters]"
    if _is_object(value):
        return {str(k): _measured(v, str(k)) for k, v in value.items()}
    if _is_list(value):
        return [_measured(item, key) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return f"[{len(str(value))} characters]"


def _as_plain(value: Any) -> Any:
    """What `json` cannot write: models as dicts, bytes by their size, all else by `str`."""
    if isinstance(value, bytes | bytearray):
        return f"[{len(value)} bytes]"
    if _is_set(value):
        return sorted(map(str, value))
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        try:
            return dump(mode="json", exclude_unset=True)
        except Exception:  # noqa: BLE001  # a foreign model that cannot dump itself still has a str
            return str(value)
    return str(value)


# Guards, since `isinstance` alone leaves the inner types unknown to a strict checker.


def _is_object(value: object) -> TypeGuard[dict[Any, Any]]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)


def _is_set(value: object) -> TypeGuard[frozenset[Any]]:
    return isinstance(value, set | frozenset)
