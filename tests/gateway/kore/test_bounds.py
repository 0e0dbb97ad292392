"""What an answer costs does not grow with what it leaves out: statements and rows are counted, never time."""

from __future__ import annotations

import gc
import sys
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from sojourn.home import Home
from sojourn_gateway.apis.kore import sessions
from sojourn_gateway.apis.kore.figures import figures_of
from sojourn_gateway.engine.backend import Unread
from sojourn_gateway.model.outline import Turn
from sojourn_gateway.settings import Settings
from tests.gateway.kore.happening import T0, Happening
from tests.gateway.kore.reading import Kore, under
from tests.gateway.sender import span, trace_id, usage
from tests.gateway.serving import is_look_round, served

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from sojourn_gateway.engine import Engine
    from sojourn_gateway.engine.backend import Row
    from tests.gateway.serving import Served

MANY = 120
SLACK = 3
"""Statements that something else in the gateway may ask at the same time."""
DATES = {"fromDate": "2020-01-01T00:00:00Z", "toDate": "2200-01-01T00:00:00Z"}


@pytest.fixture
def kore(gateway: Served) -> Kore:
    """The endpoints of a project that only this test sees."""
    return Kore(gateway)


@dataclass(slots=True)
class Asked:
    """What an engine was asked, and how many rows it told."""

    statements: int = 0
    rows: int = 0


