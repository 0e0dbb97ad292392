"""Sessions in the words of AgentOps' session era."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sojourn_gateway.apis.agentops.ended import end_of
from sojourn_gateway.apis.agentops.times import present_time
from sojourn_gateway.ingest.agentops_events import trace_id_of

if TYPE_CHECKING:
    from sojourn_gateway.apis.agentops.exported import Row
    from sojourn_gateway.model.session import Session, SessionSummary
    from sojourn_gateway.model.span import Json

__all__ = ["present_recorded", "present_session", "present_stats"]


def present_stats(session: SessionSummary, state: str) -> dict[str, Any]:
    """The documented statistics; duration, state and counts by kind stand beside those that the service gave."""
    events = session.model_calls + session.tool_calls + session.actions + session.errors
    cost = session.cost.usd
    return {
        "session_id": session.id,
        "cost": "0.00" if not events else None if cost is None else float(cost),
        "events": events,
        "prompt_tokens": session.tokens.input,
        "completion_tokens": session.tokens.output,
        "errors": session.errors,
        "total_tokens": session.tokens.total,
        "cache_read_tokens": session.tokens.cache_read,
        "reasoning_tokens": session.tokens.reasoning,
        "llms": session.model_calls,
        "tools": session.tool_calls,
        "actions": session.actions,
        "unpriced": session.cost.unpriced,
        "duration": session.duration_ms / 1000,
        "end_state": state,
    }


def present_recorded(row: Row) -> dict[str, Any]:
    """A call of a model for time travel: its prompt, and what stands in for the provider's answer."""
    told = row.told
    returns = told["returns"]
    if returns in (None, ""):
        returns = _answered(told)
    elif not isinstance(returns, str):
        returns = json.dumps(returns, ensure_ascii=False)
    return {"id": row.id, "prompt": told["prompt"], "returns": returns, "completion": told["completion"]}


def present_session(session: Session, project_id: str, base_url: str) -> dict[str, Json]:
    """What an export says of the session itself."""
    summary = session.summary
    state, ended_ns = end_of(session)
    log = summary.id if summary.implicit else trace_id_of(summary.id).hex()
    return {
        "id": summary.id,
        "project_id": project_id,
        "project_id_secondary": project_id,
        "init_timestamp": present_time(summary.start_ns),
        "end_timestamp": None if ended_ns is None else present_time(ended_ns),
        "tags": list(summary.tags),
        "end_state": state,
        "end_state_reason": summary.reason or None,
        "video": session.video or None,
        "host_env": dict(session.host) or None,
        "logs_url": f"{base_url}v4/logs/{log}",
        "agents": dict(session.agents),
    }


def _answered(told: dict[str, Json]) -> str | None:
    """What a provider's client can take for an answer of its server, made of the completion that was recorded."""
    completion = told["completion"]
    if completion is None:
        return None
    message = completion.get("messages") or {"role": "assistant", "content": completion.get("string", "")}
    asked, replied = told["prompt_tokens"] or 0, told["completion_tokens"] or 0
    answer = {
        "id": told["id"],
        "object": "chat.completion",
        "created": 0,
        "model": told["model"] or "",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": asked, "completion_tokens": replied, "total_tokens": asked + replied},
    }
    return json.dumps(answer, ensure_ascii=False)
