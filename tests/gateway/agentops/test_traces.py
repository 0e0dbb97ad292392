"""The trace era's read APIs over spans of any sender: shapes, sums, nesting, paging."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sojourn_gateway.apis.agentops.present_trace import nested
from tests.gateway.sender import SECOND, T0, span, trace_id, traces, usage
from tests.gateway.story import support_session

if TYPE_CHECKING:
    from tests.gateway.serving import Served


def test_names_of_attributes_become_a_tree() -> None:
    flat = {
        "a.b.0.c": 1,
        "a.b.1.c": 2,
        "plain": {"kept": "as it is"},
        "x.1": "a",
        "x.2": "b",
        "tags": ["t"],
        "odd..name": 3,
        "p": 4,
        "p.q": 5,
        ".".join("d" * 30): 6,
    }

    assert nested(flat) == {
        "a": {"b": [{"c": 1}, {"c": 2}]},
        "plain": {"kept": "as it is"},
        "x": {"1": "a", "2": "b"},
        "tags": ["t"],
        "odd..name": 3,
        "p": 4,
        "p.q": 5,
        ".".join("d" * 30): 6,
    }


def test_a_call_inside_a_call_is_counted_once_everywhere(gateway: Served) -> None:
    trace = trace_id()
    root = span(trace, "turn", lasts_s=5)
    outer = span(trace, "outer", parent=root, at_s=1, attributes=usage(100, 10))
    inner = span(trace, "inner", parent=outer, at_s=1, attributes=usage(100, 10))
    failed = span(trace, "tool", parent=root, at_s=3, attributes={"gen_ai.operation.name": "execute_tool"}, error="no")
    assert gateway.send(traces([root, outer, inner, failed])).status_code == 200
    assert gateway.engine.settle(60)
    project = gateway.get("/public/v1/project").json()["id"]

    figures = gateway.get(f"/public/v1/traces/{trace.hex()}/metrics").json()
    # 100 tokens at 0.15 and 10 at 0.60 dollars a million.
    expected = {
        "span_count": 4,
        "trace_count": 1,
        "success_count": 0,
        "fail_count": 1,
        "indeterminate_count": 3,
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "cache_read_input_tokens": 0,
        "reasoning_tokens": 0,
        "total_tokens": 110,
        "prompt_cost": "0.0000150",
        "completion_cost": "0.0000060",
        "average_cost_per_trace": "0.0000210",
        "total_cost": "0.0000210",
    }
    assert figures == expected
    assert gateway.get(f"/v4/traces/list/{project}").json()["metrics"] == expected
    stats = gateway.get(f"/v2/sessions/{trace.hex()}/stats").json()
    export = gateway.get(f"/v2/sessions/{trace.hex()}/export").json()
    assert (stats["llms"], stats["tools"], stats["errors"], stats["total_tokens"]) == (1, 1, 1, 110)
    assert [row["id"] for row in export["llms"]] == [inner.span_id.hex()]
    assert [row["action_type"] for row in export["others"]] == ["turn", "outer"]
    (error,) = export["errors"]
    assert (error["trigger_event_id"], error["trigger_event_type"], error["details"]) == (
        failed.span_id.hex(),
        "tools",
        "no",
    )


def test_a_session_of_another_door_reads_the_same_here(gateway: Served) -> None:
    gateway.keep(support_session("s-1"), name="Order 4812", tags=("refund",), end_state="Success")
    native = gateway.data("/v1/sessions/s-1", fields="summary")

    stats = gateway.get("/v2/sessions/s-1/stats").json()
    export = gateway.get("/v2/sessions/s-1/export").json()

    assert (stats["llms"], stats["tools"], stats["actions"], stats["errors"]) == (
        native["model_calls"],
        native["tool_calls"],
        native["actions"],
        native["errors"],
    )
    assert (stats["prompt_tokens"], stats["completion_tokens"]) == (native["input_tokens"], native["output_tokens"])
    assert Decimal(str(stats["cost"])) == Decimal(native["cost_usd"])
    assert stats["duration"] == native["latency_ms"] / 1000
    assert [len(export[kind]) for kind in ("llms", "tools", "actions", "errors")] == [
        stats["llms"],
        stats["tools"],
        stats["actions"],
        stats["errors"],
    ]
    assert sum(len(export[kind]) for kind in ("llms", "tools", "actions", "others")) == native["span_count"]
    assert (export["session"]["tags"], export["session"]["end_state"]) == (["refund"], "Success")


def test_lists_are_paged_sorted_searched_and_cut_by_time(gateway: Served) -> None:
    made = [trace_id() for _ in range(5)]
    spans = [span(trace, f"run {number}", at_s=number * 60, lasts_s=5 - number) for number, trace in enumerate(made)]
    assert gateway.send(traces(spans)).status_code == 200
    assert gateway.engine.settle(60)
    project = gateway.get("/public/v1/project").json()
    path = f"/v4/traces/list/{project['id']}"

    def names(**query: str | int) -> list[str]:
        return [trace["root_span_name"] for trace in gateway.get(path, **query).json()["traces"]]

    assert names() == ["run 4", "run 3", "run 2", "run 1", "run 0"]
    assert names(limit=2, offset=1) == ["run 3", "run 2"]
    assert names(order_by="duration", sort_order="asc", limit=2) == ["run 4", "run 3"]
    assert names(query="RUN 2") == ["run 2"]
    assert names(query=made[3].hex()) == ["run 3"]
    assert names(start_time=_iso(100), end_time=_iso(130)) == ["run 2"]
    cut = gateway.get(path, start_time=_iso(100)).json()
    assert (cut["total"], cut["limit"], cut["offset"], cut["metrics"]["trace_count"]) == (3, 20, 0, 3)
    # By its name the project is known as well; any other is not there.
    assert gateway.get(f"/v4/traces/list/{project['name']}").status_code == 200
    figures = gateway.get(f"/v4/meterics/project/{project['id']}").json()
    durations = figures["duration_metrics"]
    assert (durations["min_duration_ns"], durations["max_duration_ns"], durations["total_duration_ns"]) == (
        SECOND,
        5 * SECOND,
        15 * SECOND,
    )
    assert (figures["spans_per_trace"], len(figures["indeterminate_datetime"])) == ({"1": 5}, 5)
    empty = gateway.get(f"/v4/meterics/project/{project['id']}", end_time="2001-01-01").json()
    assert (empty["trace_count"], empty["token_metrics"]["average_cost_per_session"]) == (0, "0.00000")


def test_what_was_printed_is_read_back_and_replaced(gateway: Served) -> None:
    trace = trace_id()
    assert gateway.send(traces([span(trace, "turn")])).status_code == 200
    assert gateway.engine.settle(60)
    number = str(int.from_bytes(trace, "big"))
    for text in ("one\n\ntwo", "one\n\ntwo\nthree"):
        answer = gateway.client.post("/v4/logs/upload/", json={"body": text}, headers={"Trace-Id": number})
        assert answer.json() == {"url": f"{gateway.url}/v4/logs/{trace.hex()}", "size": len(text)}
        assert gateway.engine.settle(60)
        assert gateway.get(f"/v4/logs/{trace.hex()}").json()["content"] == text
    lines = gateway.data(f"/v1/sessions/{trace.hex()}/logs")
    assert [line["message"] for line in lines] == ["one", "", "two", "three"]


def _iso(second: int) -> str:
    return datetime.fromtimestamp(T0 // SECOND + second, UTC).isoformat()


def test_lists_and_details_tell_tags_service_and_links(gateway: Served) -> None:
    trace, other = trace_id(), trace_id()
    root = span(trace, "turn.session", attributes={"agentops.tags": ["b"]})
    step = span(trace, "step", parent=root, at_s=1, attributes={"agentops.tags": ["a"]})
    step.links.add(trace_id=other, span_id=b"linked-1").attributes.add(key="why").value.string_value = "it asked"
    assert gateway.send(traces([root, step], {"service.name": "shop"})).status_code == 200
    assert gateway.engine.settle(60)
    project = gateway.get("/public/v1/project").json()["id"]

    (line,) = gateway.get(f"/v4/traces/list/{project}").json()["traces"]
    assert (line["tags"], line["root_service_name"]) == (["a", "b"], "shop")
    assert gateway.get(f"/public/v1/traces/{trace.hex()}").json()["tags"] == ["a", "b"]
    detail = gateway.get(f"/v4/traces/detail/{trace.hex()}").json()
    assert detail["tags"] == ["a", "b"]
    told = {name: value for name, value in detail["spans"][1].items() if name.startswith("link_")}
    assert told == {
        "link_trace_ids": [other.hex()],
        "link_span_ids": [b"linked-1".hex()],
        "link_trace_states": [""],
        "link_attributes": [{"why": "it asked"}],
    }
    # A trace without a session is one by itself, and bears its tags there too.
    assert gateway.data(f"/v1/sessions/{trace.hex()}", fields="summary")["tags"] == ["a", "b"]
