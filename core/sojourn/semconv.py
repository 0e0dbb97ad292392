"""Every attribute, event and metric name that this product writes or reads, once.

`gen_ai.*` names are OpenTelemetry's conventions for generative AI (all still "development", and the constants of
the `opentelemetry-semantic-conventions` package are marked as moved, so we keep our own). `session.*`, `user.*`,
`server.*` and `error.*` are OpenTelemetry's general ones. `sojourn.*` says what no convention can say yet.
"""

from __future__ import annotations

from typing import Final

# --- sessions and users (general conventions) ---------------------------------------------------------------------
SESSION_ID: Final = "session.id"
USER_ID: Final = "user.id"

# --- the operation and its provider -------------------------------------------------------------------------------
OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
CONVERSATION_ID: Final = "gen_ai.conversation.id"

CHAT: Final = "chat"
TEXT_COMPLETION: Final = "text_completion"
GENERATE_CONTENT: Final = "generate_content"
EMBEDDINGS: Final = "embeddings"
RETRIEVAL: Final = "retrieval"
EXECUTE_TOOL: Final = "execute_tool"
INVOKE_AGENT: Final = "invoke_agent"
INVOKE_WORKFLOW: Final = "invoke_workflow"

MODEL_OPERATIONS: Final = frozenset({CHAT, TEXT_COMPLETION, GENERATE_CONTENT, EMBEDDINGS})
"""The operations that are calls of a model, and so bear usage and cost."""

# --- request ------------------------------------------------------------------------------------------------------
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_STREAM: Final = "gen_ai.request.stream"
REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
REQUEST_TOP_P: Final = "gen_ai.request.top_p"
REQUEST_TOP_K: Final = "gen_ai.request.top_k"
REQUEST_FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
REQUEST_PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
REQUEST_SEED: Final = "gen_ai.request.seed"
REQUEST_CHOICE_COUNT: Final = "gen_ai.request.choice.count"
REQUEST_STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
REQUEST_REASONING_LEVEL: Final = "gen_ai.request.reasoning.level"
OUTPUT_TYPE: Final = "gen_ai.output.type"

# --- response -----------------------------------------------------------------------------------------------------
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"

# --- usage: input counts cached tokens, output counts reasoning tokens --------------------------------------------
USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
USAGE_CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
USAGE_CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_write.input_tokens"
USAGE_REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
USAGE_AUDIO_INPUT_TOKENS: Final = "gen_ai.usage.audio.input_tokens"
USAGE_AUDIO_OUTPUT_TOKENS: Final = "gen_ai.usage.audio.output_tokens"

# --- content: only through ContentPolicy --------------------------------------------------------------------------
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
TOOL_CALL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_CALL_RESULT: Final = "gen_ai.tool.call.result"
RETRIEVAL_QUERY: Final = "gen_ai.retrieval.query.text"
RETRIEVAL_DOCUMENTS: Final = "gen_ai.retrieval.documents"

# --- tools, agents, workflows, retrieval --------------------------------------------------------------------------
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_DESCRIPTION: Final = "gen_ai.tool.description"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
AGENT_ID: Final = "gen_ai.agent.id"
AGENT_NAME: Final = "gen_ai.agent.name"
WORKFLOW_NAME: Final = "gen_ai.workflow.name"
DATA_SOURCE_ID: Final = "gen_ai.data_source.id"

# --- server and errors --------------------------------------------------------------------------------------------
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
ERROR_TYPE: Final = "error.type"
EXCEPTION_EVENT: Final = "exception"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"

# --- log lines ----------------------------------------------------------------------------------------------------
CODE_FILE_PATH: Final = "code.file.path"
CODE_LINE_NUMBER: Final = "code.line.number"
CODE_FUNCTION_NAME: Final = "code.function.name"
THREAD_NAME: Final = "thread.name"

# --- OpenAI's own -------------------------------------------------------------------------------------------------
OPENAI_API_TYPE: Final = "openai.api.type"
OPENAI_REQUEST_SERVICE_TIER: Final = "openai.request.service_tier"
OPENAI_RESPONSE_SERVICE_TIER: Final = "openai.response.service_tier"
OPENAI_SYSTEM_FINGERPRINT: Final = "openai.response.system_fingerprint"

# --- resource -----------------------------------------------------------------------------------------------------
SERVICE_NAME: Final = "service.name"
SERVICE_INSTANCE_ID: Final = "service.instance.id"
PROCESS_PID: Final = "process.pid"
HOST_NAME: Final = "host.name"

