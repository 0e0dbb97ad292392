"""A reader sees what its sender was told is kept, or is answered at once: nothing here settles by itself."""

from __future__ import annotations

import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import pytest

from sojourn.home import Home
from sojourn_gateway.engine import Engine
from sojourn_gateway.ingest.body import read_body
from sojourn_gateway.settings import Settings
from tests.gateway.sender import span, trace_id, traces
from tests.gateway.serving import PROTOBUF, Served, served
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = "sojourn_gateway.query.queries._SETTLE_S"


@pytest.fixture
def gateway(engine: Engine, home: Path) -> Iterator[Served]:
    """One whose client waits for nothing."""
    # Of what other tests kept nothing is rolled up later: what is kept here would be with it.
    assert engine.settle(300)
    with served(engine, Home(home), Settings(project=f"p-{uuid4().hex}"), patience_s=0) as running:
        yield running


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions wait as long as a slow machine may take."""
    monkeypatch.setattr(PATIENCE, 300.0)


def body(session: str) -> bytes:
    return traces([span(trace_id(), session, attributes={"session.id": session})])


def commit(gateway: Served, session: str) -> None:
    """Keep a span as the gateway does, and leave the lists as they are."""
    parts = read_body("traces", gateway.project, body(session), time.time_ns()).parts
    gateway.engine.write("traces", parts)


def ask(gateway: Served, path: str) -> httpx.Response:
    return httpx.get(gateway.url + path, timeout=300)


def is_waited_for() -> bool:
    """Whether any thread waits for lists to show what is kept."""
    frames = sys._current_frames()  # pyright: ignore[reportPrivateUsage]  # documented all the same
    return any(
        at.f_code is Engine.settle.__code__ for frame in frames.values() for at, _ in traceback.walk_stack(frame)
    )


@pytest.mark.usefixtures("patient")
def test_who_was_told_that_a_span_is_kept_reads_it_at_once(gateway: Served) -> None:
    for number in range(5):
        sent = httpx.post(
            f"{gateway.url}/v1/traces", content=body(f"s{number}"), headers={"Content-Type": PROTOBUF}, timeout=300
        )
        assert sent.status_code == 200
        assert ask(gateway, f"/v1/sessions/s{number}").status_code == 200
        assert len(ask(gateway, "/v1/sessions").json()["data"]) == number + 1


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("path", ["/v1/sessions/mine", "/v1/sessions", "/v1/traces", "/sessions"])
def test_a_reader_waits_until_lists_show_what_is_kept(gateway: Served, path: str) -> None:
    commit(gateway, "mine")
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask, gateway, path)
        try:
            until(is_waited_for)
            assert not asking.done()
        finally:
            gateway.engine.roll_up()
        answer = asking.result()
    assert answer.status_code == 200
    assert "mine" in answer.text


@pytest.mark.usefixtures("patient")
def test_while_batches_keep_coming_a_reader_is_answered_from_what_is_there(gateway: Served) -> None:
    commit(gateway, "there")
    gateway.engine.roll_up()
    gateway.engine.press(on=True)
    try:
        commit(gateway, "mine")
        listed = ask(gateway, "/v1/sessions").json()["data"]
        assert [one["id"] for one in listed] == ["there"]
        assert ask(gateway, "/v1/sessions/mine").status_code == 404
    finally:
        gateway.engine.press(on=False)
        gateway.engine.roll_up()
    assert ask(gateway, "/v1/sessions/mine").status_code == 200


def test_without_patience_a_reader_is_answered_from_what_is_there(
    gateway: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PATIENCE, 0.0)
    commit(gateway, "mine")
    try:
        assert ask(gateway, "/v1/sessions/mine").status_code == 404
        assert ask(gateway, "/v1/sessions").json()["data"] == []
    finally:
        gateway.engine.roll_up()
    assert ask(gateway, "/v1/sessions/mine").status_code == 200
