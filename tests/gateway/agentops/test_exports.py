"""Exports of whole sessions: every step once, in order, and never all of them in memory."""

from __future__ import annotations

import json
import re
import socket
import time
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, get_args

import httpx
import psutil
import pytest

from sojourn_gateway.apis.agentops import traces as reading_traces
from sojourn_gateway.engine import session_steps
from sojourn_gateway.engine.backend import Unread
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.model.session import StepKind
from tests.gateway.agentops.by_hand import Program, event
from tests.gateway.faulty import PROTOBUF, gateway
from tests.gateway.sender import span, trace_id, traces, usage
from tests.gateway.serving import is_look_round
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gateway.sender import Store
    from tests.gateway.serving import Served

S, T = {"session.id": "s"}, {"session.id": "t"}
TOOL = {"gen_ai.operation.name": "execute_tool"}
LARGE = 1_000_000
EVENTS = 1_000_000
AT_ONCE = 8_000


def intricate(store: Store) -> None:
    """Steps that start together, that have not ended, calls in calls, failures passed on, a trace in two sessions."""
    first, second, third = trace_id(), trace_id(), trace_id()
    turn = span(first, "turn", lasts_s=9, attributes=S)
    outer = span(first, "outer", parent=turn, at_s=1, lasts_s=5, attributes=usage(10, 1))
    fails = {**TOOL, "error.type": "ValueError"}
    thrower = span(first, "passes on", parent=turn, at_s=2, lasts_s=4, attributes=fails, error="no")
    open_step = span(first, "has not ended", parent=turn, at_s=2, attributes=TOOL)
    open_step.end_time_unix_nano = 0
    store.send(
        turn,
        outer,
        span(first, "inner", parent=outer, at_s=1, lasts_s=2, attributes=usage(10, 1)),
        thrower,
        span(first, "throws", parent=thrower, at_s=2, lasts_s=1, attributes=fails, error="no"),
        span(
            first, "fails otherwise", parent=thrower, at_s=2, attributes={**TOOL, "error.type": "KeyError"}, error="k"
        ),
        open_step,
        *(span(first, f"task {n}", parent=turn, at_s=3, attributes={"sojourn.kind": "task"}) for n in range(5)),
    )
    root = span(second, "shared", at_s=70, lasts_s=5, attributes=S)
    store.send(
        root,
        span(second, "of the other", parent=root, at_s=71, attributes={**usage(5, 5), **T}),
        span(second, "of the first", parent=root, at_s=71, attributes=usage(5, 5)),
    )
    store.send(span(third, "call", at_s=140, attributes={**usage(1, 1), **S}))
    # Once more, in another minute.
    store.send(span(third, "moves", span_id=b"moves-01", at_s=10, attributes={**TOOL, **S}))
    store.send(span(third, "moves", span_id=b"moves-01", at_s=200, attributes={**TOOL, **S}))


def test_steps_are_read_by_kind_each_once_and_in_the_order_of_the_session(store: Store) -> None:
    intricate(store)
    session = store.session("s")
    in_order = [one.name for one in session.spans]
    assert len(in_order) == session.summary.span_count == 16

    def names(kind: StepKind, keys_at_once: int) -> list[str]:
        pages = session_steps.step_pages(store.engine, store.project, "s", kind, keys_at_once=keys_at_once)
        return [row[5].decode() for page in pages for row in page]

    kinds: dict[StepKind, set[str]] = {
        "calls": {"inner", "of the first", "call"},
        "tools": {"passes on", "throws", "fails otherwise", "has not ended", "moves"},
        "actions": {f"task {n}" for n in range(5)},
        "others": {"turn", "outer", "shared"},
        "failed": {"throws", "fails otherwise"},
    }
    for kind, expected in kinds.items():
        for keys_at_once in (1, 2, 3, 100):
            assert names(kind, keys_at_once) == [name for name in in_order if name in expected], (kind, keys_at_once)
    assert (session.summary.model_calls, session.summary.tool_calls, session.summary.errors) == (3, 5, 2)
    assert names("calls", 100) != []


def test_the_other_session_of_a_trace_has_its_own_step_alone(store: Store) -> None:
    intricate(store)
    told = {kind: list(store.queries.session_steps.of(store.project, "t", kind)) for kind in ("calls", "others")}
    assert [[one.name for page in pages for one in page] for pages in told.values()] == [["of the other"], []]


