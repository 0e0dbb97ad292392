"""Everything that is read: the only door of APIs, pages and commands to what is stored."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.engine import listing, log_lines, reading
from sojourn_gateway.engine import scores as scoring
from sojourn_gateway.engine.rollup import SUMS
from sojourn_gateway.engine.session_steps import find_trace
from sojourn_gateway.engine.values import parsed_object, text
from sojourn_gateway.model.facts import StoreFacts
from sojourn_gateway.model.page import Page
from sojourn_gateway.model.session import Attachment, Session, SessionSummary
from sojourn_gateway.model.trace import Trace, TracesAsk, TraceSummary
from sojourn_gateway.model.usage import Cost, Tokens
from sojourn_gateway.query.beside import Beside
from sojourn_gateway.query.experiments import Experiments
from sojourn_gateway.query.glances import Glances
from sojourn_gateway.query.happenings import Happenings
from sojourn_gateway.query.listed import list_spans
from sojourn_gateway.query.logs import line_of
from sojourn_gateway.query.metric_points import read_points
from sojourn_gateway.query.metrics import read_metrics
from sojourn_gateway.query.outlines import Outlines
from sojourn_gateway.query.requests import Requests
from sojourn_gateway.query.scores import score_of, summary_of
from sojourn_gateway.query.session_steps import SessionSteps
from sojourn_gateway.query.spans import spans_of
from sojourn_gateway.query.totals import cost_parts, read_totals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from sojourn_gateway.engine import Engine
    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.model.glance import Glance
    from sojourn_gateway.model.log import LinesAsk, LogLine, LogsAsk
    from sojourn_gateway.model.metric_point import MetricPoint, PointsAsk
    from sojourn_gateway.model.metrics import Metrics, MetricsAsk
    from sojourn_gateway.model.score import Score, ScoresAsk, ScoreSummary
    from sojourn_gateway.model.session import EndState, SessionsAsk
    from sojourn_gateway.model.span import Json, Span, Status
    from sojourn_gateway.model.spans_ask import SpansAsk
    from sojourn_gateway.model.totals import Totals, TotalsAsk

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
        self._beside = Beside()
        self.experiments = Experiments(engine, self)
        self.requests = Requests(engine)
        self.session_steps = SessionSteps(engine, self._settle)
        self.outlines = Outlines(engine, now_ns=now_ns, beside=self._beside)
        self.glances = Glances(engine)
        self.happenings = Happenings(engine, self._settle, now_ns=now_ns)

    def sessions(self, project: str, ask: SessionsAsk) -> Page[SessionSummary]:
        """A page of sessions. `total` is exact; equal keys are in order of id."""
        self._settle()
        rows, total = reading.list_sessions(self._engine, project, ask, self._silent_before_ns, self._beside)
        return Page(tuple(self._summary(row) for row in rows), total, ask.limit, ask.offset)

    def session(self, project: str, session_id: str) -> Session | None:
        """A session with its spans; None when the project has none of that id."""
        self._settle()
        spans, row, facts = self._beside.ask(
            lambda: tuple(self._members(session_id, reading.read_session_spans(self._engine, project, session_id))),
            lambda: reading.find_session(self._engine, project, session_id),
            lambda: reading.read_session_events(self._engine, project, session_id),
        )
        if row is None:
            return None
        return _with_facts(Session(self._summary(row), spans, host={}, metadata={}), facts)

    def session_at_a_glance(
        self, project: str, session_id: str, *, decided: bool = False, find: str = ""
    ) -> tuple[Session, tuple[Glance, ...]] | None:
        """A session with all that was told of it, and its steps in brief; None when the project has none of that id."""
        self._settle()
        steps, row, facts = self._beside.ask(
            lambda: self.glances.of(project, session_id, decided=decided, find=find),
            lambda: reading.find_session(self._engine, project, session_id),
            lambda: reading.read_session_events(self._engine, project, session_id),
        )
        return (
            None if row is None else (_with_facts(Session(self._summary(row), (), host={}, metadata={}), facts), steps)
        )

    def session_facts(self, project: str, session_id: str) -> Session | None:
        """A session with all that was told of it, without its spans; None when the project has none of that id."""
        summary = self.session_summary(project, session_id)
        return None if summary is None else self.with_facts(project, summary)

    def with_facts(self, project: str, summary: SessionSummary) -> Session:
        """The session of a summary with all that was told of it, without its spans."""
        facts = reading.read_session_events(self._engine, project, summary.id)
        return _with_facts(Session(summary, (), host={}, metadata={}), facts)

    def session_summary(self, project: str, session_id: str) -> SessionSummary | None:
        """A session's line of the list, without reading its spans; None when the project has none of that id."""
        self._settle()
        row = reading.find_session(self._engine, project, session_id)
        return None if row is None else self._summary(row)

    def session_logs(self, project: str, ask: LogsAsk) -> Page[LogLine]:
        """A page of a session's log lines; empty for a session that is unknown."""
        self._settle()
        rows, total = reading.list_logs(self._engine, project, ask)
        return Page(tuple(line_of(row) for row in rows), total, ask.limit, ask.offset)

    def logs(self, project: str, ask: LinesAsk) -> Page[LogLine]:
        """A page of log lines over all sessions, each told its session. `total` is exact."""
        self._settle()
        rows, total = log_lines.list_lines(self._engine, project, ask)
        lines = (replace(line_of(row), session_id=text(session_id)) for session_id, *row in rows)
        return Page(tuple(lines), total, ask.limit, ask.offset)

    def points(self, project: str, ask: PointsAsk) -> Page[MetricPoint]:
        """A page of points of metrics, by name, then oldest first. `total` is exact."""
        return read_points(self._engine, project, ask)

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
        rows, total = reading.list_traces(self._engine, project, ask, self._beside)
        return Page(self._trace_summaries(project, rows), total, ask.limit, ask.offset)

    def trace(self, project: str, trace_id: str, most: int | None = None) -> Trace | None:
        """A trace with its spans; None when the project has none of that id (32 hexadecimal digits).

        Or, when `most` is given, when it has more spans than so many.
        """
        found = _id(trace_id, 16)
        if found is None:
            return None
        self._settle()
        if most is None:
            rows: Sequence[Row] | None = reading.read_spans(self._engine, project, [found])
        else:
            rows = reading.read_few_spans(
                self._engine, project, trace_id=found.hex(), session_id=None, most=most, content=True
            )
        if not rows:
            return None
        sessions = reading.sessions_in(rows)
        spans, row, tags = self._beside.ask(
            lambda: tuple(spans_of(rows, self._engine.price)),
            lambda: reading.read_trace(self._engine, project, found, sessions),
            lambda: reading.read_session_tags(self._engine, project, map(text, sessions)),
        )
        return None if row is None else Trace(_trace_summary(row, tags), spans)

    def trace_summary(self, project: str, trace_id: str) -> TraceSummary | None:
        """A trace's line of the list, without reading its spans; None when the project has none of that id."""
        if _id(trace_id, 16) is None:
            return None
        self._settle()
        row = find_trace(self._engine, project, trace_id)
        return None if row is None else self._trace_summaries(project, [row])[0]

    def span(self, project: str, trace_id: str, span_id: str) -> Span | None:
        """A span; None when the project has none of these ids."""
        trace, span = _id(trace_id, 16), _id(span_id, 8)
        if trace is None or span is None:
            return None
        self._settle()
        return self.glances.span(project, trace.hex(), span.hex())

    def span_anywhere(self, project: str, span_id: str) -> Span | None:
        """The span of that id (16 hexadecimal digits), of several the last to arrive; None when there is none."""
        found = _id(span_id, 8)
        traces = [] if found is None else listing.find_traces_of_span(self._engine, project, found)
        return self.span(project, traces[0].hex(), span_id) if traces else None

    def has_step(self, project: str, session_id: str, span_id: str) -> bool:
        """Whether a session has a span of that id, which spans of other sessions may have, too."""
        found = _id(span_id, 8)
        if found is None:
            return False
        self._settle()
        # Any number of other sessions may have spans of that id: those of this one alone are read.
        traces = listing.find_traces_of_span(self._engine, project, found, session_id)
        steps = (self.span(project, trace.hex(), span_id) for trace in traces)
        return any(step is not None and (step.session_id or step.trace_id) == session_id for step in steps)

    def cost_parts(self, span: Span) -> tuple[Decimal, Decimal]:
        """What the price table asks for what went into a call, and for what came out; nothing for an unknown model."""
        return cost_parts(self._engine, span)

    def totals(self, project: str, ask: TotalsAsk) -> Totals:
        """What the traces of some time come to."""
        self._settle()
        return read_totals(self._engine, project, ask)

    def spans(self, project: str, ask: SpansAsk) -> Page[Span]:
        """A page of spans over all traces, by start."""
        if ask.trace_id is not None and _id(ask.trace_id, 16) is None:
            return Page((), 0, ask.limit, ask.offset)
        self._settle()
        return list_spans(self._engine, project, ask, self._beside)

    def metrics(self, project: str, ask: MetricsAsk) -> Metrics:
        """Sums over calls of models or tools."""
        self._settle()
        return read_metrics(self._engine, project, ask, self._silent_before_ns)

    def scores(self, project: str, ask: ScoresAsk) -> Page[Score]:
        """A page of scores, newest first."""
        rows, total = scoring.list_scores(self._engine, project, ask)
        return Page(tuple(score_of(row) for row in rows), total, ask.limit, ask.offset)

    def score(self, project: str, score_id: str) -> Score | None:
        """A score; None when the project has none of that id, or has it no more."""
        # Ours are in small letters, however somebody writes them; those that were brought in stay as they came.
        for told in dict.fromkeys((score_id, score_id.lower())):
            if (row := scoring.find_score(self._engine, project, told)) is not None:
                return score_of(row)
        return None

    def trace_scores(self, project: str, trace: Trace) -> tuple[Score, ...]:
        """The scores of a trace and of its spans, oldest first."""
        spans = [span.span_id for span in trace.spans]
        rows = scoring.scores_of_trace(self._engine, project, trace.summary.id, spans)
        return tuple(score_of(row) for row in rows)

    def score_names(self, project: str) -> tuple[str, ...]:
        """The names of scores in use, in order."""
        return tuple(scoring.score_names(self._engine, project))

    def score_summaries(self, project: str, since_ns: int, until_ns: int) -> tuple[ScoreSummary, ...]:
        """Mean and range of the scores of each name in a span of time."""
        return tuple(map(summary_of, scoring.summarize_scores(self._engine, project, since_ns, until_ns)))

    def facts(self, project: str) -> StoreFacts:
        """How much is kept, and what it lacks."""
        self._settle()
        sessions, traces, spans, logs, unpriced, received = reading.count_store(self._engine, project)
        return StoreFacts(
            sessions=sessions,
            traces=traces,
            spans=spans,
            logs=logs,
            last_received_ns=received or None,
            unpriced_models=tuple(reading.unpriced_models(self._engine, project, unpriced)),
        )

    def _settle(self) -> None:
        self._engine.settle(_SETTLE_S, patient=False)

    @property
    def _silent_before_ns(self) -> int:
        return max(self._now_ns() - _SILENCE_NS, 0)

    def _spans_in(self, project: str, session_id: str, traces: list[bytes]) -> list[Span]:
        return self._members(session_id, reading.read_spans(self._engine, project, traces)) if traces else []

    def _members(self, session_id: str, rows: Sequence[Row]) -> list[Span]:
        spans = spans_of(rows, self._engine.price)
        return [span for span in spans if (span.session_id or span.trace_id) == session_id]

    def _summary(self, row: Row) -> SessionSummary:
        session_id, name, state, reason, tags, implicit, heard_ns, trace_count, failed, half, most, *sums = row
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
            last_error=text(told["last_error"]) or None,
            failed_traces=failed,
            turn_p50_ms=half,
            turn_p95_ms=most,
        )

    def _trace_summaries(self, project: str, rows: Sequence[Row]) -> tuple[TraceSummary, ...]:
        sessions = {text(one) for row in rows for one in row[3]}
        tags = reading.read_session_tags(self._engine, project, sessions) if sessions else {}
        return tuple(_trace_summary(row, tags) for row in rows)


