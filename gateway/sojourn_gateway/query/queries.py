"""Everything that is read: the only door of APIs, pages and commands to what is stored."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.engine import reading
from sojourn_gateway.engine.rollup import SUMS
from sojourn_gateway.engine.values import parsed_object, text
from sojourn_gateway.model.facts import StoreFacts
from sojourn_gateway.model.page import Page
from sojourn_gateway.model.session import Session, SessionSummary
from sojourn_gateway.model.trace import Trace, TracesAsk, TraceSummary
from sojourn_gateway.model.usage import Cost, Tokens
from sojourn_gateway.query.spans import spans_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sojourn_gateway.engine import Engine
    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.model.session import EndState, SessionsAsk
    from sojourn_gateway.model.span import Json, Span, Status

__all__ = ["Queries"]

_SILENCE_NS: Final = 30 * 60 * 1_000_000_000
"""A session that nobody ended and nobody heard of for this long is taken for dead."""
_SETTLE_S: Final = 3.0
"""The longest that a question waits to see what was just acknowledged; under steady load it does not wait."""

_STATUS: tuple[Status, ...] = ("unset", "ok", "error")


class Queries:
    """Questions about one store; any thread may ask. Ids of another project answer as unknown."""

    def __init__(self, engine: Engine, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        """Read from `engine`, which stays the caller's. `now_ns` decides which open sessions have fallen silent."""
        self._engine = engine
        self._now_ns = now_ns

    def sessions(self, project: str, ask: SessionsAsk) -> Page[SessionSummary]:
        """A page of sessions. `total` is exact; equal keys are in order of id."""
        self._settle()
        rows, total = reading.list_sessions(self._engine, project, ask, self._silent_before_ns)
        return Page(tuple(self._summary(row) for row in rows), total, ask.limit, ask.offset)

    def session(self, project: str, session_id: str) -> Session | None:
        """A session with its spans; None when the project has none of that id."""
        self._settle()
        row = reading.find_session(self._engine, project, session_id)
        if row is None:
            return None
        host, metadata = self._facts_of(project, session_id)
        traces = reading.traces_of_session(self._engine, project, session_id)
        spans = self._spans_in(project, session_id, traces)
        return Session(self._summary(row), tuple(spans), host, metadata)

    def session_traces(self, project: str, session_id: str, limit: int, offset: int) -> Page[Trace]:
        """The traces of a session with their spans in it, oldest first; sums are of those spans."""
        ask = TracesAsk(limit=limit, offset=offset, session_id=session_id, sort_by="start_time", descending=False)
        page = self.traces(project, ask)
        by_trace: dict[str, list[Span]] = {summary.id: [] for summary in page.items}
        for span in self._spans_in(project, session_id, [bytes.fromhex(one.id) for one in page.items]):
            by_trace[span.trace_id].append(span)
        items = tuple(Trace(summary, tuple(by_trace[summary.id])) for summary in page.items)
        return Page(items, page.total, limit, offset)

    def traces(self, project: str, ask: TracesAsk) -> Page[TraceSummary]:
        """A page of traces; with a session asked for, sums are of the spans in it."""
        self._settle()
        rows, total = reading.list_traces(self._engine, project, ask)
        return Page(self._trace_summaries(project, rows), total, ask.limit, ask.offset)

    def trace(self, project: str, trace_id: str) -> Trace | None:
        """A trace with its spans; None when the project has none of that id (32 hexadecimal digits)."""
        found = _id(trace_id, 16)
        if found is None:
            return None
        self._settle()
        row = reading.read_trace(self._engine, project, found)
        if row is None:
            return None
        spans = spans_of(reading.read_spans(self._engine, project, [found]))
        return Trace(self._trace_summaries(project, [row])[0], tuple(spans))

    def span(self, project: str, trace_id: str, span_id: str) -> Span | None:
        """A span; None when the project has none of these ids."""
        found = _id(trace_id, 16)
        if found is None:
            return None
        self._settle()
        # The whole trace, since a span's session may be an ancestor's.
        spans = spans_of(reading.read_spans(self._engine, project, [found]))
        return next((span for span in spans if span.span_id == span_id.lower()), None)

    def facts(self, project: str) -> StoreFacts:
        """How much is kept, and what it lacks."""
        self._settle()
        sessions, traces, spans, logs, received = reading.count_store(self._engine, project)
        return StoreFacts(
            sessions=sessions,
            traces=traces,
            spans=spans or 0,
            logs=logs,
            last_received_ns=received or None,
            unpriced_models=tuple(reading.unpriced_models(self._engine, project)),
        )

    def _settle(self) -> None:
        self._engine.settle(_SETTLE_S, patient=False)

    @property
    def _silent_before_ns(self) -> int:
        return max(self._now_ns() - _SILENCE_NS, 0)

    def _spans_in(self, project: str, session_id: str, traces: list[bytes]) -> list[Span]:
        if not traces:
            return []
        spans = spans_of(reading.read_spans(self._engine, project, traces))
        return [span for span in spans if (span.session_id or span.trace_id) == session_id]

    def _facts_of(self, project: str, session_id: str) -> tuple[Mapping[str, Json], Mapping[str, Json]]:
        """The host that started a session, and its metadata: of a key that came twice, the last."""
        host: Mapping[str, Json] = {}
        metadata: dict[str, Json] = {}
        for told, more in reading.read_session_events(self._engine, project, session_id):
            host = host or parsed_object(text(told))
            metadata.update((text(key), text(value)) for key, value in more.items())
        return host, metadata

    def _summary(self, row: Row) -> SessionSummary:
        session_id, name, state, reason, tags, implicit, heard_ns, trace_count, *sums = row
        told = dict[str, Any](zip(SUMS, sums, strict=True))
        ended = text(state)
        silent = not ended and heard_ns < self._silent_before_ns
        return SessionSummary(
            id=text(session_id),
            name=text(name),
            start_ns=told["start_ns"],
            end_ns=told["end_ns"],
            state=_state(ended, silent=silent),
            reason="nothing was heard of it for 30 minutes" if silent else text(reason),
            user_id=text(told["user_id"]),
            tags=tuple(map(text, tags)),
            trace_count=trace_count,
            span_count=told["span_count"],
            model_calls=told["model_calls"],
            tool_calls=told["tool_calls"],
            actions=told["actions"],
            errors=told["errors"],
            tokens=_tokens(told),
            cost=_cost(told),
            models=tuple(map(text, told["models"])),
            process_count=len(told["processes"]),
            implicit=bool(implicit),
            first_input=text(told["first_input"]) or None,
            last_output=text(told["last_output"]) or None,
        )

    def _trace_summaries(self, project: str, rows: Sequence[Row]) -> tuple[TraceSummary, ...]:
        sessions = {text(one) for row in rows for one in row[3]}
        tags = reading.read_session_tags(self._engine, project, sessions) if sessions else {}
        return tuple(_trace_summary(row, tags) for row in rows)


