"""Reading over `/v1`: shapes, paging, validation, errors."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.gateway.sender import T0, span, trace_id, traces, usage
from tests.gateway.story import ANSWER, QUESTION, UNPRICED, Story, support_session

if TYPE_CHECKING:
    from tests.gateway.serving import Served

ISO = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z")


def test_health_says_what_the_contract_says(gateway: Served) -> None:
    assert gateway.get("/health").json() == {"status": "ok", "message": "Server Up"}


def test_capabilities_say_that_this_is_sojourn(gateway: Served) -> None:
    told = gateway.get("/v1/capabilities").json()

    assert (told["target"], told["product"], told["url"]) == ("local", "sojourn", gateway.url)
    assert told["endpoints"]["sessions"] is True
    assert told["endpoints"]["scores"] is True
    assert told["endpoints"]["datasets"] is True


def test_a_session_in_the_list_says_what_happened(gateway: Served) -> None:
    gateway.keep(support_session("s-1"), name="Order 4812", tags=("refund",), end_state="Success")

    (session,) = gateway.data("/v1/sessions")

    assert ISO.fullmatch(session["start"])
    assert ISO.fullmatch(session["end"])
    expected: dict[str, Any] = {
        "id": "s-1",
        "name": "Order 4812",
        "trace_count": 2,
        "span_count": 7,
        "total_tokens": 4327,
        "tags": ["refund"],
        "state": "Success",
        "reason": "done",
        "user_id": "ada",
        "model_calls": 3,
        "tool_calls": 2,
        "errors": 1,
        "cache_read_tokens": 2048,
        "unpriced": 0,
        "models": ["gpt-4o-mini"],
        "implicit": False,
        "first_input": QUESTION,
        "last_output": ANSWER,
    }
    assert {name: session[name] for name in expected} == expected
    assert session["total_cost"] == float(session["cost_usd"]) > 0


def test_an_unknown_price_is_told_apart_from_nothing(gateway: Served) -> None:
    gateway.keep(support_session("s-unpriced", model=UNPRICED))

    (session,) = gateway.data("/v1/sessions")

    assert (session["cost_usd"], session["unpriced"]) == (None, 3)


def test_a_session_comes_whole_with_its_spans_as_a_tree_is_read(gateway: Served) -> None:
    gateway.keep(support_session("s-2"), name="Order")

    session = gateway.data("/v1/sessions/s-2")

    assert [(span["depth"], span["step"], span["status"]) for span in session["spans"]] == [
        (0, "agent", "UNSET"),
        (1, "model", "UNSET"),
        (1, "tool", "UNSET"),
        (1, "tool", "ERROR"),
        (1, "model", "UNSET"),
        (0, "agent", "UNSET"),
        (1, "model", "UNSET"),
    ]
    model = next(span for span in session["spans"] if span["step"] == "model")
    assert (model["type"], model["model"], model["tokens"]) == ("GENERATION", "gpt-4o-mini", 1292)
    assert json.loads(model["input"])[1] == {"role": "user", "content": QUESTION}
    assert [call["toolName"] for call in json.loads(model["tool_calls"])] == ["find_order", "carrier_status"]
    failed = next(span for span in session["spans"] if span["status"] == "ERROR")
    assert (failed["status_message"], failed["error_type"]) == ("the carrier did not answer", "TimeoutError")
    assert failed["events"][0]["name"] == "exception"


def test_numbers_that_json_cannot_say_come_as_words(gateway: Served) -> None:
    story = Story("s-numbers")
    span = story.begin("odd", 0, a=float("nan"), b=float("inf"), c=[1.5, float("-inf")], d=2**62)
    story.end(span, 1)
    gateway.keep(story)

    (told,) = gateway.data("/v1/sessions/s-numbers")["spans"]

    attributes = told["attributes"]
    assert [attributes[name] for name in "abcd"] == ["NaN", "Infinity", [1.5, "-Infinity"], 2**62]
    assert gateway.get("/sessions/s-numbers", span=told["id"]).status_code == 200


def test_fields_leave_out_what_is_not_asked_for(gateway: Served) -> None:
    gateway.keep(support_session("s-fields"))

    assert "spans" not in gateway.data("/v1/sessions/s-fields", fields="summary")
    assert "input" not in gateway.data("/v1/sessions/s-fields", fields="spans")["spans"][0]
    assert gateway.get("/v1/sessions/s-fields", fields="all").status_code == 400


@pytest.mark.parametrize("session_id", ["a/b", "a/traces", "ä ö %2F ?#", "x" * 400])
def test_a_session_id_may_hold_anything(gateway: Served, session_id: str) -> None:
    gateway.keep(support_session(session_id))

    assert gateway.data(f"/v1/sessions/{quote(session_id, safe='')}")["id"] == session_id
    traces = gateway.data(f"/v1/sessions/{quote(session_id, safe='')}/traces")
    assert len(traces) == 2


def test_traces_of_a_session_announce_that_they_go_away(gateway: Served) -> None:
    gateway.keep(support_session("s-3"))

    answer = gateway.get("/v1/sessions/s-3/traces", limit=1)

    assert answer.headers["Deprecation"] == "true"
    assert answer.headers["Link"] == '</v1/traces?session_id=s-3>; rel="successor-version"'
    assert answer.json()["pagination"] == {"total": 2, "limit": 1, "offset": 0}
    (trace,) = answer.json()["data"]
    assert {span["trace_id"] for span in trace["spans"]} == {trace["id"]}


def test_traces_of_an_unknown_session_are_none(gateway: Served) -> None:
    assert gateway.data("/v1/sessions/nobody/traces") == []


def test_traces_are_listed_and_come_whole(gateway: Served) -> None:
    gateway.keep(support_session("s-4"))

    items = gateway.data("/v1/traces", session_id="s-4")
    assert [item["span_count"] for item in items] == [2, 5]
    first = items[-1]
    assert (first["name"], first["status"], first["errors"]) == ("support agent", "ERROR", 1)
    assert first["input_preview"] == QUESTION

    trace = gateway.data(f"/v1/traces/{first['id']}")
    assert (trace["id"], trace["tokens"], len(trace["spans"])) == (first["id"], first["tokens"], first["span_count"])
    assert trace["output"] == ANSWER
    assert "graph" not in trace
    whole = gateway.data(f"/v1/traces/{first['id'].upper()}", fields="graph,scores")
    assert (whole["graph"], whole["scores"]) == ([], [])


def test_a_span_of_a_trace_tells_what_its_children_used(gateway: Served) -> None:
    trace = trace_id()
    agent = span(trace, "agent")
    step = span(trace, "step", parent=agent, at_s=1)
    calls = [span(trace, "chat", parent=step, at_s=2 + number, attributes=usage(100, 10)) for number in range(2)]
    assert gateway.send(traces([agent, step, *calls])).status_code == 200
    assert gateway.engine.settle(300)

    told = gateway.data(f"/v1/traces/{trace.hex()}")

    call = told["spans"][-1]
    assert (call["tokens"], call["cost"]) == (110, 0.000021)
    assert [(one["name"], one["tokens"], one["input_tokens"], one["model"]) for one in told["spans"][:2]] == [
        ("agent", 220, 200, call["model"]),
        ("step", 220, 200, call["model"]),
    ]
    assert [one["cost"] for one in told["spans"][:2]] == [pytest.approx(0.000042)] * 2
    assert (told["tokens"], told["cost"]) == (220, 0.000042)
    # What each span itself says, the lists of spans have.
    assert {one["name"]: one["tokens"] for one in gateway.data(f"/v1/traces/{trace.hex()}/spans")} == {
        "agent": 0,
        "step": 0,
        "chat": 110,
    }


def test_a_trace_without_a_session_is_listed_on_request_only(gateway: Served) -> None:
    story = Story(None)
    span = story.begin("lonely", 0)
    story.end(span, 1)
    gateway.keep(story)

    assert gateway.data("/v1/sessions") == []
    (session,) = gateway.data("/v1/sessions", include_implicit="true")
    assert session["implicit"] is True
    assert gateway.data(f"/v1/sessions/{session['id']}")["span_count"] == 1


@pytest.mark.parametrize("path", ["/v1/sessions/nobody", "/v1/traces/" + "0" * 32, "/v1/traces/no-hex", "/v1/nowhere"])
def test_what_is_not_there_is_404_in_the_envelope(gateway: Served, path: str) -> None:
    answer = gateway.get(path)

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"
    assert set(answer.json()["error"]) == {"code", "message"}


def test_a_method_that_a_route_does_not_take_is_405_in_the_envelope(gateway: Served) -> None:
    answer = gateway.client.patch("/v1/traces")

    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize(
    ("path", "query", "fields"),
    [
        ("/v1/sessions", "limit=0&offset=-1&sort_by=color&sort_order=up", {"limit", "offset", "sort_by", "sort_order"}),
        ("/v1/sessions", "limit=1001", {"limit"}),
        ("/v1/sessions", "limit=ten", {"limit"}),
        ("/v1/sessions", "limit=1.5", {"limit"}),
        ("/v1/sessions", "offset=9999999999999999999", {"offset"}),
        ("/v1/sessions", "start_date=2026-01-31", {"start_date"}),
        ("/v1/sessions", "start_date=2026-01-31T08:00:00%2B01:00", {"start_date"}),
        ("/v1/sessions", "end_date=2026-02-31T08:00:00Z", {"end_date"}),
        ("/v1/sessions", "state=closed", {"state"}),
        ("/v1/traces", "start_date=2026-01-31T08:00:00Z", {"start_date"}),
        ("/v1/traces", "end_date=31.01.2026", {"end_date"}),
        ("/v1/traces", "status=FAILED", {"status"}),
        ("/v1/sessions/x/traces", "limit=0", {"limit"}),
    ],
)
def test_wrong_parameters_are_400_and_each_is_named(gateway: Served, path: str, query: str, fields: set[str]) -> None:
    answer = gateway.get(f"{path}?{query}")

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "invalid_query_params")
    assert error["message"] == "Invalid query parameters"
    assert set(error["details"]) == fields


@pytest.mark.parametrize("path", ["/v1/sessions", "/v1/traces", "/v1/spans", "/v1/requests", "/v1/scores"])
def test_a_selection_that_is_unknown_is_never_ignored(gateway: Served, path: str) -> None:
    answer = gateway.get(path, colour="red")

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], set(error["details"])) == (400, "invalid_query_params", {"colour"})
    assert "limit" in error["details"]["colour"]


def test_pages_follow_each_other_in_a_stable_order(gateway: Served) -> None:
    for number in range(5):
        gateway.keep(support_session(f"s-{number}"))

    pages = [gateway.get("/v1/sessions", limit=2, offset=offset, sort_by="total_tokens").json() for offset in (0, 2, 4)]

    assert [page["pagination"] for page in pages] == [{"total": 5, "limit": 2, "offset": at} for at in (0, 2, 4)]
    assert sorted(session["id"] for page in pages for session in page["data"]) == [f"s-{n}" for n in range(5)]


def test_dates_bound_inclusively(gateway: Served) -> None:
    # Its traces are half a minute apart: begun just now, they could lie on two days.
    gateway.keep(support_session("s-dated", started_ns=T0 + 123_456_789))
    (session,) = gateway.data("/v1/sessions")

    assert gateway.data("/v1/sessions", start_date=session["start"], end_date=session["start"]) == [session]
    assert gateway.data("/v1/sessions", end_date="2020-01-01T00:00Z") == []
    day = "2026-09-21"
    assert len(gateway.data("/v1/traces", start_date=day, end_date=day)) == 2
    assert gateway.data("/v1/traces", end_date="2020-01-01") == []


def test_sessions_are_found_by_name_id_user_and_state(gateway: Served) -> None:
    gateway.keep(support_session("alpha-1"), name="Nightly digest", end_state="Fail")
    gateway.keep(support_session("beta-2"), name="Order 4812")

    def found(**query: str) -> list[str]:
        return sorted(session["id"] for session in gateway.data("/v1/sessions", **query))

    assert found(search="DIGEST") == ["alpha-1"]
    assert found(search="beta") == ["beta-2"]
    assert found(name="4812") == ["beta-2"]
    assert found(userId="ada") == found(user_id="ada") == ["alpha-1", "beta-2"]
    assert found(user_id="nobody") == []
    assert found(state="Fail") == ["alpha-1"]
    assert found(state="open") == ["beta-2"]


def test_parents_of_a_node_that_nest_without_end_are_none(gateway: Served) -> None:
    story = Story("deep", started_ns=T0)
    node = story.begin("step", 0, agentmark__metadata__graph__node__id="n")
    node.set_attribute("agentmark.metadata.graph.node.parent_ids", "[" * 100_000)
    story.end(node, 1)
    gateway.keep(story)
    (trace,) = gateway.data("/v1/traces")

    assert [one["nodeId"] for one in gateway.data(f"/v1/traces/{trace['id']}", fields="graph")["graph"]] == ["n"]