def _with_facts(session: Session, facts: Sequence[Row]) -> Session:
    """The session with what was told of it: the host that started it; of what came twice, the last."""
    host: Mapping[str, Json] = {}
    metadata: dict[str, Json] = {}
    video = ""
    agents: dict[str, str] = {}
    attachments: dict[str, Attachment] = {}
    for told, more, seen_at, agent, attachment in facts:
        host = host or parsed_object(text(told))
        metadata.update((text(key), text(value)) for key, value in more.items())
        video = text(seen_at) or video
        agent_id, agent_name = (text(agent[part]) for part in ("id", "name"))
        if agent_id:
            agents[agent_id] = agent_name
        name = text(attachment["name"])
        if name:
            path, sha256 = text(attachment["path"]), text(attachment["sha256"])
            attachments[name] = Attachment(name, path, attachment["size"], sha256)
    return replace(
        session,
        host=host,
        metadata=metadata,
        video=video,
        agents=agents,
        attachments=tuple(attachments.values()),
    )


def _trace_summary(row: Row, tags: Mapping[str, tuple[str, ...]]) -> TraceSummary:
    trace_id, name, status, session_ids, service, own, *sums = row
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
        service=text(service),
        tags=tuple(dict.fromkeys((*(tag for one in sessions for tag in tags.get(one, ())), *map(text, own)))),
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
