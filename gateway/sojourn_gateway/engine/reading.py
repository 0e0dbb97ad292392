"""What the query layer asks of the engine: each function one question, values bound, columns by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.engine import columns
from sojourn_gateway.engine.bound import Conditions, ids_in
from sojourn_gateway.engine.paging import read_page, read_page_at_once
from sojourn_gateway.engine.remembered import Remembered
from sojourn_gateway.engine.resources import resources_for
from sojourn_gateway.engine.rollup import SUMS
from sojourn_gateway.engine.searching import searched
from sojourn_gateway.engine.seldom import has_tangled
from sojourn_gateway.engine.session_events import FACTS
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.told import TOLD
from sojourn_gateway.engine.values import text
from sojourn_gateway.engine.where import compile_where
from sojourn_gateway.engine.whole_traces import ROW_COLUMNS, put_together, shared_traces, together

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.engine.engine import Engine
    from sojourn_gateway.engine.paging import Beside
    from sojourn_gateway.model.log import LogsAsk
    from sojourn_gateway.model.session import SessionsAsk, SortSessions
    from sojourn_gateway.model.trace import SortTraces, TracesAsk

__all__ = [
    "LINE_SAYS",
    "LOG_COLUMNS",
    "SPAN_COLUMNS",
    "count_store",
    "find_session",
    "list_logs",
    "list_sessions",
    "list_traces",
    "newest_of",
    "read_few_spans",
    "read_session_events",
    "read_session_spans",
    "read_session_tags",
    "read_spans",
    "read_trace",
    "sessions_in",
    "unpriced_models",
]

_SESSION: Final = (
    "session_id, name, state, reason, tags, implicit, heard_ns, trace_count, failed_traces, turn_p50, turn_p95, "
    + ", ".join(SUMS)
)

_COUNT_TRACES: Final = f"select sum(trace_count) from {DATABASE}.sessions final where project = {{project:String}}"

# Of an index over a part of the key, all versions of a row lie in the granules that it finds.
_THESE: Final = f"trace_id in {ids_in('traces')}"
_OF_SESSION: Final = f"""trace_id in (
    select trace_id from {DATABASE}.traces where project = {{project:String}} and session_id = {{session:String}})"""

SESSION_SORTS: Final[Mapping[SortSessions, str]] = {
    "id": "session_id",
    "name": "name",
    "state": columns.SESSION_STATE,
    "user_id": "user_id",
    "start": "start_ns",
    "end": "end_ns",
    "latency_ms": "toInt64(end_ns) - toInt64(start_ns)",
    "trace_count": "trace_count",
    "failed_traces": "failed_traces",
    "turn_p50_ms": "turn_p50",
    "turn_p95_ms": "turn_p95",
    "span_count": "span_count",
    "model_calls": "model_calls",
    "tool_calls": "tool_calls",
    "actions": "actions",
    "errors": "errors",
    "total_cost": "cost",
    "total_tokens": "input_tokens + output_tokens",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_tokens": "cache_read",
    "cache_write_tokens": "cache_write",
    "reasoning_tokens": "reasoning",
    "unpriced": "unpriced",
    "process_count": "length(processes)",
    "first_input": "first_input",
    "last_output": "last_output",
    "last_error": "last_error",
}
TRACE_SORTS: Final[Mapping[SortTraces, str]] = {
    "name": "name",
    "status": "status",
    "latency": "toInt64(end_ns) - toInt64(start_ns)",
    "cost": "cost",
    "tokens": "input_tokens + output_tokens",
    "start_time": "start_ns",
}

SPAN_COLUMNS: Final = (
    "trace_id",
    "span_id",
    "parent_id",
    "session_id",
    "user_id",
    "name",
    "kind",
    "step",
    "operation",
    "start_ns",
    "end_ns",
    "status",
    "status_message",
    "error_type",
    "provider",
    "request_model",
    "response_model",
    "input_tokens",
    "output_tokens",
    "cache_read",
    "cache_write",
    "reasoning",
    "audio_input",
    "audio_output",
    "reported",
    "usage",
    "tool_name",
    "tool_call_id",
    "service",
    "content",
    "a_s",
    "a_i",
    "a_d",
    "a_b",
    "a_x",
    "resource",
    "scope",
    "events",
    "links",
)
_SPANS_SESSION: Final = SPAN_COLUMNS.index("session_id")
"""The columns of `read_spans`, in order."""
_START: Final = SPAN_COLUMNS.index("start_ns")
_END: Final = SPAN_COLUMNS.index("end_ns")

LOG_COLUMNS: Final = (
    "time_ns",
    "severity",
    "severity_text",
    "event",
    "scope",
    "body",
    "trace_id",
    "span_id",
    "a_s",
    "a_i",
    "a_d",
    "a_b",
    "a_x",
)
"""The columns of `list_logs`, in order."""

LINE_SAYS: Final = " or ".join(
    f"arrayExists(one -> positionCaseInsensitiveUTF8(one, {{search:String}}) > 0, {told})"
    for told in ("[body, toString(scope), toString(event)]", "mapValues(a_s)")
)
"""The condition that `{search:String}` is a part of what a line says: its words, logger, event, or attributes."""


def _order(key: str, *, descending: bool, tie: str) -> str:
    return f"{key} {'desc' if descending else 'asc'}, {tie}"


def list_sessions(
    engine: Engine, project: str, ask: SessionsAsk, silent_before_ns: int, beside: Beside
) -> tuple[Sequence[Row], int]:
    """A page of sessions, columns as `find_session`, and how many there are in all."""
    where = Conditions(project=project, silent=silent_before_ns)
    where.add("project = {project:String}")
    if not ask.include_implicit:
        where.add("not implicit")
    if ask.since_ns is not None:
        where.add("start_ns >= {since:UInt64}", since=max(ask.since_ns, 0))
    if ask.until_ns is not None:
        where.add("start_ns <= {until:UInt64}", until=max(ask.until_ns, 0))
    if ask.name:
        where.add("positionCaseInsensitiveUTF8(name, {name:String}) > 0", name=ask.name)
    if ask.user_id is not None:
        where.add("user_id = {user:String}", user=ask.user_id)
    if ask.tag is not None:
        where.add("has(tags, {tag:String})", tag=ask.tag)
    if ask.state is not None:
        where.add(f"{columns.SESSION_STATE} = {{state:String}}", state=ask.state)
    if filtered := searched(ask.search, ask.where, names=("session_id", "name")):
        where.add_sql(compile_where(filtered, {**columns.SESSIONS, **TOLD}))
    source = f"from {DATABASE}.sessions final where {where}"
    order = _order(SESSION_SORTS[ask.sort_by], descending=ask.descending, tie="session_id")
    if filtered is None:
        return read_page_at_once(
            engine, beside, _SESSION, source, order, where.values, limit=ask.limit, offset=ask.offset
        )
    # First the ids, so that texts are read of the sessions of the page alone, and the filter is asked once.
    keys, total = read_page(engine, "session_id", source, order, where.values, limit=ask.limit, offset=ask.offset)
    these, listed = _these_sessions(session_id for (session_id,) in keys)
    found = {row[0]: row for row in (_sessions(engine, project, these, listed) if keys else ())}
    return [found[session_id] for (session_id,) in keys if session_id in found], total


def _sessions(engine: Engine, project: str, these: str, values: Mapping[str, Any]) -> Sequence[Row]:
    return engine.rows(
        f"select {_SESSION} from {DATABASE}.sessions final where project = {{project:String}} and {these}",
        {"project": project, **values},
    )


def _these_sessions(ids: Iterable[bytes]) -> tuple[str, dict[str, list[str]]]:
    """The condition that a session is one of these, and its values.

    A store may hold ids that are not UTF-8, which cannot be said as text: earlier versions kept them as they came.
    """
    texts, odd = set[str](), set[str]()
    for one in ids:
        told = text(one)
        if told.encode() == one:
            texts.add(told)
        else:
            odd.add(one.hex())
    these = "session_id in {sessions:Array(String)}"
    if not odd:
        return these, {"sessions": sorted(texts)}
    these = f"({these} or session_id in (select unhex(arrayJoin({{odd:Array(String)}}))))"
    return these, {"sessions": sorted(texts), "odd": sorted(odd)}


def find_session(engine: Engine, project: str, session_id: str) -> Row | None:
    """The row of a session: its id, name, state, reason, tags, implicit, last heard, traces, and `SUMS`."""
    rows = _sessions(engine, project, "session_id in {sessions:Array(String)}", {"sessions": [session_id]})
    return rows[0] if rows else None


def read_session_events(engine: Engine, project: str, session_id: str) -> Sequence[Row]:
    """Host, metadata, video, agent and attachment of each fact of a session, in order of time."""
    return engine.rows(
        f"""select host, metadata, video, agent, attachment from {DATABASE}.session_events final
        where project = {{project:String}} and session_id = {{session:String}} order by time_ns, uid""",
        {"project": project, "session": session_id},
    )


def list_logs(engine: Engine, project: str, ask: LogsAsk) -> tuple[Sequence[Row], int]:
    """A page of a session's log lines, `LOG_COLUMNS` each, oldest first; and how many there are in all."""
    where = Conditions(project=project, session=ask.session_id, events=list(FACTS))
    where.add("project = {project:String} and session_id = {session:String} and event not in {events:Array(String)}")
    if ask.severity:
        where.add("severity >= {severity:UInt8}", severity=ask.severity)
    if ask.search:
        where.add(LINE_SAYS, search=ask.search)
    source = f"from {DATABASE}.logs final where {where}"
    told = ", ".join(LOG_COLUMNS)
    return read_page(engine, told, source, "time_ns, uid", where.values, limit=ask.limit, offset=ask.offset)


