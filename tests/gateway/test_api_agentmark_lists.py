"""Lists over `/v1`: filters, searches, spans, model calls, metrics."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from opentelemetry.trace import Status, StatusCode

from sojourn.home import Home
from sojourn_gateway.settings import Settings
from tests.gateway.sender import SECOND, T0
from tests.gateway.serving import served
from tests.gateway.story import ANSWER, PRICED, QUESTION, Story, support_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from sojourn_gateway.engine import Engine
    from tests.gateway.serving import Served

DAY = {"start_date": "2026-09-21T00:00:00Z", "end_date": "2026-09-22T23:59:59Z"}


def search(gateway: Served, resource: str, body: Any) -> httpx.Response:
    """POST a search."""
    return gateway.client.post(f"/v1/{resource}/search", json=body)


@pytest.fixture(scope="module")
def shop(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two sessions: a support case that went wrong in a tool, and a lonely call with metadata. Only read here."""
    home = Home(tmp_path_factory.mktemp("shop") / "home")
    with served(engine, home, Settings(project=f"shop-{uuid4().hex[:8]}")) as running:
        _fill(running)
        yield running


def _fill(gateway: Served) -> None:
    gateway.keep(support_session("case-1", started_ns=T0), name="Order", tags=("refund", "gold"))
    story = Story("case-2", started_ns=T0 + 3600 * SECOND)
    call = story.begin(
        "chat a-model",
        0,
        gen_ai__operation__name="chat",
        gen_ai__response__model="a-model",
        gen_ai__usage__input_tokens=7,
        gen_ai__usage__output_tokens=3,
        gen_ai__input__messages=json.dumps([{"role": "user", "parts": [{"type": "text", "content": 'Grüß "Gott"'}]}]),
        agentmark__prompt_name="greeter",
        agentmark__props='{"who": "Gott"}',
        agentmark__dataset_run_id="run-9",
        agentmark__metadata__commit_sha="abc123",
        agentmark__metadata__seats=4,
        user__id="bob",
    )
    call.set_status(Status(StatusCode.ERROR, "no answer"))
    story.end(call, 9)
    gateway.keep(story)


@pytest.mark.parametrize(
    ("told", "sessions"),
    [
        ("user_id = bob", ["case-2"]),
        ("user_id != bob", ["case-1", "case-1"]),
        ("model contains GPT", ["case-1", "case-1"]),
        ("model not contains gpt", ["case-2"]),
        ("session_id starts with case- and session_id ends with 2", ["case-2"]),
        ("input contains 'order 4812'", ["case-1", "case-1"]),
        ("input contains 'grüß \"gott\"'", ["case-2"]),
        ("output contains warehouse", ["case-1"]),
        ("semantic_kind = tool", ["case-1"]),
        ("prompt_name = greeter", ["case-2"]),
        ('props contains \'"who": "gott"\'', ["case-2"]),
        ("status = ERROR", ["case-1", "case-2"]),
        ("status = OK", ["case-1"]),
        ("latency_ms = 9000", ["case-2"]),
        ("latency_ms > 1000 and latency_ms <= 4200", ["case-1"]),
        ("prompt_tokens < 10 and completion_tokens = 3", ["case-2"]),
        ("cost > 0", ["case-1", "case-1"]),
        ("tags = refund", ["case-1", "case-1"]),
        ("tags != refund", ["case-2"]),
        ("tags contains GOL", ["case-1", "case-1"]),
        ("metadata.seats = 4", ["case-2"]),
        ("metadata.seats exists", ["case-2"]),
        ("metadata.seats does not exist", ["case-1", "case-1"]),
        ("(user_id = bob or semantic_kind = tool) and status = ERROR", ["case-1", "case-2"]),
        ('[{"field": "user_id", "operator": "in", "value": ["bob", "eve"]}]', ["case-2"]),
        ('[{"field": "latency_ms", "operator": "between", "value": [8000, 9000.5]}]', ["case-2"]),
        ('[{"field": "prompt_tokens", "operator": "notIn", "value": [7]}]', ["case-1", "case-1"]),
    ],
)
def test_traces_are_chosen_by_a_filter(shop: Served, told: str, sessions: list[str]) -> None:
    answer = shop.get("/v1/traces", filter=told).json()

    assert sorted(item["session_ids"][0] for item in answer["data"]) == sessions
    assert answer["pagination"]["total"] == len(sessions)


