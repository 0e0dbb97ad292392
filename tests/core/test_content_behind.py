"""Content is put into words behind the program: what is recorded is what was said when it was said, all the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import OrderedDict
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import sojourn
from sojourn import faults, recorder, semconv
from sojourn.behind import Holder, Later, snapshot
from sojourn.client import get_client
from sojourn.content import WITHHELD, ContentPolicy
from tests.conftest import ROOT
from tests.core.journalled import plain, read_home
from tests.instrumentors.chat_models import chat_openai
from tests.instrumentors.provider import Provider, completion, pieces
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from opentelemetry.trace import Tracer


def recorded(home: Path) -> list[dict[str, Any]]:
    """The attributes of the spans in the journal."""
    return [plain(span.attributes) for span in read_home(home).spans]


def tracer() -> Tracer:
    """Where an instrumentor's spans begin."""
    client = get_client()
    assert client is not None
    return client.provider.get_tracer("sojourn.openai", "1")


def words(attributes: dict[str, Any], name: str) -> Any:
    return json.loads(attributes[name])


def test_what_the_program_changes_after_the_call_is_recorded_as_it_was(home: Path) -> None:
    """Messages, a tool's result and arguments inside of them, the definitions of tools, the answer."""
    answer = completion(
        "Hello", tool_calls=[{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": [1]}'}}]
    )
    result: list[Any] = [{"type": "text", "text": "found"}]
    messages: list[Any] = [
        {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "odd", "inside": {"deep": ["kept"]}}]},
        {"role": "tool", "tool_call_id": "c", "content": result},
    ]
    tools: list[Any] = [{"type": "function", "function": {"name": "search"}}]
    sojourn.init()
    reply: Any = Provider([answer]).client().chat.completions.create(model="m-1", messages=messages, tools=tools)
    messages[0]["content"][1]["inside"]["deep"].append("CHANGED")
    result.clear()
    messages.append({"role": "user", "content": "CHANGED"})
    tools[0]["function"]["name"] = "CHANGED"
    reply.choices[0].message.content = "CHANGED"
    reply.choices[0].message.tool_calls[0].function.arguments = "CHANGED"

    [span] = until(lambda: recorded(home))
    assert "CHANGED" not in str(span)
    [looked, found] = words(span, semconv.INPUT_MESSAGES)
    assert looked["parts"][1] == {"type": "odd", "inside": {"deep": ["kept"]}}
    assert found["parts"] == [
        {"type": "tool_call_response", "response": [{"type": "text", "text": "found"}], "id": "c"}
    ]
    assert words(span, semconv.TOOL_DEFINITIONS) == [{"type": "function", "name": "search"}]
    [said] = words(span, semconv.OUTPUT_MESSAGES)
    assert [part["type"] for part in said["parts"]] == ["text", "tool_call"]
    assert said["parts"][1]["arguments"] == {"a": [1]}


def test_a_message_object_of_langchain_that_changes_after_the_call_is_recorded_as_it_was(home: Path) -> None:
    from langchain_core.messages import HumanMessage

    asked = HumanMessage("before")
    sojourn.init()
    reply: Any = chat_openai(Provider()).invoke([asked])
    asked.content = "CHANGED"
    reply.content = "CHANGED"

    [span] = until(lambda: recorded(home))
    assert words(span, semconv.INPUT_MESSAGES)[0]["parts"] == [{"type": "text", "content": "before"}]
    assert words(span, semconv.OUTPUT_MESSAGES)[0]["parts"] == [{"type": "text", "content": "Nice to meet you"}]


def test_redactors_work_on_the_threads_of_ours(home: Path) -> None:
    asked: set[str] = set()

    def redact(text: str) -> str:
        if "secret" in text:
            asked.add(threading.current_thread().name)
        return text.replace("secret", "[gone]")

    sojourn.init(redact=[redact])
    Provider().client().chat.completions.create(model="m-1", messages=[{"role": "user", "content": "a secret"}])

    [span] = until(lambda: recorded(home))
    assert words(span, semconv.INPUT_MESSAGES)[0]["parts"][0]["content"] == "a [gone]"
    assert asked == {"sojourn-recorder"}


