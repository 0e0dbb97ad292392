"""What a span of a chat completion says, compared whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest
from pydantic import BaseModel

from tests.instrumentors.modes import HELLO
from tests.instrumentors.observed import Seen
from tests.instrumentors.provider import chunk, completion, pieces, transport_of

if TYPE_CHECKING:
    from tests.instrumentors.observed import Observed
    from tests.instrumentors.provider import Provider

TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
CALLED = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Rome"}'}}
USED = {
    "gen_ai.usage.input_tokens": 11,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.usage.cache_read.input_tokens": 4,
    "gen_ai.usage.reasoning.output_tokens": 3,
    "gen_ai.usage.audio.input_tokens": 1,
    "gen_ai.usage.audio.output_tokens": 2,
}


def helpers(provider: Provider) -> Any:
    """Where the client has its helpers: they left `beta` with openai 1.92."""
    client: Any = provider.client()
    return client.chat.completions if hasattr(client.chat.completions, "parse") else client.beta.chat.completions


class City(BaseModel):
    name: str


def test_a_call_with_everything_in_it(observed: Observed, provider: Provider) -> None:
    client: Any = provider.client()
    client.chat.completions.create(
        model="m-1",
        messages=HELLO,
        temperature=0.5,
        top_p=0.9,
        frequency_penalty=0.1,
        presence_penalty=-0.1,
        max_completion_tokens=20,
        seed=7,
        n=2,
        stop="END",
        reasoning_effort="low",
        service_tier="flex",
        response_format={"type": "json_object"},
        tools=[TOOL],
    )

    assert observed.roots() == [
        Seen(
            name="chat m-1",
            kind="client",
            status="unset",
            attributes={
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "m-1",
                "openai.api.type": "chat_completions",
                "server.address": "api.openai.com",
                "server.port": 443,
                "gen_ai.request.temperature": 0.5,
                "gen_ai.request.top_p": 0.9,
                "gen_ai.request.frequency_penalty": 0.1,
                "gen_ai.request.presence_penalty": -0.1,
                "gen_ai.request.max_tokens": 20,
                "gen_ai.request.seed": 7,
                "gen_ai.request.choice.count": 2,
                "gen_ai.request.stop_sequences": ("END",),
                "gen_ai.request.reasoning.level": "low",
                "openai.request.service_tier": "flex",
                "gen_ai.output.type": "json",
                "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"Hello"}]}]',
                "gen_ai.tool.definitions": '[{"type":"function","name":"get_weather"}]',
                "gen_ai.response.model": "m-1-2026",
                "gen_ai.response.id": "chatcmpl-1",
                "gen_ai.response.finish_reasons": ("stop",),
                "openai.response.service_tier": "default",
                "openai.response.system_fingerprint": "fp",
                **USED,
                "gen_ai.output.messages": (
                    '[{"role":"assistant","parts":[{"type":"text","content":"Nice to meet you"}],'
                    '"finish_reason":"stop"}]'
                ),
            },
        )
    ]


def test_parameters_that_were_not_given_are_not_invented(observed: Observed, provider: Provider) -> None:
    provider.client().chat.completions.create(model="m-1", messages=[])

    asked = {name for name in observed.one().attributes if ".request." in name}
    assert asked == {"gen_ai.request.model"}


@pytest.mark.parametrize(
    ("base_url", "provider_name", "address", "port"),
    [
        ("https://api.openai.com/v1", "openai", "api.openai.com", 443),
        ("https://mine.openai.azure.com/openai", "azure.ai.openai", "mine.openai.azure.com", 443),
        ("https://api.groq.com/openai/v1", "groq", "api.groq.com", 443),
        ("https://api.deepseek.com", "deepseek", "api.deepseek.com", 443),
        ("https://api.mistral.ai/v1", "mistral_ai", "api.mistral.ai", 443),
        ("https://api.x.ai/v1", "x_ai", "api.x.ai", 443),
        ("https://api.perplexity.ai", "perplexity", "api.perplexity.ai", 443),
        ("https://openrouter.ai/api/v1", "openrouter", "openrouter.ai", 443),
        ("http://127.0.0.1:8090/v1", "openai", "127.0.0.1", 8090),
        ("http://[::1]:8090/v1", "openai", "::1", 8090),
    ],
)
def test_the_provider_is_told_by_its_address(
    base_url: str, provider_name: str, address: str, port: int, observed: Observed, provider: Provider
) -> None:
    provider.client(base_url=base_url).chat.completions.create(model="m-1", messages=[])

    seen = observed.one()
    assert seen["gen_ai.provider.name"] == provider_name
    assert (seen["server.address"], seen["server.port"]) == (address, port)


def test_an_azure_client_goes_through_the_same_funnel(observed: Observed, provider: Provider) -> None:
    plain = provider.client()
    client = openai.AzureOpenAI(
        api_key="k",
        api_version="2024-06-01",
        azure_endpoint="https://mine.openai.azure.com",
        http_client=transport_of(plain),
        max_retries=0,
    )
    client.chat.completions.create(model="my-deployment", messages=[])

    seen = observed.one()
    assert (seen.name, seen["gen_ai.provider.name"]) == ("chat my-deployment", "azure.ai.openai")


def test_a_conversation_with_tools_and_media(observed: Observed, provider: Provider) -> None:
    provider.answers = [completion("", content=None, tool_calls=[CALLED], refusal="not that")]
    picture = "data:image/png;base64,aGk="
    provider.client().chat.completions.create(
        model="m-1",
        messages=[
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "name": "ann",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
                    {"type": "image_url", "image_url": {"url": picture}},
                    {"type": "input_audio", "input_audio": {"data": "x" * 40_000, "format": "wav"}},
                ],
            },
            {"role": "assistant", "tool_calls": [CALLED]},  # type: ignore[list-item]  # plain dicts
            {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        ],
    )

    seen = observed.one()
    call = {"type": "tool_call", "name": "get_weather", "arguments": {"city": "Rome"}, "id": "c1"}
    assert seen["gen_ai.input.messages"] == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "What is this?"},
                {"type": "uri", "modality": "image", "uri": "https://example.org/a.png"},
                {"type": "blob", "modality": "image", "content": "aGk=", "mime_type": "image/png"},
                {
                    "type": "blob",
                    "modality": "audio",
                    "content": "[40000 base64 characters]",
                    "mime_type": "audio/wav",
                },
            ],
            "name": "ann",
        },
        {"role": "assistant", "parts": [call]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "response": "sunny", "id": "c1"}]},
    ]
    assert seen["gen_ai.output.messages"] == [
        {
            "role": "assistant",
            "parts": [{"type": "refusal", "content": "not that"}, call],
            "finish_reason": "tool_call",
        }
    ]


def test_a_reply_that_misses_half_of_its_fields_is_taken_as_it_is(observed: Observed, provider: Provider) -> None:
    provider.answers = [{"choices": [{"message": {"content": "Ni"}}]}]
    provider.client().chat.completions.create(model="m-1", messages=HELLO)  # type: ignore[arg-type]  # plain dicts

    seen = observed.one()
    assert seen.status == "unset"
    assert seen["gen_ai.output.messages"][0]["parts"] == [{"type": "text", "content": "Ni"}]


def test_values_that_no_exporter_could_encode_are_made_fit(observed: Observed, provider: Provider) -> None:
    provider.client().chat.completions.create(model="m-1", messages=[], seed=2**70, extra_body={"top_p": "much"})

    seen = observed.one()
    assert seen["gen_ai.request.seed"] == str(2**70)
    assert seen["gen_ai.request.top_p"] == "much"


@pytest.mark.parametrize("raw", [True, False])
def test_raw_responses_are_read_as_they_pass(raw: bool, observed: Observed, provider: Provider) -> None:
    provider.answers = [completion("Ni", reasoning_content="hm")]
    create = provider.client().chat.completions
    if raw:
        response = create.with_raw_response.create(model="m-1", messages=[])
        assert response.parse().choices[0].message.content == "Ni"
    else:
        with create.with_streaming_response.create(model="m-1", messages=[]) as streaming:
            assert streaming.parse().choices[0].message.content == "Ni"

    seen = observed.one()
    assert USED.items() <= seen.attributes.items()
    assert seen["gen_ai.output.messages"][0]["parts"] == [
        {"type": "reasoning", "content": "hm"},
        {"type": "text", "content": "Ni"},
    ]
    assert "gen_ai.response.time_to_first_chunk" not in seen.attributes


@pytest.mark.parametrize("how", ["parse", "lines", "left", "closed"])
def test_raw_streams_are_read_as_they_pass(how: str, observed: Observed, provider: Provider) -> None:
    provider.answers = [pieces("Ni", "ce")]
    create = provider.client().chat.completions
    if how == "parse":
        response = create.with_raw_response.create(model="m-1", messages=[], stream=True)
        assert len(list(response.parse())) == 5
    else:
        with create.with_streaming_response.create(model="m-1", messages=[], stream=True) as streaming:
            if how == "lines":
                assert sum(line.startswith("data:") for line in streaming.iter_lines()) == 6
            elif how == "left":
                next(streaming.iter_lines())

    observed.wait_for(1)
    seen = observed.one()
    if how in ("parse", "lines"):
        assert USED.items() <= seen.attributes.items()
        assert seen["gen_ai.output.messages"][0]["parts"] == [{"type": "text", "content": "Nice"}]
        assert "sojourn.stream.abandoned" not in seen.attributes
    else:
        assert seen["sojourn.stream.abandoned"] is True


async def test_raw_async_streams_are_read_as_they_pass(observed: Observed, provider: Provider) -> None:
    provider.answers = [pieces("Ni", "ce")]
    create = provider.async_client().chat.completions
    response = await create.with_raw_response.create(model="m-1", messages=[], stream=True)
    assert len([part async for part in response.parse()]) == 5
    async with create.with_streaming_response.create(model="m-1", messages=[], stream=True) as streaming:
        assert len([part async for part in await streaming.parse()]) == 5
    provider.answers = [completion("Ni")]
    async with create.with_streaming_response.create(model="m-1", messages=[]) as whole:
        assert (await whole.parse()).id == "chatcmpl-1"

    assert [seen.attributes.items() >= USED.items() for seen in observed.all()] == [True] * 3


def test_the_stream_helper_is_observed(observed: Observed, provider: Provider) -> None:
    provider.answers = [pieces("Ni", "ce")]
    with helpers(provider).stream(model="m-1", messages=[]) as stream:
        assert stream.get_final_completion().choices[0].message.content == "Nice"

    assert USED.items() <= observed.one().attributes.items()


def test_parsed_answers_are_observed(observed: Observed, provider: Provider) -> None:
    provider.answers = [completion('{"name":"Rome"}')]
    reply = helpers(provider).parse(model="m-1", messages=[], response_format=City)

    assert reply.choices[0].message.parsed == City(name="Rome")
    assert observed.one()["gen_ai.output.type"] == "json"


def test_an_answer_that_was_cut_off_keeps_its_tokens_though_the_helper_raises(
    observed: Observed, provider: Provider
) -> None:
    cut = completion('{"na')
    cut["choices"][0]["finish_reason"] = "length"
    provider.answers = [cut]
    with pytest.raises(openai.LengthFinishReasonError):
        helpers(provider).parse(model="m-1", messages=[], response_format=City)

    seen = observed.one()
    assert (seen.status, seen["error.type"]) == ("error", "openai.LengthFinishReasonError")
    assert USED.items() <= seen.attributes.items()


def test_reasoning_in_a_stream_is_kept_apart(observed: Observed, provider: Provider) -> None:
    provider.answers = [[chunk({"reasoning": "h"}), chunk({"reasoning_content": "m"}), chunk({"content": "Ni"})]]
    list(provider.client().chat.completions.create(model="m-1", messages=[], stream=True))

    assert observed.one()["gen_ai.output.messages"][0]["parts"] == [
        {"type": "reasoning", "content": "hm"},
        {"type": "text", "content": "Ni"},
    ]


@pytest.mark.parametrize("said", ["tool_calls", "function_call"])
def test_that_a_tool_was_called_is_told_in_the_conventions_word(
    observed: Observed, provider: Provider, said: str
) -> None:
    answer = completion("")
    answer["choices"][0]["finish_reason"] = said
    provider.answers = [answer, [chunk({"content": "x"}, reason=said)]]
    chat = provider.client().chat.completions
    chat.create(model="m-1", messages=[])
    list(chat.create(model="m-1", messages=[], stream=True))

    for seen in observed.all():
        assert seen["gen_ai.response.finish_reasons"] == ("tool_call",)
        assert seen["gen_ai.output.messages"][0]["finish_reason"] == "tool_call"


def test_a_piece_that_brings_words_and_more_is_read_whole(observed: Observed, provider: Provider) -> None:
    """Some services send a call of a tool with words, and vLLM the last of its reasoning with the first of both."""
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    provider.answers = [
        [
            chunk({"role": "assistant", "content": None, "reasoning_content": "so"}),
            chunk({"content": "Let me", "reasoning_content": "."}),
            chunk({"content": " add", "tool_calls": [call]}, reason="tool_calls"),
        ]
    ]
    list(provider.client().chat.completions.create(model="m-1", messages=[], stream=True))

    assert observed.one()["gen_ai.output.messages"][0]["parts"] == [
        {"type": "reasoning", "content": "so."},
        {"type": "text", "content": "Let me add"},
        {"type": "tool_call", "name": "add", "arguments": {}, "id": "c1"},
    ]


def test_answers_in_parts_are_read_as_parts(observed: Observed, provider: Provider) -> None:
    """As Mistral gives its reasoning, whole and in chunks."""
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "Ni"}]
    provider.answers = [completion("", content=parts), [chunk({"content": parts[:1]}), chunk({"content": parts[1:]})]]
    client: Any = provider.client()
    client.chat.completions.create(model="m-1", messages=[])
    list(client.chat.completions.create(model="m-1", messages=[], stream=True))

    assert [seen["gen_ai.output.messages"][0]["parts"] for seen in observed.all()] == [
        [{"type": "reasoning", "content": "hm"}, {"type": "text", "content": "Ni"}]
    ] * 2
