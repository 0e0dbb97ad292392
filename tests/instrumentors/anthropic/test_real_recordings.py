"""Real traffic of the real provider, replayed through the real client: each span says what the recorded body says."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import anthropic
import pytest

from tests.instrumentors.anthropic.clients import client, http
from tests.instrumentors.anthropic.recorded import Exchange, exchanges, files
from tests.instrumentors.recordings import FOLDER

if TYPE_CHECKING:
    from tests.instrumentors.observed import Observed, Seen

pytestmark = [
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no recordings at {FOLDER} (set SOJOURN_RECORDINGS)"),
    # The client warns of models that have been retired since they were recorded.
    pytest.mark.filterwarnings("ignore:The model '.*' is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Using Claude with .* is deprecated:UserWarning"),
]

FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_call",
    "max_tokens": "length",
    "refusal": "content_filter",
    "pause_turn": "pause_turn",
    "compaction": "compaction",
}
SERVER_CALLS = ("server_tool_use", "mcp_tool_use")


@pytest.mark.parametrize("file", files())
def test_the_span_says_what_was_recorded(file: str, observed: Observed) -> None:
    found = exchanges(file)
    assert found

    for exchange in found:
        observed.exporter.clear()
        replay(exchange)
        compare(observed.one(), exchange)


def replay(exchange: Exchange) -> None:
    """Make the recorded call again, with the answer that it had."""

    def answer(_: Any) -> Any:
        return http.Response(exchange.status, headers={"content-type": exchange.content_type}, content=exchange.body)

    call = _call(client(answer), exchange)
    taken = set(inspect.signature(call).parameters)
    known = {name: value for name, value in exchange.asked.items() if name in taken}
    others = {name: value for name, value in exchange.asked.items() if name not in taken}
    # A time limit, since the client refuses long answers that are not streamed without one.
    asked: dict[str, Any] = {**known, "extra_body": others, "timeout": 20}
    if exchange.status >= 400:
        with pytest.raises(anthropic.APIStatusError):
            call(**asked)
        return
    reply = call(**asked)
    if exchange.asked.get("stream"):
        list(reply)


def _call(made: Any, exchange: Exchange) -> Any:
    if exchange.path == "/v1/complete":
        if not hasattr(made, "completions"):
            pytest.skip("this release of the client has no completions any more")
        return made.completions.create
    messages = made.beta.messages if exchange.beta else made.messages
    return messages.count_tokens if exchange.path.endswith("count_tokens") else messages.create


def compare(seen: Seen, exchange: Exchange) -> None:
    told, asked = seen.attributes, exchange.asked
    assert told["gen_ai.request.model"] == asked["model"]
    assert told["gen_ai.provider.name"] == "anthropic"
    assert told.get("gen_ai.request.stream", False) == bool(asked.get("stream"))
    assert told.get("gen_ai.request.max_tokens") == asked.get("max_tokens", asked.get("max_tokens_to_sample"))
    if exchange.status >= 400:
        assert (seen.status, seen.events) == ("error", ("exception",))
        assert told["error.type"].startswith("anthropic.")
        return
    assert seen.status == "unset"
    answer = exchange.answer
    if exchange.path.endswith("count_tokens"):
        assert told["sojourn.counted.input_tokens"] == answer["input_tokens"]
        assert "gen_ai.usage.input_tokens" not in told
        return
    assert told["gen_ai.response.model"] == answer["model"]
    assert told["gen_ai.response.id"] == answer["id"]
    assert told["gen_ai.response.finish_reasons"] == (FINISH[answer["stop_reason"]],)
    assert told["anthropic.message.stop_reason"] == answer["stop_reason"]
    if exchange.path == "/v1/messages":  # completions tell no tokens
        compare_usage(told, answer["usage"])
        compare_content(seen, asked, answer)


def compare_usage(told: dict[str, Any], usage: dict[str, Any]) -> None:
    read, written = usage.get("cache_read_input_tokens"), usage.get("cache_creation_input_tokens")
    assert told["gen_ai.usage.input_tokens"] == usage["input_tokens"] + (read or 0) + (written or 0)
    assert told["gen_ai.usage.output_tokens"] == usage["output_tokens"]
    assert told.get("gen_ai.usage.cache_read.input_tokens") == read
    assert told.get("gen_ai.usage.cache_write.input_tokens") == written
    ran: dict[str, Any] = usage.get("server_tool_use") or {}
    assert told.get("sojourn.anthropic.usage.web_search_requests", 0) == ran.get("web_search_requests", 0)
    assert told.get("anthropic.response.service_tier") == usage.get("service_tier")


def compare_content(seen: Seen, asked: dict[str, Any], answer: dict[str, Any]) -> None:
    assert [one["role"] for one in seen["gen_ai.input.messages"]] == [one["role"] for one in asked["messages"]]
    sent = [part for one in seen["gen_ai.input.messages"] for part in one["parts"]]
    blocks = [
        block
        for one in asked["messages"]
        for block in (
            one["content"] if isinstance(one["content"], list) else [{"type": "text", "text": one["content"]}]
        )
    ]
    assert len(sent) == len(blocks)
    assert ("gen_ai.system_instructions" in seen.attributes) == bool(asked.get("system"))
    offered = [*(asked.get("tools") or ()), *(asked.get("mcp_servers") or ())]
    assert len(seen["gen_ai.tool.definitions"] if offered else []) == len(offered)
    (said,) = seen["gen_ai.output.messages"]
    parts = said["parts"]
    content = answer["content"]
    assert len(parts) == len(content)
    assert of_type(parts, "text", "content") == [block["text"] for block in content if block["type"] == "text"]
    thoughts = [block.get("thinking", "") for block in content if block["type"] in ("thinking", "redacted_thinking")]
    assert of_type(parts, "reasoning", "content") == thoughts
    assert of_type(parts, "tool_call", "name") == [block["name"] for block in content if block["type"] == "tool_use"]
    ran = [block["name"] for block in content if block["type"] in SERVER_CALLS]
    assert of_type(parts, "server_tool_call", "name") == ran
    found = [block for block in content if block["type"].endswith("_tool_result")]
    assert len(of_type(parts, "server_tool_call_response", "id")) == len(found)


def of_type(parts: list[dict[str, Any]], kind: str, name: str) -> list[Any]:
    return [part[name] for part in parts if part["type"] == kind]
