"""AgentOps: statistics and export of its session era, the two APIs of its trace era."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from tests.gateway.crosscheck.door import Reader
from tests.gateway.crosscheck.facts import amount, ms, tags
from tests.gateway.crosscheck.readers_ours import SESSION_FACTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.gateway.crosscheck.door import Written
    from tests.gateway.crosscheck.facts import Fact, Told

__all__ = ["AGENTOPS_READERS"]


def _stats(written: Written) -> Told:
    told = written.gateway.get(f"/v2/sessions/{quote(written.session_id, safe='')}/stats").json()
    assert told["events"] == told["llms"] + told["tools"] + told["actions"] + told["errors"]
    return {
        "model calls": told["llms"],
        "tool calls": told["tools"],
        "errors": told["errors"],
        "input tokens": told["prompt_tokens"],
        "output tokens": told["completion_tokens"],
        "cached tokens": told["cache_read_tokens"],
        "reasoning tokens": told["reasoning_tokens"],
        "all tokens": told["total_tokens"],
        "cost": amount([told["cost"]]),
        "state": told["end_state"],
    }


def _export(written: Written) -> Told:
    told: dict[str, Any] = written.gateway.get(f"/v2/sessions/{quote(written.session_id, safe='')}/export").json()
    session = told["session"]
    sent = sum(call["prompt_tokens"] or 0 for call in told["llms"])
    received = sum(call["completion_tokens"] or 0 for call in told["llms"])
    return {
        "steps": sum(len(told[section]) for section in ("actions", "llms", "tools", "others")),
        "model calls": len(told["llms"]),
        "tool calls": len(told["tools"]),
        "errors": len(told["errors"]),
        "input tokens": sent,
        "output tokens": received,
        "all tokens": sent + received,
        "cost": amount(row["cost"] for row in (*told["llms"], *told["tools"])),
        "start": ms(session["init_timestamp"]),
        "end": ms(session["end_timestamp"]),
        "state": session["end_state"],
        "tags": tags(session["tags"]),
    }


def _detail(written: Written) -> Told:
    found: list[dict[str, Any]] = [
        written.gateway.get(f"/v4/traces/detail/{one['id']}").json() for one in written.traces
    ]
    return {
        **_metrics([one["metrics"] for one in found]),
        "turns": len(found),
        "model calls": sum(span["span_type"] == "request" for one in found for span in one["spans"]),
        "tool calls": sum(span["span_type"] == "tool" for one in found for span in one["spans"]),
        "tags": tags(tag for one in found for tag in one["tags"]),
    }


def _public(written: Written) -> Told:
    ids = [one["id"] for one in written.traces]
    found: list[dict[str, Any]] = [written.gateway.get(f"/public/v1/traces/{one}").json() for one in ids]
    figures = _metrics([written.gateway.get(f"/public/v1/traces/{one}/metrics").json() for one in ids])
    assert figures["steps"] == sum(len(one["spans"]) for one in found)
    return {**figures, "turns": len(found), "tags": tags(tag for one in found for tag in one["tags"])}


def _list(written: Written) -> Told:
    """All traces of the project are this session's."""
    project = written.gateway.get("/public/v1/project").json()["id"]
    told: dict[str, Any] = written.gateway.get(f"/v4/traces/list/{project}", limit=100).json()
    lines = told["traces"]
    return {
        **_metrics([told["metrics"]]),
        "turns": told["total"],
        "steps": sum(one["span_count"] for one in lines),
        "errors": sum(one["error_count"] for one in lines),
        "cost": amount(one["total_cost"] for one in lines),
        "tags": tags(tag for one in lines for tag in one["tags"]),
    }


def _project(written: Written) -> Told:
    project = written.gateway.get("/public/v1/project").json()["id"]
    told: dict[str, Any] = written.gateway.get(f"/v4/meterics/project/{project}").json()
    tokens = told["token_metrics"]
    return {
        "turns": told["trace_count"],
        "steps": told["span_count"]["total"],
        "input tokens": tokens["prompt_tokens"],
        "output tokens": tokens["completion_tokens"],
        "cached tokens": tokens["cache_read_input_tokens"],
        "reasoning tokens": tokens["reasoning_tokens"],
        "all tokens": tokens["total_tokens"]["all"],
        "cost": amount([tokens["total_cost"]]),
    }


def _metrics(found: Sequence[dict[str, Any]]) -> Told:
    return {
        "steps": sum(one["span_count"] for one in found),
        "input tokens": sum(one["prompt_tokens"] for one in found),
        "output tokens": sum(one["completion_tokens"] for one in found),
        "cached tokens": sum(one["cache_read_input_tokens"] for one in found),
        "reasoning tokens": sum(one["reasoning_tokens"] for one in found),
        "all tokens": sum(one["total_tokens"] for one in found),
        "cost": amount(one["total_cost"] for one in found),
    }


_NONE: Final = "no such column"
_OF_STATS: Final[dict[Fact, str]] = {
    "turns": "a session is one piece",
    "steps": "counts what its four kinds of events have names for",
    "start": "tells a duration",
    "end": "tells a duration",
    "name": _NONE,
    "user": _NONE,
    "tags": "in the export",
}
_OF_EXPORT: Final[dict[Fact, str]] = {
    "turns": "a session is one piece",
    "cached tokens": _NONE,
    "reasoning tokens": _NONE,
    "name": _NONE,
    "user": _NONE,
}
_OF_TRACES: Final[dict[Fact, str]] = {
    **SESSION_FACTS,
    "errors": "counts each span that failed, also one that passed a failure on",
    "user": _NONE,
}
_OF_PUBLIC: Final[dict[Fact, str]] = {**_OF_TRACES, "model calls": "not told apart", "tool calls": "not told apart"}
_OF_LIST: Final[dict[Fact, str]] = {fact: why for fact, why in _OF_PUBLIC.items() if fact != "errors"}
_NO_WORD: Final[Told] = {"state": "Indeterminate", "end": None}

AGENTOPS_READERS: Sequence[Reader] = (
    Reader("v2-stats", "AgentOps `/v2/sessions/<id>/stats`", _stats, _OF_STATS, while_open=_NO_WORD),
    Reader("v2-export", "AgentOps `/v2/sessions/<id>/export`", _export, _OF_EXPORT, while_open=_NO_WORD),
    Reader("v4-detail", "AgentOps `/v4/traces/detail`", _detail, _OF_TRACES, of_traces=True),
    Reader("v4-list", "AgentOps `/v4/traces/list`", _list, _OF_LIST, of_traces=True),
    Reader(
        "v4-project", "AgentOps `/v4/meterics/project`", _project, {**_OF_PUBLIC, "tags": "not told"}, of_traces=True
    ),
    Reader("public", "AgentOps `/public/v1/traces`", _public, _OF_PUBLIC, of_traces=True),
)
