"""Rows of logs, as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sojourn import semconv
from sojourn_gateway.engine.values import any_value_in, attributes_of, text
from sojourn_gateway.model.log import SEVERITIES, LogLine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.model.span import Json

__all__ = ["line_of"]

_LEVELS: Final = tuple((max(floor, 1), word.upper()) for word, floor in reversed(SEVERITIES.items()))


def line_of(row: Sequence[Any]) -> LogLine:
    """A row of `reading.list_logs`."""
    time_ns, severity, level, event, scope, body, trace_id, span_id, *maps = row
    attributes = attributes_of(*maps)
    return LogLine(
        time_ns=time_ns,
        severity=severity,
        level=text(level) or next((word for floor, word in _LEVELS if severity >= floor), ""),
        logger=text(scope),
        event=text(event),
        message=_message(body, attributes),
        trace_id=_hexadecimal(trace_id),
        span_id=_hexadecimal(span_id),
        attributes=attributes,
    )


def _message(body: bytes, attributes: dict[str, Json]) -> Json:
    told = any_value_in(body)
    if told is not None and told != "":
        return told
    # An error by hand has no body: what it is and what it says are its attributes.
    said = (attributes.get(semconv.EXCEPTION_TYPE), attributes.get(semconv.EXCEPTION_MESSAGE))
    return ": ".join(str(one) for one in said if one)


def _hexadecimal(found: bytes) -> str | None:
    return found.hex() if found.strip(b"\0") else None
