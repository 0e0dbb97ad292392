"""`sojourn sessions`: the list, and one session as a tree."""

from __future__ import annotations

import time
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from rich import box
from rich.cells import cell_len
from rich.table import Column, Table
from rich.text import Text

from sojourn_gateway import wording
from sojourn_gateway.command.output import words
from sojourn_gateway.command.source import open_source
from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.model.session import SessionsAsk

if TYPE_CHECKING:
    import argparse

    from rich.console import Console

    from sojourn.home import Home
    from sojourn_gateway.apis.agentmark.shapes import SessionData, SessionItem, SessionsPage, SpanItem
    from sojourn_gateway.command.output import Output
    from sojourn_gateway.command.source import Source

__all__ = ["list_sessions", "show_session"]

_STATE_STYLES: Final = {"open": "cyan", "Success": "green", "Fail": "red", "Indeterminate": "yellow"}
_STEP_STYLES: Final = {
    "model": "magenta",
    "embedding": "magenta",
    "tool": "yellow",
    "agent": "green",
    "retrieval": "blue",
}


def list_sessions(home: Home, output: Output, asked: argparse.Namespace) -> int:
    """Print the sessions that the options select."""
    ask = SessionsAsk(
        limit=asked.limit,
        sort_by=asked.sort,
        descending=not asked.ascending,
        search=asked.search,
        state=asked.state,
        user_id=asked.user,
        include_implicit=asked.all,
    )
    with open_source(home) as source:
        page = source.sessions(ask)
    if output.json:
        output.print_json(page)
    else:
        _print_list(output.console(), page, narrowed=bool(asked.search or asked.state or asked.user))
    return 0


def show_session(home: Home, output: Output, wanted: str) -> int:
    """Print the session whose id is, or begins with, `wanted`."""
    with open_source(home) as source:
        session = source.session(wanted) or source.session(_completed(source, wanted))
    if session is None:
        raise GatewayFault(f"no session has the id {wanted!r}")
    if output.json:
        output.print_json({"data": session})
    else:
        _print_session(output.console(), session)
    return 0


def _completed(source: Source, prefix: str) -> str:
    page = source.sessions(SessionsAsk(limit=1000, search=prefix, include_implicit=True))
    found = [session["id"] for session in page["data"] if session["id"].startswith(prefix)]
    if not found or not prefix:
        raise GatewayFault(f"no session has the id {prefix!r}; `sojourn sessions` lists them")
    if len(found) > 1:
        some = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
        raise GatewayFault(f"{len(found)} sessions begin with {prefix!r}: {some}")
    return found[0]


def _print_list(console: Console, page: SessionsPage, *, narrowed: bool) -> None:
    if not page["data"]:
        if narrowed:
            console.print("No session matches.")
        else:
            console.print("Nothing recorded yet. Add two lines to a program that calls a model:\n")
            console.print("    import sojourn\n    sojourn.init()\n")
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("Session", overflow="ellipsis", no_wrap=True, ratio=1, min_width=16)
    table.add_column("Id", no_wrap=True, style="dim")
    table.add_column("State", no_wrap=True)
    table.add_column("Started", no_wrap=True)
    for name in ("Duration", "Turns", "Calls", "Tokens", "Cost", "Errors"):
        table.add_column(name, justify="right", no_wrap=True)
    now_ns = time.time_ns()
    for session in page["data"]:
        table.add_row(
            words(wording.excerpt(session["name"] or session["first_input"] or "(no name)", 60)),
            words(session["id"][:13]),
            words(session["state"], _STATE_STYLES.get(session["state"], "")),
            wording.ago(_nanoseconds(session["start"]), now_ns),
            wording.duration(session["latency_ms"] / 1000),
            wording.count(session["trace_count"]),
            wording.count(session["model_calls"]),
            wording.short_count(session["total_tokens"]),
            _cost(session),
            Text(str(session["errors"]), style="red") if session["errors"] else "",
        )
    console.print(table)
    total = page["pagination"]["total"]
    if total > len(page["data"]):
        console.print(f"{len(page['data'])} of {wording.plural(total, 'session')}; --limit shows more", style="dim")
    console.print("sojourn sessions show ID  shows one whole; the first characters of the id are enough", style="dim")


