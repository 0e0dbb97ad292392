"""Sessions in outline: their spans without what was said in them, and what was told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sojourn import semconv
from sojourn_gateway.engine import columns
from sojourn_gateway.engine.bound import Conditions, ids_in
from sojourn_gateway.engine.minutes import minute_of
from sojourn_gateway.engine.moved import NEWEST
from sojourn_gateway.engine.reading import SPAN_COLUMNS, newest_of
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.values import text
from sojourn_gateway.model.outline import NAMED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.engine.engine import Engine

__all__ = [
    "BARE",
    "OUTLINE_COLUMNS",
    "distinct_resources",
    "read_facts",
    "read_outlines",
    "read_spans_by_key",
    "read_turns",
    "running_sessions",
    "session_pages",
    "sessions_of",
    "turns_after",
]

OUTLINE_COLUMNS: Final = (
    "trace_id",
    "span_id",
    "parent_id",
    "session_id",
    "name",
    "step",
    "start_ns",
    "end_ns",
    "status",
    "error_type",
    "usage",
    "resource",
    "a_s",
    "a_i",
    "a_d",
    "a_b",
    "a_x",
)
"""The columns of `read_outlines`, in order; of the attributes those that an outline keeps, and metadata."""

BARE: Final = {"content": "map()", "resource": "''", "events": "emptyArrayString()", "links": "emptyArrayString()"}
"""What stands in place of the columns of a span that may be large, for who does not need them."""

_START: Final = OUTLINE_COLUMNS.index("start_ns")
_END: Final = OUTLINE_COLUMNS.index("end_ns")
_TRACES_AT_ONCE: Final = 1_000
_SESSIONS_AT_ONCE: Final = 100
_SPANS_AT_ONCE: Final = 2_000
_NAMES: Final = "[" + ", ".join(f"'{name}'" for name in NAMED) + "]"
_METADATA: Final = " or ".join(f"startsWith(k, '{prefix}')" for prefix in semconv.METADATA_PREFIXES)


def _kept(column: str) -> str:
    if column not in ("a_s", "a_i", "a_d", "a_b", "a_x"):
        return column
    return f"mapFilter((k, v) -> has({_NAMES}, k) or {_METADATA}, {column}) as {column}"


def read_outlines(engine: Engine, project: str, traces: Sequence[str]) -> Sequence[Row]:
    """All spans of some traces, as they are ordered in `reading.read_spans`."""
    if not traces:
        return []
    found: list[Row] = []
    for begin in range(0, len(traces), _TRACES_AT_ONCE):
        # Chosen and sorted here: see `reading`.
        rows = engine.rows(
            f"""select {", ".join(map(_kept, OUTLINE_COLUMNS))}, version from {DATABASE}.spans
            where project = {{project:String}} and (minute, trace_id) in (
                select minute, trace_id from {DATABASE}.trails
                where project = {{project:String}} and trace_id in {ids_in("traces")})""",
            {"project": project, "traces": list(traces[begin : begin + _TRACES_AT_ONCE])},
        )
        found += (row[:-1] for row in newest_of(rows))
    return sorted(found, key=_by_start)


def _by_start(row: Row) -> tuple[int, int, bytes, bytes]:
    # What has not ended lasts longest.
    return row[_START], -(row[_END] or 2**64), row[0], row[1]


def read_turns(engine: Engine, project: str, sessions: Sequence[str]) -> Sequence[Row]:
    """The traces of some sessions in order of their start.

    Each row: session, trace, start, end, and the beginnings of what was asked and answered.
    """
    return engine.rows(
        f"""select session_id, trace_id, start_ns, end_ns, first_input, last_output
        from {DATABASE}.traces final
        where project = {{project:String}} and session_id in {{sessions:Array(String)}}
        order by session_id, start_ns, trace_id""",
        {"project": project, "sessions": list(sessions)},
    )


def read_facts(engine: Engine, project: str, sessions: Sequence[str]) -> Sequence[Row]:
    """Session, metadata and agent of each fact that tells any, in order of time."""
    if not sessions:
        return []
    return engine.rows(
        f"""select session_id, metadata, agent from {DATABASE}.session_events final
        where project = {{project:String}} and session_id in {{sessions:Array(String)}}
            and (notEmpty(metadata) or agent.1 != '')
        order by time_ns, uid""",
        {"project": project, "sessions": list(sessions)},
    )


def read_spans_by_key(
    engine: Engine, project: str, keys: Iterable[tuple[str, str, int]], *, lean: Mapping[str, str] | None = None
) -> Sequence[Row]:
    """Some spans, `SPAN_COLUMNS` each, in no order; each key is trace, span and start.

    `lean` says what stands in place of some columns.
    """
    told = lean or {}
    listed = list(keys)
    if not listed:
        return []
    return engine.rows(
        f"""select {", ".join(told.get(name, name) for name in SPAN_COLUMNS)} from {DATABASE}.spans
        where project = {{project:String}} and minute in {{minutes:Array(UInt32)}}
            and trace_id in {ids_in("traces")}
            and span_id in {ids_in("spans", 8)}
        order by version desc limit 1 by trace_id, span_id""",
        {
            "project": project,
            "minutes": sorted({minute_of(start_ns) for _, _, start_ns in listed}),
            "traces": sorted({trace_id for trace_id, _, _ in listed}),
            "spans": sorted({span_id for _, span_id, _ in listed}),
        },
    )


def running_sessions(engine: Engine, project: str, silent_before_ns: int, quiet_before_ns: int) -> list[str]:
    """The open sessions in which a step is pending, or ended (the session began) since `quiet_before_ns`."""
    rows = engine.rows(
        f"""with opened as (
            select session_id, start_ns from {DATABASE}.sessions final
            where project = {{project:String}} and {columns.SESSION_STATE} = 'open'
        ), within as (
            select session_id, trace_id, end_ns from {DATABASE}.traces final
            where project = {{project:String}} and session_id in (select session_id from opened)
        )
        select session_id from opened where start_ns >= {{quiet:UInt64}}
        union distinct select session_id from within where end_ns >= {{quiet:UInt64}}
        union distinct select session_id from within where trace_id in (
            select trace_id from {DATABASE}.spans final
            where project = {{project:String}} and (minute, trace_id) in (
                select minute, trace_id from {DATABASE}.trails
                where project = {{project:String}} and trace_id in (select trace_id from within)
            ) and end_ns = 0 and {NEWEST}
        )""",
        {"project": project, "silent": silent_before_ns, "quiet": max(quiet_before_ns, 0)},
    )
    return [text(session_id) for (session_id,) in rows]


def sessions_of(engine: Engine, project: str, traces: Sequence[str]) -> list[bytes]:
    """The sessions that have spans in some traces."""
    rows = engine.rows(
        f"""select distinct session_id from {DATABASE}.traces final
        where project = {{project:String}} and trace_id in {ids_in("traces")}
        order by session_id settings use_skip_indexes_if_final_exact_mode = 0""",
        {"project": project, "traces": list(traces)},
    )
    return [session_id for (session_id,) in rows]


def session_pages(
    engine: Engine, project: str, since_ns: int | None, until_ns: int | None, held: str = "true"
) -> Iterator[list[bytes]]:
    """The ids of the sessions of some time, in order, in pages of some thousand spans; a larger one comes alone.

    `held` is a condition on their rows.
    """
    after = b""
    while True:
        where = Conditions(project=project, after=after.hex(), limit=_SESSIONS_AT_ONCE)
        where.add("project = {project:String} and session_id > unhex({after:String})")
        where.add(held)
        if since_ns is not None:
            where.add("end_ns >= {since:UInt64}", since=max(since_ns, 0))
        if until_ns is not None:
            where.add("start_ns < {until:UInt64}", until=max(until_ns, 0))
        rows = engine.rows(
            f"""select session_id, span_count from {DATABASE}.sessions final
            where {where} order by session_id limit {{limit:UInt64}}""",
            where.values,
        )
        page: list[bytes] = []
        spans = 0
        for session_id, count in rows:
            if page and spans + count > _SPANS_AT_ONCE:
                break
            page.append(session_id)
            spans += count
        if not page:
            return
        yield page
        after = page[-1]


def turns_after(
    engine: Engine,
    project: str,
    since_ns: int,
    until_ns: int,
    after: tuple[int, str, str] | None,
    *,
    descending: bool,
    limit: int,
    sessions: Sequence[str] = (),
    trace_id: str | None = None,
) -> Sequence[Row]:
    """Start, trace and session of the traces of some time behind `after`, which is such a row; of some sessions alone.

    `trace_id` is hexadecimal, and may be anything else, which is no trace.
    """
    where = Conditions(project=project, since=max(since_ns, 0), until=max(until_ns, 0), limit=limit)
    where.add("project = {project:String} and end_ns >= {since:UInt64} and start_ns < {until:UInt64}")
    if sessions:
        where.add("session_id in {sessions:Array(String)}", sessions=list(sessions))
    if trace_id is not None:
        where.add("lower(hex(trace_id)) = {wanted:String}", wanted=trace_id)
    if after is not None:
        begun, trace, session = after
        where.add(
            f"""(start_ns, trace_id, session_id) {"<" if descending else ">"}
            ({{begun:UInt64}}, toFixedString(unhex({{trace:String}}), 16), {{session:String}})""",
            begun=begun,
            trace=trace,
            session=session,
        )
    way = "desc" if descending else "asc"
    return engine.rows(
        f"""select start_ns, trace_id, session_id from {DATABASE}.traces final where {where}
        order by start_ns {way}, trace_id {way}, session_id {way} limit {{limit:UInt64}}""",
        where.values,
    )


def distinct_resources(engine: Engine, project: str, part: str) -> list[bytes]:
    """The resources of a project, as they came, in which a text stands."""
    rows = engine.rows(
        f"""select distinct toString(resource) as told from {DATABASE}.spans
        where project = {{project:String}} and position(told, {{part:String}}) > 0""",
        {"project": project, "part": part},
    )
    return [told for (told,) in rows]
