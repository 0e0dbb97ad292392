"""The scores of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sojourn_gateway.engine import columns
from sojourn_gateway.engine.bound import Conditions
from sojourn_gateway.engine.paging import read_page
from sojourn_gateway.engine.steps import steps
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.values import text
from sojourn_gateway.engine.where import compile_where

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.engine.engine import Engine
    from sojourn_gateway.model.score import Score, ScoresAsk

__all__ = [
    "delete_score",
    "find_score",
    "insert_scores",
    "list_scores",
    "score_names",
    "scores_of_trace",
    "summarize_scores",
]

_COLUMNS: Final = (
    "id",
    "resource_id",
    "kind",
    "name",
    "score",
    "label",
    "reason",
    "source",
    "user_id",
    "created_ns",
)
_SELECT: Final = f"select {', '.join(_COLUMNS)} from {DATABASE}.scores final where project = {{project:String}}"
_ROOM: Final = "18446744073709551616."
"""So many of the largest scores add up; divided by a power of two, none loses a digit. Left to itself, the engine takes
the division out of the mean."""
_TRACES: Final = f"""select trace_id from {DATABASE}.traces final
        where project = {{project:String}} and session_id = {{session:String}}"""
_OF_SESSION: Final = f"""kind = 'session' and resource_id = {{session:String}}
    or kind = 'trace' and resource_id in (select lower(hex(trace_id)) from ({_TRACES}))"""
# By their minutes, as they lie.
_WITHIN: Final = f"""(minute, trace_id) in (
        select minute, trace_id from {DATABASE}.trails
        where project = {{project:String}} and trace_id in ({_TRACES}))"""
_OF_STEPS: Final = f"""kind = 'span' and resource_id in (
        select lower(hex(span_id)) from ({steps(_WITHIN, placed=True, traces=f"trace_id in ({_TRACES})")})
        where session = {{session:String}})"""


def insert_scores(engine: Engine, project: str, scores: Sequence[Score]) -> None:
    """Keep scores. Returns when they would survive a crash."""
    rows = [[project, *(getattr(score, name) for name in _COLUMNS), score.created_ns, 0] for score in scores]
    engine.insert("scores", ("project", *_COLUMNS, "version", "gone"), rows)


def delete_score(engine: Engine, project: str, score: Score) -> None:
    """Leave a tombstone."""
    row = [project, *(getattr(score, name) for name in _COLUMNS), score.created_ns + 1, 1]
    engine.insert("scores", ("project", *_COLUMNS, "version", "gone"), [row])


def find_score(engine: Engine, project: str, score_id: str) -> Row | None:
    """The row of a score: id, resource, kind, name, score, label, reason, source, user, time."""
    rows = engine.rows(f"{_SELECT} and id = {{id:String}}", {"project": project, "id": score_id})
    return rows[0] if rows else None


def list_scores(engine: Engine, project: str, ask: ScoresAsk) -> tuple[Sequence[Row], int]:
    """A page of scores, newest first, each as `find_score`; and how many there are in all."""
    chosen = Conditions(project=project)
    for name, column, kind, value in (
        ("since", "created_ns >=", "UInt64", ask.since_ns),
        ("until", "created_ns <=", "UInt64", ask.until_ns),
        ("resource", "resource_id =", "String", ask.resource_id),
        ("kind", "kind =", "String", ask.kind),
        ("name", "name =", "String", ask.name),
        ("source", "source =", "String", ask.source),
    ):
        if value is not None:
            chosen.add(f"{column} {{{name}:{kind}}}", **{name: value})
    if ask.session_id is not None:
        of_steps = f" or {_OF_STEPS}" if _grades_steps(engine, project) else ""
        chosen.add(f"({_OF_SESSION}{of_steps})", session=ask.session_id)
    if ask.where is not None:
        chosen.add_sql(compile_where(ask.where, columns.SCORES))
    source = f"from ({_SELECT} and {chosen})"
    told = ", ".join(_COLUMNS)
    return read_page(engine, told, source, "created_ns desc, id", chosen.values, limit=ask.limit, offset=ask.offset)


def scores_of_trace(engine: Engine, project: str, trace_id: str, span_ids: Sequence[str]) -> Sequence[Row]:
    """The scores of a trace and of its spans, oldest first."""
    return engine.rows(
        f"""{_SELECT} and (kind = 'trace' and resource_id = {{trace:String}}
            or kind = 'span' and has({{spans:Array(String)}}, resource_id)) order by created_ns, id""",
        {"project": project, "trace": trace_id, "spans": list(span_ids)},
    )


def score_names(engine: Engine, project: str) -> list[str]:
    """The names in use, in order."""
    rows = engine.rows(f"select distinct name from ({_SELECT}) order by name", {"project": project})
    return [text(name) for (name,) in rows]


def summarize_scores(engine: Engine, project: str, since_ns: int, until_ns: int) -> Sequence[Row]:
    """Name, mean, count, least and most of the scores of each name in a span of time."""
    return engine.rows(
        f"""select name, avg(score / {_ROOM}) * {_ROOM}, count(), min(score), max(score)
        from ({_SELECT} and created_ns >= {{since:UInt64}} and created_ns <= {{until:UInt64}})
        group by name order by name
        settings optimize_arithmetic_operations_in_aggregate_functions = 0""",
        {"project": project, "since": since_ns, "until": until_ns},
    )


def _grades_steps(engine: Engine, project: str) -> bool:
    """Whether a step was ever scored: where none was, nobody's steps need be looked through for a session's scores."""
    return bool(
        engine.rows(
            f"select 1 from {DATABASE}.scores where project = {{project:String}} and kind = 'span' limit 1",
            {"project": project},
        )
    )
