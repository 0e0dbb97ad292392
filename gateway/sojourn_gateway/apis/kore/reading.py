"""A session as Kore's readers want it: its sums, its outline, and its events, whose content is read as it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final
from uuid import UUID

from sojourn import semconv
from sojourn_gateway.apis.kore.events import event_of
from sojourn_gateway.apis.kore.faults import missing
from sojourn_gateway.apis.kore.plan import failed, plan
from sojourn_gateway.model.log import LogsAsk
from sojourn_gateway.model.session import SessionsAsk
from sojourn_gateway.model.where import Among, Field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sojourn_gateway.apis.kore.event import Event
    from sojourn_gateway.apis.kore.plan import Planned
    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.model.log import LogLine
    from sojourn_gateway.model.outline import SessionOutline
    from sojourn_gateway.model.session import SessionSummary

__all__ = [
    "Read",
    "events_across",
    "events_counted",
    "events_of",
    "events_planned",
    "find_session",
    "read",
    "read_all",
    "read_together",
    "summaries_of",
]

_LINES_AT_ONCE: Final = 1000
_LONGEST: Final = 512
_EVENTS_AT_ONCE: Final = 500
_STEPS_AT_ONCE: Final = 10_000
_STUDIO: Final = "s-"
_SESSION: Final = Field("session_id", "string")


@dataclass(frozen=True, slots=True)
class Read:
    """A session and the events that it consists of."""

    summary: SessionSummary
    outline: SessionOutline
    planned: tuple[Planned, ...]
    """All its events, in order."""


def find_session(serving: Services, text: str) -> SessionSummary:
    """The session of this id, also with Studio's `s-` in front, and a trace that is one by itself. Raises a 404."""
    if 0 < len(text) <= _LONGEST:
        for spelled in dict.fromkeys((text, text.removeprefix(_STUDIO), _trace_id(text))):
            found = serving.queries.session_summary(serving.project, spelled) if spelled else None
            if found is not None:
                return found
    raise missing("Session")


def read(serving: Services, summary: SessionSummary) -> Read:
    """One session."""
    return next(read_all(serving, [summary]))


def read_all(serving: Services, summaries: Iterable[SessionSummary]) -> Iterator[Read]:
    """Some sessions, many at the cost of about one; some thousand steps, or one session, in memory at a time."""
    for some in read_together(serving, summaries):
        yield from some


def read_together(serving: Services, summaries: Iterable[SessionSummary]) -> Iterator[Iterator[Read]]:
    """Likewise, those together that are in memory together."""
    batch: list[SessionSummary] = []
    steps = 0
    for one in summaries:
        if batch and steps + one.span_count > _STEPS_AT_ONCE:
            yield _read_batch(serving, batch)
            batch, steps = [], 0
        batch.append(one)
        steps += one.span_count
    yield _read_batch(serving, batch)


def summaries_of(serving: Services, ids: Sequence[str]) -> Sequence[SessionSummary]:
    """The sessions of these ids that are there, in order of id."""
    if not ids:
        return ()
    among = Among(_SESSION, tuple(ids))
    ask = SessionsAsk(limit=len(ids), sort_by="id", descending=False, include_implicit=True, where=among)
    return serving.queries.sessions(serving.project, ask).items


def events_of(serving: Services, session: Read, chosen: Iterable[int] | None = None) -> Iterator[Event]:
    """The events of these ranks, all by default; some hundred in memory at a time."""
    return events_across(serving, ((session, rank) for rank in (_all(session) if chosen is None else chosen)))


def events_across(serving: Services, chosen: Iterable[tuple[Read, int]]) -> Iterator[Event]:
    """The events of these sessions and ranks, likewise: what small sessions need is read together."""
    # Without their sessions, which may be large, and of which there may be one for each event.
    yield from events_planned(serving, ((session.planned[rank], rank, session.summary.id) for session, rank in chosen))


def events_counted(serving: Services, session: Read) -> Iterator[Event]:
    """All events without what was said in them, for whoever only counts."""
    chosen = ((planned, rank, session.summary.id) for rank, planned in enumerate(session.planned))
    yield from events_planned(serving, chosen, lean=True)


def events_planned(
    serving: Services,
    chosen: Iterable[tuple[Planned, int, str]],
    *,
    lean: bool = False,
    at_once: int = _EVENTS_AT_ONCE,
) -> Iterator[Event]:
    """Events by their plan, rank and session, likewise; `lean` ones without what may be large."""
    left = iter(chosen)
    while page := list(islice(left, at_once)):
        steps = {step.key: step for planned, *_ in page for step in planned.sources}
        spans = serving.queries.outlines.spans(serving.project, steps.values(), lean=lean)
        for planned, rank, session_id in page:
            yield event_of(planned, rank, session_id, spans)


def _all(session: Read) -> range:
    return range(len(session.planned))


def _read_batch(serving: Services, summaries: Sequence[SessionSummary]) -> Iterator[Read]:
    outlines = serving.queries.outlines.of(serving.project, [one.id for one in summaries])
    for one in summaries:
        yield _read(serving, one, outlines[one.id])


def _read(serving: Services, summary: SessionSummary, outline: SessionOutline) -> Read:
    by_hand: list[LogLine] = []
    if summary.errors > len(failed(outline.steps)):
        by_hand.extend(_errors(serving, summary.id))
    return Read(summary, outline, tuple(plan(outline, by_hand)))


def _errors(serving: Services, session_id: str) -> Iterator[LogLine]:
    """The errors that the program recorded by hand and that count by themselves."""
    offset = 0
    while True:
        ask = LogsAsk(session_id, _LINES_AT_ONCE, offset, search=semconv.EXCEPTION_EVENT)
        page = serving.queries.session_logs(serving.project, ask)
        for line in page.items:
            own = line.attributes.get(semconv.ERROR_OWN, line.span_id is None)
            if line.event == semconv.EXCEPTION_EVENT and own is True:
                yield line
        offset += len(page.items)
        if not page.items or offset >= page.total:
            return


def _trace_id(text: str) -> str:
    try:
        return UUID(text).hex
    except ValueError:
        return ""