@pytest.mark.parametrize(
    ("told", "names"),
    [
        ("status = ERROR", ["chat a-model", "execute_tool carrier_status"]),
        ("semantic_kind = agent and user_id = ada", ["support agent"]),
        ("session_id = case-2", ["chat a-model"]),
        ("cost > 0 and completion_tokens > 100", [f"chat {PRICED}"]),
        ("tags = gold and semantic_kind = tool", ["execute_tool carrier_status", "execute_tool find_order"]),
        ("metadata.commit_sha = abc123", ["chat a-model"]),
        ("latency_ms < 900 and semantic_kind != tool", [f"chat {PRICED}"]),
    ],
)
def test_spans_are_chosen_by_a_filter(shop: Served, told: str, names: list[str]) -> None:
    assert sorted(span["name"] for span in shop.data("/v1/spans", filter=told)) == names


@pytest.mark.parametrize(
    ("told", "sessions"),
    [
        ("errors = 1 and trace_count = 2", ["case-1"]),
        ("name = Order", ["case-1"]),
        ("tags = gold", ["case-1"]),
        ("input contains gott", ["case-2"]),
        ("cost >= 0", ["case-1"]),
        ("state = open", ["case-2", "case-1"]),
        ("state = Fail", []),
        ("model = a-model", ["case-2"]),
    ],
)
def test_sessions_are_chosen_by_a_filter(shop: Served, told: str, sessions: list[str]) -> None:
    assert [session["id"] for session in shop.data("/v1/sessions", filter=told)] == sessions
    assert [session["id"] for session in shop.data("/v1/sessions", filter=told, include_implicit="true")] == sessions


def test_traces_are_found_by_experiment_and_by_commit(shop: Served) -> None:
    (trace,) = shop.data("/v1/traces", dataset_run_id="run-9")

    assert shop.data("/v1/traces", commit_sha="abc123") == [trace]
    assert shop.data("/v1/traces", commit_sha="abc") == []


@pytest.mark.parametrize(
    "path", ["/v1/traces", "/v1/spans", "/v1/sessions", "/v1/requests", "/v1/scores", "/v1/metrics"]
)
def test_a_filter_that_is_not_understood_says_where(gateway: Served, path: str) -> None:
    query = DAY if path == "/v1/metrics" else {}
    answer = gateway.get(path, filter="nothing = 1", **query)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["position"]) == (400, "invalid_filter", 1)
    assert "known: " in error["message"]


@pytest.mark.parametrize(
    ("resource", "filters", "total"),
    [
        ("traces", [{"field": "user_id", "operator": "equals", "value": "bob"}], 1),
        ("traces", [], 3),
        ("spans", [{"or": [{"field": "cost", "operator": "gt", "value": 0}]}], 3),
        ("sessions", [{"field": "tags", "operator": "in", "value": ["gold", "x"]}], 1),
        ("scores", [{"field": "created_at", "operator": "gt", "value": "2026-01-01T00:00:00Z"}], 0),
    ],
)
def test_a_search_answers_as_its_list(shop: Served, resource: str, filters: list[Any], total: int) -> None:
    answer = search(shop, resource, {"filters": filters, "limit": 2, "offset": 0})

    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["pagination"] == {"total": total, "limit": 2, "offset": 0}
    listed = shop.get(f"/v1/{resource}", filter=json.dumps(filters), limit=2)
    assert told == listed.json()


