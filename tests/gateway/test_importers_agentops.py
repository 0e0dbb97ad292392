"""What people leave behind in AgentOps reads as if it had been recorded here; so does what we export in its shape."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from sojourn_gateway.keeping import importing
from sojourn_gateway.keeping.importing import Left
from sojourn_gateway.keeping.made import Request
from tests.gateway.importing import import_file, read_items
from tests.gateway.story import Story, session_events, support_session

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gateway.sender import Store
    from tests.gateway.serving import Served

SESSION = "0a51c9f3-7f6e-4b62-9d2b-1f6a6c0c5b10"
TRACE = "7c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f"


def export(**more: Any) -> dict[str, Any]:
    """A session as the service exports it: lists and objects inside text."""
    common = {"session_id": SESSION, "agent_id": "agent-1"}
    times = {"init_timestamp": "2025-03-01T10:00:01.000000", "end_timestamp": "2025-03-01T10:00:02.500000"}
    return {
        "session": {
            "id": SESSION,
            "project_id": "p",
            "project_id_secondary": "p",
            "init_timestamp": "2025-03-01T10:00:00.000000",
            "end_timestamp": "2025-03-01T10:00:09.000000",
            "tags": '["support", "orders"]',
            "end_state": "Fail",
            "end_state_reason": "the carrier did not answer",
            "video": None,
            "host_env": '{"OS": {"Hostname": "shop-1"}}',
        },
        "actions": [
            {"id": "e-1", "action_type": "look up", "logs": None, "params": '{"order": 4812}', **common, **times}
        ],
        "llms": [
            {
                "id": "e-2",
                "thread_id": None,
                "prompt": {"type": "chatml", "messages": [{"role": "user", "content": "Where is order 4812?"}]},
                "completion": {"type": "chatml", "messages": {"role": "assistant", "content": "On Monday."}},
                "model": "gpt-4o-mini",
                "prompt_tokens": 20,
                "completion_tokens": 10,
                "cost": 0.25,
                "promptarmor_flag": None,
                **common,
                **times,
            }
        ],
        "tools": [{"id": "e-3", "name": "carrier_status", "params": '["4812"]', "returns": "late", **common, **times}],
        "errors": [
            {
                "id": 7,
                "session_id": SESSION,
                "trigger_event_id": "e-3",
                "trigger_event_type": "tools",
                "error_type": "TimeoutError",
                "code": None,
                "details": "the carrier did not answer",
                "logs": None,
                "timestamp": "2025-03-01T10:00:02.400000",
            }
        ],
        **more,
    }


def trace() -> dict[str, Any]:
    """A trace as the dashboard's API tells it: attributes in a tree, most of them text."""
    row = {"span_kind": "Internal", "status_code": "OK", "status_message": "", "service_name": "shop"}
    call = {
        "gen_ai": {
            "request": {"model": "gpt-4o-mini", "type": "chat"},
            "response": {"model": "gpt-4o-mini-2024-07-18"},
            "usage": {"prompt_tokens": "20", "completion_tokens": "10"},
            "prompt": [{"role": "user", "content": "Where is order 4812?"}],
            "completion": [{"role": "assistant", "content": "On Monday."}],
        },
        "agentops": {"span": {"kind": "llm"}},
    }
    return {
        "project_id": "p",
        "trace_id": TRACE,
        "tags": ["support"],
        "metrics": {},
        "spans": [
            {
                **row,
                "span_id": "00f067aa0ba902b7",
                "parent_span_id": None,
                "span_name": "support.session",
                "start_time": "2025-06-01T10:00:00.000000+00:00",
                "end_time": "2025-06-01T10:00:03.000000+00:00",
                "duration": 3_000_000_000,
                "attributes": {"agentops": {"span": {"kind": "session"}, "tags": ["support"]}},
                "resource_attributes": {"host": {"name": "shop-1"}},
            },
            {
                **row,
                "span_id": "00f067aa0ba902b8",
                "parent_span_id": "00f067aa0ba902b7",
                "span_name": "openai.chat.completion",
                "span_kind": "Client",
                "start_time": "2025-06-01T10:00:01.000000+00:00",
                "end_time": "2025-06-01T10:00:02.000000+00:00",
                "duration": 1_000_000_000,
                "status_code": "ERROR",
                "status_message": "it broke",
                "attributes": call,
                "span_attributes": call,
                "event_timestamps": ["2025-06-01T10:00:01.500000+00:00"],
                "event_names": ["exception"],
                "event_attributes": [{"exception": {"type": "TimeoutError", "message": "it broke"}}],
            },
        ],
    }


def test_an_exported_session_reads_as_one_that_was_recorded(store: Store, tmp_path: Path) -> None:
    for _ in range(2):
        told = import_file(store, tmp_path, json.dumps(export()))
        assert (told.spans, told.logs, told.left) == (3, 4, [])

    session = store.session(SESSION)
    summary = session.summary
    assert (summary.model_calls, summary.tool_calls, summary.actions, summary.errors) == (1, 1, 1, 1)
    assert (summary.tokens.input, summary.tokens.output) == (20, 10)
    assert float(summary.cost.usd or 0) == 0.25
    assert (summary.state, summary.reason) == ("Fail", "the carrier did not answer")
    assert summary.tags == ("support", "orders")
    assert session.host == {"OS": {"Hostname": "shop-1"}}
    assert summary.duration_ms == 9000
    spans = {span.step: span for span in session.spans}
    assert spans["model"].model == "gpt-4o-mini"
    assert "Where is order 4812?" in (spans["model"].input or "")
    assert spans["action"].input == '{"order": 4812}'
    assert (spans["tool"].tool_name, spans["tool"].output) == ("carrier_status", "late")


