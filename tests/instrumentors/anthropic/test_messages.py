"""Messages: what is sent and what comes back, whole and streamed, in the words of the conventions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anthropic
import pytest
from anthropic.types import TextBlock, ToolUseBlock

from tests.instrumentors.anthropic.clients import body, client, events, message, streamed
from tests.instrumentors.observed import Seen

if TYPE_CHECKING:
    from tests.instrumentors.observed import Observed

USER = {"role": "user", "content": "Hello"}
ASKED: dict[str, Any] = {"model": "m-1", "max_tokens": 64, "messages": [USER], "timeout": 20}
FACTS: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "m-1",
    "gen_ai.request.max_tokens": 64,
    "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"Hello"}]}]',
    "server.address": "api.anthropic.com",
    "server.port": 443,
    "gen_ai.response.id": "msg_1",
    "gen_ai.response.model": "m-1-2026",
    "gen_ai.response.finish_reasons": ("stop",),
    "anthropic.message.stop_reason": "end_turn",
    "anthropic.request.id": "req_1",
    "gen_ai.usage.input_tokens": 11,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.output.messages": (
        '[{"role":"assistant","parts":[{"type":"text","content":"Nice to meet you"}],"finish_reason":"stop"}]'
    ),
}


def said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def pieces(kind: str, name: str, *words: str) -> list[dict[str, Any]]:
    return [{"type": kind, name: word} for word in words]


def ask(answer: Any, **asked: Any) -> None:
    """Make the call, and read all that comes."""
    reply: Any = client(answer).messages.create(**{**ASKED, **asked})
    if asked.get("stream"):
        list(reply)


def output(observed: Observed) -> list[dict[str, Any]]:
    (only,) = observed.one()["gen_ai.output.messages"]
    found: list[dict[str, Any]] = only["parts"]
    return found


def sent(observed: Observed) -> list[dict[str, Any]]:
    (only,) = observed.one()["gen_ai.input.messages"]
    found: list[dict[str, Any]] = only["parts"]
    return found


def test_a_whole_answer(observed: Observed) -> None:
    ask(body(message(said("Nice to meet you"))))

    assert observed.one() == Seen("chat m-1", "client", "unset", FACTS)


def test_a_streamed_answer_says_the_same(observed: Observed) -> None:
    words = pieces("text_delta", "text", "Nice ", "to meet", " you")
    ask(streamed(*events((said(""), words))), stream=True)

    seen = observed.one()
    assert seen.attributes.pop("gen_ai.response.time_to_first_chunk") > 0
    assert seen == Seen("chat m-1", "client", "unset", {**FACTS, "gen_ai.request.stream": True})


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
def test_parameters_are_told_only_as_the_caller_set_them(observed: Observed, streams: bool) -> None:
    answer = streamed(*events()) if streams else body(message())
    others: dict[str, Any] = {"temperature": 0.5, "top_p": 1, "top_k": 3, "output_config": {"effort": "low"}}
    others |= {"service_tier": "standard_only", "thinking": {"type": "enabled", "budget_tokens": 1024}}
    ask(
        answer,
        stream=streams,
        stop_sequences=["END"],
        # Older clients do not know all of these by name.
        extra_body={**others, "max_tokens": 9},
    )

    told = observed.one().attributes
    assert {name: told[name] for name in told if ".request." in name or "thinking" in name} == {
        "gen_ai.request.model": "m-1",
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 1,
        "gen_ai.request.top_k": 3,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.request.reasoning.level": "low",
        "anthropic.request.service_tier": "standard_only",
        "anthropic.thinking.type": "enabled",
        "anthropic.thinking.budget_tokens": 1024,
        "anthropic.request.id": "req_1",
        **({"gen_ai.request.stream": True} if streams else {}),
    }


def test_a_structured_answer_is_asked_for_as_json(observed: Observed) -> None:
    schema = {"type": "json_schema", "schema": {"type": "object"}}
    ask(body(message(said("{}"))), extra_body={"output_config": {"format": schema}})

    assert observed.one()["gen_ai.output.type"] == "json"


THINKING = {"type": "thinking", "thinking": "Let me see.", "signature": "sealed"}
TOOL = {"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {"city": "Rome"}}
PARTS: list[dict[str, Any]] = [
    {"type": "reasoning", "content": "Let me see."},
    {"type": "reasoning", "content": "", "redacted": True},
    {"type": "text", "content": "I look it up."},
    {"type": "tool_call", "name": "look_up", "arguments": {"city": "Rome"}, "id": "toolu_1"},
    {"type": "tool_call", "name": "now", "arguments": {}, "id": "toolu_2"},
]


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
def test_thoughts_words_and_tools_stand_in_their_order(observed: Observed, streams: bool) -> None:
    hidden, spoken = {"type": "redacted_thinking", "data": "sealed"}, said("I look it up.")
    now: dict[str, Any] = {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}}
    if streams:
        told = events(
            (
                {"type": "thinking", "thinking": "", "signature": ""},
                [
                    *pieces("thinking_delta", "thinking", "Let me ", "see."),
                    {"type": "signature_delta", "signature": "s"},
                ],
            ),
            (hidden, []),
            (said("I "), pieces("text_delta", "text", "look it up.")),
            ({**TOOL, "input": {}}, pieces("input_json_delta", "partial_json", "", '{"city": ', '"Rome"}')),
            (now, []),
            stop="tool_use",
        )
        ask(streamed(*told), stream=True)
    else:
        ask(body(message(THINKING, hidden, spoken, TOOL, now, stop="tool_use")))

    assert output(observed) == PARTS
    assert observed.one()["gen_ai.response.finish_reasons"] == ("tool_call",)
    assert "sealed" not in str(observed.one().attributes)


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
def test_what_the_provider_runs_itself_is_no_tool_of_the_program(observed: Observed, streams: bool) -> None:
    search = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "Rome"}}
    hit = {"type": "web_search_result", "title": "Rome", "url": "https://example.org", "encrypted_content": "sealed"}
    found = {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": [hit]}
    mcp = {"type": "mcp_tool_use", "id": "mcp_1", "name": "ask", "server_name": "docs", "input": {"q": 1}}
    told = {"type": "mcp_tool_result", "tool_use_id": "mcp_1", "is_error": True, "content": [said("no")]}
    usage = {"input_tokens": 5, "output_tokens": 6, "server_tool_use": {"web_search_requests": 1}}
    if streams:
        begun = {**search, "input": {}}
        query = pieces("input_json_delta", "partial_json", '{"query": "R', 'ome"}')
        asked = events((begun, query), (found, []), (mcp, []), (told, []), last=usage)
        reply: Any = client(streamed(*asked)).beta.messages.create(**ASKED, stream=True)
        list(reply)
    else:
        client(body(message(search, found, mcp, told, usage=usage))).beta.messages.create(**ASKED)

    assert output(observed) == [
        {
            "type": "server_tool_call",
            "name": "web_search",
            "id": "srv_1",
            "server_tool_call": {"type": "web_search", "arguments": {"query": "Rome"}},
        },
        {
            "type": "server_tool_call_response",
            "id": "srv_1",
            "server_tool_call_response": {
                "type": "web_search",
                "content": [{"type": "web_search_result", "title": "Rome", "url": "https://example.org"}],
            },
        },
        {
            "type": "server_tool_call",
            "name": "ask",
            "id": "mcp_1",
            "server_tool_call": {"type": "mcp", "arguments": {"q": 1}, "server_name": "docs"},
        },
        {
            "type": "server_tool_call_response",
            "id": "mcp_1",
            "server_tool_call_response": {
                "type": "mcp",
                "content": [{"type": "text", "text": "no"}],
                "is_error": True,
            },
        },
    ]
    assert observed.one()["sojourn.anthropic.usage.web_search_requests"] == 1


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
def test_citations_stay_with_their_words(observed: Observed, streams: bool) -> None:
    cited = {"type": "char_location", "cited_text": "All roads", "document_index": 0}
    if streams:
        words = [*pieces("text_delta", "text", "To Rome."), {"type": "citations_delta", "citation": cited}]
        ask(streamed(*events(({**said(""), "citations": []}, words))), stream=True)
    else:
        ask(body(message({**said("To Rome."), "citations": [cited]})))

    assert output(observed) == [{"type": "text", "content": "To Rome.", "citations": [cited]}]


def test_what_is_sent_may_be_pictures_documents_and_results(observed: Observed) -> None:
    content = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
        {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAA="}},
        {"type": "document", "title": "Notes", "source": {"type": "text", "media_type": "text/plain", "data": "Rome"}},
        {"type": "document", "source": {"type": "content", "content": [said("All roads")]}},
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "14 degrees"},
        {"type": "tool_result", "tool_use_id": "toolu_2", "is_error": True, "content": [said("no such city")]},
        {"type": "search_result", "source": "s", "title": "t", "content": [said("found")]},
        {"type": "container_upload", "file_id": "file_2"},
        # Programs send the blocks of the last answer as they got them.
        TextBlock(type="text", text="And you?"),
        ToolUseBlock(type="tool_use", id="toolu_3", name="look_up", input={"city": "Oslo"}),
    ]
    ask(body(message()), messages=[{"role": "user", "content": content}])

    assert sent(observed) == [
        {"type": "blob", "modality": "image", "content": "AA==", "mime_type": "image/png"},
        {"type": "uri", "modality": "image", "uri": "https://example.org/a.png"},
        {"type": "blob", "modality": "document", "content": "AAA=", "mime_type": "application/pdf"},
        {"type": "text", "content": "Rome", "title": "Notes"},
        {"type": "document", "content": [{"type": "text", "content": "All roads"}]},
        {"type": "file", "modality": "document", "file_id": "file_1"},
        {"type": "tool_call_response", "response": "14 degrees", "id": "toolu_1"},
        {
            "type": "tool_call_response",
            "response": [{"type": "text", "content": "no such city"}],
            "id": "toolu_2",
            "is_error": True,
        },
        {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "found"}]},
        {"type": "file", "modality": "document", "file_id": "file_2"},
        {"type": "text", "content": "And you?"},
        {"type": "tool_call", "name": "look_up", "arguments": {"city": "Oslo"}, "id": "toolu_3"},
    ]


def test_what_stands_apart_from_the_conversation(observed: Observed) -> None:
    tools = [
        {"name": "look_up", "description": "long", "input_schema": {"type": "object"}},
        {"type": "web_search_20250305", "name": "web_search"},
    ]
    ask(body(message()), system=[said("Be brief."), said("Be kind.")], tools=tools)

    seen = observed.one()
    assert seen["gen_ai.system_instructions"] == [
        {"type": "text", "content": "Be brief."},
        {"type": "text", "content": "Be kind."},
    ]
    assert seen["gen_ai.tool.definitions"] == [
        {"type": "function", "name": "look_up"},
        {"type": "web_search_20250305", "name": "web_search"},
    ]


USAGE = {
    "input_tokens": 3,
    "cache_read_input_tokens": 20,
    "cache_creation_input_tokens": 100,
    "cache_creation": {"ephemeral_5m_input_tokens": 60, "ephemeral_1h_input_tokens": 40},
    "output_tokens": 9,
    "output_tokens_details": {"thinking_tokens": 4},
    "service_tier": "priority",
}


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
def test_input_tokens_count_what_was_cached(observed: Observed, streams: bool) -> None:
    if streams:
        last = {"output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4}}
        ask(
            streamed(*events(first={**USAGE, "output_tokens": 1, "output_tokens_details": None}, last=last)),
            stream=True,
        )
    else:
        ask(body(message(usage=USAGE)))

    told = observed.one().attributes
    assert {name: told[name] for name in told if ".usage." in name or "response.service" in name} == {
        "gen_ai.usage.input_tokens": 123,
        "gen_ai.usage.output_tokens": 9,
        "gen_ai.usage.cache_read.input_tokens": 20,
        "gen_ai.usage.cache_write.input_tokens": 100,
        "gen_ai.usage.reasoning.output_tokens": 4,
        "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 60,
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 40,
        "anthropic.response.service_tier": "priority",
    }


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ({"output_tokens": 9}, (33, 20, 9)),
        # Tools ran within the call, so that more was read since it began.
        ({"output_tokens": 9, "input_tokens": 40, "cache_read_input_tokens": 30}, (70, 30, 9)),
        ({"output_tokens": 9, "cache_read_input_tokens": 25}, (38, 25, 9)),
        ({"output_tokens": 9, "input_tokens": 13, "cache_read_input_tokens": 20}, (33, 20, 9)),
    ],
    ids=["output only", "all anew", "cache anew", "the same again"],
)
def test_the_last_event_of_a_stream_counts_anew_what_it_names(
    observed: Observed, last: dict[str, Any], expected: tuple[int, int, int]
) -> None:
    first = {"input_tokens": 13, "cache_read_input_tokens": 20, "output_tokens": 1}
    ask(streamed(*events(first=first, last=last)), stream=True)

    told = observed.one().attributes
    names = ("gen_ai.usage.input_tokens", "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.output_tokens")
    assert tuple(told[name] for name in names) == expected


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_call"),
        ("refusal", "content_filter"),
        ("pause_turn", "pause_turn"),
    ],
)
def test_reasons_to_stop_are_told_in_both_languages(observed: Observed, stop: str, finish: str) -> None:
    ask(body(message(stop=stop)))
    ask(streamed(*events(stop=stop)), stream=True)

    for seen in observed.roots():
        assert seen["gen_ai.response.finish_reasons"] == (finish,)
        assert seen["anthropic.message.stop_reason"] == stop


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
def test_a_refusal_says_why(observed: Observed, streams: bool) -> None:
    why = {"type": "refusal", "category": "cyber", "explanation": "I will not."}
    if streams:
        ask(streamed(*events(stop="refusal", stop_details=why)), stream=True)
    else:
        ask(body(message(stop="refusal", stop_details=why)))

    assert output(observed) == [{"type": "refusal", "content": "I will not."}]


def test_the_container_of_a_call_is_named(observed: Observed) -> None:
    ask(body(message(said("done"), container={"id": "container_1", "expires_at": "2026-01-01T00:00:00Z"})))

    assert observed.one()["sojourn.anthropic.container.id"] == "container_1"


def test_tokens_of_a_compaction_stand_apart(observed: Observed) -> None:
    counted = {"cache_read_input_tokens": 5, "cache_creation_input_tokens": 0}
    iterations = [
        {"type": "compaction", "input_tokens": 100, "output_tokens": 30, **counted},
        {"type": "message", "input_tokens": 11, "output_tokens": 7, **counted},
    ]
    usage = {"input_tokens": 11, "output_tokens": 7, "iterations": iterations}
    summary = {"type": "compaction", "content": "They spoke of Rome."}
    client(body(message(summary, usage=usage))).beta.messages.create(**ASKED)

    told = observed.one().attributes
    assert told["gen_ai.usage.input_tokens"] == 11
    assert told["anthropic.usage.compaction.input_tokens"] == 105
    assert told["anthropic.usage.compaction.output_tokens"] == 30
    assert output(observed) == [{"type": "compaction", "content": "They spoke of Rome."}]


def failure(kind: str, status: int) -> Any:
    told = {"type": "error", "error": {"type": kind, "message": "not now"}, "request_id": "req_1"}
    return body(told, status)


@pytest.mark.parametrize(
    ("kind", "status"),
    [("overloaded_error", 529), ("rate_limit_error", 429), ("invalid_request_error", 400), ("api_error", 500)],
)
def test_an_error_names_its_class_and_its_request(observed: Observed, kind: str, status: int) -> None:
    with pytest.raises(anthropic.APIStatusError) as caught:
        ask(failure(kind, status))

    seen = observed.one()
    assert (seen.status, seen.events) == ("error", ("exception",))
    assert seen["error.type"] == f"{caught.type.__module__}.{caught.type.__qualname__}"
    assert seen["anthropic.request.id"] == "req_1"
    assert seen["http.response.status_code"] == status


@pytest.mark.parametrize("helper", [False, True], ids=["create", "manager"])
def test_an_error_in_the_middle_of_a_stream_keeps_what_had_come(observed: Observed, helper: bool) -> None:
    told = events((said(""), pieces("text_delta", "text", "All roads")))[:-3]
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    made = client(streamed(*told, error))

    def read() -> None:
        if helper:
            with made.messages.stream(**ASKED) as stream:
                stream.until_done()
        else:
            list(made.messages.create(**ASKED, stream=True))

    with pytest.raises(anthropic.APIStatusError) as caught:
        read()
    seen = observed.one()
    assert (seen.status, seen.events) == ("error", ("exception",))
    assert seen["error.type"] == f"{caught.type.__module__}.{caught.type.__qualname__}"
    assert output(observed) == [{"type": "text", "content": "All roads"}]
    assert seen["gen_ai.usage.input_tokens"] == 11
    assert seen["anthropic.request.id"] == "req_1"


@pytest.mark.parametrize("helper", ["text_stream", "get_final_message", "get_final_text", "until_done", "iterate"])
def test_every_helper_of_the_stream_manager_is_seen(observed: Observed, helper: str) -> None:
    words = pieces("text_delta", "text", "Nice ", "to meet you")
    with client(streamed(*events((said(""), words)))).messages.stream(**ASKED) as stream:
        if helper == "text_stream":
            assert list(stream.text_stream) == ["Nice ", "to meet you"]
        elif helper == "iterate":
            list(stream)
        else:
            getattr(stream, helper)()

    seen = observed.one()
    assert output(observed) == [{"type": "text", "content": "Nice to meet you"}]
    assert seen["gen_ai.usage.output_tokens"] == 7
    assert "sojourn.stream.abandoned" not in seen.attributes
