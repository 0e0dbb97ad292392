"""What calls of models say: parameters, words, tokens, reasons, for any class of model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models.chat_models import BaseChatModel, SimpleChatModel
from langchain_core.language_models.fake import FakeStreamingListLLM
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langchain_core.vectorstores import InMemoryVectorStore
from pydantic import BaseModel

from sojourn_instrumentors.openai import INSTRUMENTOR as OPENAI
from tests.instrumentors.chat_models import chat_openai, fake_chat
from tests.instrumentors.langchain.expected import messages, text
from tests.instrumentors.observed import Seen
from tests.instrumentors.provider import completion

if TYPE_CHECKING:
    from langchain_core.callbacks import CallbackManagerForLLMRun
    from langchain_core.messages import BaseMessage

    from tests.instrumentors.observed import Observed
    from tests.instrumentors.provider import Provider


class Scripted(BaseChatModel):
    """A model of the program's own, without a name, that answers what it was made with."""

    answers: list[Any]
    about: dict[str, Any]

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=self.answers, llm_output=self.about)


def scripted(*answers: AIMessage, reasons: tuple[str, ...] = (), about: dict[str, Any] | None = None) -> Any:
    given = [{"finish_reason": reason} for reason in reasons] or [{} for _ in answers]
    generations = [
        ChatGeneration(message=answer, generation_info=info) for answer, info in zip(answers, given, strict=True)
    ]
    return Scripted(answers=generations, about=about or {})


def test_every_kind_of_token_is_counted_where_it_belongs(observed: Observed) -> None:
    used: Any = {
        "input_tokens": 100,
        "output_tokens": 50,
        "total_tokens": 150,
        "input_token_details": {"cache_read": 30, "cache_creation": 20, "audio": 5},
        "output_token_details": {"reasoning": 40, "audio": 3},
    }
    scripted(AIMessage("Ni", usage_metadata=used, response_metadata={"model_name": "m-1", "id": "r-1"})).invoke("x")

    seen = observed.one()
    assert {key: value for key, value in seen.attributes.items() if "usage" in key or "response" in key} == {
        "gen_ai.response.model": "m-1",
        "gen_ai.response.id": "r-1",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 50,
        "gen_ai.usage.cache_read.input_tokens": 30,
        "gen_ai.usage.cache_write.input_tokens": 20,
        "gen_ai.usage.audio.input_tokens": 5,
        "gen_ai.usage.reasoning.output_tokens": 40,
        "gen_ai.usage.audio.output_tokens": 3,
    }


@pytest.mark.parametrize(
    ("details", "read", "written"),
    [
        # Anthropic's two lifetimes are the same tokens once more; a release set the sum to nothing, others do not.
        ({"cache_creation": 0, "ephemeral_5m_input_tokens": 7, "ephemeral_1h_input_tokens": 2}, None, 9),
        ({"cache_creation": 9, "ephemeral_5m_input_tokens": 7, "ephemeral_1h_input_tokens": 2}, None, 9),
        # OpenAI's tiers of service stand in front.
        ({"priority_cache_read": 4, "priority": 6}, 4, None),
        ({"flex_cache_read": 4, "cache_read": 0}, 4, None),
    ],
)
def test_details_of_tokens_are_read_as_integrations_write_them(
    details: Any, read: int | None, written: int | None, observed: Observed
) -> None:
    used: Any = {"input_tokens": 10, "output_tokens": 1, "total_tokens": 11, "input_token_details": details}
    scripted(AIMessage("Ni", usage_metadata=used)).invoke("x")

    seen = observed.one()
    assert seen.attributes.get("gen_ai.usage.cache_read.input_tokens") == read
    assert seen.attributes.get("gen_ai.usage.cache_write.input_tokens") == written


def test_tokens_that_stand_beside_the_message_are_found(observed: Observed) -> None:
    about = {"token_usage": {"prompt_tokens": 3, "completion_tokens": 2}, "model_name": "m-2"}
    scripted(AIMessage("Ni"), about=about).invoke("x")

    assert observed.usage() == (3, 2)
    assert observed.one()["gen_ai.response.model"] == "m-2"


