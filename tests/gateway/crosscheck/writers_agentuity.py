"""The story as a runtime of Agentuity tells it: two requests of one thread, by hand and by OTLP."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.gateway.crosscheck.door import Door, Writer, Written
from tests.gateway.sender import T0, span, trace_id, traces, usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from tests.gateway.crosscheck.facts import Fact, Told
    from tests.gateway.serving import Served

__all__ = ["AGENTUITY_WRITERS"]

_BEGUN_MS = T0 // 1_000_000

_SAID: Told = {
    "turns": 2,
    # Those of the story, and what was told of the two requests by hand.
    "steps": 8,
    "model calls": 2,
    "tool calls": 2,
    "errors": 1,
    "input tokens": 2200,
    "output tokens": 180,
    "cached tokens": 1000,
    "reasoning tokens": 30,
    "all tokens": 2380,
    "cost": Decimal("0.001444"),
    "start": _BEGUN_MS,
    "end": _BEGUN_MS + 33_000,
    "state": "Indeterminate",
    "user": "",
    "tags": (),
}
_UNSAID: dict[Fact, str] = {
    "state": "a thread does not end: it falls silent",
    "name": "a thread has none",
    "user": "a thread has none",
    "tags": "a thread has none",
}


def _by_hand(door: Door) -> Written:
    gateway, home = door.gateway(f"agentuity-{uuid4().hex[:8]}")
    thread = f"thrd_{uuid4().hex}"
    first, second = trace_id(), trace_id()
    _begin(gateway, first, thread, at_s=0)
    root = _root(first, thread, lasts_s=5)
    asked = usage(
        1200,
        80,
        **{
            "gen_ai.usage.cache_read.input_tokens": 1000,
            "gen_ai.usage.reasoning.output_tokens": 30,
            "sojourn.usage.cost": 0.001234,
        },
    )
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "find_order"}
    failing = {**tool, "gen_ai.tool.name": "carrier_status", "error.type": "TimeoutError"}
    _send(
        gateway,
        root,
        span(first, "chat gpt-4o-mini", parent=root, at_s=0.5, lasts_s=1.5, attributes=asked),
        span(first, "execute_tool find_order", parent=root, at_s=2, lasts_s=0.5, attributes=tool),
        span(first, "execute_tool carrier_status", parent=root, at_s=2.5, attributes=failing, error="no answer"),
    )
    _complete(gateway, first, thread, at_s=5)
    _begin(gateway, second, thread, at_s=30)
    later = _root(second, thread, at_s=30, lasts_s=3)
    call = usage(1000, 100)
    _send(gateway, later, span(second, "chat gpt-4o-mini", parent=later, at_s=30.5, lasts_s=2, attributes=call))
    _complete(gateway, second, thread, at_s=33)
    assert gateway.engine.settle(60)
    return Written(gateway, home, thread)


def _root(trace: bytes, thread: str, *, at_s: float = 0, lasts_s: float) -> Span:
    told = {
        "http.method": "POST",
        "@agentuity/threadId": thread,
        "@agentuity/agentId": "agent_4812",
        "@agentuity/agentName": "desk",
    }
    return span(trace, "POST /desk", attributes=told, at_s=at_s, lasts_s=lasts_s)


def _send(gateway: Served, *spans: Span) -> None:
    resource = {"service.name": "desk", "@agentuity/projectId": "proj_1", "@agentuity/orgId": "org_1"}
    assert gateway.send(traces(spans, resource)).status_code == 200


def _begin(gateway: Served, trace: bytes, thread: str, *, at_s: int) -> None:
    told: dict[str, Any] = {
        "id": f"sess_{trace.hex()}",
        "threadId": thread,
        "orgId": "org_1",
        "projectId": "proj_1",
        "routeId": "",
        "environment": "production",
        "url": "/desk",
        "method": "POST",
        "devmode": False,
        "trigger": "api",
        "timestamp": _BEGUN_MS + at_s * 1000,
    }
    answer = gateway.client.post("/session", json=told)
    assert (answer.status_code, answer.json()) == (200, {"success": True}), answer.text


def _complete(gateway: Served, trace: bytes, thread: str, *, at_s: int) -> None:
    told = {
        "id": f"sess_{trace.hex()}",
        "threadId": thread,
        "statusCode": 200,
        "agentIds": ["agent_4812"],
        "timestamp": _BEGUN_MS + at_s * 1000,
    }
    answer = gateway.client.put("/session", json=told)
    assert (answer.status_code, answer.json()) == (200, {"success": True}), answer.text


AGENTUITY_WRITERS: Sequence[Writer] = (
    Writer("agentuity", "Agentuity's recording side and OTLP", _by_hand, _SAID, _UNSAID),
)