def test_the_redactors_of_the_time_of_a_call_are_asked(home: Path) -> None:
    """Who takes a redactor away means what comes after."""
    sojourn.init(redact=[lambda text: text.replace("secret", "[gone]")])
    client = get_client()
    assert client is not None
    with tracer().start_span("chat") as span:
        assert isinstance(span, Holder)
        held = snapshot(client.policy, "a secret")
        assert held is not None
        span.hold("said", held)
        client.policy.redactors = ()
    sojourn.flush(0)

    assert [one["said"] for one in recorded(home)] == ["a [gone]"]


def test_whoever_joins_our_provider_sees_whole_spans(home: Path) -> None:
    exporter = InMemorySpanExporter()
    sojourn.init()
    client = get_client()
    assert client is not None
    client.provider.add_span_processor(SimpleSpanProcessor(exporter))
    Provider().client().chat.completions.create(model="m-1", messages=[{"role": "user", "content": "Hello"}])
    seen = [dict(span.attributes or {}) for span in exporter.get_finished_spans()]
    sojourn.flush(0)

    assert [{**span, semconv.RESPONSE_FINISH_REASONS: ["stop"]} for span in seen] == recorded(home)
    assert words(dict(seen[0]), semconv.INPUT_MESSAGES)[0]["parts"] == [{"type": "text", "content": "Hello"}]


def told(home: Path, program: Callable[[], None], *, lean: bool) -> list[Any]:
    """All that the journal says of the spans of a program but their ids and times, oldest first."""
    before = len(read_home(home).spans)
    sojourn.init()
    client = get_client()
    assert client is not None
    if not lean:
        client.provider.add_span_processor(SpanProcessor())
    program()
    sojourn.shutdown()
    spans = sorted(read_home(home).spans[before:], key=lambda span: span.start_time_unix_nano)
    ids = {span.span_id: place for place, span in enumerate(spans)}
    passing = {semconv.SESSION_ID, semconv.RESPONSE_TIME_TO_FIRST_CHUNK, semconv.EXCEPTION_STACKTRACE}
    return [
        (
            span.name,
            span.kind,
            {key: value for key, value in plain(span.attributes).items() if key not in passing},
            [
                (event.name, {key: value for key, value in plain(event.attributes).items() if key not in passing})
                for event in span.events
            ],
            (span.status.code, span.status.message),
            ids.get(span.parent_span_id),
            span.end_time_unix_nano >= span.start_time_unix_nano > 0,
            span.trace_state,
        )
        for span in spans
    ]


def test_lean_spans_say_what_those_of_opentelemetry_say(home: Path) -> None:
    from langchain_core.prompts import ChatPromptTemplate

    def program() -> None:
        provider = Provider([completion(), pieces("Nice"), (401, {"error": {"message": "no"}}), completion("é")])
        chat = provider.client().chat.completions
        asked: Any = [{"role": "user", "content": "Hello"}]
        chat.create(model="m-1", messages=asked, temperature=0.5, stop=["a", "b"])
        list(chat.create(model="m-1", messages=asked, stream=True))
        with pytest.raises(Exception, match="no"):
            chat.create(model="m-1", messages=asked)
        prompt: Any = ChatPromptTemplate.from_messages([("user", "{x}")])
        (prompt | chat_openai(provider)).invoke({"x": "Hello"})

    lean = told(home, program, lean=True)
    assert len(lean) == 6
    assert lean == told(home, program, lean=False)


def test_whoever_joins_while_a_span_is_open_sees_it_whole() -> None:
    exporter = InMemorySpanExporter()
    sojourn.init()
    client = get_client()
    assert client is not None
    open_span = tracer().start_span("chat")
    assert isinstance(open_span, Holder)
    open_span.hold("said", Later("Hello", "full", ()))
    client.provider.add_span_processor(SimpleSpanProcessor(exporter))
    open_span.end()

    assert [dict(span.attributes or {})["said"] for span in exporter.get_finished_spans()] == ["Hello"]


