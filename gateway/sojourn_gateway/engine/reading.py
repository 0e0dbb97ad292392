"""What the query layer asks of the engine: each function one question, values bound, columns by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.engine.rollup import SUMS
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.values import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.engine.engine import Engine
    from sojourn_gateway.model.session import SessionsAsk
    from sojourn_gateway.model.trace import TracesAsk

__all__ = [
    "SPAN_COLUMNS",
    "count_store",
    "find_session",
    "list_sessions",
    "list_traces",
    "read_session_events",
    "read_session_tags",
    "read_spans",
    "read_trace",
    "traces_of_session",
    "unpriced_models",
]

_SESSION: Final = f"session_id, name, state, reason, tags, implicit, heard_ns, trace_count, {', '.join(SUMS)}"
_TRACE: Final = f"trace_id, name, status, session_ids, {', '.join(SUMS)}"

_STATE: Final = "multiIf(state != '', state, heard_ns < {silent:UInt64}, 'Indeterminate', 'open')"
"""A session that nobody ended counts as open until it has been silent for long."""

SESSION_SORTS: Final = {
    "name": "name",
    "state": _STATE,
    "user_id": "user_id",
    "model_calls": "model_calls",
    "start": "start_ns",
    "end": "end_ns",
    "trace_count": "trace_count",
    "total_cost": "cost",
    "total_tokens": "input_tokens + output_tokens",
    "latency_ms": "toInt64(end_ns) - toInt64(start_ns)",
    "errors": "errors",
}
TRACE_SORTS: Final = {
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
)
"""The columns of `read_spans`, in order."""


class _Where:
    """Conditions that hold together, each with its bound values."""

    def __init__(self, **values: Any) -> None:  # whatever the engine binds
        self._conditions: list[str] = []
        self.values: dict[str, Any] = values

    def add(self, condition: str, **values: Any) -> None:  # as above
        self._conditions.append(condition)
        self.values.update(values)

    def __str__(self) -> str:
        return " and ".join(self._conditions) or "true"


def _page(sorts: Mapping[str, str], sort_by: str, *, descending: bool, tie: str) -> str:
    direction = "desc" if descending else "asc"
    return f"order by {sorts[sort_by]} {direction}, {tie} limit {{limit:UInt64}} offset {{offset:UInt64}}"


def list_sessions(engine: Engine, project: str, ask: SessionsAsk, silent_before_ns: int) -> tuple[Sequence[Row], int]:
    """A page of sessions, columns as `find_session`, and how many there are in all."""
    where = _Where(project=project)
    where.add("project = {project:String}")
    if not ask.include_implicit:
        where.add("not implicit")
    if ask.since_ns is not None:
        where.add("start_ns >= {since:UInt64}", since=max(ask.since_ns, 0))
    if ask.until_ns is not None:
        where.add("start_ns <= {until:UInt64}", until=max(ask.until_ns, 0))
    if ask.search:
        where.add(
            "(positionCaseInsensitiveUTF8(session_id, {search:String}) > 0 "
            "or positionCaseInsensitiveUTF8(name, {search:String}) > 0)",
            search=ask.search,
        )
    if ask.name:
        where.add("positionCaseInsensitiveUTF8(name, {name:String}) > 0", name=ask.name)
    if ask.user_id is not None:
        where.add("user_id = {user:String}", user=ask.user_id)
    if ask.tag is not None:
        where.add("has(tags, {tag:String})", tag=ask.tag)
    if ask.state is not None:
        where.add(f"{_STATE} = {{state:String}}", state=ask.state, silent=silent_before_ns)
    source = f"from {DATABASE}.sessions final where {where}"
    total = engine.rows(f"select count() {source}", where.values)[0][0]
    page = _page(SESSION_SORTS, ask.sort_by, descending=ask.descending, tie="session_id")
    values = {**where.values, "silent": silent_before_ns, "limit": ask.limit, "offset": ask.offset}
    return engine.rows(f"select {_SESSION} {source} {page}", values), total


def find_session(engine: Engine, project: str, session_id: str) -> Row | None:
    """The row of a session: its id, name, state, reason, tags, implicit, last heard, traces, and `SUMS`."""
    rows = engine.rows(
        f"""select {_SESSION} from {DATABASE}.sessions final
        where project = {{project:String}} and session_id = {{session:String}}""",
        {"project": project, "session": session_id},
    )
    return rows[0] if rows else None


def read_session_events(engine: Engine, project: str, session_id: str) -> Sequence[Row]:
    """Host and metadata of each fact of a session, in order of time."""
    return engine.rows(
        f"""select host, metadata from {DATABASE}.session_events final
        where project = {{project:String}} and session_id = {{session:String}} order by time_ns, uid""",
        {"project": project, "session": session_id},
    )


def read_session_tags(engine: Engine, project: str, sessions: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The tags of some sessions."""
    rows = engine.rows(
        f"""select session_id, tags from {DATABASE}.sessions final
        where project = {{project:String}} and session_id in {{sessions:Array(String)}} and notEmpty(tags)""",
        {"project": project, "sessions": sorted(set(sessions))},
    )
    return {text(session): tuple(map(text, tags)) for session, tags in rows}


