"""Attribute values as the engine keeps them, back to Python."""

from __future__ import annotations

import base64
import json
import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError

from sojourn_gateway.engine import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from google.protobuf.message import Message

    from sojourn_gateway.model.span import Json

__all__ = [
    "TOO_DEEP",
    "any_value",
    "any_value_in",
    "as_json",
    "attributes_of",
    "key_values",
    "key_values_in",
    "listed",
    "parsed_list",
    "parsed_object",
    "parsed_value",
    "text",
    "untagged",
    "valid_text",
]

_LONGEST_NAME: Final = 256
"""What is longer is not remembered: a sender may call an attribute anything."""
_NOT_UTF8: Final = re.compile("[\udc80-\udcff]+")
_DEEPEST: Final = 64
TOO_DEEP: Final = f"[nested deeper than {_DEEPEST} levels: kept, and left out here]"
"""What stands for the rest of a list or object that goes deeper than is shown."""


def text(data: bytes) -> str:
    """Text of a sender; what is not UTF-8 is marked, never dropped."""
    return data.decode("utf-8", "replace")


def valid_text(data: bytes) -> str:
    """The same as `toValidUTF8` of the engine has it, which marks what is not UTF-8 once, however long."""
    return _NOT_UTF8.sub("\ufffd", data.decode("utf-8", "surrogateescape"))


def _name(data: bytes) -> str:
    """The name of an attribute: a few stand in all spans."""
    return _short_name(data) if len(data) <= _LONGEST_NAME else text(data)


@lru_cache(4096)
def _short_name(data: bytes) -> str:
    return text(data)


def untagged(tagged: bytes) -> Json:
    """A value that the engine keeps behind a letter for its type."""
    letter, data = tagged[:1], tagged[1:]
    match letter:
        case b"a":
            return _read(data, lambda: any_value_of_array(wire.ARRAY.FromString(data)), _deep_list)
        case b"k":
            return _read(data, lambda: key_values(wire.field(wire.KEY_VALUES.FromString(data), "values")), _deep_object)
        case b"x":
            return _bytes(data)
        case _:
            return None


def any_value_in(data: bytes) -> Json:
    """A serialised `AnyValue` as plain JSON."""
    return _read(data, lambda: any_value(wire.ANY_VALUE.FromString(data)), _deep)


def key_values_in(pairs: Iterable[bytes]) -> dict[str, Json]:
    """Serialised attributes as a dict, as `key_values`."""
    found: dict[str, Json] = {}
    for pair in pairs:
        try:
            read = wire.SHALLOW_ATTRIBUTE.FromString(pair)
        except DecodeError:
            continue
        found.setdefault(text(wire.field(read, "key")), any_value_in(wire.field(read, "value")))
    return found


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


def _read(data: bytes, whole: Callable[[], Json], in_part: Callable[[bytes, int], Json]) -> Json:
    """The protobuf library refuses what is nested deeper than a hundred messages: that is read level by level."""
    try:
        return whole()
    except DecodeError:
        pass
    try:
        return in_part(data, 0)
    except DecodeError:
        return _bytes(data)


def _deep(data: bytes, depth: int) -> Json:
    value = wire.SHALLOW_VALUE.FromString(data)
    match value.WhichOneof("value"):
        case "array_value":
            return _deep_list(wire.field(value, "array_value"), depth)
        case "kvlist_value":
            return _deep_object(wire.field(value, "kvlist_value"), depth)
        case _:
            return any_value(value)


def _deep_list(data: bytes, depth: int) -> Json:
    if depth >= _DEEPEST:
        return TOO_DEEP
    return [_deep(one, depth + 1) for one in wire.field(wire.SHALLOW_ATTRIBUTES.FromString(data), "attributes")]


def _deep_object(data: bytes, depth: int) -> Json:
    if depth >= _DEEPEST:
        return TOO_DEEP
    found: dict[str, Json] = {}
    for pair in wire.field(wire.SHALLOW_ATTRIBUTES.FromString(data), "attributes"):
        read = wire.SHALLOW_ATTRIBUTE.FromString(pair)
        found.setdefault(text(wire.field(read, "key")), _deep(wire.field(read, "value"), depth + 1))
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
    found: dict[str, Json] = {_name(key): text(value) for key, value in texts.items()}
    found.update((_name(key), value) for key, value in integers.items())
    found.update((_name(key), number(value)) for key, value in floats.items())
    found.update((_name(key), value) for key, value in flags.items())
    found.update((_name(key), untagged(value)) for key, value in rest.items())
    return found


def as_json(value: Json) -> str:
    """A value as compact JSON text; a text stays as it is."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def listed(value: Json) -> list[Json]:
    """The items of a list; of anything else, none."""
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]  # JSON of a sender


def parsed_list(told: str) -> list[Json]:
    """The items of a list in JSON text; of any other text, none."""
    return listed(parsed_value(told))


def parsed_object(told: str) -> dict[str, Json]:
    """An object in JSON text; any other text is an empty one."""
    found = parsed_value(told)
    return found if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownVariableType]  # JSON of a sender


def parsed_value(told: str) -> Json:
    """What JSON text says, else None. Numbers that JSON lacks, which Python writes all the same, become their names."""
    try:
        return json.loads(told, parse_constant=str, parse_float=_number_in)
    except (ValueError, RecursionError):
        return None


def _number_in(told: str) -> float | str:
    return number(float(told))


def _bytes(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
