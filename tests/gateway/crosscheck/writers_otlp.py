"""The story as OpenTelemetry has it: protobuf, JSON, and a file that was exported and imported."""

from __future__ import annotations

import base64
import os
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import patch
from uuid import uuid4

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sojourn.home import Gateway, Home
from sojourn_gateway.command.line import main
from sojourn_gateway.engine.values import listed
from tests.gateway.crosscheck.door import Door, Writer, Written
from tests.gateway.sender import CHAT, T0, end, event, logs, span, trace_id, traces, usage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from google.protobuf.message import Message

    from tests.gateway.crosscheck.facts import Fact, Told
    from tests.gateway.serving import Served

__all__ = ["OTLP_WRITERS", "STORY", "command", "story"]

_BEGUN_MS = T0 // 1_000_000

STORY: Told = {
    "turns": 2,
    "steps": 6,
    "model calls": 2,
    "tool calls": 2,
    "errors": 1,
    "input tokens": 2200,
    "output tokens": 180,
    "cached tokens": 1000,
    "reasoning tokens": 30,
    "all tokens": 2380,
    # One call says what it cost, the other one costs 1,000 x $0.15 and 100 x $0.60 a million.
    "cost": Decimal("0.001444"),
    "start": _BEGUN_MS,
    # A second after its last step.
    "end": _BEGUN_MS + 34_000,
    "state": "Success",
    "name": "Order 4812",
    "user": "ada",
    "tags": ("refund", "vip"),
}
_NOTHING: dict[Fact, str] = {}


def story(session_id: str) -> tuple[bytes, bytes]:
    """Spans and log records of two turns: a call and two tools, one of which fails; then another call."""
    own = {"session.id": session_id}
    first, second = trace_id(), trace_id()
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "desk", **own}
    root = span(first, "invoke_agent desk", lasts_s=5, attributes=agent)
    asked = usage(
        1200,
        80,
        **own,
        **{
            "gen_ai.usage.cache_read.input_tokens": 1000,
            "gen_ai.usage.reasoning.output_tokens": 30,
            "sojourn.usage.cost": 0.001234,
        },
    )
    tool = {"gen_ai.operation.name": "execute_tool", **own}
    failed = {**tool, "gen_ai.tool.name": "carrier_status", "error.type": "TimeoutError"}
    thrown = span(first, "execute_tool carrier_status", parent=root, at_s=2.5, attributes=failed, error="no answer")
    thrown.events.add(name="exception", time_unix_nano=T0 + 3_000_000_000)
    found = {
        **tool,
        "gen_ai.tool.name": "find_order",
        "gen_ai.tool.call.arguments": '{"order":4812}',
        "gen_ai.tool.call.result": '{"status":"shipped"}',
    }
    later = span(second, "invoke_agent desk", at_s=30, lasts_s=3, attributes=agent)
    spans = [
        root,
        span(first, "chat gpt-4o-mini", parent=root, at_s=0.5, lasts_s=1.5, attributes=asked),
        span(first, "execute_tool find_order", parent=root, at_s=2, lasts_s=0.5, attributes=found),
        thrown,
        later,
        span(second, "chat gpt-4o-mini", parent=later, at_s=30.5, lasts_s=2, attributes=usage(1000, 100, **own)),
    ]
    records = [
        event("session.start", session_id, sojourn__session__name="Order 4812", user__id="ada"),
        event("sojourn.session.update", session_id, at_s=1, sojourn__session__tags=["refund", "vip"]),
        end(session_id, "Success", at_s=34, reason="refunded"),
    ]
    return traces(spans, {"service.name": "shop"}), logs(records, {"service.name": "shop"})


def in_json(request: Message) -> dict[str, Any]:
    """OTLP's own JSON: protobuf's, but with ids in hexadecimal and enumerations as numbers."""
    told: dict[str, Any] = MessageToDict(request, use_integers_for_enums=True)
    _rewrite(told)
    return told


def _rewrite(value: Any) -> None:
    for one in listed(value):
        _rewrite(one)
    if isinstance(value, dict):
        told = cast("dict[str, Any]", value)
        for key in ("traceId", "spanId", "parentSpanId"):
            if key in told:
                told[key] = base64.b64decode(told[key]).hex()
        for one in told.values():
            _rewrite(one)


def _protobuf(door: Door) -> Written:
    gateway, home = door.gateway(f"protobuf-{uuid4().hex[:8]}")
    session_id = str(uuid4())
    spans, records = story(session_id)
    assert gateway.send(spans).status_code == 200
    assert gateway.send(records, signal="logs").status_code == 200
    assert gateway.engine.settle(60)
    return Written(gateway, home, session_id)


def _json(door: Door) -> Written:
    gateway, home = door.gateway(f"json-{uuid4().hex[:8]}")
    session_id = str(uuid4())
    spans, records = story(session_id)
    for signal, request in (
        ("traces", ExportTraceServiceRequest.FromString(spans)),
        ("logs", ExportLogsServiceRequest.FromString(records)),
    ):
        assert gateway.client.post(f"/v1/{signal}", json=in_json(request)).status_code == 200
    assert gateway.engine.settle(60)
    return Written(gateway, home, session_id)


def _imported(door: Door) -> Written:
    """What a session was exported to, taken in by a gateway that knew nothing of it."""
    written = _protobuf(door)
    folder = door.place()
    command(written.gateway, written.home, "export", "--session", written.session_id, "-o", str(folder))
    gateway, home = door.gateway(f"imported-{uuid4().hex[:8]}")
    files = sorted(str(path) for path in folder.iterdir() if path.stat().st_size)
    command(gateway, home, "import", *files)
    assert gateway.engine.settle(60)
    return Written(gateway, home, written.session_id)


def command(gateway: Served, home: Path, name: str, *arguments: str) -> None:
    """Run a command that speaks to a gateway."""
    announced = Home(home)
    announced.announce(Gateway(gateway.url, os.getpid()))
    with patch.dict(os.environ, {"SOJOURN_HOME": str(home)}):
        assert main([name, "--project", gateway.project, *arguments]) == 0


OTLP_WRITERS: Sequence[Writer] = (
    Writer("otlp", "OTLP, protobuf", _protobuf, STORY, _NOTHING),
    Writer("otlp-json", "OTLP, JSON", _json, STORY, _NOTHING),
    Writer("import", "a file, exported and imported", _imported, STORY, _NOTHING),
)
assert CHAT["gen_ai.request.model"] == "gpt-4o-mini"
