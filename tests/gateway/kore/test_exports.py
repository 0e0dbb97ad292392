"""Events as files, and the ledger of all calls of a project."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway.kore.reading import Kore, error_of, under
from tests.gateway.sender import event, span, trace_id, usage
from tests.gateway.story import support_session

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from tests.gateway.serving import Served

COLUMNS = (
    "sessionId,traceId,spanId,parentSpanId,eventId,seq,timestamp,type,agentName,turn,durationMs,hasError,"
    "decisionKind,model,inputTokens,outputTokens,estimatedCost,toolName,success,data"
)


@pytest.fixture
def kore(gateway: Served) -> Kore:
    """The endpoints of a project that only this test sees."""
    return Kore(gateway)


def call(session: str, at_s: float, lasts_s: float, tokens: int, **more: Any) -> Span:
    """A call of a model that is a turn by itself."""
    told = usage(tokens, 0, **under(session__id=session)) | more
    return span(trace_id(), "chat", at_s=at_s, lasts_s=lasts_s, attributes=told)


def test_an_export_is_a_row_an_event_in_the_order_of_the_contract(kore: Kore) -> None:
    kore.gateway.keep(support_session("s1"))
    events = kore.events("s1")

    answer = kore.get("/export", format="csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(
        r'attachment; filename="traces-[A-Za-z0-9._-]+-\d{4}-\d\d-\d\d\.csv"', answer.headers["content-disposition"]
    )
    assert answer.text.startswith(f"{COLUMNS}\r\n")
    assert answer.text.count("\r\n") == len(events) + 1
    assert [json.loads(row["data"]) for row in rows] == [one["data"] for one in events]
    first, result = rows[0], next(row for row in rows if row["type"] == "tool_result")
    assert {name: first[name] for name in ("eventId", "seq", "type", "turn", "durationMs", "hasError")} == {
        "eventId": events[0]["id"],
        "seq": "0",
        "type": "llm_call",
        "turn": "1",
        "durationMs": "1400.0",
        "hasError": "false",
    }
    assert (first["model"], first["inputTokens"], first["outputTokens"]) == ("gpt-4o-mini", "1204", "88")
    assert (result["toolName"], result["success"], result["model"]) == ("find_order", "true", "")
    assert kore.get("/export").text == answer.text
    assert kore.get("/export", format="json").json() == events
    assert [json.loads(line) for line in kore.get("/export", format="jsonl").text.splitlines()] == events


def test_an_export_is_chosen_by_session_time_and_type(kore: Kore) -> None:
    kore.keep(*(call(session, at_s, 1, 10) for session in ("a", "b", "c", "d,e") for at_s in (0, 60)))

    def chosen(**query: Any) -> list[tuple[str, int]]:
        return [(one["sessionId"], one["seq"]) for one in kore.get("/export", format="json", **query).json()]

    assert chosen() == [(session, seq) for session in ("a", "b", "c", "d,e") for seq in (0, 1)]
    assert chosen(sessionId=["c", "a"]) == [("a", 0), ("a", 1), ("c", 0), ("c", 1)]
    assert chosen(sessionId="a,b,nope", limit=3) == [("a", 0), ("a", 1), ("b", 0)]
    assert chosen(**{"from": "2026-09-21T14:14:20Z"}) == [(session, 1) for session in ("a", "b", "c", "d,e")]
    assert chosen(to="2026-09-21T14:13:21Z", sessionId="b") == [("b", 0)]
    assert chosen(eventType="tool_call") == []
    assert kore.get("/export", eventType="nothing").text == f"{COLUMNS}\r\n"
    assert kore.get("/export", format="jsonl", eventType="nothing").text == ""
    assert error_of(kore.get("/export", format="xml")) == (400, "VALIDATION_ERROR")
    assert error_of(kore.get("/export", limit=0)) == (400, "VALIDATION_ERROR")


def test_no_cell_of_an_export_is_a_formula(kore: Kore) -> None:
    hostile = ("=1+1", "+cmd", "-2+3", "@SUM(A1)", "\tx", "-5")
    told = {"gen_ai.operation.name": "execute_tool", "session.id": "s"}
    kore.keep(
        *(
            span(trace_id(), "t", at_s=rank, attributes={**told, "gen_ai.tool.name": name, "gen_ai.agent.name": name})
            for rank, name in enumerate(hostile)
        )
    )
    rows = list(csv.DictReader(io.StringIO(kore.get("/export", eventType="tool_call").text)))

    assert [row["toolName"] for row in rows] == ["'=1+1", "'+cmd", "'-2+3", "'@SUM(A1)", "'\tx", "-5"]
    assert [row["agentName"] for row in rows] == [row["toolName"] for row in rows]


def test_the_ledger_lists_all_calls_of_a_project(kore: Kore) -> None:
    turn = span(
        trace_id(),
        "turn",
        lasts_s=9,
        attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "Ada", "session.id": "a"},
    )
    content = {
        "gen_ai.input.messages": '[{"role":"user","content":"four"}]',
        "gen_ai.output.messages": '[{"role":"assistant","content":"two"}]',
        "gen_ai.prompt.name": "greeting",
    }
    first = span(turn.trace_id, "chat", parent=turn, at_s=1, lasts_s=3, attributes=usage(100, 10, **content))
    outer = span(turn.trace_id, "outer", parent=turn, at_s=5, lasts_s=2, attributes=usage(7, 1))
    inner = span(turn.trace_id, "inner", parent=outer, at_s=5, lasts_s=1, attributes=usage(7, 1))
    failed = call("b", 20, 2, 50, **under(gen_ai__provider__name="anthropic", gen_ai__response__model="m-2"))
    failed.status.code = failed.status.STATUS_CODE_ERROR
    kore.keep(turn, first, outer, inner, failed)

    def chosen(**query: Any) -> list[str]:
        told = kore.told("/generations", **query)
        assert (told["total"], told["hasMore"]) == (len(told["generations"]), False)
        return [one["spanId"] for one in told["generations"]]

    newest, second, oldest = (one.span_id.hex() for one in (failed, inner, first))
    (*_, line) = kore.told("/generations")["generations"]
    assert line == {
        "id": line["eventId"],
        "eventId": kore.events("a")[0]["id"],
        "sessionId": "a",
        "traceId": turn.trace_id.hex(),
        "spanId": oldest,
        "agentName": "Ada",
        "model": "gpt-4o-mini-2024-07-18",
        "provider": "openai",
        "status": "success",
        "inputTokens": 100,
        "cachedTokens": 0,
        "reasoningTokens": 0,
        "outputTokens": 10,
        "totalTokens": 110,
        "latencyMs": 3000.0,
        "timeToFirstTokenMs": None,
        "streamingUsed": False,
        "cost": 0.000021,
        "timestamp": "2026-09-21T14:13:21.000Z",
        "prompt": {"name": "greeting", "version": None, "messageCount": 1, "characters": 4},
    }
    assert kore.told("/generations", dataMode="full", sortOrder="asc")["generations"][0]["payload"] == {
        "request": [{"role": "user", "content": "four"}],
        "response": "two",
    }
    assert chosen() == [newest, second, oldest]
    assert chosen(sortBy="latencyMs") == [oldest, newest, second]
    assert chosen(sortBy="totalTokens", sortOrder="asc") == [second, newest, oldest]
    assert chosen(sortBy="cost")[0] == oldest
    assert chosen(sessionId="b") == [newest]
    assert chosen(agentName="Ada") == [second, oldest]
    assert chosen(model="m-2") == [newest]
    assert chosen(provider="openai", status="success") == [second, oldest]
    assert chosen(status="failed") == [newest]
    assert chosen(**{"from": "2026-09-21T14:13:25Z", "to": "2026-09-21T14:13:26Z"}) == [second]
    page = kore.told("/generations", limit=1, offset=1)
    assert ([one["spanId"] for one in page["generations"]], page["total"], page["hasMore"]) == ([second], 3, True)
    assert page["pagination"] == {"total": 3, "limit": 1, "offset": 1}
    for query in ("sortBy=size", "sortOrder=up", "status=ok", "from=x", "limit=0"):
        assert error_of(kore.get(f"/generations?{query}")) == (400, "VALIDATION_ERROR"), query


def test_a_session_is_begun_reset_and_erased(kore: Kore) -> None:
    kore.keep(call("old", 0, 1, 10))

    begun = kore.gateway.client.post(kore.base, json={"agentId": "booking"})

    assert begun.status_code == 201
    made = begun.json()["session"]
    assert set(made) == {"id", "agentId", "agentName", "createdAt"}
    found = kore.session(made["id"])
    assert (found["agentName"], found["status"], found["createdAt"]) == ("booking", "active", made["createdAt"])
    assert kore.gateway.client.post(f"{kore.base}/old/reset").json() == {"success": True}
    assert len(kore.events("old")) == 1
    assert kore.gateway.client.delete(f"{kore.base}/old").json() == {"success": True}
    assert error_of(kore.get("/old")) == (404, "NOT_FOUND")
    assert error_of(kore.gateway.client.delete(f"{kore.base}/old")) == (404, "NOT_FOUND")
    assert error_of(kore.gateway.client.post(f"{kore.base}/old/reset")) == (404, "NOT_FOUND")


def test_a_body_that_cannot_be_understood_is_refused(kore: Kore) -> None:
    client, base = kore.gateway.client, kore.base
    for body in (b"{}", b'{"agentId": 7}', b'{"agentId": ""}', b'{"agentId": "' + b"x" * 300 + b'"}'):
        assert error_of(client.post(base, content=body)) == (400, "VALIDATION_ERROR"), body
    for body in (b"", b"[]", b"{", b"\xff", b"[" * 100_000):
        assert error_of(client.post(base, content=body)) == (400, "BAD_REQUEST"), body[:20]
    assert error_of(client.post(base, content=b" " * 2**20 + b"{}")) == (413, "PAYLOAD_TOO_LARGE")
    assert error_of(client.put(base, content=b"{}"))[0] == 405
    assert error_of(client.post(f"{base}/x/traces")) == (404, "NOT_FOUND")


def test_an_agent_that_was_declared_is_known_by_its_id(kore: Kore) -> None:
    kore.tell(event("sojourn.session.update", "s", gen_ai__agent__id="7", gen_ai__agent__name="Grace"))
    kore.keep(call("s", 0, 1, 10, **under(gen_ai__agent__id="7")))

    assert kore.events("s")[0]["agentName"] == "Grace"
    assert kore.told(agentName="Grace")["total"] == 1
