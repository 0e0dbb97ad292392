"""`sojourn traces`: the list, and one trace as a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast, get_args

from rich.text import Text

from sojourn_gateway import wording
from sojourn_gateway.command.lists import add_list_options, add_show, list_query, print_list
from sojourn_gateway.command.output import words
from sojourn_gateway.command.source import open_source
from sojourn_gateway.command.table import Columns
from sojourn_gateway.command.tree import break_lines, dollars, draw_tree, nanoseconds
from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.model.trace import SortTraces

if TYPE_CHECKING:
    import argparse

    from rich.console import Console

    from sojourn.home import Home
    from sojourn_gateway.apis.agentmark.shapes import TraceData, TraceItem
    from sojourn_gateway.command.output import Output
    from sojourn_gateway.settings import Settings

__all__ = ["STATUS_STYLES", "add_traces", "run_traces"]

STATUS_STYLES: Final = {"OK": "green", "ERROR": "red"}
_COLUMNS: Final = Columns(
    wide="Trace",
    numbers=frozenset({"Duration", "Steps", "Calls", "Tokens", "Cost", "Errors"}),
    leave_first=("Session", "Steps", "Calls", "Errors", "Started", "Duration", "Tokens", "Status", "Cost"),
    least=12,
)
_SESSION_WIDTH: Final = 24


def add_traces(parser: argparse.ArgumentParser) -> None:
    """The options of `sojourn traces`."""
    add_list_options(parser, "traces", get_args(SortTraces), "start_time")
    parser.add_argument("--status", choices=("OK", "ERROR"), default=None, help="only those that ended so")
    parser.add_argument("--user", default=None, help="only those of this user")
    add_show(parser, "show one trace as a tree", "its id, with dashes or without")


def run_traces(home: Home, settings: Settings, output: Output, asked: argparse.Namespace) -> int:
    """List traces, or show one."""
    if asked.action == "show":
        return _show(home, settings, output, asked)
    query = {**list_query("traces", asked), "status": asked.status, "user_id": asked.user}
    with open_source(home, settings, asked.project) as source:
        page = source.page("traces", query)
    listed = print_list(output, asked, page, _cells, _COLUMNS, one="trace", nothing="was recorded")
    # What a pipe reads on are rows.
    if listed and (console := output.console()).is_terminal:
        console.print("sojourn traces show ID  shows one whole", style="dim")
    return 0


def _show(home: Home, settings: Settings, output: Output, asked: argparse.Namespace) -> int:
    with open_source(home, settings, asked.project) as source:
        trace = source.trace(asked.id.replace("-", ""))
    if trace is None:
        raise GatewayFault(f"no trace has the id {asked.id!r}; `sojourn traces` lists them")
    if output.json:
        output.print_json({"data": trace})
    else:
        _print(output.console(), cast("TraceData", trace))
    return 0


def _cells(trace: TraceItem, now_ns: int) -> dict[str, Text]:
    """A line of the list, by the heads of its columns."""
    session = trace["session_ids"][0] if trace["session_ids"] else ""
    more = f" +{len(trace['session_ids']) - 1}" if len(trace["session_ids"]) > 1 else ""
    return {
        "Trace": words(wording.excerpt(trace["name"] or trace["input_preview"] or "(no name)", 60)),
        "Id": words(trace["id"], "dim"),
        "Status": words("" if trace["status"] == "UNSET" else trace["status"], STATUS_STYLES.get(trace["status"], "")),
        "Session": words(wording.excerpt(session, _SESSION_WIDTH) + more, "dim"),
        "Started": Text(wording.ago(nanoseconds(trace["start"]), now_ns)),
        "Duration": Text(wording.duration(trace["latency_ms"] / 1000)),
        "Steps": Text(wording.count(trace["span_count"])),
        "Calls": Text(wording.count(trace["model_calls"])),
        "Tokens": Text(wording.short_count(trace["tokens"])),
        "Cost": Text(dollars(trace["cost_usd"], trace["unpriced"])),
        "Errors": Text(str(trace["errors"]) if trace["errors"] else "", style="red"),
    }


def _print(console: Console, trace: TraceData) -> None:
    title = words(trace["name"] or "(no name)", "bold")
    title.append_text(
        words("" if trace["status"] == "UNSET" else f"  {trace['status']}", STATUS_STYLES.get(trace["status"], ""))
    )
    console.print(title)
    console.print(words(f"id {trace['id']} · {wording.clock(nanoseconds(trace['start']))}", "dim"))
    sessions = trace["session_ids"]
    if sessions:
        console.print(words(f"session {', '.join(sessions)}", "dim"))
    facts = [
        wording.duration(trace["latency_ms"] / 1000),
        wording.plural(len(trace["spans"]), "step"),
        wording.plural(trace["model_calls"], "model call"),
        wording.plural(trace["tool_calls"], "tool call"),
        f"{wording.count(trace['tokens'])} tokens",
        dollars(trace["cost_usd"], trace["unpriced"]) or "no cost",
        wording.plural(trace["errors"], "error"),
    ]
    for line in break_lines(facts, console.width):
        console.print(line)
    console.print()
    console.print(draw_tree(trace["spans"], console.width))
    for span in trace["spans"]:
        if span["status"] == "ERROR":
            why = span["status_message"] or span["error_type"] or "failed"
            console.print(words(f"error in {span['name']}: {wording.excerpt(why, 300)}", "red"))
    scores: list[dict[str, Any]] = trace.get("scores", [])
    for score in scores:
        told = f" ({score['label']})" if score["label"] else ""
        console.print(words(f"score {score['name']}: {score['score']:g}{told}"))
