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
OLD_USAGE_COST: Final = "gen_ai.usage.total_cost"
OLD_USAGE_CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read_input_tokens"
OLD_USAGE_CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_creation_input_tokens"
OLD_USAGE_REASONING_TOKENS: Final = "gen_ai.usage.reasoning_tokens"
OLD_USAGE_INPUT_DETAILS: Final = "gen_ai.usage.input_token_details"
OLD_USAGE_OUTPUT_DETAILS: Final = "gen_ai.usage.output_token_details"
OLD_USAGE_DETAILS_REASONING: Final = "gen_ai.usage.details.reasoning_tokens"
OLD_REQUEST_TYPE: Final = "gen_ai.request.type"
OLD_REQUEST_INPUT: Final = "gen_ai.request.input"
OLD_REQUEST_INSTRUCTIONS: Final = "gen_ai.request.instructions"
OLD_RESPONSE_OUTPUT: Final = "gen_ai.response.output"
OLD_RESPONSE_FINISH_REASON: Final = "gen_ai.response.finish_reason"
OLD_RESPONSE_STOP_REASON: Final = "gen_ai.response.stop_reason"
OLD_PROMPT: Final = "gen_ai.prompt"
OLD_COMPLETION: Final = "gen_ai.completion"
OLD_TOOL_INPUT: Final = "gen_ai.tool.input"
OLD_TOOL_OUTPUT: Final = "gen_ai.tool.output"
OLD_MESSAGE_EVENTS: Final = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
"""Span events of one message each, by the role of who said it."""
OLD_CHOICE_EVENT: Final = "gen_ai.choice"
OLD_PROMPT_EVENT: Final = "gen_ai.content.prompt"
OLD_COMPLETION_EVENT: Final = "gen_ai.content.completion"
INFERENCE_DETAILS_EVENT: Final = "gen_ai.client.inference.operation.details"
CREATE_AGENT: Final = "create_agent"
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
REQUEST_ENCODING_FORMATS: Final = "gen_ai.request.encoding_formats"
REQUEST_PREVIOUS_RESPONSE: Final = "gen_ai.request.previous_response.id"
GEN_AI_PROMPT_NAME: Final = "gen_ai.prompt.name"
GEN_AI_PROMPT_VERSION: Final = "gen_ai.prompt.version"
OUTPUT_TYPE: Final = "gen_ai.output.type"

# --- response -----------------------------------------------------------------------------------------------------
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
EMBEDDINGS_DIMENSIONS: Final = "gen_ai.embeddings.dimension.count"
CONVERSATION_COMPACTED: Final = "gen_ai.conversation.compacted"

# --- usage: input counts cached tokens, output counts reasoning tokens --------------------------------------------
USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
USAGE_CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
USAGE_CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_write.input_tokens"
USAGE_REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
USAGE_AUDIO_INPUT_TOKENS: Final = "gen_ai.usage.audio.input_tokens"
USAGE_AUDIO_OUTPUT_TOKENS: Final = "gen_ai.usage.audio.output_tokens"
USAGE_AUDIO_CACHE_READ_TOKENS: Final = "gen_ai.usage.audio.cache_read.input_tokens"
USAGE_IMAGE_INPUT_TOKENS: Final = "gen_ai.usage.image.input_tokens"
USAGE_IMAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.image.output_tokens"
USAGE_TEXT_INPUT_TOKENS: Final = "gen_ai.usage.text.input_tokens"
USAGE_TEXT_OUTPUT_TOKENS: Final = "gen_ai.usage.text.output_tokens"

# --- content: only through ContentPolicy --------------------------------------------------------------------------
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
TOOL_CALL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_CALL_RESULT: Final = "gen_ai.tool.call.result"
RETRIEVAL_QUERY: Final = "gen_ai.retrieval.query.text"
RETRIEVAL_DOCUMENTS: Final = "gen_ai.retrieval.documents"
RETRIEVAL_TOP_K: Final = "gen_ai.retrieval.top_k"

# --- tools, agents, workflows, retrieval --------------------------------------------------------------------------
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_DESCRIPTION: Final = "gen_ai.tool.description"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
AGENT_ID: Final = "gen_ai.agent.id"
AGENT_NAME: Final = "gen_ai.agent.name"
AGENT_DESCRIPTION: Final = "gen_ai.agent.description"
WORKFLOW_NAME: Final = "gen_ai.workflow.name"
DATA_SOURCE_ID: Final = "gen_ai.data_source.id"

