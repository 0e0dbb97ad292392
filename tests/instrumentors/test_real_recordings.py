"""Real traffic of real providers, replayed through the real client: the span says what the recorded bodies say."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import openai
import pytest
from openai.resources.chat import Completions

from tests.instrumentors.provider import http
from tests.instrumentors.recordings import FOLDER, Exchange, exchanges

if TYPE_CHECKING:
    from tests.instrumentors.observed import Observed, Seen

IMAGES = "openinference/openai/test_input_value_image_hiding"
FILES = [
    # plain, several choices, cut off, cached, structured
    "dd-trace-py/openai/v1/chat_completion.yaml",
    "dd-trace-py/openai/v1/chat_completion_truncation.yaml",
    "dd-trace-py/openai/v1/chat_completion_prompt_caching_cache_read.yaml",
    "dd-trace-py/openai/v1/chat_completion_parse.yaml",
    "openllmetry/openai/test_prompt_caching/test_openai_prompt_caching_async.yaml",
    "elastic-otel/openai/test_chat_n_1.yaml",
    # streamed, with and without usage
    "dd-trace-py/openai/v1/chat_completion_streamed.yaml",
    "dd-trace-py/openai/v1/chat_completion_streamed_tokens.yaml",
    "dd-trace-py/openai/openai_chat_completions_post_754a7349.json",
    "otel-contrib/openai-v2/test_chat_completion_multiple_choices_streaming.yaml",
    "otel-contrib/openai-v2/test_async_chat_completion_streaming.yaml",
    # tools: called, in parallel, streamed, answered, in the form before tools
    "dd-trace-py/openai/openai_chat_completions_post_87cdfc2c.json",
    "openinference/openai/test_tool_calls/test_tool_calls.yaml",
    "dd-trace-py/openai/v1/chat_completion_tool_call_streamed.yaml",
    "openllmetry/openai/test_functions/test_open_ai_function_calls_tools_streaming_parallel.yaml",
    "otel-contrib/openai-v2/test_async_chat_completion_tool_calls_with_content.yaml",
    "openllmetry/openai/test_functions/test_open_ai_function_calls_with_events_with_no_content.yaml",
    # errors
    "dd-trace-py/openai/v1/chat_completion_error.yaml",
    "elastic-otel/openai/test_chat_with_model_not_found.yaml",
    # other providers behind the same client, and pictures
    "dd-trace-py/openai/v1/chat_completion_openrouter.yaml",
    f"{IMAGES}/TestInputValueImageHiding.test_input_value_hides_base64_images.yaml",
]
KNOWN = set(inspect.signature(Completions.create).parameters)

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no recordings at {FOLDER} (set SOJOURN_RECORDINGS)")


@pytest.mark.parametrize("file", FILES)
def test_the_span_says_what_was_recorded(file: str, observed: Observed) -> None:
    found = exchanges(FOLDER / file)
    assert found

    for exchange in found:
        observed.exporter.clear()
        replay(exchange)
        compare(observed.one(), exchange)


def replay(exchange: Exchange) -> None:
    """Make the recorded call again, with the answer that it had."""

    def answer(_: Any) -> Any:
        return http.Response(exchange.status, headers={"content-type": exchange.content_type}, content=exchange.body)

    client = openai.OpenAI(
        api_key="k",
        base_url=exchange.base_url,
        max_retries=0,
        http_client=openai.DefaultHttpxClient(transport=http.MockTransport(answer)),
    )
    known = {name: value for name, value in exchange.asked.items() if name in KNOWN}
    others = {name: value for name, value in exchange.asked.items() if name not in KNOWN}
    create: Any = client.chat.completions.create
    if exchange.status >= 400:
        with pytest.raises(openai.APIStatusError):
            create(**known, extra_body=others)
        return
    reply = create(**known, extra_body=others)
    if exchange.asked.get("stream"):
        list(reply)


def compare(seen: Seen, exchange: Exchange) -> None:
    told = seen.attributes
    assert told["gen_ai.request.model"] == exchange.asked["model"]
    assert told.get("gen_ai.request.stream", False) == bool(exchange.asked.get("stream"))
    assert len(seen["gen_ai.input.messages"]) == len(exchange.asked["messages"])
    if exchange.status >= 400:
        assert (seen.status, seen.events) == ("error", ("exception",))
        assert told["error.type"].startswith("openai.")
        return
    replies = exchange.replies
    assert seen.status == "unset"
    assert told["gen_ai.response.model"] == replies[0]["model"]
    assert told["gen_ai.response.id"] == replies[0]["id"]
    usage = usage_of(replies)
    details: dict[str, Any] = usage.get("prompt_tokens_details") or {}
    thoughts: dict[str, Any] = usage.get("completion_tokens_details") or {}
    assert told.get("gen_ai.usage.input_tokens") == usage.get("prompt_tokens")
    assert told.get("gen_ai.usage.output_tokens") == usage.get("completion_tokens")
    assert told.get("gen_ai.usage.cache_read.input_tokens") == details.get("cached_tokens")
    assert told.get("gen_ai.usage.reasoning.output_tokens") == thoughts.get("reasoning_tokens")
    assert told.get("gen_ai.response.finish_reasons", ()) == finish_reasons(replies)
    messages = seen["gen_ai.output.messages"]
    parts = [part for message in messages for part in message["parts"]]
    assert [part["name"] for part in parts if part["type"] == "tool_call"] == tool_names(replies)
    assert "".join(part["content"] for part in parts if part["type"] == "text") == words(replies)


def _by_choice(replies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Choices and pieces of choices, those of one choice together, in their order."""
    pieces = [choice for reply in replies for choice in reply["choices"]]
    return sorted(pieces, key=lambda choice: choice["index"])


def usage_of(replies: list[dict[str, Any]]) -> dict[str, Any]:
    told: list[dict[str, Any]] = [reply["usage"] for reply in replies if reply.get("usage")]
    return told[-1] if told else {}


def finish_reasons(replies: list[dict[str, Any]]) -> tuple[str, ...]:
    # The conventions say of one tool and of several that a `tool_call` was asked for.
    asked = {"tool_calls": "tool_call", "function_call": "tool_call"}
    said: list[str] = [choice["finish_reason"] for choice in _by_choice(replies) if choice.get("finish_reason")]
    return tuple(asked.get(reason, reason) for reason in said)


def tool_names(replies: list[dict[str, Any]]) -> list[str]:
    found: list[str] = []
    for choice in _by_choice(replies):
        said = choice.get("message") or choice["delta"]
        called = [call["function"] for call in said.get("tool_calls") or ()]
        called += [said["function_call"]] if said.get("function_call") else []
        found += [function["name"] for function in called if function.get("name")]
    return found


def words(replies: list[dict[str, Any]]) -> str:
    return "".join((choice.get("message") or choice["delta"]).get("content") or "" for choice in _by_choice(replies))
