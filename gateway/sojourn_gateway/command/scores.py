"""`sojourn scores`: the list, one of them, and a new one."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from sojourn_gateway import wording
from sojourn_gateway.command.lists import add_list_options, add_project, list_query, print_list
from sojourn_gateway.command.output import words
from sojourn_gateway.command.source import open_source
from sojourn_gateway.command.table import Columns
from sojourn_gateway.command.tree import nanoseconds
from sojourn_gateway.model.faults import GatewayFault

if TYPE_CHECKING:
    from sojourn.home import Home
    from sojourn_gateway.command.output import Output
    from sojourn_gateway.settings import Settings

__all__ = ["add_scores", "run_scores"]

_GRADED: Final = ("trace", "span", "session")
_COLUMNS: Final = Columns(
    wide="Name",
    numbers=frozenset({"Score"}),
    leave_first=("Reason", "By", "Source", "Given", "Id", "Label"),
    least=8,
)


def add_scores(parser: argparse.ArgumentParser) -> None:
    """The options of `sojourn scores`."""
    add_list_options(parser, "scores")
    parser.add_argument("--name", default=None, help="only those of this name")
    parser.add_argument("--of", default=None, metavar="ID", help="only those of this session, trace or step")
    parser.add_argument("--kind", choices=_GRADED, default=None, help="only those of such")
    actions = parser.add_subparsers(dest="action", metavar="show, add")
    show = actions.add_parser("show", help="show one score")
    show.add_argument("id", help="its id")
    add = actions.add_parser("add", help="grade a session, a trace or a step")
    add.add_argument("of", help="the id of what is graded; whether it is a trace, a step or a session shows in it")
    add.add_argument("name", help="what is graded, such as `helpful`")
    add.add_argument("score", type=_finite, help="the grade, a number")
    add.add_argument("--label", default="", help="the grade in a word")
    add.add_argument("--reason", default="", help="why")
    add.add_argument("--user", default="", help="who gave it")
    add.add_argument("--kind", choices=_GRADED, default=None, help="what it is, when the id does not tell")
    for one in (show, add):
        one.add_argument("--json", action="store_true", help="print JSON")
        add_project(one)


def run_scores(home: Home, settings: Settings, output: Output, asked: argparse.Namespace) -> int:
    """List scores, show one, or add one."""
    match asked.action:
        case "add":
            return _add(home, settings, output, asked)
        case "show":
            return _show(home, settings, output, asked)
        case _:
            return _list(home, settings, output, asked)


def _list(home: Home, settings: Settings, output: Output, asked: argparse.Namespace) -> int:
    query = {
        **list_query("scores", asked),
        "name": asked.name,
        "resource_id": asked.of,
        "resource_type": asked.kind,
    }
    with open_source(home, settings, asked.project) as source:
        page = source.page("scores", query)
    print_list(output, asked, page, _cells, _COLUMNS, one="score", nothing="was given")
    return 0


def _show(home: Home, settings: Settings, output: Output, asked: argparse.Namespace) -> int:
    with open_source(home, settings, asked.project) as source:
        score = source.score(asked.id)
    if score is None:
        raise GatewayFault(f"no score has the id {asked.id!r}; `sojourn scores` lists them")
    if output.json:
        output.print_json({"data": score})
        return 0
    console = output.console()
    console.print(words(f"{score['name']}: {score['score']:g}{_in_a_word(score)}", "bold"))
    console.print(words(f"of {score['resource_type']} {score['resource_id']}"))
    by = f" by {score['user_id']}" if score["user_id"] else ""
    console.print(words(f"{score['source']}{by}, {wording.clock(nanoseconds(score['created_at']))}", "dim"))
    if score["reason"]:
        console.print(words(score["reason"]))
    return 0


def _add(home: Home, settings: Settings, output: Output, asked: argparse.Namespace) -> int:
    told: dict[str, Any] = {"resource_id": asked.of, "name": asked.name, "score": asked.score}
    optional = {"label": asked.label, "reason": asked.reason, "user_id": asked.user, "resource_type": asked.kind}
    told |= {name: value for name, value in optional.items() if value}
    with open_source(home, settings, asked.project, write=True) as source:
        score_id = source.add_score(told)
    if output.json:
        output.print_json({"data": {"id": score_id}})
    else:
        print(wording.printable(f"{asked.name} of {asked.of} is {asked.score:g}: score {score_id}"))
    return 0


def _cells(score: dict[str, Any], now_ns: int) -> dict[str, Text]:
    """A line of the list, by the heads of its columns."""
    return {
        "Name": words(wording.excerpt(score["name"], 60)),
        "Score": Text(f"{score['score']:g}"),
        "Label": words(wording.excerpt(score["label"], 20)),
        "Of": words(f"{score['resource_type']} {wording.excerpt(score['resource_id'], 36)}", "dim"),
        "Source": words(score["source"], "dim"),
        "By": words(wording.excerpt(score["user_id"] or "", 16)),
        "Given": Text(wording.ago(nanoseconds(score["created_at"]), now_ns)),
        "Id": words(score["id"], "dim"),
        "Reason": words(wording.excerpt(score["reason"], 40)),
    }


def _in_a_word(score: dict[str, Any]) -> str:
    return f" ({score['label']})" if score["label"] else ""


def _finite(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise argparse.ArgumentTypeError("must be a number")
    return found
