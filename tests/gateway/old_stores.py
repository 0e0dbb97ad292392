"""Stores as earlier formats left them, opened by this version: a program, since the engine opens one folder a process.

    python -m tests.gateway.old_stores HOME [--every]

Says, a line each, what case it was and what the store answered.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sojourn.home import Home
from sojourn_gateway.engine import Engine, mapping
from sojourn_gateway.engine.embedded import Embedded
from sojourn_gateway.engine.tables import DATABASE, STEPS
from sojourn_gateway.ingest.body import read_body
from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.model.log import LogsAsk
from sojourn_gateway.model.session import SessionsAsk
from sojourn_gateway.model.trace import TracesAsk
from sojourn_gateway.query import Queries
from tests.gateway.sender import end, event, logs, span, traces, usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sojourn_gateway.engine.backend import Handle, Signal

PROJECT = "p"
SUMMED_ANEW = 5
"""The format whose step makes all rows of traces and sessions anew; from then on they stay as they were made."""
RECEIVED = 1_790_000_100_000_000_000


@dataclass(frozen=True, slots=True)
class Case:
    """How far a store came: whole steps, then statements of the next one before its process died."""

    format: int
    statements: int = 0
    rolled_up: bool = False

    def __str__(self) -> str:
        """The name of the case."""
        more = f", {self.statements} statements more" if self.statements else ""
        return f"format {self.format}{more}{', rolled up' if self.rolled_up else ''}"


def cases(*, every: bool) -> Iterator[Case]:
    """Every format so far, the last place between two statements of the step behind it, or `every` such place, and the
    newest format last."""
    for number, step in enumerate(STEPS):
        if number:
            at = STEPS[number - 1].number
            yield Case(at, rolled_up=at < SUMMED_ANEW)
            torn = range(1, len(step.statements))
            yield from (Case(at, statements) for statements in (torn if every else torn[-1:]))
    yield Case(1)
    yield Case(STEPS[-1].number)


def bodies() -> Iterator[tuple[Signal, bytes]]:
    """What was sent to every store, in this order."""
    first, second = bytes(range(1, 17)), bytes(range(2, 18))
    said = {"session.id": "s", "user.id": "u", "agentops.tags": ["vip", "refund"]}
    root = span(first, "answer", span_id=b"root-001", lasts_s=9, attributes=said)
    call = span(first, "chat", span_id=b"chat-001", parent=root, at_s=1, attributes=usage(1000, 100, weight=0.5))
    failed = {"error.type": "ValueError", "session.id": "t", "deep": [1, {"a": b"\x00"}], "yes": True}
    other = span(second, "look up", span_id=b"tool-001", at_s=20, attributes=failed, error="no")
    started = event("session.start", "s", uid="1", sojourn__session__name="errand")
    yield "traces", traces([root, call, other], {"service.name": "shop", "service.instance.id": "i"})
    yield "logs", logs([started, event("app.line", "s", uid="2", at_s=3), end("s", "Success", at_s=10)])
    yield "traces", traces([call])


def leave(writer: Handle, home: Home, case: Case) -> None:
    """Make the store as that format had it, with rows."""
    writer.run(f"drop database if exists {DATABASE} sync")
    writer.run(f"create database {DATABASE} engine = Atomic")
    whole = [step for step in STEPS if step.number <= case.format]
    for statement in (statement for step in whole for statement in step.statements):
        writer.run(statement)
    writer.run(f"insert into {DATABASE}.marks values ('format', {case.format}, 1)")
    for commit, (signal, body) in enumerate(bodies(), 1):
        path = home.root / f"left.{signal}"
        path.write_bytes(b"".join(read_body(signal, PROJECT, body, RECEIVED + commit).parts))
        writer.load(
            signal, path, mapping.insert_spans if signal == "traces" else mapping.insert_logs, {"commit": commit}
        )
        path.unlink()
    if case.rolled_up:
        roll_up(writer)
    if case.statements:
        following = STEPS[len(whole)]
        for statement in following.statements[: case.statements]:
            writer.run(statement)


def roll_up(writer: Handle) -> None:
    """Rows of traces and sessions with the columns that every format has, and the mark that says so."""
    values = (
        "min(start_ns), max(end_ns), uniqExact(span_id), countIf(status = 2), countIf(step = 'model'), "
        "countIf(step = 'tool'), sum(input_tokens), sum(output_tokens)"
    )
    names = "start_ns, end_ns, span_count, errors, model_calls, tool_calls, input_tokens, output_tokens"
    spans = f"(select * from {DATABASE}.spans final)"
    for statement in (
        f"insert into {DATABASE}.trails select distinct project, trace_id, minute from {DATABASE}.spans",
        f"""insert into {DATABASE}.traces (project, session_id, trace_id, name, {names}, version)
            select project, max(session_id), trace_id, argMin(name, start_ns), {values}, 9 from {spans}
            group by project, trace_id""",
        f"""insert into {DATABASE}.sessions (project, session_id, trace_count, name, {names}, version)
            select project, if(trace_id = unhex('{bytes(range(1, 17)).hex()}'), 's', 't') as session, 1,
                argMin(name, start_ns), {values}, 9
            from {spans} group by project, session, trace_id""",
        f"insert into {DATABASE}.marks values ('rolled up', 3, 9)",
    ):
        writer.run(statement)


def answer(engine: Engine) -> str:
    """All that the store says of what was sent to it."""
    queries = Queries(engine)
    told = [
        queries.sessions(PROJECT, SessionsAsk(include_implicit=True)),
        queries.traces(PROJECT, TracesAsk()),
        *(queries.session(PROJECT, name) for name in ("s", "t")),
        queries.session_logs(PROJECT, LogsAsk(session_id="s")),
    ]
    return repr(told)


def main() -> None:
    """Make each store, open it as this version does, and say what it answers."""
    home = Home(Path(sys.argv[1]))
    home.make(home.root)
    # A handle of our own stays open all the while: else the engine would start anew for every case.
    writer = Embedded(home).handle("writer")
    for case in cases(every="--every" in sys.argv):
        leave(writer, home, case)
        engine = Engine.open(home)
        told = answer(engine)
        engine.close()
        print(json.dumps([str(case), told]))
    writer.run(f"insert into {DATABASE}.marks select 'format', 99, toUInt64(-1)")
    try:
        Engine.open(home)
    except GatewayFault as fault:
        print(json.dumps(["newer", str(fault)]))
    writer.close()


if __name__ == "__main__":
    main()
