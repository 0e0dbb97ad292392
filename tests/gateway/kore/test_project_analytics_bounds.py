"""A project's analytics of much: what does not fit is refused, what is large is let go, what is new is waited for."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from sojourn_gateway.apis.kore import project_asks
from sojourn_gateway.apis.kore.reading import Read
from sojourn_gateway.apis.kore.states import QUIET_NS
from sojourn_gateway.engine.happenings import Spoken, find_spoken
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.ingest.body import read_body
from sojourn_gateway.model.happening import HappeningsAsk
from sojourn_gateway.model.session import SessionsAsk
from sojourn_gateway.query.happenings import Happenings
from tests.gateway.kore.reading import Kore, error_of, under
from tests.gateway.sender import SECOND, T0, span, trace_id, traces, usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sojourn_gateway.engine import Engine
    from sojourn_gateway.engine.backend import Handle, Row
    from tests.gateway.sender import Store
    from tests.gateway.serving import Served

SESSIONS = 12
FEW = 2
"""Sessions that may be held at a time: the one that is looked through, and the one before it."""


@pytest.fixture
def kore(gateway: Served) -> Kore:
    """The endpoints of a project that only this test sees."""
    return Kore(gateway)


def test_costs_in_more_parts_than_are_told_are_refused_and_not_summed_in_part(
    kore: Kore, monkeypatch: pytest.MonkeyPatch
) -> None:
    kore.keep(
        *(span(trace_id(), "chat", at_s=3600 * hour, attributes=usage(100, 10, **under())) for hour in range(3)),
    )
    path = f"/api/projects/{kore.gateway.project}/analytics/cost-breakdown"
    assert len(kore.gateway.get(path, groupBy="hour").json()["data"]["breakdown"]) == 3

    monkeypatch.setattr(project_asks, "_MOST_BUCKETS", 2)

    assert error_of(kore.gateway.get(path, groupBy="hour")) == (400, "VALIDATION_ERROR")


def test_a_page_of_events_holds_no_sessions_while_it_is_read(kore: Kore, monkeypatch: pytest.MonkeyPatch) -> None:
    kore.keep(
        *(
            span(trace_id(), "chat", attributes=usage(1, 1, **under(session__id=f"s{number}")))
            for number in range(SESSIONS)
        )
    )
    outlines = kore.gateway.services.queries.outlines
    read, held = outlines.spans, list[int]()

    def count() -> int:
        # Not `isinstance`, which asks the object itself: what other tests left may be the proxy of something gone.
        return sum(type(one) is Read for one in gc.get_objects())

    def spans(*asked: Any, **more: Any) -> Any:
        held.append(count() - before)
        return read(*asked, **more)

    monkeypatch.setattr(outlines, "spans", spans)
    gc.collect()
    before = count()
    page = kore.gateway.get(f"/api/projects/{kore.gateway.project}/analytics/events", eventType="llm_call").json()

    assert len(page["data"]["events"]) == SESSIONS
    assert max(held) <= FEW


def test_an_agent_without_a_name_is_none(kore: Kore) -> None:
    kore.keep(span(trace_id(), "chat", attributes=usage(1, 1)))

    found = kore.gateway.get(f"/api/projects/{kore.gateway.project}/analytics/agents/")

    assert error_of(found) == (404, "NOT_FOUND")


def test_a_step_that_was_sent_again_with_another_start_is_one_event_of_its_agent(kore: Kore) -> None:
    said = {"gen_ai.output.messages": '[{"role":"assistant","content":"so."}]'}
    last = span(trace_id(), "chat", at_s=7200, attributes=usage(1, 1, **under(gen_ai__agent__name="Ada")) | said)

    kore.keep(pending_before(last))
    kore.keep(last)

    path = f"/api/projects/{kore.gateway.project}/analytics/metrics"
    found = kore.gateway.get(path, groupBy="agent_name,event_type").json()["data"]["buckets"]
    assert found == [
        {"agent_name": "Ada", "event_type": "llm_call", "count": 1},
        {"agent_name": "Ada", "event_type": "response", "count": 1},
    ]


def test_a_session_does_not_run_on_in_a_step_that_was_sent_again_and_ended(store: Store) -> None:
    last = span(trace_id(), "chat", attributes=under(session__id="over"))
    last.start_time_unix_nano = time.time_ns() - 900 * SECOND
    last.end_time_unix_nano = last.start_time_unix_nano + 600 * SECOND
    outlines = store.queries.outlines

    store.send(pending_before(last))
    assert outlines.running(store.project, QUIET_NS) == ["over"]
    store.send(last)
    assert outlines.running(store.project, QUIET_NS) == []


def test_messages_are_looked_for_from_when_their_turns_began(
    kore: Kore, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"gen_ai.input.messages": '[{"role":"user","content":"so?"}]'}
    hour = 3600 * SECOND
    kore.keep(
        *(
            span(trace_id(), "chat", at_s=at_s, attributes=usage(**under(session__id=f"at {at_s}")) | said)
            for at_s in (0, 7200)
        )
    )
    answer, begun = engine.rows, set[int]()

    def rows(sql: str, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        begun.update(value for name, value in (values or {}).items() if name == "first")
        return answer(sql, values)

    monkeypatch.setattr(engine, "rows", rows)
    talk = kore.gateway.services.queries.happenings.messages(
        kore.gateway.project, T0 + hour, T0 + 3 * hour, (), limit=10, offset=0
    )

    assert [one.session_id for one in talk.items] == ["at 7200"]
    assert begun == {(T0 + 2 * hour) // (60 * SECOND)}


def test_what_was_just_acknowledged_is_in_the_sums(store: Store) -> None:
    sent = traces([span(trace_id(), "chat", attributes=usage(1, 1, **under(session__id="new")))], None)
    parts = read_body("traces", store.project, sent, time.time_ns()).parts
    happenings = Happenings(store.engine, store.engine.roll_up)

    store.engine.write("traces", parts)
    assert happenings.sums(store.project, HappeningsAsk(since_ns=0)).items[0].count == 1

    store.engine.write("traces", parts)
    assert happenings.page(store.project, HappeningsAsk(since_ns=0)).total == 1
    assert happenings.sessions(store.project, SessionsAsk(), {"open": "open"}, {})[""].count == 1


def test_words_that_come_behind_others_of_their_commit_are_heard(store: Store) -> None:
    with store.engine.inserting() as (writer, _):
        commit = store.engine.rolled_up + 1
        say(writer, store.project, "decision", commit)
        first = find_spoken(store.engine, store.project, Spoken())
        say(writer, store.project, "response", commit)
        both = find_spoken(store.engine, store.project, first)

    assert first.kinds == {"decision"}
    assert both.kinds == {"decision", "response"}


def pending_before(last: Span) -> Span:
    """A span as it was before it ended, by a clock that was minutes behind."""
    first = Span()
    first.CopyFrom(last)
    first.start_time_unix_nano -= 300 * SECOND
    first.end_time_unix_nano = 0
    first.attributes.add(key="sojourn.pending").value.bool_value = True
    return first


def say(writer: Handle, project: str, kind: str, commit: int) -> None:
    """Keep a step that says what it is, as one of several blocks of a commit."""
    writer.run(
        f"""insert into {DATABASE}.spans (project, trace_id, span_id, a_s, version, commit)
        select {{project:String}}, randomFixedString(16), randomFixedString(8), map('sojourn.kind', {{kind:String}}),
            {{commit:UInt64}}, {{commit:UInt64}}""",
        {"project": project, "kind": kind, "commit": commit},
    )
