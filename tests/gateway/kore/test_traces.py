"""The one mapping of steps to events, over spans of many senders, and what can be asked of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway.kore.reading import Kore, error_of, under
from tests.gateway.sender import event, span, trace_id, usage

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from tests.gateway.serving import Served


@pytest.fixture
def kore(gateway: Served) -> Kore:
    """The endpoints of a project that only this test sees."""
    return Kore(gateway)


def step(kind: str, parent: Span, at_s: float, **told: Any) -> Span:
    """A step of one of our kinds; `__` in an attribute's name stands for a dot."""
    attributes = {name.replace("__", "."): value for name, value in told.items()}
    return span(parent.trace_id, kind, parent=parent, at_s=at_s, attributes={"sojourn.kind": kind, **attributes})


def root(session: str = "s", *, at_s: float = 0, lasts_s: float | None = 60, **told: Any) -> Span:
    """A turn of an agent."""
    attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "Concierge", "session.id": session}
    return span(trace_id(), "turn", at_s=at_s, lasts_s=lasts_s, attributes={**attributes, **told})


def messages(role: str, text: str) -> str:
    """One message, as the conventions write it."""
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


def plain(found: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Type, step and data of an event."""
    return found["type"], found["spanId"], found["data"]


def test_steps_of_our_kinds_become_their_events(kore: Kore) -> None:
    turn = root()
    candidates = [{"target": "Billing", "condition": "is_bill", "result": False, "reason": "no bill"}]
    decision = step(
        "decision",
        turn,
        1,
        sojourn__decision__kind="escalation",
        sojourn__decision__made="call a person",
        sojourn__decision__outcome="called",
        sojourn__decision__matched=False,
        sojourn__decision__reasoning="angry",
        sojourn__decision__condition="mood < 0",
        sojourn__decision__target="Desk",
        sojourn__decision__candidates=json.dumps(candidates),
    )
    unsaid = step("decision", turn, 2)
    chosen = step(
        "decision",
        turn,
        3,
        sojourn__decision__kind="handoff",
        sojourn__decision__target="Desk",
        sojourn__handoff__to="Desk",
    )
    handoff = step(
        "handoff",
        turn,
        4,
        sojourn__handoff__from="Concierge",
        sojourn__handoff__to="Desk",
        sojourn__handoff__reason="asked for",
    )
    lent = step("handoff", turn, 5, sojourn__handoff__to="Scout", sojourn__handoff__task="look")
    check = step(
        "guardrail",
        turn,
        6,
        sojourn__guardrail__name="pii",
        sojourn__guardrail__spec="output",
        sojourn__guardrail__passed=False,
        sojourn__guardrail__action="redact",
        sojourn__guardrail__score=0.97,
        sojourn__guardrail__reason="a number",
    )
    bare = step("guardrail", turn, 7, sojourn__guardrail__passed=True)
    change = step(
        "state_change", turn, 8, sojourn__state__key="cart", sojourn__state__old="[]", sojourn__state__new='["tea"]'
    )
    said = step("response", turn, 9, sojourn__output="**Done**", sojourn__response__format="markdown")
    kore.keep(turn, decision, unsaid, chosen, handoff, lent, check, bare, change, said)

    found = kore.events("s")
    nothing: dict[str, Any] = dict.fromkeys(
        ("decision", "outcome", "matched", "reasoning", "condition", "target"), None
    ) | {"candidates": []}

    assert list(map(plain, found)) == [
        (
            "decision",
            decision.span_id.hex(),
            {
                "decisionKind": "escalation",
                "decision": "call a person",
                "outcome": "called",
                "matched": False,
                "reasoning": "angry",
                "condition": "mood < 0",
                "target": "Desk",
                "candidates": candidates,
            },
        ),
        ("decision", unsaid.span_id.hex(), {"decisionKind": "unknown", **nothing}),
        ("decision", chosen.span_id.hex(), {"decisionKind": "handoff", **nothing, "target": "Desk"}),
        (
            "handoff",
            handoff.span_id.hex(),
            {
                "fromAgent": "Concierge",
                "toAgent": "Desk",
                "reason": "asked for",
                "timestamp": "2026-09-21T14:13:24.000Z",
            },
        ),
        (
            "decision",
            lent.span_id.hex(),
            {"decisionKind": "handoff", **nothing, "decision": "Scout", "target": "Scout"},
        ),
        (
            "delegate",
            lent.span_id.hex(),
            {"fromAgent": "Concierge", "toAgent": "Scout", "task": "look", "duration_ms": 1000.0},
        ),
        (
            "guardrail_eval",
            check.span_id.hex(),
            {
                "guardrail": "pii",
                "stage": "output",
                "passed": False,
                "action": "redact",
                "score": 0.97,
                "reason": "a number",
            },
        ),
        (
            "guardrail_eval",
            bare.span_id.hex(),
            {"guardrail": "guardrail", "stage": None, "passed": True, "action": "allow", "score": None, "reason": None},
        ),
        ("state_change", change.span_id.hex(), {"key": "cart", "oldValue": [], "newValue": ["tea"]}),
        ("response", said.span_id.hex(), {"text": "**Done**", "format": "markdown"}),
    ]
    assert [one["seq"] for one in found] == list(range(10))
    assert {(one["agentName"], one["turn"], one["hasError"]) for one in found} == {("Concierge", 1, False)}
    assert {one["parentSpanId"] for one in found} == {turn.span_id.hex()}
    assert len({one["id"] for one in found}) == 10
    (item,) = kore.told()["sessions"]
    assert (item["traceEventCount"], item["handoffCount"], item["errorCount"]) == (10, 1, 0)


def test_calls_and_tools_become_events_under_their_step(kore: Kore) -> None:
    turn = root()
    told: dict[str, Any] = {
        "gen_ai.input.messages": messages("user", "How warm is it?"),
        "gen_ai.output.messages": messages("assistant", "Warm."),
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.stream": True,
        "gen_ai.response.time_to_first_chunk": 0.25,
        "gen_ai.usage.cache_read.input_tokens": 40,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "gen_ai.prompt.name": "weather",
        "gen_ai.prompt.version": "7",
    }
    call = span(turn.trace_id, "chat", parent=turn, at_s=1, lasts_s=2, attributes=usage(**told))
    tool = span(
        turn.trace_id,
        "execute_tool thermometer",
        parent=turn,
        at_s=4,
        lasts_s=0.5,
        attributes={
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "thermometer",
            "gen_ai.tool.type": "extension",
            "gen_ai.tool.call.id": "c7",
            "gen_ai.tool.call.arguments": '{"place":"Rome"}',
            "gen_ai.tool.call.result": '{"celsius":31}',
        },
    )
    running = span(
        turn.trace_id, "search", parent=turn, at_s=5, lasts_s=None, attributes={"gen_ai.operation.name": "execute_tool"}
    )
    kore.keep(turn, call, tool, running)

    called, asked, answered, begun = kore.events("s")

    assert called == {
        "id": called["id"],
        "type": "llm_call",
        "sessionId": "s",
        "traceId": turn.trace_id.hex(),
        "spanId": call.span_id.hex(),
        "parentSpanId": turn.span_id.hex(),
        "seq": 0,
        "timestamp": "2026-09-21T14:13:21.000Z",
        "durationMs": 2000.0,
        "agentName": "Concierge",
        "turn": 1,
        "hasError": False,
        "data": {
            "model": "gpt-4o-mini-2024-07-18",
            "provider": "openai",
            "operation": "chat",
            "usage": {
                "inputTokens": 100,
                "outputTokens": 10,
                "totalTokens": 110,
                "cachedTokens": 40,
                "cacheCreationTokens": 0,
                "reasoningTokens": 3,
                "audioInputTokens": 0,
                "audioOutputTokens": 0,
            },
            "latencyMs": 2000.0,
            # 60 tokens at 0.15, 40 at 0.075 and 10 at 0.60 dollars a million.
            "estimatedCost": 0.000018,
            "messages": [{"role": "user", "content": "How warm is it?"}],
            "response": "Warm.",
            "finishReason": "stop",
            "temperature": 0.5,
            "streamingUsed": True,
            "timeToFirstTokenMs": 250.0,
            "toolCalls": [],
            "prompt": {"name": "weather", "version": "7"},
        },
    }
    assert plain(asked) == (
        "tool_call",
        tool.span_id.hex(),
        {"toolName": "thermometer", "toolType": "extension", "callId": "c7", "input": {"place": "Rome"}},
    )
    assert plain(answered) == (
        "tool_result",
        tool.span_id.hex(),
        {
            "toolName": "thermometer",
            "callId": "c7",
            "success": True,
            "output": {"celsius": 31},
            "latencyMs": 500.0,
            "error": None,
        },
    )
    assert (asked["durationMs"], answered["durationMs"], asked["id"] == answered["id"]) == (None, 500.0, False)
    # A tool that has not answered has no result, and a turn that goes on has no answer.
    assert (begun["type"], begun["spanId"]) == ("tool_call", running.span_id.hex())


def test_the_answer_of_a_turn_is_what_its_last_call_said(kore: Kore) -> None:
    first, second, failed = root(), root(at_s=100), root(at_s=200)
    failed.status.code = failed.status.STATUS_CODE_ERROR
    question: dict[str, Any] = {"gen_ai.input.messages": messages("user", "Well?")}
    long = "word " * 100
    calls = [
        span(
            first.trace_id,
            "chat",
            parent=first,
            at_s=1,
            attributes=usage(**question, **under(gen_ai__output__messages=messages("assistant", "wait"))),
        ),
        span(
            first.trace_id,
            "chat",
            parent=first,
            at_s=9,
            attributes=usage(**question, **under(gen_ai__output__messages=messages("assistant", long))),
        ),
        span(second.trace_id, "chat", parent=second, at_s=101, attributes=usage(**question)),
        span(
            failed.trace_id,
            "chat",
            parent=failed,
            at_s=201,
            attributes=usage(**question, **under(gen_ai__output__messages=messages("assistant", "never sent"))),
        ),
    ]
    kore.keep(first, second, failed, *calls)

    (answer,) = kore.events("s", eventType="response")

    assert (answer["spanId"], answer["turn"], answer["timestamp"]) == (
        first.span_id.hex(),
        1,
        "2026-09-21T14:14:20.000Z",
    )
    assert answer["data"] == {"text": long, "format": "text"}
    assert [one["role"] for one in kore.session("s")["messages"]] == ["user", "assistant", "user", "user"]
    assert kore.session("s")["messageCount"] == 4


def test_a_failure_is_one_error_however_many_steps_passed_it_on(kore: Kore) -> None:
    told = {"gen_ai.operation.name": "execute_tool", "error.type": "TimeoutError"}
    turn = root(**under(error__type="TimeoutError"))
    turn.status.code = turn.status.STATUS_CODE_ERROR
    middle = span(turn.trace_id, "work", parent=turn, at_s=1, error="late", attributes={"error.type": "TimeoutError"})
    tool = span(turn.trace_id, "tool", parent=middle, at_s=1, error="late", attributes=told)
    raised = tool.events.add(name="exception", time_unix_nano=tool.start_time_unix_nano)
    raised.attributes.add(key="exception.type").value.string_value = "TimeoutError"
    raised.attributes.add(key="exception.message").value.string_value = "late indeed"
    raised.attributes.add(key="exception.stacktrace").value.string_value = "at line 7"
    call = span(turn.trace_id, "chat", parent=turn, at_s=3, error="refused", attributes=usage())
    kore.keep(turn, middle, tool, call)
    kore.tell(
        event("exception", "s", at_s=5, uid="by-hand", exception__type="KeyError", exception__message="no such key"),
        event("exception", "s", at_s=6, sojourn__error__own=False, exception__type="TimeoutError"),
    )

    found = [one for one in kore.events("s") if one["hasError"]]

    assert [(one["type"], one["spanId"]) for one in found] == [
        ("tool_result", tool.span_id.hex()),
        ("error", tool.span_id.hex()),
        ("llm_call", call.span_id.hex()),
        ("error", call.span_id.hex()),
        ("error", ""),
    ]
    assert found[1]["data"] == {
        "code": "TimeoutError",
        "message": "late indeed",
        "stack": "at line 7",
        "source": "tool",
    }
    assert (found[3]["data"]["message"], found[2]["data"]["error"]) == ("refused", "refused")
    assert found[4]["data"] == {"code": "KeyError", "message": "no such key", "stack": None, "source": "program"}
    (item,) = kore.told()["sessions"]
    assert (item["errorCount"], item["traceEventCount"]) == (3, len(kore.events("s")))
    assert kore.told("/s/metrics")["metrics"]["errorCount"] == 3


def test_what_agents_of_other_libraries_show_becomes_decisions_and_handoffs(kore: Kore) -> None:
    turn = root()
    graph = span(
        turn.trace_id,
        "router",
        parent=turn,
        at_s=1,
        attributes={"sojourn.langgraph.node": "router", "sojourn.langgraph.goto": ["billing", "support"]},
    )
    branched = span(
        turn.trace_id,
        "billing",
        parent=turn,
        at_s=2,
        attributes={
            "sojourn.langgraph.node": "billing",
            "sojourn.langgraph.triggers": ["branch:router:is_bill:billing"],
        },
    )
    straight = span(
        turn.trace_id, "end", parent=turn, at_s=3, attributes={"sojourn.langgraph.triggers": ["branch:to:end"]}
    )
    transfer = span(
        turn.trace_id, "handoff", parent=turn, at_s=4, attributes={"from_agent": "Triage", "to_agent": "Refunds"}
    )
    kore.keep(turn, graph, branched, straight, transfer)

    found = [(one["type"], one["spanId"], one["data"]) for one in kore.events("s")]

    assert [(kind, of) for kind, of, _ in found] == [
        ("decision", graph.span_id.hex()),
        ("decision", branched.span_id.hex()),
        ("decision", transfer.span_id.hex()),
        ("handoff", transfer.span_id.hex()),
    ]
    routed, by_branch, handed, _ = (data for *_, data in found)
    assert (routed["decisionKind"], routed["target"], [one["target"] for one in routed["candidates"]]) == (
        "routing",
        "billing",
        ["support"],
    )
    assert (by_branch["condition"], by_branch["target"]) == ("is_bill", "billing")
    assert (handed["decisionKind"], handed["target"]) == ("handoff", "Refunds")
    assert [one["spanId"] for one in kore.events("s", decisionKind="routing")] == [
        graph.span_id.hex(),
        branched.span_id.hex(),
    ]


def test_a_decision_that_a_step_tells_is_not_implied_again(kore: Kore) -> None:
    turn = root()
    node = span(turn.trace_id, "router", parent=turn, at_s=1, attributes={"sojourn.langgraph.goto": ["billing"]})
    told = step("decision", node, 1.5, sojourn__decision__kind="routing", sojourn__decision__target="billing")
    kore.keep(turn, node, told)

    assert [one["spanId"] for one in kore.events("s")] == [told.span_id.hex()]


def test_a_call_inside_a_call_is_one_event_that_bears_the_usage_of_both(kore: Kore) -> None:
    turn = root()
    outer = span(turn.trace_id, "outer", parent=turn, at_s=1, lasts_s=3, attributes=usage(100, 10))
    inner = span(turn.trace_id, "inner", parent=outer, at_s=2, attributes=usage(0, 0))
    kore.keep(turn, outer, inner)

    (found,) = kore.events("s")

    assert (found["spanId"], found["data"]["usage"]["totalTokens"]) == (inner.span_id.hex(), 110)
    assert found["data"]["estimatedCost"] == 0.000021
    assert kore.session("s")["tokenCount"] == 110
    assert kore.told("/s/metrics")["metrics"]["totalTokens"] == 110


def test_events_are_filtered_and_paged(kore: Kore) -> None:
    turn = root()
    calls = [span(turn.trace_id, "chat", parent=turn, at_s=n, attributes=usage()) for n in range(5)]
    made = step("decision", turn, 9, sojourn__decision__kind="retry")
    kore.keep(turn, *calls, made)

    assert [one["seq"] for one in kore.events("s", eventType="llm_call")] == [0, 1, 2, 3, 4]
    assert kore.events("s", eventType="no_such_type") == []
    assert [one["seq"] for one in kore.events("s", decisionKind="retry")] == [5]
    assert kore.events("s", decisionKind="no_such_kind") == []
    assert kore.events("s", decisionKind="retry", eventType="llm_call") == []
    assert [one["seq"] for one in kore.events("s", spanId=calls[2].span_id.hex().upper())] == [2]
    page = kore.told("/s/traces", limit=2, offset=1, eventType="llm_call")
    assert ([one["seq"] for one in page["traces"]], page["total"]) == ([1, 2], 5)
    whole = kore.told("/s/traces", include="metrics", limit=1)
    assert whole["metrics"] == kore.told("/s/metrics")["metrics"]
    assert "metrics" not in kore.told("/s/traces", include="nothing")
    assert error_of(kore.get("/s/traces", limit="some")) == (400, "VALIDATION_ERROR")


def test_children_are_the_events_one_level_below_a_step(kore: Kore) -> None:
    turn = root()
    tool = span(turn.trace_id, "tool", parent=turn, at_s=1, attributes={"gen_ai.operation.name": "execute_tool"})
    call = span(turn.trace_id, "chat", parent=tool, at_s=1.2, attributes=usage())
    kore.keep(turn, tool, call)

    below = kore.told(f"/s/traces/{turn.span_id.hex()}/children")
    leaf = kore.told(f"/s/traces/{call.span_id.hex()}/children")

    assert ([one["type"] for one in below["children"]], below["total"]) == (["tool_call", "tool_result"], 2)
    assert [one["type"] for one in kore.told(f"/s/traces/{tool.span_id.hex()}/children")["children"]] == ["llm_call"]
    assert (leaf["spanId"], leaf["children"], leaf["total"]) == (call.span_id.hex(), [], 0)
    assert error_of(kore.get("/s/traces/00000000000000ff/children")) == (404, "NOT_FOUND")


def test_a_session_without_steps_has_no_events(kore: Kore) -> None:
    kore.tell(event("session.start", "s"))

    assert kore.told("/s/traces", include="metrics") == {
        "success": True,
        "sessionId": "s",
        "traces": [],
        "total": 0,
        "metrics": {
            "totalLatencyMs": 0,
            "durationMs": 0.0,
            "turns": [],
            "llmCalls": [],
            "toolCallCount": 0,
            "toolSuccessRate": None,
            "guardrailEvalCount": 0,
            "guardrailBlockRate": None,
            "turnCount": 0,
            "llmCallCount": 0,
            "inputTokens": 0,
            "outputTokens": 0,
            "totalTokens": 0,
            "estimatedCost": 0,
            "errorCount": 0,
            "handoffCount": 0,
            "eventCount": 0,
        },
    }
    assert kore.told("/s/analysis")["analysis"]["slowSpans"] == []


def test_odd_content_is_told_as_it_is(kore: Kore) -> None:
    turn = root()
    deep = "[" * 5000 + "]" * 5000
    tools = [
        span(
            turn.trace_id,
            "tool",
            parent=turn,
            at_s=rank,
            attributes={"gen_ai.operation.name": "execute_tool", "gen_ai.tool.call.arguments": text},
        )
        for rank, text in enumerate(('{"a":NaN,"b":1e999}', '"\\ud800"', deep, "plain", "=1+1"))
    ]
    kore.keep(turn, *tools)

    found = [one["data"]["input"] for one in kore.events("s", eventType="tool_call")]

    assert found == [{"a": "NaN", "b": "1e999"}, "\ud800", deep, "plain", "=1+1"]
