"""What is too much at once for the engine's memory is done in parts, and comes to the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sojourn.price_file import PriceList
from sojourn_gateway.engine import placing
from sojourn_gateway.engine.backend import Unwritten, out_of_memory
from sojourn_gateway.engine.rollup import Rollup
from sojourn_gateway.engine.slices import in_slices
from sojourn_gateway.engine.tables import DATABASE
from tests.gateway.sender import span, trace_id, usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from sojourn_gateway.engine.backend import Handle, Row, Signal
    from tests.gateway.sender import Store

MEMORY = 16_000_000


class Tight:
    """A handle whose sums of everything at once may take little memory.

    Of the parts none is held short: how much of its neighbours the engine reads with a row, is up to its merges.
    """

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self.refused = 0

    def run(self, sql: str, values: Mapping[str, Any] | None = None) -> None:
        """As the handle itself."""
        at_once = sql.lstrip().startswith(f"insert into {DATABASE}.traces") and "cityHash64(" not in sql
        try:
            self._handle.run(f"{sql} settings max_memory_usage = {MEMORY}" if at_once else sql, values)
        except Unwritten as fault:
            self.refused += out_of_memory(fault)
            raise

    def load(
        self, signal: Signal, path: Path, statement: Callable[[str], str], values: Mapping[str, Any] | None = None
    ) -> None:
        """As the handle itself."""
        self._handle.load(signal, path, statement, values)

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        """As the handle itself."""
        return self._handle.rows(sql, values)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """As the handle itself."""
        self._handle.insert(table, columns, rows)

    def close(self) -> None:
        """As the handle itself."""
        self._handle.close()


def renew(store: Store, memory: bool) -> int:
    """Sum the project up anew; how often the engine had too little memory."""
    with store.engine.exclusively(), store.engine.beside() as handle:
        tight = Tight(handle)
        rollup = Rollup(tight if memory else handle, PriceList())
        rollup.renew(
            f"select project, trace_id, minute from {DATABASE}.trails where project = {{project:String}}",
            "select '' as project, '' as session_id where 0",
            {"project": store.project},
        )
        return tight.refused


def sums(store: Store) -> list[Row]:
    """What lists show of the project."""
    columns = "session_id, trace_count, span_count, model_calls, input_tokens, last_error"
    rows = store.engine.rows(
        f"""select {columns} from {DATABASE}.sessions final where project = {{project:String}} and gone = 0
        order by session_id""",
        {"project": store.project},
    )
    return list(rows)


def test_sums_that_take_too_much_memory_at_once_are_made_in_parts(store: Store) -> None:
    said = "x" * 60_000
    for number in range(4):
        spans = [
            span(trace_id(), attributes={"session.id": f"s{number}", **usage()}, error=f"{one} {said}")
            for one in range(100)
        ]
        store.send(*spans)
    before = sums(store)
    assert [row[:4] for row in before] == [(f"s{number}".encode(), 100, 100, 100) for number in range(4)]
    assert renew(store, memory=True) > 0
    assert sums(store) == before


def test_a_tangled_trace_is_read_a_page_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages end within traces, and at their ends."""
    monkeypatch.setattr(placing, "_SPANS_AT_ONCE", 3)
    for length in (2, 3, 7, 6):
        trace = trace_id()
        outer = span(trace, "outer", attributes={"session.id": f"outer {length}", **usage()})
        inner = [
            span(trace, parent=outer, at_s=number, attributes={"session.id": f"inner {length}", **usage()})
            for number in range(length - 1)
        ]
        store.send(outer, *inner)
    told = [
        *((f"inner {length}", length - 1, length - 1) for length in (2, 3, 6, 7)),
        # A call around others is counted as they are.
        *((f"outer {length}", 1, 0) for length in (2, 3, 6, 7)),
    ]
    assert [row[:5] for row in sums(store)] == [
        (session.encode(), 1, spans, calls, 100 * calls) for session, spans, calls in told
    ]


def test_a_trace_of_very_many_names_keeps_some_and_stops_nobody(store: Store) -> None:
    trace = trace_id()
    store.send(
        *(
            span(trace, attributes={"session.id": "s", **usage(), "gen_ai.response.model": f"m{number}"})
            for number in range(10_050)
        )
    )
    rows = store.engine.rows(
        f"select length(models), span_count from {DATABASE}.traces final where project = {{project:String}}",
        {"project": store.project},
    )
    assert list(rows) == [(10_000, 10_050)]


class Full(Exception):
    """As the engine says it."""

    code = 241


def test_only_what_was_too_much_is_cut() -> None:
    done: list[str] = []

    def work(among: str) -> None:
        if among in ("true", "cityHash64(id) % 8 = 3"):
            raise Full
        done.append(among)

    in_slices("id", work)
    assert [one for one in done if "% 8 " in one] == [f"cityHash64(id) % 8 = {n}" for n in range(8) if n != 3]
    assert [one for one in done if "% 64 " in one] == [f"cityHash64(id) % 64 = {n}" for n in range(3, 64, 8)]
    assert len(done) == 15


def test_another_fault_and_one_that_never_goes_are_raised() -> None:
    tried: list[str] = []

    def fail(among: str) -> None:
        tried.append(among)
        raise Full if len(tried) != 2 else ValueError

    with pytest.raises(ValueError):
        in_slices("id", fail)
    tried.append("")
    with pytest.raises(Full):
        in_slices("id", fail)
