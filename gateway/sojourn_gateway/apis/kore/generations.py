"""The ledger: all calls of models of a project."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from sojourn_gateway.apis.kore.parameters import Parameters
from sojourn_gateway.apis.kore.plan import plan
from sojourn_gateway.apis.kore.reading import events_planned
from sojourn_gateway.apis.kore.times import present_time
from sojourn_gateway.model.calls_ask import CallsAsk, SortCalls

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from starlette.datastructures import QueryParams

    from sojourn_gateway.apis.kore.event import Event
    from sojourn_gateway.asgi.services import Services

__all__ = ["MODES", "Ledger", "ledger", "narrowed_ledger", "parse_ledger", "present_generation"]

Mode = Literal["summary", "full"]

_SORTS: Final[tuple[SortCalls, ...]] = get_args(SortCalls)
_ORDERS: Final = ("asc", "desc")
_STATUSES: Final = ("success", "failed")
MODES: Final[tuple[Mode, ...]] = get_args(Mode)
_MOST_SESSIONS: Final = 10_000
_CALLS_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is asked of the ledger."""

    ask: CallsAsk
    is_full: bool


def parse_ledger(query: QueryParams) -> Ledger:
    """The parameters."""
    given = Parameters(query)
    ask = CallsAsk(
        limit=given.limit(), offset=given.offset(), since_ns=given.moment("from"), until_ns=given.moment("to")
    )
    return narrowed_ledger(given, ask)


def narrowed_ledger(given: Parameters, ask: CallsAsk) -> Ledger:
    """What is asked, with the filters that all ledgers have."""
    status = given.choice("status", _STATUSES)
    ask = replace(
        ask,
        session_ids=given.texts("sessionId", _MOST_SESSIONS),
        agent=given.text("agentName"),
        model=given.text("model"),
        provider=given.text("provider"),
        failed=None if status is None else status == "failed",
        sort_by=given.choice("sortBy", _SORTS) or "timestamp",
        descending=given.choice("sortOrder", _ORDERS) != "asc",
    )
    return Ledger(ask, given.choice("dataMode", MODES) == "full")


def ledger(serving: Services, asked: Ledger) -> tuple[Iterator[Event], int]:
    """The calls of a page, which are read as they are taken, and how many there are."""
    keys, total = serving.queries.outlines.calls(serving.project, asked.ask)
    return _events(serving, keys), total


def _events(serving: Services, keys: Sequence[tuple[str, str]]) -> Iterator[Event]:
    """In the order of the keys, with the content of some hundred in memory."""
    for begin in range(0, len(keys), _CALLS_AT_ONCE):
        page = keys[begin : begin + _CALLS_AT_ONCE]
        wanted = set(page)
        # Of their sessions, which may be large, the traces alone that they lie in.
        outlines = serving.queries.outlines.of_traces(serving.project, list(dict.fromkeys(trace for trace, _ in page)))
        chosen = (
            (planned, rank, session_id)
            for session_id, outline in outlines.items()
            for rank, planned in enumerate(plan(outline))
            if planned.type == "llm_call" and (planned.trace_id, planned.span_id) in wanted
        )
        found = {(event.trace_id, event.span_id): event for event in events_planned(serving, chosen)}
        yield from (found[key] for key in page if key in found)


def present_generation(event: Event, *, is_full: bool) -> dict[str, Any]:
    """A line of the ledger."""
    data = event.data
    usage: dict[str, Any] = data.get("usage", {})
    messages: list[dict[str, Any]] | None = data.get("messages")
    prompt: dict[str, Any] = data.get("prompt", {})
    told: dict[str, Any] = {
        "id": event.id,
        "eventId": event.id,
        "sessionId": event.session_id,
        "traceId": event.trace_id,
        "spanId": event.span_id,
        "agentName": event.agent_name,
        "model": data.get("model"),
        "provider": data.get("provider"),
        "status": "failed" if event.has_error else "success",
        "inputTokens": usage.get("inputTokens", 0),
        "cachedTokens": usage.get("cachedTokens", 0),
        "reasoningTokens": usage.get("reasoningTokens", 0),
        "outputTokens": usage.get("outputTokens", 0),
        "totalTokens": usage.get("totalTokens", 0),
        "latencyMs": event.duration_ms,
        "timeToFirstTokenMs": data.get("timeToFirstTokenMs"),
        "streamingUsed": data.get("streamingUsed", False),
        "cost": data.get("estimatedCost"),
        "timestamp": present_time(event.timestamp_ns),
        "prompt": None,
    }
    if messages is not None or prompt:
        told["prompt"] = {
            "name": prompt.get("name"),
            "version": prompt.get("version"),
            "messageCount": len(messages or ()),
            "characters": sum(len(one["content"]) for one in messages or ()),
        }
    if is_full:
        told["payload"] = {"request": messages, "response": data.get("response")}
    return told
