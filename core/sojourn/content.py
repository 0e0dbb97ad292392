"""The one gate that prompts, replies, tool arguments and what errors say pass before they are recorded."""

from __future__ import annotations

import json
import math
import traceback
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeGuard, get_args

from sojourn import faults, semconv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["WITHHELD", "Capture", "ContentPolicy", "as_text", "fits_64_bits", "is_redacting", "parse_capture", "utf8"]

Capture = Literal["full", "lengths", "off"]

MAX_TEXT = 1_000_000
"""Characters kept of one piece of content; what is cut is marked, never silent."""
MAX_DEPTH = 100
WITHHELD: Final = "[sojourn: withheld, a redactor failed]"
"""Stands for a text that a redactor could not answer for."""

Fact = str | bool | int | float | tuple[str, ...]

# Texts that are not free: redacted they could not be read, and they hold no data of anybody. What errors say has passed
# the policy before it became a fact.
_NOT_FREE: Final = frozenset(
    {
        semconv.SESSION_END_STATE,
        semconv.SESSION_HOST,
        semconv.SESSION_ID,
        semconv.AGENT_ID,
        semconv.GUARDRAIL_SPEC,
        semconv.TRIGGER_ID,
        semconv.ERROR_TYPE,
        semconv.EXCEPTION_TYPE,
        semconv.EXCEPTION_MESSAGE,
        semconv.EXCEPTION_STACKTRACE,
    }
)

# A redactor may log, or ask a model, and that is observed in turn: its texts are withheld, lest it never ends.
_redacting: ContextVar[bool] = ContextVar("sojourn_redacting", default=False)


def is_redacting() -> bool:
    """Whether this code was called by a redactor."""
    return _redacting.get()


def parse_capture(text: str) -> Capture:
    """`SOJOURN_CAPTURE_CONTENT` as written by a person; raises ValueError in words that say what to do."""
    for choice in get_args(Capture):
        if text.strip().lower() == choice:
            return choice  # type: ignore[no-any-return]  # get_args gives Any
    raise ValueError(f"SOJOURN_CAPTURE_CONTENT is {text!r}; it must be full, lengths or off")


@dataclass(slots=True)
class ContentPolicy:
    """What may be recorded of content.

    `full` records it, `lengths` keeps the shape with each text replaced by its length in characters, `off` records
    nothing: callers ask `wants` first, so that content which is off is not even serialised. Each redactor sees each
    text inside of a piece of content by itself, before it becomes JSON. The client may replace `redactors` while the
    program runs; instrumentors hold the policy itself, and follow.
    """

    capture: Capture = "full"
    redactors: tuple[Callable[[str], str], ...] = ()
    sampled: Callable[[], bool] | None = None
    """Whether the session of the calling code is recorded; None when all are."""

    @property
    def wants(self) -> bool:
        """Whether anything of content is recorded at all, here and now."""
        return self.capture != "off" and (self.sampled is None or self.sampled())

    def render(self, value: Any) -> str | None:
        """JSON text (compact, not escaped to ASCII) of a piece of content, or None when content is off.

        Never raises: a value that is no JSON is described, by its `str` where it has one.
        """
        if self.capture == "off":
            return None
        if self.redactors or self.capture == "lengths":
            text = self._render_carefully(value)
        else:
            try:
                # A list or dict of the program's own may never come to an end when it is asked for its items.
                text = self._render_carefully(value) if _is_odd(value) else _encode(value)
            except Exception:  # noqa: BLE001  # what a program hands over may fail in any way: cycles, NaN, odd keys
                text = self._render_carefully(value)
        return _fit(text)

    def render_text(self, text: str) -> str | None:
        """The same gate for a plain text that is recorded as it is."""
        if self.capture == "off":
            return None
        if self.capture == "lengths":
            return f"[{len(text)} characters]"
        return _fit(self.redact(text))

    def redact(self, text: str) -> str:
        """What the redactors leave of a text; for names, tags and reasons, which are recorded also without content."""
        if not self.redactors:
            return text
        if _redacting.get():
            return WITHHELD
        before = _redacting.set(True)
        try:
            for redactor in self.redactors:
                told: Any = redactor(text)
                if not isinstance(told, str):
                    faults.trouble("redact", f"a redactor returned {type(told).__name__} instead of text; withheld")
                    return WITHHELD
                # Plain text that can be sent, whatever class of its own it is of and wherever the redactor cut it.
                text = utf8(str.__str__(told))
        except Exception as fault:  # noqa: BLE001  # the program's code, which may fail in any way
            # Not the message of the fault: it may quote the text.
            faults.trouble("redact", f"a redactor raised {type(fault).__name__}; its text is withheld")
            return WITHHELD
        finally:
            _redacting.reset(before)
        return text

    def redact_facts(self, facts: Mapping[str, Fact]) -> Mapping[str, Fact]:
        """What the redactors leave of the facts of a session event."""
        if not self.redactors:
            return facts
        return {key: value if key in _NOT_FREE else self.redact_fact(value) for key, value in facts.items()}

    def redact_fact(self, value: Fact) -> Fact:
        """What the redactors leave of one fact."""
        if not self.redactors:
            return value
        if isinstance(value, tuple):
            return tuple(map(self.redact, value))
        return self.redact(value) if isinstance(value, str) else value

    def message(self, error: BaseException) -> str | None:
        """What an error says, which may quote content; None when that is off, or it says nothing."""
        said = as_text(error)
        return self.render_text(said) if said else None

    def stack(self, error: BaseException) -> str | None:
        """The stack trace of an error; only with full content, since it quotes messages and lines of code."""
        if self.capture != "full":
            return None
        try:
            told = "".join(traceback.format_exception(error))
        except Exception:  # noqa: BLE001  # an error of the program's own making may not even have a str
            return None
        return self.render_text(told)

    def reason(self, error: BaseException) -> str:
        """An error as the reason of an end: its type, and what it says as far as content is on."""
        said = self.message(error)
        return f"{type(error).__name__}: {said}" if said else type(error).__name__

    def _render_carefully(self, value: Any) -> str:
        try:
            return _encode(_Walk(self).plain(value))
        except Exception:  # noqa: BLE001  # a hostile object of the program's must not fail the program
            return _encode(undescribed(value))


