"""What is ours: `/v1` in all its parts, the command, and the page."""

from __future__ import annotations

import io
import json
import os
import re
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch
from urllib.parse import quote

from sojourn.home import Gateway, Home
from sojourn_gateway.command.line import main
from tests.gateway.crosscheck.door import Reader
from tests.gateway.crosscheck.facts import amount, ms, tags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.gateway.crosscheck.door import Written
    from tests.gateway.crosscheck.facts import Fact, Told

__all__ = ["OUR_READERS", "SESSION_FACTS"]

SESSION_FACTS: Final[dict[Fact, str]] = {
    "start": "a trace begins and ends by itself",
    "end": "a trace begins and ends by itself",
    "state": "a trace is not judged",
    "name": "a trace has a name of its own",
}
"""What a contract of traces says nothing of."""
_EYE: Final = "rounded for the eye"


def _session(written: Written) -> Told:
    return _of_item(written.gateway.data(f"/v1/sessions/{quote(written.session_id, safe='')}", fields="summary"))


def _listed(written: Written) -> Told:
    page = written.gateway.data("/v1/sessions", search=written.session_id, include_implicit="true")
    (item,) = [one for one in page if one["id"] == written.session_id]
    return _of_item(item)


def _of_item(item: dict[str, Any]) -> Told:
    assert item["latency_ms"] == max(0, item["latency_ms"])
    assert amount([item["total_cost"]]) == amount([item["cost_usd"]])
    return {
        "turns": item["trace_count"],
        "steps": item["span_count"],
        "model calls": item["model_calls"],
        "tool calls": item["tool_calls"],
        "errors": item["errors"],
        "input tokens": item["input_tokens"],
        "output tokens": item["output_tokens"],
        "cached tokens": item["cache_read_tokens"],
        "reasoning tokens": item["reasoning_tokens"],
        "all tokens": item["total_tokens"],
        "cost": amount([item["cost_usd"]]),
        "start": ms(item["start"]),
        "end": ms(item["end"]),
        "state": item["state"],
        "name": item["name"],
        "user": item["user_id"],
        "tags": tags(item["tags"]),
    }


def _traces(written: Written) -> Told:
    found = written.traces
    return {
        "turns": len(found),
        "steps": sum(one["span_count"] for one in found),
        "model calls": sum(one["model_calls"] for one in found),
        "tool calls": sum(one["tool_calls"] for one in found),
        "errors": sum(one["errors"] for one in found),
        "input tokens": sum(one["input_tokens"] for one in found),
        "output tokens": sum(one["output_tokens"] for one in found),
        "all tokens": sum(one["tokens"] for one in found),
        "cost": amount(one["cost_usd"] for one in found),
        "tags": tags(tag for one in found for tag in one["tags"]),
    }


def _spans(written: Written) -> Told:
    found: list[dict[str, Any]] = written.gateway.data("/v1/spans", session_id=written.session_id, limit=500)
    calls = [one for one in found if one["type"] == "GENERATION"]
    return {
        "turns": len({one["trace_id"] for one in found}),
        "steps": len(found),
        "model calls": len(calls),
        "tool calls": sum(one["step"] == "tool" for one in found),
        "input tokens": sum(one["input_tokens"] for one in calls),
        "output tokens": sum(one["output_tokens"] for one in calls),
        "cached tokens": sum(one["cache_read_tokens"] for one in calls),
        "reasoning tokens": sum(one["reasoning_tokens"] for one in calls),
        "all tokens": sum(one["tokens"] for one in calls),
        "cost": amount(one["cost_usd"] for one in found),
    }


def _command(written: Written) -> Told:
    Home(written.home).announce(Gateway(written.gateway.url, os.getpid()))
    printed = io.StringIO()
    with patch.dict(os.environ, {"SOJOURN_HOME": str(written.home)}), redirect_stdout(printed):
        assert main(["sessions", "show", written.session_id, "--json"]) == 0
    told: dict[str, Any] = json.loads(printed.getvalue())
    item = told.get("data", told)
    assert len(item["spans"]) == item["span_count"]
    return _of_item(item)


_FIGURE: Final = re.compile(r"<dt>([^<]*)</dt>\s*<dd>(.*?)</dd>", re.DOTALL)
_TAG: Final = re.compile(r"<[^>]*>")
_SPLIT: Final[dict[Fact, str]] = {
    "input tokens": "in",
    "output tokens": "out",
    "cached tokens": "cached",
    "reasoning tokens": "reasoning",
}


def _page(written: Written) -> Told:
    page = written.gateway.get(f"/sessions/{quote(written.session_id, safe='')}")
    assert page.status_code == 200
    figures = {name: " ".join(_TAG.sub(" ", told).split()) for name, told in _FIGURE.findall(page.text)}
    state = re.search(r'<span class="state state-\w+"[^>]*>([^<]*)</span>', page.text)
    title = re.search(r'<h1( class="untitled")?[^>]*>([^<]*)</h1>', page.text)
    user = re.search(r'<span>user <a href="[^"]*">([^<]*)</a>', page.text)
    assert state is not None
    assert title is not None
    split = figures["Tokens"]
    return {
        "turns": _number(figures["Turns"]),
        "steps": _number(_found(r"([\d,]+) steps?", figures["Turns"])),
        "model calls": _number(figures["Model calls"]),
        "tool calls": _number(figures["Tool calls"]),
        "errors": _number(figures["Errors"]),
        "all tokens": _number(split),
        **{fact: _number(_found(rf"([\d,]+) {word}\b", split)) for fact, word in _SPLIT.items()},
        "state": "open" if state[1] == "Open" else state[1],
        "name": "" if title[1] else title[2],
        "user": user[1] if user else "",
        "tags": tags(re.findall(r'<a class="tag" href="[^"]*">([^<]*)</a>', page.text)),
    }


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    return match[1] if match else "0"


def _number(text: str) -> int:
    return int(text.split(maxsplit=1)[0].replace(",", ""))


_NO_SPLIT: Final[dict[Fact, str]] = {
    "cached tokens": "not in the list of traces",
    "reasoning tokens": "not in the list of traces",
    "user": "a trace has a user of its own",
}
_OF_SPANS: Final[dict[Fact, str]] = {
    **SESSION_FACTS,
    "errors": "a failed step may pass on another one's failure",
    "user": "not on spans",
    "tags": "not on spans",
}

OUR_READERS: Sequence[Reader] = (
    Reader("v1-session", "`/v1/sessions/<id>`", _session, {}),
    Reader("v1-sessions", "`/v1/sessions`", _listed, {}),
    Reader("v1-traces", "AgentMark `/v1/traces`", _traces, {**SESSION_FACTS, **_NO_SPLIT}, of_traces=True),
    Reader("v1-spans", "AgentMark `/v1/spans`", _spans, _OF_SPANS, of_traces=True),
    Reader("command", "`sojourn sessions show --json`", _command, {}),
    Reader("page", "the session's page", _page, {"cost": _EYE, "start": _EYE, "end": _EYE}),
)
