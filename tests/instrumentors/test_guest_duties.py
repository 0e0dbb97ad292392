"""We are guests: the host's call behaves as if we were not there, in each of the four ways of asking."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import threading
from typing import TYPE_CHECKING, Any, Literal

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from sojourn import faults
from sojourn.content import WITHHELD, ContentPolicy
from sojourn_instrumentors import openai as openai_module
from sojourn_instrumentors._kit import Instrumentor, Patch, Target
from tests.instrumentors.modes import HELLO, MODES, STREAMS, Mode, ask, drain, start
from tests.instrumentors.observed import Observed
from tests.instrumentors.provider import Pause, Provider, chunk, completion, http, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Any: the place is private, and named so in docs/private-hooks.md.
base_client: Any = importlib.import_module("openai._base_client")
CANARY = "canary-7c1d"


class Stop(BaseException):
    """Like KeyboardInterrupt, no `Exception`."""


def answering(mode: Mode, provider: Provider, *words: str) -> None:
    provider.answers = [pieces(*words) if mode in STREAMS else completion("".join(words))]


@pytest.mark.parametrize("mode", MODES)
async def test_the_result_is_of_the_type_that_the_client_promises(
    mode: Mode, observed: Observed, provider: Provider
) -> None:
    answering(mode, provider, "Ni", "ce")
    promised = {"stream": openai.Stream, "async stream": openai.AsyncStream}.get(mode, ChatCompletion)

    value = await start(mode, provider)

    assert type(value) is promised
    parts = await drain(mode, value)
    assert {type(part) for part in parts} == {ChatCompletionChunk if mode in STREAMS else ChatCompletion}
    assert len(parts) == (5 if mode in STREAMS else 1)
    assert len(observed.all()) == 1


@pytest.mark.parametrize("mode", STREAMS)
async def test_a_stream_keeps_everything_that_the_client_gives_it(
    mode: Mode, observed: Observed, provider: Provider
) -> None:
    answering(mode, provider, "Ni")
    watched = await start(mode, provider)
    observed.uninstall()
    plain = await start(mode, provider)

    assert {name for name in dir(watched) if not name.startswith("__")} == {
        name for name in dir(plain) if not name.startswith("__")
    }
    assert watched.response.status_code == 200
    for stream in (watched, plain):
        await drain(mode, stream)
        await stream.close() if mode == "async stream" else stream.close()


@pytest.mark.parametrize("mode", MODES)
async def test_an_error_is_the_same_object_and_makes_the_span_an_error(
    mode: Mode, observed: Observed, provider: Provider
) -> None:
    provider.answers = [planted := Stop("now")]

    with pytest.raises(Stop) as caught:
        await ask(mode, provider)

    assert caught.value is planted
    seen = observed.one()
    assert (seen.status, seen.events) == ("error", ("exception",))
    assert seen["error.type"] == f"{__name__}.Stop"


@pytest.mark.parametrize("mode", MODES)
async def test_an_error_of_the_provider_is_named_by_its_class(
    mode: Mode, observed: Observed, provider: Provider
) -> None:
    provider.answers = [(429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}})]

    with pytest.raises(openai.RateLimitError):
        await ask(mode, provider)

    seen = observed.one()
    assert (seen.name, seen.status, seen.events) == ("chat m-1", "error", ("exception",))
    assert seen["error.type"] == "openai.RateLimitError"
    assert "gen_ai.usage.input_tokens" not in seen.attributes


@pytest.mark.parametrize("mode", STREAMS)
async def test_a_stream_that_breaks_in_the_middle_keeps_what_had_come(
    mode: Mode, observed: Observed, provider: Provider
) -> None:
    provider.answers = [[*pieces("Ni", "ce")[:2], http.ReadError("cut")]]

    # openai 3 wraps what its transport raises in the middle of a stream, older ones pass it on.
    with pytest.raises((openai.APIConnectionError, http.ReadError)) as caught:
        await ask(mode, provider)

    seen = observed.one()
    assert seen.status == "error"
    assert seen["error.type"] == f"{caught.type.__module__}.{caught.type.__qualname__}"
    assert seen["gen_ai.output.messages"] == [{"role": "assistant", "parts": [{"type": "text", "content": "Ni"}]}]
    assert "sojourn.stream.abandoned" not in seen.attributes


@pytest.mark.parametrize("mode", MODES)
async def test_arguments_reach_the_provider_untouched(mode: Mode, observed: Observed, provider: Provider) -> None:
    """A generator of messages is read once, by the client; what was not given is not sent."""
    answering(mode, provider, "Ni")
    messages: Iterator[Any] = (message for message in HELLO)

    await ask(mode, provider, messages=messages, temperature=openai.NOT_GIVEN, stop=openai.NOT_GIVEN, seed=3)

    sent = provider.requests[0]
    assert sent.pop("stream", False) == (mode in STREAMS)
    assert sent == {"model": "m-1", "messages": HELLO, "seed": 3}
    assert "traceparent" not in provider.headers[0]
    seen = observed.one()
    assert seen["gen_ai.input.messages"] == [{"role": "user", "parts": [{"type": "text", "content": "Hello"}]}]
    assert "gen_ai.request.temperature" not in seen.attributes


@pytest.mark.parametrize("mode", MODES)
async def test_nothing_is_left_current_in_the_callers_context(
    mode: Mode, observed: Observed, provider: Provider
) -> None:
    answering(mode, provider, "Ni")
    before = otel_context.get_current()

    value = await start(mode, provider)
    assert otel_context.get_current() is before
    assert trace.get_current_span() is trace.INVALID_SPAN
    await drain(mode, value)

    assert otel_context.get_current() is before
    assert len(observed.all()) == 1


@pytest.mark.parametrize("mode", MODES)
async def test_the_span_belongs_to_the_callers_span(mode: Mode, observed: Observed, provider: Provider) -> None:
    answering(mode, provider, "Ni")
    with observed.provider.get_tracer("host").start_as_current_span("work"):
        await ask(mode, provider)

    assert observed.one().outline() == ["work", "chat m-1"]


@pytest.mark.parametrize("mode", MODES)
async def test_content_that_is_off_leaves_no_trace(mode: Mode, observed: Observed, provider: Provider) -> None:
    observed.install(ContentPolicy("off"))
    answering(mode, provider, CANARY)
    tools = [{"type": "function", "function": {"name": "f", "description": CANARY}}]

    await ask(mode, provider, messages=[{"role": "user", "content": CANARY}], tools=tools)

    seen = observed.one()
    assert CANARY not in repr(seen)
    assert "gen_ai.output.messages" not in seen.attributes
    assert seen["gen_ai.usage.output_tokens"] == 7


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("capture", ["off", "lengths"])
async def test_a_refusal_that_quotes_the_prompt_is_content_too(
    mode: Mode, capture: Literal["off", "lengths"], observed: Observed, provider: Provider
) -> None:
    observed.install(ContentPolicy(capture))
    provider.answers = [(400, {"error": {"message": f"cannot answer {CANARY}", "param": CANARY}})]

    with pytest.raises(openai.BadRequestError):
        await ask(mode, provider, messages=[{"role": "user", "content": CANARY}])

    (span,) = observed.exporter.get_finished_spans()
    assert CANARY not in span.to_json()
    assert span.status.status_code.name == "ERROR"
    (event,) = span.events
    assert (event.attributes or {})["exception.type"] == "openai.BadRequestError"


async def test_what_an_error_says_passes_the_redactors(observed: Observed, provider: Provider) -> None:
    observed.install(ContentPolicy(redactors=(lambda text: text.replace(CANARY, "***"),)))
    provider.answers = [(400, {"error": {"message": f"cannot answer {CANARY}"}})]

    with pytest.raises(openai.BadRequestError):
        await ask("whole", provider)

    (span,) = observed.exporter.get_finished_spans()
    assert CANARY not in span.to_json()
    assert "cannot answer ***" in str((span.events[0].attributes or {})["exception.message"])
    assert "cannot answer ***" in str((span.events[0].attributes or {})["exception.stacktrace"])


@pytest.mark.parametrize("mode", MODES)
async def test_content_passes_the_redactors(mode: Mode, observed: Observed, provider: Provider) -> None:
    observed.install(ContentPolicy(redactors=(lambda text: text.replace(CANARY, "***"),)))
    answering(mode, provider, CANARY)

    await ask(mode, provider, messages=[{"role": "user", "content": CANARY}])

    seen = observed.one()
    assert CANARY not in repr(seen)
    assert seen["gen_ai.input.messages"][0]["parts"][0]["content"] == "***"
    assert seen["gen_ai.output.messages"][0]["parts"][0]["content"] == "***"


@pytest.mark.parametrize("mode", MODES)
async def test_a_redactor_that_fails_costs_its_text_only(mode: Mode, observed: Observed, provider: Provider) -> None:
    faults.raise_them(False)
    answering(mode, provider, "Ni")

    def broken(_: str) -> str:
        raise ValueError("no such pattern")

    observed.install(ContentPolicy(redactors=(broken,)))
    await ask(mode, provider)

    seen = observed.one()
    assert seen["gen_ai.input.messages"] == [{"role": "user", "parts": [{"type": "text", "content": WITHHELD}]}]
    assert seen["gen_ai.usage.input_tokens"] == 11


@pytest.mark.parametrize("mode", MODES)
async def test_suppressed_calls_emit_nothing(mode: Mode, observed: Observed, provider: Provider) -> None:
    answering(mode, provider, "Ni")
    token = otel_context.attach(otel_context.set_value("suppress_instrumentation", value=True))
    try:
        assert await ask(mode, provider)
    finally:
        otel_context.detach(token)

    assert observed.all() == []


@pytest.mark.parametrize("mode", MODES)
async def test_an_unsampled_call_serialises_nothing(mode: Mode, provider: Provider) -> None:
    seen: list[str] = []

    def watch(text: str) -> str:
        seen.append(text)
        return text

    observed = Observed(sampler=ALWAYS_OFF)
    observed.install(ContentPolicy(redactors=(watch,)))
    try:
        answering(mode, provider, "Ni")
        value = await start(mode, provider)
        if mode in STREAMS:
            assert type(value._iterator).__name__ in ("generator", "async_generator")
        assert await drain(mode, value)
    finally:
        observed.uninstall()

    assert seen == []
    assert observed.all() == []


@pytest.mark.parametrize("mode", MODES)
async def test_installing_twice_observes_once(mode: Mode, observed: Observed, provider: Provider) -> None:
    answering(mode, provider, "Ni")
    openai_module.INSTRUMENTOR.install(tracer_provider=observed.provider, policy=ContentPolicy())

    await ask(mode, provider)

    assert len(observed.all()) == 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("place", ["request", "content", "response", "chunk"])
async def test_a_fault_of_ours_never_reaches_the_call(
    place: str, mode: Mode, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    """Each reader is broken in turn, as a bug of ours would break it."""
    faults.raise_them(False)
    answering(mode, provider, "Ni", "ce")

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("planted")

    observed = Observed()
    planted = _with_reader(place, broken)
    with caplog.at_level(logging.CRITICAL):
        planted.install(tracer_provider=observed.provider, policy=ContentPolicy())
        try:
            parts = await ask(mode, provider)
        finally:
            planted.uninstall()

    assert len(parts) == (5 if mode in STREAMS else 1)
    assert observed.one().status == "unset"


def test_uninstalling_restores_what_was_there(observed: Observed) -> None:
    clients = (base_client.SyncAPIClient, base_client.AsyncAPIClient)
    wrapped = [inspect.getattr_static(client, "request") for client in clients]
    observed.uninstall()
    originals = [inspect.getattr_static(client, "request") for client in clients]
    observed.install()
    observed.uninstall()

    assert [inspect.getattr_static(client, "request") for client in clients] == originals
    for ours, theirs in zip(wrapped, originals, strict=True):
        assert ours is not theirs
        assert inspect.signature(ours) == inspect.signature(theirs)
        assert inspect.iscoroutinefunction(ours) == inspect.iscoroutinefunction(theirs)
        assert ours.__qualname__ == theirs.__qualname__


def test_uninstalling_leaves_what_another_put_over_ours_and_records_no_more(
    observed: Observed, provider: Provider
) -> None:
    ours = inspect.getattr_static(base_client.SyncAPIClient, "request")

    def theirs(*args: Any, **kwargs: Any) -> Any:
        return ours(*args, **kwargs)

    base_client.SyncAPIClient.request = theirs  # as another instrumentor does
    try:
        observed.uninstall()
        assert inspect.getattr_static(base_client.SyncAPIClient, "request") is theirs
        provider.client().chat.completions.create(model="m-1", messages=[])
    finally:
        base_client.SyncAPIClient.request = ours.__wrapped__  # what was there at first

    assert observed.all() == []


def test_a_place_that_a_release_moved_is_reported_and_stops_no_other(provider: Provider) -> None:
    found = openai_module.INSTRUMENTOR.hooks
    moved = Patch("openai._base_client:SyncAPIClient.gone", lambda _: None, "_iterator", ())
    observed, instrumentor = Observed(), Instrumentor("openai", "openai >= 1.60", (moved, *found))
    assert {target.state for target in instrumentor.targets()} == {"waiting"}

    instrumentor.install(tracer_provider=observed.provider, policy=ContentPolicy())
    try:
        provider.client().chat.completions.create(model="m-1", messages=[])
        states = instrumentor.targets()
    finally:
        instrumentor.uninstall()

    assert states[0].state == "missing"
    assert "gone" in states[0].detail
    assert states[1:] == tuple(Target(hook.target, "patched") for hook in found)
    assert len(observed.all()) == 1


@pytest.mark.parametrize(
    ("requires", "detail"),
    [
        ("openai >= 99.1", f"needs openai >= 99.1, found {openai.__version__}"),
        ("no-such-library >= 1", "needs no-such-library >= 1, which is not installed"),
    ],
)
def test_a_release_that_is_too_old_is_left_alone(requires: str, detail: str, provider: Provider) -> None:
    observed, instrumentor = Observed(), Instrumentor("openai", requires, openai_module.INSTRUMENTOR.hooks)

    instrumentor.install(tracer_provider=observed.provider, policy=ContentPolicy())
    provider.client().chat.completions.create(model="m-1", messages=[])

    assert {(target.state, target.detail) for target in instrumentor.targets()} == {("unsupported", detail)}
    assert observed.all() == []


async def test_calls_on_two_threads_and_in_tasks_do_not_mix(observed: Observed, provider: Provider) -> None:
    tracer = observed.provider.get_tracer("host")
    both = threading.Barrier(2)

    def work(name: str) -> None:
        with tracer.start_as_current_span(name):
            both.wait(120)
            provider.client().chat.completions.create(model=name, messages=[])

    async def task(name: str) -> None:
        with tracer.start_as_current_span(name):
            await asyncio.sleep(0)
            await provider.async_client().chat.completions.create(model=name, messages=[])

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    await asyncio.gather(task("c"), task("d"))

    assert sorted(seen.outline() for seen in observed.roots()) == [[name, f"chat {name}"] for name in "abcd"]


async def test_a_cancelled_call_is_an_error_that_says_so(observed: Observed, provider: Provider) -> None:
    asked = asyncio.Event()

    async def never() -> None:
        asked.set()
        await asyncio.Event().wait()

    provider.answers = [[chunk({"content": "Ni"}), Pause(never)]]
    task = asyncio.create_task(ask("async stream", provider))
    await asyncio.wait_for(asked.wait(), 120)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    seen = observed.one()
    assert (seen.status, seen["error.type"]) == ("error", "asyncio.CancelledError")
    assert seen["gen_ai.output.messages"][0]["parts"] == [{"type": "text", "content": "Ni"}]


def _with_reader(name: str, reader: Any) -> Instrumentor:
    """The OpenAI instrumentor with one of its readers replaced."""
    from dataclasses import replace

    def broken(route: Any) -> Any:
        def rerouted(call: Mapping[str, Any]) -> Any:
            operation = route(call)
            return operation and replace(operation, **{name: reader})

        return rerouted

    hooks = [
        Patch(hook.target, broken(hook.route), hook.iterator, hook.transports)
        for hook in openai_module.INSTRUMENTOR.hooks
        if isinstance(hook, Patch)
    ]
    return Instrumentor("openai", "openai >= 1.60", tuple(hooks))
