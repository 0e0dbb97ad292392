"""Facts of sessions, read out of the log records that carry them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sojourn import semconv
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.values import as_json, attributes_of, listed, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_gateway.engine.backend import Handle

__all__ = ["EVENTS", "gather_events"]

EVENTS: Final = (
    semconv.SESSION_START,
    semconv.SESSION_JOIN,
    semconv.SESSION_UPDATE,
    semconv.SESSION_HEARTBEAT,
    semconv.SESSION_END,
)

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
    "version",
)

_STATES: Final = frozenset({"Success", "Fail", "Indeterminate"})


def gather_events(writer: Handle, after: int, upto: int) -> None:
    """Copy the session facts of these commits to where roll-ups read them. Repeating it changes nothing."""
    records = writer.rows(
        f"""select project, session_id, uid, event, time_ns, process, a_s, a_i, a_d, a_b, a_x, version
        from {DATABASE}.logs
        where commit > {{after:UInt64}} and commit <= {{upto:UInt64}} and session_id != ''
            and event in {{events:Array(String)}}""",
        {"after": after, "upto": upto, "events": list(EVENTS)},
    )
    rows = [
        (
            text(project),
            text(session_id),
            # One row a process says when it was last heard of; a day of heartbeats is no day of rows.
            f"heartbeat {text(process)}" if event == semconv.SESSION_HEARTBEAT.encode() else text(uid),
            text(event),
            time_ns,
            text(process),
            *_facts(attributes_of(a_s, a_i, a_d, a_b, a_x)),
            time_ns if event == semconv.SESSION_HEARTBEAT.encode() else version,
        )
        for project, session_id, uid, event, time_ns, process, a_s, a_i, a_d, a_b, a_x, version in records
    ]
    if rows:
        writer.insert(f"{DATABASE}.session_events", _COLUMNS, rows)


def _facts(attributes: Mapping[str, Any]) -> tuple[object, ...]:
    state = attributes.get(semconv.SESSION_END_STATE, "")
    replaced = attributes.get(semconv.SESSION_TAGS)
    prefix = semconv.METADATA_PREFIX
    return (
        str(attributes.get(semconv.SESSION_NAME, "")),
        str(attributes.get(semconv.USER_ID, "")),
        replaced is not None,
        _tags(replaced),
        _tags(attributes.get(semconv.SESSION_TAGS_ADDED)),
        state if state in _STATES else "Indeterminate",
        str(attributes.get(semconv.SESSION_END_REASON, "")),
        attributes.get(semconv.SESSION_END_EXPLICIT) is True,
        as_json(attributes.get(semconv.SESSION_HOST, "")),
        {key.removeprefix(prefix): as_json(value) for key, value in attributes.items() if key.startswith(prefix)},
    )


def _tags(value: object) -> list[str]:
    if isinstance(value, str):
        return [value] if value else []
    return [as_json(one) for one in listed(value)]