def _trace_summary(row: Row, tags: Mapping[str, tuple[str, ...]]) -> TraceSummary:
    trace_id, name, status, session_ids, *sums = row
    told = dict[str, Any](zip(SUMS, sums, strict=True))
    sessions = tuple(sorted(map(text, session_ids)))
    return TraceSummary(
        id=trace_id.hex(),
        name=text(name),
        status=_STATUS[int(status)],
        start_ns=told["start_ns"],
        end_ns=told["end_ns"],
        span_count=told["span_count"],
        errors=told["errors"],
        model_calls=told["model_calls"],
        tool_calls=told["tool_calls"],
        tokens=_tokens(told),
        cost=_cost(told),
        session_ids=sessions,
        user_id=text(told["user_id"]),
        tags=tuple(dict.fromkeys(tag for session in sessions for tag in tags.get(session, ()))),
        input_preview=text(told["first_input"]) or None,
        output_preview=text(told["last_output"]) or None,
    )


def _state(ended: str, *, silent: bool) -> EndState:
    match ended:
        case "Success" | "Fail" | "Indeterminate":
            return ended
        case _:
            return "Indeterminate" if silent else "open"


def _tokens(told: Mapping[str, Any]) -> Tokens:
    return Tokens(
        input=told["input_tokens"],
        output=told["output_tokens"],
        cache_read=told["cache_read"],
        cache_write=told["cache_write"],
        reasoning=told["reasoning"],
    )


def _cost(told: Mapping[str, Any]) -> Cost:
    return Cost(
        usd=told["cost"].normalize() if told["priced"] else None, unpriced=told["unpriced"], partial=told["partial"]
    )


def _id(hexadecimal: str, size: int) -> bytes | None:
    try:
        found = bytes.fromhex(hexadecimal)
    except ValueError:
        return None
    return found if len(found) == size else None
