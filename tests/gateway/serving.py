"""The real application under the real server, on a port that the system chooses."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import httpx
import uvicorn

from sojourn_gateway.app import create_app
from sojourn_gateway.asgi.services import Services
from tests.gateway.story import session_events

if TYPE_CHECKING:
    from collections.abc import Generator

    from fastapi import FastAPI

    from sojourn.home import Home
    from sojourn_gateway.engine import Engine
    from sojourn_gateway.settings import Settings
    from tests.gateway.story import Story

PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True, slots=True)
class Served:
    """A gateway that answers, and a client of it."""

    url: str
    port: int
    engine: Engine
    client: httpx.Client
    app: FastAPI
    project: str = "default"

    @property
    def services(self) -> Services:
        """What its handlers work with."""
        found = self.app.state.services
        assert isinstance(found, Services)
        return found

    def get(self, path: str, **query: Any) -> httpx.Response:
        """GET, following nothing."""
        return self.client.get(path, params=query or None)

    def data(self, path: str, **query: Any) -> Any:
        """The `data` of a good answer."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def send(
        self, body: bytes, *, signal: str = "traces", content_type: str = PROTOBUF, **headers: str
    ) -> httpx.Response:
        """POST a body as an exporter does."""
        told = {"Content-Type": content_type} | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(f"/v1/{signal}", content=body, headers=told)

    def keep(self, story: Story, *, name: str = "", tags: tuple[str, ...] = (), end_state: str = "") -> None:
        """Store a story and its session's events, and wait until lists show it."""
        assert self.send(story.encoded()).status_code == 200
        if story.session_id is not None:
            events = session_events(story.session_id, name=name, tags=tags, end_state=end_state)
            assert self.send(events, signal="logs", content_type="application/json").status_code == 200
        assert self.engine.settle(300)


def is_look_round() -> bool:
    """Whether this is the gateway's own look after the store, once a minute: who counts what is asked leaves it out."""
    return threading.current_thread().name == "sojourn-rounds"


@contextmanager
def served(engine: Engine, home: Home, settings: Settings, *, patience_s: float = 300) -> Generator[Served]:
    """Serve over an engine that is open already, until the block is left.

    A reader waits some seconds for what was just kept; a busy machine may take more, and tests have more patience.
    """

    def see_all(request: httpx.Request) -> None:
        if request.method == "GET" or request.url.path.endswith("/search"):
            engine.settle(patience_s)

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(128)
    port = int(listening.getsockname()[1])
    ready = threading.Event()
    app = create_app(home, replace(settings, pickup_every_s=3600), engine=engine)
    config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="on", timeout_graceful_shutdown=5)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready.set()

    server = Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="gateway")
    thread.start()
    try:
        assert ready.wait(300)
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, timeout=300, event_hooks={"request": [see_all]}) as client:
            yield Served(url, port, engine, client, app, settings.project)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
