"""Whatever a program hands over is described: never dropped, never raising, and what is beside it stays whole."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings

import sojourn
from sojourn import faults, semconv
from sojourn.content import ContentPolicy
from sojourn.testing import captured
from tests.core.hostile import HOSTILE, anything

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from sojourn.testing import Capture

S: Any = sojourn
# Each example has a capture of its own.
QUIET = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large)
TEXTS = (semconv.INPUT, semconv.OUTPUT, semconv.TOOL_CALL_ARGUMENTS, semconv.TOOL_CALL_RESULT, semconv.LOGS)


def events(value: Any) -> list[str]:
    session = S.current_session()
    action = S.ActionEvent("act", params=value, returns=value, logs=value)
    session.record(action)
    session.record(S.ToolEvent(name="use", params={"value": value, "kept": "kept"}, returns=[value], logs=value))
    session.record(S.LLMEvent(model="m", prompt=value, completion=value, params=value, returns=value))
    messages = [{"role": "user", "content": value}, {"role": value, "content": "kept"}]
    session.record(S.LLMEvent(model="m", prompt=messages, completion={"role": "assistant", "content": value}))
    session.record(S.ErrorEvent(details=value, code=value, trigger_event=action))
    return ["act", "execute_tool use", "chat m", "chat m"]


def decorated(value: Any) -> list[str]:
    @sojourn.record_action("acted")
    def act(given: Any, *more: Any, **named: Any) -> Any:
        return given

    @sojourn.tool(name="used")
    def use(given: Any) -> Iterator[Any]:
        yield given
        yield "kept"

    @sojourn.observe(name="seen", process_inputs=lambda inputs: inputs["given"], process_outputs=lambda value: value)
    def see(given: Any) -> Any:
        return [given]

    assert act(value, value, named=value) is value
    assert list(use(value))[1] == "kept"
    assert see(value)[0] is value
    return ["acted", "execute_tool used", "seen"]


def raised(value: Any) -> list[str]:
    @sojourn.record_tool("failed")
    def fail() -> None:
        raise LookupError(value)

    @sojourn.task(name="left")
    def leave() -> None:
        raise SystemExit(value)

    with pytest.raises(LookupError):
        fail()
    with pytest.raises(SystemExit):
        leave()
    return ["execute_tool failed", "left"]


def spans(value: Any) -> list[str]:
    with S.span("said") as step:
        step.set_input(value)
        step.set_output({"kept": "kept", "value": value})
        step.set_attribute("fact", value)
        step.set_metadata("more", value)
        step.add_event("happened", {"fact": value})
        with step.span("inner", {"fact": value}):
            pass
    with S.span(S.SpanOptions("told", metadata={"fact": value})):
        pass
    with S.with_agentmark(tags=[value], metadata={"fact": value}), S.span("scoped"):
        pass
    with S.start_trace("traced", tags={"fact": value}):
        assert S.update_trace_metadata({"late": value})
    return ["said", "inner", "told", "scoped", "traced"]


def facts(value: Any) -> list[str]:
    session = S.current_session()
    session.set_metadata({"fact": value, "kept": "kept"})
    with S.start_session(tags={"fact": value}) as other:
        assert set(other.metadata) == {"fact"}
    S.end_session("Success", odd=value)
    return []


WAYS: list[Callable[[Any], list[str]]] = [events, decorated, raised, spans, facts]


def check(way: Callable[[Any], list[str]], *values: Callable[[], Any]) -> None:
    before = faults.counted()
    names: list[str] = []
    with captured() as seen:
        for make in values:
            sojourn.init()
            names += way(make())
            sojourn.end_session("Success")
        health = sojourn.health()
    assert faults.counted() == before
    assert health.dropped == 0
    assert sorted(span.name for span in seen.spans) == sorted(names)
    check_kept(seen)


def check_kept(seen: Capture) -> None:
    for span in seen.spans:
        for key in TEXTS:
            # What was cut is no JSON any more, and says so.
            if len(span.attributes.get(key, "")) < 1_000_000 and key in span.attributes:
                span.content(key)
    for session in seen.sessions:
        assert session.end_state == "Success"
        if semconv.METADATA_PREFIX + "kept" in session.facts:
            assert session.facts.keys() >= {semconv.METADATA_PREFIX + "fact", f"{semconv.LEGACY_PREFIX}odd"}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_each_hostile_object_is_described_wherever_it_is_handed_over(way: Callable[[Any], list[str]]) -> None:
    check(way, *HOSTILE.values())


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@settings(max_examples=15, deadline=None, suppress_health_check=QUIET)
@given(value=anything)
def test_hostile_objects_anywhere_inside_are_described(way: Callable[[Any], list[str]], value: Any) -> None:
    check(way, lambda: value)


@pytest.mark.parametrize("capture", ["full", "lengths"])
@pytest.mark.parametrize("redactors", [(), (str.upper,)], ids=["plain", "redacted"])
@settings(max_examples=60, deadline=None)
@given(value=anything)
def test_the_gate_gives_json_for_anything(capture: Any, redactors: Any, value: Any) -> None:
    told = ContentPolicy(capture, redactors).render({"value": value, "kept": [1]})

    assert told is not None
    read = json.loads(told)
    assert len(read) == 2
    assert read[next(key for key in read if key.lower() == "kept")] == [1]
    told.encode("utf-8")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("silent", '"[Silent that cannot be described]"'),
        ("text", '"text"'),
        ("number", "7"),
        ("longer list", '[1,"[Silent that cannot be described]"]'),
        ("shorter dict", '{"a":"[Silent that cannot be described]"}'),
        ("bytes", '"[256 bytes]"'),
        ("not a number", '"nan"'),
        ("enormous", '"[whole number of 16610 bits]"'),
        ("beyond 64 bits", "-9223372036854775809"),
        ("list as type", '{"type":["string","null"],"x":"[Silent that cannot be described]"}'),
        ("surrogate", '"a?b"'),
        ("cycle", '[{"again":"[cycle]"}]'),
        ("ordered", '{"a":1}'),
    ],
)
def test_the_words_for_what_cannot_be_serialised(name: str, told: str) -> None:
    assert ContentPolicy().render({"x": HOSTILE[name](), "beside": Ellipsis}) == f'{{"x":{told},"beside":"Ellipsis"}}'


def test_what_a_hostile_log_line_says_is_no_trouble() -> None:
    with captured() as seen:
        sojourn.init(capture_logs=True)
        log = logging.getLogger("hostile")
        log.propagate = False
        try:
            log.error(HOSTILE["surrogate"]())
            log.error("%s", HOSTILE["enormous"]().bit_length())
        finally:
            log.propagate = True

    assert [line.message for line in seen.logs] == ["a?b", "16610"]


async def test_an_async_generator_may_give_anything() -> None:
    @sojourn.task(name="stream")
    async def stream() -> AsyncIterator[Any]:
        for name in ("proxy", "silent", "unequal"):
            yield HOSTILE[name]()

    with captured() as seen:
        sojourn.init()
        assert len([item async for item in stream()]) == 3

    assert len(seen.span("stream").content(semconv.OUTPUT)) == 3