def test_a_call_under_way_shows_what_was_asked_and_its_end_says_the_same(home: Path) -> None:
    sojourn.init()
    asked: Any = [{"role": "user", "content": "Hello"}]
    stream = Provider([pieces("Nice")]).client().chat.completions.create(model="m-1", messages=asked, stream=True)
    asked[0]["content"] = "CHANGED"

    [pending] = until(lambda: read_home(home).pending)
    assert words(plain(pending.attributes), semconv.INPUT_MESSAGES)[0]["parts"][0]["content"] == "Hello"
    list(stream)
    sojourn.flush(0)

    [span] = recorded(home)
    assert words(span, semconv.INPUT_MESSAGES)[0]["parts"][0]["content"] == "Hello"
    assert words(span, semconv.OUTPUT_MESSAGES)[0]["parts"][0]["content"] == "Nice"


PROGRAM = """
import os, signal, sojourn
from tests.core.journalled import read_home
from tests.instrumentors.provider import Provider
from tests.waiting import until
from pathlib import Path
sojourn.init()
Provider().client().chat.completions.create(model="m-1", messages=[{{"role": "user", "content": "Hello"}}])
{last}
"""
LASTS = {
    "exit": ("", 0),
    "os._exit after a flush": ("sojourn.flush(0); os._exit(3)", 3),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM); signal.pause()", -signal.SIGTERM),
    "SIGKILL": (
        "until(lambda: read_home(Path(os.environ['SOJOURN_HOME'])).spans); os.kill(os.getpid(), signal.SIGKILL)",
        -signal.SIGKILL,
    ),
}


@pytest.mark.parametrize("way", LASTS)
def test_however_a_program_ends_what_waits_is_put_into_words(way: str, home: Path) -> None:
    last, status = LASTS[way]
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(last=last)], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert ran.returncode == status, ran.stderr
    [span] = recorded(home)
    assert words(span, semconv.INPUT_MESSAGES)[0]["parts"][0]["content"] == "Hello"
    assert words(span, semconv.OUTPUT_MESSAGES)[0]["parts"][0]["content"] == "Nice to meet you"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_span_that_a_forked_child_ends_has_its_content_there(home: Path) -> None:
    sojourn.init()
    span = tracer().start_span("chat")
    assert isinstance(span, Holder)
    span.hold("said", Later("Hello", "full", ()))
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            span.end()
            sojourn.flush(0)
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

    assert [one["said"] for one in recorded(home)] == ["Hello"]


def test_a_fault_while_content_is_put_into_words_costs_that_content_alone(home: Path) -> None:
    sojourn.init()
    before = faults.counted().get("content", 0)
    span = tracer().start_span("chat", attributes={"kept": 1})
    assert isinstance(span, Holder)
    span.hold("broken", Later(b"no snapshot", "full", ()))
    span.hold("said", Later("Hello", "full", ()))
    span.end()
    sojourn.flush(0)

    [one] = recorded(home)
    assert (one["kept"], one["said"], "broken" in one) == (1, "Hello", False)
    assert faults.counted()["content"] == before + 1


def test_a_redactor_that_calls_a_model_is_answered_and_its_own_texts_are_withheld(home: Path) -> None:
    chat = Provider().client().chat.completions

    def redact(text: str) -> str:
        chat.create(model="m-2", messages=[{"role": "user", "content": f"is this secret: {text}"}])
        return text.upper()

    sojourn.init(redact=[redact])
    chat.create(model="m-1", messages=[{"role": "user", "content": "Hello"}])

    def both() -> dict[str, dict[str, Any]] | None:
        found = {span[semconv.REQUEST_MODEL]: span for span in recorded(home)}
        return found if len(found) == 2 else None

    by_model = until(both)
    assert words(by_model["m-1"], semconv.INPUT_MESSAGES)[0]["parts"][0]["content"] == "HELLO"
    assert words(by_model["m-2"], semconv.INPUT_MESSAGES)[0]["parts"][0]["content"] == WITHHELD