# --- ours: steps --------------------------------------------------------------------------------------------------
KIND: Final = "sojourn.kind"
"""What kind of step, where `gen_ai.operation.name` cannot say it: `action`, `task`, `chain`, `guardrail`, ..."""
PENDING: Final = "sojourn.pending"
"""True on the snapshot of a span that has not ended; its end time is 0 and the finished span replaces it."""
ABANDONED: Final = "sojourn.stream.abandoned"
"""True when a stream was left before its end (break, close, garbage): normal use, not an error."""
USAGE_COST: Final = "sojourn.usage.cost"
"""US dollars, as the program reported them; beats every price table."""
INPUT: Final = "sojourn.input"
OUTPUT: Final = "sojourn.output"
"""JSON text of what a step that is no model or tool call (chain, action, task) took in and gave back."""
LOGS: Final = "sojourn.logs"
SCREENSHOT: Final = "sojourn.screenshot"
"""What an action or tool by hand brings along besides: text it logged, a picture as URL or base64."""
TAGS: Final = "sojourn.tags"
"""Labels of one step or trace; those of the session are `sojourn.session.tags`."""
STEP_VERSION: Final = "sojourn.version"
"""The version that the program gives to a decorated step."""
GUARDRAIL_SPEC: Final = "sojourn.guardrail.spec"
"""What a guardrail looks at: `input` or `output`."""
TRACE_NAME: Final = "sojourn.trace.name"
TRACE_END_STATE: Final = "sojourn.trace.end_state"
"""`Success`, `Fail` or `Indeterminate`, on the root of a trace that the program started by name."""
PROMPT_NAME: Final = "sojourn.prompt.name"
PROMPT_PATH: Final = "sojourn.prompt.path"
DATASET_PREFIX: Final = "sojourn.dataset."
"""What a span says of the experiment it belongs to: `run_id`, `run_name`, `item_name`, `expected_output`, ..."""
LANGGRAPH_NODE: Final = "sojourn.langgraph.node"
LANGGRAPH_STEP: Final = "sojourn.langgraph.step"

# --- ours: session events, carried as OTLP log records with these event names -------------------------------------
SESSION_START: Final = "session.start"
SESSION_JOIN: Final = "sojourn.session.join"
SESSION_UPDATE: Final = "sojourn.session.update"
SESSION_HEARTBEAT: Final = "sojourn.session.heartbeat"
SESSION_END: Final = "session.end"
EVENT_NAME: Final = "event.name"
LOG_UID: Final = "log.record.uid"

SESSION_NAME: Final = "sojourn.session.name"
SESSION_TAGS: Final = "sojourn.session.tags"
"""On start, join and update: the tags that replace (`set_tags`) the session's."""
SESSION_TAGS_ADDED: Final = "sojourn.session.tags.added"
"""On start, join and update: tags that unite with the session's."""
SESSION_END_STATE: Final = "sojourn.session.end_state"
"""`Success`, `Fail` or `Indeterminate`."""
SESSION_END_REASON: Final = "sojourn.session.end_state_reason"
SESSION_END_EXPLICIT: Final = "sojourn.session.end_explicit"
"""True when the program said so; an implicit end (exit, death) never beats an explicit one."""
SESSION_HOST: Final = "sojourn.session.host"
"""JSON text: facts of the machine and interpreter that the session runs on."""
SESSION_VIDEO: Final = "sojourn.session.video"
SESSION_ATTACHMENT_NAME: Final = "sojourn.session.attachment.name"
SESSION_ATTACHMENT_PATH: Final = "sojourn.session.attachment.path"
SESSION_ATTACHMENT_SIZE: Final = "sojourn.session.attachment.size"
SESSION_ATTACHMENT_SHA256: Final = "sojourn.session.attachment.sha256"
TRIGGER_ID: Final = "sojourn.trigger.id"
TRIGGER_TYPE: Final = "sojourn.trigger.type"
"""On an error by hand: the id and type of the event in which it happened."""

METADATA_PREFIX: Final = "sojourn.metadata."

# --- older spellings: read, never written -------------------------------------------------------------------------
OLD_SYSTEM: Final = "gen_ai.system"
OLD_USAGE_PROMPT_TOKENS: Final = "gen_ai.usage.prompt_tokens"
OLD_USAGE_COMPLETION_TOKENS: Final = "gen_ai.usage.completion_tokens"
OLD_USAGE_CACHE_CREATION_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"
CREATE_AGENT: Final = "create_agent"
"""An operation that others record and we do not."""

# --- of others: beginnings of names under which they keep what was said -------------------------------------------
FOREIGN_CONTENT: Final = (
    INPUT_MESSAGES,
    OUTPUT_MESSAGES,
    SYSTEM_INSTRUCTIONS,
    TOOL_DEFINITIONS,
    TOOL_CALL_ARGUMENTS,
    TOOL_CALL_RESULT,
    RETRIEVAL_QUERY,
    RETRIEVAL_DOCUMENTS,
    EXCEPTION_MESSAGE,
    EXCEPTION_STACKTRACE,
    "gen_ai.prompt",
    "gen_ai.completion",
    "gen_ai.content",
    "gen_ai.event.content",
    "gen_ai.evaluation.explanation",
    "gen_ai.tool.description",
    "llm.input_messages",
    "llm.output_messages",
    "llm.prompt",
    "llm.completion",
    "llm.tools",
    "llm.function_call",
    "llm.invocation_parameters",
    "llm.request.functions",
    "input.value",
    "output.value",
    "message.content",
    "document.content",
    "embedding.text",
    "embedding.embeddings",
    "retrieval.documents",
    "reranker.",
    "tool.parameters",
    "tool.description",
    "tool_call.function.arguments",
    "traceloop.entity.input",
    "traceloop.entity.output",
)
FOREIGN_NO_CONTENT: Final = ("gen_ai.prompt.name", "llm.prompt_template.version")
"""Under the same beginnings, and no content."""
FOREIGN_VOCABULARIES: Final = ("gen_ai.", "llm.", "openinference.", "traceloop.")
"""Those of OpenTelemetry GenAI, OpenInference and OpenLLMetry: a span with one of these speaks of models."""
