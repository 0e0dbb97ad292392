"""What is stored, whole, in the order of sessions: a page at a time, so that a store of any size can leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.engine.bound import Conditions, ids_in
from sojourn_gateway.engine.tables import DATABASE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sojourn_gateway.engine.engine import Engine

__all__ = ["PAIRED", "Chosen", "log_pages", "score_pages", "span_pages", "trace_pages"]

_TRACES_AT_ONCE: Final = 256
_SPANS_AT_ONCE: Final = 2_000
_ROWS_AT_ONCE: Final = 5_000
_ZERO: Final = "0" * 32

PAIRED: Final = frozenset({"content", "a_s", "a_i", "a_d", "a_b", "a_x"})
"""Columns of pairs of a key and a value."""
_MAPS: Final = ("a_s", "a_i", "a_d", "a_b", "a_x", "resource", "scope", "scope_version", "scope_attributes")
_SPAN: Final = (
    "trace_id",
    "span_id",
    "parent_id",
    "trace_state",
    "flags",
    "name",
    "kind",
    "start_ns",
    "end_ns",
    "status",
    "status_message",
    "content",
    *_MAPS,
    "lost_attributes",
    "lost_events",
    "lost_links",
    "events",
    "links",
)
_LOG: Final = (
    "minute",
    "uid",
    "event",
    "session_id",
    "trace_id",
    "span_id",
    "time_ns",
    "observed_ns",
    "severity",
    "severity_text",
    "body",
    *_MAPS,
)
_SCORE: Final = (
    "id",
    "resource_id",
    "kind",
    "name",
    "score",
    "label",
    "reason",
    "source",
    "user_id",
    "created_ns",
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is to leave: of one session or of all, begun (written, for logs) in a span of time."""

    session_id: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    session_id: bytes
    trace_id: bytes
    version: int


def _told(columns: tuple[str, ...]) -> str:
    """The columns; maps as arrays of pairs, so that a key that came twice leaves twice."""
    return ", ".join(
        f"arrayZip(mapKeys({name}), mapValues({name})) as {name}" if name in PAIRED else name for name in columns
    )


def trace_pages(engine: Engine, project: str, chosen: Chosen) -> Iterator[list[_Place]]:
    """The traces, each once for every session that it has spans in, in pages of some thousand spans."""
    session, trace = "", _ZERO
    while True:
        where = Conditions(project=project, session=session, trace=trace, limit=_TRACES_AT_ONCE)
        where.add("project = {project:String}")
        where.add("(session_id, trace_id) > (unhex({session:String}), toFixedString(unhex({trace:String}), 16))")
        if chosen.session_id is not None:
            where.add("session_id = {chosen:String}", chosen=chosen.session_id)
        _within(where, "start_ns", chosen)
        rows = engine.rows(
            f"""select session_id, trace_id, version, span_count from {DATABASE}.traces final
            where {where} order by session_id, trace_id limit {{limit:UInt64}}""",
            where.values,
        )
        page: list[_Place] = []
        spans = 0
        for session_id, trace_id, version, count in rows:
            if page and spans + count > _SPANS_AT_ONCE:
                break
            page.append(_Place(session_id, trace_id, version))
            spans += count
        if not page:
            return
        yield page
        session, trace = page[-1].session_id.hex(), page[-1].trace_id.hex()


