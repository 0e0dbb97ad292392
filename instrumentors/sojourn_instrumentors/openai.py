"""OpenAI: every endpoint, through the one function that all requests of a client pass, and its connections."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sojourn import semconv
from sojourn_instrumentors._formats import (
    assistants,
    audio,
    completions,
    embeddings,
    images,
    moderations,
    realtime,
    resources,
    responses,
    vector_search,
)
from sojourn_instrumentors._formats import chat_completions as chat
from sojourn_instrumentors._formats.openai_endpoints import find
from sojourn_instrumentors._formats.uploads import read_uploads
from sojourn_instrumentors._kit import Channel, Generation, Instrumentor, Operation, endpoint, funnel, sent_body, server

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sojourn_instrumentors._kit import Turns

    Call = Mapping[str, Any]
    Body = Mapping[str, Any]
    Reader = Callable[[Any, Generation], None]

__all__ = ["INSTRUMENTOR"]

# Services that speak OpenAI's protocol, by the end of their host name.
_PROVIDERS: Final = (
    ("api.openai.com", "openai"),
    (".openai.azure.com", "azure.ai.openai"),
    (".cognitiveservices.azure.com", "azure.ai.openai"),
    (".ai.azure.com", "azure.ai.inference"),
    ("api.groq.com", "groq"),
    ("api.deepseek.com", "deepseek"),
    ("api.mistral.ai", "mistral_ai"),
    ("api.x.ai", "x_ai"),
    ("api.perplexity.ai", "perplexity"),
    ("openrouter.ai", "openrouter"),
    ("api.moonshot.ai", "moonshot_ai"),
    ("api.moonshot.cn", "moonshot_ai"),
    ("api.together.xyz", "together"),
    ("api.together.ai", "together"),
    ("api.fireworks.ai", "fireworks"),
    ("api.cerebras.ai", "cerebras"),
    ("api.cohere.ai", "cohere"),
    ("api.cohere.com", "cohere"),
    ("api.anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    (".amazonaws.com", "aws.bedrock"),
    (".ml.cloud.ibm.com", "ibm.watsonx.ai"),
    ("integrate.api.nvidia.com", "nvidia"),
    ("api.sambanova.ai", "sambanova"),
    ("api.deepinfra.com", "deepinfra"),
    ("huggingface.co", "huggingface"),
    ("models.inference.ai.azure.com", "azure.ai.inference"),
    ("ollama.com", "ollama"),
)
_OLLAMA_PORT: Final = 11434
_DEPLOYMENT: Final = re.compile(r"/(?:deployments|engines)/([^/]+)")


def _route(call: Call) -> Operation | None:
    found = _DIRECT.get(endpoint(call))
    return _distant(call) if found is None else found


def _distant(call: Call) -> Operation | None:
    """One whose path holds ids, that was called by its whole address, or that is not known."""
    found, _ = find(*endpoint(call))
    return _MEANINGS.get(found.name, _PLAIN)


def _read_client(call: Call, gen: Generation) -> None:
    gen.server_address, gen.server_port = server(call)
    azure = hasattr(call["self"], "_azure_ad_token_provider")
    gen.provider = _provider(azure, gen.server_address or "", gen.server_port)
    gen.stream = True if call.get("stream") else None


@lru_cache(maxsize=256)
def _provider(azure: bool, host: str, port: int | None) -> str:
    for end, name in _PROVIDERS:
        if host.endswith(end):
            return name
    if port == _OLLAMA_PORT:
        return "ollama"
    # A gateway of the user's own before Azure.
    return "azure.ai.openai" if azure else "openai"


def _deployment(call: Call) -> str | None:
    """The model by the path: older programs on Azure name it nowhere else."""
    found = _DEPLOYMENT.search(endpoint(call)[1]) or _DEPLOYMENT.search(str(call["self"].base_url))
    return found.group(1) if found else None


def _no_chunk(_part: Any, _gen: Generation) -> None:
    """This answer is never streamed."""


def _generation(
    name: str,
    parameters: Reader,
    sent: Reader,
    response: Reader,
    chunk: Reader = _no_chunk,
    *,
    failure: Reader | None = None,
    api_type: str | None = None,
    uploads: str | None = None,
    folds: bool = False,
) -> Operation:
    """A call of a model."""

    def request(call: Call, gen: Generation) -> None:
        _read_client(call, gen)
        gen.api_type = api_type
        parameters(sent_body(call), gen)
        if gen.model is None:
            gen.model = _deployment(call)

    def content(call: Call, gen: Generation) -> None:
        sent(sent_body(call), gen)
        if uploads is not None and (parts := read_uploads(call["options"].files, uploads)):
            gen.inputs = gen.inputs or [{"role": "user", "parts": []}]
            gen.inputs[0]["parts"].extend(parts)

    return Operation(name, request, content, response, chunk, failure=failure, folds=folds)


def _resource(
    response: Reader = resources.read_resource,
    chunk: Reader = _no_chunk,
    *,
    name: str | None = None,
    parameters: Reader = resources.read_made,
    sent: Reader = resources.read_nothing,
    asks: bool = False,
) -> Operation:
    """A call about something that the provider keeps."""

    def request(call: Call, gen: Generation) -> None:
        _read_client(call, gen)
        found, ids = find(*endpoint(call))
        gen.others[semconv.HTTP_METHOD] = found.method
        gen.others[semconv.URL_TEMPLATE] = found.template.replace("{}", "{id}")
        if ids and found.template.startswith(("/threads/", "/conversations/")):
            gen.others[semconv.CONVERSATION_ID] = ids[0]
        if ids:
            gen.others[semconv.RESOURCE_ID] = ids[-1]
        if name is None:
            gen.name = found.name
        parameters(sent_body(call), gen)

    def content(call: Call, gen: Generation) -> None:
        sent(sent_body(call), gen)

    return Operation(name, request, content, response, chunk, failure=_refused, folds=False, asks=asks)


def _refused(error: Any, gen: Generation) -> None:
    gen.others[semconv.HTTP_STATUS] = getattr(error, "status_code", None)


def _cut_off(error: Any, gen: Generation) -> None:
    # The parse helpers raise when an answer was cut off, and hand the answer over with the exception.
    completion = getattr(error, "completion", None)
    if completion is not None:
        chat.read_completion(completion, gen)


def _search(body: Body, gen: Generation) -> None:
    vector_search.read_parameters(body, gen.others.pop(semconv.RESOURCE_ID, None), gen)


_CHAT: Final = _generation(
    semconv.CHAT,
    chat.read_parameters,
    chat.read_messages,
    chat.read_completion,
    chat.read_chunk,
    failure=_cut_off,
    api_type="chat_completions",
    folds=True,
)
_COMPLETION: Final = _generation(
    semconv.TEXT_COMPLETION,
    completions.read_parameters,
    completions.read_sent,
    completions.read_completion,
    completions.read_chunk,
    folds=True,
)
_RESPONSE: Final = _generation(
    semconv.CHAT,
    responses.read_parameters,
    responses.read_sent,
    responses.read_response,
    responses.read_chunk,
    api_type="responses",
    folds=True,
)
_COMPACTION: Final = _generation(
    semconv.CHAT,
    responses.read_parameters,
    responses.read_sent,
    responses.read_compacted,
    api_type="responses",
)
_EMBEDDINGS: Final = _generation(
    semconv.EMBEDDINGS, embeddings.read_parameters, embeddings.read_sent, embeddings.read_embeddings
)


def _image(uploads: str | None = None) -> Operation:
    read = images.read_parameters, images.read_sent, images.read_images, images.read_chunk
    return _generation(semconv.GENERATE_CONTENT, *read, uploads=uploads)


_SPEECH: Final = _generation(
    semconv.GENERATE_CONTENT,
    audio.read_speech_parameters,
    audio.read_speech_sent,
    audio.read_speech,
    audio.read_speech_chunk,
)
_TRANSCRIPT: Final = _generation(
    semconv.GENERATE_CONTENT,
    audio.read_transcript_parameters,
    audio.read_transcript_sent,
    audio.read_transcript,
    audio.read_transcript_chunk,
    uploads="audio",
)
_VIDEO: Final = _generation(
    semconv.GENERATE_CONTENT, resources.read_video_parameters, resources.read_video_sent, resources.read_video
)
_DECISION: Final = _generation(
    semconv.GENERATE_CONTENT, responses.read_parameters, responses.read_sent, responses.read_decision
)
_AGENT: Final = _resource(
    assistants.read_agent,
    name=semconv.CREATE_AGENT,
    parameters=assistants.read_agent_parameters,
    sent=assistants.read_agent_sent,
)
_RUN: Final = _resource(
    assistants.read_run,
    assistants.read_run_event,
    name=semconv.INVOKE_AGENT,
    parameters=assistants.read_run_parameters,
    sent=assistants.read_run_sent,
    asks=True,
)
_RUN_KEPT: Final = _resource(assistants.read_run)
_RESPONSE_KEPT: Final = _resource(responses.read_stored, responses.read_stored_chunk)
_THREAD: Final = _resource(assistants.read_thread, sent=assistants.read_thread_sent)
_CONVERSATION: Final = _resource(assistants.read_conversation, sent=assistants.read_conversation_sent)
_PLAIN: Final = _resource()

_MEANINGS: Final = {
    "audio.speech.create": _SPEECH,
    "audio.transcriptions.create": _TRANSCRIPT,
    "audio.translations.create": _TRANSCRIPT,
    "agents.create": _AGENT,
    "assistants.create": _AGENT,
    "chat.completions.create": _CHAT,
    "chat.completions.retrieve": _resource(chat.read_stored),
    "completions.create": _COMPLETION,
    "conversations.create": _CONVERSATION,
    "conversations.items.create": _CONVERSATION,
    "conversations.items.list": _CONVERSATION,
    "conversations.retrieve": _CONVERSATION,
    "decisions.create": _DECISION,
    "embeddings.create": _EMBEDDINGS,
    "images.create_variation": _image("image"),
    "images.edit": _image("image"),
    "images.generate": _image(),
    "moderations.create": _resource(
        moderations.read_verdict, parameters=moderations.read_parameters, sent=moderations.read_sent
    ),
    "responses.cancel": _RESPONSE_KEPT,
    "responses.compact": _COMPACTION,
    "responses.create": _RESPONSE,
    "responses.input_tokens.count": _resource(resources.read_counted, sent=responses.read_sent),
    "responses.retrieve": _RESPONSE_KEPT,
    "threads.create": _THREAD,
    "threads.create_and_run": _RUN,
    "threads.messages.create": _THREAD,
    "threads.messages.list": _THREAD,
    "threads.messages.retrieve": _THREAD,
    "threads.runs.cancel": _RUN_KEPT,
    "threads.runs.create": _RUN,
    "threads.runs.retrieve": _RUN_KEPT,
    "threads.runs.submit_tool_outputs": _RUN,
    "vector_stores.search": _resource(
        vector_search.read_found, name=semconv.RETRIEVAL, parameters=_search, sent=vector_search.read_sent
    ),
    "videos.create": _VIDEO,
    "videos.edit": _VIDEO,
    "videos.extend": _VIDEO,
    "videos.remix": _VIDEO,
}
"""What calls mean, by their names in the client; any other is one about something that the provider keeps."""

_DIRECT: Final = {
    ("POST", "/chat/completions"): _CHAT,
    ("POST", "/completions"): _COMPLETION,
    ("POST", "/embeddings"): _EMBEDDINGS,
    ("POST", "/responses"): _RESPONSE,
}
"""Those that programs call most, found at once."""


def _opened(connection: Any, turns: Turns) -> None:
    realtime.open_connection(connection, turns)
    turns.state["provider"] = _provider(False, turns.state["host"], turns.state["port"])


INSTRUMENTOR = Instrumentor(
    library="openai",
    requires="openai >= 1.60",
    newest="3.54.0",
    surfaces="chat, responses, completions, embeddings, images, audio, moderations, realtime, assistants, searches; "
    "every other endpoint by name",
    hooks=(
        *funnel("openai", _route),
        Channel(
            "openai.resources.realtime.realtime:RealtimeConnection",
            _opened,
            realtime.asks,
            realtime.say_realtime,
            realtime.hear_realtime,
        ),
        # As it was before openai 2, and still is for the protocol before it was finished.
        Channel(
            "openai.resources.beta.realtime.realtime:RealtimeConnection",
            _opened,
            realtime.asks,
            realtime.say_realtime,
            realtime.hear_realtime,
        ),
        Channel(
            "openai.resources.responses.responses:ResponsesConnection",
            _opened,
            realtime.asks,
            realtime.say_responses,
            realtime.hear_responses,
        ),
    ),
)
