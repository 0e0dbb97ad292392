"""Which attributes say what: the spellings that each column of a span is read from, strongest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sojourn import semconv

__all__ = [
    "CONTENT",
    "CONTENT_BEGINNINGS",
    "CONTENT_BEGINNING_LENGTH",
    "DOCUMENTS",
    "END_STATES",
    "END_STATE_WORDS",
    "FIELDS",
    "LAST_RESORT_SESSIONS",
    "LOG_SESSIONS",
    "PROVIDERS",
    "SAID_ASKED",
    "SAID_REPLIED",
    "SESSIONS",
    "SESSION_NAMES",
    "STEPS_BY_KIND",
    "STEPS_BY_OPERATION",
    "TAGS",
    "TOKENS",
    "USERS",
    "WRITTEN_AS_JSON",
    "Field",
    "Said",
]


@dataclass(frozen=True, slots=True)
class Field:
    """A column and the attributes that it may come from. A dialect is added by adding its spelling here."""

    column: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """The attributes that a preview is cut from: lists of messages first, else plain texts."""

    messages: tuple[str, ...]
    plain: tuple[str, ...]


SESSIONS: Final = (
    "agentmark.session_id",
    "agentmark.metadata.session_id",
    "ai.telemetry.metadata.session_id",
    semconv.SESSION_ID,
    "traceloop.association.properties.session_id",
    "mlflow.trace.session",
    "@agentuity/threadId",
    "langsmith.metadata.session_id",
    "langsmith.metadata.thread_id",
    "ai.telemetry.metadata.sessionId",
)
"""Looked for on the span, then on its resource."""
LAST_RESORT_SESSIONS: Final = (
    semconv.CONVERSATION_ID,
    "langsmith.metadata.conversation_id",
    "traceloop.association.properties.thread_id",
)
"""Looked for on the span when none of `SESSIONS` is there."""
LOG_SESSIONS: Final = (semconv.SESSION_ID,)
USERS: Final = (
    "agentmark.user_id",
    "agentmark.metadata.user_id",
    "ai.telemetry.metadata.user_id",
    semconv.USER_ID,
    "traceloop.association.properties.user_id",
    "mlflow.trace.user",
    "langsmith.metadata.user_id",
    "ai.telemetry.metadata.userId",
)

SESSION_NAMES: Final = (
    "agentmark.session_name",
    "agentmark.metadata.session_name",
    "ai.telemetry.metadata.session_name",
    semconv.SESSION_NAME,
)
"""What a span calls its session, where no fact of the session does."""
END_STATES: Final = ("agentops.session.end_state", semconv.TRACE_END_STATE)
"""How a trace ended, on its root."""
END_STATE_WORDS: Final = {"success": "Success", "fail": "Fail", "failure": "Fail", "error": "Fail"}
"""In lower case; other words tell that nobody judged."""
TAGS: Final = (
    "agentmark.tags",
    semconv.TAGS,
    "agentops.tags",
    "langfuse.trace.tags",
    "langsmith.span.tags",
    "logfire.tags",
    "tag.tags",
)
"""Labels that a span bears: an array of texts, JSON of one, or a list with commas. All of them count."""

TOKENS: Final = (
    Field(
        "input_tokens",
        (
            semconv.USAGE_INPUT_TOKENS,
            semconv.OLD_USAGE_PROMPT_TOKENS,
            "llm.token_count.prompt",
            "ai.usage.inputTokens",
            "ai.usage.promptTokens",
            "ai.usage.tokens",
            "mlflow.chat.tokenUsage.input_tokens",
        ),
    ),
    Field(
        "output_tokens",
        (
            semconv.USAGE_OUTPUT_TOKENS,
            semconv.OLD_USAGE_COMPLETION_TOKENS,
            "llm.token_count.completion",
            "ai.usage.outputTokens",
            "ai.usage.completionTokens",
            "mlflow.chat.tokenUsage.output_tokens",
        ),
    ),
    Field(
        "cache_read",
        (
            semconv.USAGE_CACHE_READ_TOKENS,
            semconv.OLD_USAGE_CACHE_READ_TOKENS,
            "llm.token_count.prompt_details.cache_read",
            "ai.usage.inputTokenDetails.cacheReadTokens",
            "ai.usage.cachedInputTokens",
            f"{semconv.OLD_USAGE_INPUT_DETAILS}.cache_read",
            "mlflow.chat.tokenUsage.cache_read_input_tokens",
        ),
    ),
    Field(
        "cache_write",
        (
            semconv.USAGE_CACHE_WRITE_TOKENS,
            semconv.OLD_USAGE_CACHE_CREATION_TOKENS,
            semconv.OLD_USAGE_CACHE_WRITE_TOKENS,
            "llm.token_count.prompt_details.cache_write",
            "ai.usage.inputTokenDetails.cacheWriteTokens",
            f"{semconv.OLD_USAGE_INPUT_DETAILS}.cache_creation",
            "mlflow.chat.tokenUsage.cache_creation_input_tokens",
        ),
    ),
    Field(
        "reasoning",
        (
            semconv.USAGE_REASONING_TOKENS,
            semconv.OLD_USAGE_REASONING_TOKENS,
            "llm.usage.reasoning_tokens",
            "llm.token_count.completion_details.reasoning",
            "ai.usage.outputTokenDetails.reasoningTokens",
            "ai.usage.reasoningTokens",
            f"{semconv.OLD_USAGE_OUTPUT_DETAILS}.reasoning",
            semconv.OLD_USAGE_DETAILS_REASONING,
        ),
    ),
    Field(
        "audio_input",
        (
            semconv.USAGE_AUDIO_INPUT_TOKENS,
            "llm.token_count.prompt_details.audio",
            f"{semconv.OLD_USAGE_INPUT_DETAILS}.audio",
        ),
    ),
    Field(
        "audio_output",
        (
            semconv.USAGE_AUDIO_OUTPUT_TOKENS,
            "llm.token_count.completion_details.audio",
            f"{semconv.OLD_USAGE_OUTPUT_DETAILS}.audio",
        ),
    ),
)

FIELDS: Final = (
    Field("session", SESSIONS),
    Field("conversation", LAST_RESORT_SESSIONS),
    Field("user_id", USERS),
    Field(
        "step_kind",
        (
            semconv.OPERATION,
            semconv.KIND,
            "agentmark.span.kind",
            "openinference.span.kind",
            "ai.operationId",
            "traceloop.span.kind",
            "agentops.span.kind",
            "langsmith.span.kind",
            "mlflow.spanType",
            semconv.OLD_REQUEST_TYPE,
            "llm.request.type",
        ),
    ),
    Field(
        "provider",
        (
            semconv.PROVIDER,
            semconv.OLD_SYSTEM,
            "llm.provider",
            "llm.system",
            "ai.model.provider",
            "mlflow.llm.provider",
        ),
    ),
    Field(
        "request_model",
        (
            semconv.REQUEST_MODEL,
            "llm.request.model_name",
            "llm.model_name",
            "embedding.model_name",
            "ai.model.id",
            "mlflow.llm.model",
            "model_name",
            "agent.resolveModelConfig.result.modelId",
        ),
    ),
    Field(
        "response_model",
        (semconv.RESPONSE_MODEL, "llm.response.model_name", "ai.response.model"),
    ),
    Field(
        "tool_name",
        (semconv.TOOL_NAME, "ai.toolCall.name", "tool.name", "tool_name"),
    ),
    Field(
        "tool_call_id",
        (semconv.TOOL_CALL_ID, "ai.toolCall.id", "tool_call.id", "tool.call.id", "tool.id"),
    ),
    Field("error_type", (semconv.ERROR_TYPE,)),
    *TOKENS,
    # AgentOps says under the older name what a call of a tool costs.
    Field("cost", (semconv.USAGE_COST, semconv.OLD_USAGE_COST)),
    # Of AgentMark, where 0 says that nothing was reported.
    Field("cost_above_zero", ("agentmark.usage.cost_usd",)),
)
"""Everything that is read from an attribute of its own."""

DOCUMENTS: Final = (
    semconv.OLD_USAGE_INPUT_DETAILS,
    semconv.OLD_USAGE_OUTPUT_DETAILS,
    "mlflow.chat.tokenUsage",
    "agent.resolveModelConfig.result",
)
"""JSON objects whose members are read as attributes are: under the name of the object, a dot, and their own."""

WRITTEN_AS_JSON: Final = (*DOCUMENTS, "mlflow.")
"""Beginnings of names whose texts stand in quotes, as JSON writes them."""

PROVIDERS: Final = {
    "amazon-bedrock": "aws.bedrock",
    "aws": "aws.bedrock",
    "azure": "azure.ai.openai",
    "azure-openai": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "google": "gcp.gemini",
    "google.generative-ai": "gcp.gemini",
    "google.vertex": "gcp.vertex_ai",
    "google_genai": "gcp.gemini",
    "gemini": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    # A framework is no provider; who answered is told by the model.
    "langchain": "",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "vertex_ai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "xai": "x_ai",
}
"""Names of providers, in lower case and without the endpoint behind them, that the conventions write otherwise."""

STEPS_BY_OPERATION: Final = {
    semconv.CHAT: "model",
    semconv.TEXT_COMPLETION: "model",
    semconv.GENERATE_CONTENT: "model",
    semconv.EMBEDDINGS: "embedding",
    semconv.EXECUTE_TOOL: "tool",
    semconv.INVOKE_AGENT: "agent",
    semconv.CREATE_AGENT: "agent",
    semconv.INVOKE_WORKFLOW: "workflow",
    semconv.RETRIEVAL: "retrieval",
}

STEPS_BY_KIND: Final = {
    "action": "action",
    "agent": "agent",
    "ai.embed": "chain",
    "ai.embed.doembed": "embedding",
    "ai.embedmany": "chain",
    "ai.embedmany.doembed": "embedding",
    "ai.generateobject": "workflow",
    "ai.generateobject.dogenerate": "model",
    "ai.generatetext": "workflow",
    "ai.generatetext.dogenerate": "model",
    "ai.streamobject": "workflow",
    "ai.streamobject.dostream": "model",
    "ai.streamtext": "workflow",
    "ai.streamtext.dostream": "model",
    "ai.toolcall": "tool",
    "chain": "chain",
    "chat": "model",
    "chat_model": "model",
    "completion": "model",
    "embedding": "embedding",
    "endpoint": "chain",
    "evaluator": "chain",
    "function": "chain",
    "guardrail": "guardrail",
    "llm": "model",
    "memory": "retrieval",
    "operation": "task",
    "parser": "chain",
    "prompt": "chain",
    "rerank": "retrieval",
    "reranker": "retrieval",
    "retrieval": "retrieval",
    "retriever": "retrieval",
    "session": "workflow",
    "task": "task",
    "tool": "tool",
    # What `sojourn.trace` wraps: a turn, which coordinates the steps inside it.
    "trace": "workflow",
    "workflow": "workflow",
}
"""Steps by what a dialect calls them, in lower case."""

SAID_ASKED: Final = Said(
    messages=(
        semconv.INPUT_MESSAGES,
        "ai.prompt.messages",
        "all_messages_events",
        "pydantic_ai.all_messages",
        "events",
        semconv.OLD_REQUEST_INPUT,
        "agentmark.request.input",
        "agentmark.input",
        "agentmark.props",
        semconv.OLD_PROMPT,
        "mlflow.spanInputs",
        "ai.prompt",
    ),
    plain=(
        semconv.RETRIEVAL_QUERY,
        semconv.INPUT,
        "input.value",
        "traceloop.entity.input",
        "agentops.entity.input",
    ),
)
SAID_REPLIED: Final = Said(
    messages=(
        semconv.OUTPUT_MESSAGES,
        semconv.OLD_RESPONSE_OUTPUT,
        "agentmark.response.output",
        "agentmark.output",
        semconv.OLD_COMPLETION,
        "mlflow.spanOutputs",
    ),
    plain=(
        semconv.OUTPUT,
        "llm.output_messages.0.message.content",
        f"{semconv.OLD_COMPLETION}.0.content",
        "ai.response.text",
        "ai.result.text",
        "ai.response.object",
        "ai.result.object",
        "final_result",
        "output.value",
        "traceloop.entity.output",
        "agentops.entity.output",
    ),
)

CONTENT: Final = (
    semconv.TOOL_CALL_ARGUMENTS,
    semconv.TOOL_CALL_RESULT,
    semconv.SYSTEM_INSTRUCTIONS,
    semconv.TOOL_DEFINITIONS,
    semconv.RETRIEVAL_DOCUMENTS,
    semconv.OLD_TOOL_INPUT,
    semconv.OLD_TOOL_OUTPUT,
    semconv.OLD_REQUEST_INSTRUCTIONS,
    *SAID_ASKED.messages,
    *SAID_ASKED.plain,
    *SAID_REPLIED.messages,
    *SAID_REPLIED.plain,
    "ai.prompt.tools",
    "ai.response.toolCalls",
    "ai.result.toolCalls",
    "ai.response.reasoning",
    "ai.toolCall.args",
    "ai.toolCall.result",
    "ai.value",
    "ai.values",
    "ai.embedding",
    "ai.embeddings",
    "agentops.agent.input",
    "agentops.agent.output",
    "agentops.tool.input",
    "agentops.tool.output",
    "llm.invocation_parameters",
    "llm.prompts",
    "logfire.json_schema",
    "mlflow.chat.tools",
    "agent.generate.argument.0",
    "agent.generate.result",
    "agent.stream.argument.0",
    "agent.stream.result",
    "request_data",
    "response_data",
    "tool.description",
    "tool.parameters",
    "tool.result",
    "tool_arguments",
    "tool_response",
)
"""Large texts that people wrote or read: kept apart, so that lists never have to load them."""

CONTENT_BEGINNING_LENGTH: Final = 15
CONTENT_BEGINNINGS: Final = tuple(
    dict.fromkeys(
        begin[:CONTENT_BEGINNING_LENGTH]
        for begin in (
            *(f"{semconv.OLD_PROMPT}.{digit}" for digit in range(10)),
            f"{semconv.OLD_COMPLETION}.",
            "llm.input_messages.",
            "llm.output_messages.",
            "llm.request.functions.",
            *(f"llm.tools.{digit}.tool" for digit in range(10)),
            "retrieval.documents.",
            "reranker.input_documents.",
            "reranker.output_documents.",
            "embedding.embeddings.",
        )
    )
)
"""The same for texts whose names go on with an index: how those names begin, all to the same length."""
