"""Responses: items in and out, what is chained, kept or made in the background, and tokens that count once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.instrumentors.openai.bodies import TOLD_TOKENS, response, said, streamed
from tests.instrumentors.openai.service import Service

if TYPE_CHECKING:
    from tests.instrumentors.observed import Observed

THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]}
CALLED = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "get_weather",
    "arguments": '{"city":"Rome"}',
    "status": "completed",
}
SEARCHED = {
    "type": "web_search_call",
    "id": "ws_1",
    "status": "completed",
    "action": {"type": "search", "query": "Rome"},
}
FOUND = {
    "type": "file_search_call",
    "id": "fs_1",
    "status": "completed",
    "queries": ["Rome"],
    "results": [{"file_id": "file_1", "score": 0.5, "text": "here"}],
}
MCP = {
    "type": "mcp_call",
    "id": "mcp_1",
    "server_label": "maps",
    "name": "route",
    "arguments": '{"to":"Rome"}',
    "output": "north",
}
PAINTED = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "aGk="}
REFUSED = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "refusal", "refusal": "no"}],
}


@pytest.fixture(autouse=True)
def _there() -> None:
    if not hasattr(Service([]).client(), "responses"):
        pytest.skip("this release of the client has no responses")


def parts_of(item: dict[str, Any], observed: Observed) -> list[dict[str, Any]]:
    Service([response(item)]).client().responses.create(model="m-1", input="x")
    [message] = observed.one()["gen_ai.output.messages"]
    found: list[dict[str, Any]] = message["parts"]
    return found


@pytest.mark.parametrize(
    ("item", "parts"),
    [
        (THOUGHT, [{"type": "reasoning", "content": "hm"}]),
        (CALLED, [{"type": "tool_call", "name": "get_weather", "arguments": {"city": "Rome"}, "id": "call_1"}]),
        (
            {"type": "custom_tool_call", "id": "ct_1", "call_id": "call_2", "name": "sql", "input": "select 1"},
            [{"type": "tool_call", "name": "sql", "arguments": "select 1", "id": "call_2"}],
        ),
        (
            SEARCHED,
            [
                {
                    "type": "server_tool_call",
                    "name": "web_search",
                    "id": "ws_1",
                    "server_tool_call": {
                        "type": "web_search_call",
                        "action": {"type": "search", "query": "Rome"},
                    },
                }
            ],
        ),
        (
            FOUND,
            [
                {
                    "type": "server_tool_call",
                    "name": "file_search",
                    "id": "fs_1",
                    "server_tool_call": {"type": "file_search_call", "queries": ["Rome"]},
                },
                {
                    "type": "server_tool_call_response",
                    "id": "fs_1",
                    "server_tool_call_response": {
                        "type": "file_search_call",
                        "results": [{"file_id": "file_1", "score": 0.5, "text": "here"}],
                    },
                },
            ],
        ),
        (
            MCP,
            [
                {
                    "type": "server_tool_call",
                    "name": "route",
                    "id": "mcp_1",
                    "server_tool_call": {
                        "type": "mcp_call",
                        "server_label": "maps",
                        "name": "route",
                        "arguments": {"to": "Rome"},
                    },
                },
                {
                    "type": "server_tool_call_response",
                    "id": "mcp_1",
                    "server_tool_call_response": {"type": "mcp_call", "output": "north"},
                },
            ],
        ),
        (
            PAINTED,
            [
                {
                    "type": "server_tool_call",
                    "name": "image_generation",
                    "id": "ig_1",
                    "server_tool_call": {"type": "image_generation_call"},
                },
                {"type": "blob", "modality": "image", "content": "aGk=", "mime_type": "image/png"},
            ],
        ),
        (REFUSED, [{"type": "refusal", "content": "no"}]),
        (
            {"type": "telepathy", "id": "tp_1", "signal": "strong", "encrypted_content": "x"},
            [{"type": "telepathy", "id": "tp_1", "signal": "strong"}],
        ),
    ],
    ids=lambda value: str(value.get("type")) if hasattr(value, "get") else "",
)
def test_every_kind_of_item_is_read(item: dict[str, Any], parts: list[dict[str, Any]], observed: Observed) -> None:
    assert parts_of(item, observed) == parts


def test_the_items_of_a_conversation_are_messages_in_their_order(observed: Observed) -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "auto"}
    sent: Any = [
        {"role": "system", "content": "You are a cat."},
        {"role": "user", "content": [{"type": "input_text", "text": "How is Rome?"}, picture]},
        THOUGHT,
        CALLED,
        {"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
        {"type": "item_reference", "id": "msg_0"},
    ]
    tools: Any = [
        {"type": "function", "name": "get_weather", "parameters": {}, "strict": True},
        {"type": "web_search"},
        {"type": "mcp", "server_label": "maps", "server_url": "https://x.test"},
    ]
    Service([response(said("Ni"))]).client().responses.create(
        model="m-1",
        input=sent,
        instructions="Be brief.",
        tools=tools,
        temperature=0.5,
        top_p=0.9,
        max_output_tokens=20,
        reasoning={"effort": "low"},
        service_tier="flex",
        text={"format": {"type": "json_object"}},
        previous_response_id="resp_0",
        prompt={"id": "pmpt_1", "version": "2"},
    )

    seen = observed.one()
    assert [(one["role"], [part["type"] for part in one["parts"]]) for one in seen["gen_ai.input.messages"]] == [
        ("system", ["text"]),
        ("user", ["text", "blob"]),
        ("assistant", ["reasoning"]),
        ("assistant", ["tool_call"]),
        ("tool", ["tool_call_response"]),
        ("assistant", ["item_reference"]),
    ]
    assert seen["gen_ai.system_instructions"] == [{"type": "text", "content": "Be brief."}]
    assert [tool["name"] for tool in seen["gen_ai.tool.definitions"]] == ["get_weather", "web_search", "maps"]
    assert {
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.max_tokens": 20,
        "gen_ai.request.reasoning.level": "low",
        "openai.request.service_tier": "flex",
        "gen_ai.output.type": "json",
        "gen_ai.request.previous_response.id": "resp_0",
        "gen_ai.prompt.name": "pmpt_1",
        "gen_ai.prompt.version": "2",
        **TOLD_TOKENS,
    }.items() <= seen.attributes.items()


@pytest.mark.parametrize("conversation", ["conv_1", {"id": "conv_1"}])
def test_a_response_in_a_conversation_says_which(conversation: Any, observed: Observed) -> None:
    Service([response()]).client().responses.create(model="m-1", input="x", extra_body={"conversation": conversation})

    assert observed.one()["gen_ai.conversation.id"] == "conv_1"


def test_an_answer_that_was_cut_off_says_why(observed: Observed) -> None:
    cut = response(said("Ni"), status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    Service([cut]).client().responses.create(model="m-1", input="x")

    seen = observed.one()
    assert seen["gen_ai.response.finish_reasons"] == ("max_output_tokens",)
    assert (seen.status, seen["sojourn.resource.status"]) == ("unset", "incomplete")


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_that_failed_is_an_error_though_nothing_is_raised(stream: bool, observed: Observed) -> None:
    failed = {"status": "failed", "error": {"code": "server_error", "message": "sorry"}, "usage": None}
    answer: Any = streamed(**failed) if stream else response(**failed)
    reply = Service([answer]).client().responses.create(model="m-1", input="x", stream=stream)
    if stream:
        list(reply)

    seen = observed.one()
    assert (seen.status, seen["error.type"]) == ("error", "server_error")


def test_a_stream_that_is_left_keeps_what_had_come(observed: Observed) -> None:
    service = Service([streamed(said("Ni"))])
    with service.client().responses.create(model="m-1", input="x", stream=True) as stream:
        for part in stream:
            if part.type == "response.output_text.delta":
                break

    seen = observed.one()
    assert seen["sojourn.stream.abandoned"] is True
    assert (seen["gen_ai.response.id"], seen["gen_ai.response.model"]) == ("resp_1", "m-1-2026")
    assert seen["gen_ai.output.messages"][0]["parts"] == [{"type": "text", "content": "Ni"}]


def test_a_stream_whose_last_event_leaves_out_the_items_is_read_from_those_before(observed: Observed) -> None:
    events = streamed(THOUGHT, said("Ni"))
    events[-1]["response"]["output"] = []
    list(Service([events]).client().responses.create(model="m-1", input="x", stream=True))

    parts = observed.one()["gen_ai.output.messages"][0]["parts"]
    assert parts == [{"type": "reasoning", "content": "hm"}, {"type": "text", "content": "Ni"}]


def test_events_without_indices_are_read_too(observed: Observed) -> None:
    """As llama.cpp sends them."""
    events = [
        {name: value for name, value in told.items() if not name.endswith("_index")}
        for told in streamed(said("Ni"))[:-1]
    ]
    list(Service([events]).client().responses.create(model="m-1", input="x", stream=True))

    assert observed.one()["gen_ai.output.messages"][0]["parts"] == [{"type": "text", "content": "Ni"}]


def test_tokens_of_a_response_in_the_background_count_once(observed: Observed) -> None:
    begun = response(id="resp_bg", status="queued", background=True, usage=None)
    done = response(said("Ni"), id="resp_bg", background=True)
    client = Service([begun, {**begun, "status": "in_progress"}, done]).client()
    client.responses.create(model="m-1", input="x", background=True)
    for _ in range(4):
        client.responses.retrieve("resp_bg")

    assert observed.usage() == (30, 9)
    asked, waiting, found, *again = observed.roots()
    assert (asked.name, asked["sojourn.resource.status"]) == ("chat m-1", "queued")
    assert (waiting.name, waiting["sojourn.resource.status"]) == ("responses.retrieve", "in_progress")
    [work] = found.children
    assert (work.name, work["gen_ai.operation.name"], work["gen_ai.response.id"]) == (
        "chat m-1-2026",
        "chat",
        "resp_bg",
    )
    assert TOLD_TOKENS.items() <= work.attributes.items()
    assert [one.children for one in again] == [(), ()]


def test_a_response_of_the_background_that_was_streamed_is_not_counted_again(observed: Observed) -> None:
    done = {"id": "resp_bgs", "background": True}
    service = Service([streamed(said("Ni"), **done), response(said("Ni"), **done)])
    client = service.client()
    list(client.responses.create(model="m-1", input="x", background=True, stream=True))
    client.responses.retrieve("resp_bgs")

    assert observed.usage() == (30, 9)


def test_a_response_that_is_read_again_is_not_counted_again(observed: Observed) -> None:
    client = Service([response(said("Ni"))]).client()
    client.responses.create(model="m-1", input="x")
    client.responses.retrieve("resp_1")
    list(Service([streamed(said("Ni"))]).client().responses.retrieve("resp_1", stream=True))

    assert observed.usage() == (30, 9)
    assert [seen.name for seen in observed.all()] == ["chat m-1", "responses.retrieve", "responses.retrieve"]
