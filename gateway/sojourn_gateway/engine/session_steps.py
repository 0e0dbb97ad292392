"""One session, however large, kind by kind of step and in order of time: keys first, then some steps at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from sojourn import semconv
from sojourn_gateway.engine.bound import Conditions
from sojourn_gateway.engine.minutes import minute_of
from sojourn_gateway.engine.reading import LOG_COLUMNS, SPAN_COLUMNS, newest_of
from sojourn_gateway.engine.seldom import has_tangled, newest_rows
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.whole_traces import ROW_COLUMNS, put_together

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.engine.engine import Engine
    from sojourn_gateway.model.session import StepKind

__all__ = ["exception_pages", "find_trace", "step_pages", "trace_pages"]

_KEYS_AT_ONCE: Final = 20_000
_LINES_AT_ONCE: Final = 1000
_FEWEST_AT_ONCE: Final = 50
_MOST_AT_ONCE: Final = 2000
_GROWTH: Final = 4
"""So many times as long may a page be as the one before it, whose small texts promise little of the next."""
_BYTES_AT_ONCE: Final = 4_000_000
"""About what the texts of a page come to, by what those of the page before came to."""
_TEXTS: Final = tuple(SPAN_COLUMNS.index(name) for name in ("content", "a_s", "a_x"))

_TRACES: Final = f"""
    select trace_id from {DATABASE}.traces final
    where project = {{project:String}} and session_id = {{session:String}}"""
# Places hold whole traces, and only those that one rule gets wrong; those of an older version are of another time.
_PLACES: Final = f"""
    select trace_id, span_id from {DATABASE}.places final
    where project = {{project:String}} and trace_id in ({_TRACES}) and (trace_id, version) in (
        select trace_id, version from {DATABASE}.traces final
        where project = {{project:String}} and session_id = {{session:String}})"""
_OF_TRACES: Final = f"""project = {{project:String}} and (minute, trace_id) in (
        select minute, trace_id from {DATABASE}.trails
        where project = {{project:String}} and trace_id in ({_TRACES}))"""
_IS_CALL: Final = "step in ('model', 'embedding')"


def step_pages(
    engine: Engine,
    project: str,
    session_id: str,
    kind: StepKind,
    ids: Sequence[str] | None = None,
    *,
    keys_at_once: int = _KEYS_AT_ONCE,
) -> Iterator[list[Row]]:
    """The spans of a session that are of one kind, `SPAN_COLUMNS` each, by start, the longest of those first.

    With `ids` those alone that their program, or their sender, knows by one of these.
    """
    where = Conditions(project=project, session=session_id)
    where.add(_within(engine, project))
    where.add(_of_kind(engine, project, kind))
    if ids is not None:
        own_id = f"a_s['{semconv.EVENT_ID}']"
        where.add(f"if({own_id} != '', {own_id}, lower(hex(span_id))) in {{ids:Array(String)}}", ids=list(ids))
    yield from _pages(engine, project, where, keys_at_once)


def trace_pages(
    engine: Engine, project: str, trace_id: str, *, keys_at_once: int = _KEYS_AT_ONCE
) -> Iterator[list[Row]]:
    """The spans of a trace, likewise; its id is hexadecimal."""
    where = Conditions(project=project, trace_id=trace_id)
    where.add(f"project = {{project:String}} and {newest_rows(engine, project)}")
    where.add(f"""(minute, trace_id) in (
        select minute, trace_id from {DATABASE}.trails
        where project = {{project:String}} and trace_id = toFixedString(unhex({{trace_id:String}}), 16))""")
    yield from _pages(engine, project, where, keys_at_once)


def find_trace(engine: Engine, project: str, trace_id: str) -> Row | None:
    """The row of one trace, as lists have it, without looking at its spans."""
    rows = engine.rows(
        f"""select {", ".join(ROW_COLUMNS)} from {DATABASE}.traces final
        where project = {{project:String}} and trace_id = toFixedString(unhex({{trace:String}}), 16)
        settings use_skip_indexes_if_final_exact_mode = 0""",
        {"project": project, "trace": trace_id},
    )
    return put_together(rows).get(bytes.fromhex(trace_id))


def _pages(engine: Engine, project: str, where: Conditions, keys_at_once: int) -> Iterator[list[Row]]:
    at_once = _FEWEST_AT_ONCE
    for keys in _key_pages(engine, where, keys_at_once):
        done = 0
        while done < len(keys):
            page = _read(engine, project, keys[done : done + at_once])
            done += at_once
            yield page
            size = sum(len(text) for row in page for at in _TEXTS for text in row[at].values())
            fitting = len(page) * _BYTES_AT_ONCE // max(size, 1)
            at_once = min(max(fitting, _FEWEST_AT_ONCE), _GROWTH * at_once, _MOST_AT_ONCE)


def _within(engine: Engine, project: str) -> str:
    """The condition that a span is one of `{{session:String}}`, in its newest row."""
    elsewhere = "true"
    if has_tangled(engine, project):
        elsewhere = f"(trace_id, span_id) not in ({_PLACES} and session_id != {{session:String}})"
    return f"{_OF_TRACES} and {newest_rows(engine, project)} and {elsewhere}"


def _of_kind(engine: Engine, project: str, kind: StepKind) -> str:
    calls = _IS_CALL
    if has_tangled(engine, project):
        calls = f"{_IS_CALL} and (trace_id, span_id) not in ({_PLACES} and not counts_call)"
    match kind:
        case "calls":
            return calls
        case "tools":
            return "step = 'tool'"
        case "actions":
            return "step in ('action', 'task')"
        case "others":
            return f"step not in ('tool', 'action', 'task') and not ({calls})"
        case "failed":
            # By themselves, and not by a failure of the same kind inside them.
            return f"""status = 2 and (trace_id, span_id, error_type) not in (
                select trace_id, parent_id, error_type from {DATABASE}.spans final
                where {_within(engine, project)} and status = 2)"""
        case _:
            assert_never(kind)


def exception_pages(engine: Engine, project: str, session_id: str) -> Iterator[list[Row]]:
    """The exceptions among the log of a session, `LOG_COLUMNS` each, oldest first."""
    after, uid = 0, ""
    while True:
        rows = engine.rows(
            f"""select {", ".join(LOG_COLUMNS)}, uid from {DATABASE}.logs final
            where project = {{project:String}} and session_id = {{session:String}}
                and event = '{semconv.EXCEPTION_EVENT}' and (time_ns, uid) > ({{after:UInt64}}, unhex({{uid:String}}))
            order by time_ns, uid limit {_LINES_AT_ONCE}""",
            {"project": project, "session": session_id, "after": after, "uid": uid},
        )
        if not rows:
            return
        yield [row[:-1] for row in rows]
        after, uid = rows[-1][0], rows[-1][-1].hex()


def _key_pages(engine: Engine, chosen: Conditions, at_once: int) -> Iterator[Sequence[Row]]:
    """Start, what is left of all time at the end, trace, span and minute of the spans, in order."""
    after: Row | None = None
    while True:
        where = Conditions(**chosen.values)
        where.add(str(chosen))
        if after is not None:
            start_ns, left, trace_id, span_id, _ = after
            where.add("minute >= {minute:UInt32}", minute=minute_of(start_ns))
            where.add(
                """(start_ns, left, trace_id, span_id) > ({start:UInt64}, {left:UInt64},
                    toFixedString(unhex({trace:String}), 16), toFixedString(unhex({span:String}), 8))""",
                start=start_ns,
                left=left,
                trace=trace_id.hex(),
                span=span_id.hex(),
            )
        keys = engine.rows(
            # What has not ended lasts longest.
            f"""select start_ns, if(end_ns = 0, toUInt64(0), bitNot(end_ns)) as left, trace_id, span_id, minute
            from {DATABASE}.spans final where {where}
            order by start_ns, left, trace_id, span_id limit {{limit:UInt64}}""",
            {**where.values, "limit": at_once},
        )
        if keys:
            yield keys
        if len(keys) < at_once:
            return
        after = keys[-1]


def _read(engine: Engine, project: str, keys: Sequence[Row]) -> list[Row]:
    rows = engine.rows(
        f"""select {", ".join(SPAN_COLUMNS)}, version from {DATABASE}.spans
        where project = {{project:String}} and (minute, trace_id, span_id) in (
            select arrayJoin(arrayZip({{minutes:Array(UInt32)}},
                arrayMap(id -> toFixedString(unhex(id), 16), {{traces:Array(String)}}),
                arrayMap(id -> toFixedString(unhex(id), 8), {{spans:Array(String)}}))))""",
        {
            "project": project,
            "minutes": [minute for *_, minute in keys],
            "traces": [trace_id.hex() for _, _, trace_id, _, _ in keys],
            "spans": [span_id.hex() for _, _, _, span_id, _ in keys],
        },
    )
    found = {(row[0], row[1]): row[:-1] for row in newest_of(rows)}
    # What was erased since its key was read is not there any more.
    return [found[key] for key in ((trace_id, span_id) for _, _, trace_id, span_id, _ in keys) if key in found]
