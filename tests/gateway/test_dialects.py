"""Spans of other tracers, as those wrote them: what each says is read as if it were said in our words.

The files in `dialects/` were exported by the libraries themselves, against a small local provider with made-up answers;
those of tracers in other languages, and of releases of long ago, are written after their own descriptions.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sojourn_gateway.engine import dialects
from sojourn_gateway.ingest.otlp_json import to_protobuf
from sojourn_gateway.model.usage import Tokens
from tests.gateway.sender import span, trace_id

if TYPE_CHECKING:
    from sojourn_gateway.model.session import Session
    from tests.gateway.sender import Store
    from tests.gateway.serving import Served

FOLDER = Path(__file__).parent / "dialects"
QUESTION = "How is the weather in Oslo?"
ANSWER = "It rains in Oslo."
ANSWERED = "gpt-4o-mini-2024-07-18"
PLAIN, CACHED = Decimal("0.0000078"), Decimal("0.0000075")


ONCE = Tokens(24, 7)
TWICE = Tokens(48, 14)
TWICE_CACHED = Tokens(48, 14, cache_read=8, reasoning=4)
MODEL = ("model",)


@dataclass(frozen=True, slots=True)
class Told:
    """What a file says of its last session."""

    session: str | None
    steps: tuple[str, ...]
    user: str | None = None
    calls: int = 1
    tools: int = 0
    tokens: Tokens = ONCE
    cost: Decimal = PLAIN
    model: str = ANSWERED
    provider: str = "openai"
    tool_name: str = ""
    tool_call_id: str = ""
    asks_for_tool: bool = False
    previews: bool = True
    finish: str = "stop"


TOLD = {
    "agentmark": Told("s-1", MODEL, user="u-1", model="gpt-4o-mini"),
    "agentops": Told(
        None,
        ("workflow", "task", "tool", "model", "tool", "model"),
        calls=2,
        tools=2,
        tokens=TWICE,
        cost=2 * PLAIN,
        tool_name="weather",
    ),
    "agentuity": Told("thrd_1", ("other", "other", "model"), model="gpt-4o-mini"),
    "events": Told("s-1", MODEL, user="u-1", previews=False),
    "inference_details": Told("s-1", MODEL, user="u-1", previews=False),
    "langsmith": Told(
        "s-1", ("chain", "model", "model"), calls=2, tokens=TWICE_CACHED, cost=2 * CACHED, asks_for_tool=True
    ),
    "logfire": Told(None, MODEL),
    "mastra": Told(None, ("other", "model"), model="gpt-4o-mini"),
    "mlflow": Told(
        None,
        ("agent", "model", "model"),
        calls=2,
        tokens=Tokens(48, 14, cache_read=8),
        cost=2 * CACHED,
        provider="",
        asks_for_tool=True,
    ),
    "openinference_langchain": Told(
        "th-1",
        ("chain", "model", "tool", "model"),
        user="u-1",
        calls=2,
        tools=1,
        tokens=TWICE_CACHED,
        cost=2 * CACHED,
        tool_name="weather",
        asks_for_tool=True,
    ),
    "openinference_openai": Told(
        "s-1", ("model", "model"), user="u-1", calls=2, tokens=TWICE_CACHED, cost=2 * CACHED, asks_for_tool=True
    ),
    "openllmetry_langchain": Told(
        "th-1",
        ("agent", "model", "tool", "model"),
        calls=2,
        tools=1,
        tokens=Tokens(48, 14, cache_read=8),
        cost=2 * CACHED,
        tool_name="weather",
        asks_for_tool=True,
    ),
    "openllmetry_older": Told(
        "s-1",
        ("workflow", "model", "tool", "model"),
        user="u-1",
        calls=2,
        tools=1,
        tokens=Tokens(48, 14, cache_read=4, reasoning=2),
        cost=PLAIN + CACHED,
        tool_name="weather",
        asks_for_tool=True,
    ),
    "openllmetry_openai": Told(None, MODEL, tokens=Tokens(24, 7, cache_read=4, reasoning=2), cost=CACHED),
    "pydantic_ai": Told(
        "01a201b5-ce16-7426-bf38-6179687cefff",
        ("agent", "model", "tool", "model"),
        calls=2,
        tools=1,
        tokens=TWICE_CACHED,
        cost=2 * CACHED,
        tool_name="weather",
        tool_call_id="call_1",
        asks_for_tool=True,
    ),
    "pydantic_ai_older": Told("s-1", ("other", "model"), user="u-1"),
    "vercel_4": Told(
        "s-1",
        ("workflow", "model", "tool", "model"),
        user="u-1",
        calls=2,
        tools=1,
        tokens=TWICE,
        cost=2 * PLAIN,
        tool_name="weather",
        tool_call_id="call_1",
        asks_for_tool=True,
    ),
    "vercel_5": Told(
        "s-1",
        ("workflow", "model", "tool", "model"),
        user="u-1",
        calls=2,
        tools=1,
        tokens=TWICE_CACHED,
        cost=2 * CACHED,
        tool_name="weather",
        tool_call_id="call_1",
        asks_for_tool=True,
    ),
}


def kept(store: Store, told: Told, body: bytes) -> Session:
    """The file's session; of those that are implicit the last."""
    store.post("traces", to_protobuf("traces", body))
    if told.session is not None:
        return store.session(told.session)
    return store.session(max(store.list(include_implicit=True), key=lambda one: one.start_ns).id)


