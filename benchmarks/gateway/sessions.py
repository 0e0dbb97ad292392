"""Realistic sessions as exporters send them: five traces of ten spans, twenty attributes, 0.5 to 4 KB of text."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["APART_NS", "BATCH_SPANS", "NEEDLE", "SESSION_SPANS", "Sessions"]

TRACES: Final = 5
STEPS: Final = ("agent", "plan", "chat", "tool", "chat", "tool", "retrieval", "chat", "embeddings", "chat")
SESSION_SPANS: Final = TRACES * len(STEPS)
BATCH_SPANS: Final = 500
"""About as many as an exporter sends at once, of whole sessions."""

_SENTENCE: Final = (
    "the order was sent on monday and the customer asks where it is please look it up and answer politely search "
    "refund invoice parcel delay address carrier tracking number support agent policy return label weight price"
)
_MODELS: Final = (("openai", "gpt-4o-mini"), ("openai", "gpt-4o"), ("anthropic", "claude-sonnet-4-5"))
_MS: Final = 1_000_000
_ERROR, _UNSET = Status.STATUS_CODE_ERROR, Status.STATUS_CODE_UNSET
APART_NS: Final = 300_000 * _MS
"""Between the starts of two sessions."""
NEEDLE: Final = "zyxneedle"
"""A word of one session in two hundred."""


class Sessions:
    """The same sessions for the same seed, whoever they are sent to."""

    def __init__(self, seed: int, end_ns: int) -> None:
        """Sessions that began one after the other, the last of them a while before `end_ns`."""
        self._chance = random.Random(seed)
        self._end_ns = end_ns
        self._seed = seed
        self._made = 0
        self._words = [" ".join(self._chance.choices(_SENTENCE.split(), k=40)) for _ in range(500)]
        self.ids: list[str] = []

    def batches(self, spans: int) -> Iterator[bytes]:
        """OTLP requests of together at least so many spans."""
        for _ in range(-(-spans // BATCH_SPANS)):
            yield self.batch(BATCH_SPANS // SESSION_SPANS)

    def batch(self, sessions: int) -> bytes:
        """A request with so many whole sessions."""
        spans = [span for _ in range(sessions) for span in self._session()]
        resource = Resource(
            attributes=_key_values({"service.name": "shop", "process.pid": 4000 + self._seed, "host.name": "bench"})
        )
        scope = ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=spans)])
        return ExportTraceServiceRequest(resource_spans=[scope]).SerializeToString()

    def _session(self) -> Iterator[Span]:
        chance = self._chance
        self._made += 1
        session = f"{self._seed:04x}-{self._made:07d}-{chance.getrandbits(48):012x}"
        self.ids.append(session)
        user = f"user-{self._made % 97}"
        begun = self._end_ns - self._made % 10_000 * APART_NS - 60_000 * _MS
        for number in range(TRACES):
            trace_id, root, chat = chance.randbytes(16), b"", b""
            at = begun + number * 8_000 * _MS
            for place, step in enumerate(STEPS):
                span = Span(
                    trace_id=trace_id,
                    span_id=chance.randbytes(8),
                    parent_span_id=b"" if not root else chat if step == "tool" else root,
                    name=f"{step} {place}",
                    kind=Span.SPAN_KIND_INTERNAL,
                    start_time_unix_nano=at + place * 300 * _MS,
                    end_time_unix_nano=at + (place * 300 + chance.randrange(50, 290)) * _MS,
                    attributes=_key_values(self._attributes(step, session, user)),
                    status=Status(
                        code=Status.STATUS_CODE_ERROR if chance.random() < 0.005 else Status.STATUS_CODE_UNSET
                    ),
                )
                if not root:
                    span.end_time_unix_nano = at + 3_200 * _MS
                    root = span.span_id
                if step == "chat":
                    chat = span.span_id
                yield span

    def _text(self, least: int, most: int) -> str:
        """Text of so many bytes, about."""
        pieces: list[str] = []
        left = self._chance.randrange(least, most)
        while left > 0:
            pieces.append(self._chance.choice(self._words))
            left -= len(pieces[-1])
        return " ".join(pieces)

    def _attributes(self, step: str, session: str, user: str) -> dict[str, Any]:
        chance = self._chance
        told: dict[str, Any] = {
            "session.id": session,
            "user.id": user,
            "app.release": f"r{chance.randrange(50)}",
            "app.tenant": f"tenant-{chance.randrange(400)}",
            "app.region": chance.choice(("eu", "us", "asia")),
            "app.attempt": chance.randrange(3),
            "app.cached": chance.random() < 0.2,
            "app.score": chance.random(),
            "sojourn.metadata.turn": f"turn-{self._made % 200}",
            "code.function.name": f"steps.{step}",
            "thread.id": chance.randrange(1, 9),
        }
        if step == "chat":
            provider, model = chance.choice(_MODELS)
            text = self._text(500, 3_000) + (f" {NEEDLE}" if self._made % 200 == 7 else "")
            asked = [{"role": "user", "parts": [{"type": "text", "content": text}]}]
            answer = [{"role": "assistant", "parts": [{"type": "text", "content": self._text(100, 1_000)}]}]
            return told | {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": provider,
                "gen_ai.request.model": model,
                "gen_ai.response.model": model,
                "gen_ai.response.id": f"resp-{chance.getrandbits(64):x}",
                "gen_ai.usage.input_tokens": chance.randrange(100, 4_000),
                "gen_ai.usage.output_tokens": chance.randrange(10, 600),
                "gen_ai.input.messages": json.dumps(asked),
                "gen_ai.output.messages": json.dumps(answer),
                "server.address": f"api.{provider}.com",
            }
        if step == "tool":
            return told | {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": chance.choice(("search_orders", "refund", "track_parcel")),
                "gen_ai.tool.call.id": f"call-{chance.getrandbits(40):x}",
                "gen_ai.tool.call.arguments": json.dumps({"order": chance.randrange(10_000)}),
                "gen_ai.tool.call.result": json.dumps({"found": self._text(300, 1_500)}),
            }
        if step == "embeddings":
            return told | {
                "gen_ai.operation.name": "embeddings",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "text-embedding-3-small",
                "gen_ai.usage.input_tokens": chance.randrange(100, 900),
            }
        operation = "invoke_agent" if step == "agent" else step
        return told | {
            "gen_ai.operation.name": operation,
            "app.input": self._text(200, 800),
            "app.output": self._text(200, 1_200),
        }


def _key_values(told: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_any_value(value)) for key, value in told.items()]


def _any_value(value: object) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case _:
            return AnyValue(string_value=str(value))
