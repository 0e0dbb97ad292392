"""Under OpenTelemetry's own tools: started by them, beside instrumentors of others, and never in their way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import openai
import pytest

from sojourn_instrumentors import auto
from sojourn_instrumentors._kit.settings import capture_of_opentelemetry

CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
RIVALS = "openai,langchain,anthropic"
"""Under these names the instrumentors of others are started."""
HTTP = "httpx2" if int(openai.__version__.partition(".")[0]) >= 3 else "httpx"

START = f"""
    import json, sys
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()

    def listen():
        provider = trace.get_tracer_provider()
        if not hasattr(provider, "add_span_processor"):
            provider = TracerProvider(shutdown_on_exit=False)
            trace.set_tracer_provider(provider)
        provider.add_span_processor(SimpleSpanProcessor(exporter))

    def call():
        import {HTTP} as http
        import openai
        answer = {{"id": "1", "object": "chat.completion", "created": 1, "model": "m",
                  "choices": [{{"index": 0, "finish_reason": "stop",
                               "message": {{"role": "assistant", "content": "Loire"}}}}],
                  "usage": {{"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}}}
        transport = http.MockTransport(lambda request: http.Response(200, json=answer))
        client = openai.OpenAI(api_key="k", http_client=openai.DefaultHttpxClient(transport=transport))
        reply = client.chat.completions.create(model="m", messages=[{{"role": "user", "content": "A river?"}}])
        assert reply.choices[0].message.content == "Loire"

    def seen():
        spans = [[span.instrumentation_scope.name, span.name, "Loire" in span.to_json()]
                 for span in exporter.get_finished_spans()]
        exporter.clear()
        return spans
"""
OURS = ["sojourn.openai", "chat m"]


def run(program: str, command: tuple[str, ...] = (), /, **environment: str) -> tuple[Any, str]:
    """What a program prints as JSON, and what it says on standard error."""
    told = subprocess.run(
        [*command, sys.executable, "-c", textwrap.dedent(START) + textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, **environment},
    )
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout), told.stderr


def instrumented(program: str, **environment: str) -> tuple[Any, str]:
    """The same under `opentelemetry-instrument`."""
    quiet = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
    command = Path(sys.executable).with_name("opentelemetry-instrument")
    return run(program, (str(command),), **quiet, **environment)


ONE_CALL = "listen(); call(); print(json.dumps(seen()))"


def test_every_library_module_is_offered_to_opentelemetry_as_well() -> None:
    ours = {entry.module for entry in entry_points(group="sojourn.instrumentors") if "sojourn_" in entry.module}
    offered = [entry for entry in entry_points(group="opentelemetry_instrumentor") if entry.name.startswith("sojourn_")]

    assert {entry.load().module for entry in offered} == ours
    assert {entry.name for entry in offered} == {f"sojourn_{module.rpartition('.')[2]}" for module in ours}


def test_opentelemetry_instrument_starts_ours() -> None:
    spans, said = instrumented(ONE_CALL, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=RIVALS)

    assert (spans, said) == ([[*OURS, False]], "")


@pytest.mark.parametrize("choice", ["true", "SPAN_ONLY", "SPAN_AND_EVENT", "EVENT_ONLY", "NO_CONTENT", "false", ""])
def test_there_opentelemetrys_own_variable_decides_about_content(choice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONTENT, choice)

    found = capture_of_opentelemetry()
    assert found == ("full" if choice in ("true", "SPAN_ONLY", "SPAN_AND_EVENT") else "off")


def test_with_that_variable_spans_hold_content() -> None:
    program = """
    from sojourn_instrumentors.auto import OpenAI
    listen()
    OpenAI().instrument()
    call()
    print(json.dumps(seen()))
    """
    spans, _ = run(program, **{CONTENT: "true"})

    assert spans == [[*OURS, True]]


def test_an_instrumentor_can_be_disabled_by_its_own_name() -> None:
    spans, _ = instrumented(ONE_CALL, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=f"{RIVALS},sojourn_openai")

    assert spans == []


def test_beside_those_of_others_ours_stands_back_and_says_so_once() -> None:
    """Whatever order they are started in; the program's calls and theirs of others are as they were."""
    spans, said = instrumented("listen(); call(); call(); print(json.dumps(seen()))")

    assert spans
    assert not [span for span in spans if span[0].startswith("sojourn")]
    ours = [line for line in said.splitlines() if line.startswith("sojourn:")]
    assert len(ours) == 1
    assert "openai is observed by" in ours[0]


OTHERS = {
    "OpenInference": "openinference.instrumentation.openai",
    "OpenLLMetry": "opentelemetry.instrumentation.openai",
    "OpenTelemetry": "opentelemetry.instrumentation.genai.openai",
}


@pytest.mark.parametrize("name", OTHERS)
def test_ours_first_and_another_later(name: str) -> None:
    program = f"""
    from {OTHERS[name]} import OpenAIInstrumentor
    from sojourn_instrumentors.auto import OpenAI
    listen()
    ours, theirs = OpenAI(), OpenAIInstrumentor()
    ours.instrument()
    call()
    first = seen()
    theirs.instrument()
    call(); call()
    second = seen()
    print(json.dumps([first, second, ours.is_instrumented_by_opentelemetry]))
    """
    (first, second, held), said = run(program)

    assert first == [[*OURS, False]]
    assert len(second) == 2
    assert {scope for scope, *_ in second} == {second[0][0]}
    assert "sojourn" not in second[0][0]
    assert held is False
    assert said.count("Sojourn stands back") == 1
    assert f"openai is observed by {name} ({OTHERS[name]}) already" in said


@pytest.mark.parametrize("name", OTHERS)
def test_another_first_and_ours_later(name: str) -> None:
    program = f"""
    from {OTHERS[name]} import OpenAIInstrumentor
    from sojourn_instrumentors.auto import OpenAI
    listen()
    OpenAIInstrumentor().instrument()
    OpenAI().instrument()
    call()
    print(json.dumps(seen()))
    """
    spans, said = run(program)

    assert len(spans) == 1
    assert "sojourn" not in spans[0][0]
    assert said.count("Sojourn stands back") == 1


def test_logfire_is_seen_by_the_mark_that_it_leaves_on_the_client() -> None:
    program = """
    import openai
    from sojourn_instrumentors.auto import OpenAI
    openai.OpenAI._is_instrumented_by_logfire = True
    listen()
    OpenAI().instrument()
    call()
    print(json.dumps(seen()))
    """
    spans, said = run(program)

    assert spans == []
    assert "openai is observed by Logfire" in said


def test_uninstrumenting_leaves_the_library_as_it_was_and_it_can_be_taken_up_again() -> None:
    program = """
    from sojourn_instrumentors.auto import OpenAI
    from openai._base_client import SyncAPIClient
    listen()
    before = SyncAPIClient.request
    OpenAI().instrument()
    OpenAI().instrument()
    call()
    OpenAI().uninstrument()
    same = SyncAPIClient.request is before
    call()
    OpenAI().instrument()
    call()
    print(json.dumps([seen(), same]))
    """
    (spans, same), said = run(program)

    assert (spans, same, said) == ([[*OURS, False], [*OURS, False]], True, "")


def test_a_program_that_sets_up_sojourn_itself_keeps_its_sessions() -> None:
    """OpenTelemetry started our instrumentor before; the program's client gives its spans a session all the same."""
    program = """
    import sojourn
    from sojourn.testing import captured
    listen()
    with captured() as records:
        with sojourn.start_session():
            call()
    print(json.dumps([seen(), [[span.name, bool(span.session_id)] for span in records.spans]]))
    """
    (spans, recorded), _ = instrumented(program, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=RIVALS)

    assert spans == [[*OURS, False]]
    assert recorded == [["chat m", True]]


def test_nothing_is_raised_whatever_is_asked() -> None:
    """A library that is not there, one that is too old, options of the future."""
    program = """
    from sojourn_instrumentors._kit import Instrumentor
    from sojourn_instrumentors.openai import INSTRUMENTOR
    from sojourn_instrumentors._kit.offered import Offered
    import sys, types
    for name, library, requires in (("a", "no_such_library", "no-such-library >= 1"), ("b", "json", "openai >= 999")):
        module = types.ModuleType(name)
        module.INSTRUMENTOR = Instrumentor(library, requires, INSTRUMENTOR.hooks)
        sys.modules[name] = module
    class Absent(Offered):
        module = "a"
    class Old(Offered):
        module = "b"
    class Broken(Offered):
        module = "no.such.module"
    for kind in (Absent, Old, Broken):
        kind().instrument(skip_dep_check=True, raise_exception_on_conflict=True, of_the_future=1)
        kind().uninstrument(of_the_future=1)
    print(json.dumps([list(Absent().instrumentation_dependencies()), Old().is_instrumented_by_opentelemetry]))
    """
    (needs, held), said = run(program)

    assert (needs, held) == (["no-such-library >= 1"], False)
    assert "sojourn: json: needs openai >= 999, found " in said
    assert "No module named 'no'" in said


def test_the_classes_say_what_they_need() -> None:
    assert list(auto.OpenAI().instrumentation_dependencies()) == ["openai >= 1.60"]