def test_every_file_is_judged() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == sorted(TOLD)


@pytest.mark.parametrize("name", sorted(TOLD))
def test_what_a_dialect_says_is_read_as_ours(store: Store, name: str) -> None:
    told = TOLD[name]
    found = kept(store, told, (FOLDER / f"{name}.json").read_bytes())
    summary, last = found.summary, [one for one in found.spans if one.step == "model"][-1]

    assert (summary.implicit, summary.user_id or None) == (told.session is None, told.user)
    assert tuple(one.step for one in found.spans) == told.steps
    assert (summary.model_calls, summary.tool_calls, summary.tokens) == (told.calls, told.tools, told.tokens)
    assert (summary.cost.usd, summary.cost.unpriced) == (told.cost, 0)
    assert (last.provider, last.model, last.finish_reasons) == (told.provider, told.model, (told.finish,))
    if told.previews:
        assert (summary.first_input, summary.last_output) == (QUESTION, ANSWER)
    tools = [(one.tool_name, one.tool_call_id) for one in found.spans if one.step == "tool"]
    assert tools[:1] == ([(told.tool_name, told.tool_call_id)] if told.tool_name else [])


@pytest.mark.parametrize("name", sorted(TOLD))
def test_the_api_and_the_conversation_show_what_was_said(gateway: Served, name: str) -> None:
    told = TOLD[name]
    body = (FOLDER / f"{name}.json").read_bytes()
    assert gateway.send(body, content_type="application/json").status_code == 200
    assert gateway.engine.settle(60)
    listed = gateway.data("/v1/sessions", include_implicit="true")
    session = told.session or max(listed, key=lambda one: str(one["start"]))["id"]

    calls = [one for one in gateway.data(f"/v1/sessions/{session}")["spans"] if one["type"] == "GENERATION"]
    page = gateway.get(f"/sessions/{session}", view="conversation").text

    asked = json.loads(calls[-1]["input"])
    assert QUESTION in [_words(one["content"]) for one in asked if one["role"] == "user"]
    assert calls[-1]["output"] == ANSWER
    assert page.count(ANSWER) >= 1
    assert page.count(QUESTION) >= 1
    if told.asks_for_tool:
        (call,) = json.loads(calls[0]["tool_calls"])
        assert (call["toolCallId"], call["toolName"], call["args"]) == ("call_1", "weather", {"city": "Oslo"})
        assert "rain" in page


