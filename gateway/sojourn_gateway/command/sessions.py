"""`sojourn sessions`: the list, and one session as a tree."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, cast, get_args

from rich.text import Text

from sojourn_gateway import wording
from sojourn_gateway.command.lists import add_list_options, add_show, list_query, narrowed, print_place
from sojourn_gateway.command.output import words
from sojourn_gateway.command.source import open_source
from sojourn_gateway.command.table import Columns, print_table
from sojourn_gateway.command.tree import break_lines, dollars, draw_tree, nanoseconds
from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.model.session import EndState, SortSessions

if TYPE_CHECKING:
    import argparse

    from rich.console import Console

    from sojourn.home import Home
    from sojourn_gateway.apis.agentmark.shapes import SessionData, SessionItem, SessionsPage
    from sojourn_gateway.command.output import Output
    from sojourn_gateway.command.source import Source
    from sojourn_gateway.settings import Settings

__all__ = ["add_sessions", "list_sessions", "show_session"]

_STATE_STYLES: Final = {"open": "cyan", "Success": "green", "Fail": "red", "Indeterminate": "yellow"}
_COLUMNS: Final = Columns(
    wide="Session",
    numbers=frozenset({"Duration", "Turns", "Calls", "Tokens", "Cost", "Errors"}),
    leave_first=("Turns", "Duration", "Calls", "Errors", "Started", "Tokens", "State"),
)
_ID_WIDTH: Final = 13
_ID_MOST: Final = 24


def add_sessions(parser: argparse.ArgumentParser) -> None:
    """The options of `sojourn sessions`."""
    add_list_options(parser, "sessions", get_args(SortSessions), "start")
    parser.add_argument("--state", choices=get_args(EndState), default=None, help="only those that stand so")
    parser.add_argument("--user", default=None, help="only those of this user")
    parser.add_argument("--all", action="store_true", help="also traces that carry no session id")
    add_show(parser, "show one session as a tree", "its id, or the first characters of it")


def list_sessions(home: Home, output: Output, asked: argparse.Namespace, settings: Settings) -> int:
    """Print the sessions that the options select."""
    query = {
        **list_query("sessions", asked),
        "state": asked.state,
        "user_id": asked.user,
        "include_implicit": "true" if asked.all else None,
    }
    with open_source(home, settings, asked.project) as source:
        page = cast("SessionsPage", source.page("sessions", query))
    if output.json:
        output.print_json(page)
    else:
        _print_list(output.console(), page, chosen=narrowed(asked))
    return 0


def show_session(home: Home, output: Output, wanted: str, settings: Settings, project: str | None = None) -> int:
    """Print the session whose id is, or begins with, `wanted`."""
    with open_source(home, settings, project) as source:
        session = source.session(wanted) or source.session(_completed(source, wanted))
    if session is None:
        raise GatewayFault(f"no session has the id {wanted!r}")
    if output.json:
        output.print_json({"data": session})
    else:
        _print_session(output.console(), session)
    return 0


def _completed(source: Source, prefix: str) -> str:
    query = {"limit": "1000", "search": prefix, "include_implicit": "true"}
    page = cast("SessionsPage", source.page("sessions", query))
    found = [session["id"] for session in page["data"] if session["id"].startswith(prefix)]
    if not found or not prefix:
        raise GatewayFault(f"no session has the id {prefix!r}; `sojourn sessions` lists them")
    if len(found) > 1:
        some = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
        raise GatewayFault(f"{len(found)} sessions begin with {prefix!r}: {some}")
    return found[0]


def _print_list(console: Console, page: SessionsPage, *, chosen: bool) -> None:
    if not page["data"]:
        if chosen:
            console.print("No session matches.")
        else:
            console.print("Nothing recorded yet. Add two lines to a program that calls a model:\n")
            console.print("    import sojourn\n    sojourn.init()\n")
        return
    now_ns = time.time_ns()
    told = _id_length([session["id"] for session in page["data"]])
    rows = [_cells(session, told, now_ns) for session in page["data"]]
    print_table(console, rows, _COLUMNS)
    print_place(console, page["pagination"], len(page["data"]), "session")
    if console.is_terminal:
        console.print("sojourn sessions show ID  shows one whole; its first characters are enough", style="dim")


def _id_length(ids: list[str]) -> int:
    """How many characters of an id tell those listed from one another; ids that one chose begin alike."""
    widths = range(_ID_WIDTH, _ID_MOST)
    return next((width for width in widths if len({one[:width] for one in ids}) == len(ids)), _ID_MOST)


def _cells(session: SessionItem, told: int, now_ns: int) -> dict[str, Text]:
    """A line of the list, by the heads of its columns."""
    return {
        "Session": words(wording.excerpt(session["name"] or session["first_input"] or "(no name)", 60)),
        "Id": words(session["id"] if len(session["id"]) <= told + 3 else session["id"][:told], "dim"),
        "State": words(session["state"], _STATE_STYLES.get(session["state"], "")),
        "Started": Text(wording.ago(nanoseconds(session["start"]), now_ns)),
        "Duration": Text(wording.duration(session["latency_ms"] / 1000)),
        "Turns": Text(wording.count(session["trace_count"])),
        "Calls": Text(wording.count(session["model_calls"])),
        "Tokens": Text(wording.short_count(session["total_tokens"])),
        "Cost": Text(_cost(session)),
        "Errors": Text(str(session["errors"]) if session["errors"] else "", style="red"),
    }


def _print_session(console: Console, session: SessionData) -> None:
    title = Text()
    title.append_text(words(session["name"] or "(no name)", "bold"))
    title.append("  ")
    title.append_text(words(session["state"], _STATE_STYLES.get(session["state"], "")))
    if session["reason"]:
        title.append_text(words(f"  {session['reason']}", "dim"))
    console.print(title)
    started = wording.clock(nanoseconds(session["start"]))
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
    for line in break_lines(facts, console.width):
        console.print(line)
    if session["tags"]:
        console.print(words(f"tags {', '.join(session['tags'])}", "dim"))
    spans = session.get("spans", [])
    if not spans:
        console.print("\nNo steps were recorded.")
        _print_errors_by_hand(console, session)
        return
    console.print()
    console.print(draw_tree(spans, console.width))
    for span in spans:
        if span["status"] == "ERROR":
            why = span["status_message"] or span["error_type"] or "failed"
            console.print(words(f"error in {span['name']}: {wording.excerpt(why, 300)}", "red"))
    _print_errors_by_hand(console, session)


def _print_errors_by_hand(console: Console, session: SessionData) -> None:
    """Where to read errors that no step tells: those that the program recorded itself."""
    failed = any(span["status"] == "ERROR" for span in session.get("spans", []))
    if session["errors"] and not failed:
        console.print(words("what went wrong stands in the session's log, on its page in the dashboard", "red"))


def _cost(session: SessionItem | SessionData) -> str:
    return dollars(session["cost_usd"], session["unpriced"])