# Names that say what a part of a message is, not what was said in it.
_SHAPE: Final = frozenset({"role", "type", "name", "id", "finish_reason", "modality", "mime_type", "file_id"})
# Words of the conventions' own: redactors are not asked about them, so that messages stay messages.
_WORDS: Final = frozenset(
    [
        "system",
        "developer",
        "user",
        "assistant",
        "tool",
        "text",
        "reasoning",
        "refusal",
        "tool_call",
        "tool_call_response",
        "blob",
        "uri",
        "file",
        "function",
        "image",
        "audio",
        "video",
        "document",
        "stop",
        "length",
        "tool_calls",
        "content_filter",
        "error",
    ]
)
_KEYS: Final = _SHAPE | frozenset(
    [
        "parts",
        "content",
        "arguments",
        "response",
        "uri",
        "transcript",
        "description",
        "parameters",
        "properties",
        "required",
        "function",
    ]
)
_PLAIN: Final[frozenset[type[Any]]] = frozenset({str, int, float, bool, type(None), list, tuple, dict})
_MANY_DIGITS: Final = 999_999
MAX_BITS: Final = 2_000
"""Of a whole number that is written out: Python itself refuses to write those of some thousand digits."""


# What a dict, list or tuple really holds, whatever a class derived from it says.
_dict_items: Callable[[object], Iterable[tuple[Any, Any]]] = vars(dict)["items"]
_dict_values: Callable[[object], Iterable[Any]] = vars(dict)["values"]
_list_items: Callable[[object], Iterable[Any]] = vars(list)["__iter__"]
_tuple_items: Callable[[object], Iterable[Any]] = vars(tuple)["__iter__"]


