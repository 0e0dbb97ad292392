"""Newer clients trace themselves, and send the current span's ids to the provider: both stay as without us."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.core.journalled import read_home
from tests.instrumentors.anthropic.clients import body, client, events, message, streamed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.instrumentors.observed import Observed

ASKED: dict[str, Any] = {"model": "m-1", "max_tokens": 8, "messages": [{"role": "user", "content": "Hello"}]}
TEXT = ({"type": "text", "text": ""}, [{"type": "text_delta", "text": "Hi"}])


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
def test_no_header_tells_the_provider_of_our_spans(observed: Observed, streams: bool) -> None:
    headers: list[list[str]] = []
    answer = streamed(*events(TEXT)) if streams else body(message({"type": "text", "text": "Hi"}))

    def answered(request: Any) -> Any:
        headers.append(sorted(request.headers))
        return answer(request)

    made = client(answered)

    def ask() -> None:
        reply = made.messages.create(**ASKED, stream=streams)
        if streams:
            list(reply)

    observed.uninstall()
    ask()
    observed.install()
    with observed.provider.get_tracer("ours").start_as_current_span("step"):
        ask()

    assert headers[0] == headers[1]
    assert "traceparent" not in headers[1]
    assert observed.one().outline() == ["step", "chat m-1"]


# A global provider can be set once in a process, so this one has a process of its own.
PROGRAM = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
import sojourn
from tests.instrumentors.anthropic.clients import body, client, events, message, streamed
from tests.instrumentors.anthropic.test_own_tracing import ASKED, TEXT

theirs = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(theirs))
trace.set_tracer_provider(provider)
sojourn.init()
with trace.get_tracer("theirs").start_as_current_span("GET /"):
    client(body(message({"type": "text", "text": "Hi"}))).messages.create(**ASKED)
    list(client(streamed(*events(TEXT))).messages.create(**ASKED, stream=True))
*calls, root = theirs.get_finished_spans()
print([(span.name, span.parent.span_id == root.context.span_id, span.attributes["gen_ai.usage.input_tokens"])
       for span in calls])
found = sojourn.get_analytics()
print(found["LLM calls"])
sojourn.end_session("Success")
sojourn.shutdown()
"""


@pytest.mark.skipif(importlib.util.find_spec("anthropic._tracing") is None, reason="this release makes no spans")
def test_the_programs_own_spans_are_left_and_the_call_counts_once(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=os.environ, capture_output=True, text=True, check=False, timeout=300
    )

    assert done.returncode == 0, done.stderr
    exported, calls = done.stdout.splitlines()
    assert exported == "[('anthropic.messages.create', True, 11), ('anthropic.messages.create', True, 11)]"
    assert calls == "2"
    assert [span.name for span in read_home(home).spans if "m-1" in span.name] == ["chat m-1", "chat m-1"]
    assert not [span.name for span in read_home(home).spans if span.name.startswith("anthropic.")]


HOSTED = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sojourn_instrumentors.auto import Anthropic
from tests.instrumentors.anthropic.clients import body, client, message
from tests.instrumentors.anthropic.test_own_tracing import ASKED

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
Anthropic().instrument()
client(body(message({"type": "text", "text": "Hi"}))).messages.create(**ASKED)
theirs, ours = exporter.get_finished_spans()
print([ours.name, theirs.name, theirs.parent.span_id == ours.context.span_id, ours.parent is None])
"""


@pytest.mark.skipif(importlib.util.find_spec("anthropic._tracing") is None, reason="this release makes no spans")
def test_where_ours_are_the_programs_own_the_clients_span_hangs_below_ours() -> None:
    """Two traces would be two calls, each with its tokens, for whoever adds them up."""
    done = subprocess.run([sys.executable, "-c", HOSTED], capture_output=True, text=True, check=False, timeout=300)

    assert (done.stdout, done.stderr) == ("['chat m-1', 'anthropic.messages.create', True, True]\n", "")
