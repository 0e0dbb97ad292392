"""`sojourn export`, `import`, `erase`, `keep`, `clean`, `prices`, `backup` and `restore`."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from sojourn_gateway import wording
from sojourn_gateway.command.gateways import running_gateway
from sojourn_gateway.command.importing import take_in
from sojourn_gateway.command.stores import open_store
from sojourn_gateway.engine.exporting import Chosen
from sojourn_gateway.keeping.backups import restore_backup
from sojourn_gateway.keeping.exports import ENDINGS, Format, What
from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.settings import parse_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sojourn.home import Home
    from sojourn_gateway.command.output import Output
    from sojourn_gateway.command.stores import Store
    from sojourn_gateway.settings import Settings

__all__ = ["COMMANDS", "add_keeping", "run_keeping"]

COMMANDS: Final = frozenset({"export", "import", "erase", "keep", "clean", "prices", "backup", "restore"})
_MANY: Final = ("traces", "logs", "scores")


def add_keeping(commands: Any) -> None:  # argparse's own class for this has no public name
    """Add the commands to a parser's."""
    leave = commands.add_parser("export", help="write what is stored into files: OTLP, JSON lines, Parquet")
    leave.add_argument("--what", choices=get_args(What), default=None, help="only these (default: traces)")
    leave.add_argument("--format", choices=get_args(Format), default="otlp", help="default: otlp, in protobuf")
    leave.add_argument("--session", default=None, metavar="ID", help="only this session")
    leave.add_argument("--since", type=_moment, default=None, metavar="DATE", help="only what began then or later, UTC")
    leave.add_argument("--until", type=_moment, default=None, metavar="DATE", help="only what began before, UTC")
    leave.add_argument(
        "-o", "--output", default="-", help="a file, or a folder for one file of each kind (default: standard output)"
    )
    come = commands.add_parser("import", help="take files in: OTLP, exports of AgentOps and Langfuse, also with gzip")
    come.add_argument("files", nargs="+", type=Path, metavar="FILE")
    erase = commands.add_parser("erase", help="erase a session, or all that is kept of a user, for good")
    erase.add_argument("kind", choices=("session", "user"))
    erase.add_argument("id")
    erase.add_argument("--yes", action="store_true", help="do not ask")
    keep = commands.add_parser("keep", help="show or set how long, and how much, a project keeps")
    keep.add_argument("--days", type=_days, default=None, help="remove sessions that were silent for longer; 0: never")
    keep.add_argument("--size", type=_size, default=None, help="most bytes on disk, such as 20GB; 0: no end")
    clean = commands.add_parser("clean", help="remove now what is older, or more, than is to be kept")
    prices = commands.add_parser("prices", help="show which models have no price, or price what is stored anew")
    actions = prices.add_subparsers(dest="action", metavar="recompute")
    anew = actions.add_parser("recompute", help="price what is stored anew; costs that were reported stay")
    anew.add_argument("--since", type=_moment, default=0, metavar="DATE", help="only what began then or later, UTC")
    for parser in (leave, come, erase, keep, prices, anew):
        parser.add_argument("--project", default=None, help="the project (default: that of requests without a key)")
    for parser in (come, erase, keep, clean, prices, anew):
        parser.add_argument("--json", action="store_true", help="print JSON")
    back = commands.add_parser("backup", help="write all that is kept into a folder, also while the gateway runs")
    back.add_argument("folder", type=Path)
    restore = commands.add_parser("restore", help="make SOJOURN_HOME out of a backup")
    restore.add_argument("folder", type=Path)
    restore.add_argument("--force", action="store_true", help="move aside what the home holds")


def run_keeping(home: Home, settings: Settings, output: Output, asked: argparse.Namespace) -> int:
    """Run one of them."""
    if asked.command == "restore":
        return _restore(home, settings, asked)
    if asked.command == "erase" and not asked.yes:
        _ask(f"Erase {asked.kind} {asked.id!r} for good?")
    with open_store(home, settings, getattr(asked, "project", None)) as store:
        match asked.command:
            case "export":
                _export(store, asked)
            case "import":
                return take_in(store, output, asked.files)
            case "erase":
                return _erase(store, output, asked)
            case "keep":
                _keep(store, output, asked)
            case "clean":
                _clean(store, output)
            case "backup":
                told = store.back_up(asked.folder.absolute())
                print(
                    f"{asked.folder} holds {wording.plural(told['rows'].get('spans', 0), 'row')} of spans and the rest"
                )
            case _ if asked.action == "recompute":
                _tell(
                    output, told := store.reprice(asked.since), f"{wording.plural(told['traces'], 'trace')} priced anew"
                )
            case _:
                _prices(store, output)
    return 0