def test_a_search_bounds_by_time_and_sorts(shop: Served) -> None:
    latest = {"start_date": "2026-09-21T15:00:00Z", "sort_by": "latency", "sort_order": "asc"}

    found = search(shop, "traces", latest).json()["data"]

    assert [item["session_ids"] for item in found] == [["case-2"]]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "_"),
        ({"limit": "5"}, "limit"),
        ({"limit": True}, "limit"),
        ({"limit": 0}, "limit"),
        ({"colour": 1}, "colour"),
        ({"sort_by": "latency"}, "sort_by"),
        ({"start_date": "2026-01-31"}, "start_date"),
        ({"start_date": 5}, "start_date"),
    ],
)
def test_a_search_that_is_wrong_is_400_and_names_the_field(gateway: Served, body: Any, field: str) -> None:
    answer = search(gateway, "spans", body)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["message"]) == (
        400,
        "invalid_request_body",
        "Invalid request body",
    )
    assert set(error["details"]) == {field}


def test_a_search_with_a_wrong_filter_names_the_path(gateway: Served) -> None:
    answer = search(gateway, "spans", {"filters": [{"field": "model", "operator": "like", "value": "a"}]})

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["position"]) == (400, "invalid_filter", "filters[0].operator")


def test_a_body_that_is_no_json_is_400_in_the_envelope(gateway: Served) -> None:
    answer = gateway.client.post("/v1/traces/search", content=b"{oops")

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request_body")


def test_the_filter_schema_lists_what_can_be_asked(gateway: Served) -> None:
    told = gateway.data("/v1/filter-schema")["resources"]

    assert {"traces", "spans", "scores"} <= set(told)
    assert {"name": "cost", "kind": "numeric"}.items() <= told["spans"]["fields"][10].items()
    assert [one["pattern"] for one in told["traces"]["dynamic_fields"]] == ["metadata.<key>", "score__<name>"]
    assert told["scores"]["limits"] == {"max_predicates": 20, "max_in_values": 50}
    for resource in told.values():
        for field in resource["fields"]:
            assert field["operators"]


def test_spans_are_listed_newest_first_over_all_traces(shop: Served) -> None:
    answer = shop.get("/v1/spans", limit=3).json()

    assert answer["pagination"] == {"total": 8, "limit": 3, "offset": 0}
    assert [span["name"] for span in answer["data"]] == ["chat a-model", f"chat {PRICED}", "support agent"]
    first = answer["data"][0]
    assert (first["session_id"], first["prompt_name"], first["metadata"]) == (
        "case-2",
        "greeter",
        {"commit_sha": "abc123", "seats": "4"},
    )
    assert "input" not in first
    rest = shop.get("/v1/spans", limit=500, offset=3).json()["data"]
    assert len({span["id"] for span in [*answer["data"], *rest]}) == 8


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"type": "GENERATION"}, 4),
        ({"type": "SPAN"}, 4),
        ({"type": "EVENT"}, 0),
        ({"status": "ERROR"}, 2),
        ({"status": "STATUS_CODE_UNSET"}, 6),
        ({"status": "OK"}, 0),
        ({"name": "CHAT"}, 4),
        ({"model": "gpt"}, 3),
        ({"user_id": "bob"}, 1),
        ({"session_id": "case-1"}, 7),
        ({"session_id": "nobody"}, 0),
        ({"trace_id": "f" * 32}, 0),
        ({"trace_id": "no hex"}, 0),
        ({"min_duration": "1300", "max_duration": "1400"}, 2),
        ({"minDuration": "9000"}, 1),
        ({"start_date": "2026-09-21T15:00:00Z"}, 1),
        ({"end_date": "2026-09-21T15:00:00Z"}, 7),
        ({"start_date": "2027-01-01T00:00:00Z"}, 0),
    ],
)
def test_spans_are_chosen_by_parameters(shop: Served, query: dict[str, str], count: int) -> None:
    answer = shop.get("/v1/spans", **query).json()

    assert (answer["pagination"]["total"], len(answer["data"])) == (count, count)


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("limit=501&type=span&status=FAILED&min_duration=-1", {"limit", "type", "status", "min_duration"}),
        ("start_date=2026-01-31&max_duration=long", {"start_date", "max_duration"}),
        ("end_date=2200-01-02T00:00:00Z", {"end_date"}),
    ],
)
def test_wrong_parameters_of_spans_are_each_named(gateway: Served, query: str, fields: set[str]) -> None:
    answer = gateway.get(f"/v1/spans?{query}")

    assert (answer.status_code, set(answer.json()["error"]["details"])) == (400, fields)


