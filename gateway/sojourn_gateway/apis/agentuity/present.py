"""Ours to Agentuity's: requests as sessions, sessions as threads, runs of evaluations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.apis.agentuity.addresses import path_of, present_address
from sojourn_gateway.apis.agentuity.timeline import present_timeline
from sojourn_gateway.apis.agentuity.times import present_time
from sojourn_gateway.engine.values import as_json
from sojourn_gateway.model.log import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.model.log import LogLine
    from sojourn_gateway.model.request import Conversation, Evaluation, Request
    from sojourn_gateway.model.span import Json
    from sojourn_gateway.model.trace import Trace

__all__ = [
    "present_eval",
    "present_line",
    "present_run",
    "present_session",
    "present_session_id",
    "present_thread",
    "present_whole",
]

_LEVELS: Final = tuple((max(floor, 1), word.upper()) for word, floor in reversed(SEVERITIES.items()))


def present_session_id(trace_id: str, own_id: str = "") -> str:
    """The id that its runtime gave a request, else the one that its trace's makes."""
    return own_id or f"sess_{trace_id}"


def present_session(request: Request) -> dict[str, Any]:
    """One line of the list."""
    return {
        "id": present_session_id(request.trace_id, request.own_id),
        "created_at": present_time(request.start_ns),
        "updated_at": present_time(request.heard_ns),
        "deleted": False,
        "deleted_at": None,
        "deleted_by": None,
        "start_time": present_time(request.start_ns),
        "end_time": None if request.end_ns is None else present_time(max(request.end_ns, request.start_ns)),
        "duration": request.duration_ns,
        "org_id": request.org,
        "project_id": request.project,
        "deployment_id": request.deployment,
        "agent_ids": list(request.agent_ids),
        "trigger": request.trigger,
        "env": request.env,
        "devmode": request.devmode,
        "pending": request.pending,
        "success": request.success,
        "error": request.error or None,
        "metadata": request.metadata,
        "cpu_time": None,
        "llm_cost": request.cost,
        "llm_prompt_token_count": request.input_tokens,
        "llm_completion_token_count": request.output_tokens,
        "total_cost": request.cost,
        "method": request.method or None,
        "url": present_address(request.url, request.origin),
        "route_id": request.route or None,
        "thread_id": request.conversation,
        "timeline": None,
        "user_data": request.user_data or None,
    }


def present_whole(request: Request, trace: Trace, runs: Sequence[Evaluation]) -> dict[str, Any]:
    """One session with all that belongs to it."""
    route = {"id": request.route, "method": request.method, "path": path_of(request.url)} if request.route else None
    return {
        "session": {**present_session(request), "timeline": present_timeline(trace)},
        "agents": [{"name": agent.name, "identifier": agent.identifier} for agent in request.agents],
        "eval_runs": [_run_of_session(run) for run in runs],
        "route": route,
    }


def present_thread(conversation: Conversation) -> dict[str, Any]:
    """One thread."""
    return {
        "id": conversation.id,
        "created_at": present_time(conversation.start_ns),
        "updated_at": present_time(max(conversation.heard_ns, conversation.start_ns)),
        "deleted": False,
        "deleted_at": None,
        "deleted_by": None,
        "org_id": conversation.org,
        "project_id": conversation.project,
        "user_data": None,
        "metadata": conversation.metadata,
    }


def present_line(line: LogLine) -> dict[str, str]:
    """One line of a log, its severity in OpenTelemetry's words."""
    level = next((word for floor, word in _LEVELS if line.severity >= floor), line.level.upper() or "INFO")
    return {"body": as_json(line.message), "severity": level, "timestamp": present_time(line.time_ns)}


def present_run(run: Evaluation) -> dict[str, Any]:
    """One run, as the lists of runs have it."""
    return {
        "id": run.id,
        "sessionId": run.session_id,
        "evalId": run.eval_id,
        "evalIdentifier": run.eval_identifier or None,
        "evalName": run.eval_name or None,
        "agentIdentifier": run.agent or None,
        "orgId": run.org,
        "projectId": run.project,
        "deploymentId": run.deployment or None,
        "devmode": run.devmode,
        "pending": run.end_ns is None,
        "success": run.success,
        "error": run.error or None,
        "result": run.result,
        "createdAt": present_time(run.start_ns),
        "updatedAt": present_time(run.end_ns or run.start_ns),
    }


def present_eval(runs: Sequence[Evaluation]) -> dict[str, Any]:
    """One evaluation, of which these are all runs, newest first."""
    newest = runs[0]

    def said(name: str) -> str:
        return next((str(found) for run in runs if (found := getattr(run, name))), "")

    identifier = said("eval_identifier")
    return {
        "id": newest.eval_id,
        "name": said("eval_name") or identifier or newest.eval_id,
        "description": said("about") or None,
        "identifier": identifier or None,
        "agentIdentifier": said("agent"),
        "orgId": said("org"),
        "projectId": newest.project,
        "devmode": newest.devmode,
        "createdAt": present_time(min(run.start_ns for run in runs)),
        "updatedAt": present_time(max(run.end_ns or run.start_ns for run in runs)),
    }


def _run_of_session(run: Evaluation) -> dict[str, Any]:
    return {
        "id": run.id,
        "created_at": present_time(run.start_ns),
        "eval_id": run.eval_id,
        "pending": run.end_ns is None,
        "success": run.success,
        "error": run.error or None,
        "result": _as_object(run.result),
    }


def _as_object(result: Json) -> Json:
    """What came of a run: clients take an object here, or null."""
    if result is None or isinstance(result, dict):
        return result  # pyright: ignore[reportUnknownVariableType]  # JSON of a sender
    return {"value": result}
