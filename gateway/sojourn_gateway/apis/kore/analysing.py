"""The analysis of a session, whatever its size: what was said in it is read where a rule needs it, in pages."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.apis.kore.analysis import analyse
from sojourn_gateway.apis.kore.reading import events_of, events_planned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sojourn_gateway.apis.kore.event import Event
    from sojourn_gateway.apis.kore.plan import Planned
    from sojourn_gateway.apis.kore.reading import Read
    from sojourn_gateway.asgi.services import Services

__all__ = ["analysis_of"]

_SAYING: Final = ("llm_call", "response")
"""Prompts and answers are most of what a session holds, and only one rule looks at them."""
_LOOKED_AT: Final = ("model", "usage", "estimatedCost", "error", "code")
"""Of such an event, by the other rules."""
_FEW: Final = 500
"""Events that are read at once, with all that was said in them."""
_WHOLE_AT_ONCE: Final = 100


def analysis_of(serving: Services, session: Read) -> dict[str, Any]:
    """The object of `/analysis`."""
    latency_ms = sum(max(turn.end_ns - turn.start_ns, 0) for turn in session.outline.turns) / 1e6
    if len(session.planned) <= _FEW:
        return analyse(list(events_of(serving, session)), serving.thresholds, latency_ms)

    def whole(events: Iterable[Event]) -> Iterator[Event]:
        left = iter(events)
        while page := list(islice(left, _WHOLE_AT_ONCE)):
            said = [one.seq for one in page if _is_bare(session.planned[one.seq])]
            found = {one.seq: one for one in events_of(serving, session, said)}
            yield from (found.get(one.seq, one) for one in page)

    return analyse(list(_events(serving, session)), serving.thresholds, latency_ms, whole)


def _events(serving: Services, session: Read) -> Iterator[Event]:
    """All events, in no order, without what is only said."""
    bare = [rank for rank, one in enumerate(session.planned) if _is_bare(one)]
    for event in events_planned(
        serving, ((session.planned[rank], rank, session.summary.id) for rank in bare), lean=True
    ):
        yield replace(event, data={name: event.data[name] for name in _LOOKED_AT if name in event.data})
    yield from events_of(serving, session, (rank for rank, one in enumerate(session.planned) if not _is_bare(one)))


def _is_bare(planned: Planned) -> bool:
    # How a call failed stands among what is left out.
    failed = planned.step is not None and planned.step.is_error
    return planned.type in _SAYING and not failed