# --- metrics: histograms ------------------------------------------------------------------------------------------
METRIC_DURATION: Final = "gen_ai.client.operation.duration"
METRIC_TOKEN_USAGE: Final = "gen_ai.client.token.usage"  # noqa: S105  # tokens of a model
METRIC_TIME_TO_FIRST_CHUNK: Final = "gen_ai.client.operation.time_to_first_chunk"
METRIC_TIME_PER_OUTPUT_CHUNK: Final = "gen_ai.client.operation.time_per_output_chunk"
METRIC_TOOL_DURATION: Final = "gen_ai.execute_tool.duration"
METRIC_AGENT_DURATION: Final = "gen_ai.invoke_agent.duration"
METRIC_WORKFLOW_DURATION: Final = "gen_ai.invoke_workflow.duration"
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105  # as above
"""On token usage: `input` or `output`."""

# --- server and errors --------------------------------------------------------------------------------------------
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
HTTP_METHOD: Final = "http.request.method"
HTTP_STATUS: Final = "http.response.status_code"
URL_TEMPLATE: Final = "url.template"
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

# --- Anthropic's own: the names that its client uses, and `sojourn.anthropic.*` for what has none there -----------
ANTHROPIC_REQUEST_ID: Final = "anthropic.request.id"
ANTHROPIC_REQUEST_SERVICE_TIER: Final = "anthropic.request.service_tier"
ANTHROPIC_RESPONSE_SERVICE_TIER: Final = "anthropic.response.service_tier"
ANTHROPIC_STOP_REASON: Final = "anthropic.message.stop_reason"
"""In Anthropic's words; `gen_ai.response.finish_reasons` says it in those of the conventions."""
ANTHROPIC_THINKING_TYPE: Final = "anthropic.thinking.type"
ANTHROPIC_THINKING_BUDGET: Final = "anthropic.thinking.budget_tokens"
ANTHROPIC_CACHE_WRITE_5M: Final = "anthropic.usage.cache_creation.ephemeral_5m_input_tokens"
ANTHROPIC_CACHE_WRITE_1H: Final = "anthropic.usage.cache_creation.ephemeral_1h_input_tokens"
ANTHROPIC_COMPACTION_INPUT_TOKENS: Final = "anthropic.usage.compaction.input_tokens"
ANTHROPIC_COMPACTION_OUTPUT_TOKENS: Final = "anthropic.usage.compaction.output_tokens"
"""Of summaries of the context that the provider made within a call; not among the call's other tokens."""
ANTHROPIC_CONTAINER_ID: Final = "sojourn.anthropic.container.id"
ANTHROPIC_WEB_SEARCHES: Final = "sojourn.anthropic.usage.web_search_requests"
ANTHROPIC_WEB_FETCHES: Final = "sojourn.anthropic.usage.web_fetch_requests"

# --- resource -----------------------------------------------------------------------------------------------------
SERVICE_NAME: Final = "service.name"
SERVICE_INSTANCE_ID: Final = "service.instance.id"
PROCESS_PID: Final = "process.pid"
HOST_NAME: Final = "host.name"
ENVIRONMENT: Final = "deployment.environment.name"
OLD_ENVIRONMENT: Final = "deployment.environment"
"""Where a program runs: `production`, `staging`, ..."""