def test_several_answers_have_each_their_reason(observed: Observed) -> None:
    scripted(AIMessage("a"), AIMessage("b"), reasons=("stop", "length")).invoke("x")

    seen = observed.one()
    assert seen["gen_ai.response.finish_reasons"] == ("stop", "length")
    assert [answer["finish_reason"] for answer in seen["gen_ai.output.messages"]] == ["stop", "length"]


def test_a_model_of_the_programs_own_is_told_without_a_name(observed: Observed) -> None:
    scripted(AIMessage("Ni")).invoke("x")

    assert observed.roots() == [
        Seen(
            "chat",
            "client",
            "unset",
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "scripted",
                "gen_ai.input.messages": text(messages(("user", "x"))),
                "gen_ai.output.messages": text(messages(("assistant", "Ni"))),
            },
        )
    ]


class Parrot(SimpleChatModel):
    """The simplest model that LangChain documents."""

    model: str = "parrot-1"

    @property
    def _llm_type(self) -> str:
        return "parrot"

    def _call(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> str:
        return messages[-1].text


@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
async def test_models_of_every_class_are_calls_of_models(how: str, observed: Observed) -> None:
    models: list[Any] = [
        fake_chat("a"),
        FakeListChatModel(responses=["b"]),
        Parrot(),
        FakeStreamingListLLM(responses=["c"]),
    ]
    for model in models:
        _ = model.invoke("x") if how == "invoke" else await model.ainvoke("x")

    assert [seen.name for seen in observed.all()] == ["chat", "chat", "chat parrot-1", "text_completion"]
    answers = [seen["gen_ai.output.messages"][0]["parts"][0]["content"] for seen in observed.all()]
    assert answers == ["a", "b", "x", "c"]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_stream_says_when_its_first_piece_came(asynchronous: bool, observed: Observed) -> None:
    if asynchronous:
        assert [part async for part in fake_chat("a b").astream("x")]
    else:
        list(fake_chat("a b").stream("x"))

    seen = observed.one()
    assert seen["gen_ai.request.stream"] is True
    assert seen["gen_ai.response.time_to_first_chunk"] >= 0


def test_events_of_a_stream_are_pieces_of_it(observed: Observed) -> None:
    """The newest way to stream tells events instead of chunks."""
    stream: Any = getattr(fake_chat("a b"), "stream_events", None)
    if stream is None:
        pytest.skip("this release of langchain-core has no stream_events")
    list(stream("x", version="v3"))

    seen = observed.one()
    assert seen["gen_ai.request.stream"] is True
    assert seen["gen_ai.output.messages"] == messages(("assistant", "a b"))


def test_messages_of_every_role_and_part_keep_their_meaning(observed: Observed) -> None:
    asked = [
        SystemMessage("Be brief."),
        HumanMessage(
            [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
                {"type": "image", "base64": "aGk=", "mime_type": "image/png"},
                {"type": "image", "source_type": "base64", "data": "aGk=", "mime_type": "image/png"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
                {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
                {"type": "file", "file_id": "f-1"},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
            ],
            name="ada",
        ),
        AIMessage(
            [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "well"}]},
                {"type": "text", "text": "Look:"},
                {"type": "tool_use", "id": "c1", "name": "look", "input": {"at": 1}},
                {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}},
            ],
            tool_calls=[{"name": "look", "args": {"at": 1}, "id": "c1", "type": "tool_call"}],
        ),
        ToolMessage("seen", tool_call_id="c1", name="look"),
        ChatMessage(content="told", role="critic"),
    ]
    scripted(AIMessage("Ni")).invoke(asked)

    blob = {"type": "blob", "modality": "image", "content": "aGk=", "mime_type": "image/png"}
    assert observed.one()["gen_ai.input.messages"] == [
        *messages(("system", "Be brief.")),
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "What is this?"},
                {"type": "uri", "modality": "image", "uri": "https://example.org/a.png"},
                blob,
                blob,
                blob,
                {"type": "blob", "modality": "audio", "content": "aGk=", "mime_type": "audio/wav"},
                {"type": "file", "modality": "document", "file_id": "f-1"},
                {"type": "text", "content": "words"},
            ],
            "name": "ada",
        },
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "hm"},
                {"type": "reasoning", "content": "well"},
                {"type": "text", "content": "Look:"},
                {
                    "type": "server_tool_call",
                    "name": "web_search",
                    "id": "s1",
                    "server_tool_call": {"type": "server_tool_use", "input": {"query": "q"}},
                },
                {"type": "tool_call", "name": "look", "arguments": {"at": 1}, "id": "c1"},
            ],
        },
        {
            "role": "tool",
            "parts": [{"type": "tool_call_response", "response": "seen", "id": "c1"}],
            "name": "look",
        },
        *messages(("critic", "told")),
    ]