def _print_session(console: Console, session: SessionData) -> None:
    title = Text()
    title.append_text(words(session["name"] or "(no name)", "bold"))
    title.append("  ")
    title.append_text(words(session["state"], _STATE_STYLES.get(session["state"], "")))
    if session["reason"]:
        title.append_text(words(f"  {session['reason']}", "dim"))
    console.print(title)
    started = wording.clock(_nanoseconds(session["start"]))
    console.print(words(f"id {session['id']} · {started}", "dim"))
    tokens = f"{wording.count(session['total_tokens'])} tokens"
    split = [f"{wording.count(session['input_tokens'])} in", f"{wording.count(session['output_tokens'])} out"]
    if session["cache_read_tokens"]:
        split.append(f"{wording.count(session['cache_read_tokens'])} cached")
    if session["reasoning_tokens"]:
        split.append(f"{wording.count(session['reasoning_tokens'])} reasoning")
    # A foreign exporter does not say which process it speaks of.
    processes = session["process_count"]
    facts = [
        wording.duration(session["latency_ms"] / 1000),
        *([wording.plural(processes, "process", "processes")] if processes else []),
        wording.plural(session["model_calls"], "model call"),
        wording.plural(session["tool_calls"], "tool call"),
        f"{tokens} ({', '.join(split)})",
        _cost(session) or "no cost",
        wording.plural(session["errors"], "error"),
    ]
    console.print(" · ".join(facts))
    if session["tags"]:
        console.print(words(f"tags {', '.join(session['tags'])}", "dim"))
    spans = session.get("spans", [])
    if not spans:
        console.print("\nNo steps were recorded.")
        return
    console.print()
    console.print(_tree(spans, console.width))
    for span in spans:
        if span["status"] == "ERROR":
            why = span["status_message"] or span["error_type"] or "failed"
            console.print(words(f"error in {span['name']}: {wording.excerpt(why, 300)}", "red"))


def _tree(spans: list[SpanItem], width: int) -> Table:
    """The steps as a table that cuts names to fit `width`, and never a number."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("Step", overflow="ellipsis", no_wrap=True)
    table.add_column("Model", overflow="ellipsis", no_wrap=True, style="dim")
    for name in ("Start", "Duration", "Tokens", "Cost"):
        table.add_column(name, justify="right", no_wrap=True)
    begin_ns = min(_nanoseconds(span["timestamp"]) for span in spans)
    for span, guide in zip(spans, _guides([span["depth"] for span in spans]), strict=True):
        name = span["tool_name"] or span["name"] or "(unnamed)"
        failed = span["status"] == "ERROR"
        step = Text(guide, style="dim")
        step.append_text(words(name, "red" if failed else _STEP_STYLES.get(span["step"], "")))
        if failed:
            step.append(" ✗", style="red")
        table.add_row(
            step,
            words(span["model"] or ""),
            f"+{wording.duration((_nanoseconds(span['timestamp']) - begin_ns) / 1e9)}",
            Text("running", style="cyan") if span["pending"] else wording.duration(span["duration_ms"] / 1000),
            f"{wording.count(span['input_tokens'])} → {wording.count(span['output_tokens'])}" if span["tokens"] else "",
            _span_cost(span),
        )
    step_column, model_column, *numbers = table.columns
    for column in numbers:
        column.width = _longest(column)
    names = width - sum((column.width or 0) + 2 for column in numbers) - 2
    # The step tells most; the model, which its name often repeats, gets what is left.
    step_column.width = max(12, min(_longest(step_column), names - min(12, _longest(model_column)) - 2))
    model_column.width = max(5, min(_longest(model_column), names - step_column.width - 2))
    return table


def _longest(column: Column) -> int:
    cells = [column.header, *(cell for cell in column.cells)]
    return max(cell_len(cell.plain if isinstance(cell, Text) else str(cell)) for cell in cells)


def _guides(depths: list[int]) -> list[str]:
    """The branches before each name, of a tree written down parents first."""
    guides: list[str] = []
    # Seen from the end: whether something still follows on a level below the same parent.
    open_levels: set[int] = set()
    for depth in reversed(depths):
        open_levels = {level for level in open_levels if level <= depth}
        branch = "" if depth == 0 else ("├─ " if depth in open_levels else "└─ ")
        guides.append("".join("│  " if level in open_levels else "   " for level in range(1, depth)) + branch)
        open_levels.add(depth)
    return guides[::-1]


def _cost(session: SessionItem | SessionData) -> str:
    usd = session["cost_usd"]
    if usd is None:
        return "unpriced" if session["unpriced"] else ""
    return wording.money(Decimal(usd)) + (f" + {session['unpriced']} unpriced" if session["unpriced"] else "")


def _span_cost(span: SpanItem) -> str:
    if span["cost_usd"] is None:
        return "unpriced" if span["cost_source"] == "unpriced" else ""
    return wording.money(Decimal(span["cost_usd"]))


def _nanoseconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000) * 1_000_000
