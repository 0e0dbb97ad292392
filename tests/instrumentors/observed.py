"""What was recorded, as a test wants to compare it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sojourn.content import ContentPolicy
from sojourn_instrumentors.anthropic import INSTRUMENTOR as ANTHROPIC
from sojourn_instrumentors.langchain import INSTRUMENTOR as LANGCHAIN
from sojourn_instrumentors.langgraph import INSTRUMENTOR as LANGGRAPH
from sojourn_instrumentors.openai import INSTRUMENTOR as OPENAI

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.sampling import Sampler

INSTRUMENTORS = (ANTHROPIC, OPENAI, LANGCHAIN, LANGGRAPH)


@dataclass(frozen=True)
class Seen:
    """One span, whole, with what has no fixed value (ids, times) left out and its children below it."""

    name: str
    kind: str
    status: str
    attributes: dict[str, Any]
    events: tuple[str, ...] = ()
    children: tuple[Seen, ...] = ()

    def __getitem__(self, key: str) -> Any:
        """An attribute; what is JSON text is parsed."""
        value = self.attributes[key]
        return json.loads(value) if isinstance(value, str) and value[:1] in "[{" else value

    def outline(self) -> Any:
        """Names only, as nested lists."""
        return [self.name, *(child.outline() for child in self.children)] if self.children else self.name


@dataclass
class Observed:
    """The instrumentors at work, exporting into memory."""

    sampler: Sampler | None = None
    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)

    def __post_init__(self) -> None:
        self.provider = TracerProvider(sampler=self.sampler, shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def install(self, policy: ContentPolicy | None = None) -> None:
        self.uninstall()
        for instrumentor in INSTRUMENTORS:
            instrumentor.install(tracer_provider=self.provider, policy=policy or ContentPolicy())

    def uninstall(self) -> None:
        for instrumentor in INSTRUMENTORS:
            instrumentor.uninstall()

    def roots(self) -> list[Seen]:
        """The finished spans as trees, in the order of their start."""
        spans = sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time or 0)
        known = {span.context.span_id for span in spans if span.context}
        return [_seen(span, spans) for span in spans if not (span.parent and span.parent.span_id in known)]

    def one(self) -> Seen:
        (only,) = self.roots()
        return only

    def all(self) -> list[Seen]:
        """Every span, parents before their children."""
        found: list[Seen] = []
        waiting = self.roots()
        while waiting:
            seen = waiting.pop(0)
            found.append(seen)
            waiting = [*seen.children, *waiting]
        return found

    def named(self, name: str) -> Seen:
        (only,) = [seen for seen in self.all() if seen.name == name]
        return only

    def wait_for(self, count: int) -> None:
        """Spans of streams that became garbage are ended on another thread."""
        deadline = time.monotonic() + 120
        while len(self.exporter.get_finished_spans()) < count:
            assert time.monotonic() < deadline, f"no {count} spans: {self.roots()}"
            time.sleep(0.005)

    def usage(self) -> tuple[int, int]:
        """All tokens of all spans, as a reader adds them up."""
        spans = self.all()
        return (
            sum(seen.attributes.get("gen_ai.usage.input_tokens", 0) for seen in spans),
            sum(seen.attributes.get("gen_ai.usage.output_tokens", 0) for seen in spans),
        )


def _seen(span: ReadableSpan, spans: list[ReadableSpan]) -> Seen:
    own = span.context.span_id if span.context else None
    return Seen(
        name=span.name,
        kind=span.kind.name.lower(),
        status=span.status.status_code.name.lower(),
        attributes=dict(span.attributes or {}),
        events=tuple(event.name for event in span.events),
        children=tuple(_seen(one, spans) for one in spans if one.parent and one.parent.span_id == own),
    )
