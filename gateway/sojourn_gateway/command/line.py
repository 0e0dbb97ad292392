"""The command line: which command, with which options, and how each can fail."""

from __future__ import annotations

import argparse
import os
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

from sojourn.home import Home
from sojourn_gateway.command.doctor import doctor
from sojourn_gateway.command.doors import GRPC_PORT
from sojourn_gateway.command.keeping import COMMANDS, add_keeping, run_keeping
from sojourn_gateway.command.keys import add_keys, add_projects, run_keys, run_projects
from sojourn_gateway.command.output import Output
from sojourn_gateway.command.schema import print_schema
from sojourn_gateway.command.scores import add_scores, run_scores
from sojourn_gateway.command.sessions import add_sessions, list_sessions, show_session
from sojourn_gateway.command.spans import add_spans, run_spans
from sojourn_gateway.command.traces import add_traces, run_traces
from sojourn_gateway.demo.run import run_demo
from sojourn_gateway.model.faults import GatewayFault
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
        told = f"{fault.filename}: {fault.strerror}" if fault.filename and fault.strerror else str(fault)
        print(f"sojourn: {told}", file=sys.stderr)
        return 1


def _run(asked: argparse.Namespace) -> int:
    home = Home.find(os.environ)
    settings = Settings.read(os.environ)
    output = Output(json=getattr(asked, "json", False))
    match asked.command:
        case "dev" | "serve":
            # The web server and what it serves take a second to import, and no other command needs them.
            from sojourn_gateway.command.serve import serve

            extra = () if asked.command == "serve" or asked.no_extra_ports else (3000, GRPC_PORT, 4318)
            return serve(home, settings, asked.host, asked.port, extra, grpc_port=asked.grpc)
        case "sessions" if asked.action == "show":
            return show_session(home, output, asked.id, settings, asked.project)
        case "sessions":
            return list_sessions(home, output, asked, settings)
        case "traces":
            return run_traces(home, settings, output, asked)
        case "spans":
            return run_spans(home, settings, output, asked)
        case "scores":
            return run_scores(home, settings, output, asked)
        case "keys":
            return run_keys(home, settings, output, asked)
        case "projects":
            return run_projects(home, settings, output, asked)
        case "schema":
            return print_schema(asked.cluster, asked.database)
        case command if command in COMMANDS:
            return run_keeping(home, settings, output, asked)
        case "demo":
            return run_demo(os.environ, live=asked.live)
        case _:
            return doctor(home, output, settings)


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
    dev.add_argument("--no-extra-ports", action="store_true", help="do not open 3000, 4317 and 4318 as well")
    _add_address(commands.add_parser("serve", help="run the gateway on its one port"))

    add_sessions(commands.add_parser("sessions", help="list sessions, or show one"))
    add_traces(commands.add_parser("traces", help="list traces, or show one"))
    add_spans(commands.add_parser("spans", help="list steps, or show one with its content"))
    add_scores(commands.add_parser("scores", help="list scores, or add one"))

    add_keys(commands.add_parser("keys", help="make, list and revoke keys"))
    add_projects(commands.add_parser("projects", help="list the projects that have keys"))

    tables = commands.add_parser("schema", help="print the statements that make the tables on a ClickHouse server")
    tables.add_argument("--cluster", default=None, help="the cluster over which they spread (default: one server)")
    tables.add_argument("--database", default=None, help="the database that they are in (default: sojourn)")

    add_keeping(commands)

    demo = commands.add_parser("demo", help="two recorded programs, one session: what it all looks like")
    demo.add_argument("--live", action="store_true", help="call the provider of OPENAI_BASE_URL with OPENAI_API_KEY")

    check = commands.add_parser("doctor", help="check what records, what is kept, and whether it arrives")
    check.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _add_address(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_port, default=None, help="port of API and dashboard (default: 9418)")
    parser.add_argument("--host", default=None, help="loopback address to listen on (default: localhost)")
    parser.add_argument(
        "--grpc",
        type=_port,
        nargs="?",
        const=GRPC_PORT,
        default=None,
        metavar="PORT",
        help=f"take OTLP over gRPC as well, on {GRPC_PORT} or another port (needs sojourn[grpc])",
    )


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 <= int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError("must be a number from 0 to 65535 (0: any free one)")
