"""`sojourn keys` and `sojourn projects`: who may speak for which project. They need no running gateway.

What they keep is behind libraries that take long to import; so it is imported by these two commands and no other.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from sojourn_gateway import wording
from sojourn_gateway.asgi.permissions import ROLES
from sojourn_gateway.command.output import words
from sojourn_gateway.command.table import Columns, print_table
from sojourn_gateway.model.faults import GatewayFault

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from sojourn.home import Home
    from sojourn_gateway.command.output import Output
    from sojourn_gateway.records import Key, Keys
    from sojourn_gateway.settings import Settings

__all__ = ["add_keys", "add_projects", "run_keys", "run_projects"]

_DAY_NS: Final = 86_400_000_000_000


def add_keys(parser: ArgumentParser) -> None:
    """The options of `sojourn keys`."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)
    create = actions.add_parser("create", help="make a key, and show it this once")
    create.add_argument("name", help="what it is for, such as the program that bears it")
    create.add_argument("--project", default="default", help="the project it opens (default: default)")
    create.add_argument("--role", choices=tuple(ROLES), default="full", help="what it may do (default: full)")
    create.add_argument("--days", type=int, default=None, help="how long it opens anything (default: until revoked)")
    create.add_argument("--uuid", action="store_true", help="in the shape that AgentOps's clients ask for")
    listed = actions.add_parser("list", help="what is known of the keys; never the keys")
    listed.add_argument("--project", default=None, help="only those of this project")
    revoke = actions.add_parser("revoke", help="make a key open nothing any more")
    revoke.add_argument("id", help="its id, as `sojourn keys list` shows it")
    for one in (create, listed, revoke):
        one.add_argument("--json", action="store_true", help="print JSON")


def add_projects(parser: ArgumentParser) -> None:
    """The options of `sojourn projects`."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    actions = parser.add_subparsers(dest="action", metavar="create")
    create = actions.add_parser("create", help="make a project; making a key for it does so, too")
    create.add_argument("name", help="its name")
    create.add_argument("--json", action="store_true", help="print JSON")


def run_keys(home: Home, settings: Settings, output: Output, asked: Namespace) -> int:
    """Carry one of the actions out. Raises `GatewayFault` in words."""
    from sojourn_gateway.records import Keys, Records

    records = Records.of(home, settings.records)
    try:
        keys = Keys(records)
        match asked.action:
            case "create":
                return _create(keys, output, asked)
            case "list":
                return _list(keys.all(asked.project), output)
            case _:
                if not keys.revoke(None, asked.id):
                    raise GatewayFault(f"there is no key {asked.id} that opens anything; `sojourn keys list` shows all")
                if output.json:
                    output.print_json({"id": asked.id, "revoked": True})
                else:
                    print(f"{asked.id} opens nothing any more; a running gateway knows within a second")
                return 0
    finally:
        records.close()


def run_projects(home: Home, settings: Settings, output: Output, asked: Namespace) -> int:
    """List the projects that keys were made for, or make one. Raises `GatewayFault` in words."""
    from sojourn_gateway.records import Projects, Records

    records = Records.of(home, settings.records)
    try:
        projects = Projects(records)
        told = [projects.make(asked.name)] if asked.action == "create" else projects.all()
        if output.json:
            output.print_json([{"name": one.name, "id": one.id, "created_at": _time(one.created_ns)} for one in told])
            return 0
        if not told:
            output.console().print("No project was made yet; everything is in the default one.")
            return 0
        rows = [{"Project": words(one.name), "Id": Text(one.id), "Since": Text(_time(one.created_ns))} for one in told]
        print_table(output.console(), rows, Columns("Project", frozenset(), ("Since",)))
        return 0
    finally:
        records.close()


def _create(keys: Keys, output: Output, asked: Namespace) -> int:
    if asked.days is not None and not 0 < asked.days <= 36_500:
        raise GatewayFault("--days must be from 1 to 36500")
    if not 0 < len(asked.name) <= 255:
        raise GatewayFault("a key's name has 1 to 255 characters")
    expires_ns = None if asked.days is None else time.time_ns() + asked.days * _DAY_NS
    made = keys.make(
        asked.project, asked.name, permissions=ROLES[asked.role], expires_ns=expires_ns, as_uuid=asked.uuid
    )
    if output.json:
        output.print_json({**_told(made.key), "key": made.secret})
        return 0
    print(made.secret)
    told = wording.printable(f"This is the only time that the key is shown. It opens the project {made.key.project}.")
    print(told, file=sys.stderr)
    return 0


def _list(keys: tuple[Key, ...], output: Output) -> int:
    if output.json:
        output.print_json([_told(key) for key in keys])
        return 0
    if not keys:
        output.console().print("There are no keys; `sojourn keys create NAME` makes one.")
        return 0
    now_ns = time.time_ns()
    rows = [
        {
            "Name": words(key.name),
            "Project": words(key.project),
            "Begins with": Text(key.prefix),
            "May": Text(_may(key)),
            "Last used": Text("never" if key.last_used_ns is None else _time(key.last_used_ns)),
            "Stands": Text(key.state(now_ns)),
            "Id": Text(key.id),
        }
        for key in keys
    ]
    leave_first = ("Last used", "May", "Begins with", "Project", "Stands")
    print_table(output.console(), rows, Columns("Name", frozenset(), leave_first, least=8))
    return 0


def _may(key: Key) -> str:
    return next((role for role, told in ROLES.items() if set(told) == set(key.permissions)), ", ".join(key.permissions))


def _told(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "project": key.project,
        "prefix": key.prefix,
        "permissions": list(key.permissions),
        "state": key.state(time.time_ns()),
        "created_at": _time(key.created_ns),
        "last_used_at": None if key.last_used_ns is None else _time(key.last_used_ns),
        "expires_at": None if key.expires_ns is None else _time(key.expires_ns),
        "revoked_at": None if key.revoked_ns is None else _time(key.revoked_ns),
    }


def _time(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