def read_session_tags(engine: Engine, project: str, sessions: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The tags that were told of some sessions, without those that their traces bear."""
    rows = engine.rows(
        f"""select session_id, told_tags from {DATABASE}.sessions final
        where project = {{project:String}} and session_id in {{sessions:Array(String)}} and notEmpty(told_tags)""",
        {"project": project, "sessions": sorted(set(sessions))},
    )
    return {text(session): tuple(map(text, tags)) for session, tags in rows}


def list_traces(engine: Engine, project: str, ask: TracesAsk, beside: Beside) -> tuple[Sequence[Row], int]:
    """A page of traces: id, name, status, sessions, service, tags and `SUMS`; and how many there are in all."""
    inner, where = Conditions(project=project), Conditions()
    inner.add("true")
    if ask.session_id is not None:
        inner.add("session_id = {session:String}", session=ask.session_id)
    if ask.since_ns is not None:
        where.add("start_ns >= {since:UInt64}", since=max(ask.since_ns, 0))
    if ask.until_ns is not None:
        where.add("start_ns <= {until:UInt64}", until=max(ask.until_ns, 0))
    if ask.status is not None:
        where.add("(status = 2) = {failed:Bool}", failed=ask.status == "ERROR")
    if ask.name:
        where.add("positionCaseInsensitiveUTF8(name, {name:String}) > 0", name=ask.name)
    if ask.user_id is not None:
        where.add("user_id = {user:String}", user=ask.user_id)
    if ask.model is not None:
        where.add("has(models, {model:String})", model=ask.model)
    if ask.tags:
        where.add(
            # As a set: of two arrays each item of one would be compared with each of the other.
            f"""hasAny(tags, {{tags:Array(String)}}) or arrayExists(one -> one in (
                select session_id from {DATABASE}.sessions final
                where project = {{project:String}} and hasAny(told_tags, {{tags:Array(String)}})
            ), session_ids)""",
            tags=list(ask.tags),
        )
    if filtered := searched(ask.search, ask.where):
        where.add_sql(compile_where(filtered, columns.traces_with(resources_for(engine, project, filtered))))
    values = {**inner.values, **where.values}
    order = _order(TRACE_SORTS[ask.sort_by], descending=ask.descending, tie="trace_id")
    limit, offset = ask.limit, ask.offset
    # In one session a trace has one row.
    if ask.session_id is not None or not shared_traces(engine, project):
        # A select of all columns around this one takes longer to plan than a page takes to be read.
        front = "with if(implicit, [], [session_id]) as session_ids "
        source = f"from {DATABASE}.traces final where project = {{project:String}} and {inner} and ({where})"
        if filtered is None and not ask.tags:
            told = ", ".join(ROW_COLUMNS)
            # All of a project's are counted in the sessions of these.
            count = "" if len(where) or ask.session_id is not None else _COUNT_TRACES
            rows, total = read_page_at_once(
                engine, beside, told, source, order, values, limit=limit, offset=offset, front=front, count=count
            )
            page = put_together(rows)
            return [page[trace_id] for trace_id in dict.fromkeys(row[0] for row in rows)], total
        keys, total = read_page(
            engine, "trace_id, [session_id]", source, order, values, limit=limit, offset=offset, front=front
        )
    else:
        select, more = together(engine, project, str(inner))
        source, values = f"from ({select}) where {where}", {**values, **more}
        # First the ids, as with sessions.
        keys, total = read_page(engine, "trace_id, rows_in", source, order, values, limit=limit, offset=offset)
    if not keys:
        return [], total
    # By their sessions, as they lie; of those, when it was asked, in one session alone.
    these, listed = _these_sessions(session_id for _, sessions in keys for session_id in sessions)
    rows = engine.rows(
        f"""select {", ".join(ROW_COLUMNS)} from {DATABASE}.traces final
        where project = {{project:String}} and {inner} and {these} and {_THESE}""",
        {**inner.values, **listed, "traces": [trace_id.hex() for trace_id, _ in keys]},
    )
    page = put_together(rows)
    return [page[trace_id] for trace_id in dict.fromkeys(trace_id for trace_id, _ in keys) if trace_id in page], total


def sessions_in(spans: Iterable[Row]) -> set[bytes]:
    """The sessions in which spans (as `read_spans`) may have rows of their traces: a trace without one is its own."""
    # As they are stored: a session's id need not be UTF-8, and as text it would be another.
    return {bytes(row[_SPANS_SESSION]) or row[0].hex().encode() for row in spans}


def read_trace(engine: Engine, project: str, trace_id: bytes, sessions: Iterable[bytes]) -> Row | None:
    """The row of one trace, as `list_traces`, by the `sessions_in` its spans."""
    rows = engine.rows(
        f"""select {", ".join(ROW_COLUMNS)} from {DATABASE}.traces final
        where project = {{project:String}}
            and session_id in (select unhex(arrayJoin({{sessions:Array(String)}})))
            and trace_id = toFixedString(unhex({{trace:String}}), 16)""",
        {"project": project, "sessions": sorted(one.hex() for one in sessions), "trace": trace_id.hex()},
    )
    return put_together(rows).get(trace_id)


def read_spans(engine: Engine, project: str, traces: Sequence[bytes]) -> Sequence[Row]:
    """All spans of some traces, `SPAN_COLUMNS` each, by start; of those that start together the longest first."""
    return _spans_of(engine, _THESE, {"project": project, "traces": [trace_id.hex() for trace_id in traces]})


def read_session_spans(engine: Engine, project: str, session_id: str) -> Sequence[Row]:
    """All spans of the traces that have any in a session, those in other sessions too, ordered as `read_spans`."""
    return _spans_of(engine, _OF_SESSION, {"project": project, "session": session_id})


def read_few_spans(
    engine: Engine, project: str, *, trace_id: str | None, session_id: str | None, most: int, content: bool
) -> Sequence[Row] | None:
    """As `read_spans` of a trace (its hexadecimal id), else as `read_session_spans`; None when there are more rows.

    Without `content` that map is empty, and not read.
    """
    traces, values = (_OF_SESSION, {"session": session_id}) if trace_id is None else (_THESE, {"traces": [trace_id]})
    asked = {"project": project, "most": most + 1, **values}
    rows = _rows_of(engine, traces, asked, " limit {most:UInt64}", content=content)
    return None if len(rows) > most else _in_order(rows)


def _spans_of(engine: Engine, traces: str, values: Mapping[str, Any]) -> Sequence[Row]:
    return _in_order(_rows_of(engine, traces, values))


def _rows_of(
    engine: Engine, traces: str, values: Mapping[str, Any], limit: str = "", *, content: bool = True
) -> Sequence[Row]:
    told = ", ".join("map() as content" if one == "content" and not content else one for one in SPAN_COLUMNS)
    return engine.rows(
        f"""select {told}, version from {DATABASE}.spans
        where project = {{project:String}} and (minute, trace_id) in (
            select minute, trace_id from {DATABASE}.trails where project = {{project:String}} and {traces}){limit}""",
        values,
    )


def _in_order(rows: Sequence[Row]) -> Sequence[Row]:
    # Chosen and sorted here, not there: planning two selects of so many columns costs more than reading a session.
    return sorted((row[:-1] for row in newest_of(rows)), key=_by_start)


def newest_of(rows: Iterable[Row]) -> Iterable[Row]:
    """The newest row of each span; a row begins with its trace and its id, and ends with its version."""
    newest: dict[tuple[bytes, bytes], Row] = {}
    for row in rows:
        other = newest.setdefault((row[0], row[1]), row)
        if other[-1] < row[-1]:
            newest[row[0], row[1]] = row
    return newest.values()


def _by_start(row: Row) -> tuple[int, int, bytes, bytes]:
    # What has not ended lasts longest.
    return row[_START], -(row[_END] or 2**64), row[0], row[1]


def _last_received(engine: Engine, project: str) -> int:
    rows = engine.rows(
        f"""select max(bitAnd(version, 9223372036854775807)) from {DATABASE}.spans
        where project = {{project:String}}""",
        {"project": project},
    )
    return int(rows[0][0])


_LAST_RECEIVED: Final = Remembered(_last_received)


def count_store(engine: Engine, project: str) -> Row:
    """Sessions, traces, spans, logs, calls without a price, and when the last span was received (0: never)."""
    traces = "sum(trace_count)"
    if shared_traces(engine, project):
        traces = f"(select uniqExact(trace_id) from {DATABASE}.traces final where project = {{project:String}})"
    (counted,) = engine.rows(
        f"""select countIf(not implicit), {traces}, sum(span_count),
            (select count() from {DATABASE}.logs final where project = {{project:String}}), sum(unpriced)
        from {DATABASE}.sessions final where project = {{project:String}}""",
        {"project": project},
    )
    return (*counted, _LAST_RECEIVED.of(engine, project))


def unpriced_models(engine: Engine, project: str, unpriced: int) -> list[str]:
    """Models with usage, for which there are no rates; `unpriced` calls are counted that bear no cost for that."""
    if not unpriced and not has_tangled(engine, project):
        # Each call is counted, where none lies in another one.
        return []
    rows = engine.rows(
        f"""select distinct if(response_model != '', response_model, request_model) as model
        from {DATABASE}.spans
        where project = {{project:String}} and usage and isNull(reported) and (provider, request_model, response_model)
            not in (select provider, request_model, response_model from {DATABASE}.rates where until_ns > 0)
        order by model""",
        {"project": project},
    )
    return [text(model) for (model,) in rows]