@pytest.fixture
def asked(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], Asked]:
    """Counts what a question costs; the engine answers as ever."""
    counted = Asked()
    answer = engine.rows

    def rows(sql: str, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        found = answer(sql, values)
        if not is_look_round():
            counted.statements += 1
            counted.rows += len(found)
        return found

    monkeypatch.setattr(engine, "rows", rows)

    def ask(question: Callable[[], object]) -> Asked:
        counted.statements = counted.rows = 0
        question()
        return replace(counted)

    return ask


def call(session: str, at_s: float, **more: Any) -> Span:
    """A call of a model that is a turn by itself."""
    said = {"gen_ai.input.messages": '[{"role":"user","content":"so?"}]'}
    return span(trace_id(), "chat", at_s=at_s, attributes=usage(**under(session__id=session)) | said | more)


def test_a_page_of_sessions_is_read_at_once(kore: Kore, asked: Callable[[Callable[[], object]], Asked]) -> None:
    kore.keep(*(call(f"s{number}", number) for number in range(2)))
    few = asked(kore.told)
    kore.keep(*(call(f"t{number}", number) for number in range(MANY)))

    many = asked(kore.told)
    page = asked(lambda: kore.told(limit=2, offset=50))

    assert many.statements <= few.statements + SLACK
    assert page.rows < MANY


def test_a_page_of_the_ledger_reads_its_own_calls_alone(
    kore: Kore, asked: Callable[[Callable[[], object]], Asked]
) -> None:
    kore.keep(*(call("one session", number, **under(gen_ai__agent__name="Ada")) for number in range(MANY)))

    queries: list[dict[str, Any]] = [{}, {"agentName": "Ada"}, {"sessionId": "one session"}]
    for query in queries:
        page = asked(partial(kore.told, "/generations", limit=2, **query))

        assert page.rows < MANY // 2, query
    assert kore.told("/generations", limit=1, agentName="Ada")["total"] == MANY
    assert kore.told("/generations", agentName="Grace")["total"] == 0


def test_a_page_of_the_conversation_reads_its_own_sessions_alone(
    kore: Kore, asked: Callable[[Callable[[], object]], Asked]
) -> None:
    kore.keep(*(call(f"s{number:03}", number) for number in range(MANY)))
    path = f"/api/public/analytics/projects/{kore.gateway.project}/conversation-history"

    def talk(**query: Any) -> dict[str, Any]:
        answer = kore.gateway.get(path, **DATES, **query)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    page = asked(lambda: talk(limit=3, offset=100))

    assert page.rows < MANY // 2
    told = talk(limit=3, offset=100)
    assert ([one["sessionId"] for one in told["messages"]], told["totalRecords"]) == (["s100", "s101", "s102"], MANY)
    behind = talk(limit=3, offset=MANY)
    assert (behind["messages"], behind["totalRecords"], behind["hasMore"]) == ([], MANY, False)
    assert talk(sessionIds="s007,s011", limit=1)["totalRecords"] == 2


def test_an_export_of_what_is_not_there_looks_into_no_session(
    kore: Kore, asked: Callable[[Callable[[], object]], Asked]
) -> None:
    kore.keep(*(call(f"s{number}", number) for number in range(MANY)))
    kore.keep(call("odd", 0, **under(sojourn__kind="guardrail")))

    for kind in ("nothing", "tool_call", "handoff", "state_change", "error"):
        found = asked(partial(kore.get, "/export", format="jsonl", eventType=kind))
        assert found.rows < MANY // 2, kind
    for kind in ("guardrail_eval", "llm_call"):
        told = kore.get("/export", format="json", eventType=kind).json()
        assert {one["type"] for one in told} == {kind}
        assert "odd" in {one["sessionId"] for one in told}


def test_many_events_are_sent_as_they_are_read_and_say_the_same(kore: Kore, monkeypatch: pytest.MonkeyPatch) -> None:
    turn = span(trace_id(), "turn", lasts_s=60, attributes=under(session__id="s", sojourn__kind="chain"))
    steps = [span(turn.trace_id, "chat", parent=turn, at_s=n, attributes=usage(7, n)) for n in range(5)]
    kore.keep(turn, *steps)
    paths = ["/s/traces", "/s/traces?include=metrics&limit=4&offset=1", f"/s/traces/{turn.span_id.hex()}/children"]
    at_once = [kore.gateway.client.get(kore.base + path) for path in paths]

    monkeypatch.setattr(sessions, "_AT_ONCE", 2)
    in_pieces = [kore.gateway.client.get(kore.base + path) for path in paths]

    assert [one.json() for one in in_pieces] == [one.json() for one in at_once]
    assert ["content-length" in one.headers for one in (*at_once, *in_pieces)] == [True] * 3 + [False] * 3
    assert len(in_pieces[0].json()["traces"]) == 5


def test_many_events_that_cannot_be_read_are_told_by_the_status(kore: Kore, monkeypatch: pytest.MonkeyPatch) -> None:
    turn = span(trace_id(), "turn", lasts_s=60, attributes=under(session__id="s", sojourn__kind="chain"))
    kore.keep(turn, *(span(turn.trace_id, "chat", parent=turn, at_s=n, attributes=usage(7, n)) for n in range(5)))
    engine = kore.gateway.engine
    answer = engine.rows

    def rows(sql: str, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        if "limit 1 by trace_id, span_id" in sql:
            raise Unread("too much at once")
        return answer(sql, values)

    monkeypatch.setattr(sessions, "_AT_ONCE", 2)
    monkeypatch.setattr(engine, "rows", rows)
    told = kore.gateway.client.get(f"{kore.base}/s/traces")

    assert told.status_code == 503
    assert told.json()["success"] is False


def test_a_long_chain_of_steps_is_followed_so_far_and_no_farther(kore: Kore) -> None:
    chain = [span(trace_id(), "invoke_agent Ada", attributes={"gen_ai.operation.name": "invoke_agent"})]
    for _ in range(40):
        chain.append(span(chain[0].trace_id, "task", parent=chain[-1]))
    near, far = (span(chain[0].trace_id, "chat", parent=chain[above], attributes=usage()) for above in (20, 40))
    kore.keep(*chain, near, far)

    found = kore.told("/generations", agentName="Ada")["generations"]

    assert [one["spanId"] for one in found] == [near.span_id.hex()]


def test_metrics_of_twice_the_events_are_twice_the_work() -> None:
    def work(turns: int) -> int:
        """Calls of functions, ours and built-in ones."""
        happening = Happening()
        for number in range(turns):
            happening.turn(f"t{number}")
            happening.call(at_ms=number * 1000.0)
            happening.tool("find", at_ms=number * 1000 + 10.0)
        events = [replace(one, turn=rank // 3 + 1) for rank, one in enumerate(happening.events)]
        told = [Turn(f"t{number}", T0 + number * 10**9, T0 + number * 10**9 + 10**8, "", "") for number in range(turns)]
        calls = 0

        def count(_frame: object, event: str, _told: object) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        # What else is collected meanwhile is no work of theirs.
        gc.collect()
        gc.disable()
        sys.setprofile(count)
        try:
            figures_of(events, told, 0)
        finally:
            sys.setprofile(None)
            gc.enable()
        return calls

    assert work(400) < 2.2 * work(200)


def test_another_projects_session_of_the_same_name_says_nothing_here(kore: Kore, engine: Engine, home: Path) -> None:
    """Conditions of a filter are bound together, so that none of them reaches beyond its project."""
    kore.keep(call("shared", 0))
    with served(engine, Home(home), replace(Settings(), project=f"other-{home.parent.name}")) as gateway:
        other = Kore(replace(gateway, project=f"other-{home.parent.name}"))
        other.keep(call("shared", 0, **under(sojourn__metadata__channel="voice", gen_ai__agent__name="Ada")))

        assert other.told(channel="voice")["total"] == other.told(agentName="Ada")["total"] == 1
        assert kore.told(channel="voice")["total"] == kore.told(agentName="Ada")["total"] == 0
        assert kore.told("/generations", agentName="Ada")["total"] == 0
