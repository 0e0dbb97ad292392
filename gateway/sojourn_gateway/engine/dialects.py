"""Which attributes say what: the spellings that each column of a span is read from, strongest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sojourn import semconv

__all__ = [
    "CONTENT",
    "LAST_RESORT_SESSIONS",
    "SESSIONS",
    "STEPS_BY_KIND",
    "STEPS_BY_OPERATION",
    "TEXTS",
    "TOKENS",
    "Field",
]


@dataclass(frozen=True, slots=True)
class Field:
    """A column and the attributes that it may come from. A dialect is added by adding its spelling here."""

    column: str
    sources: tuple[str, ...]


SESSIONS: Final = (semconv.SESSION_ID,)
"""Looked for on the span, then on its resource."""
LAST_RESORT_SESSIONS: Final = (semconv.CONVERSATION_ID,)
"""Looked for on the span when none of `SESSIONS` is there."""

TEXTS: Final = (
    Field("user_id", (semconv.USER_ID,)),
    Field("operation", (semconv.OPERATION,)),
    Field("provider", (semconv.PROVIDER, semconv.OLD_SYSTEM)),
    Field("request_model", (semconv.REQUEST_MODEL,)),
    Field("response_model", (semconv.RESPONSE_MODEL,)),
    Field("tool_name", (semconv.TOOL_NAME,)),
    Field("tool_call_id", (semconv.TOOL_CALL_ID,)),
    Field("error_type", (semconv.ERROR_TYPE,)),
)

TOKENS: Final = (
    Field("input_tokens", (semconv.USAGE_INPUT_TOKENS, semconv.OLD_USAGE_PROMPT_TOKENS)),
    Field("output_tokens", (semconv.USAGE_OUTPUT_TOKENS, semconv.OLD_USAGE_COMPLETION_TOKENS)),
    Field("cache_read", (semconv.USAGE_CACHE_READ_TOKENS,)),
    Field("cache_write", (semconv.USAGE_CACHE_WRITE_TOKENS, semconv.OLD_USAGE_CACHE_CREATION_TOKENS)),
    Field("reasoning", (semconv.USAGE_REASONING_TOKENS,)),
    Field("audio_input", (semconv.USAGE_AUDIO_INPUT_TOKENS,)),
    Field("audio_output", (semconv.USAGE_AUDIO_OUTPUT_TOKENS,)),
)

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
    "chain": "chain",
    "endpoint": "chain",
    "guardrail": "guardrail",
    "operation": "task",
    "retrieval": "retrieval",
    "task": "task",
    "tool": "tool",
    # What `sojourn.trace` wraps: a turn, which coordinates the steps inside it.
    "trace": "workflow",
    "workflow": "workflow",
}

CONTENT: Final = (
    semconv.INPUT_MESSAGES,
    semconv.OUTPUT_MESSAGES,
    semconv.SYSTEM_INSTRUCTIONS,
    semconv.TOOL_DEFINITIONS,
    semconv.TOOL_CALL_ARGUMENTS,
    semconv.TOOL_CALL_RESULT,
    semconv.RETRIEVAL_QUERY,
    semconv.RETRIEVAL_DOCUMENTS,
    semconv.INPUT,
    semconv.OUTPUT,
)
"""Large texts that people wrote or read: kept apart, so that lists never have to load them."""
