"""Projects that share a gateway: one that floods it is told to wait, the others are served."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx

from sojourn.home import Home
from sojourn_gateway.records import Keys, Records
from sojourn_gateway.settings import Settings
from tests.gateway.sender import span, trace_id, traces
from tests.gateway.serving import PROTOBUF, served
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from sojourn_gateway.engine import Engine


def test_a_project_that_floods_is_refused_and_another_is_served(engine: Engine, home: Path, tmp_path: Path) -> None:
    """The queue of the loud one is full when the quiet one sends, and stays full until that one is answered."""
    records = Records.of(Home(home))
    made = {name: Keys(records).make(f"{name}-{tmp_path.name}", "a").secret for name in ("loud", "quiet")}
    records.close()
    answers: list[httpx.Response] = []
    enough = threading.Event()
    settings = Settings(project=tmp_path.name, max_held_bytes=4_000_000)

    with served(engine, Home(home), settings) as running:

        def send(project: str, filler: str) -> httpx.Response:
            headers = {"Content-Type": PROTOBUF, "Authorization": f"Bearer {made[project]}"}
            body = traces([span(trace_id(), attributes={"session.id": project, "x": filler})])
            return httpx.post(running.url + "/v1/traces", content=body, headers=headers, timeout=120)

        def flood() -> None:
            while not enough.is_set():
                answers.append(send("loud", "x" * 300_000))

        def refused() -> int:
            return sum(answer.status_code == 429 for answer in list(answers))

        with ThreadPoolExecutor(12) as pool:
            flooding = [pool.submit(flood) for _ in range(12)]
            try:
                until(lambda: refused() > 3, within_s=300)
                served_meanwhile = [send("quiet", "").status_code for _ in range(3)]
                before = refused()
                until(lambda: refused() > before, within_s=300)
            finally:
                enough.set()
            for one in flooding:
                one.result()
        assert engine.settle(60)
        listed = httpx.get(
            running.url + "/v1/sessions", headers={"Authorization": f"Bearer {made['quiet']}"}, timeout=300
        ).json()["data"]

    assert served_meanwhile == [200, 200, 200]
    assert [(one["id"], one["span_count"]) for one in listed] == [("quiet", 3)]
    assert {answer.status_code for answer in answers} == {200, 429}
    assert {answer.headers["retry-after"] for answer in answers if answer.status_code == 429} == {"1"}
