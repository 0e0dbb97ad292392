"""Attribute values as the engine keeps them, back to Python."""

from __future__ import annotations

import base64
import json
import math
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError

from sojourn_gateway.engine import wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from google.protobuf.message import Message

    from sojourn_gateway.model.span import Json

__all__ = [
    "any_value",
    "as_json",
    "attributes_of",
    "key_values",
    "listed",
    "parsed_list",
    "parsed_object",
    "text",
    "untagged",
]


def text(data: bytes) -> str:
    """Text of a sender; what is not UTF-8 is marked, never dropped."""
    return data.decode("utf-8", "replace")


def untagged(tagged: bytes) -> Json:
    """A value that the engine keeps behind a letter for its type."""
    letter, data = tagged[:1], tagged[1:]
    try:
        if letter == b"a":
            return any_value_of_array(wire.ARRAY.FromString(data))
        if letter == b"k":
            return key_values(wire.field(wire.KEY_VALUES.FromString(data), "values"))
    except DecodeError:
        return _bytes(data)
    return _bytes(data) if letter == b"x" else None


def any_value(value: Message) -> Json:
    """An `AnyValue` as plain JSON: bytes become base64 text, numbers that JSON lacks become their names."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    told = wire.field(value, kind)
    match kind:
        case "string_value":
            return text(told)
        case "bytes_value":
            return _bytes(told)
        case "array_value":
            return any_value_of_array(told)
        case "kvlist_value":
            return key_values(told.values)
        case "double_value":
            return number(told)
        case _:
            return told


def any_value_of_array(array: Message) -> list[Json]:
    """An `ArrayValue` as a list."""
    return [any_value(value) for value in wire.field(array, "values")]


def key_values(pairs: Iterable[Any]) -> dict[str, Json]:
    """Attributes of a message as a dict; of a key that came twice the first stays."""
    found: dict[str, Json] = {}
    for pair in pairs:
        found.setdefault(text(pair.key), any_value(pair.value))
    return found


def number(value: float) -> float | str:
    """A float, or the name of one that JSON cannot say."""
    return value if math.isfinite(value) else {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")


def attributes_of(
    texts: Mapping[bytes, bytes],
    integers: Mapping[bytes, int],
    floats: Mapping[bytes, float],
    flags: Mapping[bytes, bool],
    rest: Mapping[bytes, bytes],
) -> dict[str, Json]:
    """The maps of a row, one a type, as one dict."""
    found: dict[str, Json] = {text(key): text(value) for key, value in texts.items()}
    found.update((text(key), value) for key, value in integers.items())
    found.update((text(key), number(value)) for key, value in floats.items())
    found.update((text(key), value) for key, value in flags.items())
    found.update((text(key), untagged(value)) for key, value in rest.items())
    return found


def as_json(value: Json) -> str:
    """A value as compact JSON text; a text stays as it is."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def listed(value: Json) -> list[Json]:
    """The items of a list; of anything else, none."""
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]  # JSON of a sender


def parsed_list(told: str) -> list[Json]:
    """The items of a list in JSON text; of any other text, none."""
    return listed(_parsed(told))


def parsed_object(told: str) -> dict[str, Json]:
    """An object in JSON text; any other text is an empty one."""
    found = _parsed(told)
    return found if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownVariableType]  # JSON of a sender


def _parsed(told: str) -> Json:
    try:
        return json.loads(told)
    except (ValueError, RecursionError):
        return None


def _bytes(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
