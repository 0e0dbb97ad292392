"""Retention: which sessions are too old, or too many for the room that a project has; and how much room there is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.values import text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sojourn_gateway.engine.engine import Engine

__all__ = [
    "Keeping",
    "Surplus",
    "delete_loose_logs",
    "delete_loose_points",
    "list_projects",
    "old_sessions",
    "read_keeping",
    "surplus",
    "write_keeping",
]

DAY_NS: Final = 86_400_000_000_000
_SLACK: Final = 0.9
"""When there is too much, as much goes as makes this part of the limit, so that it need not go again at once."""
# What a session takes beside its spans.
_WEIGHT: Final = "span_count + 2"


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long, and how much, is kept; 0 is without end."""

    days: int = 0
    size: int = 0
    """Bytes on disk."""


@dataclass(frozen=True, slots=True)
class Surplus:
    """What is too much."""

    sessions: Sequence[tuple[str, str]] = ()
    """With their projects."""
    points_before_ns: int = 0
    """Points of metrics that were measured before."""


def read_keeping(engine: Engine, project: str) -> Keeping | None:
    """What was said for a project; None when nothing was."""
    rows = engine.rows(
        f"select days, bytes from {DATABASE}.keeping final where project = {{project:String}}", {"project": project}
    )
    return Keeping(*rows[0]) if rows else None


def write_keeping(engine: Engine, project: str, keeping: Keeping) -> None:
    """Have this hold for a project."""
    row = [project, keeping.days, keeping.size, time.time_ns()]
    engine.insert("keeping", ("project", "days", "bytes", "version"), [row])


def list_projects(engine: Engine) -> list[str]:
    """The projects of which anything is kept that ages."""
    rows = engine.rows(
        f"""select distinct project from {DATABASE}.sessions
        union distinct select distinct project from {DATABASE}.logs
        union distinct select distinct project from {DATABASE}.metric_points"""
    )
    return sorted(text(name) for (name,) in rows)


def old_sessions(engine: Engine, project: str, before_ns: int) -> list[str]:
    """The sessions of which nothing was heard since; implicit ones too."""
    rows = engine.rows(
        f"""select session_id from {DATABASE}.sessions final
        where project = {{project:String}} and greatest(heard_ns, end_ns) < {{before:UInt64}} order by session_id""",
        {"project": project, "before": before_ns},
    )
    return [text(session) for (session,) in rows]


def surplus(engine: Engine, project: str | None, most_bytes: int) -> Surplus:
    """What must go for the rest to fit: the sessions that were silent longest, and the oldest points of metrics.

    Without a project, of the whole store. Bytes of a project are its share of the points by their number, and its
    share of the rest by number of spans.
    """
    within = "true" if project is None else "project = {project:String}"
    values = {} if project is None else {"project": project}
    weights, all_weights, points, all_points, stored, measured = engine.rows(
        f"""select (select sumIf({_WEIGHT}, {within}) from {DATABASE}.sessions final),
            (select sum({_WEIGHT}) from {DATABASE}.sessions final),
            (select countIf({within}) from {DATABASE}.metric_points),
            (select count() from {DATABASE}.metric_points),
            sumIf(bytes_on_disk, not startsWith(table, 'metric_points')),
            sumIf(bytes_on_disk, startsWith(table, 'metric_points'))
        from system.parts where active and database = {{database:String}}""",
        {**values, "database": DATABASE},
    )[0]
    taken = stored * weights / (all_weights or 1) + measured * points / (all_points or 1)
    if taken <= most_bytes:
        return Surplus()
    part = (taken - most_bytes * _SLACK) / taken
    rows = engine.rows(
        f"""select project, session_id from (
            select project, session_id, {_WEIGHT} as weight,
                sum(weight) over (order by greatest(heard_ns, end_ns), project, session_id) - weight as before
            from {DATABASE}.sessions final where {within}
        ) where before < {{surplus:Float64}} order by before""",
        {**values, "surplus": part * weights},
    )
    before = engine.rows(
        f"select quantileExact({{part:Float64}})(time_ns) from {DATABASE}.metric_points where {within}",
        {**values, "part": part},
    )[0][0]
    return Surplus([(text(one), text(session)) for one, session in rows], before if points else 0)


_KNOWN: Final = f"(select session_id from {DATABASE}.sessions final where project = {{project:String}})"
_FOREIGN: Final = f"(session_id = '' or session_id not in {_KNOWN})"
_OLD: Final = f"project = {{project:String}} and time_ns < {{before:UInt64}} and {_FOREIGN}"
# A record may lie beside a trace that was never sampled, and so is none here.
_LOOSE: Final = f"""{_OLD} and lower(hex(trace_id)) not in (
    select lower(hex(trace_id)) from {DATABASE}.traces
    where project = {{project:String}} and lower(hex(trace_id)) in (
        select lower(hex(trace_id)) from {DATABASE}.logs where {_OLD}))"""


def delete_loose_logs(engine: Engine, project: str, before_ns: int) -> int:
    """Delete the log records of no session and no trace that is kept, written before; how many there were."""
    return _delete(engine, "logs", _LOOSE, {"project": project, "before": before_ns})


def delete_loose_points(engine: Engine, project: str, before_ns: int) -> int:
    """Delete the points of metrics of no session that is kept, measured before; how many there were."""
    return _delete(engine, "metric_points", _OLD, {"project": project, "before": before_ns})


def _delete(engine: Engine, table: str, condition: str, values: Mapping[str, Any]) -> int:
    with engine.beside() as handle:
        number = int(handle.rows(f"select count() from {DATABASE}.{table} final where {condition}", values)[0][0])
        if number:
            handle.run(f"alter table {DATABASE}.{table} delete where {condition} settings mutations_sync = 2", values)
    return number
