"""A stream's span ends on every way out, and the connection is let go as it would be without us."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest

from tests.instrumentors.modes import STREAMS, Mode, drain, opened, start
from tests.instrumentors.provider import USAGE, chunk, pieces

if TYPE_CHECKING:
    from tests.instrumentors.observed import Observed
    from tests.instrumentors.provider import Provider


async def take_one(mode: Mode, stream: Any) -> Any:
    return await anext(stream) if mode == "async stream" else next(stream)


@pytest.fixture
def provider(provider: Provider) -> Provider:
    provider.answers = [pieces("Ni", "ce")]
    return provider


@pytest.mark.parametrize("mode", STREAMS)
async def test_read_to_its_end(mode: Mode, observed: Observed, provider: Provider) -> None:
    stream = await start(mode, provider)
    await drain(mode, stream)

    seen = observed.one()
    assert "sojourn.stream.abandoned" not in seen.attributes
    assert seen["gen_ai.request.stream"] is True
    assert seen["gen_ai.response.time_to_first_chunk"] > 0
    assert seen["gen_ai.output.messages"] == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Nice"}], "finish_reason": "stop"}
    ]
    assert stream.response.is_closed


@pytest.mark.parametrize("mode", STREAMS)
async def test_left_and_closed(mode: Mode, observed: Observed, provider: Provider) -> None:
    stream = await start(mode, provider)
    await take_one(mode, stream)
    await take_one(mode, stream)
    assert observed.all() == []
    await stream.close() if mode == "async stream" else stream.close()

    seen = observed.one()
    assert seen.status == "unset"
    assert seen["sojourn.stream.abandoned"] is True
    assert seen["gen_ai.output.messages"][0]["parts"] == [{"type": "text", "content": "Ni"}]
    assert stream.response.is_closed


@pytest.mark.parametrize("mode", STREAMS)
async def test_left_by_the_end_of_a_with_block(mode: Mode, observed: Observed, provider: Provider) -> None:
    stream = await start(mode, provider)
    if mode == "async stream":
        async with stream:
            async for _ in stream:
                break
    else:
        with stream:
            for _ in stream:
                break

    assert observed.one()["sojourn.stream.abandoned"] is True


@pytest.mark.parametrize("mode", STREAMS)
async def test_left_by_an_exception_of_the_program(mode: Mode, observed: Observed, provider: Provider) -> None:
    """The model did nothing wrong: the error is the program's, and belongs to the program's own span."""
    stream = await start(mode, provider)

    async def work() -> None:
        if mode == "async stream":
            async with stream:
                async for _ in stream:
                    raise ValueError("mine")
        with stream:
            for _ in stream:
                raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await work()

    seen = observed.one()
    assert (seen.status, seen["sojourn.stream.abandoned"]) == ("unset", True)


@pytest.mark.parametrize("mode", STREAMS)
async def test_never_read_and_closed(mode: Mode, observed: Observed, provider: Provider) -> None:
    stream = await start(mode, provider)
    await stream.close() if mode == "async stream" else stream.close()

    seen = observed.one()
    assert seen["sojourn.stream.abandoned"] is True
    assert "gen_ai.response.time_to_first_chunk" not in seen.attributes


@pytest.mark.parametrize("started", [True, False])
def test_forgotten(started: bool, observed: Observed, provider: Provider) -> None:
    stream = opened(provider)
    if started:
        next(stream)
    del stream
    gc.collect()

    observed.wait_for(1)
    assert observed.one()["sojourn.stream.abandoned"] is True


async def test_forgotten_in_an_event_loop(observed: Observed, provider: Provider) -> None:
    stream = await start("async stream", provider)
    await anext(stream)
    del stream
    gc.collect()

    observed.wait_for(1)
    assert observed.one()["sojourn.stream.abandoned"] is True


def test_closed_twice_and_read_after_closing_ends_once(observed: Observed, provider: Provider) -> None:
    stream = opened(provider)
    next(stream)
    stream.close()
    stream.close()
    list(stream)

    assert observed.one()["sojourn.stream.abandoned"] is True


def test_left_by_break_and_taken_up_again_is_read_to_its_end(observed: Observed, provider: Provider) -> None:
    stream = opened(provider)
    for _ in stream:
        break
    for _ in stream:
        pass

    seen = observed.one()
    assert "sojourn.stream.abandoned" not in seen.attributes
    assert seen["gen_ai.usage.output_tokens"] == USAGE["completion_tokens"]


def test_the_response_forgets_us_when_the_stream_has_ended(observed: Observed, provider: Provider) -> None:
    stream = opened(provider)
    assert "close" in vars(stream.response)
    list(stream)

    assert "close" not in vars(stream.response)
    assert len(observed.all()) == 1


def test_choices_and_tool_calls_are_put_together_by_their_index(observed: Observed, provider: Provider) -> None:
    def two(index: int, delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return {**chunk(), "choices": [{"index": index, "delta": delta, "finish_reason": reason}]}

    def call(index: int, **function: str) -> dict[str, Any]:
        return {
            "tool_calls": [
                {"index": index, "function": function, **({"id": f"c{index}"} if "name" in function else {})}
            ]
        }

    provider.answers = [
        [
            two(1, {"content": "B"}),
            two(0, call(0, name="f", arguments='{"a"')),
            two(0, call(1, name="g", arguments="")),
            two(0, call(0, arguments=":1}")),
            two(0, call(1, arguments="{")),
            two(1, {"refusal": "no"}, "content_filter"),
            two(0, {}, "tool_calls"),
        ]
    ]
    list(opened(provider, n=2))

    seen = observed.one()
    assert seen["gen_ai.response.finish_reasons"] == ("tool_call", "content_filter")
    assert seen["gen_ai.output.messages"] == [
        {
            "role": "assistant",
            "parts": [
                {"type": "tool_call", "name": "f", "arguments": {"a": 1}, "id": "c0"},
                {"type": "tool_call", "name": "g", "arguments": "{", "id": "c1"},
            ],
            "finish_reason": "tool_call",
        },
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "B"}, {"type": "refusal", "content": "no"}],
            "finish_reason": "content_filter",
        },
    ]
