"""Writes down where the spans of tangled traces belong: read and written a page at a time, however large a trace is."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from sojourn_gateway.engine.places import Node, Tree
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.values import text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sojourn_gateway.engine.backend import Handle, Row

__all__ = ["place_tangled"]

_SPANS_AT_ONCE: Final = 50_000
_COLUMNS: Final = "project, trace_id, span_id, parent_id, session_id, start_ns, step, usage, version"
_PLACES: Final = ("project", "trace_id", "span_id", "session_id", "counts_call", "counts_usage", "version")
_TANGLED: Final = """(project, trace_id) in (
    select arrayJoin(arrayZip({projects:Array(String)},
        arrayMap(id -> toFixedString(unhex(id), 16), {traces:Array(String)})))
) and (project, trace_id, span_id) > (
    unhex({project:String}), toFixedString(unhex({trace:String}), 16), toFixedString(unhex({span:String}), 8))"""


def place_tangled(
    writer: Handle,
    tangled: Iterable[tuple[bytes, bytes]],
    spans: Callable[[str, str], str],
    values: Mapping[str, int],
    version: int,
) -> None:
    """Place the spans of these traces, each a project and an id.

    `spans` gives the select of what a roll-up looks at, by columns and a condition, and `values` what that binds.
    """
    listed = list(tangled)
    keys = {
        "projects": [text(project) for project, _ in listed],
        "traces": [trace_id.hex() for _, trace_id in listed],
    }
    placed = _placed(_pages(writer, spans(_COLUMNS, _TANGLED), {**values, **keys}), version)
    while rows := list(islice(placed, _SPANS_AT_ONCE)):
        writer.insert(f"{DATABASE}.places", _PLACES, rows)


def _pages(writer: Handle, spans: str, values: Mapping[str, object]) -> Iterator[Row]:
    # The newest row of a span comes first, and what lies behind it is passed over: to find the newest beforehand, all
    # that is left would be sorted for each page.
    sql = f"""
    select project, trace_id, span_id, parent_id, session_id, start_ns, step in ('model', 'embedding'), usage
    from ({spans}) order by project, trace_id, span_id, version desc limit {{most:UInt64}}"""
    last: Row = (b"", bytes(16), bytes(8))
    while True:
        project, trace_id, span_id, *_ = last
        at = {"project": project.hex(), "trace": trace_id.hex(), "span": span_id.hex(), "most": _SPANS_AT_ONCE}
        page = writer.rows(sql, {**values, **at})
        for row in page:
            if row[:3] != last[:3]:
                yield row
            last = row
        if len(page) < _SPANS_AT_ONCE:
            return


def _placed(spans: Iterable[Row], version: int) -> Iterator[Sequence[object]]:
    tree, of = Tree(), (b"", b"")
    for project, trace_id, span_id, parent_id, session_id, start_ns, calls, usage in spans:
        if (project, trace_id) != of:
            yield from _rows(tree, *of, version)
            tree, of = Tree(), (project, trace_id)
        tree.add(Node(span_id, parent_id, text(session_id), start_ns, bool(calls), bool(usage)))
    yield from _rows(tree, *of, version)


def _rows(tree: Tree, project: bytes, trace_id: bytes, version: int) -> Iterator[Sequence[object]]:
    of = text(project)
    for span_id, found in tree.places():
        session = found.session_id or trace_id.hex()
        yield (of, trace_id, span_id, session, found.counts_call, found.counts_usage, version)
