"""Replays: recorded calls made again under the instrumentors, and the rows of the table that come of them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final, Literal, Protocol

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sojourn.content import ContentPolicy
from tools.recorded_traffic import anthropic_bodies, openai_bodies
from tools.recorded_traffic.anthropic_calls import AnthropicCalls
from tools.recorded_traffic.facts import CELLS, Facts
from tools.recorded_traffic.langchain_calls import LangChainCalls, messages_of
from tools.recorded_traffic.openai_calls import OpenAICalls
from tools.recorded_traffic.spans import one_line, told_by

if TYPE_CHECKING:
    from collections.abc import Generator

    from tools.recorded_traffic.exchange import Exchange

__all__ = ["WAYS", "Replays", "Row", "Way", "watching"]

Way = Literal["openai", "anthropic", "langchain", "langchain alone"]
"""How a call is made: through a client, or through LangChain with the client observed too, or without it."""
WAYS: Final[tuple[Way, ...]] = ("openai", "anthropic", "langchain", "langchain alone")


class Calls(Protocol):
    """A program that makes recorded calls again."""

    def handles(self, exchange: Exchange) -> bool: ...
    def make(self, exchange: Exchange) -> None: ...


@dataclass(frozen=True, slots=True)
class Row:
    """One recorded call: what its bodies hold, and what its span says of it."""

    exchange: Exchange
    way: Way
    held: Facts
    told: Facts | None
    """None when there was not exactly one span."""
    fault: str | None = None
    """What went wrong before there was anything to compare."""

    @property
    def wrong(self) -> tuple[str, ...]:
        """The cells that differ; `span` when there is none to compare."""
        told = self.told
        if told is None:
            return ("span",)
        return tuple(cell for cell in CELLS if getattr(self.held, cell) != getattr(told, cell))


@dataclass(frozen=True, slots=True)
class Replays:
    """The instrumentors at work, exporting into memory, and programs that make calls under them."""

    way: Way
    calls: Calls
    exporter: InMemorySpanExporter

    def row(self, exchange: Exchange) -> Row:
        """Make one call again and read its span."""
        held = _held(exchange, self.way)
        self.exporter.clear()
        try:
            self.calls.make(exchange)
        except Exception as error:  # noqa: BLE001  # what a client raises is a cell of the table
            kinds = [kind.__name__ for kind in type(error).__mro__]
            if held.error not in kinds:
                return Row(exchange, self.way, held, None, f"raises {kinds[0]}: {error}"[:300])
            # LangChain raises subclasses of its own.
            held = replace(held, error=kinds[0])
        spans = self.exporter.get_finished_spans()
        if len(spans) != 1:
            names = ", ".join(span.name for span in spans)
            return Row(exchange, self.way, held, None, f"{len(spans)} spans: {names}")
        return Row(exchange, self.way, held, told_by(spans[0]))


@contextmanager
def watching(way: Way) -> Generator[Replays]:
    """Install the instrumentors that a way of calling is about, and take them away at the end."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    everyone = {entry.name: entry.load() for entry in entry_points(group="sojourn.instrumentors")}
    for name, instrumentor in everyone.items():
        instrumentor.uninstall()
        if way != "langchain alone" or name == "langchain_core":
            instrumentor.install(tracer_provider=provider, policy=ContentPolicy())
    try:
        yield Replays(way, _calls(way), exporter)
    finally:
        for instrumentor in everyone.values():
            instrumentor.uninstall()
        provider.shutdown()


def _calls(way: Way) -> Calls:
    if way == "openai":
        return OpenAICalls()
    return AnthropicCalls() if way == "anthropic" else LangChainCalls()


def _held(exchange: Exchange, way: Way) -> Facts:
    in_anthropics = way == "anthropic" or exchange.path.endswith("/messages")
    held = anthropic_bodies.held_by(exchange) if in_anthropics else openai_bodies.held_by(exchange)
    held = replace(held, reasoning=one_line(held.reasoning))
    if not way.startswith("langchain"):
        return held
    # LangChain sends instructions as messages of the conversation.
    return replace(held, messages=len(messages_of(exchange) or ()))
