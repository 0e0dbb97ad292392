"""Servers with one session for each request: real ones, asked by real clients at the same time."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
import uvicorn
from fastapi import Depends, FastAPI
from starlette.responses import StreamingResponse

import sojourn
from sojourn import semconv
from tests.core.journalled import Journalled, plain, read_home
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator
    from pathlib import Path

    from starlette.types import ASGIApp, Receive, Scope, Send


def step(name: str) -> None:
    sojourn.record(sojourn.ActionEvent(name))


class InTheSession:
    """Middleware as the documentation shows it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with sojourn.extract(scope.get("headers", [])):
            await self.app(scope, receive, send)


def in_the_session(session: str | None = None) -> str | None:
    """The session that the handler runs in, as a dependency sees it."""
    current = sojourn.current_session()
    return session or (current.session_id if current is not None else None)


def application() -> FastAPI:
    app = FastAPI()
    app.add_middleware(InTheSession)

    @app.get("/async/{number}")
    async def handle(number: int) -> str | None:
        with sojourn.span(f"{number} async"):
            await asyncio.sleep(0)
            await asyncio.to_thread(step, f"{number} thread")
        return in_the_session()

    @app.get("/sync/{number}")
    def handle_on_a_thread(number: int, seen: str | None = Depends(in_the_session)) -> str | None:
        step(f"{number} sync")
        return seen

    @app.get("/stream/{number}")
    async def stream(number: int) -> StreamingResponse:
        async def parts() -> AsyncIterator[str]:
            for part in range(3):
                await asyncio.sleep(0)
                step(f"{number} part {part}")
                yield f"{part}"

        return StreamingResponse(parts())

    return app


@contextmanager
def serving(app: FastAPI) -> Generator[str]:
    """The application behind uvicorn, on a thread of this process."""
    taken = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", timeout_keep_alive=600))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]})
    thread.start()
    try:
        until(lambda: server.started)
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        taken.close()


def sessions_by_number(found: Journalled) -> set[tuple[str, str | None]]:
    """Which request's steps are in which session."""
    return {(span.name.split()[0], plain(span.attributes).get(semconv.SESSION_ID)) for span in found.spans}


async def test_requests_at_the_same_time_each_record_in_their_own_session(home: Path) -> None:
    sojourn.init(auto_start_session=False)
    numbers = range(24)
    with serving(application()) as url:
        async with httpx.AsyncClient(base_url=url, timeout=300) as client:

            async def ask(kind: str, number: int) -> httpx.Response:
                return await client.get(f"/{kind}/{number}", headers={"baggage": f"session.id=s{number}"})

            kinds = ("async", "sync", "stream")
            answers = await asyncio.gather(*(ask(kinds[number % 3], number) for number in numbers))
            assert [answer.status_code for answer in answers] == [200] * len(numbers)
            # The session of one request does not leak into the next on the same connection.
            assert (await client.get("/sync/99")).json() is None
            assert (await client.get("/async/98")).json() is None
    sojourn.flush(0)

    found = read_home(home)
    # Without a session an event by hand has nowhere to go; a span is kept.
    assert sessions_by_number(found) == {("98", None), *((str(number), f"s{number}") for number in numbers)}
    assert len(found.spans) == 8 * 2 + 8 + 8 * 3 + 1
    assert found.named(semconv.SESSION_END) == []
    assert sorted(told[semconv.SESSION_ID] for told in found.named(semconv.SESSION_JOIN)) == sorted(
        f"s{number}" for number in numbers
    )


SERVER = """
import asyncio, sys
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
import sojourn, uvicorn, socket

async def handle(request):
    async with sojourn.extract(request.headers) as session:
        with sojourn.span("serve"):
            return PlainTextResponse(session.session_id)

sojourn.init(auto_start_session=False)
taken = socket.create_server(("127.0.0.1", 0))
print(taken.getsockname()[1], flush=True)
app = Starlette(routes=[Route("/", handle)])
uvicorn.Server(uvicorn.Config(app, log_level="error")).run([taken])
"""


def test_a_client_and_a_server_in_two_processes_make_one_session_and_one_trace(home: Path) -> None:
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True, env=os.environ)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        session = sojourn.init()
        with sojourn.span("ask") as span:
            answer = httpx.get(f"http://127.0.0.1:{port}/", headers=sojourn.inject(), timeout=120)
        assert answer.text == session.session_id
        # What has ended is in the journal within a moment, while the server goes on.
        found = until(lambda: found if len((found := read_home(home)).spans) == 2 else None)
    finally:
        server.terminate()
        server.wait()
        if server.stdout is not None:
            server.stdout.close()

    served = next(one for one in found.spans if one.name == "serve")
    assert (served.trace_id.hex(), served.parent_span_id.hex()) == (span.trace_id, span.span_id)
    assert {plain(one.attributes)[semconv.SESSION_ID] for one in found.spans} == {session.session_id}
    # The server died by SIGTERM: the session is its caller's to end.
    assert read_home(home).named(semconv.SESSION_END) == []


PREFORKED = """
import os
import sojourn

# With `preload_app` this runs in the master, and workers are forked from it.
session = sojourn.init(name="the server")
sojourn.record(sojourn.ActionEvent("master"))

def app(environ, start_response):
    with sojourn.extract(environ) as session:
        sojourn.record(sojourn.ActionEvent(environ["PATH_INFO"]))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


@pytest.mark.skipif(sys.platform == "win32", reason="gunicorn needs fork")
@pytest.mark.parametrize("preload", [True, False], ids=["master inits", "workers init"])
def test_workers_of_gunicorn_record_and_lose_nothing_when_they_are_stopped(
    home: Path, tmp_path: Path, preload: bool
) -> None:
    (tmp_path / "preforked.py").write_text(PREFORKED, "utf-8")
    taken = socket.create_server(("127.0.0.1", 0))
    os.set_inheritable(taken.fileno(), True)
    command = [sys.executable, "-m", "gunicorn", "--workers", "2", "--bind", f"fd://{taken.fileno()}", "preforked:app"]
    server = subprocess.Popen(
        [
            *command,
            "--timeout",
            "300",
            "--no-control-socket",
            *(["--preload"] if preload else []),
            "--worker-tmp-dir",
            str(tmp_path),
        ],
        cwd=tmp_path,
        pass_fds=[taken.fileno()],
        stderr=subprocess.PIPE,
    )
    url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    try:
        pids: set[str] = set()
        asked = 0

        def both_answered() -> bool:
            nonlocal asked
            asked += 1
            pids.add(httpx.get(f"{url}/{asked}", headers={"baggage": f"session.id=s{asked}"}, timeout=120).text)
            return len(pids) == 2

        until(both_answered, within_s=300)
    finally:
        server.terminate()
        said = server.communicate()[1].decode()
        taken.close()

    found = read_home(home)
    by_name = {span.name: plain(span.attributes)[semconv.SESSION_ID] for span in found.spans}
    masters = {told[semconv.SESSION_ID] for told in found.named(semconv.SESSION_START)}
    assert server.returncode == 0, said
    assert {name: session for name, session in by_name.items() if name != "master"} == {
        f"/{number}": f"s{number}" for number in range(1, asked + 1)
    }
    assert len(masters) == (1 if preload else 2)
    # Each process ends what it started, and nothing else.
    assert {told[semconv.SESSION_ID] for told in found.named(semconv.SESSION_END)} == masters
    assert "Traceback" not in said