def _words(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def test_a_providers_span_under_the_frameworks_counts_once(store: Store) -> None:
    """OpenInference's two instrumentors together: the calls of the client stand under those of the framework."""
    whole: Any = json.loads((FOLDER / "openinference_langchain.json").read_text("utf-8"))
    by_scope = {one["scope"]["name"]: one["spans"] for one in whole["resourceSpans"][0]["scopeSpans"]}
    frameworks = [one for one in by_scope["openinference.instrumentation.langchain"] if one["name"] == "ChatOpenAI"]
    providers = by_scope["openinference.instrumentation.openai"]
    for outer, inner in zip(frameworks, providers, strict=True):
        inner |= {"traceId": outer["traceId"], "parentSpanId": outer["spanId"]}
    store.post("traces", to_protobuf("traces", json.dumps(whole).encode()))

    sessions = [one for one in store.list() if one.model_calls]

    assert sum(one.model_calls for one in sessions) == 2
    assert sum(one.tokens.input for one in sessions) == 48
    assert sum(one.cost.usd or 0 for one in sessions) == 2 * CACHED


def test_no_attribute_is_read_for_two_fields() -> None:
    sources = [source for field in dialects.FIELDS for source in field.sources]
    assert sorted(set(sources)) == sorted(sources)


def test_of_two_spellings_the_stronger_one_is_heard(store: Store) -> None:
    trace, sources = trace_id(), dialects.SESSIONS
    store.send(
        *(span(trace, attributes={weak: "weak", strong: "strong"}) for strong, weak in pairwise(sources)),
        span(trace, attributes={sources[-1]: "alone"}),
    )
    assert {one.id: one.span_count for one in store.list()} == {"strong": len(sources) - 1, "alone": 1}


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("OpenAI", "openai"),
        ("openai.responses", "openai"),
        ("anthropic.messages", "anthropic"),
        ("google.generative-ai", "gcp.gemini"),
        ("amazon-bedrock", "aws.bedrock"),
        ("azure.ai.openai", "azure.ai.openai"),
        ("a.provider.of-our-own", "a.provider.of-our-own"),
        ("Langchain", ""),
    ],
)
def test_providers_have_one_name(store: Store, said: str, heard: str) -> None:
    sent = span(trace_id(), attributes={"session.id": "s", "gen_ai.system": said})
    store.send(sent)
    (found,) = store.session("s").spans
    assert (found.provider, found.attributes["gen_ai.system"]) == (heard, said)


@pytest.mark.parametrize("told", ["12", 12, 12.0])
def test_counts_may_be_numbers_or_text(store: Store, told: Any) -> None:
    store.send(span(trace_id(), attributes={"session.id": "s", "llm.token_count.prompt": told, "llm.model_name": "m"}))
    assert store.session("s").summary.tokens.input == 12


@pytest.mark.parametrize("told", [-3, "none", 1.5, 0])
def test_a_count_that_is_none_leaves_the_word_to_the_next_spelling_or_is_zero(store: Store, told: Any) -> None:
    store.send(span(trace_id(), attributes={"session.id": "s", "gen_ai.usage.input_tokens": told}))
    assert store.session("s").spans[0].tokens.input == 0


def test_lists_that_hang_together_badly_lose_nothing_else(store: Store) -> None:
    """Holes, leaves where branches should be, indexes out of order: what can be read is read."""
    told = {
        "session.id": "s",
        "openinference.span.kind": "LLM",
        "llm.input_messages.10.message.role": "user",
        "llm.input_messages.10.message.content": "second",
        "llm.input_messages.2.message.content": "first",
        "llm.input_messages.2.message.role": "user",
        "llm.input_messages.x.message.role": "user",
        "llm.input_messages.3": "a leaf",
        "llm.input_messages.3.message.role": "below a leaf",
        "llm.input_messages." + "0." * 40 + "role": "deep",
    }
    store.send(span(trace_id(), attributes=told))
    (found,) = store.session("s").spans
    assert json.loads(found.input or "") == [
        {"role": "user", "content": "first"},
        {},
        {"role": "user", "content": "second"},
    ]
    assert found.attributes == told


@pytest.mark.parametrize("index", ["²", "1" * 5000])
@pytest.mark.parametrize("key", ["gen_ai.prompt.{}.content", "gen_ai.prompt.0.tool_calls.{}.name"])
def test_what_only_looks_like_an_index_is_none(store: Store, key: str, index: str) -> None:
    sent = span(trace_id(), attributes={"gen_ai.prompt.0.content": QUESTION, key.format(index): "odd"})
    store.send(sent)
    found = store.queries.span(store.project, sent.trace_id.hex(), sent.span_id.hex())
    assert found is not None
    assert QUESTION in (found.input or "")
