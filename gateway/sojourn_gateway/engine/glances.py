"""Sessions at a glance: all steps by a few narrow columns, then those in full, or nearly, that a page shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sojourn import semconv
from sojourn_gateway.engine.outlines import BARE, read_spans_by_key
from sojourn_gateway.engine.reading import SPAN_COLUMNS, newest_of
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.where import spellings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.engine.engine import Engine

__all__ = ["GLANCE_COLUMNS", "read_glances", "read_lines", "read_span", "read_trace_places"]

GLANCE_COLUMNS: Final = (
    "trace_id",
    "span_id",
    "parent_id",
    "session_id",
    "name",
    "step",
    "model",
    "tool_call_id",
    "start_ns",
    "end_ns",
    "status",
    "decided",
    "found",
)
"""The columns of `read_glances`, in order."""

_DECIDED: Final = (
    f"a_s['{semconv.KIND}'] in ('decision', 'handoff', 'guardrail', 'state_change', 'response')"
    " and step not in ('model', 'tool')"
)
_WORDS: Final = "[toString(name), toString(tool_name), status_message, toString(error_type), toString(response_model)]"
_SAID: Final = (_WORDS, "mapValues(content)", "mapValues(a_s)")
_OF_SESSION: Final = f"""trace_id in (
    select trace_id from {DATABASE}.traces where project = {{project:String}} and session_id = {{session:String}})"""
_OF_TRACE: Final = "trace_id = toFixedString(unhex({trace:String}), 16)"
_MOST_WORDS: Final = 400

# What a line of the timeline tells does not need what was said, except of an answer, which is its sentence.
_LEAN: Final = {
    **BARE,
    "content": f"mapApply((k, v) -> (k, substringUTF8(v, 1, {_MOST_WORDS})), "
    f"mapFilter((k, v) -> k = '{semconv.OUTPUT}', content))",
}


def _within(traces: str) -> str:
    return f"""from {DATABASE}.spans
        where project = {{project:String}} and (minute, trace_id) in (
            select minute, trace_id from {DATABASE}.trails where project = {{project:String}} and {traces})"""


def _found(ways: int) -> str:
    stands = " or ".join(f"positionCaseInsensitiveUTF8(one, {{find{at}:String}}) > 0" for at in range(ways))
    return " or ".join(f"arrayExists(one -> {stands}, {told})" for told in _SAID)


def read_glances(
    engine: Engine, project: str, session_id: str, *, decided: bool = False, find: str = ""
) -> Iterable[Row]:
    """`GLANCE_COLUMNS` of all spans of the traces that have any in a session, those in other sessions too.

    In no order. `decided` and `found` are told where they are asked for.
    """
    ways = spellings(find)
    told = {
        "model": "if(response_model != '', response_model, request_model)",
        "decided": _DECIDED if decided else "false",
        "found": _found(len(ways)) if find else "true",
    }
    values: dict[str, Any] = {"project": project, "session": session_id}
    if find:
        values.update((f"find{at}", way) for at, way in enumerate(ways))
    columns = ", ".join(told.get(name, name) for name in GLANCE_COLUMNS)
    # Of copies of one span the newest is chosen here: see `reading`.
    return [row[:-1] for row in newest_of(engine.rows(f"select {columns}, version {_within(_OF_SESSION)}", values))]


def read_trace_places(engine: Engine, project: str, trace_id: str) -> Iterable[Row]:
    """Trace, span, parent, session and start of all spans of a trace, given in hexadecimal."""
    rows = engine.rows(
        f"select trace_id, span_id, parent_id, session_id, start_ns, version {_within(_OF_TRACE)}",
        {"project": project, "trace": trace_id},
    )
    return [row[:-1] for row in newest_of(rows)]


def read_span(engine: Engine, project: str, trace_id: str, span_id: str) -> Row | None:
    """`SPAN_COLUMNS` of one span, its ids given in hexadecimal; None when the project has none of them."""
    rows = engine.rows(
        f"""select {", ".join(SPAN_COLUMNS)} {_within(_OF_TRACE)} and span_id = toFixedString(unhex({{span:String}}), 8)
        order by version desc limit 1""",
        {"project": project, "trace": trace_id, "span": span_id},
    )
    return rows[0] if rows else None


def read_lines(engine: Engine, project: str, keys: Iterable[tuple[str, str, int]]) -> Sequence[Row]:
    """As `read_spans_by_key`, without what was said, resource, events and links, which may be long."""
    return read_spans_by_key(engine, project, keys, lean=_LEAN)
