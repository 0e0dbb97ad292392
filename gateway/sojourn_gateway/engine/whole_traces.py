"""Traces as they are listed. One with spans in several sessions has a row in each: these are put together."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.engine.bound import ids_in
from sojourn_gateway.engine.remembered import Remembered
from sojourn_gateway.engine.rollup import SUMS
from sojourn_gateway.engine.tables import DATABASE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.engine.engine import Engine

__all__ = ["COUNTED", "MOST_SHARED", "ROW_COLUMNS", "alone", "put_together", "shared_traces", "together"]

ROW_COLUMNS: Final = ("trace_id", "name", "status", "session_id", "implicit", "service", "tags", *SUMS)
"""What is read of a row of a trace, in the order that `put_together` takes."""

_ADDED: Final = SUMS[2:16]
_FAILED: Final = 2
MOST_SHARED: Final = 1000
"""More traces in several sessions than this are not told apart from the others: then all rows are grouped."""
COUNTED: Final = ("ok_spans", "failed_spans", "ok_tokens", "failed_tokens", "asked_price", "whole_price")
"""What only sums over many traces ask for."""
_TOLD: Final = ", ".join(("trace_id", "name", "status", "session_ids", "rows_in", "tags", "end_state", *SUMS, *COUNTED))
_IDS: Final = ids_in("shared")


def alone(condition: str) -> str:
    """A select of traces, one a row: right where no trace has several rows.

    Beside `SUMS` and `COUNTED` it has the sessions, the tags, and how the root said that it ended.
    """
    return f"""
    select trace_id, name, status, if(implicit, [], [session_id]) as session_ids, [session_id] as rows_in, tags,
        end_state, {", ".join((*SUMS, *COUNTED))}
    from {DATABASE}.traces final where project = {{project:String}} and {condition}"""


def together(engine: Engine, project: str, condition: str) -> tuple[str, dict[str, Any]]:
    """The same with those in several sessions put together, and the values that it binds beyond the condition's.

    Grouping all rows costs more than all else of a list, and hardly a trace needs it. Which ones do is known from
    where their spans were placed.
    """
    shared = shared_traces(engine, project)
    if not shared:
        return alone(condition), {}
    if len(shared) > MOST_SHARED:
        return _grouped(condition), {}
    both = f"""
    select {_TOLD} from ({alone(f"{condition} and trace_id not in {_IDS}")})
    union all select {_TOLD} from ({_grouped(f"{condition} and trace_id in {_IDS}")})"""
    return both, {"shared": list(shared)}


def shared_traces(engine: Engine, project: str) -> Sequence[str]:
    """The traces that have rows in several sessions; of very many, one more than are told apart."""
    return _SHARED.of(engine, project)


def _find_shared(engine: Engine, project: str) -> Sequence[str]:
    rows = engine.rows(
        f"""select trace_id from {DATABASE}.places final where project = {{project:String}}
        group by trace_id having min(session_id) != max(session_id) limit {MOST_SHARED + 1}""",
        {"project": project},
    )
    return tuple(trace_id.hex() for (trace_id,) in rows)


_SHARED: Final = Remembered(_find_shared)


def put_together(rows: Iterable[Row]) -> dict[bytes, Row]:
    """Rows of traces, `ROW_COLUMNS` each, as traces: id, name, status, sessions, service, tags and `SUMS`, by id."""
    in_order = sorted(rows, key=itemgetter(0))
    return {trace_id: _whole(list(members)) for trace_id, members in groupby(in_order, key=itemgetter(0))}


def _whole(rows: Sequence[Row]) -> Row:
    if len(rows) == 1:
        trace_id, name, status, session_id, implicit, *more = rows[0]
        return (trace_id, name, status, [] if implicit else [session_id], *more)
    told = [dict[str, Any](zip(ROW_COLUMNS, row, strict=True)) for row in rows]
    told.sort(key=itemgetter("start_ns", "session_id"))
    by_end = sorted(told, key=itemgetter("end_ns"), reverse=True)
    whole = {name: sum(one[name] for one in told) for name in _ADDED} | {
        "start_ns": told[0]["start_ns"],
        "end_ns": by_end[0]["end_ns"],
        "models": sorted({model for one in told for model in one["models"]}),
        "processes": sorted({process for one in told for process in one["processes"]}),
        "user_id": _first(told, "user_id"),
        "first_input": _first(told, "first_input"),
        "last_output": _first(by_end, "last_output"),
        "last_error": _first(by_end, "last_error"),
    }
    sessions = [one["session_id"] for one in told if not one["implicit"]]
    # That of its root, when this says anything; else a failure anywhere is one of the whole.
    status = told[0]["status"] or (_FAILED if whole["errors"] else 0)
    tags = sorted({tag for one in told for tag in one["tags"]})
    of_root = (told[0]["trace_id"], told[0]["name"], status, sessions, told[0]["service"])
    return (*of_root, tags, *(whole[name] for name in SUMS))


def _first(told: Iterable[dict[str, Any]], name: str) -> Any:
    return next((one[name] for one in told if one[name]), b"")


def _grouped(condition: str) -> str:
    added = ", ".join(f"sum(t.{name}) as {name}" for name in (*_ADDED, *COUNTED))
    return f"""
    select trace_id, argMin(t.name, (t.start_ns, session_id)) as name,
        argMin(t.status, (t.start_ns, session_id)) as of_root,
        if(of_root != 0, of_root, if(sum(t.errors) > 0, 2, 0)) as status,
        groupArrayIf(session_id, not implicit) as session_ids,
        groupArray(session_id) as rows_in, arraySort(groupUniqArrayArray(t.tags)) as tags,
        argMinIf(t.end_state, (t.start_ns, session_id), t.end_state != '') as end_state,
        min(t.start_ns) as start_ns, max(t.end_ns) as end_ns, {added},
        arraySort(groupUniqArrayArray(t.models)) as models, groupUniqArrayArray(t.processes) as processes,
        argMinIf(t.user_id, t.start_ns, t.user_id != '') as user_id,
        argMinIf(t.first_input, t.start_ns, t.first_input != '') as first_input,
        argMaxIf(t.last_output, t.end_ns, t.last_output != '') as last_output,
        argMaxIf(t.last_error, t.end_ns, t.last_error != '') as last_error
    from {DATABASE}.traces as t final where project = {{project:String}} and {condition}
    group by trace_id"""
