"""The stage: one subject, its clients, the wire, and what was recorded."""

from __future__ import annotations

import asyncio
import gc
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sojourn.content import ContentPolicy
from tests.instrumentors.battery.subject import PROMPT
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.sampling import Sampler

    from tests.instrumentors.battery.subject import Arguments, Subject, Way
    from tests.instrumentors.battery.wire import Wire

__all__ = ["TEXT", "Stage", "parsed", "read", "text_of"]

TEXT = '{"name":"Loire"}'
"""What the provider answers, in as many pieces as `cut_up` makes of it."""


def text_of(name: str) -> str:
    return TEXT.replace("Loire", name)


def cut_up(text: str) -> list[str]:
    return [text[:3], text[3:8], text[8:]]


@dataclass
class Stage:
    """Where one test happens."""

    wire: Wire
    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    _installed: list[Subject] = field(default_factory=list["Subject"])
    _opened: dict[tuple[str, bool], tuple[Subject, Any]] = field(
        default_factory=dict[tuple[str, bool], tuple["Subject", Any]]
    )

    def provider(self, sampler: Sampler | None = None) -> TracerProvider:
        """A tracer provider that exports into memory."""
        made = TracerProvider(sampler=sampler, shutdown_on_exit=False, resource=Resource.create({}))
        made.add_span_processor(SimpleSpanProcessor(self.exporter))
        return made

    def install(
        self,
        subject: Subject,
        policy: ContentPolicy | None = None,
        provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> TracerProvider:
        self.uninstall()
        found = provider or self.provider()
        self._installed.append(subject)
        subject.instrumentor.install(
            tracer_provider=found, policy=policy or ContentPolicy(), meter_provider=meter_provider
        )
        return found

    def uninstall(self) -> None:
        while self._installed:
            self._installed.pop().instrumentor.uninstall()

    def answers(self, subject: Subject, way: Way, text: str = TEXT) -> None:
        """Have the provider answer this text, in the manner that the way wants."""
        self.wire.answers = [subject.pieces(cut_up(text)) if way.streamed else subject.answer(text)]

    async def start(self, subject: Subject, way: Way, arguments: Arguments | None = None) -> Any:
        """Make the call; what it returns is unread."""
        client = self.client(subject, way.asynchronous)
        return await way.start(client, subject.asked(PROMPT) if arguments is None else arguments)

    def client(self, subject: Subject, asynchronous: bool) -> Any:
        """The subject's client, one for the whole test."""
        key = (subject.name, asynchronous)
        if key not in self._opened:
            self._opened[key] = subject, subject.client(self.wire.url, asynchronous)
        return self._opened[key][1]

    async def call(self, subject: Subject, way: Way, arguments: Arguments | None = None) -> list[Any]:
        """Make the call, and read everything."""
        return await read(way, await self.start(subject, way, arguments))

    def spans(self) -> Sequence[ReadableSpan]:
        return self.exporter.get_finished_spans()

    def one(self) -> ReadableSpan:
        (only,) = self.spans()
        return only

    def wait_for_one(self) -> ReadableSpan:
        """Spans of streams that became garbage are ended on another thread."""
        until(self.spans)
        return self.one()

    async def collected(self) -> ReadableSpan:
        """The span of what has become garbage, once the collector and the event loop have done their work."""
        deadline = time.monotonic() + 120
        while not self.spans():
            assert time.monotonic() < deadline, "no span ended"
            gc.collect()
            await asyncio.sleep(0.005)
        return self.one()

    async def close(self) -> None:
        self.uninstall()
        self.wire.reset()
        while self._opened:
            _, (subject, client) = self._opened.popitem()
            await subject.close(client)


async def read(way: Way, value: Any) -> list[Any]:
    """All that a call gives, as a program reads it."""
    match way.shape:
        case "value":
            return [value]
        case "raw":
            return [await parsed(value)]
        case "raw stream":
            return await _drain(way, await parsed(value))
        case "stream":
            return await _drain(way, value)
        case "manager":
            if way.asynchronous:
                async with value as stream:
                    return await _drain(way, stream)
            with value as stream:
                return await _drain(way, stream)
        case "streaming raw":
            if way.asynchronous:
                async with value as response:
                    return [await response.read()]
            with value as response:
                return [response.read()]


async def parsed(value: Any) -> Any:
    """What a raw response holds; some clients read it only then, and so asynchronously."""
    parsed = value.parse()
    return await parsed if hasattr(parsed, "__await__") else parsed


async def _drain(way: Way, stream: Any) -> list[Any]:
    return [part async for part in stream] if way.asynchronous else list(stream)
