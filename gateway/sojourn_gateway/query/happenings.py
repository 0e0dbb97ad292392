"""Questions about events over all sessions: how many, what they come to, and where they are."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from sojourn_gateway.engine.happening_sums import list_happenings, sum_happenings
from sojourn_gateway.engine.happenings import NO_SESSION, Spoken, find_spoken, holding
from sojourn_gateway.engine.message_counts import page_of_messages
from sojourn_gateway.engine.outlines import session_pages
from sojourn_gateway.engine.session_sums import sum_sessions
from sojourn_gateway.engine.values import text
from sojourn_gateway.model.happening import Happened, SessionSum, Sum, Talk
from sojourn_gateway.model.page import Page
from sojourn_gateway.query.tallies import read_tallies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sojourn_gateway.engine import Engine
    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.model.happening import Group, HappeningsAsk
    from sojourn_gateway.model.session import SessionsAsk, SessionSummary
    from sojourn_gateway.model.tally import Tally

__all__ = ["Happenings"]

_SILENCE_NS: Final = 30 * 60 * 1_000_000_000
"""As the list of sessions has it."""


class Happenings:
    """Questions about one store; any thread may ask."""

    def __init__(self, engine: Engine, settle: Callable[[], None], *, now_ns: Callable[[], int] = time.time_ns) -> None:
        """Read from `engine`. `settle` waits a little for what was just acknowledged."""
        self._engine = engine
        self._settle = settle
        self._now_ns = now_ns
        self._spoken: dict[str, Spoken] = {}

    def sums(
        self, project: str, ask: HappeningsAsk, groups: Sequence[Group] = (), *, priced: bool = False
    ) -> Page[Sum]:
        """What the events come to, in groups, in the order of their keys; `priced` tells their cost as well."""
        self._settle()
        rows, total = sum_happenings(self._engine, project, ask, self._heard(project), groups, priced=priced)
        return Page(tuple(_sum(row, len(groups)) for row in rows), total, ask.limit, ask.offset)

    def page(self, project: str, ask: HappeningsAsk) -> Page[Happened]:
        """Where the events of a page are."""
        self._settle()
        rows, total = list_happenings(self._engine, project, ask, self._heard(project))
        return Page(tuple(_happened(row) for row in rows), total, ask.limit, ask.offset)

    def sessions(
        self, project: str, ask: SessionsAsk, states: Mapping[str, str], dispositions: Mapping[str, str]
    ) -> dict[str, SessionSum]:
        """What sessions come to by the word for how they stand, and under an empty word all of them.

        That word is said of a disposition, else of a state, which is `open` when nobody ended the session.
        """
        self._settle()
        silent_ns = max(self._now_ns() - _SILENCE_NS, 0)
        heard = self._heard(project).names
        rows = sum_sessions(self._engine, project, ask, states, dispositions, silent_ns, heard)
        return {text(row[0]): _session_sum(row) for row in rows}

    def tallies(self, project: str, summaries: Iterable[SessionSummary]) -> dict[str, Tally]:
        """What the steps of some sessions come to, by id, without reading them one by one."""
        return read_tallies(self._engine, project, summaries)

    def session_pages(
        self, project: str, since_ns: int | None, until_ns: int | None, event_type: str | None = None
    ) -> Iterator[list[str]]:
        """The ids of the sessions of some time, in order, some thousand steps at a time.

        Those that hold no event of a type are left out, as far as that can be known without looking into them.
        """
        self._settle()
        held = "true" if event_type is None else holding(event_type, self._heard(project))
        if held == NO_SESSION:
            return
        for page in session_pages(self._engine, project, since_ns, until_ns, held):
            yield [text(one) for one in page]

    def messages(
        self, project: str, since_ns: int, until_ns: int, sessions: Sequence[str], *, limit: int, offset: int
    ) -> Page[Talk]:
        """In which sessions, by id, a page of all messages lies; `total` counts messages."""
        self._settle()
        heard = self._heard(project)
        rows, total = page_of_messages(
            self._engine, project, heard, since_ns, until_ns, sessions, limit=limit, offset=offset
        )
        return Page(tuple(Talk(text(one), before, own) for one, before, own in rows), total, limit, offset)

    def _heard(self, project: str) -> Spoken:
        """Which words stand in the project. Only what is new is looked through; two that look at once find the same."""
        found = find_spoken(self._engine, project, self._spoken.get(project, Spoken()))
        self._spoken[project] = found
        return found


def _sum(row: Row, groups: int) -> Sum:
    count, failed, mean, most, tokens, cost = row[groups:]
    return Sum(
        keys=tuple(text(key) or None if isinstance(key, bytes) else key for key in row[:groups]),
        count=count,
        failed=failed,
        mean_ms=mean,
        p95_ms=most,
        tokens=tokens,
        cost=cost,
    )


def _happened(row: Row) -> Happened:
    session_id, trace_id, span_id, kind, moment_ns = row
    return Happened(text(session_id), text(trace_id), text(span_id), text(kind), moment_ns)


def _session_sum(row: Row) -> SessionSum:
    _, count, mean, (half, most), turns, calls, tools, tokens, cost, known, failed = row
    return SessionSum(
        count=count,
        mean_ms=mean if count else None,
        p50_ms=half if count else None,
        p95_ms=most if count else None,
        turns=turns,
        model_calls=calls,
        tool_calls=tools,
        tokens=tokens,
        cost=cost if known else None,
        failed=failed,
    )
