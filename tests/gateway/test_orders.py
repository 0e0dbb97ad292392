"""Whatever the order and the company in which a story arrives, it is the same story: in sums, lists and spans."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from sojourn_gateway.model.session import SessionsAsk
from sojourn_gateway.model.trace import TracesAsk
from tests.gateway.sender import SECOND, end, event, span, usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.gateway.sender import Store

FIRST, SECOND_TRACE = bytes(range(16)), bytes(range(16, 32))
Sent = Span | LogRecord


def pending(finished: Span) -> Span:
    """As it was while it ran."""
    before = Span()
    before.CopyFrom(finished)
    before.end_time_unix_nano = 0
    before.name = "underway"
    before.attributes.add(key="sojourn.pending").value.bool_value = True
    return before


def moved(sent: Span, *, by_s: int) -> Span:
    """The same span with another start."""
    again = Span()
    again.CopyFrom(sent)
    again.start_time_unix_nano += by_s * SECOND
    again.end_time_unix_nano += by_s * SECOND
    return again


def story() -> list[Sequence[Sent]]:
    """What is sent. Of a sequence the order matters, since the last to arrive wins; else any order is as good."""
    root = span(FIRST, "answer", span_id=b"1-root-1", lasts_s=40, attributes={"session.id": "s", "user.id": "u"})
    inner = span(FIRST, "ask", span_id=b"1-inner1", parent=root, at_s=1, attributes={"session.id": "inner"})
    call = span(FIRST, "chat", span_id=b"1-call-1", parent=inner, at_s=2, attributes=usage(1000, 100))
    wrapper = span(FIRST, "wrap", span_id=b"1-wrap-1", parent=root, at_s=5, attributes=usage(50, 5))
    wrapped = span(FIRST, "chat", span_id=b"1-call-2", parent=wrapper, at_s=6, attributes=usage(50, 5))
    failed = span(SECOND_TRACE, "look up", span_id=b"2-tool-1", at_s=300, attributes={"session.id": "s"}, error="no")
    late = span(SECOND_TRACE, "late", span_id=b"2-late-1", parent=failed, at_s=4000, attributes=usage(7, 7))
    return [
        [root],
        [pending(root)],
        [inner],
        [pending(call)],
        [call],
        [call],
        [wrapper],
        [moved(wrapped, by_s=-90), wrapped, moved(wrapped, by_s=150), wrapped],
        [failed],
        [moved(failed, by_s=100), failed],
        [late],
        [pending(late)],
        [event("session.start", "s", uid="start", sojourn__session__name="errand")],
        [end("s", "Success", at_s=500)],
    ]


def shuffled(seed: int) -> list[Sent]:
    """The story in one of its orders."""
    chance = random.Random(seed)
    left = [list(sequence) for sequence in story()]
    failed = next(one for one in left if len(one) == 1 and isinstance(one[0], Span) and one[0].span_id == b"2-tool-1")
    # The same id in two sequences: its last word must be the last of both.
    left.remove(failed)
    next(one for one in left if isinstance(one[0], Span) and one[0].span_id == b"2-tool-1").insert(0, failed[0])
    order: list[Sent] = []
    while left:
        sequence = chance.choice(left)
        order.append(sequence.pop(0))
        if not sequence:
            left.remove(sequence)
    return order


def tell(store: Store, order: Sequence[Sent], chance: random.Random) -> None:
    """Send some at a time."""
    at = 0
    while at < len(order):
        some = order[at : at + chance.randrange(1, 6)]
        at += len(some)
        spans: list[Span] = [one for one in some if isinstance(one, Span)]
        records = [one for one in some if isinstance(one, LogRecord)]
        # Each id once a request: within one, nobody says which of two copies is the later.
        while spans:
            first = list({one.span_id: one for one in reversed(spans)}.values())
            store.send(*first)
            spans = [one for one in spans if all(one is not sent for sent in first)]
        if records:
            store.tell(*records)


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(2, 60))])
def test_every_order_of_arrival_tells_the_same_story(store: Store, seed: int) -> None:
    tell(store, shuffled(seed), random.Random(seed))

    sessions = {one.id: one for one in store.queries.sessions(store.project, SessionsAsk(include_implicit=True)).items}
    assert {
        key: (one.name, one.state, one.trace_count, one.span_count, one.model_calls, one.errors, one.tokens.input)
        for key, one in sessions.items()
    } == {
        "s": ("errand", "Success", 2, 5, 2, 1, 57),
        "inner": ("ask", sessions["inner"].state, 1, 2, 1, 0, 1000),
    }
    traces = store.queries.traces(store.project, TracesAsk(sort_by="start_time", descending=False)).items
    assert [(one.id, one.span_count, one.tokens.input, one.session_ids) for one in traces] == [
        (FIRST.hex(), 5, 1050, ("inner", "s")),
        (SECOND_TRACE.hex(), 2, 7, ("s",)),
    ]
    for name, spans in {
        "s": ["answer", "wrap", "chat", "look up", "late"],
        "inner": ["ask", "chat"],
    }.items():
        found = store.session(name)
        assert [one.name for one in found.spans] == spans
        assert all(one.end_ns is not None for one in found.spans)
        assert (sessions[name].start_ns, sessions[name].cost.usd) == (
            min(one.start_ns for one in found.spans),
            sum(one.cost or 0 for one in found.spans if one.name == "chat" or one.name == "late"),
        )
