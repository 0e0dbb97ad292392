"""Questions about a session at a glance: all its steps in brief, and in full those that a page shows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sojourn_gateway.engine import glances
from sojourn_gateway.engine.outlines import read_spans_by_key
from sojourn_gateway.engine.places import Node, place
from sojourn_gateway.engine.values import text
from sojourn_gateway.model.glance import Glance
from sojourn_gateway.query.spans import spans_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sojourn_gateway.engine import Engine
    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.model.span import Span, Status

__all__ = ["Glances"]

_STATUS: Final[tuple[Status, ...]] = ("unset", "ok", "error")
_NONE: Final = bytes(8)


class Glances:
    """Questions about one store; any thread may ask."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, project: str, session_id: str, *, decided: bool = False, find: str = "") -> tuple[Glance, ...]:
        """All steps of a session, by start; of those that start together the longest first.

        With `find` each says whether that text stands in it, with `decided` whether it tells a decision.
        """
        rows = glances.read_glances(self._engine, project, session_id, decided=decided, find=find)
        sessions = _sessions((row[0], row[1], row[2], row[3], row[8]) for row in rows)
        found = (_glance(row) for row in rows if (sessions[row[0], row[1]] or row[0].hex()) == session_id)
        return tuple(sorted(found, key=_by_start))

    def spans(self, project: str, session_id: str, steps: Iterable[Glance]) -> dict[tuple[str, str], Span]:
        """Some steps of a session in full, by trace and span."""
        return self._read(session_id, read_spans_by_key(self._engine, project, _keys(steps)))

    def lines(self, project: str, session_id: str, steps: Iterable[Glance]) -> dict[tuple[str, str], Span]:
        """As `spans`, without what was said, resource, events and links."""
        return self._read(session_id, glances.read_lines(self._engine, project, _keys(steps)))

    def span(self, project: str, trace_id: str, span_id: str) -> Span | None:
        """One step in full, by its ids in lowercase hexadecimal; None when the project has none of them."""
        row = glances.read_span(self._engine, project, trace_id, span_id)
        if row is None:
            return None
        (span,) = spans_of([row], self._engine.price)
        if span.session_id is not None:
            return span
        # Its session may be an ancestor's, or that of another step of the trace.
        places = _sessions(glances.read_trace_places(self._engine, project, trace_id))
        return replace(span, session_id=places.get((row[0], row[1])) or None)

    def _read(self, session_id: str, rows: Sequence[Row]) -> dict[tuple[str, str], Span]:
        spans = spans_of(rows, self._engine.price)
        return {(span.trace_id, span.span_id): replace(span, session_id=session_id) for span in spans}


def _keys(steps: Iterable[Glance]) -> list[tuple[str, str, int]]:
    return [(step.trace_id, step.span_id, step.start_ns) for step in steps]


def _sessions(rows: Iterable[tuple[bytes, bytes, bytes, bytes, int]]) -> Mapping[tuple[bytes, bytes], str]:
    """The session of each span of whole traces, empty where nothing tells one; by trace and span.

    Each row: trace, span, parent, session and start.
    """
    by_trace: dict[bytes, list[tuple[bytes, bytes, bytes, bytes, int]]] = {}
    for row in rows:
        by_trace.setdefault(row[0], []).append(row)
    found: dict[tuple[bytes, bytes], str] = {}
    for trace_id, own in by_trace.items():
        told = {row[3] for row in own if row[3]}
        if len(told) < 2:
            # Of a trace in one session nobody's ancestors need be looked up.
            session_id = text(next(iter(told), b""))
            found.update(((trace_id, row[1]), session_id) for row in own)
            continue
        nodes = [Node(row[1], row[2], text(row[3]), row[4], calls=False, usage=False) for row in own]
        places = place(nodes)
        found.update(((trace_id, row[1]), places[row[1]].session_id) for row in own)
    return found


def _glance(row: Row) -> Glance:
    trace_id, span_id, parent_id, _, name, step, model, call_id, start_ns, end_ns, status, decided, found = row
    return Glance(
        trace_id.hex(),
        span_id.hex(),
        None if parent_id == _NONE else parent_id.hex(),
        text(name),
        text(step),
        text(model),
        text(call_id),
        start_ns,
        end_ns or None,
        _STATUS[status],
        bool(decided),
        bool(found),
    )


def _by_start(step: Glance) -> tuple[int, int, str, str]:
    # What has not ended lasts longest.
    return step.start_ns, -(step.end_ns or 2**64), step.trace_id, step.span_id