def _export(store: Store, asked: argparse.Namespace) -> None:
    chosen = Chosen(asked.session, asked.since, asked.until)
    target = Path(asked.output)
    if asked.output == "-":
        if sys.stdout.isatty() and asked.format in ("otlp", "parquet"):
            raise GatewayFault("this is no text for a terminal: give a file with -o, or --format jsonl")
        for piece in store.export(asked.what or "traces", asked.format, chosen):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    if not target.is_dir() and not asked.output.endswith("/"):
        _write(target, store.export(asked.what or "traces", asked.format, chosen))
        return
    target.mkdir(parents=True, exist_ok=True)
    for what in (asked.what,) if asked.what else _MANY:
        if what != "scores" or asked.format not in ("otlp", "otlp-json"):
            _write(target / f"{what}.{ENDINGS[asked.format]}", store.export(what, asked.format, chosen))


def _write(path: Path, pieces: Iterator[bytes]) -> None:
    """A file that is whole as soon as it has its name."""
    fresh = path.with_name(f"{path.name}.part")
    size = 0
    try:
        with fresh.open("wb") as file:
            for piece in pieces:
                size += file.write(piece)
        fresh.replace(path)
    except BaseException:
        # Half a file takes room that others need.
        fresh.unlink(missing_ok=True)
        raise
    print(f"{path}: {wording.size(size)}", file=sys.stderr)


def _erase(store: Store, output: Output, asked: argparse.Namespace) -> int:
    told = store.erase(asked.kind, asked.id)
    if told is None:
        raise GatewayFault(f"nothing is kept of a {asked.kind} {asked.id!r}")
    _tell(output, told, f"erased: {_counted(told)}")
    return 0


def _keep(store: Store, output: Output, asked: argparse.Namespace) -> None:
    told = store.keeping()
    if asked.days is not None or asked.size is not None:
        days = told["days"] if asked.days is None else asked.days
        size = told["size_bytes"] if asked.size is None else asked.size
        told = store.keep(days or 0, size or 0)
    days = f"sessions for {wording.plural(told['days'], 'day')}" if told["days"] else "sessions for ever"
    size = f", at most {wording.size(told['size_bytes'])}" if told["size_bytes"] else ""
    _tell(output, told, f"keeps {days}{size}")


def _clean(store: Store, output: Output) -> None:
    told = store.clean()
    lines = [
        f"{swept['project']}: "
        + _counted(
            {
                **swept["erased"],
                "loose log lines": swept["loose_logs"],
                "loose points of metrics": swept["loose_points"],
            }
        )
        for swept in told
    ]
    _tell(output, told, "\n".join(lines) or "nothing to remove")


def _prices(store: Store, output: Output) -> None:
    told = store.unpriced()
    if output.json or not told:
        _tell(output, told, "every model call has a price")
        return
    lines = [
        f"  {one['model'] or '(no model named)'}  {one['provider'] or '-'}  {wording.plural(one['calls'], 'call')}, "
        f"{wording.count(one['input_tokens'])} in, {wording.count(one['output_tokens'])} out"
        for one in told
    ]
    print("Models without a price; name them in the file of SOJOURN_PRICES, then `sojourn prices recompute`:")
    print(wording.printable("\n".join(lines)))


def _restore(home: Home, settings: Settings, asked: argparse.Namespace) -> int:
    if settings.engine is not None:
        raise GatewayFault("a ClickHouse server keeps the store: restore it there with RESTORE DATABASE")
    gateway = running_gateway(home)
    if gateway is not None:
        raise GatewayFault(f"a gateway serves this home (process {gateway.pid}): stop it first")
    told = restore_backup(asked.folder.absolute(), home, force=asked.force)
    print(f"{home.root} is as it was at {told.get('made_at')}")
    return 0


def _counted(told: dict[str, Any]) -> str:
    return ", ".join(f"{number} {name}" for name, number in told.items() if number) or "nothing"


def _tell(output: Output, told: Any, words: str) -> None:
    if output.json:
        output.print_json(told)
    else:
        print(wording.printable(words))


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise GatewayFault("what is erased does not come back: say --yes")
    print(f"{wording.printable(question)} [y/N] ", end="", flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise GatewayFault("nothing was erased")


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("must be a date like 2026-06-01 or 2026-06-01T12:00:00Z") from None
    utc = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(int(utc.timestamp()), 0) * 1_000_000_000


def _days(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= 36_500:
        return int(text)
    raise argparse.ArgumentTypeError("must be a number of days, from 0 to 36500")


def _size(text: str) -> int:
    found = parse_size(text)
    if found is None:
        raise argparse.ArgumentTypeError("must be a size such as 500MB or 20GB")
    return found