def test_what_other_dialects_say_is_found_too(gateway: Served) -> None:
    story = Story("foreign")
    call = story.begin("llm", 0, llm__input_messages__0__message__content="Wie geht's?", output__value="Gut.")
    story.end(call, 1)
    gateway.keep(story)

    for told in ("input contains WIE", "output = Gut."):
        assert [span["name"] for span in gateway.data("/v1/spans", filter=told)] == ["llm"]


def test_a_span_that_was_sent_again_is_listed_once_as_it_came_last(gateway: Served) -> None:
    first = support_session("again", started_ns=T0)
    gateway.keep(first)
    spans = gateway.get("/v1/spans", limit=500).json()
    gateway.keep(first)

    assert gateway.get("/v1/spans", limit=500).json() == spans


def test_a_span_is_found_by_its_id_alone(shop: Served) -> None:
    (listed,) = shop.data("/v1/spans", filter="user_id = bob")

    found = shop.data(f"/v1/spans/{listed['id'].upper()}")

    assert (found["trace_id"], json.loads(found["input"])) == (
        listed["trace_id"],
        [{"role": "user", "content": 'Grüß "Gott"'}],
    )
    assert shop.get("/v1/spans/0123456789abcdef").status_code == 404
    assert shop.get("/v1/spans/none").json()["error"]["code"] == "not_found"


def test_the_spans_of_a_trace_come_in_order_of_start_and_one_with_its_content(shop: Served) -> None:
    trace = shop.data("/v1/traces", name="support", sort_order="asc")[0]["id"]

    spans = shop.data(f"/v1/traces/{trace}/spans")

    assert [span["timestamp"] for span in spans] == sorted(span["timestamp"] for span in spans)
    assert [span["step"] for span in spans] == ["agent", "model", "tool", "tool", "model"]
    content = shop.data(f"/v1/traces/{trace}/spans/{spans[-1]['id']}")
    assert set(content) == {"input", "output", "output_object", "tool_calls", "metadata"}
    assert (content["output"], QUESTION in content["input"]) == (ANSWER, True)
    assert shop.get(f"/v1/traces/{trace}/spans/{'0' * 16}").status_code == 404
    assert shop.get(f"/v1/traces/{'0' * 32}/spans").status_code == 404


def test_the_graph_of_a_trace_repeats_a_node_for_each_parent_and_announces_its_end(gateway: Served) -> None:
    story = Story("graph")
    node = story.begin(
        "merge",
        0,
        agentmark__metadata__graph__node__id="m",
        agentmark__metadata__graph__node__type="agent",
        agentmark__metadata__graph__node__parent_ids='["a", "b"]',
    )
    story.end(node, 1)
    gateway.keep(story)
    (trace,) = gateway.data("/v1/traces")

    answer = gateway.get(f"/v1/traces/{trace['id']}/graph")

    assert [(one["parentNodeId"], one["nodeId"]) for one in answer.json()["data"]] == [("a", "m"), ("b", "m")]
    assert answer.headers["Deprecation"] == "true"
    assert answer.headers["Link"] == f'</v1/traces/{trace["id"]}?fields=graph>; rel="successor-version"'
    assert answer.headers["Sunset"].endswith("GMT")