def span_pages(engine: Engine, project: str, chosen: Chosen) -> Iterator[list[dict[str, Any]]]:
    """The spans by column, each in its newest state and once, with those of its trace and session."""
    columns = ", ".join(_SPAN)
    ids = ids_in("traces")
    for page in trace_pages(engine, project, chosen):
        wanted = {(place.trace_id, place.session_id): place for place in page}
        rows = engine.rows(
            f"""select {_told(_SPAN)}, p.session, p.placed from (
                select {columns}, version from {DATABASE}.spans
                where project = {{project:String}} and (minute, trace_id) in (
                    select minute, trace_id from {DATABASE}.trails
                    where project = {{project:String}} and trace_id in {ids})
                order by version desc limit 1 by trace_id, span_id
            ) as s
            left join (
                select trace_id as in_trace, span_id as of_span, session_id as session, version as placed
                from {DATABASE}.places final where project = {{project:String}} and trace_id in {ids}
            ) as p on s.trace_id = p.in_trace and s.span_id = p.of_span
            order by trace_id, start_ns, span_id""",
            {"project": project, "traces": sorted({place.trace_id.hex() for place in page})},
        )
        versions = {place.trace_id: place.version for place in page}
        sole = {place.trace_id: place.session_id for place in page}
        found: list[dict[str, Any]] = []
        for *row, session, placed in rows:
            span = dict(zip(_SPAN, row, strict=True))
            # A place of an older version is of a time when the trace had spans in several sessions; one of a newer was
            # made since the page was.
            if placed >= versions[span["trace_id"]]:
                if (span["trace_id"], session) not in wanted:
                    continue
            else:
                session = sole[span["trace_id"]]
            found.append({**span, "session_id": session})
        yield found


def log_pages(engine: Engine, project: str, chosen: Chosen) -> Iterator[list[dict[str, Any]]]:
    """The log records by column, facts of sessions among them, in order of time."""
    minute, uid = 0, ""
    while True:
        where = Conditions(project=project, minute=minute, uid=uid, limit=_ROWS_AT_ONCE)
        where.add("project = {project:String} and (minute, uid) > ({minute:UInt32}, unhex({uid:String}))")
        if chosen.session_id is not None:
            where.add(
                f"""session_id = {{chosen:String}} or (session_id = '' and lower(hex(trace_id)) in (
                    select lower(hex(trace_id)) from {DATABASE}.traces final
                    where project = {{project:String}} and session_id = {{chosen:String}}))""",
                chosen=chosen.session_id,
            )
        _within(where, "time_ns", chosen)
        rows = engine.rows(
            f"""select {_told(_LOG)} from {DATABASE}.logs final
            where {where} order by minute, uid limit {{limit:UInt64}}""",
            where.values,
        )
        if not rows:
            return
        page = [dict[str, Any](zip(_LOG, row, strict=True)) for row in rows]
        yield page
        minute, uid = page[-1]["minute"], page[-1]["uid"].hex()


def score_pages(engine: Engine, project: str, chosen: Chosen) -> Iterator[list[dict[str, Any]]]:
    """The scores by column, in order of time; with a session chosen, its own and its traces'."""
    created, last = 0, ""
    while True:
        where = Conditions(project=project, created=created, last=last, limit=_ROWS_AT_ONCE)
        where.add("project = {project:String} and (created_ns, id) > ({created:UInt64}, {last:String})")
        if chosen.session_id is not None:
            traces = f"""select trace_id from {DATABASE}.traces final
                where project = {{project:String}} and session_id = {{chosen:String}}"""
            where.add(
                f"""kind = 'session' and resource_id = {{chosen:String}}
                or kind = 'trace' and resource_id in (select lower(hex(trace_id)) from ({traces}))
                or kind = 'span' and resource_id in (select lower(hex(span_id)) from {DATABASE}.spans
                    where project = {{project:String}} and trace_id in ({traces}))""",
                chosen=chosen.session_id,
            )
        _within(where, "created_ns", chosen)
        rows = engine.rows(
            f"""select {", ".join(_SCORE)} from {DATABASE}.scores final
            where {where} order by created_ns, id limit {{limit:UInt64}}""",
            where.values,
        )
        if not rows:
            return
        page = [dict[str, Any](zip(_SCORE, row, strict=True)) for row in rows]
        yield page
        created, last = page[-1]["created_ns"], page[-1]["id"].decode()


def _within(where: Conditions, column: str, chosen: Chosen) -> None:
    if chosen.since_ns is not None:
        where.add(f"{column} >= {{since:UInt64}}", since=max(chosen.since_ns, 0))
    if chosen.until_ns is not None:
        where.add(f"{column} < {{until:UInt64}}", until=max(chosen.until_ns, 0))
