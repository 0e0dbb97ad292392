"""The cassettes: complete, scrubbed, and still answering the calls that they were recorded from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from openai import NotFoundError, OpenAI
from vcr.errors import CannotOverwriteExistingCassetteException

from sojourn_gateway.demo.replay import ReplayServer
from tests.replay import recorded, replaying, sums
from tools.recordings.exchange import cassettes, path_of
from tools.recordings.record import PROGRAMS, SHAPES

if TYPE_CHECKING:
    from tools.recordings.shape import Shape

NO_SERVER = "http://127.0.0.1:9/v1"
"""The discard port: nobody answers there, so what a cassette lacks fails."""


def test_every_shape_has_its_cassette_and_every_cassette_its_shape() -> None:
    assert cassettes() == sorted(shape.name for shape in (*SHAPES, *PROGRAMS))


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_cassette_answers_the_calls_that_it_was_recorded_from(shape: Shape) -> None:
    with replaying(shape.name):
        shape.run(NO_SERVER)


@pytest.mark.parametrize("name", cassettes())
def test_a_cassette_holds_no_key_and_says_where_it_comes_from(name: str) -> None:
    text = path_of(name).read_text("utf-8")

    assert "Recorded by `make record` from a " in text[:60]
    assert not re.findall(r"sk-[A-Za-z0-9]|[Bb]earer (?!REDACTED)|set-cookie|openai-organization|x-request-id", text)


def test_a_request_that_was_not_recorded_fails_instead_of_going_out() -> None:
    with (
        pytest.raises(CannotOverwriteExistingCassetteException, match="the closest differ in body"),
        replaying("openai/chat_plain"),
        OpenAI(base_url=NO_SERVER, api_key="any", max_retries=0) as client,
    ):
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Something else"}])


def test_an_exchange_that_nobody_asks_for_is_told() -> None:
    with pytest.raises(AssertionError, match=r"0 of 1 exchanges of openai/chat_plain"), replaying("openai/chat_plain"):
        pass


def test_the_replay_server_gives_each_exchange_once() -> None:
    shape = next(shape for shape in SHAPES if shape.name == "openai/chat_plain")
    with ReplayServer(recorded(shape.name)) as server:
        shape.run(server.base_url)
        with pytest.raises(NotFoundError, match="not recorded"):
            shape.run(server.base_url)

        assert server.left == ()
        assert len(server.unmatched) == 1


@pytest.mark.parametrize("name", ["openai/chat_stream_usage", "openai/chat_async_stream", "langchain/agent"])
def test_the_replay_server_speaks_as_the_cassette_does(name: str) -> None:
    shape = next(shape for shape in SHAPES if shape.name == name)
    with ReplayServer(recorded(name)) as server:
        shape.run(server.base_url)

        assert server.left == ()
        assert server.unmatched == []


def test_a_stream_comes_back_event_by_event() -> None:
    [exchange] = recorded("openai/chat_stream_usage")

    assert b"".join(exchange.events) == exchange.body
    assert exchange.chunks[-1]["usage"] == exchange.usage
    assert sums([exchange]).output_tokens == exchange.usage["completion_tokens"] > 0