def test_a_trace_of_the_dashboard_has_its_attributes_under_their_whole_names(store: Store, tmp_path: Path) -> None:
    told = import_file(store, tmp_path, json.dumps(trace(), indent=1))
    assert (told.spans, told.left) == (2, [])

    found = store.queries.trace(store.project, TRACE)
    assert found is not None
    root, call = found.spans
    assert root.attributes["agentops.tags"] == ["support"]
    assert root.attributes["host.name"] == "shop-1"
    assert (call.parent_id, call.step, call.model) == (root.span_id, "model", "gpt-4o-mini-2024-07-18")
    assert (call.tokens.input, call.tokens.output) == (20, 10)
    assert "Where is order 4812?" in (call.input or "")
    assert (call.status, call.status_message) == ("error", "it broke")
    assert call.events[0].attributes == {"exception.type": "TimeoutError", "exception.message": "it broke"}
    assert call.duration_ns == 1_000_000_000


def test_what_leaves_in_its_shape_comes_back(gateway: Served, store: Store, tmp_path: Path) -> None:
    story = support_session(SESSION)
    assert gateway.send(story.encoded()).status_code == 200
    events = session_events(SESSION, name="Order", tags=("a", "b"), end_state="Success")
    assert gateway.send(events, signal="logs", content_type="application/json").status_code == 200
    assert gateway.engine.settle(60)
    left = gateway.get(f"/v2/sessions/{SESSION}/export").text
    before = gateway.get(f"/v2/sessions/{SESSION}/stats").json()

    told = import_file(store, tmp_path, left)

    assert told.left == []
    after = store.session(SESSION).summary
    assert (after.model_calls, after.tool_calls) == (before["llms"], before["tools"])
    assert (after.tokens.input, after.tokens.output) == (before["prompt_tokens"], before["completion_tokens"])
    assert after.errors == before["errors"]
    assert (after.state, after.tags) == ("Success", ("a", "b"))


def test_what_a_tool_cost_and_the_kinds_of_other_steps_come_back(gateway: Served, store: Store, tmp_path: Path) -> None:
    story = Story(SESSION)
    agent = story.begin("planner", 0, gen_ai__operation__name="invoke_agent")
    tool = story.begin("map", 1, agent, gen_ai__operation__name="execute_tool", sojourn__usage__cost=0.5)
    story.end(tool, 2)
    story.end(agent, 3)
    assert gateway.send(story.encoded()).status_code == 200
    assert gateway.engine.settle(60)

    import_file(store, tmp_path, gateway.get(f"/v2/sessions/{SESSION}/export").text)

    session = store.session(SESSION)
    assert session.summary.cost.usd == Decimal("0.5")
    assert (session.summary.tool_calls, session.summary.actions) == (1, 0)
    assert {span.step for span in session.spans} == {"agent", "tool"}


@pytest.mark.parametrize(
    ("changed", "left"),
    [
        ({"llms": [{"id": "e", "session_id": SESSION, "prompt_tokens": 1}]}, "a row without a time"),
        (
            {"tools": [{"id": "e", "session_id": SESSION, "init_timestamp": "soon"}]},
            "`init_timestamp` is 'soon', which is no time in ISO 8601",
        ),
        ({"session": {"id": SESSION}}, "a session without `id` or `init_timestamp`"),
    ],
)
def test_a_broken_row_is_told_and_the_others_are_kept(changed: dict[str, Any], left: str) -> None:
    found = read_items(json.dumps(export(**changed)))

    assert [item.why for item in found if isinstance(item, Left)] == [left]
    assert sum(item.items for item in found if isinstance(item, Request)) >= 3


def test_rows_that_name_no_session_take_that_of_the_file_wherever_it_stands() -> None:
    told = export()
    session = told.pop("session")
    for name in ("actions", "llms", "tools"):
        for row in told[name]:
            del row["session_id"]

    found = read_items(json.dumps({**told, "session": session}))

    assert [item for item in found if isinstance(item, Left)] == []
    assert sum(item.items for item in found if isinstance(item, Request)) == 7


@pytest.mark.parametrize("indent", [None, 1])
def test_what_names_itself_first_holds_back_nothing(monkeypatch: pytest.MonkeyPatch, indent: int | None) -> None:
    monkeypatch.setattr(importing, "_HELD", 0)
    of_session = export()
    for name in ("actions", "llms", "tools", "errors"):
        for row in of_session[name]:
            del row["session_id"]

    for told, items in ((trace(), 2), (of_session, 7)):
        found = read_items(json.dumps(told, indent=indent))
        assert [item for item in found if isinstance(item, Left)] == []
        assert sum(item.items for item in found if isinstance(item, Request)) == items


def test_spans_without_a_trace_are_told() -> None:
    told = trace()
    del told["trace_id"]

    found = read_items(json.dumps(told))

    assert {item.why for item in found if isinstance(item, Left)} == {
        "the file does not say of which session or trace it is"
    }