class _Walk:
    """Copies a piece of content into plain JSON values, with each text in it redacted or measured."""

    def __init__(self, policy: ContentPolicy) -> None:
        self._redact = policy.redact if policy.redactors else None
        self._measure = policy.capture == "lengths"
        self._path: set[int] = set()

    def plain(self, value: Any, key: str | None = None) -> Any:
        """The value as JSON can carry it; `key` when it says what a part of a message is."""
        try:
            return self._plain(value, key)
        except Exception:  # noqa: BLE001  # a hostile object inside costs itself, not what is beside it
            return undescribed(value)

    def _plain(self, value: Any, key: str | None) -> Any:
        # By type rather than `isinstance`: a proxy may fail when it is asked for its class.
        kind = _kind_of(value)
        if _is_str(value):
            return self._text(str.__str__(value), key)
        if value is None or kind is bool:
            return value
        if issubclass(kind, int):
            return self._number(int.__int__(value))
        if issubclass(kind, float):
            number = float.__float__(value)
            return number if math.isfinite(number) else str(number)
        if id(value) in self._path:
            return "[cycle]"
        if len(self._path) >= MAX_DEPTH:
            return "[nested too deeply]"
        self._path.add(id(value))
        try:
            if _is_object(value):
                return self._object(value)
            if _is_list(value):
                # For the same reason.
                held = _list_items(value) if issubclass(kind, list) else _tuple_items(value)
                return [self.plain(item, key) for item in held]
            return self.plain(_as_plain(value), None)
        finally:
            self._path.discard(id(value))

    def _object(self, value: dict[Any, Any]) -> dict[str, Any]:
        told: dict[str, Any] = {}
        # As a plain dict: one of the program's own may lie about its length, or never come to an end.
        items = list(_dict_items(value))
        is_part = any(type(name) is str and (name == "role" or _is_word(name, item)) for name, item in items)
        for name, item in items:
            key = as_text(name)
            kept = key
            if self._redact is not None and key not in _KEYS:
                kept = self._redact(key)
                number = 1
                while kept in told:
                    number += 1
                    kept = f"{self._redact(key)} ({number})"
            told[kept] = self.plain(item, key if is_part and key in _SHAPE else None)
        return told

    def _text(self, text: str, key: str | None) -> str:
        if key is not None and text in _WORDS:
            return text
        if self._measure and key is None:
            return f"[{len(text)} characters]"
        return text if self._redact is None else self._redact(text)

    def _number(self, number: int) -> int | str:
        if number.bit_length() > MAX_BITS:
            return f"[whole number of {number.bit_length()} bits]"
        # Phones and cards are also written as numbers.
        if self._redact is None or -_MANY_DIGITS <= number <= _MANY_DIGITS:
            return number
        text = str(number)
        told = self._redact(text)
        return number if told == text else told


def utf8(text: str) -> str:
    """The text without lone surrogates (a file name, a cut emoji): legal in a `str`, refused by protobuf."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _fit(text: str) -> str:
    text = utf8(text)
    return text if len(text) <= MAX_TEXT else _cut(text)


def _cut(text: str) -> str:
    return f"{text[:MAX_TEXT]}… [sojourn: cut, {len(text)} characters in all]"


def _as_plain(value: Any) -> Any:
    """What `json` cannot write: models as dicts, bytes by their size, all else by `str`."""
    kind = _kind_of(value)
    if issubclass(kind, bytes | bytearray):
        return f"[{memoryview(value).nbytes} bytes]"
    if _is_set(value):
        return sorted(map(as_text, value))
    # Of the type: an object that makes up any attribute when it is asked (a mock, a proxy) is no model.
    if callable(getattr(kind, "model_dump", None)):
        try:
            told: Any = value.model_dump(mode="json", exclude_unset=True)
        except Exception:  # noqa: BLE001  # a foreign model that cannot dump itself still has a str
            return as_text(value)
        return told if told is not value else as_text(value)
    return as_text(value)


def as_text(value: object) -> str:
    """The `str` of a value, whatever happens when it is asked for it."""
    if _is_str(value):
        return str.__str__(value)
    try:
        return str.__str__(str(value))
    except Exception:  # noqa: BLE001  # a program's own __str__ may fail in any way
        return undescribed(value)


def undescribed(value: object) -> str:
    """What is said of a value that says nothing itself."""
    return f"[{type(value).__name__} that cannot be described]"


def fits_64_bits(number: object) -> bool:
    """Whether OTLP has room for a whole number."""
    return isinstance(number, int) and -(2**63) <= number < 2**63


_encode: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_as_plain).encode


# Guards, since `isinstance` alone leaves the inner types unknown to a strict checker.


def _is_object(value: object) -> TypeGuard[dict[Any, Any]]:
    return issubclass(type(value), dict)


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return issubclass(type(value), list | tuple)


def _is_set(value: object) -> TypeGuard[frozenset[Any]]:
    return issubclass(type(value), set | frozenset)


def _kind_of(value: object) -> type[object]:
    return type(value)


def _is_str(value: object) -> TypeGuard[str]:
    return issubclass(type(value), str)


def _is_odd(value: object) -> bool:
    """Whether a value, or one right inside of it, is of a class derived from list, tuple or dict.

    Deeper it is not looked: what costs nothing on plain values goes no further.
    """
    kind = type(value)
    if kind is dict:
        kinds = set(map(type, _dict_values(value)))
    elif kind is list or kind is tuple:
        inside: Any = value
        kinds = set(map(type, inside))
    else:
        kinds = {kind}
    return not kinds <= _PLAIN and any(issubclass(one, list | tuple | dict) for one in kinds - _PLAIN)


def _is_word(name: str, item: object) -> bool:
    return name == "type" and type(item) is str and item in _WORDS