def test_requests_are_flat_records_of_model_calls(shop: Served) -> None:
    answer = shop.get("/v1/requests", sort_order="asc").json()

    assert answer["pagination"]["total"] == 4
    assert [item["ts"] for item in answer["data"]] == sorted(item["ts"] for item in answer["data"])
    last = answer["data"][-1]
    expected = {
        "model_used": "a-model",
        "prompt_tokens": 7,
        "completion_tokens": 3,
        "latency_ms": 9000.0,
        "status": "ERROR",
        "status_message": "no answer",
        "output": None,
        "user_id": "bob",
        "prompt_name": "greeter",
        "props": '{"who": "Gott"}',
        "cost_usd": None,
        "cost_source": "unpriced",
    }
    assert {name: last[name] for name in expected} == expected
    assert {"id", "tenant_id", "app_id", "cost", "input", "ts", "trace_id"} <= set(last)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"model": PRICED}, 3),
        ({"model": "gpt"}, 0),
        ({"user_id": "bob"}, 1),
        ({"status": "ERROR"}, 1),
        ({"filter": "prompt_tokens > 1400"}, 2),
        ({"end_date": "2026-09-21T15:00:00Z"}, 3),
    ],
)
def test_requests_are_chosen_by_parameters(shop: Served, query: dict[str, str], count: int) -> None:
    assert shop.get("/v1/requests", **query).json()["pagination"]["total"] == count


def test_metrics_sum_model_calls_by_hour(shop: Served) -> None:
    told = shop.data("/v1/metrics", **DAY, extended="true")

    summary = told["summary"]
    expected = {
        "total_requests": 4,
        "success_count": 3,
        "error_count": 1,
        "input_tokens": 4121,
        "output_tokens": 216,
        "total_tokens": 4337,
        "avg_latency_ms": pytest.approx((1400 + 1300 + 800 + 9000) / 4),
        "unique_users": 2,
        "model_count": 2,
        "unpriced": 1,
        "avg_input_tokens_per_request": 4121 / 4,
    }
    assert {name: summary[name] for name in expected} == expected
    assert summary["total_cost"] == sum(trace["cost"] for trace in shop.data("/v1/traces")) > 0
    hours = [(point["date"], point["hour"], point["requests"]) for point in told["time_series"]]
    assert hours == [("2026-09-21", 14, 3), ("2026-09-21", 15, 1)]
    assert "groups" not in told
    assert "model_count" not in shop.data("/v1/metrics", **DAY)["summary"]


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        ("model", {PRICED: (3, 0), "a-model": (1, 1)}),
        ("user", {"ada": (2, 0), "": (1, 0), "bob": (1, 1)}),
        ("tool", {"find_order": (1, 0), "carrier_status": (1, 1)}),
        ("state", {"open": (4, 1)}),
    ],
)
def test_metrics_are_grouped(shop: Served, by: str, groups: dict[str, tuple[int, int]]) -> None:
    told = shop.data("/v1/metrics", **DAY, group_by=by)["groups"]

    assert {group["key"]: (group["requests"], group["errors"]) for group in told} == groups
    assert all(group["latency_ms"]["p50"] <= group["latency_ms"]["p99"] for group in told)


def test_metrics_of_a_time_without_calls_are_zeros(shop: Served) -> None:
    told = shop.data("/v1/metrics", start_date="2026-01-01T00:00:00Z", end_date="2026-01-02T00:00:00Z")

    assert (told["summary"]["total_requests"], told["summary"]["avg_latency_ms"], told["time_series"]) == (0, 0.0, [])


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", {"start_date", "end_date"}),
        ("start_date=2026-01-01T00:00:00Z&end_date=2026-08-01T00:00:00Z", {"start_date"}),
        ("start_date=2026-01-02T00:00:00Z&end_date=2026-01-01T00:00:00Z", {"end_date"}),
        (
            "start_date=2026-01-01T00:00:00Z&end_date=2026-01-02T00:00:00Z&group_by=moon&bucket=s",
            {"group_by", "bucket"},
        ),
    ],
)
def test_metrics_want_a_time_of_at_most_ninety_days(gateway: Served, query: str, fields: set[str]) -> None:
    answer = gateway.get(f"/v1/metrics?{query}")

    assert (answer.status_code, set(answer.json()["error"]["details"])) == (400, fields)


def test_a_field_named_by_half_a_character_is_400(shop: Served) -> None:
    answer = shop.client.post("/v1/spans/search", content='{"\\ud800": 1}')
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request_body")
