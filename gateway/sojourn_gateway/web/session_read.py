"""What the page of a session reads: all steps at a glance, and in full those alone that it shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

from sojourn_gateway.web.conversation import Conversation, is_silent, listen, outermost, tell
from sojourn_gateway.web.waterfall import MOST_ROWS, ROWS, Layout, Waterfall, draw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.datastructures import QueryParams

    from sojourn_gateway.model.glance import Glance
    from sojourn_gateway.model.session import Session
    from sojourn_gateway.model.span import Span
    from sojourn_gateway.query import Queries

__all__ = [
    "CALLS_SHOWN", "SessionRead", "SessionWish", "View", "parse_session_wish", "parse_view", "read_conversation",
    "read_session",
]  # fmt: skip

View = Literal["timeline", "conversation", "logs"]

CALLS_SHOWN: Final = 100
"""How many calls of models a page of the conversation tells."""
_CALLS_TOLD: Final = 300
"""How many a conversation tells that is read at once."""
_REMEMBERED: Final = 16
"""How many calls before them are read, so that what was said there is not said again."""
_NOTES: Final = 300
_LONGEST_FIND: Final = 500


@dataclass(frozen=True, slots=True)
class SessionWish:
    """What the address of a session's page asks for."""

    view: View = "timeline"
    span_id: str = ""
    first: int | None = None
    """The first row, or call of the conversation; None for those around the chosen step."""
    rows: int = ROWS
    find: str = ""
    """Only the steps in which this text stands."""


@dataclass(frozen=True, slots=True)
class SessionRead:
    """A session, all its steps at a glance, and what is shown of them."""

    session: Session
    steps: tuple[Glance, ...]
    chosen: Span | None
    waterfall: Waterfall | None = None
    conversation: Conversation | None = None
    first: int = 0
    later: int | None = None
    """Where the next page begins; None on the last."""


def parse_view(asked: str | None) -> View:
    """The way to look at a session; what is no way is the timeline."""
    match asked:
        case "conversation" | "logs":
            return asked
        case _:
            return "timeline"


def parse_session_wish(query: QueryParams) -> SessionWish:
    """What an address asks for; what it says wrongly counts as not said, as a bookmark may be old."""
    rows = _number(query.get("rows", ""))
    return SessionWish(
        view=parse_view(query.get("view")),
        span_id=query.get("span", ""),
        first=_number(query.get("from", "")),
        rows=min(MOST_ROWS, rows) if rows else ROWS,
        find=query.get("find", "").strip()[:_LONGEST_FIND],
    )


def read_session(queries: Queries, project: str, session_id: str, wish: SessionWish, now_ns: int) -> SessionRead | None:
    """What the page shows; None when the project has no session of that id."""
    talks, draws = wish.view == "conversation", wish.view == "timeline"
    found = queries.session_at_a_glance(project, session_id, decided=talks, find=wish.find if draws else "")
    if found is None:
        return None
    session, steps = found
    wanted = next((step for step in steps if step.span_id == wish.span_id), None)
    chosen = None
    if wanted is not None:
        chosen = queries.glances.spans(project, session_id, [wanted]).get(wanted.key)
    if draws:
        until_ns = now_ns if session.summary.state == "open" else session.summary.end_ns
        layout = Layout(steps, until_ns, found_alone=bool(wish.find))
        first = _begin(wish.first, layout.at(wish.span_id) if wanted else None, len(layout.nodes), wish.rows)
        lines = queries.glances.lines(project, session_id, layout.shown(first, wish.rows))
        key = None if wanted is None else wanted.key
        scene = draw(session_id, layout, lines, key, first=first, count=wish.rows, find=wish.find)
        later = first + wish.rows if scene.later else None
        return SessionRead(session, steps, chosen, waterfall=scene, first=first, later=later)
    if talks:
        calls = outermost(steps)
        at = next((at for at, one in enumerate(calls) if chosen and one.span_id == chosen.span_id), None)
        first = _begin(wish.first, at, len(calls), CALLS_SHOWN)
        told = _converse(queries, project, session_id, steps, calls, first, CALLS_SHOWN)
        later = first + CALLS_SHOWN if told.left_out else None
        return SessionRead(session, steps, chosen, conversation=told, first=first, later=later)
    return SessionRead(session, steps, chosen)


def read_conversation(queries: Queries, project: str, session_id: str) -> tuple[Session, Conversation] | None:
    """A session and what was said in it, from its begin; None when the project has no session of that id.

    Of a long one what follows is told as a number: nothing of it is read.
    """
    found = queries.session_at_a_glance(project, session_id, decided=True)
    if found is None:
        return None
    session, steps = found
    return session, _converse(queries, project, session_id, steps, outermost(steps), 0, _CALLS_TOLD)


def _converse(
    queries: Queries,
    project: str,
    session_id: str,
    steps: tuple[Glance, ...],
    calls: Sequence[Glance],
    first: int,
    count: int,
) -> Conversation:
    """What some of the calls said, from the first one on, and what was decided between them."""
    known = max(0, first - _REMEMBERED)
    shown = calls[known : first + count]
    after = calls[first + count :]
    full = queries.glances.spans(project, session_id, shown)
    heard = listen([full[call.key] for call in shown if call.key in full])
    offered = heard.offered
    tools = [step for step in steps if step.step == "tool" and step.tool_call_id in offered]
    told = queries.glances.spans(
        project, session_id, [*tools, *_notes(steps, calls[first : first + count], first, after)]
    )
    # The store gives them in no order; of two that ran under one id the later one counts.
    ran = sorted(told.values(), key=lambda span: (span.start_ns, span.span_id))
    names = {step.trace_id: step.name for step in reversed(steps) if step.parent_id is None}
    turns = tell(
        session_id,
        heard,
        {span.tool_call_id: span for span in ran if span.step == "tool"},
        [span for span in ran if span.step != "tool"],
        names,
        skip=min(first - known, len(heard.calls)),
        number=1 + sum(left.trace_id != right.trace_id for left, right in pairwise(calls[: first + 1])),
    )
    return Conversation(turns, is_silent(heard), len(after))


def _notes(steps: Sequence[Glance], shown: Sequence[Glance], first: int, after: Sequence[Glance]) -> list[Glance]:
    """What was decided between the shown calls: not what an earlier page tells, or a later one."""
    traces = {call.trace_id for call in shown}
    since_ns = shown[0].start_ns if first and shown else 0
    told = [
        step
        for step in steps
        if step.decided
        and step.trace_id in traces
        and step.start_ns >= since_ns
        and not (after and step.trace_id == after[0].trace_id and step.start_ns >= after[0].start_ns)
    ]
    return told[:_NOTES]


def _begin(asked: int | None, chosen_at: int | None, total: int, count: int) -> int:
    """The first row: that which was asked for, else that of the page with the chosen one."""
    if asked is not None:
        return min(asked, max(0, (total - 1) // count * count))
    return 0 if chosen_at is None else chosen_at // count * count


def _number(told: str) -> int | None:
    return int(told) if re.fullmatch(r"\d{1,9}", told, re.ASCII) else None
