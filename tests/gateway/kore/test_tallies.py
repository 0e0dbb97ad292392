"""Lists count sessions without reading them, and find what reading them finds."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sojourn_gateway.apis.kore.conversation import conversation_of
from sojourn_gateway.apis.kore.reading import read_all
from sojourn_gateway.apis.kore.tallies import tally_of
from sojourn_gateway.model.session import SessionsAsk
from tests.gateway.kore.chances import some_session
from tests.gateway.kore.reading import Kore, under
from tests.gateway.sender import any_value, event, span, trace_id, usage
from tests.gateway.serving import is_look_round

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from sojourn_gateway.model.tally import Tally
    from tests.gateway.serving import Served

SEED = 11_221_907
SESSIONS = 40
DATES = {"fromDate": "2020-01-01T00:00:00Z", "toDate": "2200-01-01T00:00:00Z"}


@pytest.fixture
def kore(gateway: Served) -> Kore:
    """The endpoints of a project that only this test sees."""
    return Kore(gateway)


def tallies(kore: Kore) -> dict[str, tuple[Tally, Tally]]:
    """Of all sessions, what lists count, and what reading them finds."""
    serving, project = kore.gateway.services, kore.gateway.project
    summaries = serving.queries.sessions(project, SessionsAsk(limit=200, include_implicit=True)).items
    counted = serving.queries.happenings.tallies(project, summaries)
    assert list(counted) == [one.id for one in summaries]
    serving = replace(serving, project=project)
    return {read.summary.id: (counted[read.summary.id], tally_of(read)) for read in read_all(serving, summaries)}


def messages(kore: Kore) -> dict[str, int]:
    """How many messages each session's conversation has, as the history of all counts them."""
    talks = kore.gateway.services.queries.happenings.messages(
        kore.gateway.project, 0, 2**63, [], limit=10_000, offset=0
    )
    assert talks.total == sum(talk.count for talk in talks.items)
    return {talk.session_id: talk.count for talk in talks.items}


def messages_read(kore: Kore) -> dict[str, int]:
    """The same, as reading the sessions finds them."""
    serving, project = kore.gateway.services, kore.gateway.project
    summaries = serving.queries.sessions(project, SessionsAsk(limit=200, include_implicit=True)).items
    conversations = {
        read.summary.id: conversation_of(read) for read in read_all(replace(serving, project=project), summaries)
    }
    return {session_id: len(told) for session_id, told in conversations.items() if told}


def say(step: Span, **told: Any) -> None:
    """One more thing that a step says; `__` in a name stands for a dot."""
    for name, value in under(**told).items():
        step.attributes.add(key=name).value.CopyFrom(any_value(value))


def twisted(chance: random.Random, steps: list[Span]) -> list[Span]:
    """The same, with parents that are not there or below themselves, and what agents and sessions say of themselves."""
    for step in steps:
        if chance.random() < 0.1:
            step.parent_span_id = chance.choice((step.span_id, chance.randbytes(8), chance.choice(steps).span_id))
        if chance.random() < 0.2:
            say(step, agent_name=chance.choice(("Ada", "Grace")))
        if chance.random() < 0.2:
            say(step, gen_ai__agent__id=chance.choice(("declared", "unknown")))
        if chance.random() < 0.1:
            say(step, sojourn__metadata__channel=chance.choice(("voice", "", 7)))
        if chance.random() < 0.1:
            say(step, ai__telemetry__metadata__environment="staging", agentmark__metadata__disposition="timeout")
    return steps


def test_sessions_of_any_shape_are_counted_as_they_are_read(kore: Kore) -> None:
    chance = random.Random(SEED)
    steps: list[Span] = []
    for number in range(SESSIONS):
        steps += twisted(chance, some_session(chance, f"session {number}"))
    # Some traces lie in several sessions: what one session tells must not be told of another.
    for number in range(SESSIONS // 4):
        both = some_session(chance, f"both {number}")
        for one in both:
            if chance.random() < 0.4:
                kept = [told for told in one.attributes if told.key != "session.id"]
                del one.attributes[:]
                one.attributes.extend(kept)
                say(one, session__id=f"other {number}")
        steps += twisted(chance, both)
    kore.keep(*steps[: len(steps) // 2], resource={"deployment.environment": "production"})
    kore.keep(*steps[len(steps) // 2 :], resource={"service.name": "shop"})
    kore.tell(
        *(event("exception", f"session {number}", exception__type="KeyError") for number in range(0, SESSIONS, 3)),
        *(
            event("sojourn.session.update", f"session {number}", gen_ai__agent__id="declared", gen_ai__agent__name="Bo")
            for number in range(0, SESSIONS, 2)
        ),
        *(
            event("sojourn.session.update", f"session {number}", sojourn__metadata__channel="web")
            for number in range(0, SESSIONS, 5)
        ),
    )

    found = tallies(kore)

    assert len(found) > SESSIONS
    for session_id, (counted, read) in found.items():
        assert counted == read, session_id
    kinds = {kind for counted, _ in found.values() for kind in counted.counts}
    assert len(kinds) == 10
    assert messages(kore) == messages_read(kore)
    # And so the lines of lists are those of single sessions.
    for line in kore.told(limit=200)["sessions"][::12]:
        whole = kore.session(line["id"])
        assert {name: whole[name] for name in line} == line


def test_what_no_text_names_is_the_same_to_lists_and_pages(kore: Kore) -> None:
    def handing(session: str, **told: Any) -> Span:
        return span(trace_id(), "chain", attributes=under(session__id=session, sojourn__kind="chain", **told))

    kore.keep(
        handing("to a number", to_agent=7),
        handing("with a number for a task", to_agent="x", sojourn__handoff__task=True),
        handing("to some", to_agent=["x", "y"], sojourn__handoff__task=["t"]),
    )

    found = tallies(kore)

    assert {session_id: dict(counted.counts) for session_id, (counted, _) in found.items()} == {
        "to a number": {},
        "with a number for a task": {"decision": 1, "handoff": 1},
        "to some": {"decision": 1, "delegate": 1},
    }
    assert all(counted == read for counted, read in found.values())


def test_a_list_reads_no_row_for_each_step(kore: Kore, monkeypatch: pytest.MonkeyPatch) -> None:
    """However large one session is, and whatever its steps decide."""
    turn = trace_id()
    root = span(turn, "turn", attributes=under(session__id="large", sojourn__kind="chain"))
    decides = under(session__id="large", sojourn__kind="decision", sojourn__decision__kind="retry")
    kore.keep(
        root, *(span(turn, "step", parent=root, attributes=usage(**under(session__id="large"))) for _ in range(300))
    )
    kore.keep(span(turn, "again", parent=root, attributes=decides))
    engine = kore.gateway.engine
    answer, rows = engine.rows, list[int]()

    def counting(*asked: Any) -> Any:
        found = answer(*asked)
        if not is_look_round():
            rows.append(len(found))
        return found

    monkeypatch.setattr(engine, "rows", counting)
    listed = kore.told()["sessions"]
    public = kore.gateway.get(f"/api/public/analytics/projects/{kore.gateway.project}/sessions", **DATES).json()

    assert sum(rows) < 100
    assert [one["traceEventCount"] for one in listed] == [301]
    (one,) = public["sessions"]
    assert one["traceEventCount"] == {"llm_call": 300, "decision": 1, "tool_call": 0, "error": 0, "total": 301}
