"""Watchers: ours, those of others, spans written by hand, and nobody; each started as its documentation says."""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.overhead.works import Hand

__all__ = ["PEERS", "WATCHERS", "Spans", "start"]

PEERS: Final[dict[str, tuple[str, ...]]] = {
    "OpenInference": (
        "openinference-instrumentation-openai==0.1.66",
        "openinference-instrumentation-langchain==0.1.80",
    ),
    "OpenLLMetry": (
        "opentelemetry-instrumentation-openai==0.62.4",
        "opentelemetry-instrumentation-langchain==0.62.4",
    ),
    "OpenTelemetry GenAI": (
        "opentelemetry-instrumentation-genai-openai==1.3b0",
        "opentelemetry-instrumentation-genai-langchain==1.3b0",
        # Without it that one says that there is nothing to instrument.
        "langchain",
    ),
    # Newer ones need a certifi that is not everywhere yet.
    "Logfire": ("logfire==5.2.0",),
}
"""What each of the others is installed from, in an environment of its own."""


class Spans(SpanProcessor):
    """Takes the spans and does nothing with them, so that what is measured is the making of spans alone."""

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.keeping = False

    def on_end(self, span: Any) -> None:
        if self.keeping:
            self.kept.append(span)


@dataclass
class _Started:
    """A watcher at work."""

    spans: Spans = field(default_factory=Spans)
    hand: Hand | None = None
    settle: Callable[[], object] = gc.collect
    """Wait until all that it does behind the calls is done."""

    def provider(self) -> TracerProvider:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(self.spans)
        return provider


def start(name: str) -> _Started:
    """Let a watcher watch this process from now on, with content on."""
    started = _Started()
    WATCHERS[name](started)
    return started


def _nobody(_: _Started) -> None:
    pass


def _by_hand(started: _Started) -> None:
    from benchmarks.overhead.by_hand import ByHand

    started.hand = ByHand(started.provider().get_tracer("by hand"))


def _sojourn(started: _Started) -> None:
    # All of it, as a program has it: what the recorder does on the caller's thread, and the journal behind.
    os.environ["SOJOURN_HOME"] = tempfile.mkdtemp(prefix="sojourn-overhead-")
    atexit.register(shutil.rmtree, os.environ["SOJOURN_HOME"], ignore_errors=True)
    sojourn = importlib.import_module("sojourn")
    sojourn.init()
    started.settle = functools.partial(sojourn.flush, 0)


def _sojourn_apart(started: _Started) -> None:
    """Its instrumentors alone, recording for another's exporter: then content is put into words at once."""
    from sojourn.content import ContentPolicy

    provider = started.provider()
    for library in ("openai", "langchain"):
        module = importlib.import_module(f"sojourn_instrumentors.{library}")
        module.INSTRUMENTOR.install(tracer_provider=provider, policy=ContentPolicy())


def _openinference(started: _Started) -> None:
    _instrument(started, "openinference.instrumentation.openai:OpenAIInstrumentor")
    _instrument(started, "openinference.instrumentation.langchain:LangChainInstrumentor")


def _openllmetry(started: _Started) -> None:
    _instrument(started, "opentelemetry.instrumentation.openai:OpenAIInstrumentor")
    _instrument(started, "opentelemetry.instrumentation.langchain:LangchainInstrumentor")


def _opentelemetry(started: _Started) -> None:
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"
    _instrument(started, "opentelemetry.instrumentation.genai.openai:OpenAIInstrumentor")
    _instrument(started, "opentelemetry.instrumentation.genai.langchain:LangChainInstrumentor")


def _logfire(started: _Started) -> None:
    os.environ |= {"LANGSMITH_OTEL_ENABLED": "true", "LANGSMITH_OTEL_ONLY": "true", "LANGSMITH_TRACING": "true"}
    logfire = importlib.import_module("logfire")
    logfire.configure(send_to_logfire=False, console=False, additional_span_processors=[started.spans])
    logfire.instrument_openai()


def _instrument(started: _Started, target: str) -> None:
    module, _, name = target.partition(":")
    getattr(importlib.import_module(module), name)().instrument(tracer_provider=started.provider())


WATCHERS: Final[dict[str, Callable[[_Started], None]]] = {
    "nobody": _nobody,
    "by hand": _by_hand,
    "sojourn": _sojourn,
    "sojourn, for others": _sojourn_apart,
    "OpenInference": _openinference,
    "OpenLLMetry": _openllmetry,
    "OpenTelemetry GenAI": _opentelemetry,
    "Logfire": _logfire,
}
