"""A small recorded session, as a stock OpenTelemetry SDK and its stock encoder would send it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Span

QUESTION = "Where is my order 4812?"
ANSWER = "It left our warehouse on Monday."
PRICED = "gpt-4o-mini"
UNPRICED = "a-model-of-our-own"
SECOND = 1_000_000_000


class Story:
    """Writes spans with the times and attributes that a test chooses, and encodes them."""

    def __init__(self, session_id: str | None, *, started_ns: int | None = None, service: str = "shop") -> None:
        self.session_id = session_id
        self.started_ns = started_ns or time.time_ns() - 60 * SECOND
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(resource=Resource({"service.name": service}), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._tracer = provider.get_tracer("tests.story")

    def begin(
        self,
        name: str,
        at_s: float,
        parent: Span | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        **attributes: Any,
    ) -> Span:
        """Start a span `at_s` seconds after the story's begin; `__` in an attribute's name stands for a dot."""
        told = {key.replace("__", "."): value for key, value in attributes.items()}
        if self.session_id is not None:
            told["session.id"] = self.session_id
        context = None if parent is None else trace.set_span_in_context(parent)
        return self._tracer.start_span(name, context, kind, told, start_time=self._at(at_s))

    def end(self, span: Span, at_s: float) -> None:
        """End a span."""
        span.end(self._at(at_s))

    def spans(self) -> tuple[ReadableSpan, ...]:
        """The ended spans."""
        return self._exporter.get_finished_spans()

    def encoded(self) -> bytes:
        """An `ExportTraceServiceRequest` of the ended spans."""
        return encode_spans(self.spans()).SerializeToString()

    def _at(self, seconds: float) -> int:
        return self.started_ns + int(seconds * SECOND)


def support_session(session_id: str | None, *, model: str = PRICED, started_ns: int | None = None) -> Story:
    """Two turns: a question answered by way of two tools, one of which fails, and a short goodbye."""
    story = Story(session_id, started_ns=started_ns)
    agent = story.begin("support agent", 0, gen_ai__operation__name="invoke_agent", user__id="ada")
    calls = [
        {"type": "tool_call", "id": "c1", "name": "find_order", "arguments": {"order": 4812}},
        {"type": "tool_call", "id": "c2", "name": "carrier_status", "arguments": {"carrier": "DHL"}},
    ]
    asked = [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": QUESTION}]},
    ]
    first = _model_call(story, agent, 0.1, model, asked, [{"role": "assistant", "parts": calls}], (1204, 88, 1024))
    story.end(first, 1.5)
    _tool(story, agent, 1.6, "find_order", "c1", '{"order":4812}', '{"status":"shipped"}')
    failed = story.begin(
        "execute_tool carrier_status",
        1.65,
        agent,
        gen_ai__operation__name="execute_tool",
        gen_ai__tool__name="carrier_status",
        gen_ai__tool__call__id="c2",
        gen_ai__tool__call__arguments='{"carrier":"DHL"}',
        error__type="TimeoutError",
    )
    failed.set_status(Status(StatusCode.ERROR, "the carrier did not answer"))
    failed.add_event(
        "exception",
        {"exception.type": "TimeoutError", "exception.message": "the carrier did not answer"},
        story.started_ns + 2 * SECOND,
    )
    story.end(failed, 2.6)
    answered = [
        *asked,
        {"role": "assistant", "parts": calls},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": {"status": "shipped"}}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c2", "response": "timeout"}]},
    ]
    said = [{"role": "assistant", "parts": [{"type": "text", "content": ANSWER}], "finish_reason": "stop"}]
    second = _model_call(story, agent, 2.7, model, answered, said, (1410, 120, 1024))
    story.end(second, 4.0)
    story.end(agent, 4.2)

    later = story.begin("support agent", 30, gen_ai__operation__name="invoke_agent")
    bye = [*answered, *said, {"role": "user", "parts": [{"type": "text", "content": "<b>Thanks</b> & bye"}]}]
    last = _model_call(story, later, 30.1, model, bye, [{"role": "assistant", "parts": []}], (1500, 5, 0))
    story.end(last, 30.9)
    story.end(later, 31)
    return story


def session_events(session_id: str, *, name: str = "", tags: tuple[str, ...] = (), end_state: str = "") -> bytes:
    """An OTLP/JSON body of the session's start, and of its end when `end_state` says how it ended."""
    start: dict[str, Any] = {"session.id": session_id, "sojourn.session.name": name, "user.id": "ada"}
    if tags:
        start["sojourn.session.tags"] = list(tags)
    # Looked at once: how long the session took must not hang on what else the machine does between two looks.
    now_ns = time.time_ns()
    records = [_event("session.start", now_ns - 61 * SECOND, start)]
    if end_state:
        facts = {
            "session.id": session_id,
            "sojourn.session.end_state": end_state,
            "sojourn.session.end_state_reason": "done" if end_state == "Success" else "it broke",
            "sojourn.session.end_explicit": True,
        }
        records.append(_event("session.end", now_ns - 20 * SECOND, facts))
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()


def _event(name: str, time_ns: int, attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "eventName": name,
        "timeUnixNano": str(time_ns),
        "attributes": [{"key": key, "value": _value(value)} for key, value in attributes.items()],
    }


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, str):
        return {"stringValue": value}
    return {"arrayValue": {"values": [_value(item) for item in value]}}


def _model_call(
    story: Story,
    parent: Span,
    at_s: float,
    model: str,
    asked: list[dict[str, Any]],
    said: list[dict[str, Any]],
    tokens: tuple[int, int, int],
) -> Span:
    return story.begin(
        f"chat {model}",
        at_s,
        parent,
        SpanKind.CLIENT,
        gen_ai__operation__name="chat",
        gen_ai__provider__name="openai",
        gen_ai__request__model=model,
        gen_ai__response__model=model,
        gen_ai__usage__input_tokens=tokens[0],
        gen_ai__usage__output_tokens=tokens[1],
        gen_ai__usage__cache_read__input_tokens=tokens[2],
        gen_ai__input__messages=json.dumps(asked),
        gen_ai__output__messages=json.dumps(said),
        gen_ai__response__finish_reasons=["stop"],
    )


def _tool(story: Story, parent: Span, at_s: float, name: str, call_id: str, arguments: str, result: str) -> None:
    span = story.begin(
        f"execute_tool {name}",
        at_s,
        parent,
        gen_ai__operation__name="execute_tool",
        gen_ai__tool__name=name,
        gen_ai__tool__call__id=call_id,
        gen_ai__tool__call__arguments=arguments,
        gen_ai__tool__call__result=result,
    )
    story.end(span, at_s + 0.3)