def test_a_small_session_read_at_once_says_what_a_large_one_says_kind_by_kind(store: Store) -> None:
    intricate(store)
    steps = store.queries.session_steps
    for session_id, count in (("s", 16), ("t", 1)):
        summary = store.session(session_id).summary
        assert summary.span_count == count
        at_once, in_pieces = steps.whole(store.project, summary), partial(steps.of, store.project, session_id)
        for kind in get_args(StepKind):
            told, expected = (list(chain.from_iterable(read(kind))) for read in (at_once.of, in_pieces))
            assert told == expected, (session_id, kind)
            assert all(one.session_id == session_id for one in told)


def test_the_spans_of_a_small_session_are_read_once_for_its_export(
    gateway: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = Program.begin(gateway)
    program.send(
        event("actions", action_type="a"),
        event("llms", model="gpt-4o-mini", prompt="x", completion="y"),
        event("tools", name="t"),
        event("errors", error_type="Wrong", details="by hand"),
    )
    assert gateway.engine.settle(60)
    answer, asked = gateway.engine.rows, list[str]()

    def listening(sql: str, values: Any = None) -> Any:
        asked.append(sql)
        return answer(sql, values)

    monkeypatch.setattr(gateway.engine, "rows", listening)
    told = gateway.get(f"/v2/sessions/{program.session_id}/export").json()

    assert [len(told[section]) for section in ("actions", "llms", "tools", "errors")] == [1, 1, 1, 1]
    assert sum(f"from {DATABASE}.spans" in sql for sql in asked) == 1


def test_an_export_is_sent_while_it_is_read(gateway: Served) -> None:
    """What is written behind its first bytes stands in it: nobody read so far before these were sent."""
    program = Program.begin(gateway)
    for _ in range(4):
        program.send(*(event("actions", action_type="large", params={"text": "x" * LARGE}) for _ in range(4)))

    # Less than one section fits between a sender and a reader that does not read.
    small = httpx.HTTPTransport(socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)])
    path = f"/v2/sessions/{program.session_id}/export"
    with (
        httpx.Client(base_url=gateway.url, transport=small, timeout=600) as client,
        client.stream("GET", path) as answer,
    ):
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        assert "content-length" not in answer.headers
        pieces = answer.iter_bytes()
        first = next(pieces)
        assert first.startswith(b'{"session":')
        program.send(event("errors", error_type="Late", details="told meanwhile"))
        told: dict[str, Any] = json.loads(first + b"".join(pieces))

    assert [len(action["params"]["text"]) for action in told["actions"]] == [LARGE] * 16
    assert [error["error_type"] for error in told["errors"]] == ["Late"]
    assert (told["llms"], told["tools"], told["others"]) == ([], [], [])
    assert told["statistics"]["actions"] == 16


def test_what_time_travel_replays_is_a_list_even_when_it_is_empty(gateway: Served) -> None:
    program = Program.begin(gateway)
    assert gateway.get(f"/v2/ttd/{program.session_id}").json() == []
    program.send(*(event("llms", model="gpt-4o-mini", prompt=f"{n}", completion="y", at=n) for n in range(3)))
    told = gateway.get(f"/v2/ttd/{program.session_id}").json()
    assert [row["prompt"]["string"] for row in told] == ["0", "1", "2"]


