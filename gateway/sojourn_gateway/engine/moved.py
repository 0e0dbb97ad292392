"""Spans that moved: sent again with a start in another minute, so that an older row of theirs lies under another key.

Rows under one key replace each other, which `final` sees. These do not, so where the older ones lie is written down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.values import text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sojourn_gateway.engine.backend import Handle

__all__ = ["NEWEST", "mark_moved"]

NEWEST: Final = f"""((select count() from {DATABASE}.moved where project = {{project:String}}) = 0
    or (minute, trace_id, span_id) not in (
        select minute, trace_id, span_id from {DATABASE}.moved final where project = {{project:String}}))"""
"""The condition that leaves each span its newest row, of `spans final`. Where nothing moved, it costs nothing."""

_MARK: Final = f"""
insert into {DATABASE}.moved (project, minute, trace_id, span_id, version, gone)
select project, arrayJoin(minutes) as lies, trace_id, span_id, {{version:UInt64}}, lies = newest
from (
    select project, trace_id, span_id, groupUniqArray(minute) as minutes, argMax(minute, version) as newest
    from {DATABASE}.spans where (project, minute, trace_id) in (
        select project, minute, trace_id from {DATABASE}.trails where (project, trace_id) in (
            select arrayJoin(arrayZip({{projects:Array(String)}},
                arrayMap(id -> toFixedString(unhex(id), 16), {{traces:Array(String)}})))
        )
    )
    group by project, trace_id, span_id having length(minutes) > 1
)"""


def mark_moved(writer: Handle, traces: Iterable[tuple[bytes, bytes]], version: int) -> None:
    """Write down which rows of these traces, each a project and an id, a newer row in another minute replaces."""
    listed = list(traces)
    writer.run(
        _MARK,
        {
            "projects": [text(project) for project, _ in listed],
            "traces": [trace_id.hex() for _, trace_id in listed],
            "version": version,
        },
    )
