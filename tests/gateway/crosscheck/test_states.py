"""Every contract that judges a session judges it alike, however it ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.gateway.crosscheck.door import Door, Written
from tests.gateway.crosscheck.matrix import READERS
from tests.gateway.story import Story, session_events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sojourn_gateway.engine import Engine


@pytest.fixture(scope="module")
def door(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """Gateways that stop when the tests of this file are done."""
    opened = Door(engine, tmp_path_factory.mktemp("states"))
    yield opened
    opened.close()


@pytest.mark.parametrize("state", ["Fail", "Indeterminate", "open"])
def test_a_session_is_judged_alike_everywhere(state: str, door: Door) -> None:
    gateway, home = door.gateway(f"{state}-{uuid4().hex[:8]}")
    story = Story(str(uuid4()), started_ns=time.time_ns() - 60_000_000_000)
    step = story.begin("step", 0, gen_ai__operation__name="execute_tool", gen_ai__tool__name="find_order")
    story.end(step, 1)
    assert story.session_id is not None
    assert gateway.send(story.encoded()).status_code == 200
    events = session_events(story.session_id, end_state="" if state == "open" else state)
    assert gateway.send(events, signal="logs", content_type="application/json").status_code == 200
    assert gateway.engine.settle(60)
    written = Written(gateway, home, story.session_id)

    told = {reader.id: reader.read(written) for reader in READERS if "state" not in reader.unsaid}
    wanted = {
        reader.id: reader.while_open.get("state", state) if state == "open" else state
        for reader in READERS
        if reader.id in told
    }
    assert {name: said["state"] for name, said in told.items()} == wanted
    first = told[READERS[0].id]
    for reader in READERS:
        if reader.id in told and "end" in told[reader.id]:
            is_silent = state == "open" and "end" in reader.while_open
            assert told[reader.id]["end"] == (None if is_silent else first["end"]), reader.id
