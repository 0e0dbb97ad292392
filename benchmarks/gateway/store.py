"""A large store: some sessions taken in as any exporter's are, and copies of them that the engine makes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs, SeverityNumber

from benchmarks.gateway.sessions import APART_NS, NEEDLE, SESSION_SPANS, Sessions
from sojourn_gateway.engine.tables import BUILT_LATER, DATABASE
from sojourn_gateway.engine.upkeep import build_indexes, count_bare
from sojourn_gateway.ingest.body import read_body

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sojourn_gateway.engine import Engine
    from sojourn_gateway.engine.backend import Handle

__all__ = ["PROJECT", "fill", "rest"]

PROJECT: Final = "default"
MODEL_SESSIONS: Final = 200
"""Taken in whole; the others are copies."""
COPIES_AT_ONCE: Final = 8
MOST_WITH_TEXT: Final = 1_000_000
"""In a larger store one copy in ten keeps what was said: what a list or a session costs hangs on how many others there
are, not on what these say, and to write ten million texts takes an hour."""
LINES: Final = 4
"""Of the log of a session."""

_MERGES_WITHIN_S: Final = 1800
_QUIET_S: Final = 5
_SECOND: Final = 10**9
_MINUTE: Final = 60 * _SECOND
_TABLES: Final = ("spans", "logs", "session_events", "trails", "traces", "sessions")

# One trace in ten is judged, and each session leaves a measurement: made of the traces and the sessions that there are.
_SCORES: Final = f"""
insert into {DATABASE}.scores (project, created_ns, id, kind, resource_id, name, score, source, version)
select project, end_ns, concat('score-', lower(hex(trace_id))), 'trace', lower(hex(trace_id)), 'helpful',
    cityHash64(trace_id) % 100 / 100, 'eval', 1 from {DATABASE}.traces where cityHash64(trace_id) % 10 = 0"""
_POINTS: Final = f"""
insert into {DATABASE}.metric_points (project, name, time_ns, uid, kind, unit, temporality, session_id, count, total,
    bounds, buckets, version)
select project, 'gen_ai.client.token.usage', end_ns, reinterpretAsFixedString(sipHash128(session_id)), 'histogram',
    '{{token}}', 1, session_id, model_calls, input_tokens, [1000., 10000.], [1, 2, 3], 1 from {DATABASE}.sessions"""


def fill(engine: Engine, spans: int) -> int:
    """Take in the first sessions, copy them until there are so many spans, and `rest`."""
    now = time.time_ns()
    made = Sessions(5, now)
    engine.write("traces", read_body("traces", PROJECT, made.batch(MODEL_SESSIONS), now).parts)
    engine.write("logs", read_body("logs", PROJECT, _logs(made.ids, now), now).parts)
    engine.roll_up()
    copies = max(spans // (MODEL_SESSIONS * SESSION_SPANS) - 1, 0)
    sparse = spans > MOST_WITH_TEXT
    with engine.beside() as handle:
        for table in _TABLES:
            handle.run(f"drop table if exists {DATABASE}.model_{table}")
            handle.run(f"create table {DATABASE}.model_{table} engine = Memory as select * from {DATABASE}.{table}")
        statements = [_copied(handle, table, sparse=sparse) for table in _TABLES]
        for first in range(1, copies + 1, COPIES_AT_ONCE):
            upto = min(first + COPIES_AT_ONCE, copies + 1)
            for statement in statements:
                handle.run(statement, {"copies": list(range(first, upto))})
        for table in _TABLES:
            handle.run(f"drop table {DATABASE}.model_{table}")
        handle.run(_SCORES)
        handle.run(_POINTS)
    return rest(engine)


def rest(engine: Engine) -> int:
    """Bring the store to where it comes by itself once nothing is written; how many spans had no index of their words.

    The engine merges parts, and the gateway has what was not merged indexed when nothing came for a minute.
    """
    with engine.beside() as handle:
        _wait_for_merges(handle)
    bare = count_bare(engine)
    build_indexes(engine, lambda: False)
    return bare


def _wait_for_merges(handle: Handle) -> None:
    until, quiet = time.monotonic() + _MERGES_WITHIN_S, 0
    while quiet < _QUIET_S and time.monotonic() < until:
        merges = handle.rows("select count() from system.merges where database = {d:String}", {"d": DATABASE})
        quiet = 0 if merges[0][0] else quiet + 1
        time.sleep(1)


def _logs(sessions: Sequence[str], end_ns: int) -> bytes:
    records = [record for number, session in enumerate(sessions, 1) for record in _log(number, session, end_ns)]
    return ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=records)])]
    ).SerializeToString()


def _log(number: int, session: str, end_ns: int) -> Iterator[LogRecord]:
    """The lines of a session, and what was told of it: that it began, with a tag, and that it ended."""
    begun = end_ns - number * APART_NS - _MINUTE
    of = {"session.id": session}
    yield _record(begun, of | {"sojourn.session.tags": f"tag-{number % 9}"}, event="session.start")
    for line in range(LINES):
        said = f"order {number} line {line}" + (f" {NEEDLE}" if number == 7 else "")
        yield _record(begun + (line + 1) * _SECOND, of, said=said, failed=line == 3 and number % 20 == 0)
    yield _record(begun + 40 * _SECOND, of | {"sojourn.session.end_state": "Success"}, event="session.end")


def _record(
    time_ns: int, attributes: dict[str, str], *, said: str = "", event: str = "", failed: bool = False
) -> LogRecord:
    return LogRecord(
        time_unix_nano=time_ns,
        severity_number=SeverityNumber.SEVERITY_NUMBER_ERROR if failed else SeverityNumber.SEVERITY_NUMBER_INFO,
        event_name=event,
        body=AnyValue(string_value=said),
        attributes=[KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in attributes.items()],
    )


def _copied(handle: Handle, table: str, *, sparse: bool) -> str:
    """The statement that copies the rows of a table; each copy `c` lies a while earlier, under other ids."""
    shift = MODEL_SESSIONS * APART_NS
    shifted = {
        "minute": f"minute - c * {shift // _MINUTE}",
        **{time: f"{time} - c * {shift}" for time in ("start_ns", "end_ns", "heard_ns", "time_ns", "observed_ns")},
        "session_id": "concat(session_id, '-', toString(c))",
        "uid": "concat(uid, '-', toString(c))",
        # A commit holds some thousand spans, not all that there are.
        "commit": "commit - c",
    }
    if sparse and table == "spans":
        shifted["content"] = "if(c % 10 = 0, content, map())"
    if table in ("spans", "trails", "traces"):
        shifted["trace_id"] = (
            "reinterpretAsFixedString(bitXor(reinterpretAsUInt128(trace_id), toUInt128(cityHash64(c))))"
        )
    columns = [
        column.decode()
        for (column,) in handle.rows(
            "select name from system.columns where database = {d:String} and table = {t:String} order by position",
            {"d": DATABASE, "t": table},
        )
    ]
    told = ", ".join(f"{shifted.get(column, column)}" for column in columns)
    # As when spans are taken in, the index of words is left to the merges; with little text it may as well be built.
    later = f"exclude_materialize_skip_indexes_on_insert = '{', '.join(BUILT_LATER)}'"
    blocks = "max_block_size = 1000000, min_insert_block_size_rows = 1000000, min_insert_block_size_bytes = 1000000000"
    return f"""insert into {DATABASE}.{table} ({", ".join(columns)})
        select {told} from {DATABASE}.model_{table} array join {{copies:Array(UInt64)}} as c
        settings {blocks if sparse else later}"""
