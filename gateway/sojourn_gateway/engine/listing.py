"""Spans across traces: pages of them, and one by its id alone."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.engine import columns
from sojourn_gateway.engine.bound import Conditions, ids_in
from sojourn_gateway.engine.minutes import LAST_MINUTE, minute_of
from sojourn_gateway.engine.paging import read_page
from sojourn_gateway.engine.reading import SPAN_COLUMNS, newest_of
from sojourn_gateway.engine.remembered import Remembered
from sojourn_gateway.engine.resources import resources_for
from sojourn_gateway.engine.searching import searched
from sojourn_gateway.engine.seldom import has_tangled, newest_rows
from sojourn_gateway.engine.steps import GENERATION, MODEL, steps
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.where import compile_where, fields_of
from sojourn_gateway.model.spans_ask import SpansAsk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.engine.engine import Engine

__all__ = [
    "belonging",
    "count_spans",
    "count_spans_by_hour",
    "find_traces_of_span",
    "is_of_all",
    "list_spans",
    "may_be_new",
    "newest_spans",
    "read_users",
    "within_time",
]

_STATUS: Final = {"unset": 0, "ok": 1, "error": 2}
_HOUR: Final = 60
_SLACK: Final = 5
"""Minutes that the clocks of senders may be ahead of this one."""
_LAST_NS: Final = 2**64 - 1
_KEYS: Final = "minute, trace_id, span_id"
_DEEP: Final = 10_000
"""As far as a page ends no further down, the engine sorts by a few columns, and reads the others of the page alone."""
_SOON: Final = 1_000
"""A page that ends no further down may lie in the newest hour."""
_INDEXED: Final = frozenset({"search", "input", "output", "metadata", "prompt_name", "dataset_run_id"})
"""The fields of filters that an index decides, and so often few spans fit."""
_SESSION: Final = SPAN_COLUMNS.index("session_id")
_USER: Final = SPAN_COLUMNS.index("user_id")
_THESE: Final = f"trace_id in {ids_in('traces')}"
_TRACE: Final = "trace_id = toFixedString(unhex({trace:String}), 16)"
_OF_SESSION: Final = f"""trace_id in (select trace_id from {DATABASE}.traces final
    where project = {{project:String}} and session_id = {{session:String}})"""


def _newest_minute(engine: Engine, project: str) -> int:
    """The newest minute with a span; of those up to now, when there are any.

    A clock that is wrong by years puts a few spans far ahead of all others, and in its last hour is no page.
    """
    newest = _last_minute(engine, project, LAST_MINUTE)
    now = minute_of(time.time_ns()) + _SLACK
    return newest if newest <= now else _last_minute(engine, project, now) or newest


def _last_minute(engine: Engine, project: str, upto: int) -> int:
    rows = engine.rows(
        f"""select minute from {DATABASE}.spans where project = {{project:String}} and minute <= {{upto:UInt32}}
        order by project desc, minute desc limit 1""",
        {"project": project, "upto": upto},
    )
    return int(rows[0][0]) if rows else 0


_NEWEST_MINUTE: Final = Remembered(_newest_minute)


def _trails(traces: str) -> str:
    """Spans of some traces, by way of the minutes in which these have any."""
    return f"""(minute, trace_id) in (
        select minute, trace_id from {DATABASE}.trails where project = {{project:String}} and {traces})"""


def within_time(since_ns: int | None, until_ns: int | None) -> tuple[str, dict[str, int]]:
    """The condition on the minutes of a time, whole ones, for `steps`; and its values."""
    bounds, values = ["true"], dict[str, int]()
    if since_ns is not None:
        bounds.append("minute >= {first:UInt32}")
        values["first"] = minute_of(since_ns)
    if until_ns is not None:
        bounds.append("minute <= {last:UInt32}")
        values["last"] = minute_of(until_ns)
    return " and ".join(bounds), values


def list_spans(
    engine: Engine, project: str, ask: SpansAsk, hours: Sequence[Row] | None = None
) -> tuple[Sequence[Row], int]:
    """A page of spans, `SPAN_COLUMNS` each, in order; and how many there are in all.

    `hours` is what `count_spans_by_hour` said, when it was asked.
    """
    chosen = _chosen(engine, project, ask)
    if ask.trace_id is not None:
        chosen.values["trace"] = ask.trace_id
        return _whole_page(engine, project, ask, chosen, _trails(_TRACE), _TRACE)
    if ask.session_id is not None:
        return _whole_page(engine, project, ask, chosen, _trails(_OF_SESSION), _OF_SESSION)
    within, bounds = within_time(ask.since_ns, ask.until_ns)
    chosen.values.update(bounds)
    if ask.offset + ask.limit <= _DEEP and _spoken(ask) & _INDEXED:
        return _page_of_index(engine, project, ask, chosen, within)
    counted = count_spans_by_hour(engine, project, ask) if hours is None else hours
    return _page_of_hours(engine, project, ask, chosen, counted), sum(count for _, count in counted)


def may_be_new(ask: SpansAsk) -> bool:
    """Whether the page may lie in the newest hour, as far as the question tells."""
    elsewhere = ask.trace_id is not None or _is_joined(ask) or bool(_spoken(ask) & _INDEXED)
    return not elsewhere and ask.descending and ask.offset + ask.limit <= _SOON


def newest_spans(engine: Engine, project: str, ask: SpansAsk) -> Sequence[Row] | None:
    """A page out of the newest hour, as `list_spans`; None when it goes beyond that."""
    chosen = _chosen(engine, project, ask)
    within, bounds = within_time(ask.since_ns, ask.until_ns)
    upto = bounds.get("last", LAST_MINUTE)
    # What came since the newest minute was asked for lies behind it, and is read too, as is what lies ahead of now.
    after = max(min(_NEWEST_MINUTE.of(engine, project), upto) - _HOUR, 0)
    source = _source(engine, ask, chosen, f"{within} and minute >= {{after:UInt32}}")
    values = {**chosen.values, **bounds, "after": after}
    rows = _page(engine, project, ask, source, values, limit=ask.limit, offset=ask.offset)
    is_all = after <= bounds.get("first", 0)
    return rows if len(rows) == ask.limit or is_all else None


def is_of_all(engine: Engine, project: str, ask: SpansAsk) -> bool:
    """Whether all spans of a project are asked for, or all calls of models: `count_spans` knows how many these are.

    A call inside another one is counted as one with it, and listed beside it.
    """
    all_spans = SpansAsk(ask.limit, ask.offset, ask.descending, content=ask.content)
    return ask == all_spans or (ask == replace(all_spans, type="GENERATION") and not has_tangled(engine, project))


def count_spans(engine: Engine, project: str, ask: SpansAsk) -> int:
    """All spans of a project, or all calls of models: these sums are kept."""
    column = "span_count" if ask.type is None else "model_calls"
    counted = f"select sum({column}) from {DATABASE}.sessions final where project = {{project:String}}"
    return int(engine.rows(counted, {"project": project})[0][0])


def count_spans_by_hour(engine: Engine, project: str, ask: SpansAsk) -> Sequence[Row]:
    """Hours since 1970 and how many of the spans asked for begin in each, in the order of the list."""
    chosen = _chosen(engine, project, ask)
    within, bounds = within_time(ask.since_ns, ask.until_ns)
    hour = f"intDiv(minute, {_HOUR})"
    return engine.rows(
        f"""{_front(ask)}select {hour}, count() {_source(engine, ask, chosen, within)}
        group by {hour} order by {hour} {"desc" if ask.descending else "asc"}""",
        {**chosen.values, **bounds},
    )


def _chosen(engine: Engine, project: str, ask: SpansAsk) -> Conditions:
    chosen = Conditions(project=project)
    chosen.add("project = {project:String}")
    if ask.session_id is not None:
        chosen.add("session = {session:String}", session=ask.session_id)
    if ask.since_ns is not None:
        chosen.add("start_ns >= {since:UInt64}", since=max(ask.since_ns, 0))
    if ask.until_ns is not None:
        chosen.add("start_ns <= {until:UInt64}", until=max(ask.until_ns, 0))
    if ask.type is not None:
        chosen.add({"GENERATION": GENERATION, "SPAN": f"not ({GENERATION})", "EVENT": "false"}[ask.type])
    if ask.status is not None:
        chosen.add("status = {status:UInt8}", status=_STATUS[ask.status])
    if ask.name:
        chosen.add("positionCaseInsensitiveUTF8(name, {name:String}) > 0", name=ask.name)
    if ask.model:
        chosen.add("positionCaseInsensitiveUTF8(model, {model:String}) > 0", model=ask.model)
    lasted = "end_ns != 0 and toInt64(end_ns) - toInt64(start_ns)"
    if ask.min_ms is not None:
        chosen.add(f"{lasted} >= {{shortest:Int64}} * 1000000", shortest=ask.min_ms)
    if ask.max_ms is not None:
        chosen.add(f"{lasted} <= {{longest:Int64}} * 1000000", longest=ask.max_ms)
    if filtered := searched(ask.search, ask.where):
        chosen.add_sql(compile_where(filtered, columns.spans_with(resources_for(engine, project, filtered))))
    return chosen


def _spoken(ask: SpansAsk) -> frozenset[str]:
    """The fields that a filter or a search speaks of."""
    sought = searched(ask.search, ask.where)
    return frozenset() if sought is None else fields_of(sought)


def _is_joined(ask: SpansAsk) -> bool:
    """Whether something asked for lies in other tables than that of spans."""
    return ask.session_id is not None or bool(_spoken(ask) & (columns.PLACED | columns.PRICED))


def _front(ask: SpansAsk) -> str:
    """What stands before a statement over `_source`."""
    named = ask.model is not None or "model" in _spoken(ask)
    return f"with {MODEL} as model " if named and not _is_joined(ask) else ""


def _source(engine: Engine, ask: SpansAsk, chosen: Conditions, within: str, traces: str = "true") -> str:
    """From which rows a page is taken; joined with other tables only when something asked for lies there.

    `traces` may say which rows of traces such a join needs.
    """
    if _is_joined(ask):
        spoken = _spoken(ask)
        placed, priced = ask.session_id is not None or bool(spoken & columns.PLACED), bool(spoken & columns.PRICED)
        return f"from ({steps(within, placed=placed, priced=priced, traces=traces)}) where {chosen}"
    # A select of all columns around this one takes longer to plan than a page takes to be read.
    newest = newest_rows(engine, chosen.values["project"])
    return f"from {DATABASE}.spans final where {chosen} and {newest} and ({within})"


def _whole_page(
    engine: Engine, project: str, ask: SpansAsk, chosen: Conditions, within: str, traces: str = "true"
) -> tuple[Sequence[Row], int]:
    """The page and the count in one pass, which holds the keys of all that fits: for a trace or a session."""
    source, values, front = _source(engine, ask, chosen, within, traces), chosen.values, _front(ask)
    keys, total = read_page(engine, _KEYS, source, _order(ask), values, limit=ask.limit, offset=ask.offset, front=front)
    return _by_keys(engine, project, keys, content=ask.content), total


def _page_of_index(
    engine: Engine, project: str, ask: SpansAsk, chosen: Conditions, within: str
) -> tuple[Sequence[Row], int]:
    """The page and the count in one pass, which holds no more keys than the page ends at."""
    # In the order of the list: turned over, the newest is the least. Numbers are not a caller's text.
    told = "bitNot(start_ns)" if ask.descending else "start_ns"
    # As one number: where many fit, sorting tuples takes ten times as long.
    key = f"bitShiftLeft(toUInt256({told}), 192) + reinterpretAsUInt256(reverse(concat(trace_id, span_id)))"
    keys = f"arraySlice(groupArraySorted({ask.offset + ask.limit})({key}), {ask.offset + 1})"
    source = _source(engine, ask, chosen, within)
    total, page = engine.rows(f"{_front(ask)}select count(), {keys} {source}", chosen.values)[0]
    found = [_unpacked(number, descending=ask.descending) for number in page]
    return _by_keys(engine, project, found, content=ask.content), total


def _unpacked(number: int, *, descending: bool) -> Row:
    """Minute, trace and span, out of a number of a start and the two ids."""
    packed = number.to_bytes(32, "big")
    told = int.from_bytes(packed[:8], "big")
    return minute_of(_LAST_NS - told if descending else told), packed[8:24], packed[24:]


def _page_of_hours(
    engine: Engine, project: str, ask: SpansAsk, chosen: Conditions, hours: Sequence[Row]
) -> Sequence[Row]:
    """The page out of the hours in which it lies, by how many spans each has."""
    before, upto = 0, ask.offset + ask.limit
    skip = ask.offset
    lies: list[int] = []
    for hour, count in hours:
        if before >= upto:
            break
        if before + count > ask.offset:
            if not lies:
                skip -= before
            lies.append(hour)
        before += count
    if not lies:
        return []
    source = _source(engine, ask, chosen, "minute >= {from:UInt32} and minute <= {to:UInt32}")
    bounds = {"from": min(lies) * _HOUR, "to": max(lies) * _HOUR + _HOUR - 1}
    return _page(engine, project, ask, source, {**chosen.values, **bounds}, limit=ask.limit, offset=skip)


def _page(
    engine: Engine, project: str, ask: SpansAsk, source: str, values: Mapping[str, Any], *, limit: int, offset: int
) -> Sequence[Row]:
    """A page of what `_source` says, in order."""
    at_once = limit + offset <= _DEEP and not _is_joined(ask)
    rows = engine.rows(
        f"""{_front(ask)}select {_told(ask.content) if at_once else _KEYS} {source}
        order by {_order(ask)} limit {{limit:UInt64}} offset {{offset:UInt64}}""",
        {**values, "limit": limit, "offset": offset},
    )
    return rows if at_once else _by_keys(engine, project, rows, content=ask.content)


def _told(content: bool) -> str:
    """`SPAN_COLUMNS`; without `content` that map is empty, and not read."""
    return ", ".join("map()" if one == "content" and not content else one for one in SPAN_COLUMNS)


def _order(ask: SpansAsk) -> str:
    return f"start_ns {'desc' if ask.descending else 'asc'}, trace_id, span_id"


def _by_keys(engine: Engine, project: str, keys: Sequence[Row], *, content: bool) -> Sequence[Row]:
    """Spans by minute, trace and span, in that order."""
    if not keys:
        return []
    listed = {
        "minutes": [minute for minute, _, _ in keys],
        "traces": [trace_id.hex() for _, trace_id, _ in keys],
        "spans": [span_id.hex() for _, _, span_id in keys],
    }
    # By their whole keys, so that of a granule nothing but these is unpacked. Without `final`, which would unpack all.
    rows = engine.rows(
        f"""select {_told(content)}, version from {DATABASE}.spans
        where project = {{project:String}} and (minute, trace_id, span_id) in (
            select arrayJoin(arrayZip({{minutes:Array(UInt32)}},
                arrayMap(id -> toFixedString(unhex(id), 16), {{traces:Array(String)}}),
                arrayMap(id -> toFixedString(unhex(id), 8), {{spans:Array(String)}}))))""",
        {"project": project, **listed},
    )
    found = {(row[0], row[1]): row[:-1] for row in newest_of(rows)}
    # What was erased since its key was read is not there any more.
    return [found[trace_id, span_id] for _, trace_id, span_id in keys if (trace_id, span_id) in found]


def belonging(engine: Engine, project: str, rows: Sequence[Row]) -> Iterator[tuple[bytes, bytes]]:
    """Session (empty when it has none) and user of each span: those of its trace where it names none itself."""
    nameless = sorted({row[0].hex() for row in rows if not (row[_SESSION] and row[_USER])})
    traces: dict[bytes, Row] = {}
    places: dict[tuple[bytes, bytes], Row] = {}
    if nameless:
        asked = {"project": project, "traces": nameless}
        for trace_id, *told in engine.rows(
            f"""select trace_id, argMax(session_id, version), max(version), argMinIf(user_id, start_ns, user_id != '')
            from {DATABASE}.traces final where project = {{project:String}} and {_THESE} group by trace_id
            settings use_skip_indexes_if_final_exact_mode = 0""",
            asked,
        ):
            traces[trace_id] = tuple(told)
        for trace_id, span_id, *told in engine.rows(
            f"""select trace_id, span_id, session_id, version from {DATABASE}.places final
            where project = {{project:String}} and {_THESE}""",
            asked,
        ):
            places[trace_id, span_id] = tuple(told)
    for row in rows:
        of_trace, latest, user = traces.get(row[0], (b"", 0, b""))
        placed, at = places.get((row[0], row[1]), (b"", -1))
        session = row[_SESSION] or (placed if at == latest else b"") or of_trace
        # That of a trace without one is the trace's own id.
        yield (b"" if session == row[0].hex().encode() else session), row[_USER] or user


def read_users(engine: Engine, project: str, traces: Sequence[str]) -> dict[bytes, bytes]:
    """The users of some traces, as their first spans that name one do; empty where none does."""
    rows = engine.rows(
        f"""select trace_id, argMinIf(user_id, start_ns, user_id != '') from {DATABASE}.traces final
        where project = {{project:String}} and {_THESE} group by trace_id
        settings use_skip_indexes_if_final_exact_mode = 0""",
        {"project": project, "traces": list(traces)},
    )
    return dict(rows)


def find_traces_of_span(engine: Engine, project: str, span_id: bytes, session_id: str | None = None) -> list[bytes]:
    """The traces that have a span of this id, newest first: as a rule one; with `session_id` those that it has."""
    where = Conditions(project=project, span=span_id.hex())
    where.add("project = {project:String} and span_id = toFixedString(unhex({span:String}), 8)")
    if session_id is not None:
        where.add(_OF_SESSION, session=session_id)
    rows = engine.rows(
        f"select trace_id from {DATABASE}.spans where {where} group by trace_id order by max(version) desc",
        where.values,
    )
    return [trace_id for (trace_id,) in rows]
