"""A project's analytics: sums over events and sessions, events themselves, costs, and single agents."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.apis.kore.faults import bad_parameter, missing
from sojourn_gateway.apis.kore.parse import parse_summed
from sojourn_gateway.apis.kore.plan import decision_kind
from sojourn_gateway.apis.kore.project_asks import parse_agent, parse_costs, parse_events, parse_measuring
from sojourn_gateway.apis.kore.question import question
from sojourn_gateway.apis.kore.reading import events_planned, read_all, summaries_of
from sojourn_gateway.apis.kore.states import DISPOSITIONS, ENDED, QUIET_NS
from sojourn_gateway.apis.kore.times import present_amount, present_time
from sojourn_gateway.model.happening import CATEGORIES, Happened, HappeningsAsk
from sojourn_gateway.model.metrics import MetricsAsk
from sojourn_gateway.model.session import SessionsAsk
from sojourn_gateway.model.where import AllOf, Among, Compare, Field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from starlette.datastructures import QueryParams

    from sojourn_gateway.apis.kore.event import Event
    from sojourn_gateway.apis.kore.plan import Planned
    from sojourn_gateway.apis.kore.project_asks import Costs, Measuring
    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.model.happening import Sum
    from sojourn_gateway.model.metrics import Measure
    from sojourn_gateway.model.session import SessionSummary

__all__ = ["about_agent", "answer_analytics", "measured"]

_PRICED: Final = ("llm_call", "tool_result")
_OPEN: Final = "open"
_STATES: Final[dict[str, str]] = {str(state): str(word) for state, word in ENDED.items()} | {_OPEN: _OPEN}
_LAST_NS: Final = 9_214_646_400_000_000_000
"""2262: behind all that a store of nanoseconds holds."""
_SESSION: Final = Field("session_id", "string")
_STATE: Final = Field("state", "string")
_DISPOSITION: Final = Field("disposition", "string")
_AGENT: Final = Field("agent", "string")


def answer_analytics(serving: Services, parts: Sequence[str], query: QueryParams) -> dict[str, Any]:
    """What a GET below `/analytics/` asks for. Raises a 404 when there is nothing of that name."""
    if any(parts[1:]) and parts[0] == "agents":
        return _told(about_agent(serving, "/".join(parts[1:]), parse_agent(query)))
    found = _PARTS.get("/".join(parts))
    if found is None:
        raise missing("Route")
    return _told(found(serving, query))


def measured(serving: Services, asked: Measuring) -> dict[str, Any]:
    """The sums that `metrics` and `query` tell."""
    priced = "sum_cost" in asked.metrics
    page = serving.queries.happenings.sums(serving.project, asked.ask, asked.groups, priced=priced)
    buckets = [
        {
            **{name: _key(name, key) for name, key in zip(asked.groups, one.keys, strict=True)},
            **{name: _MEASURES[name](one) for name in asked.metrics},
        }
        for one in page.items
    ]
    return {
        "buckets": buckets,
        "total": page.total,
        "hasMore": asked.ask.offset + len(buckets) < page.total,
        "groupBy": list(asked.groups),
        "metrics": list(asked.metrics),
    }


def about_agent(serving: Services, name: str, ask: HappeningsAsk) -> dict[str, Any]:
    """What an agent did. Raises a 404 when no session ever knew it."""
    limits = HappeningsAsk(ask.since_ns, ask.until_ns, agent=name, limit=ask.limit)
    # What else would be asked of the store fails for a text that no name can be.
    known = SessionsAsk(limit=1, include_implicit=True, where=Compare(_AGENT, "equals", name))
    sums = serving.queries.happenings.sums(serving.project, limits, ("event_type",), priced=True).items
    if not sums and not serving.queries.sessions(serving.project, known).total:
        raise missing("Agent")
    by_type = {str(one.keys[0]): one for one in sums}
    calls, results = by_type.get("llm_call"), by_type.get("tool_result")
    count = sum(one.count for one in sums)
    return {
        "agent_name": name,
        "event_count": count,
        "events_by_type": {kind: one.count for kind, one in by_type.items()},
        "llm_call_count": calls.count if calls else 0,
        "avg_latency_ms": _rounded(calls.mean_ms if calls else None),
        "p95_latency_ms": _rounded(calls.p95_ms if calls else None),
        "total_tokens": calls.tokens if calls else 0,
        "total_cost": present_amount(_cost([one for one in (calls, results) if one is not None])),
        "tool_call_count": by_type["tool_call"].count if "tool_call" in by_type else 0,
        "tool_success_rate": (results.count - results.failed) / results.count if results else None,
        "handoff_count": sum(one.count for kind, one in by_type.items() if CATEGORIES.get(kind) == "handoff"),
        "error_count": by_type["error"].count if "error" in by_type else 0,
        "error_rate": sum(one.failed for one in sums) / count if count else None,
    }


def _told(data: dict[str, Any]) -> dict[str, Any]:
    return {"success": True, "data": data}


def _metrics(serving: Services, query: QueryParams) -> dict[str, Any]:
    return measured(serving, parse_measuring(query))


def _events(serving: Services, query: QueryParams) -> dict[str, Any]:
    ask = parse_events(query)
    page = serving.queries.happenings.page(serving.project, ask)
    events = [_present(event, kind) for event, kind in _found(serving, page.items)]
    return {
        "events": events,
        "total": page.total,
        "limit": ask.limit,
        "offset": ask.offset,
        "hasMore": ask.offset + len(page.items) < page.total,
    }


def _session_metrics(serving: Services, query: QueryParams) -> dict[str, Any]:
    ask = question(serving, parse_summed(query))
    sums = serving.queries.happenings.sessions(serving.project, ask, _STATES, DISPOSITIONS)
    whole = sums[""]
    by_status = {word: one.count for word, one in sums.items() if word not in ("", _OPEN)}
    if _OPEN in sums:
        active = _active(serving, ask)
        by_status |= {"active": active, "idle": max(sums[_OPEN].count - active, 0)}
    return {
        "total_sessions": whole.count,
        "sessions_by_status": {word: count for word, count in sorted(by_status.items()) if count},
        "avg_duration_ms": _rounded(whole.mean_ms),
        "p50_duration_ms": _rounded(whole.p50_ms),
        "p95_duration_ms": _rounded(whole.p95_ms),
        "avg_turns": whole.turns / whole.count if whole.count else None,
        "llm_call_count": whole.model_calls,
        "tool_call_count": whole.tool_calls,
        "total_tokens": whole.tokens,
        "total_cost": present_amount(whole.cost),
        "sessions_with_errors": whole.failed,
        "error_rate": whole.failed / whole.count if whole.count else None,
    }


def _active(serving: Services, ask: SessionsAsk) -> int:
    """How many of the open sessions that are meant are at work."""
    running = tuple(serving.queries.outlines.running(serving.project, QUIET_NS))
    at_work = (
        Compare(_STATE, "equals", "open"),
        Among(_DISPOSITION, tuple(DISPOSITIONS), negated=True),
        Among(_SESSION, running),
        *(() if ask.where is None else (ask.where,)),
    )
    asked = SessionsAsk(
        limit=1, since_ns=ask.since_ns, until_ns=ask.until_ns, include_implicit=True, where=AllOf(at_work)
    )
    return serving.queries.sessions(serving.project, asked).total if running else 0


def _costs(serving: Services, query: QueryParams) -> dict[str, Any]:
    asked = parse_costs(query)
    parts = _by_model(serving, asked) if asked.group == "model" else _by_group(serving, asked)
    known = [part["cost"] for part in parts if part["cost"] is not None]
    whole = round(sum(known), 12) if known or not parts else None
    for part in parts:
        part["share"] = part["cost"] / whole if whole and part["cost"] is not None else None
    return {
        "groupBy": asked.group,
        "currency": "USD",
        "total_cost": whole,
        "total_tokens": sum(part["total_tokens"] for part in parts),
        "breakdown": sorted(parts, key=lambda part: (-(part["cost"] or 0), str(part[asked.group]))),
    }


def _by_model(serving: Services, asked: Costs) -> list[dict[str, Any]]:
    since_ns = asked.ask.since_ns or 0
    until_ns = _LAST_NS if asked.ask.until_ns is None else max(asked.ask.until_ns - 1, 0)
    ask = MetricsAsk(since_ns=since_ns, until_ns=until_ns, bucket="day", group_by="model")
    groups = list(serving.queries.metrics(serving.project, ask).groups or ())
    tokens, dollars = _without_model(serving, asked, [one for _, one in groups])
    parts = [(model or None, one.requests, one.tokens.total, one.cost.usd) for model, one in groups]
    if tokens or dollars:
        unnamed = [part for part in parts if part[0] is None]
        known = [part[3] for part in unnamed if part[3] is not None]
        parts = [part for part in parts if part[0] is not None]
        calls, more = sum(part[1] for part in unnamed), sum(part[2] for part in unnamed)
        parts.append((None, calls, tokens + more, sum(known, start=dollars) if known or dollars else None))
    return [
        {"model": model, "call_count": calls, "total_tokens": used, "cost": present_amount(cost)}
        for model, calls, used, cost in parts
    ]


def _without_model(serving: Services, asked: Costs, groups: Sequence[Measure]) -> tuple[int, Decimal]:
    """Tokens and dollars that all other ways to part them hold as well: of tools, and of calls around others."""
    ask = HappeningsAsk(asked.ask.since_ns, asked.ask.until_ns, types=_PRICED, limit=1)
    tokens, dollars = 0, Decimal(0)
    for whole in serving.queries.happenings.sums(serving.project, ask, (), priced=True).items:
        tokens, dollars = tokens + whole.tokens, dollars + (whole.cost or 0)
    for one in groups:
        tokens, dollars = tokens - one.tokens.total, dollars - (one.cost.usd or 0)
    return max(tokens, 0), max(dollars, Decimal(0))


def _by_group(serving: Services, asked: Costs) -> list[dict[str, Any]]:
    group = asked.group
    assert group != "model"
    ask = HappeningsAsk(asked.ask.since_ns, asked.ask.until_ns, types=_PRICED, limit=asked.ask.limit)
    page = serving.queries.happenings.sums(serving.project, ask, (group, "event_type"), priced=True)
    if page.total > ask.limit:
        # Of some of them, the whole and the shares would be wrong.
        raise bad_parameter("groupBy", f"parts what there is into more than {ask.limit:,}: ask for a shorter time")
    found: dict[str | int | None, list[Sum]] = {}
    for one in page.items:
        found.setdefault(one.keys[0], []).append(one)
    return [
        {
            group: _key(group, key),
            "call_count": sum(one.count for one in those if one.keys[1] == "llm_call"),
            "total_tokens": sum(one.tokens for one in those),
            "cost": present_amount(_cost(those)),
        }
        for key, those in found.items()
    ]


def _found(serving: Services, wanted: Sequence[Happened]) -> Iterator[tuple[Event, str | None]]:
    """The events of a page, in its order, each with its kind when it is a decision; of one that is gone nothing."""
    # Without their sessions, which may be large, and of which there may be one for each event.
    places: dict[Happened, list[tuple[Planned, int, str]]] = {}
    sought = set(wanted)
    summaries: Sequence[SessionSummary] = summaries_of(serving, sorted({one.session_id for one in wanted}))
    for session in read_all(serving, summaries):
        for rank, planned in enumerate(session.planned):
            if (place := _place(planned, session.summary.id)) in sought:
                places.setdefault(place, []).append((planned, rank, session.summary.id))
    chosen = [places[one].pop(0) for one in wanted if places.get(one)]
    for event, (planned, *_) in zip(events_planned(serving, chosen), chosen, strict=True):
        yield event, decision_kind(planned)


def _place(planned: Planned, session_id: str) -> Happened:
    if planned.line is not None:
        return Happened(session_id, "", "", planned.type, planned.timestamp_ns)
    span_id = "" if planned.preview else planned.span_id
    return Happened(session_id, planned.trace_id, span_id, planned.type, planned.timestamp_ns)


def _present(event: Event, kind: str | None) -> dict[str, Any]:
    data = event.data
    usage: dict[str, Any] = data.get("usage", {})
    return {
        "event_id": event.id,
        "event_type": event.type,
        "category": CATEGORIES[event.type],
        "name": event.name,
        "session_id": event.session_id,
        "trace_id": event.trace_id,
        "span_id": event.span_id,
        "parent_span_id": event.parent_span_id,
        "agent_name": event.agent_name,
        "turn": event.turn,
        "timestamp": present_time(event.timestamp_ns),
        "duration_ms": event.duration_ms,
        "has_error": event.has_error,
        "decision_kind": kind,
        "model": data.get("model"),
        "input_tokens": usage.get("inputTokens"),
        "output_tokens": usage.get("outputTokens"),
        "total_tokens": usage.get("totalTokens"),
        "cost": data.get("estimatedCost"),
        "tool_name": data.get("toolName"),
        "data": dict(data),
    }


def _key(group: str, key: str | int | None) -> str | None:
    if isinstance(key, int) and group in ("hour", "day"):
        return present_time(key)
    return None if key is None else str(key)


def _rounded(found: float | None) -> float | None:
    return None if found is None else round(found, 3)


def _cost(sums: Sequence[Sum]) -> Any:
    known = [one.cost for one in sums if one.cost is not None]
    return sum(known[1:], start=known[0]) if known else None


_MEASURES: Final[dict[str, Callable[[Sum], Any]]] = {
    "count": lambda one: one.count,
    "avg_duration": lambda one: _rounded(one.mean_ms),
    "error_rate": lambda one: one.failed / one.count,
    "p95_duration": lambda one: _rounded(one.p95_ms),
    "sum_tokens": lambda one: one.tokens,
    "sum_cost": lambda one: present_amount(one.cost),
}
_PARTS: Final[dict[str, Callable[[Services, QueryParams], dict[str, Any]]]] = {
    "metrics": _metrics,
    "events": _events,
    "session-metrics": _session_metrics,
    "cost-breakdown": _costs,
}