def test_a_large_trace_is_sent_as_it_is_read_and_says_the_same(
    gateway: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = trace_id()
    turn = span(trace, "turn", lasts_s=9, attributes=S)
    outer = span(trace, "outer", parent=turn, at_s=1, lasts_s=5, attributes=usage(10, 1))
    inner = span(trace, "inner", parent=outer, at_s=1, lasts_s=2, attributes=usage(10, 1))
    tools = (span(trace, f"tool {n}", parent=turn, at_s=n, attributes=TOOL, error="no") for n in range(5))
    assert gateway.send(traces([turn, outer, inner, *tools])).status_code == 200
    assert gateway.engine.settle(60)
    paths = [f"/public/v1/traces/{trace.hex()}", f"/v4/traces/detail/{trace.hex()}"]
    at_once = [gateway.get(path) for path in paths]

    monkeypatch.setattr(reading_traces, "_AT_ONCE", 3)
    monkeypatch.setattr(session_steps, "trace_pages", partial(session_steps.trace_pages, keys_at_once=2))
    in_pieces = [gateway.get(path) for path in paths]

    assert [one.json() for one in in_pieces] == [one.json() for one in at_once]
    assert ["content-length" in one.headers for one in (*at_once, *in_pieces)] == [True, True, False, False]
    short, detail = (one.json() for one in in_pieces)
    assert [one["span_name"] for one in short["spans"]][:3] == ["turn", "tool 0", "outer"]
    assert len(detail["spans"]) == 8
    # The call around the other one is the same call.
    figures = gateway.get(f"{paths[0]}/metrics").json()
    assert detail["metrics"] == figures
    told = ("span_count", "trace_count", "fail_count", "indeterminate_count", "total_tokens")
    assert [figures[name] for name in told] == [8, 1, 5, 3, 11]


def test_a_large_trace_that_cannot_be_read_is_told_by_the_status(
    gateway: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = trace_id()
    turn = span(trace, "turn", lasts_s=9, attributes=S)
    tools = (span(trace, f"tool {n}", parent=turn, at_s=n, attributes=TOOL) for n in range(5))
    assert gateway.send(traces([turn, *tools])).status_code == 200
    assert gateway.engine.settle(60)
    answer = gateway.engine.rows

    def rows(sql: str, values: Any = None) -> Any:
        if "(minute, trace_id, span_id) in" in sql:
            raise Unread("too much at once")
        return answer(sql, values)

    monkeypatch.setattr(reading_traces, "_AT_ONCE", 3)
    monkeypatch.setattr(gateway.engine, "rows", rows)

    assert gateway.get(f"/public/v1/traces/{trace.hex()}").status_code == 503


def test_an_update_reads_the_events_alone_that_it_changes(gateway: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program.begin(gateway)
    rows = [event("actions", action_type=f"a {n}", params={"n": n}) for n in range(40)]
    program.send(*rows)
    assert gateway.engine.settle(60)
    answer, read = gateway.engine.rows, list[int]()

    def counting(*asked: Any) -> Any:
        found = answer(*asked)
        if not is_look_round():
            read.append(len(found))
        return found

    monkeypatch.setattr(gateway.engine, "rows", counting)
    told = program.post("/v2/update_events", {"events": [{"id": rows[7]["id"], "returns": "late"}]})

    assert told.status_code == 200
    assert sum(read) < 20
    assert gateway.engine.settle(60)
    actions = gateway.get(f"/v2/sessions/{program.session_id}/export").json()["actions"]
    assert [one["action_type"] for one in actions if one["returns"] == "late"] == ["a 7"]
    assert len(actions) == 40


def keep(client: httpx.Client, body: bytes) -> None:
    """As an exporter does: again and again, while the gateway asks to wait."""
    until(lambda: client.post("/v1/traces", content=body, headers=PROTOBUF).status_code == 200, within_s=600)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_session_of_a_million_events_is_exported_in_bounded_memory(tmp_path: Path) -> None:
    kinds: tuple[dict[str, Any], ...] = ({"sojourn.kind": "action"}, usage(10, 1), TOOL, {})
    with gateway(tmp_path / "home") as running, httpx.Client(base_url=running.url, timeout=600) as client:
        for number in range(EVENTS // AT_ONCE):
            trace = trace_id()
            steps = [
                span(trace, "step", at_s=number * 3 + one / 1000, lasts_s=0.001, attributes={**S, **kinds[one % 4]})
                for one in range(AT_ONCE)
            ]
            keep(client, traces(steps))
        until(lambda: running.get("/v1/sessions/s", fields="summary")["span_count"] == EVENTS, within_s=3600)
        # A first reading loads what any reading needs.
        with client.stream("GET", "/v2/sessions/s/export") as answer:
            next(answer.iter_bytes())
        process = psutil.Process(running.process.pid)
        before = most = process.memory_info().rss
        events, looked = 0, time.monotonic()
        with client.stream("GET", "/v2/sessions/s/export") as answer:
            rest = b""
            for piece in answer.iter_bytes():
                rest += piece
                # An id stands in each event, and the last of these may be cut in two.
                found = re.findall(rb'\{"id":"', rest)
                events += len(found)
                rest = rest[-6:]
                if time.monotonic() - looked > 0.2:
                    most, looked = max(most, process.memory_info().rss), time.monotonic()
        print(f"{events:,} events, {before / 1e6:.0f} MB before, {most / 1e6:.0f} MB at most")
        assert events == EVENTS + 1  # the session itself has one
        assert most - before < 200_000_000