def test_a_redactor_that_writes_everything_does_not_wait_for_itself(home: Path) -> None:
    def redact(text: str) -> str:
        sojourn.flush(0)
        return text.upper()

    sojourn.init(redact=[redact])
    with tracer().start_span("chat") as span:
        assert isinstance(span, Holder)
        held = snapshot(ContentPolicy(redactors=(redact,)), "Hello")
        assert held is not None
        span.hold("said", held)

    said = until(lambda: [one for one in recorded(home) if one["said"] == "HELLO"])
    assert len(said) == 1


def test_what_was_counted_is_told_while_a_redactor_takes_its_time() -> None:
    asked, answer = threading.Event(), threading.Event()

    def redact(text: str) -> str:
        if text == "Hello":  # and not the name of the session, which is asked about on this thread
            asked.set()
            answer.wait(60)
        return text

    session = sojourn.init(redact=[redact])
    assert session is not None
    Provider().client().chat.completions.create(model="m-1", messages=[{"role": "user", "content": "Hello"}])
    assert asked.wait(60)
    counted: list[Any] = []
    asking = threading.Thread(target=lambda: counted.append(session.get_analytics()), daemon=True)
    asking.start()
    asking.join(60)
    answer.set()

    assert [one["LLM calls"] for one in counted] == [1]


def test_content_that_waits_is_bounded_by_its_size_and_nothing_is_dropped(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MAX_WEIGHT", 10_000)
    sojourn.init()
    for number in range(20):
        with tracer().start_span(f"chat {number}") as span:
            assert isinstance(span, Holder)
            span.hold("said", Later("x" * 4000, "full", ()))
    sojourn.flush(0)

    assert [len(one["said"]) for one in recorded(home)] == [4000] * 20


def test_content_that_is_off_is_not_held(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOJOURN_CAPTURE_CONTENT", "off")
    sojourn.init()
    Provider().client().chat.completions.create(model="m-1", messages=[{"role": "user", "content": "canary"}])
    sojourn.flush(0)

    [span] = recorded(home)
    assert semconv.INPUT_MESSAGES not in span
    assert "canary" not in str(span)


def test_lengths_are_all_that_is_recorded_when_that_is_asked_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOJOURN_CAPTURE_CONTENT", "lengths")
    sojourn.init()
    Provider().client().chat.completions.create(model="m-1", messages=[{"role": "user", "content": "canary"}])
    sojourn.flush(0)

    [span] = recorded(home)
    assert words(span, semconv.INPUT_MESSAGES) == [
        {"role": "user", "parts": [{"type": "text", "content": "[6 characters]"}]}
    ]


class Colour(IntEnum):
    RED = 1


class Odd:
    def __str__(self) -> str:
        return "an odd thing"


def cycle() -> list[Any]:
    """A list that holds itself."""
    made: list[Any] = ["a"]
    made.append(made)
    return made


PLAIN: list[Any] = [
    "text",
    "é \ud800",
    None,
    True,
    1.5,
    float("nan"),
    10**400,
    ["a", ("b", {"c": {"d"}})],
    {1: "one", "two": b"bytes", "three": bytearray(b"more")},
    [{"role": "user", "parts": [{"type": "text", "content": "x"}]}],
    cycle(),
]
ODD: list[Any] = [Colour.RED, OrderedDict(a=1), Odd(), [Odd()], {"a": Odd}, str.upper, memoryview(b"x"), iter([1])]


@pytest.mark.parametrize("capture", ["full", "lengths"])
@pytest.mark.parametrize("value", PLAIN, ids=range(len(PLAIN)))
def test_plain_content_reads_the_same_later(value: Any, capture: Any) -> None:
    policy = ContentPolicy(capture, (lambda text: text.replace("x", "y"),))

    held = snapshot(policy, value)
    assert held is not None
    assert held.text() == (policy.render_text(value) if isinstance(value, str) else policy.render(value))
    assert held.text() == held.text()


@pytest.mark.parametrize("value", ODD, ids=range(len(ODD)))
def test_what_is_not_plain_is_not_copied_but_put_into_words_at_once(value: Any) -> None:
    assert snapshot(ContentPolicy(), value) is None


def test_what_is_nested_too_deeply_to_be_copied_is_put_into_words_at_once() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]

    assert snapshot(ContentPolicy(), deep) is None
