"""`sojourn spans`: the list, and one step with what went in and came out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

from rich.text import Text

from sojourn_gateway import wording
from sojourn_gateway.command.lists import add_list_options, add_show, list_query, print_list
from sojourn_gateway.command.output import words
from sojourn_gateway.command.source import open_source
from sojourn_gateway.command.table import Columns
from sojourn_gateway.command.tree import STEP_STYLES, break_lines, dollars, nanoseconds
from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.model.messages import Text as Said
from sojourn_gateway.model.messages import parse_messages, plain_text

if TYPE_CHECKING:
    import argparse

    from rich.console import Console

    from sojourn.home import Home
    from sojourn_gateway.apis.agentmark.shapes import SpanItem
    from sojourn_gateway.command.output import Output
    from sojourn_gateway.settings import Settings

__all__ = ["add_spans", "run_spans"]

_STATUS_STYLES: Final = {"OK": "green", "ERROR": "red"}
_KINDS: Final = {"call": "GENERATION", "step": "SPAN"}
_COLUMNS: Final = Columns(
    wide="Step",
    numbers=frozenset({"Duration", "Tokens", "Cost"}),
    leave_first=("Trace", "Session", "Kind", "Model", "Started", "Tokens", "Status", "Cost", "Duration"),
    least=12,
)
_NAMES_WIDTH: Final = 24


def add_spans(parser: argparse.ArgumentParser) -> None:
    """The options of `sojourn spans`."""
    add_list_options(parser, "spans")
    parser.add_argument("--trace", default=None, metavar="ID", help="only those of this trace")
    parser.add_argument("--kind", choices=tuple(_KINDS), default=None, help="only calls of models, or all other steps")
    parser.add_argument("--status", choices=("OK", "ERROR"), default=None, help="only those that ended so")
    parser.add_argument("--name", default=None, help="part of the name")
    add_show(parser, "show one step with its content", "its id")


def run_spans(home: Home, settings: Settings, output: Output, asked: argparse.Namespace) -> int:
    """List steps, or show one."""
    if asked.action == "show":
        return _show(home, settings, output, asked)
    query = {
        **list_query("spans", asked),
        "trace_id": asked.trace.replace("-", "") if asked.trace else None,
        "type": _KINDS.get(asked.kind or ""),
        "status": asked.status,
        "name": asked.name,
    }
    with open_source(home, settings, asked.project) as source:
        page = source.page("spans", query)
    listed = print_list(output, asked, page, _cells, _COLUMNS, one="step", nothing="was recorded")
    # What a pipe reads on are rows.
    if listed and (console := output.console()).is_terminal:
        console.print("sojourn spans show ID  shows one whole", style="dim")
    return 0


def _show(home: Home, settings: Settings, output: Output, asked: argparse.Namespace) -> int:
    with open_source(home, settings, asked.project) as source:
        span = source.span(asked.id)
    if span is None:
        raise GatewayFault(f"no step has the id {asked.id!r}; `sojourn spans` lists them")
    if output.json:
        output.print_json({"data": span})
    else:
        _print(output.console(), cast("SpanItem", span))
    return 0


def _cells(span: SpanItem, now_ns: int) -> dict[str, Text]:
    """A line of the list, by the heads of its columns."""
    took = Text("running", style="cyan") if span["pending"] else Text(wording.duration(span["duration_ms"] / 1000))
    tokens = f"{wording.short_count(span['input_tokens'])} → {wording.short_count(span['output_tokens'])}"
    return {
        "Step": words(wording.excerpt(span["tool_name"] or span["name"] or "(unnamed)", 60)),
        "Id": words(span["id"], "dim"),
        "Status": words(_told(span["status"]), _STATUS_STYLES.get(span["status"], "")),
        "Kind": words(span["step"], STEP_STYLES.get(span["step"], "")),
        "Model": words(wording.excerpt(span["model"] or "", _NAMES_WIDTH)),
        "Session": words(wording.excerpt(span["session_id"] or "", _NAMES_WIDTH), "dim"),
        "Trace": words(span["trace_id"], "dim"),
        "Started": Text(wording.ago(nanoseconds(span["timestamp"]), now_ns)),
        "Duration": took,
        "Tokens": Text(tokens if span["tokens"] else ""),
        "Cost": Text(_cost(span)),
    }


def _print(console: Console, span: SpanItem) -> None:
    title = words(span["tool_name"] or span["name"] or "(unnamed)", "bold")
    title.append_text(words(f"  {_told(span['status'])}", _STATUS_STYLES.get(span["status"], "")))
    console.print(title)
    console.print(words(f"id {span['id']} · {wording.clock(nanoseconds(span['timestamp']))}", "dim"))
    console.print(words(f"trace {span['trace_id']}", "dim"))
    if span["session_id"]:
        console.print(words(f"session {span['session_id']}", "dim"))
    counted = f"{wording.count(span['input_tokens'])} → {wording.count(span['output_tokens'])} tokens"
    facts = [
        span["step"],
        *([span["model"]] if span["model"] else []),
        "running" if span["pending"] else wording.duration(span["duration_ms"] / 1000),
        *([counted] if span["tokens"] else []),
        *([cost] if (cost := _cost(span)) else []),
    ]
    for line in break_lines(facts, console.width):
        console.print(words(line))
    if span["status"] == "ERROR":
        console.print(words(f"error: {span['status_message'] or span['error_type'] or 'failed'}", "red"))
    for head, said in (("Input", span.get("input")), ("Output", span.get("output"))):
        if said:
            console.print(f"\n{head}", style="bold")
            console.print(words(_said(said)))
    attributes: dict[str, Any] = span.get("attributes", {})
    if attributes:
        console.print("\nAttributes", style="bold")
        for name, value in sorted(attributes.items()):
            told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            console.print(words(f"{name}  {wording.excerpt(told, 200)}"))


def _told(status: str) -> str:
    """Nobody but a program says of a step that it went well; most say nothing."""
    return "" if status == "UNSET" else status


def _said(text: str) -> str:
    """What went in or came out: messages as who said what."""
    messages = parse_messages(text, role="")
    if len(messages) == 1 and messages[0].role in ("", "user", "assistant") and (plain := plain_text(messages)):
        return plain
    if any(not all(isinstance(part, Said) for part in message.parts) for message in messages):
        return text
    return "\n".join(f"{message.role}: {plain_text((message,))}".lstrip(": ") for message in messages)


def _cost(span: SpanItem) -> str:
    return dollars(span["cost_usd"], 1 if span["cost_source"] == "unpriced" else 0)
