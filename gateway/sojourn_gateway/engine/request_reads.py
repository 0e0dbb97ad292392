"""A few requests whole: the rows of their traces and of what was gathered of them, put together.

That is done here and not by the engine: planning the statement that does it costs more than all that it reads.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.engine.bound import ids_in
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.values import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.engine.engine import Engine

__all__ = ["Told", "read_facts", "read_requests"]

Told = dict[str, Any]
"""Of a trace, by the names of columns."""

_TRACE: Final = (
    "trace_id",
    "session_id",
    "version",
    "gone",
    "implicit",
    "start_ns",
    "end_ns",
    "status",
    "input_tokens",
    "output_tokens",
    "cost",
    "priced",
    "last_error",
)
_SAID: Final = (
    "org",
    "app",
    "deployment",
    "env",
    "trigger",
    "method",
    "url",
    "origin",
    "route",
    "metadata",
    "user_data",
)
"""What the strongest span of a trace says that says it."""
_FACT: Final = (
    "trace_id",
    "span_id",
    "version",
    "role",
    "start_ns",
    "end_ns",
    "own_id",
    "failed",
    "error",
    "devmode",
    "identifiers",
    "names",
    "agent_ids",
    *_SAID,
)
_THESE: Final = ids_in("traces")
_RANKS: Final = {b"record": 0, b"root": 1, b"top": 2}
_JUDGING: Final = (b"eval", b"evaluated")
"""What is told of evaluations says nothing of the request."""
_FAILED: Final = 2


def read_requests(
    engine: Engine, project: str, own: str, traces: Sequence[str], sessions: Sequence[bytes] = ()
) -> list[Told]:
    """What is known of some traces as requests, in no order; of those that there are.

    `sessions` are those that all their rows lie under, if that is known: it spares a search.
    """
    if not traces:
        return []
    # By the bytes of a session's id, which need not be UTF-8.
    lies = "session_id in (select unhex(arrayJoin({sessions:Array(String)}))) and " if sessions else ""
    # Without `final`, which would read every row that lies beside these.
    rows = engine.rows(
        f"""select {", ".join(_TRACE)} from {DATABASE}.traces
        where project = {{project:String}} and {lies}trace_id in {_THESE}""",
        {"project": project, "traces": list(traces), "sessions": [one.hex() for one in sessions]},
    )
    facts = read_facts(engine, project, traces)
    newest = {(row[0], row[1]): row for row in sorted(rows, key=itemgetter(2))}
    kept = sorted((_told(_TRACE, row) for row in newest.values() if not row[3]), key=_trace)
    return [
        _request(trace_id, own, list(members), facts.get(trace_id, {}))
        for trace_id, members in groupby(kept, key=_trace)
    ]


def read_facts(engine: Engine, project: str, traces: Sequence[str]) -> dict[bytes, Told]:
    """What was gathered of some traces, by their ids; of those of which there is anything."""
    if not traces:
        return {}
    rows = engine.rows(
        f"""select {", ".join(_FACT)} from {DATABASE}.requests
        where project = {{project:String}} and trace_id in {_THESE}""",
        {"project": project, "traces": list(traces)},
    )
    newest = {(row[0], row[1]): row for row in sorted(rows, key=itemgetter(2))}
    kept = sorted((_told(_FACT, row) for row in newest.values() if row[3] not in _JUDGING), key=_trace)
    return {trace_id: _facts(members) for trace_id, members in groupby(kept, key=_trace)}


def _facts(rows: Iterable[Told]) -> Told:
    told = sorted(rows, key=lambda one: (_RANKS.get(one["role"], 3), one["start_ns"], one["span_id"]))
    by_hand = [one for one in told if one["role"] == b"record"]
    tops = [one for one in told if one["role"] in (b"root", b"top")]
    return {
        **{name: next((text(one[name]) for one in told if one[name]), "") for name in _SAID},
        **{name: [text(each) for one in told for each in one[name]] for name in ("identifiers", "names", "agent_ids")},
        "devmode": next((one["devmode"] for one in told if one["devmode"] >= 0), 0) == 1,
        "recorded": bool(by_hand),
        "own_id": text(by_hand[0]["own_id"]) if by_hand else "",
        "told_end": max((one["end_ns"] for one in by_hand), default=0),
        "told_failed": any(one["failed"] for one in by_hand),
        "told_error": text(by_hand[0]["error"]) if by_hand else "",
        "has_top": bool(tops),
        "open": any(one["end_ns"] == 0 for one in tops),
        "served_until": tops[0]["end_ns"] if tops and tops[0]["role"] == b"root" else 0,
        "said": text(tops[0]["error"]) if tops else "",
        "ended": any(one["role"] == b"end" for one in told),
    }


def _request(trace_id: bytes, own: str, rows: list[Told], said: Told) -> Told:
    facts = {**_NOTHING, **said}
    rows.sort(key=itemgetter("start_ns", "session_id"))
    by_end = sorted(rows, key=itemgetter("end_ns", "session_id"), reverse=True)
    heard = by_end[0]["end_ns"]
    told_end = facts["told_end"]
    unanswered = facts["open"] if facts["has_top"] else facts["recorded"] and not facts["ended"]
    pending = unanswered and not told_end
    went_well = not facts["told_failed"] if told_end else rows[0]["status"] != _FAILED
    error = ""
    if not pending and not went_well:
        trouble = (
            "" if facts["recorded"] else next((text(one["last_error"]) for one in by_end if one["last_error"]), "")
        )
        error = facts["told_error"] or facts["said"] or trouble
    return {
        **facts,
        "trace_id": trace_id,
        "begun": rows[0]["start_ns"],
        "heard": heard,
        "app": facts["app"] or own,
        "env": facts["env"] or "production",
        "trigger": facts["trigger"] or ("api" if facts["method"] else "manual"),
        "conversation": next((text(one["session_id"]) for one in rows if not one["implicit"]), ""),
        "tokens_in": sum(one["input_tokens"] for one in rows),
        "tokens_out": sum(one["output_tokens"] for one in rows),
        "dollars": float(sum(one["cost"] for one in rows)) if any(one["priced"] for one in rows) else None,
        "pending": pending,
        "over": facts["served_until"] or told_end or heard,
        "success": went_well and not pending,
        "error": error,
    }


def _told(columns: Sequence[str], row: Row) -> Told:
    return dict(zip(columns, row, strict=True))


def _trace(told: Told) -> bytes:
    trace_id: bytes = told["trace_id"]
    return trace_id


_NOTHING: Final = _facts(())
