"""The surfaces of OpenAI's client by which instrumentors are compared: how each is called, and what its span says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from tests.instrumentors.openai.bodies import (
    PICTURE_TOKENS,
    TOLD_PICTURE_TOKENS,
    TOLD_TOKENS,
    response,
    run,
    said,
    streamed,
    thread_message,
    verdict,
)
from tests.instrumentors.openai.service import Raw
from tests.instrumentors.provider import completion, pieces

if TYPE_CHECKING:
    from collections.abc import Callable


class City(BaseModel):
    name: str


@dataclass(frozen=True)
class Surface:
    """One row: the call on a client, the answer, and the span. Content stands in `told` as the objects it holds."""

    row: str
    call: Callable[[Any], Any]
    answer: Any
    span: str
    told: dict[str, Any]
    spans: int = 1

    @property
    def is_async(self) -> bool:
        return " async" in self.row


HELLO: Any = [{"role": "user", "content": "Hello"}]
PICTURE: Any = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}]}]
ASK: dict[str, Any] = {"model": "m-1", "messages": HELLO}
WRITE: dict[str, Any] = {"model": "m-1", "input": "Hello"}
FILE = ("a.png", b"\x89PNG", "image/png")


def text(role: str, words: str, **rest: Any) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": words}], **rest}


CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "m-1",
    "gen_ai.response.model": "m-1-2026",
    "openai.api.type": "chat_completions",
    "gen_ai.usage.input_tokens": 11,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.response.finish_reasons": ("stop",),
    "gen_ai.input.messages": [text("user", "Hello")],
    "gen_ai.output.messages": [text("assistant", "Ni", finish_reason="stop")],
}
STREAMED = {**CHAT, "gen_ai.request.stream": True}
PARSED = {
    **CHAT,
    "gen_ai.output.type": "json",
    "gen_ai.output.messages": [text("assistant", '{"name":"Rome"}', finish_reason="stop")],
}
RESPONSE = {
    "gen_ai.operation.name": "chat",
    "openai.api.type": "responses",
    "gen_ai.request.model": "m-1",
    "gen_ai.response.model": "m-1-2026",
    "gen_ai.response.id": "resp_1",
    **TOLD_TOKENS,
    "gen_ai.input.messages": [text("user", "Hello")],
    "gen_ai.output.messages": [text("assistant", "Ni")],
}
RESPONSE_STREAMED = {**RESPONSE, "gen_ai.request.stream": True}
EMBEDDED = {
    "object": "list",
    "model": "e-1-2026",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25, 0.125]}],
    "usage": {"prompt_tokens": 3, "total_tokens": 3},
}
EMBEDDING = {
    "gen_ai.operation.name": "embeddings",
    "gen_ai.request.model": "e-1",
    "gen_ai.response.model": "e-1-2026",
    "gen_ai.embeddings.dimension.count": 3,
    "gen_ai.usage.input_tokens": 3,
    "gen_ai.input.messages": [text("user", "Hello")],
}
PICTURES = {"created": 1, "data": [{"b64_json": "aGk="}], "output_format": "webp", "usage": PICTURE_TOKENS}
IMAGE = {
    "gen_ai.operation.name": "generate_content",
    "gen_ai.output.type": "image",
    "gen_ai.request.model": "i-1",
    **TOLD_PICTURE_TOKENS,
    "gen_ai.input.messages": [text("user", "a cat")],
    "gen_ai.output.messages": [
        {
            "role": "assistant",
            "parts": [{"type": "blob", "modality": "image", "content": "aGk=", "mime_type": "image/webp"}],
        }
    ],
}
SENT_PICTURE = {
    "type": "blob",
    "modality": "image",
    "content": "[4 bytes]",
    "mime_type": "image/png",
    "name": "a.png",
}


def resource(method: str, template: str, id: str | None, status: str | None = None) -> dict[str, Any]:
    told = {"http.request.method": method, "url.template": template, "gen_ai.provider.name": "openai"}
    if id:
        told["sojourn.resource.id"] = id
    if status:
        told["sojourn.resource.status"] = status
    return told


def _drain(stream: Any) -> None:
    for _ in stream:
        pass


async def _adrain(stream: Any) -> None:
    async for _ in stream:
        pass


def _streaming(client: Any) -> None:
    with client.chat.completions.with_streaming_response.create(**ASK) as answer:
        assert answer.parse().choices


def _helpers(client: Any) -> Any:
    """Where the client has its helpers: they left `beta` with openai 1.92."""
    return client.chat.completions if hasattr(client.chat.completions, "parse") else client.beta.chat.completions


def _stream_helper(client: Any) -> None:
    with _helpers(client).stream(**ASK) as stream:
        assert stream.get_final_completion().choices[0].message.content == "Ni"


async def _async_stream_helper(client: Any) -> None:
    async with _helpers(client).stream(**ASK) as stream:
        assert (await stream.get_final_completion()).choices[0].message.content == "Ni"


def _responses_helper(client: Any) -> None:
    with client.responses.stream(**WRITE) as stream:
        assert stream.get_final_response().output_text == "Ni"


async def _chunks(client: Any) -> None:
    await _adrain(await client.chat.completions.create(**ASK, stream=True))


async def _events(client: Any) -> None:
    await _adrain(await client.responses.create(**WRITE, stream=True))


CHATS = [
    Surface("chat.create", lambda c: c.chat.completions.create(**ASK), completion("Ni"), "chat m-1", CHAT),
    Surface(
        "chat.create stream",
        lambda c: _drain(c.chat.completions.create(**ASK, stream=True)),
        pieces("Ni"),
        "chat m-1",
        STREAMED,
    ),
    Surface("chat.create async", lambda c: c.chat.completions.create(**ASK), completion("Ni"), "chat m-1", CHAT),
    Surface("chat.create async stream", _chunks, pieces("Ni"), "chat m-1", STREAMED),
    Surface(
        "chat.create vision",
        lambda c: c.chat.completions.create(model="m-1", messages=PICTURE),
        completion("Ni"),
        "chat m-1",
        {
            **CHAT,
            "gen_ai.input.messages": [
                {"role": "user", "parts": [{"type": "uri", "modality": "image", "uri": "https://x.test/a.png"}]}
            ],
        },
    ),
    Surface(
        "chat.with_raw_response",
        lambda c: c.chat.completions.with_raw_response.create(**ASK).parse(),
        completion("Ni"),
        "chat m-1",
        CHAT,
    ),
    Surface("chat.with_streaming_response", _streaming, completion("Ni"), "chat m-1", CHAT),
    Surface(
        "chat.parse",
        lambda c: _helpers(c).parse(**ASK, response_format=City),
        completion('{"name":"Rome"}'),
        "chat m-1",
        PARSED,
    ),
    Surface(
        "chat.parse async",
        lambda c: _helpers(c).parse(**ASK, response_format=City),
        completion('{"name":"Rome"}'),
        "chat m-1",
        PARSED,
    ),
    Surface("chat.stream helper", _stream_helper, pieces("Ni"), "chat m-1", STREAMED),
    Surface("chat.stream helper async", _async_stream_helper, pieces("Ni"), "chat m-1", STREAMED),
    Surface(
        "chat.retrieve (stored)",
        lambda c: c.chat.completions.retrieve("chatcmpl-1"),
        completion("Ni"),
        "chat.completions.retrieve",
        {
            **resource("GET", "/chat/completions/{id}", "chatcmpl-1"),
            "gen_ai.response.model": "m-1-2026",
            "gen_ai.output.messages": [text("assistant", "Ni", finish_reason="stop")],
        },
    ),
    Surface(
        "completions.create (legacy)",
        lambda c: c.completions.create(model="m-1", prompt="Hello", max_tokens=5),
        {
            "id": "cmpl-1",
            "object": "text_completion",
            "created": 1,
            "model": "m-1-2026",
            "choices": [{"index": 0, "text": "Ni", "finish_reason": "length", "logprobs": None}],
            "usage": {"prompt_tokens": 2, "completion_tokens": 5, "total_tokens": 7},
        },
        "text_completion m-1",
        {
            "gen_ai.operation.name": "text_completion",
            "gen_ai.request.model": "m-1",
            "gen_ai.request.max_tokens": 5,
            "gen_ai.response.model": "m-1-2026",
            "gen_ai.response.finish_reasons": ("length",),
            "gen_ai.usage.input_tokens": 2,
            "gen_ai.usage.output_tokens": 5,
            "gen_ai.input.messages": [text("user", "Hello")],
            "gen_ai.output.messages": [text("assistant", "Ni", finish_reason="length")],
        },
    ),
]

RESPONSES = [
    Surface("responses.create", lambda c: c.responses.create(**WRITE), response(said("Ni")), "chat m-1", RESPONSE),
    Surface(
        "responses.create stream",
        lambda c: _drain(c.responses.create(**WRITE, stream=True)),
        streamed(said("Ni")),
        "chat m-1",
        RESPONSE_STREAMED,
    ),
    Surface(
        "responses.create async", lambda c: c.responses.create(**WRITE), response(said("Ni")), "chat m-1", RESPONSE
    ),
    Surface("responses.create async stream", _events, streamed(said("Ni")), "chat m-1", RESPONSE_STREAMED),
    Surface(
        "responses.parse",
        lambda c: c.responses.parse(**WRITE, text_format=City),
        response(said('{"name":"Rome"}')),
        "chat m-1",
        {
            **RESPONSE,
            "gen_ai.output.type": "json",
            "gen_ai.output.messages": [text("assistant", '{"name":"Rome"}')],
        },
    ),
    Surface("responses.stream helper", _responses_helper, streamed(said("Ni")), "chat m-1", RESPONSE_STREAMED),
    Surface(
        "responses.with_raw_response",
        lambda c: c.responses.with_raw_response.create(**WRITE).parse(),
        response(said("Ni")),
        "chat m-1",
        RESPONSE,
    ),
    Surface(
        "responses.retrieve",
        lambda c: c.responses.retrieve("resp_1"),
        response(said("Ni")),
        "responses.retrieve",
        {
            **resource("GET", "/responses/{id}", "resp_1"),
            "gen_ai.response.id": "resp_1",
            "gen_ai.response.model": "m-1-2026",
            "gen_ai.output.messages": [text("assistant", "Ni")],
        },
    ),
    Surface(
        "responses.cancel",
        lambda c: c.responses.cancel("resp_1"),
        response(status="cancelled", usage=None),
        "responses.cancel",
        resource("POST", "/responses/{id}/cancel", "resp_1", "cancelled"),
    ),
    Surface(
        "responses.compact",
        lambda c: c.responses.compact(**WRITE),
        response(said("Ni"), object="response.compaction"),
        "chat m-1",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.conversation.compacted": True,
            "gen_ai.request.model": "m-1",
            **TOLD_TOKENS,
            "gen_ai.input.messages": [text("user", "Hello")],
            "gen_ai.output.messages": [text("assistant", "Ni")],
        },
    ),
    Surface(
        "responses.input_tokens.count",
        lambda c: c.responses.input_tokens.count(**WRITE),
        {"object": "response.input_tokens", "input_tokens": 11},
        "responses.input_tokens.count",
        {
            **resource("POST", "/responses/input_tokens", None),
            "gen_ai.request.model": "m-1",
            "sojourn.counted.input_tokens": 11,
            "gen_ai.input.messages": [text("user", "Hello")],
        },
    ),
    Surface(
        "conversations.create",
        lambda c: c.conversations.create(items=[{"type": "message", "role": "user", "content": "Hello"}]),
        {"id": "conv_1", "object": "conversation", "created_at": 1, "metadata": {}},
        "conversations.create",
        {
            **resource("POST", "/conversations", "conv_1"),
            "gen_ai.conversation.id": "conv_1",
            "gen_ai.input.messages": [text("user", "Hello")],
        },
    ),
]

EMBEDDINGS = [
    Surface(
        "embeddings.create",
        lambda c: c.embeddings.create(model="e-1", input="Hello", encoding_format="float", dimensions=3),
        EMBEDDED,
        "embeddings e-1",
        {**EMBEDDING, "gen_ai.request.encoding_formats": ("float",)},
    ),
    Surface(
        "embeddings.create async",
        lambda c: c.embeddings.create(model="e-1", input=["Hello"]),
        {**EMBEDDED, "data": [{"object": "embedding", "index": 0, "embedding": "AAAAPwAAgD4AAAA+"}]},
        "embeddings e-1",
        {**EMBEDDING, "gen_ai.request.encoding_formats": ("base64",)},
    ),
]

MEDIA = [
    Surface(
        "images.generate",
        lambda c: c.images.generate(model="i-1", prompt="a cat"),
        PICTURES,
        "generate_content i-1",
        IMAGE,
    ),
    Surface(
        "images.generate async",
        lambda c: c.images.generate(model="i-1", prompt="a cat"),
        PICTURES,
        "generate_content i-1",
        IMAGE,
    ),
    Surface(
        "images.edit",
        lambda c: c.images.edit(model="i-1", prompt="a cat", image=FILE),
        PICTURES,
        "generate_content i-1",
        {
            **IMAGE,
            "gen_ai.input.messages": [
                {"role": "user", "parts": [{"type": "text", "content": "a cat"}, SENT_PICTURE]},
            ],
        },
    ),
    Surface(
        "images.create_variation",
        lambda c: c.images.create_variation(model="i-1", image=FILE),
        PICTURES,
        "generate_content i-1",
        {**IMAGE, "gen_ai.input.messages": [{"role": "user", "parts": [SENT_PICTURE]}]},
    ),
    Surface(
        "audio.speech.create",
        lambda c: c.audio.speech.create(model="t-1", voice="alloy", input="Hello"),
        Raw(b"hi", "audio/mpeg"),
        "generate_content t-1",
        {
            "gen_ai.operation.name": "generate_content",
            "gen_ai.output.type": "speech",
            "gen_ai.request.model": "t-1",
            "gen_ai.input.messages": [text("user", "Hello")],
            "gen_ai.output.messages": [
                {
                    "role": "assistant",
                    "parts": [{"type": "blob", "modality": "audio", "content": "aGk=", "mime_type": "audio/mpeg"}],
                }
            ],
        },
    ),
    Surface(
        "audio.transcriptions.create",
        lambda c: c.audio.transcriptions.create(model="w-1", file=("a.wav", b"RIFF"), prompt="names"),
        {
            "text": "Ni",
            "usage": {
                "type": "tokens",
                "input_tokens": 20,
                "input_token_details": {"audio_tokens": 18, "text_tokens": 2},
                "output_tokens": 2,
                "total_tokens": 22,
            },
        },
        "generate_content w-1",
        {
            "gen_ai.operation.name": "generate_content",
            "gen_ai.output.type": "text",
            "gen_ai.request.model": "w-1",
            "gen_ai.usage.input_tokens": 20,
            "gen_ai.usage.output_tokens": 2,
            "gen_ai.usage.audio.input_tokens": 18,
            "gen_ai.usage.text.input_tokens": 2,
            "gen_ai.input.messages": [
                {
                    "role": "user",
                    "parts": [
                        {"type": "text", "content": "names"},
                        {"type": "blob", "modality": "audio", "content": "[4 bytes]", "name": "a.wav"},
                    ],
                }
            ],
            "gen_ai.output.messages": [text("assistant", "Ni")],
        },
    ),
    Surface(
        "audio.translations.create",
        lambda c: c.audio.translations.create(model="w-1", file=("a.wav", b"RIFF"), response_format="verbose_json"),
        {"text": "Ni", "task": "translate", "language": "english", "duration": 2.5, "segments": []},
        "generate_content w-1",
        {
            "gen_ai.operation.name": "generate_content",
            "gen_ai.request.model": "w-1",
            "sojourn.usage.audio.seconds": 2.5,
            "gen_ai.output.messages": [text("assistant", "Ni")],
        },
    ),
    Surface(
        "moderations.create",
        lambda c: c.moderations.create(model="omni-moderation-latest", input="Hello"),
        verdict(violence=True),
        "moderation omni-moderation-latest",
        {
            "sojourn.kind": "guardrail",
            "gen_ai.request.model": "omni-moderation-latest",
            "gen_ai.response.model": "omni-moderation-2026",
            "sojourn.moderation.flagged": True,
            "sojourn.moderation.categories": ("violence",),
            "sojourn.guardrail.name": "moderation",
            "sojourn.guardrail.passed": False,
            "sojourn.guardrail.score": 0.9,
            "sojourn.guardrail.reason": "violence",
            "gen_ai.input.messages": [text("user", "Hello")],
        },
    ),
    Surface(
        "videos.create",
        lambda c: c.videos.create(model="v-1", prompt="a cat"),
        {"id": "video_1", "object": "video", "status": "queued", "model": "v-1", "progress": 0, "seconds": "4"},
        "generate_content v-1",
        {
            "gen_ai.operation.name": "generate_content",
            "gen_ai.output.type": "video",
            "gen_ai.request.model": "v-1",
            "gen_ai.response.id": "video_1",
            "sojourn.resource.status": "queued",
            "gen_ai.input.messages": [text("user", "a cat")],
        },
    ),
]

RESOURCES = [
    Surface(
        "files.create",
        lambda c: c.files.create(file=("a.jsonl", b"{}"), purpose="batch"),
        {
            "id": "file_1",
            "object": "file",
            "bytes": 2,
            "filename": "a.jsonl",
            "purpose": "batch",
            "status": "processed",
        },
        "files.create",
        resource("POST", "/files", "file_1", "processed"),
    ),
    Surface(
        "files.content",
        lambda c: c.files.content("file_1").read(),
        Raw(b"{}\n{}", "application/octet-stream"),
        "files.content",
        resource("GET", "/files/{id}/content", "file_1"),
    ),
    Surface(
        "batches.create",
        lambda c: c.batches.create(completion_window="24h", endpoint="/v1/embeddings", input_file_id="file_1"),
        {"id": "batch_1", "object": "batch", "status": "validating", "endpoint": "/v1/embeddings"},
        "batches.create",
        resource("POST", "/batches", "batch_1", "validating"),
    ),
    Surface(
        "batches.retrieve",
        lambda c: c.batches.retrieve("batch_1"),
        {"id": "batch_1", "object": "batch", "status": "completed", "endpoint": "/v1/embeddings"},
        "batches.retrieve",
        resource("GET", "/batches/{id}", "batch_1", "completed"),
    ),
    Surface(
        "fine_tuning.jobs.create",
        lambda c: c.fine_tuning.jobs.create(model="m-1", training_file="file_1"),
        {"id": "ftjob_1", "object": "fine_tuning.job", "status": "queued", "model": "m-1"},
        "fine_tuning.jobs.create",
        {**resource("POST", "/fine_tuning/jobs", "ftjob_1", "queued"), "gen_ai.request.model": "m-1"},
    ),
    Surface(
        "vector_stores.create",
        lambda c: c.vector_stores.create(name="notes"),
        {"id": "vs_1", "object": "vector_store", "status": "in_progress", "name": "notes"},
        "vector_stores.create",
        resource("POST", "/vector_stores", "vs_1", "in_progress"),
    ),
    Surface(
        "vector_stores.search",
        lambda c: c.vector_stores.search("vs_1", query="where?", max_num_results=2),
        {
            "object": "vector_store.search_results.page",
            "search_query": ["where?"],
            "data": [
                {
                    "file_id": "file_1",
                    "filename": "a.md",
                    "score": 0.75,
                    "attributes": {},
                    "content": [{"type": "text", "text": "here"}],
                }
            ],
            "has_more": False,
            "next_page": None,
        },
        "retrieval vs_1",
        {
            "gen_ai.operation.name": "retrieval",
            "gen_ai.data_source.id": "vs_1",
            "gen_ai.retrieval.top_k": 2,
            "gen_ai.retrieval.query.text": "where?",
            "gen_ai.retrieval.documents": [{"id": "file_1", "score": 0.75, "name": "a.md", "content": "here"}],
        },
    ),
    Surface(
        "containers.create",
        lambda c: c.containers.create(name="box"),
        {"id": "cntr_1", "object": "container", "status": "running", "name": "box", "created_at": 1},
        "containers.create",
        resource("POST", "/containers", "cntr_1", "running"),
    ),
    Surface(
        "models.list",
        lambda c: list(c.models.list()),
        {"object": "list", "data": [{"id": "m-1", "object": "model", "created": 1, "owned_by": "openai"}]},
        "models.list",
        resource("GET", "/models", None),
    ),
]

ASSISTANTS = [
    Surface(
        "beta.assistants.create",
        lambda c: c.beta.assistants.create(
            model="m-1", name="Ann", instructions="Be brief.", tools=[{"type": "code_interpreter"}]
        ),
        {"id": "asst_1", "object": "assistant", "created_at": 1, "model": "m-1", "name": "Ann", "tools": []},
        "create_agent Ann",
        {
            "gen_ai.operation.name": "create_agent",
            "gen_ai.agent.id": "asst_1",
            "gen_ai.agent.name": "Ann",
            "gen_ai.request.model": "m-1",
            "gen_ai.system_instructions": [{"type": "text", "content": "Be brief."}],
            "gen_ai.tool.definitions": [{"type": "code_interpreter", "name": "code_interpreter"}],
        },
    ),
    Surface(
        "beta.threads.create",
        lambda c: c.beta.threads.create(messages=HELLO),
        {"id": "thread_1", "object": "thread", "created_at": 1, "metadata": {}},
        "threads.create",
        {
            **resource("POST", "/threads", "thread_1"),
            "gen_ai.conversation.id": "thread_1",
            "gen_ai.input.messages": [text("user", "Hello")],
        },
    ),
    Surface(
        "beta.threads.runs.create",
        lambda c: c.beta.threads.runs.create("thread_1", assistant_id="asst_1", additional_messages=HELLO),
        run("queued"),
        "invoke_agent asst_1",
        {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.id": "asst_1",
            "gen_ai.conversation.id": "thread_1",
            "gen_ai.response.model": "m-1-2026",
            "sojourn.resource.id": "run_1",
            "sojourn.resource.status": "queued",
            "gen_ai.input.messages": [text("user", "Hello")],
        },
    ),
    Surface(
        "beta.threads.runs.create_and_poll",
        lambda c: c.beta.threads.runs.create_and_poll(thread_id="thread_1", assistant_id="asst_1"),
        run("completed", id="run_polled"),
        "invoke_agent asst_1",
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.id": "asst_1", "sojourn.resource.status": "completed"},
        spans=3,
    ),
    Surface(
        "beta.threads.messages.list",
        lambda c: c.beta.threads.messages.list("thread_1").data,
        {
            "object": "list",
            "data": [thread_message("Ni"), thread_message("Hello", "user")],
            "has_more": False,
        },
        "threads.messages.list",
        {
            **resource("GET", "/threads/{id}/messages", "thread_1"),
            "gen_ai.conversation.id": "thread_1",
            "gen_ai.output.messages": [text("assistant", "Ni"), text("user", "Hello")],
        },
    ),
]

SURFACES = (*CHATS, *RESPONSES, *EMBEDDINGS, *MEDIA, *RESOURCES, *ASSISTANTS)
