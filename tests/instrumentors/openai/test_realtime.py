"""Connections: each answer that a talk brings is a span of its own; the connection stays what it was."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import openai
import pytest

from sojourn.content import ContentPolicy
from tests.instrumentors.openai.bodies import said, streamed
from tests.instrumentors.openai.talk import PATIENT, talking
from tests.instrumentors.provider import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.instrumentors.observed import Observed
    from tests.instrumentors.openai.talk import Script

# The client opens its connections in a way that the newest websockets will not have for ever.
pytestmark = pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager:DeprecationWarning")

SESSION = {
    "type": "session.created",
    "event_id": "e0",
    "session": {
        "type": "realtime",
        "id": "sess_1",
        "model": "rt-1-2026",
        "instructions": "Be brief.",
        "output_modalities": ["audio"],
        "tools": [{"type": "function", "name": "get_weather"}],
    },
}
USAGE = {
    "total_tokens": 50,
    "input_tokens": 30,
    "output_tokens": 20,
    "input_token_details": {
        "text_tokens": 12,
        "audio_tokens": 18,
        "cached_tokens": 8,
        "cached_tokens_details": {"text_tokens": 3, "audio_tokens": 5},
    },
    "output_token_details": {"text_tokens": 6, "audio_tokens": 14},
}
TOLD_USAGE = {
    "gen_ai.usage.input_tokens": 30,
    "gen_ai.usage.output_tokens": 20,
    "gen_ai.usage.cache_read.input_tokens": 8,
    "gen_ai.usage.audio.input_tokens": 18,
    "gen_ai.usage.audio.output_tokens": 14,
    "gen_ai.usage.audio.cache_read.input_tokens": 5,
    "gen_ai.usage.text.input_tokens": 12,
    "gen_ai.usage.text.output_tokens": 6,
}
SPOKEN = {
    "id": "item_1",
    "type": "message",
    "role": "assistant",
    "content": [{"type": "output_audio", "transcript": "Sunny."}],
}
CALLED = {
    "id": "item_2",
    "type": "function_call",
    "call_id": "call_1",
    "name": "get_weather",
    "arguments": '{"city":"Rome"}',
}


def answer(*output: dict[str, Any], id: str = "resp_1", **rest: Any) -> list[dict[str, Any]]:
    about = {"object": "realtime.response", "id": id, "conversation_id": "conv_1", "status": "completed"}
    done = {**about, "output": list(output), "usage": USAGE, **rest}
    at = {"response_id": id, "item_id": "item_1", "output_index": 0, "content_index": 0}
    return [
        {"type": "response.created", "event_id": "e1", "response": {**about, "status": "in_progress", "output": []}},
        {"type": "response.output_audio_transcript.delta", "event_id": "e2", **at, "delta": "Sun"},
        {"type": "response.done", "event_id": "e3", "response": done},
    ]


def script(*output: dict[str, Any], **rest: Any) -> Any:
    """Answers a request for an answer, and nothing else."""

    def heard(event: dict[str, Any]) -> list[dict[str, Any]]:
        return answer(*output, **rest) if event["type"] == "response.create" else []

    return heard


def connected(client: Any, **options: Any) -> Any:
    """Where the client has its connections: they left `beta` with openai 2."""
    realtime = client.realtime if hasattr(client, "realtime") else client.beta.realtime
    return realtime.connect(model="rt-1", websocket_connection_options=PATIENT, **options)


def client_of(kind: Any, base_url: str) -> Any:
    # Older clients encrypt whatever they are not told to leave plain.
    return kind(**{**OPTIONS, "base_url": base_url, "websocket_base_url": base_url.replace("http", "ws")})


@contextmanager
def talk(script: Script, greeting: dict[str, Any] | None = None) -> Generator[Any]:
    """A connection of the synchronous client to a server that follows the script."""
    with (
        talking(script, greeting) as base_url,
        connected(client_of(openai.OpenAI, base_url)) as connection,
    ):
        yield connection


def until_done(connection: Any) -> list[str]:
    heard: list[str] = []
    for event in connection:
        heard.append(event.type)
        if event.type in ("response.done", "error"):
            return heard
    return heard


def user_says(words: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]}


def test_an_answer_is_a_span_with_its_words_tools_and_tokens(observed: Observed) -> None:
    with talking(script(SPOKEN, CALLED), SESSION) as base_url:
        client = client_of(openai.OpenAI, base_url)
        with connected(client) as connection:
            assert connection.recv().type == "session.created"
            connection.conversation.item.create(item=user_says("How is Rome?"))
            connection.response.create()
            assert until_done(connection)[-1] == "response.done"
            kind = connection.__class__

    assert kind.__module__.startswith("openai.")
    seen = observed.one()
    assert (seen.name, seen.kind, seen.status) == ("chat rt-1", "client", "unset")
    assert TOLD_USAGE.items() <= seen.attributes.items()
    assert {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "rt-1",
        "gen_ai.response.model": "rt-1-2026",
        "gen_ai.response.id": "resp_1",
        "gen_ai.conversation.id": "conv_1",
        "gen_ai.request.stream": True,
        "gen_ai.output.type": "speech",
        "openai.api.type": "realtime",
        "server.address": "127.0.0.1",
    }.items() <= seen.attributes.items()
    assert "gen_ai.response.time_to_first_chunk" in seen.attributes
    assert seen["gen_ai.system_instructions"] == [{"type": "text", "content": "Be brief."}]
    assert seen["gen_ai.tool.definitions"] == [{"type": "function", "name": "get_weather"}]
    assert seen["gen_ai.input.messages"] == [{"role": "user", "parts": [{"type": "text", "content": "How is Rome?"}]}]
    assert seen["gen_ai.output.messages"] == [
        {
            "role": "assistant",
            "parts": [
                {"type": "blob", "modality": "audio", "content": "", "transcript": "Sunny."},
                {"type": "tool_call", "name": "get_weather", "arguments": {"city": "Rome"}, "id": "call_1"},
            ],
        }
    ]


async def test_the_asynchronous_client_is_observed_alike(observed: Observed) -> None:
    with talking(script(SPOKEN), SESSION) as base_url:
        client = client_of(openai.AsyncOpenAI, base_url)
        async with connected(client) as connection:
            await connection.response.create()
            async for event in connection:
                if event.type == "response.done":
                    break

    assert TOLD_USAGE.items() <= observed.one().attributes.items()


def test_answers_that_the_provider_begins_are_spans_too(observed: Observed) -> None:
    """With voice detection the program asks for nothing; what it said is known by its transcript."""

    def heard(_: dict[str, Any]) -> list[dict[str, Any]]:
        spoken = {"item_id": "i", "content_index": 0, "transcript": "How is Rome?"}
        kind = "conversation.item.input_audio_transcription.completed"
        return [{"type": kind, "event_id": "e", **spoken}, *answer(SPOKEN), *answer(SPOKEN, id="resp_2")]

    with talk(heard, SESSION) as connection:
        connection.input_audio_buffer.append(audio="AAAA")
        until_done(connection)
        until_done(connection)

    first, second = observed.all()
    assert first["gen_ai.input.messages"][0]["parts"] == [
        {"type": "blob", "modality": "audio", "content": "", "transcript": "How is Rome?"}
    ]
    assert (first["gen_ai.response.id"], second["gen_ai.response.id"]) == ("resp_1", "resp_2")
    assert "gen_ai.input.messages" not in second.attributes


def test_an_answer_that_fails_is_an_error(observed: Observed) -> None:
    details = {"type": "failed", "error": {"type": "server_error", "code": "overloaded"}}
    with talk(script(status="failed", status_details=details, usage=None)) as connection:
        connection.response.create()
        until_done(connection)

    seen = observed.one()
    assert (seen.status, seen["error.type"]) == ("error", "overloaded")


def test_a_refused_request_is_an_error(observed: Observed) -> None:
    refusal = {"type": "error", "event_id": "e", "error": {"type": "invalid", "code": "busy", "message": "no"}}
    with talk(lambda _: [refusal]) as connection:
        connection.response.create()
        until_done(connection)

    seen = observed.one()
    assert (seen.status, seen["error.type"]) == ("error", "busy")


def test_an_answer_that_was_interrupted_says_why(observed: Observed) -> None:
    details = {"type": "cancelled", "reason": "turn_detected"}
    with talk(script(SPOKEN, status="cancelled", status_details=details)) as connection:
        connection.response.create()
        until_done(connection)

    seen = observed.one()
    assert (seen.status, seen["gen_ai.response.finish_reasons"]) == ("unset", ("turn_detected",))


def test_leaving_in_the_middle_of_an_answer_ends_its_span(observed: Observed) -> None:
    with talk(lambda _: answer(SPOKEN)[:2]) as connection:
        connection.response.create()
        connection.recv()

    seen = observed.one()
    assert (seen.status, seen["sojourn.stream.abandoned"]) == ("unset", True)


def test_a_connection_that_breaks_ends_its_answers_with_the_error(observed: Observed) -> None:
    with talk(lambda _: [answer(SPOKEN)[0], {"type": "hang up"}]) as connection:
        connection.response.create()
        connection.recv()
        with pytest.raises(Exception, match="close frame"):
            connection.recv()

    seen = observed.one()
    assert (seen.status, seen["error.type"]) == ("error", "websockets.exceptions.ConnectionClosedError")


def test_without_content_nothing_that_was_said_is_recorded(observed: Observed) -> None:
    observed.install(ContentPolicy(capture="off"))
    with talk(script(SPOKEN, CALLED), SESSION) as connection:
        connection.conversation.item.create(item=user_says("How is Rome?"))
        connection.response.create()
        until_done(connection)

    told = str(observed.one())
    assert not [word for word in ("Rome", "Sunny", "brief") if word in told]


def test_events_may_be_read_by_hand(observed: Observed) -> None:
    with talk(script(SPOKEN), SESSION) as connection:
        connection.send({"type": "response.create"})
        while connection.parse_event(connection.recv_bytes()).type != "response.done":
            pass

    assert TOLD_USAGE.items() <= observed.one().attributes.items()


def test_after_uninstall_the_classes_are_as_they_were(observed: Observed) -> None:
    with talking(script(SPOKEN), SESSION) as base_url:
        client = client_of(openai.OpenAI, base_url)
        with connected(client) as connection:
            kind = connection.__class__
            held = {name for name in ("send", "recv_bytes", "parse_event", "close") if "_kit" in _home(kind, name)}
            observed.uninstall()
            left = {name for name in ("send", "recv_bytes", "parse_event", "close") if "_kit" in _home(kind, name)}
            connection.response.create()
            until_done(connection)

    assert (held, left) == ({"send", "recv_bytes", "parse_event", "close"}, set())
    assert observed.all() == []


def _home(kind: type, name: str) -> str:
    return str(getattr(kind, name).__code__.co_filename)


def test_responses_over_a_connection_are_as_those_by_request(observed: Observed) -> None:
    def heard(event: dict[str, Any]) -> list[dict[str, Any]]:
        return streamed(said("Ni")) if event["type"] == "response.create" else []

    with talking(heard) as base_url:
        client = client_of(openai.OpenAI, base_url)
        if not hasattr(getattr(client, "responses", None), "connect"):
            pytest.skip("this release of the client has no such connection")
        with client.responses.connect(websocket_connection_options=PATIENT) as connection:
            connection.response.create(model="m-1", input="Hello", instructions="Be brief.")
            for event in connection:
                if event.type == "response.completed":
                    break

    seen = observed.one()
    assert (seen.name, seen["gen_ai.response.model"], seen["openai.api.type"]) == ("chat m-1", "m-1-2026", "responses")
    assert (seen["gen_ai.usage.input_tokens"], seen["gen_ai.usage.output_tokens"]) == (30, 9)
    assert seen["gen_ai.input.messages"] == [{"role": "user", "parts": [{"type": "text", "content": "Hello"}]}]
    assert seen["gen_ai.output.messages"] == [{"role": "assistant", "parts": [{"type": "text", "content": "Ni"}]}]
