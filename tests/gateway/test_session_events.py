"""Facts of sessions out of log records: one that cannot be read stops nothing."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sojourn_gateway.command.doctor import describe_store
from sojourn_gateway.engine.rollup import UNREAD
from sojourn_gateway.engine.session_events import rows_of
from sojourn_gateway.engine.sizes import read_state
from sojourn_gateway.engine.tables import DATABASE

if TYPE_CHECKING:
    import pytest

    from tests.gateway.sender import Store


def record(name: str, *, a_s: dict[bytes, bytes] | None, time_ns: int = 5) -> tuple[Any, ...]:
    """A session's start, as the engine answers it."""
    return (b"p", name.encode(), b"uid", b"session.start", time_ns, b"i", bytes(8), a_s, {}, {}, {}, {}, 7)


def test_a_record_that_cannot_be_read_is_left_out_said_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "sojourn.gateway"):
        rows, unread = rows_of([record("a", a_s={}), record("b", a_s=None), record("c", a_s={b"\xff": b"\xff"})])

    assert [row[1] for row in rows] == ["a", "c"]
    assert unread == 1
    assert "cannot be read" in caplog.text


def test_the_doctor_says_how_many_records_could_not_be_read(store: Store) -> None:
    kept = store.engine.rows(f"select value from {DATABASE}.marks final where name = '{UNREAD}'")
    value = kept[0][0] + 3 if kept else 3
    store.engine.insert("marks", ("name", "value", "version"), [[UNREAD, value, time.time_ns()]])
    found = describe_store("the store opens", asdict(read_state(store.engine)))
    assert [(one.what, one.verdict, one.said) for one in found if one.what == "skipped"] == [
        ("skipped", "note", f"{value} records of sessions could not be read and are left out of sums")
    ]