def _whole_traces(condition: str) -> str:
    """Rows of traces, those of one trace in several sessions put together."""
    added = ", ".join(f"sum(t.{name}) as {name}" for name in SUMS[2:16])
    return f"""
    select trace_id, argMin(t.name, (t.start_ns, session_id)) as name,
        argMin(t.status, (t.start_ns, session_id)) as status, groupArrayIf(session_id, not implicit) as session_ids,
        min(t.start_ns) as start_ns, max(t.end_ns) as end_ns, {added},
        arraySort(groupUniqArrayArray(t.models)) as models, groupUniqArrayArray(t.processes) as processes,
        argMinIf(t.user_id, t.start_ns, t.user_id != '') as user_id,
        argMinIf(t.first_input, t.start_ns, t.first_input != '') as first_input,
        argMaxIf(t.last_output, t.end_ns, t.last_output != '') as last_output
    from {DATABASE}.traces as t final where project = {{project:String}} and {condition}
    group by trace_id"""


def list_traces(engine: Engine, project: str, ask: TracesAsk) -> tuple[Sequence[Row], int]:
    """A page of traces: id, name, status, sessions and `SUMS`; and how many there are in all."""
    inner, where = _Where(project=project), _Where()
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
            f"""hasAny(session_ids, (
                select groupArray(session_id) from {DATABASE}.sessions final
                where project = {{project:String}} and hasAny(tags, {{tags:Array(String)}})
            ))""",
            tags=list(ask.tags),
        )
    source = f"from ({_whole_traces(str(inner))}) where {where}"
    values = {**inner.values, **where.values}
    total = engine.rows(f"select count() {source}", values)[0][0]
    page = _page(TRACE_SORTS, ask.sort_by, descending=ask.descending, tie="trace_id")
    return engine.rows(f"select {_TRACE} {source} {page}", {**values, "limit": ask.limit, "offset": ask.offset}), total


def read_trace(engine: Engine, project: str, trace_id: bytes) -> Row | None:
    """The row of one trace, as `list_traces`."""
    rows = engine.rows(
        f"select {_TRACE} from ({_whole_traces('trace_id = toFixedString(unhex({trace:String}), 16)')})",
        {"project": project, "trace": trace_id.hex()},
    )
    return rows[0] if rows else None


def traces_of_session(engine: Engine, project: str, session_id: str) -> list[bytes]:
    """The ids of the traces that have spans in a session."""
    rows = engine.rows(
        f"""select trace_id from {DATABASE}.traces final
        where project = {{project:String}} and session_id = {{session:String}} order by start_ns, trace_id""",
        {"project": project, "session": session_id},
    )
    return [trace_id for (trace_id,) in rows]


def read_spans(engine: Engine, project: str, traces: Sequence[bytes]) -> Sequence[Row]:
    """All spans of some traces, `SPAN_COLUMNS` each, by start; of those that start together the longest first."""
    ids = "(select arrayJoin(arrayMap(id -> toFixedString(unhex(id), 16), {traces:Array(String)})))"
    return engine.rows(
        f"""select {", ".join(SPAN_COLUMNS)} from (
            select {", ".join(SPAN_COLUMNS)} from {DATABASE}.spans
            where project = {{project:String}} and (minute, trace_id) in (
                select minute, trace_id from {DATABASE}.trails
                where project = {{project:String}} and trace_id in {ids}
            )
            order by version desc limit 1 by trace_id, span_id
        ) order by start_ns, if(end_ns = 0, {{last:UInt64}}, end_ns) desc, trace_id, span_id""",
        {"project": project, "traces": [trace_id.hex() for trace_id in traces], "last": 2**64 - 1},
    )


def count_store(engine: Engine, project: str) -> Row:
    """Sessions, traces, spans, logs, and when the last span was received (0: never)."""
    return engine.rows(
        f"""select
            (select count() from {DATABASE}.sessions final where project = {{project:String}} and not implicit),
            (select uniqExact(trace_id) from {DATABASE}.traces final where project = {{project:String}}),
            (select sum(span_count) from {DATABASE}.traces final where project = {{project:String}}),
            (select count() from {DATABASE}.logs final where project = {{project:String}}),
            (select max(bitAnd(version, 9223372036854775807)) from {DATABASE}.spans
                where project = {{project:String}})""",
        {"project": project},
    )[0]


def unpriced_models(engine: Engine, project: str) -> list[str]:
    """Models with usage, for which there are no rates."""
    rows = engine.rows(
        f"""select distinct if(response_model != '', response_model, request_model) as model
        from {DATABASE}.spans
        where project = {{project:String}} and usage and isNull(reported) and (provider, request_model, response_model)
            not in (select provider, request_model, response_model from {DATABASE}.rates)
        order by model""",
        {"project": project},
    )
    return [text(model) for (model,) in rows]
