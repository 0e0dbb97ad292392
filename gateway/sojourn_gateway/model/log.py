"""Log lines of a session: what the program wrote, and the errors that it recorded by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_gateway.model.span import Json

__all__ = ["SEVERITIES", "LinesAsk", "LogLine", "LogsAsk"]

SEVERITIES: Final = {"trace": 0, "debug": 5, "info": 9, "warn": 13, "error": 17, "fatal": 21}
"""OpenTelemetry's lowest number of each level; what has none counts as the lowest."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One record, as OpenTelemetry has it."""

    time_ns: int
    severity: int
    """OpenTelemetry's number: DEBUG from 5, INFO 9, WARN 13, ERROR 17, FATAL 21; 0 when nothing was said."""
    level: str
    """The sender's own word for it, else OpenTelemetry's."""
    logger: str
    event: str
    """Name of the event, such as `exception`; empty for a plain line."""
    message: Json
    trace_id: str | None
    span_id: str | None
    """The step in which it was written, in hexadecimal; None when there was none."""
    attributes: Mapping[str, Json]
    session_id: str = ""
    """Told in lists over all sessions; empty for a line of none."""


@dataclass(frozen=True, slots=True)
class LogsAsk:
    """Which lines of a session, oldest first: those of at least `severity`, OpenTelemetry's number."""

    session_id: str
    limit: int = 100
    offset: int = 0
    severity: int = 0
    search: str | None = None
    """Part of the message, the logger, the event or a text among the attributes, without regard to case."""


@dataclass(frozen=True, slots=True)
class LinesAsk:
    """Which lines over all sessions, newest first by default. `severity` and `search` as in `LogsAsk`."""

    limit: int = 100
    offset: int = 0
    descending: bool = True
    session_id: str | None = None
    severity: int = 0
    search: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None
