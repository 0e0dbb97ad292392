"""What commands do to the store: by the running gateway, else by opening it themselves; the same either way."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode

from sojourn_gateway.command.gateways import RunningGateway, running_gateway
from sojourn_gateway.command.taking import Rejected, take_all
from sojourn_gateway.engine import Engine
from sojourn_gateway.engine.retention import Keeping
from sojourn_gateway.ingest import Ingest, Pickup
from sojourn_gateway.keeping import Keeper, Policy

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path

    from sojourn.home import Home
    from sojourn_gateway.engine.exporting import Chosen
    from sojourn_gateway.keeping.exports import Format, What
    from sojourn_gateway.keeping.importing import Grades
    from sojourn_gateway.keeping.made import Request
    from sojourn_gateway.model.score import Score
    from sojourn_gateway.settings import Settings

__all__ = ["Store", "open_store"]

Told = dict[str, Any]


class Store(Protocol):
    """Answers in the shapes of `/v1`."""

    def erase(self, kind: str, named: str) -> Told | None:
        """Erase a `session` or a `user`; what went, or None when there was nothing."""
        ...

    def keeping(self) -> Told:
        """How long, and how much, the project keeps."""
        ...

    def keep(self, days: int, size: int) -> Told:
        """Have the project keep no more than this; 0 is without end."""
        ...

    def clean(self) -> list[Told]:
        """Remove now what is not to be kept; what went, by project."""
        ...

    def unpriced(self) -> list[Told]:
        """Models with calls whose price is not known."""
        ...

    def reprice(self, since_ns: int) -> Told:
        """Price what is stored anew."""
        ...

    def export(self, what: What, shape: Format, chosen: Chosen) -> Iterator[bytes]:
        """The pieces of a file."""
        ...

    def take_in(self, items: Iterable[Request | Grades]) -> Told:
        """Keep what a file holds; how many spans, log records and scores were kept, and why others were rejected."""
        ...

    def back_up(self, folder: Path) -> Told:
        """Back everything up."""
        ...

    def state(self) -> Told:
        """How large the store is, and how it is doing."""
        ...


@contextmanager
def open_store(home: Home, settings: Settings, project: str | None = None) -> Generator[Store]:
    """The running gateway; else the store, with what still lies in journals taken in first.

    Raises `EngineHeld`, which names the holder, when another process has the store open.
    """
    chosen = project or settings.project
    gateway = running_gateway(home)
    if gateway is not None:
        gateway.operate(chosen)
        yield _Remote(gateway)
        return
    engine = Engine.open(home, settings.engine, prices=settings.price_list())
    try:
        ingest = Ingest(engine)
        try:
            Pickup(ingest, home).sweep(include_live=True)
            keeper = Keeper(engine, home, Policy(settings.keep_days, settings.keep_size))
            keeper.resume()
            yield _Local(keeper, ingest, chosen)
        finally:
            ingest.close()
    finally:
        engine.close()


class _Remote:
    def __init__(self, gateway: RunningGateway) -> None:
        self._gateway = gateway

    def erase(self, kind: str, named: str) -> Told | None:
        path = (
            f"/v1/sessions/{quote(named, safe='')}" if kind == "session" else f"/v1/users/{quote(named, safe='')}/data"
        )
        answer = self._gateway.order("DELETE", path)
        return None if answer is None else answer["data"]

    def keeping(self) -> Told:
        return self._data("GET", "/v1/retention")

    def keep(self, days: int, size: int) -> Told:
        return self._data("PUT", "/v1/retention", {"days": days, "size_bytes": size})

    def clean(self) -> list[Told]:
        return self._list("POST", "/v1/operator/clean")

    def unpriced(self) -> list[Told]:
        return self._list("GET", "/v1/prices/unpriced")

    def reprice(self, since_ns: int) -> Told:
        return self._data("POST", f"/v1/operator/prices/recompute?since={since_ns or ''}")

    def export(self, what: What, shape: Format, chosen: Chosen) -> Iterator[bytes]:
        query = {
            "what": what,
            "format": shape,
            "session_id": chosen.session_id,
            "since": chosen.since_ns,
            "until": chosen.until_ns,
        }
        told = urlencode({name: value for name, value in query.items() if value is not None})
        return self._gateway.stream(f"/v1/export?{told}")

    def take_in(self, items: Iterable[Request | Grades]) -> Told:
        def send(request: Request) -> list[Rejected]:
            return [_rejected(self._gateway.send_otlp(request.signal, request.body))]

        def keep(scores: tuple[Score, ...]) -> None:
            self._gateway.order("POST", "/v1/operator/scores", [asdict(one) for one in scores])

        return take_all(items, send, keep)

    def back_up(self, folder: Path) -> Told:
        return self._data("POST", "/v1/operator/backup", {"folder": str(folder)})

    def state(self) -> Told:
        return self._data("GET", "/v1/operator/store")

    def _data(self, method: str, path: str, told: Any = None) -> Told:
        found: Told = self._gateway.order(method, path, told)["data"]
        return found

    def _list(self, method: str, path: str) -> list[Told]:
        found: list[Told] = self._gateway.order(method, path)["data"]
        return found


class _Local:
    def __init__(self, keeper: Keeper, ingest: Ingest, project: str) -> None:
        self._keeper = keeper
        self._ingest = ingest
        self._project = project

    def erase(self, kind: str, named: str) -> Told | None:
        erase = self._keeper.erase_session if kind == "session" else self._keeper.erase_user
        erased = erase(self._project, named)
        return None if erased is None else asdict(erased)

    def keeping(self) -> Told:
        found = self._keeper.keeping(self._project)
        return {"days": found.days or None, "size_bytes": found.size or None}

    def keep(self, days: int, size: int) -> Told:
        self._keeper.keep(self._project, Keeping(days, size))
        return self.keeping()

    def clean(self) -> list[Told]:
        return [asdict(swept) for swept in self._keeper.sweep()]

    def unpriced(self) -> list[Told]:
        return [asdict(one) for one in self._keeper.unpriced(self._project)]

    def reprice(self, since_ns: int) -> Told:
        return {"traces": self._keeper.reprice(since_ns)}

    def export(self, what: What, shape: Format, chosen: Chosen) -> Iterator[bytes]:
        return self._keeper.export(self._project, what, shape, chosen)

    def take_in(self, items: Iterable[Request | Grades]) -> Told:
        def send(request: Request) -> tuple[Rejected, ...]:
            return self._ingest.submit_now(request.signal, self._project, request.body).rejected

        def keep(scores: tuple[Score, ...]) -> None:
            self._keeper.keep_scores(self._project, scores)

        return take_all(items, send, keep)

    def back_up(self, folder: Path) -> Told:
        return self._keeper.back_up(folder)

    def state(self) -> Told:
        return asdict(self._keeper.state())


def _rejected(answer: bytes) -> Rejected:
    """How many spans or records an OTLP answer in protobuf says were rejected, and why; both kinds say it alike."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    told = ExportTraceServiceResponse.FromString(answer).partial_success
    return told.rejected_spans, told.error_message
