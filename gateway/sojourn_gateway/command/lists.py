"""What all commands that list have in common: which ones, in which order, how many, and where the page stands."""

from __future__ import annotations

import argparse
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from sojourn_gateway import wording
from sojourn_gateway.command.table import Columns, print_table
from sojourn_gateway.model.faults import GatewayFault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console
    from rich.text import Text

    from sojourn_gateway.apis.agentmark.shapes import Pagination
    from sojourn_gateway.command.output import Output

__all__ = [
    "Listed",
    "add_list_options",
    "add_project",
    "add_show",
    "list_query",
    "narrowed",
    "print_list",
    "print_place",
]

Listed = Literal["sessions", "traces", "spans", "scores"]

_BY_DAY: Final = frozenset({"traces", "scores"})
"""Lists that the API bounds by days."""
_MOST: Final = {"spans": 500}
_AGO: Final = re.compile(r"(\d{1,6})([mhd])", re.ASCII)
_SECONDS: Final = {"m": 60, "h": 3600, "d": 86_400}


def add_list_options(
    parser: argparse.ArgumentParser, listed: Listed, sorts: Sequence[str] = (), usual: str = ""
) -> None:
    """The options that choose, sort and cut a list."""
    parser.add_argument("--json", action="store_true", help="print JSON, as the API answers")
    parser.add_argument("--limit", type=_number(_MOST.get(listed, 1000)), default=20, help="how many (default: 20)")
    parser.add_argument("--page", type=_number(10**6), default=1, help="which page of so many (default: 1)")
    parser.add_argument("--filter", default=None, metavar="WORDS", help="such as 'status = ERROR and cost > 0.01'")
    moments = "a date, or how long ago: 2026-06-01, 7d" if listed in _BY_DAY else "2026-06-01, ...T12:00:00Z, 2h, 7d"
    parser.add_argument("--since", type=_moment, default=None, metavar="WHEN", help=f"begun then or later: {moments}")
    parser.add_argument("--until", type=_moment, default=None, metavar="WHEN", help="begun no later")
    if listed != "sessions":
        parser.add_argument("--session", default=None, metavar="ID", help="only those of this session")
    if listed != "scores":
        parser.add_argument("--search", default=None, help="words that were asked or answered")
    if sorts:
        parser.add_argument(
            "--sort", choices=sorts, metavar="BY", default=usual, help=f"by {', '.join(sorts)} (default: {usual})"
        )
        parser.add_argument("--ascending", action="store_true", help="smallest first")
    add_project(parser)


def add_project(parser: argparse.ArgumentParser) -> None:
    """Which project."""
    parser.add_argument("--project", default=None, help="the project (default: that of requests without a key)")


def add_show(parser: argparse.ArgumentParser, told: str, its_id: str) -> None:
    """The action that shows one of what is listed."""
    show = parser.add_subparsers(dest="action", metavar="show").add_parser("show", help=told)
    show.add_argument("id", help=its_id)
    show.add_argument("--json", action="store_true", help="print JSON")
    add_project(show)


def list_query(listed: Listed, asked: argparse.Namespace) -> dict[str, str | None]:
    """The options in the words of the API."""
    told: dict[str, Any] = vars(asked)
    return {
        "limit": str(asked.limit),
        "offset": str((asked.page - 1) * asked.limit) if asked.page > 1 else None,
        "filter": asked.filter,
        "start_date": _bound(listed, "--since", asked.since),
        "end_date": _bound(listed, "--until", asked.until),
        "session_id": told.get("session"),
        "search": told.get("search"),
        "sort_by": told.get("sort"),
        "sort_order": "asc" if told.get("ascending") else None,
    }


def narrowed(asked: argparse.Namespace) -> bool:
    """Whether something was asked for, so that an empty list says nothing of the store."""
    told: dict[str, Any] = vars(asked)
    names = ("filter", "since", "until", "session", "search", "state", "user", "status", "kind", "name", "trace", "of")
    return asked.page > 1 or any(told.get(name) for name in names)


def print_list(
    output: Output,
    asked: argparse.Namespace,
    page: Any,
    cells: Callable[[Any, int], dict[str, Text]],
    columns: Columns,
    *,
    one: str,
    nothing: str,
) -> bool:
    """Print a page as a table, `one` being what a line is, or why there is `nothing`; as JSON when that is asked for.

    Whether a table was printed, below which more may be said.
    """
    if output.json:
        output.print_json(page)
        return False
    console = output.console()
    if not page["data"]:
        console.print(f"No {one} matches." if narrowed(asked) else f"No {one} {nothing} yet.")
        return False
    now_ns = time.time_ns()
    print_table(console, [cells(item, now_ns) for item in page["data"]], columns)
    print_place(console, page["pagination"], len(page["data"]), one)
    return True


def print_place(console: Console, place: Pagination, shown: int, one: str) -> None:
    """Where in a longer list the page stands."""
    total = place["total"]
    if total <= shown:
        return
    first = place["offset"] + 1
    page = f"{wording.count(first)} to {wording.count(first + shown - 1)} of {wording.plural(total, one)}"
    following = place["offset"] // place["limit"] + 2
    more = f"; --page {following} shows the next" if first + shown - 1 < total else ""
    console.print(f"{page}{more}", style="dim")


def _bound(listed: Listed, option: str, seconds: float | None) -> str | None:
    if seconds is None:
        return None
    moment = datetime.fromtimestamp(seconds, UTC)
    if listed not in _BY_DAY:
        return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    if seconds % _SECONDS["d"]:
        raise GatewayFault(f"{listed} are chosen by days (UTC): give {option} a date such as {moment:%Y-%m-%d}, or 7d")
    return f"{moment:%Y-%m-%d}"


def _number(most: int) -> Any:  # argparse takes any function of a text
    def parse(text: str) -> int:
        if text.isascii() and text.isdigit() and 1 <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"must be a number from 1 to {most}")

    return parse


def _moment(text: str) -> float:
    ago = _AGO.fullmatch(text)
    if ago is not None:
        now = time.time()
        # Days end at midnight: that of today, for none.
        whole = now - now % _SECONDS["d"] if ago[2] == "d" else float(int(now))
        return max(whole - int(ago[1]) * _SECONDS[ago[2]], 0.0)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            "must be a date like 2026-06-01 or 2026-06-01T12:00:00Z, or how long ago: 30m, 2h, 7d"
        ) from None
    utc = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return float(max(int(utc.timestamp()), 0))
