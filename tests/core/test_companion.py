"""A host program with an OpenTelemetry provider of its own, there before or set later."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from sojourn import semconv
from tests.core.journalled import plain, read_home

if TYPE_CHECKING:
    from pathlib import Path

# A global provider can be set once in a process, so each case has a process of its own.
PROGRAM = """
from opentelemetry import trace
from opentelemetry.trace import set_tracer_provider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
import sojourn, time

theirs = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(theirs))
{steps}
tracer = trace.get_tracer("theirs")
with tracer.start_as_current_span("GET /"):
    facts = {{"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 7}}
    tracer.start_span("chat gpt-4o", attributes=facts).end()
    tracer.start_span("llm", attributes={{"openinference.span.kind": "LLM"}}).end()
    sojourn.record(sojourn.ActionEvent(action_type="ours"))
assert trace.get_tracer_provider() is provider
print([dict(span.attributes) for span in theirs.get_finished_spans()])
print(sojourn.current_session().session_id)
sojourn.shutdown()
tracer.start_span("chat late", attributes={{"gen_ai.operation.name": "chat"}}).end()
assert trace.set_tracer_provider is set_tracer_provider
"""
SET = "trace.set_tracer_provider(provider)"
SET_BY_NAME = """
set_tracer_provider(provider)
# Nothing tells of a provider that is set by this name; the recorder's thread looks for it.
deadline = time.monotonic() + 120
while len(provider._active_span_processor._span_processors) < 2 and time.monotonic() < deadline:
    sojourn.record(sojourn.ActionEvent(action_type="looking"))
    time.sleep(0.02)
"""


@pytest.mark.parametrize(
    "steps",
    [f"{SET}\nsojourn.init()", f"sojourn.init()\n{SET}", f"sojourn.init()\n{SET_BY_NAME}"],
    ids=["before", "later", "by name"],
)
def test_its_spans_of_models_are_recorded_and_left_as_they_are(home: Path, steps: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(steps=steps)], env=os.environ, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    exported, session_id = done.stdout.splitlines()
    assert exported == (
        "[{'gen_ai.operation.name': 'chat', 'gen_ai.usage.input_tokens': 7}, {'openinference.span.kind': 'LLM'}, {}]"
    )
    found = {span.name: plain(span.attributes) for span in read_home(home).spans if span.name != "looking"}
    assert found.keys() == {"chat gpt-4o", "llm", "ours"}
    assert found["chat gpt-4o"] == {
        semconv.OPERATION: "chat",
        semconv.USAGE_INPUT_TOKENS: 7,
        semconv.SESSION_ID: session_id,
    }


ASKED = """
import sojourn
from opentelemetry import trace
{before}
session = sojourn.init(global_provider=True)
tracer = trace.get_tracer("theirs")
with tracer.start_as_current_span("GET /") as span:
    span.set_attribute("http.route", "/")
    with sojourn.span("ours"):
        tracer.start_span("query").end()
sojourn.shutdown()
tracer.start_span("late").end()
{after}
"""
OWN = """
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(own := TracerProvider())
"""


def test_a_program_without_a_provider_may_ask_for_all_its_spans(home: Path) -> None:
    again = "sojourn.init(global_provider=True)\ntracer.start_span('again').end()\nsojourn.shutdown()"
    program = ASKED.format(before="", after=again)
    done = subprocess.run([sys.executable, "-c", program], env=os.environ, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    found = {span.name: span for span in read_home(home).spans}
    assert found.keys() == {"GET /", "ours", "query", "again"}
    assert found["ours"].parent_span_id == found["GET /"].span_id
    assert found["query"].parent_span_id == found["ours"].span_id
    assert plain(found["GET /"].attributes)["http.route"] == "/"
    assert len({plain(found[name].attributes)[semconv.SESSION_ID] for name in ("GET /", "ours", "query")}) == 1


def test_a_provider_of_the_program_is_never_replaced_though_it_asked(home: Path) -> None:
    program = ASKED.format(before=OWN, after="assert trace.get_tracer_provider() is own")
    done = subprocess.run([sys.executable, "-c", program], env=os.environ, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "init(global_provider=True) found a tracer provider that the program has set" in done.stderr
    assert {span.name for span in read_home(home).spans} == {"ours"}