# --- ours: steps --------------------------------------------------------------------------------------------------
KIND: Final = "sojourn.kind"
"""What kind of step, where `gen_ai.operation.name` cannot say it: `action`, `task`, `chain`, `guardrail`, ..."""
PENDING: Final = "sojourn.pending"
TRUNCATED: Final = "sojourn.truncated"
"""What the gateway left out of a span or record that is beyond its limits, in words."""
"""True on the snapshot of a span that has not ended; its end time is 0 and the finished span replaces it."""
ABANDONED: Final = "sojourn.stream.abandoned"
"""True when a stream was left before its end (break, close, garbage): normal use, not an error."""
USAGE_COST: Final = "sojourn.usage.cost"
"""US dollars, as the program reported them; beats every price table."""
INPUT: Final = "sojourn.input"
OUTPUT: Final = "sojourn.output"
"""JSON text of what a step that is no model or tool call (chain, action, task) took in and gave back."""
RESOURCE_ID: Final = "sojourn.resource.id"
RESOURCE_STATUS: Final = "sojourn.resource.status"
"""Of what a provider keeps (a batch, a file, a response in the background): its id, and how far it is."""
COUNTED_TOKENS: Final = "sojourn.counted.input_tokens"
"""What a provider counted when it was asked how long a prompt is; nobody pays for them."""
USAGE_AUDIO_SECONDS: Final = "sojourn.usage.audio.seconds"
"""Of sound that is billed by its length."""
LOGPROBS: Final = "sojourn.response.logprobs"
"""True when the answer came with the log probabilities of its tokens; they are not recorded."""
MODERATION_FLAGGED: Final = "sojourn.moderation.flagged"
MODERATION_CATEGORIES: Final = "sojourn.moderation.categories"
"""The categories for which a text or picture was flagged."""
LOGS: Final = "sojourn.logs"
SCREENSHOT: Final = "sojourn.screenshot"
"""What an action or tool by hand brings along besides: text it logged, a picture as URL or base64."""
TAGS: Final = "sojourn.tags"
"""Labels of one step or trace; those of the session are `sojourn.session.tags`."""
STEP_VERSION: Final = "sojourn.version"
"""The version that the program gives to a decorated step."""
GUARDRAIL_NAME: Final = "sojourn.guardrail.name"
GUARDRAIL_SPEC: Final = "sojourn.guardrail.spec"
"""What a guardrail looks at: `input` or `output`."""
GUARDRAIL_PASSED: Final = "sojourn.guardrail.passed"
GUARDRAIL_ACTION: Final = "sojourn.guardrail.action"
GUARDRAIL_SCORE: Final = "sojourn.guardrail.score"
GUARDRAIL_REASON: Final = "sojourn.guardrail.reason"
"""How it came out: whether all was well, what was done (`allow`, `block`, `redact`), how sure it is, and why."""
DECISION_KIND: Final = "sojourn.decision.kind"
"""`routing`, `handoff`, `escalation`, `retry`, ...: an open list."""
DECISION_MADE: Final = "sojourn.decision.made"
DECISION_OUTCOME: Final = "sojourn.decision.outcome"
DECISION_MATCHED: Final = "sojourn.decision.matched"
DECISION_REASONING: Final = "sojourn.decision.reasoning"
DECISION_CONDITION: Final = "sojourn.decision.condition"
DECISION_TARGET: Final = "sojourn.decision.target"
DECISION_CANDIDATES: Final = "sojourn.decision.candidates"
"""What was decided, what came of it, whether a condition held, why; where it leads, and (JSON text, a list of objects
`target`, `condition`, `result`, `reason`) what else could have been."""
HANDOFF_FROM: Final = "sojourn.handoff.from"
HANDOFF_TO: Final = "sojourn.handoff.to"
HANDOFF_REASON: Final = "sojourn.handoff.reason"
HANDOFF_TASK: Final = "sojourn.handoff.task"
"""From which agent to which the control went, and why; with a task it was lent, not given away."""
STATE_KEY: Final = "sojourn.state.key"
STATE_OLD: Final = "sojourn.state.old"
STATE_NEW: Final = "sojourn.state.new"
"""What of a program's state changed, from and to which value (JSON text)."""
RESPONSE_FORMAT: Final = "sojourn.response.format"
"""How the final answer of an agent is written: `text`, `markdown`, `json`, ..."""
REQUEST_BEGUN: Final = "sojourn.request.begun"
REQUEST_DONE: Final = "sojourn.request.done"
"""JSON text: what a runtime of agents told of a request when it took it, and when it had answered it."""
EVALUATION_BEGUN: Final = "sojourn.evaluation.begun"
EVALUATION_DONE: Final = "sojourn.evaluation.done"
"""JSON text: what a runtime told of the evaluation of a request when that began, and of what came of it."""
TRACE_NAME: Final = "sojourn.trace.name"
TRACE_END_STATE: Final = "sojourn.trace.end_state"
"""`Success`, `Fail` or `Indeterminate`, on the root of a trace that the program started by name."""
PROMPT_NAME: Final = "sojourn.prompt.name"
PROMPT_PATH: Final = "sojourn.prompt.path"
DATASET_PREFIX: Final = "sojourn.dataset."
"""What a span says of the experiment it belongs to: `run_id`, `run_name`, `item_name`, `expected_output`, ..."""
LANGGRAPH_NODE: Final = "sojourn.langgraph.node"
LANGGRAPH_STEP: Final = "sojourn.langgraph.step"
LANGGRAPH_TRIGGERS: Final = "sojourn.langgraph.triggers"
"""On a node of a graph: its name, the step of the graph, and the edges by which it was reached."""
LANGGRAPH_GOTO: Final = "sojourn.langgraph.goto"
"""The nodes to which a node, tool or agent handed over by a `Command` or `Send`."""
LANGGRAPH_CHECKPOINT_ID: Final = "sojourn.langgraph.checkpoint.id"
LANGGRAPH_CHECKPOINT_NS: Final = "sojourn.langgraph.checkpoint.ns"
"""Of a node that paused and the node that went on: the same."""
LANGGRAPH_END_STATE: Final = "sojourn.langgraph.end_state"
"""`interrupted` or `handed_over`, on a graph or node that stopped so: neither is an error. Absent otherwise."""
LANGGRAPH_RESUMED: Final = "sojourn.langgraph.resumed"
"""True on a graph that went on from a checkpoint, where it had paused."""
RUN_NAME: Final = "sojourn.run.name"
"""The name that the program gave to a call whose span is named by the conventions."""
CUSTOM_EVENT: Final = "sojourn.custom_event"
EVENT_DATA: Final = "sojourn.event.data"
"""A span event that the program dispatched by itself, under `event.name`, and the JSON text it brought along."""
EVENT_ID: Final = "sojourn.event.id"
"""The id that a step or error by hand has in its program; sent again, it is the same step."""
EVENT_PROMPT_FORM: Final = "sojourn.event.prompt_form"
EVENT_COMPLETION_FORM: Final = "sojourn.event.completion_form"
"""`chatml` when a prompt or completion by hand came as messages, `string` when it was one text."""
PRINTED_LINES: Final = "sojourn.printed.lines"
"""On a line of what a program printed and sent as a whole: how many lines that whole has."""
CLIENT_FAULT: Final = "sojourn.client_fault"
SDK_VERSION: Final = "telemetry.sdk.version"
"""A fault that a client reports of itself, as an event of a log, and the version of that client."""
THREAD_AGENT_ID: Final = "sojourn.thread.agent.id"
"""Whose conversation it is, where a program declares one."""
RETRY_EVENT: Final = "sojourn.retry"
RETRY_ATTEMPT: Final = "sojourn.retry.attempt"
"""How many times a step has been tried, on the step or on the event of a retry inside it."""
BATCH_REQUESTS: Final = "sojourn.batch.requests"
BATCH_PROCESSING: Final = "sojourn.batch.processing"
BATCH_SUCCEEDED: Final = "sojourn.batch.succeeded"
BATCH_ERRORED: Final = "sojourn.batch.errored"
BATCH_CANCELED: Final = "sojourn.batch.canceled"
BATCH_EXPIRED: Final = "sojourn.batch.expired"
"""How many requests a batch holds, and how many of them are so far."""
BATCH_INPUT_TOKENS: Final = "sojourn.batch.input_tokens"
BATCH_OUTPUT_TOKENS: Final = "sojourn.batch.output_tokens"
"""Of the results that were read; apart from a call's own tokens, since results are read more than once."""

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

