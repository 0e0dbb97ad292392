"""What AgentOps' contract sends and answers, as JSON Schema."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["EVENTS", "SCHEMAS", "Schema", "listed", "of", "reference"]

Schema = dict[str, Any]


def of(members: dict[str, Schema], *required: str) -> Schema:
    """An object; what it has beside the members is open."""
    told: Schema = {"type": "object", "properties": members}
    return {**told, "required": list(required)} if required else told


def reference(name: str) -> Schema:
    """One of `SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


def listed(name: str) -> Schema:
    """A list of them."""
    return {"type": "array", "items": reference(name)}


def _all(**members: Schema) -> Schema:
    """An object that has all of its members."""
    return of(members, *members)


_TEXT: Final[Schema] = {"type": "string"}
_MAYBE: Final[Schema] = {"type": ["string", "null"]}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_NUMBER: Final[Schema] = {"type": "number"}
_AMOUNT: Final[Schema] = {"type": "string", "pattern": r"^\d+\.\d+$"}
_MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
_MAYBE_MOMENT: Final[Schema] = {"type": ["string", "null"], "format": "date-time"}
_FLAG: Final[Schema] = {"type": "boolean"}
_ANY: Final[Schema] = {}
_OBJECT: Final[Schema] = {"type": "object"}
_TEXTS: Final[Schema] = {"type": "array", "items": _TEXT}
_STATE: Final[Schema] = {"enum": ["Success", "Fail", "Indeterminate"]}

_TOKENS: Final[dict[str, Schema]] = dict.fromkeys(
    ("prompt_tokens", "completion_tokens", "cache_read_input_tokens", "reasoning_tokens", "total_tokens"), _COUNT
)
_COSTS: Final[dict[str, Schema]] = dict.fromkeys(("prompt_cost", "completion_cost", "total_cost"), _AMOUNT)
_COUNTS: Final[dict[str, Schema]] = dict.fromkeys(
    ("span_count", "trace_count", "success_count", "fail_count", "indeterminate_count"), _COUNT
)
_FIGURES: Final = {**_COUNTS, **_TOKENS, **_COSTS, "average_cost_per_trace": _AMOUNT}
_SPAN_FIGURES: Final = {
    **_TOKENS,
    **_COSTS,
    **dict.fromkeys(("success_tokens", "fail_tokens", "indeterminate_tokens"), _COUNT),
}
_ROW: Final[dict[str, Schema]] = {
    "span_id": _TEXT,
    "parent_span_id": _MAYBE,
    "span_name": _TEXT,
    "span_kind": _TEXT,
    "start_time": _MOMENT,
    "end_time": _MAYBE_MOMENT,
    "duration": _COUNT,
    "status_code": {"enum": ["OK", "ERROR", "UNSET"]},
    "status_message": _TEXT,
}
_SPAN: Final = {**_ROW, "service_name": _TEXT} | dict.fromkeys(
    ("attributes", "resource_attributes", "span_attributes"), _OBJECT
)
_STEP: Final[dict[str, Schema]] = {
    "id": _TEXT,
    "session_id": _TEXT,
    "agent_id": _TEXT,
    "init_timestamp": _MOMENT,
    "end_timestamp": _MAYBE_MOMENT,
    "params": _ANY,
    "returns": _ANY,
}

EVENTS: Final = of({"events": {"type": "array", "items": reference("Event")}}, "events")
"""What writes events."""

SCHEMAS: Final[dict[str, Schema]] = {
    "MessageFault": _all(path=_TEXT, message=_TEXT),
    "ErrorFault": _all(error=_TEXT),
    "DetailFault": _all(detail=_TEXT, error=_TEXT),
    "SessionWritten": of(
        {
            "session_id": {"type": "string", "format": "uuid"},
            "init_timestamp": _MOMENT,
            "end_timestamp": _MAYBE_MOMENT,
            "end_state": _MAYBE,
            "end_state_reason": _MAYBE,
            "tags": {"type": ["array", "null"], "items": _TEXT},
            "host_env": {"type": ["object", "null"]},
            "video": _MAYBE,
            "is_running": _FLAG,
        },
        "session_id",
    ),
    "Begun": _all(status={"const": "Success"}, jwt=_TEXT, session_url=_TEXT),
    "Updated": _all(status={"const": "success"}, token_cost=_TEXT, session_url=_TEXT),
    "Event": of(
        {
            "id": _MAYBE,
            "event_type": {"type": "string", "minLength": 1, "examples": ["llms", "tools", "actions", "errors"]},
            "init_timestamp": {"type": ["string", "null"]},
            "end_timestamp": {"type": ["string", "null"]},
            "agent_id": _MAYBE,
            "params": _ANY,
            "returns": _ANY,
            "model": _MAYBE,
            "prompt": _ANY,
            "completion": _ANY,
            "prompt_tokens": {"type": ["integer", "null"], "minimum": 0},
            "completion_tokens": {"type": ["integer", "null"], "minimum": 0},
            "cost": {"type": ["number", "null"], "minimum": 0},
            "name": _MAYBE,
            "logs": _ANY,
            "error_type": _MAYBE,
            "details": _ANY,
        },
        "event_type",
    ),
    "Stats": of(
        {
            "session_id": _TEXT,
            "cost": {"type": ["number", "string", "null"]},
            **dict.fromkeys(
                ("events", "prompt_tokens", "completion_tokens", "errors", "total_tokens", "llms", "tools", "actions"),
                _COUNT,
            ),
            "duration": _NUMBER,
            "end_state": _STATE,
        },
        *("session_id", "cost", "events", "prompt_tokens", "completion_tokens", "errors", "duration", "end_state"),
    ),
    "Export": _all(
        session=of(
            {
                "id": _TEXT,
                "project_id": _TEXT,
                "init_timestamp": _MOMENT,
                "end_timestamp": _MAYBE_MOMENT,
                "tags": _TEXTS,
                "end_state": _STATE,
                "end_state_reason": _MAYBE,
                "host_env": {"type": ["object", "null"]},
            },
            *(
                "id",
                "project_id",
                "init_timestamp",
                "end_timestamp",
                "tags",
                "end_state",
                "end_state_reason",
                "host_env",
            ),
        ),
        actions=listed("ActionRow"),
        llms=listed("CallRow"),
        tools=listed("ToolRow"),
        errors=listed("ErrorRow"),
        others=listed("ActionRow"),
        statistics=reference("Stats"),
    ),
    "ActionRow": of({**_STEP, "action_type": _TEXT, "logs": _ANY, "screenshot": _MAYBE}, *_STEP, "action_type"),
    "CallRow": of(
        {
            **_STEP,
            "thread_id": _MAYBE,
            "prompt": _ANY,
            "completion": _ANY,
            "model": _MAYBE,
            "prompt_tokens": {"type": ["integer", "null"]},
            "completion_tokens": {"type": ["integer", "null"]},
            "cost": {"type": ["number", "null"]},
        },
        *(*_STEP, "prompt", "completion", "model", "prompt_tokens", "completion_tokens", "cost"),
    ),
    "ToolRow": of({**_STEP, "name": _TEXT, "logs": _ANY}, *_STEP, "name"),
    "ErrorRow": of(
        {
            "id": {"type": "integer"},
            "session_id": _TEXT,
            "trigger_event_id": _MAYBE,
            "trigger_event_type": _MAYBE,
            "error_type": _MAYBE,
            "code": _MAYBE,
            "details": _MAYBE,
            "logs": _MAYBE,
            "timestamp": _MOMENT,
        },
        *("id", "session_id", "error_type", "timestamp"),
    ),
    "Recorded": _all(id=_TEXT, prompt=_ANY, returns=_MAYBE, completion=_ANY),
    "Token": _all(token=_TEXT, project_id=_TEXT, project_prem_status=_TEXT),
    "Claims": _all(message=_TEXT, payload=_OBJECT, expires_at=_MOMENT),
    "Uploaded": _all(url=_TEXT, size=_COUNT),
    "Printed": _all(content=_TEXT, trace_id=_TEXT, freeplan_truncated=_FLAG),
    "Figures": _all(**_FIGURES),
    "SpanFigures": _all(**_SPAN_FIGURES),
    "ProjectFigures": of(
        {"project_id": _TEXT, "trace_count": _COUNT, "span_count": _OBJECT, "token_metrics": _OBJECT},
        *("project_id", "trace_count", "span_count", "token_metrics", "duration_metrics"),
    ),
    "SpanRow": _all(**_ROW),
    "Span": _all(**_SPAN),
    "Trace": _all(trace_id=_TEXT, project_id=_TEXT, tags=_TEXTS, spans=listed("SpanRow")),
    "Detail": _all(
        trace_id=_TEXT,
        project_id=_TEXT,
        tags=_TEXTS,
        metrics=reference("Figures"),
        spans=listed("WholeSpan"),
        freeplan_truncated=_FLAG,
    ),
    "WholeSpan": _all(
        **_SPAN,
        span_type={"enum": ["request", "agent", "tool", "other"]},
        event_timestamps={"type": "array", "items": _MOMENT},
        event_names=_TEXTS,
        event_attributes={"type": "array", "items": _OBJECT},
        metrics={"oneOf": [reference("SpanFigures"), {"type": "null"}]},
        freeplan_truncated=_FLAG,
    ),
    "Traces": _all(
        traces={
            "type": "array",
            "items": _all(
                trace_id=_TEXT,
                root_service_name=_TEXT,
                root_span_name=_TEXT,
                start_time=_MOMENT,
                end_time=_MOMENT,
                duration=_COUNT,
                span_count=_COUNT,
                error_count=_COUNT,
                tags=_TEXTS,
                total_cost=_AMOUNT,
                freeplan_truncated=_FLAG,
            ),
        },
        metrics=reference("Figures"),
        total=_COUNT,
        limit=_COUNT,
        offset=_COUNT,
    ),
}
