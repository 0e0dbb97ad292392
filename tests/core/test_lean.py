"""A lean span is for programs what OpenTelemetry's own is, when they get hold of one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.trace import StatusCode

import sojourn
from sojourn.behind import Holder
from sojourn.client import get_client
from tests.core.journalled import plain, read_home

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.trace import Tracer


def tracer(*, lean: bool = True, **named: Any) -> Tracer:
    """Where an instrumentor's spans begin."""
    sojourn.init()
    client = get_client()
    assert client is not None
    if not lean:
        client.provider.add_span_processor(SpanProcessor())
    return client.provider.get_tracer(**(named or {"instrumenting_module_name": "sojourn.openai"}))


class Changing:
    """Says something else each time."""

    def __init__(self) -> None:
        self.said = "before"

    def __str__(self) -> str:
        return self.said


@pytest.mark.parametrize("lean", [True, False])
def test_what_a_program_sets_reads_the_same_whichever_make_the_span_is_of(home: Path, lean: bool) -> None:
    told: list[Any] = ["a"]
    changing = Changing()
    hostile: Any = {"list": told, "object": changing, "nested": {"a": told}, "odd": ["a", 1, None]}
    with tracer(lean=lean).start_span("call") as span:
        assert isinstance(span, Holder) is lean
        span.set_attributes(hostile)
        unnamed: Any = [["no name"], 7, ""]
        for name in unnamed:
            span.set_attribute(name, 1)
        told.append("CHANGED")
        changing.said = "CHANGED"
    sojourn.flush(0)

    [one] = read_home(home).spans
    assert "CHANGED" not in str(one)
    attributes = plain(one.attributes)
    assert attributes["list"] == ["a"]
    assert attributes["object"] == "before"
    assert not {"7", ""} & attributes.keys()


@pytest.mark.parametrize("lean", [True, False])
def test_programs_may_read_of_a_span_what_opentelemetry_lets_them_read(lean: bool) -> None:
    above = trace.SpanContext(1, 2, is_remote=True)
    span: Any = tracer(lean=lean).start_span("call", attributes={"a": 1})
    span.add_event("happened")
    span.add_link(above)

    assert span.context == span.get_span_context()
    assert [link.context for link in span.links] == [above]
    assert [event.name for event in span.events] == ["happened"]
    assert span.resource.attributes["service.name"]
    assert span.instrumentation_scope.name == "sojourn.openai"
    assert (span.name, dict(span.attributes)["a"], span.kind.name, span.parent) == ("call", 1, "INTERNAL", None)
    assert (span.status.status_code, span.end_time) == (StatusCode.UNSET, None)
    span.end()


def test_events_of_many_threads_are_all_kept_and_a_span_ends_once(home: Path) -> None:
    span = tracer().start_span("call")
    gate = threading.Barrier(8)

    def work() -> None:
        for _ in range(200):
            span.add_event("one")
        gate.wait(60)
        span.end()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sojourn.flush(0)

    [one] = read_home(home).spans
    assert len(one.events) == 1600


def test_a_tracer_may_be_asked_for_by_the_names_of_its_arguments(home: Path) -> None:
    named: dict[str, Any] = {
        "instrumenting_module_name": "sojourn.own",
        "instrumenting_library_version": "3",
        "schema_url": "https://example.org/1",
        "attributes": {"a": "b"},
    }
    with tracer(**named).start_span("call") as span:
        assert isinstance(span, Holder)
        scope: Any = getattr(span, "instrumentation_scope", None)
        assert (scope.name, scope.version, scope.schema_url, dict(scope.attributes)) == tuple(named.values())
    sojourn.flush(0)
    assert [one.name for one in read_home(home).spans] == ["call"]


class Quiet(ValueError):
    """An error without words."""


def leave_by(error: BaseException, *, lean: bool = True, **options: Any) -> None:
    with pytest.raises(type(error)), tracer(lean=lean).start_span("call", **options):
        raise error


@pytest.mark.parametrize("lean", [True, False])
@pytest.mark.parametrize("error", [ValueError("planted"), KeyboardInterrupt(), StopIteration(3)])
def test_a_block_that_raises_is_recorded_on_its_span_whichever_make_it_is_of(
    home: Path, lean: bool, error: BaseException
) -> None:
    leave_by(error, lean=lean)
    sojourn.flush(0)

    [one] = read_home(home).spans
    assert one.status.code == Status.STATUS_CODE_ERROR
    assert one.status.message.startswith(type(error).__name__)
    [event] = one.events
    told = plain(event.attributes)
    assert (event.name, told["exception.type"], told["exception.escaped"]) == (
        "exception",
        type(error).__name__,
        "True",
    )
    assert told.get("exception.message", "") == str(error)
    assert f"raise error\n{type(error).__name__}" in told["exception.stacktrace"]


@pytest.mark.parametrize("lean", [True, False])
def test_whoever_starts_a_span_may_tell_errors_by_himself(home: Path, lean: bool) -> None:
    leave_by(ValueError("planted"), lean=lean, record_exception=False, set_status_on_exception=False)
    sojourn.flush(0)

    [one] = read_home(home).spans
    assert (one.status.code, len(one.events)) == (Status.STATUS_CODE_UNSET, 0)


def test_what_an_error_says_is_content(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOJOURN_CAPTURE_CONTENT", "off")
    leave_by(ValueError("canary-3c"))
    leave_by(Quiet())
    sojourn.flush(0)

    spans = read_home(home).spans
    assert [span.status.message for span in spans] == ["ValueError", "Quiet"]
    assert "canary-3c" not in str(spans)


class Panic(BaseException):
    """What a library that is not written in Python raises."""


def test_a_redactor_that_raises_what_is_no_exception_leaves_no_span_open(home: Path) -> None:
    def redact(text: str) -> str:
        if "planted" in text:
            raise Panic
        return text

    sojourn.init(redact=[redact])
    span = tracer().start_span("call")
    with pytest.raises(Panic), span:
        raise ValueError("planted")
    sojourn.flush(0)

    [one] = read_home(home).spans
    assert (one.status.code, one.status.message) == (Status.STATUS_CODE_ERROR, "ValueError")
    assert "planted" not in str(one)


def test_a_block_that_ends_its_span_itself_is_left_alone(home: Path) -> None:
    def fail_late() -> None:
        with tracer().start_span("call") as span:
            span.end()
            raise ValueError("late")

    with pytest.raises(ValueError, match="late"):
        fail_late()
    sojourn.flush(0)

    [one] = read_home(home).spans
    assert (one.status.code, len(one.events)) == (Status.STATUS_CODE_UNSET, 0)