ERROR_OWN: Final = "sojourn.error.own"
"""On an error by hand: whether it counts by itself, since no span failed by the same exception."""

OBSERVED: Final = "sojourn.observed"
"""A key of OpenTelemetry's context, not an attribute: set while a library works on a call that is recorded, so that
the span which the library itself makes of it is not recorded as a second call."""

METADATA_PREFIX: Final = "sojourn.metadata."
METADATA_PREFIXES: Final = (METADATA_PREFIX, "agentmark.metadata.", "ai.telemetry.metadata.")
"""Under which spans tell metadata: those of AgentMark and of Vercel's AI SDK are read, never written."""
PROMOTED_PREFIXES: Final = ("agentmark.", *METADATA_PREFIXES[1:])
"""Under which AgentMark's SDKs tell the facts that it promotes to fields, such as `prompt_name`; strongest first."""
LEGACY_PREFIX: Final = "agentops.legacy."
"""What programs of AgentOps 0.4 say beside the state when they end a session, under the name that it has there."""

# --- older spellings: read, never written -------------------------------------------------------------------------
OLD_SYSTEM: Final = "gen_ai.system"
OLD_USAGE_PROMPT_TOKENS: Final = "gen_ai.usage.prompt_tokens"
OLD_USAGE_COMPLETION_TOKENS: Final = "gen_ai.usage.completion_tokens"
OLD_USAGE_CACHE_CREATION_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"

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
    # Pydantic AI
    "all_messages_events",
    "pydantic_ai.all_messages",
    "final_result",
    "model_request_parameters",
    "tool_arguments",
    "tool_response",
    "logfire.msg",
    # Google's agent development kit
    "gcp.vertex.agent.llm_request",
    "gcp.vertex.agent.llm_response",
    "gcp.vertex.agent.tool_call_args",
    "gcp.vertex.agent.tool_response",
    "gcp.vertex.agent.data",
)
FOREIGN_NO_CONTENT: Final = (GEN_AI_PROMPT_NAME, GEN_AI_PROMPT_VERSION, "llm.prompt_template.version")
"""Under the same beginnings, and no content."""
FOREIGN_VOCABULARIES: Final = ("gen_ai.", "llm.", "openinference.", "traceloop.")
"""Those of OpenTelemetry GenAI, OpenInference and OpenLLMetry: a span with one of these speaks of models."""
