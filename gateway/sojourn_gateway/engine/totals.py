"""Sums over whole traces, out of what roll-ups keep of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.engine.bound import Conditions
from sojourn_gateway.engine.remembered import Remembered
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.whole_traces import shared_traces, together
from sojourn_gateway.model.totals import TotalsAsk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.engine.engine import Engine

__all__ = ["newest_traces", "sum_traces"]

_ADDED: Final = (
    "span_count",
    "ok_spans",
    "failed_spans",
    "input_tokens",
    "output_tokens",
    "cache_read",
    "cache_write",
    "reasoning",
    "ok_tokens",
    "failed_tokens",
    "asked_price",
    "whole_price",
    "cost",
)
_LASTS: Final = "toInt64(end_ns) - toInt64(start_ns)"


def sum_traces(engine: Engine, project: str, ask: TotalsAsk) -> Mapping[str, Any]:
    """How many `traces`, the sums of their columns by name, and the `least`, the `most` and all time that they took."""
    return _OF_ALL.of(engine, project) if replace(ask, lines=0) == _ALL else _sums(engine, project, ask)


def _sums(engine: Engine, project: str, ask: TotalsAsk) -> Mapping[str, Any]:
    source, values = _chosen(engine, project, ask)
    row = engine.rows(
        f"""select count(), min({_LASTS}), max({_LASTS}), sum({_LASTS}), {", ".join(f"sum({name})" for name in _ADDED)}
        {source}""",
        values,
    )[0]
    return dict(zip(("traces", "least", "most", "lasted", *_ADDED), row, strict=True))


_ALL: Final = TotalsAsk()
_OF_ALL: Final = Remembered[Mapping[str, Any]](lambda engine, project: _sums(engine, project, _ALL))
"""What all traces of a project come to, which every page of a dashboard tells."""


def newest_traces(engine: Engine, project: str, ask: TotalsAsk) -> Sequence[Row]:
    """Id, start, time taken, spans, cost, and how it said that it ended, of the newest traces, newest first."""
    source, values = _chosen(engine, project, ask)
    return engine.rows(
        f"""select trace_id, start_ns, {_LASTS}, span_count, cost, end_state {source}
        order by start_ns desc, trace_id limit {{lines:UInt64}}""",
        {**values, "lines": ask.lines},
    )


def _chosen(engine: Engine, project: str, ask: TotalsAsk) -> tuple[str, dict[str, Any]]:
    where = Conditions(project=project)
    if ask.since_ns is not None:
        where.add("start_ns >= {since:UInt64}", since=max(ask.since_ns, 0))
    if ask.until_ns is not None:
        where.add("start_ns <= {until:UInt64}", until=max(ask.until_ns, 0))
    if ask.name:
        where.add("positionCaseInsensitiveUTF8(name, {name:String}) > 0", name=ask.name)
    of_one = "true"
    if ask.trace_id is not None:
        of_one = "trace_id = toFixedString(unhex({trace:String}), 16)"
        where.values["trace"] = ask.trace_id
    if not shared_traces(engine, project):
        # A select of all columns around this one takes longer to plan than the sums take.
        return (
            f"from {DATABASE}.traces final where project = {{project:String}} and {of_one} and ({where})",
            where.values,
        )
    select, more = together(engine, project, of_one)
    return f"from ({select}) where {where}", {**where.values, **more}