def test_parameters_are_told_as_the_program_set_them(observed: Observed, provider: Provider) -> None:
    options: dict[str, Any] = {"temperature": 0.5, "top_p": 0.9, "seed": 7, "max_completion_tokens": 20}
    chat_openai(provider, **options).invoke("x", stop=["END"])
    observed.uninstall()
    provider.requests.clear()
    chat_openai(provider, **options).invoke("x", stop=["END"])

    seen = observed.one()
    parameters = {key: value for key, value in seen.attributes.items() if key.startswith("gen_ai.request.")}
    assert parameters == {
        "gen_ai.request.model": "m-1",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.seed": 7,
        "gen_ai.request.max_tokens": 20,
        "gen_ai.request.stop_sequences": ("END",),
    }


class Verdict(BaseModel):
    """What an answer is held to."""

    good: bool


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_structured_answers_are_a_sequence_whose_call_asks_for_json(
    method: Any, observed: Observed, provider: Provider
) -> None:
    called = {"id": "c1", "type": "function", "function": {"name": "Verdict", "arguments": '{"good":true}'}}
    by_tool = method == "function_calling"
    provider.answers = [completion("", content=None, tool_calls=[called]) if by_tool else completion('{"good":true}')]
    found = chat_openai(provider).with_structured_output(Verdict, method=method).invoke("x")

    assert found == Verdict(good=True)
    root = observed.one()
    assert root.children[0].name == "chat m-1"
    assert root.children[0]["gen_ai.output.type"] == "json"
    assert root["sojourn.output"] == {"good": True}


def test_the_same_call_counts_once_when_the_provider_is_not_observed(observed: Observed, provider: Provider) -> None:
    OPENAI.uninstall()
    chat_openai(provider).invoke("x")

    seen = observed.one()
    assert (seen.name, observed.usage()) == ("chat m-1", (11, 7))
    assert seen["gen_ai.usage.cache_read.input_tokens"] == 4
    assert seen["gen_ai.response.finish_reasons"] == ("stop",)
    assert seen["gen_ai.response.id"] == "chatcmpl-1"
    assert seen["openai.response.system_fingerprint"] == "fp"


def test_embeddings_and_vector_stores_are_seen_only_where_they_retrieve(observed: Observed) -> None:
    """LangChain tells its callbacks nothing of them; a provider's own client is observed by itself."""
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=4))
    store.add_texts(["a river", "a hill"])
    assert observed.all() == []
    store.as_retriever(search_kwargs={"k": 1}).invoke("a river")

    seen = observed.one()
    assert (seen.name, seen["gen_ai.retrieval.query.text"]) == ("retrieval VectorStoreRetriever", "a river")
    assert [found["content"] for found in seen["gen_ai.retrieval.documents"]] == ["a river"]


async def test_tools_that_answer_more_than_words_are_told_whole(observed: Observed) -> None:
    @tool(response_format="content_and_artifact")
    def look(at: str) -> tuple[str, dict[str, Any]]:
        """Look."""
        return f"saw {at}", {"raw": 1}

    @tool
    async def measure(width: float) -> list[float]:
        """Measure."""
        return [width]

    await look.ainvoke({"name": "look", "args": {"at": "x"}, "id": "c1", "type": "tool_call"})
    await measure.ainvoke({"width": 0})

    first, second = observed.all()
    assert (first["gen_ai.tool.call.id"], first["gen_ai.tool.call.result"]) == ("c1", "saw x")
    assert (second["gen_ai.tool.call.arguments"], second["gen_ai.tool.call.result"]) == ({"width": 0}, [0])
