"""Facts of sessions, read out of the log records that carry them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from sojourn import semconv
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.values import as_json, attributes_of, listed, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sojourn_gateway.engine.backend import Handle, Row

__all__ = ["EVENTS", "FACTS", "gather_events", "rows_of"]

_log = logging.getLogger("sojourn.gateway")

FACTS: Final = (
    semconv.SESSION_START,
    semconv.SESSION_JOIN,
    semconv.SESSION_UPDATE,
    semconv.SESSION_HEARTBEAT,
    semconv.SESSION_END,
)
"""Log records that speak of a session as a whole; no line of a log."""
EVENTS: Final = (*FACTS, semconv.EXCEPTION_EVENT)
"""The log records whose arrival changes the row of a session."""

_COLUMNS: Final = (
    "project",
    "session_id",
    "uid",
    "event",
    "time_ns",
    "process",
    "name",
    "user_id",
    "replaces_tags",
    "tags",
    "tags_added",
    "end_state",
    "end_reason",
    "end_explicit",
    "host",
    "metadata",
    "own_error",
    "video",
    "agent",
    "attachment",
    "version",
)

_STATES: Final = frozenset({"Success", "Fail", "Indeterminate"})


def gather_events(writer: Handle, after: int, upto: int) -> int:
    """Copy the session facts of these commits to where roll-ups read them. Repeating it changes nothing.

    One record that cannot be read never stops the others, nor the roll-ups behind it: how many there were is returned.
    """
    records = writer.rows(
        f"""select project, session_id, uid, event, time_ns, process, span_id, a_s, a_i, a_d, a_b, a_x, version
        from {DATABASE}.logs
        where commit > {{after:UInt64}} and commit <= {{upto:UInt64}} and session_id != ''
            and event in {{events:Array(String)}}""",
        {"after": after, "upto": upto, "events": list(EVENTS)},
    )
    rows, unread = rows_of(records)
    if rows:
        writer.insert(f"{DATABASE}.session_events", _COLUMNS, rows)
    return unread


def rows_of(records: Iterable[Row]) -> tuple[list[Row], int]:
    """Records of logs as rows of facts, and how many of them could not be read."""
    rows: list[Row] = []
    unread = 0
    for record in records:
        try:
            rows.append(_row(record))
        except Exception:  # noqa: BLE001  # whatever somebody sent, the next record is somebody else's
            unread += 1
            _log.warning("a record of a session cannot be read and is left out of its sums", exc_info=True)
    return rows, unread


def _row(record: Row) -> Row:
    project, session_id, uid, event, time_ns, process, span_id, a_s, a_i, a_d, a_b, a_x, version = record
    heartbeat = event == semconv.SESSION_HEARTBEAT.encode()
    return (
        text(project),
        text(session_id),
        # One row a process says when it was last heard of; a day of heartbeats is no day of rows.
        f"heartbeat {text(process)}" if heartbeat else text(uid),
        text(event),
        time_ns,
        text(process),
        *_facts(text(event), attributes_of(a_s, a_i, a_d, a_b, a_x), at_span=bool(span_id.strip(b"\0"))),
        time_ns if heartbeat else version,
    )


def _facts(event: str, attributes: Mapping[str, Any], *, at_span: bool) -> tuple[object, ...]:
    state = attributes.get(semconv.SESSION_END_STATE, "")
    replaced = attributes.get(semconv.SESSION_TAGS)
    prefix = semconv.METADATA_PREFIX
    return (
        str(attributes.get(semconv.SESSION_NAME, "")),
        str(attributes.get(semconv.USER_ID, "")),
        replaced is not None,
        _tags(replaced),
        _tags(attributes.get(semconv.SESSION_TAGS_ADDED)),
        state if isinstance(state, str) and state in _STATES else "Indeterminate",
        str(attributes.get(semconv.SESSION_END_REASON, "")),
        attributes.get(semconv.SESSION_END_EXPLICIT) is True,
        as_json(attributes.get(semconv.SESSION_HOST, "")),
        {key.removeprefix(prefix): as_json(value) for key, value in attributes.items() if key.startswith(prefix)},
        # A foreign exception that happened in a span is told by the status of that span.
        event == semconv.EXCEPTION_EVENT and attributes.get(semconv.ERROR_OWN, not at_span) is True,
        str(attributes.get(semconv.SESSION_VIDEO, "")),
        (str(attributes.get(semconv.AGENT_ID, "")), str(attributes.get(semconv.AGENT_NAME, "")))
        if event == semconv.SESSION_UPDATE
        else ("", ""),
        _attachment(attributes),
    )


def _attachment(attributes: Mapping[str, Any]) -> tuple[str, str, int, str]:
    size = attributes.get(semconv.SESSION_ATTACHMENT_SIZE)
    return (
        str(attributes.get(semconv.SESSION_ATTACHMENT_NAME, "")),
        str(attributes.get(semconv.SESSION_ATTACHMENT_PATH, "")),
        size if isinstance(size, int) and size >= 0 else 0,
        str(attributes.get(semconv.SESSION_ATTACHMENT_SHA256, "")),
    )


def _tags(value: object) -> list[str]:
    if isinstance(value, str):
        return [value] if value else []
    return [as_json(one) for one in listed(value)]
