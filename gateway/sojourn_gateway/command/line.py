"""The command line: which command, with which options, and how each can fail."""

from __future__ import annotations

import argparse
import os
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, get_args

from sojourn.home import Home
from sojourn_gateway.command.doctor import doctor
from sojourn_gateway.command.output import Output
from sojourn_gateway.command.serve import serve
from sojourn_gateway.command.sessions import list_sessions, show_session
from sojourn_gateway.demo.run import run_demo
from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.model.session import EndState, SortSessions
from sojourn_gateway.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str]) -> int:
    """Run one command and return the exit status: 0, 1 when it could not be done, 2 when it was not understood."""
    parser = _parser()
    asked = parser.parse_args(argv)
    if asked.command is None:
        parser.print_help()
        return 0
    try:
        status = _run(asked)
        sys.stdout.flush()
        return status
    except GatewayFault as fault:
        print(f"sojourn: {fault}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read has read enough. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    except OSError as fault:
        print(f"sojourn: {fault}", file=sys.stderr)
        return 1


def _run(asked: argparse.Namespace) -> int:
    home = Home.find(os.environ)
    settings = Settings.read(os.environ)
    output = Output(json=getattr(asked, "json", False))
    match asked.command:
        case "dev":
            return serve(home, settings, asked.host, asked.port, () if asked.no_extra_ports else (3000, 4318))
        case "serve":
            return serve(home, settings, asked.host, asked.port, ())
        case "sessions" if asked.action == "show":
            return show_session(home, output, asked.id)
        case "sessions":
            return list_sessions(home, output, asked)
        case "demo":
            return run_demo(os.environ, live=asked.live)
        case _:
            return doctor(home, output)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sojourn",
        description="See what your agents did: sessions, model calls, tools, tokens and cost.",
        epilog="Recording needs none of these commands: `import sojourn; sojourn.init()` is enough.",
    )
    parser.add_argument("-V", "--version", action="version", version=f"sojourn {version('sojourn')}")
    commands = parser.add_subparsers(dest="command", metavar="command")

    dev = commands.add_parser("dev", help="run the gateway and its dashboard for development")
    _add_address(dev)
    dev.add_argument("--no-extra-ports", action="store_true", help="do not open 3000 and 4318 as well")
    _add_address(commands.add_parser("serve", help="run the gateway on its one port"))

    sessions = commands.add_parser("sessions", help="list sessions, or show one")
    _add_selection(sessions)
    actions = sessions.add_subparsers(dest="action", metavar="show")
    show = actions.add_parser("show", help="show one session as a tree")
    show.add_argument("id", help="its id, or the first characters of it")
    show.add_argument("--json", action="store_true", help="print JSON")

    demo = commands.add_parser("demo", help="two recorded programs, one session: what it all looks like")
    demo.add_argument("--live", action="store_true", help="call the provider of OPENAI_BASE_URL with OPENAI_API_KEY")

    check = commands.add_parser("doctor", help="check what records, what is kept, and whether it arrives")
    check.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _add_address(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_port, default=None, help="port of API and dashboard (default: 9418)")
    parser.add_argument("--host", default=None, help="loopback address to listen on (default: localhost)")


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--limit", type=_limit, default=20, help="how many (default: 20)")
    parser.add_argument("--sort", choices=get_args(SortSessions), default="start", help="by what (default: start)")
    parser.add_argument("--ascending", action="store_true", help="smallest first")
    parser.add_argument("--search", default=None, help="part of a name or id")
    parser.add_argument("--state", choices=get_args(EndState), default=None, help="only those that stand so")
    parser.add_argument("--user", default=None, help="only those of this user")
    parser.add_argument("--all", action="store_true", help="also traces that carry no session id")


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 <= int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError("must be a number from 0 to 65535 (0: any free one)")


def _limit(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 1000:
        return int(text)
    raise argparse.ArgumentTypeError("must be a number from 1 to 1000")
