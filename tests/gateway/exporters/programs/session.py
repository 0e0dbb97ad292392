"""Two turns of an agent under a plain OpenTelemetry SDK, sent by a stock exporter; the argument says by which.

It prints the ids and times that it wrote, as JSON in its last line. Where to is said by OpenTelemetry's own variables.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

NOTATIONS = {
    "protobuf": "opentelemetry.exporter.otlp.proto.http",
    "json": "opentelemetry.exporter.otlp.json.http",
    "grpc": "opentelemetry.exporter.otlp.proto.grpc",
}
SAID = [{"role": "user", "parts": [{"type": "text", "content": "Où est ma commande ☕ 4812?"}]}]
ANSWERED = [{"role": "assistant", "parts": [{"type": "text", "content": "En route."}], "finish_reason": "stop"}]


def main(notation: str, session_id: str) -> None:
    resource = Resource({"service.name": "shop", "deployment.environment.name": "test"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter: Any = import_module(f"{NOTATIONS[notation]}.trace_exporter").OTLPSpanExporter()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("shop.agent", "1.2")
    wrote: list[dict[str, Any]] = []

    def begun(span: Any) -> Any:
        told = span.get_span_context()
        wrote.append({"trace": f"{told.trace_id:032x}", "span": f"{told.span_id:016x}", "name": span.name})
        return span

    first: Any = None
    for turn in range(2):
        links = [] if first is None else [Link(first, {"why": "goes on"})]
        facts: dict[str, Any] = {
            "session.id": session_id,
            "user.id": "ada",
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "support",
            "shop.turn": turn,
            "shop.ratio": 0.25,
            "shop.big": 2**62,
            "shop.on": True,
            "shop.tags": ["a", "b"],
            "shop.numbers": [1, 2, 3],
        }
        with tracer.start_as_current_span("invoke_agent support", attributes=facts, links=links) as root:
            begun(root)
            first = root.get_span_context()
            with tracer.start_as_current_span("chat gpt-4o-mini", kind=SpanKind.CLIENT) as call:
                begun(call)
                call.set_attributes(
                    {
                        "gen_ai.operation.name": "chat",
                        "gen_ai.provider.name": "openai",
                        "gen_ai.request.model": "gpt-4o-mini",
                        "gen_ai.usage.input_tokens": 1000,
                        "gen_ai.usage.output_tokens": 200,
                        "gen_ai.input.messages": json.dumps(SAID, ensure_ascii=False),
                        "gen_ai.output.messages": json.dumps(ANSWERED),
                    }
                )
            with tracer.start_as_current_span("execute_tool track", record_exception=False) as tool:
                begun(tool)
                tool.set_attributes({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "track"})
                tool.add_event("asked", {"carrier": "DHL", "tries": 2})
                if turn:
                    tool.set_attribute("error.type", "TimeoutError")
                    tool.set_status(Status(StatusCode.ERROR, "the carrier did not answer"))
    sent = provider.force_flush(60_000)
    provider.shutdown()
    print(json.dumps({"spans": wrote, "sent": sent}))


if __name__ == "__main__":
    # Read by those who use it alone: nothing is recorded of the current span here.
    assert not trace.get_current_span().get_span_context().is_valid
    main(*sys.argv[1:])
