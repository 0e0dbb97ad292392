"""Recorded calls beside chats: the span says what the recorded bodies say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import openai
import pytest

if TYPE_CHECKING:
    from tests.instrumentors.observed import Observed, Seen

EMBEDDINGS = ["embedding", "embeddings_float", "embedding_async"]
COMPLETIONS = ["completion", "completion_stream"]
RESPONSES = ["response", "response_stream", "response_tools", "response_async"]

# Cassettes hold what the newest client sends; older ones send other bodies.
pytestmark = pytest.mark.skipif(int(openai.__version__.split(".")[0]) < 3, reason="recorded with openai 3")


def replayed(name: str, observed: Observed) -> tuple[Seen, Any, list[Any]]:
    """The span of a recorded call, its request, and its answer: one JSON, or those of its events."""
    # Late: it imports every library that is recorded, in forms that environments with older ones need not have.
    from tests.replay import BASE_URL, recorded, replaying, shape

    with replaying(f"openai/{name}"):
        shape(f"openai/{name}").run(BASE_URL)
    [exchange] = recorded(f"openai/{name}")
    if not exchange.streamed:
        return observed.one(), exchange.request, [exchange.answer]
    lines = [line[5:] for line in exchange.body.decode().splitlines() if line.startswith("data:")]
    return observed.one(), exchange.request, [json.loads(line) for line in lines if line.strip() != "[DONE]"]


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_embeddings(name: str, observed: Observed) -> None:
    seen, asked, [reply] = replayed(name, observed)
    given = asked["input"]
    texts: list[str] = [given] if isinstance(given, str) else given

    assert seen.name == f"embeddings {asked['model']}"
    assert seen["gen_ai.response.model"] == reply["model"]
    assert seen["gen_ai.usage.input_tokens"] == reply["usage"]["prompt_tokens"]
    assert seen["gen_ai.embeddings.dimension.count"] == 576
    assert [one["parts"][0]["content"] for one in seen["gen_ai.input.messages"]] == texts


@pytest.mark.parametrize("name", COMPLETIONS)
def test_completions(name: str, observed: Observed) -> None:
    seen, asked, replies = replayed(name, observed)
    choices = [choice for reply in replies for choice in reply["choices"]]
    usage = [reply["usage"] for reply in replies if reply.get("usage")]

    assert seen.name == f"text_completion {asked['model']}"
    assert seen["gen_ai.response.model"] == replies[0]["model"]
    assert seen["gen_ai.input.messages"][0]["parts"][0]["content"] == asked["prompt"]
    assert seen["gen_ai.output.messages"][0]["parts"][0]["content"] == "".join(one["text"] for one in choices)
    assert seen["gen_ai.response.finish_reasons"] == (choices[-1]["finish_reason"],)
    if usage:
        assert seen["gen_ai.usage.output_tokens"] == usage[-1]["completion_tokens"]


@pytest.mark.parametrize("name", RESPONSES)
def test_responses(name: str, observed: Observed) -> None:
    seen, asked, replies = replayed(name, observed)
    reply = replies[-1].get("response", replies[-1])
    parts = seen["gen_ai.output.messages"][0]["parts"]
    items = [item for item in reply["output"] if item["type"] == "function_call"]
    said = [part["text"] for item in reply["output"] if item["type"] == "message" for part in item["content"]]

    assert seen.name == f"chat {asked['model']}"
    assert seen["gen_ai.response.model"] == reply["model"]
    assert seen["gen_ai.response.id"] == reply["id"]
    assert seen["gen_ai.usage.input_tokens"] == reply["usage"]["input_tokens"]
    assert seen["gen_ai.usage.output_tokens"] == reply["usage"]["output_tokens"]
    assert [part["name"] for part in parts if part["type"] == "tool_call"] == [item["name"] for item in items]
    assert "".join(part["content"] for part in parts if part["type"] == "text") == "".join(said)


def test_a_list_of_models(observed: Observed) -> None:
    seen, _, _ = replayed("models", observed)

    assert (seen.name, seen["url.template"], seen["server.port"]) == ("models.list", "/models", 8090)


@pytest.mark.parametrize(
    ("name", "error"), [("response_401", "openai.AuthenticationError"), ("embedding_429", "openai.RateLimitError")]
)
def test_refusals(name: str, error: str, observed: Observed) -> None:
    seen, _, _ = replayed(name, observed)

    assert (seen.status, seen["error.type"], seen.events) == ("error", error, ("exception",))
