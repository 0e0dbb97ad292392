"""Every call ends its span once, whatever way it ends."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any, Literal

import pytest
from opentelemetry.trace import StatusCode

from sojourn import semconv
from tests.instrumentors.battery.catalogue import ways
from tests.instrumentors.battery.stage import parsed, read
from tests.instrumentors.battery.wire import CUT, HOLD

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from tests.instrumentors.battery.stage import Stage
    from tests.instrumentors.battery.subject import Subject, Way

Leaving = Literal["close", "break", "garbage"]


def attribute(span: ReadableSpan, name: str) -> Any:
    return (span.attributes or {}).get(name)


@ways()
async def test_a_call_that_ends_well_says_what_it_used(subject: Subject, way: Way, stage: Stage) -> None:
    stage.answers(subject, way)
    stage.install(subject)
    await stage.call(subject, way)

    span = stage.one()
    assert (span.name, span.status.status_code) == (subject.span, StatusCode.UNSET)
    assert attribute(span, semconv.USAGE_INPUT_TOKENS) == 11
    assert attribute(span, semconv.USAGE_OUTPUT_TOKENS) == 7
    assert "Loire" in attribute(span, semconv.OUTPUT_MESSAGES)
    assert attribute(span, semconv.REQUEST_STREAM) is (True if way.streamed else None)
    assert attribute(span, semconv.ABANDONED) is None
    assert (attribute(span, semconv.RESPONSE_TIME_TO_FIRST_CHUNK) is not None) is way.streamed


@ways()
async def test_an_error_of_the_provider_is_the_librarys_own(subject: Subject, way: Way, stage: Stage) -> None:
    stage.wire.answers = [subject.refusal("too many rivers")]
    with pytest.raises(subject.refused) as bare:
        await stage.call(subject, way)
    stage.install(subject)
    with pytest.raises(subject.refused) as watched:
        await stage.call(subject, way)

    assert type(watched.value) is type(bare.value)
    assert str(watched.value) == str(bare.value)
    assert watched.value.__cause__.__class__ is bare.value.__cause__.__class__
    span = stage.one()
    assert span.status.status_code is StatusCode.ERROR
    assert attribute(span, semconv.ERROR_TYPE) == f"{bare.type.__module__}.{bare.type.__qualname__}"
    assert [event.name for event in span.events] == ["exception"]


@ways(lambda way: way.streamed)
async def test_a_stream_that_breaks_keeps_what_had_come(subject: Subject, way: Way, stage: Stage) -> None:
    stage.wire.answers = [subject.pieces(["Loi", "re", CUT])]
    kinds: list[type[BaseException]] = []
    for observed in (False, True):
        if observed:
            stage.install(subject)
        with pytest.raises(Exception) as caught:  # each release of each library has its own
            await stage.call(subject, way)
        kinds.append(caught.type)

    assert kinds[0] is kinds[1]
    span = stage.one()
    assert span.status.status_code is StatusCode.ERROR
    assert "Loire" in attribute(span, semconv.OUTPUT_MESSAGES)
    assert attribute(span, semconv.ABANDONED) is None


@ways(lambda way: way.asynchronous)
async def test_a_cancelled_call_is_an_error_that_says_so(subject: Subject, way: Way, stage: Stage) -> None:
    stage.install(subject)
    stage.wire.answers = [subject.pieces(["Loire", HOLD]) if way.streamed else subject.pieces([HOLD])]
    task = asyncio.create_task(stage.call(subject, way))
    # The provider holds on a thread of its own.
    await asyncio.to_thread(stage.wire.holding.wait, 120)
    # Until it is heard: before Python 3.12 `asyncio.wait_for`, through which LangChain reads, loses a cancellation
    # that comes together with a chunk. Not at once again: what the library does when it is cancelled takes its time.
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=30)
    assert task.cancelled()

    span = stage.wait_for_one()
    assert span.status.status_code is StatusCode.ERROR
    assert attribute(span, semconv.ERROR_TYPE) == "asyncio.CancelledError"


@ways(lambda way: way.streamed)
@pytest.mark.parametrize("leaving", ["close", "break", "garbage"])
async def test_a_stream_that_is_left_ends_its_span(leaving: Leaving, subject: Subject, way: Way, stage: Stage) -> None:
    """Leaving is normal use, and no error."""
    stage.answers(subject, way)
    stage.install(subject)
    await _leave(leaving, way, await stage.start(subject, way))

    span = await stage.collected()
    assert span.status.status_code is StatusCode.UNSET
    assert attribute(span, semconv.ABANDONED) is True
    assert not span.events


@ways(lambda way: way.streamed)
async def test_a_stream_that_nobody_reads_ends_its_span(subject: Subject, way: Way, stage: Stage) -> None:
    stage.answers(subject, way)
    stage.install(subject)
    value = await stage.start(subject, way)
    if "never started" in subject.lacks:
        del value
        gc.collect()
        await asyncio.sleep(0)
        assert not stage.spans()
        return
    if way.shape == "manager":
        await _exited(way, value, await _entered(way, value))
    else:
        stream = await parsed(value) if way.shape == "raw stream" else value
        await _close(stream)

    span = stage.wait_for_one()
    assert attribute(span, semconv.ABANDONED) is True
    assert attribute(span, semconv.RESPONSE_TIME_TO_FIRST_CHUNK) is None


@ways(lambda way: way.streamed)
async def test_an_error_of_the_program_while_it_reads_is_the_programs(subject: Subject, way: Way, stage: Stage) -> None:
    stage.answers(subject, way)
    stage.install(subject)
    value = await stage.start(subject, way)

    async def work() -> None:
        stream = await _entered(way, value)
        try:
            await _take(way, stream)
            raise ValueError("mine")
        finally:
            await _exited(way, value, stream)

    with pytest.raises(ValueError, match="mine"):
        await work()
    span = stage.wait_for_one()
    assert (span.status.status_code, attribute(span, semconv.ABANDONED)) == (StatusCode.UNSET, True)


@ways(lambda way: way.streamed)
async def test_a_stream_read_to_its_end_and_closed_again_ends_once(subject: Subject, way: Way, stage: Stage) -> None:
    stage.answers(subject, way)
    stage.install(subject)
    value = await stage.start(subject, way)
    stream = await parsed(value) if way.shape == "raw stream" else value
    await read(way, value) if way.shape != "raw stream" else await _rest(way, stream)
    if way.shape != "manager":
        await _close(stream)
        await _close(stream)

    assert attribute(stage.one(), semconv.ABANDONED) is None


async def _leave(leaving: Leaving, way: Way, value: Any) -> None:
    stream = await _entered(way, value)
    await _take(way, stream)
    if leaving == "garbage" and way.shape != "manager":
        return
    await _exited(way, value, stream, by_break=leaving == "break")


async def _entered(way: Way, value: Any) -> Any:
    if way.shape == "manager":
        return await value.__aenter__() if way.asynchronous else value.__enter__()
    return await parsed(value) if way.shape == "raw stream" else value


async def _exited(way: Way, value: Any, stream: Any, *, by_break: bool = False) -> None:
    if way.shape == "manager":
        if way.asynchronous:
            await value.__aexit__(None, None, None)
        else:
            value.__exit__(None, None, None)
    elif by_break and hasattr(stream, "__aexit__" if way.asynchronous else "__exit__"):
        if way.asynchronous:
            async with stream:
                async for _ in stream:
                    break
        else:
            with stream:
                for _ in stream:
                    break
    else:
        await _close(stream)


async def _take(way: Way, stream: Any) -> Any:
    return await anext(aiter(stream)) if way.asynchronous else next(iter(stream))


async def _rest(way: Way, stream: Any) -> list[Any]:
    return [part async for part in stream] if way.asynchronous else list(stream)


async def _close(stream: Any) -> None:
    closed = stream.aclose() if hasattr(stream, "aclose") else stream.close()
    if closed is not None:
        await closed
