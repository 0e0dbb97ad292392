"""Agentuity: its sessions are traces, its threads sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from tests.gateway.crosscheck.door import Reader
from tests.gateway.crosscheck.facts import amount, ms
from tests.gateway.crosscheck.readers_ours import SESSION_FACTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.gateway.crosscheck.door import Written
    from tests.gateway.crosscheck.facts import Fact, Told

__all__ = ["AGENTUITY_READERS"]


def _data(written: Written, path: str, **query: Any) -> Any:
    answer = written.gateway.get(path, **query)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    assert told["success"] is True
    return told["data"]


def _listed(written: Written) -> Told:
    """All requests of the project are this session's."""
    found: list[dict[str, Any]] = _data(written, "/session", limit=1000)
    assert {one["thread_id"] for one in found} <= {written.session_id, None}
    if found[0]["thread_id"] is not None:
        assert _data(written, "/session", limit=1000, threadId=written.session_id) == found
    return _of_requests(found)


def _each(written: Written) -> Told:
    listed: list[dict[str, Any]] = _data(written, "/session", limit=1000)
    whole = [_data(written, f"/session/{one['id']}") for one in listed]
    assert all(one["session"]["timeline"] is not None for one in whole)
    return _of_requests([one["session"] for one in whole])


def _of_requests(found: Sequence[dict[str, Any]]) -> Told:
    sent = sum(one["llm_prompt_token_count"] or 0 for one in found)
    received = sum(one["llm_completion_token_count"] or 0 for one in found)
    return {
        "turns": len(found),
        "input tokens": sent,
        "output tokens": received,
        "all tokens": sent + received,
        "cost": amount(one["total_cost"] for one in found),
    }


def _thread(written: Written) -> Told:
    listed: list[dict[str, Any]] = _data(written, "/thread", limit=1000)
    (found,) = [one for one in listed if one["id"] == written.session_id]
    assert _data(written, f"/thread/{quote(written.session_id, safe='')}") == found
    return {"start": ms(found["created_at"])}


_NO_FIELD: Final = "no such field"
_OF_REQUESTS: Final[dict[Fact, str]] = {
    **SESSION_FACTS,
    "steps": "a tree with one root, which may be made up",
    "model calls": "in a tree, under each sender's own names",
    "tool calls": "in a tree, under each sender's own names",
    "errors": "a request went well or not",
    "cached tokens": _NO_FIELD,
    "reasoning tokens": _NO_FIELD,
    "user": _NO_FIELD,
    "tags": _NO_FIELD,
}
_OF_THREAD: Final[dict[Fact, str]] = {
    "turns": "in its sessions",
    "steps": "in its sessions",
    "model calls": "in its sessions",
    "tool calls": "in its sessions",
    "errors": "in its sessions",
    "input tokens": "in its sessions",
    "output tokens": "in its sessions",
    "cached tokens": _NO_FIELD,
    "reasoning tokens": _NO_FIELD,
    "all tokens": "in its sessions",
    "cost": "in its sessions",
    "end": "a thread does not end",
    "state": "a thread does not end",
    "name": _NO_FIELD,
    "user": _NO_FIELD,
    "tags": _NO_FIELD,
}

AGENTUITY_READERS: Sequence[Reader] = (
    Reader("agentuity-sessions", "Agentuity `/session`", _listed, _OF_REQUESTS, of_traces=True),
    Reader("agentuity-session", "Agentuity `/session/<id>`", _each, _OF_REQUESTS, of_traces=True),
    Reader("agentuity-thread", "Agentuity `/thread`", _thread, _OF_THREAD, of_named=True),
)
