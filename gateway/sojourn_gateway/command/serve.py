"""`sojourn dev` and `sojourn serve`: the gateway in this process."""

from __future__ import annotations

import asyncio
import logging
import signal
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, NoReturn

import uvicorn

from sojourn_gateway.app import create_app
from sojourn_gateway.command.doors import GRPC_PORT, open_door
from sojourn_gateway.command.gateways import running_gateway
from sojourn_gateway.command.ports import listen, listen_if_free
from sojourn_gateway.engine import Engine
from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.settings import Settings, address_to_bind

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from sojourn.home import Home
    from sojourn_gateway.command.doors import Door
    from sojourn_gateway.model.address import Address

__all__ = ["GRPC_PORT", "serve"]


def serve(
    home: Home,
    settings: Settings,
    host: str | None,
    port: int | None,
    extra_ports: Sequence[int],
    *,
    grpc_port: int | None = None,
) -> int:
    """Serve until a signal says stop. Raises `GatewayFault` in words when that cannot be.

    `extra_ports` are opened when they are free; among them `GRPC_PORT` stands for gRPC, when its library is there.
    """
    address, demanded = address_to_bind(host or settings.host, require_keys=settings.require_keys)
    settings = replace(settings, require_keys=demanded)
    already = running_gateway(home)
    if already is not None:
        raise GatewayFault(f"a gateway already serves this home, at {already.url} (process {already.pid})")
    sockets = listen(address, settings.port if port is None else port)
    try:
        bound = int(sockets[0].getsockname()[1])
        wanted = settings.grpc_port if grpc_port is None else grpc_port
        door = open_door(settings, address, wanted, welcome=GRPC_PORT in extra_ports)
        extra = {number: listen_if_free(address, number) for number in extra_ports if number not in (bound, GRPC_PORT)}
        sockets += [found for several in extra.values() for found in several]
        # Programs on this machine do not reach "any address", but all of them.
        near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104  # compared, not bound
        url = f"http://{f'[{near}]' if ':' in near else near}:{bound}"
        # Before the server: that another process holds the store is a plain word here, and a traceback there.
        engine = Engine.open(home, settings.engine, prices=settings.price_list())
        try:
            app = create_app(home, settings, engine=engine, url=url)
            config = uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                server_header=False,
                lifespan="on",
                timeout_graceful_shutdown=5,
            )
            _run(_Server(config, _welcome(home, settings, url, extra, door), door), sockets)
        finally:
            engine.close()
    finally:
        for found in sockets:
            found.close()
    return 0


class _Server(uvicorn.Server):
    """Says its word when it is ready, not before. Opens and closes the door for gRPC together with its own."""

    def __init__(self, config: uvicorn.Config, word: str, door: Door | None) -> None:
        super().__init__(config)
        self._word = word
        self._door = door

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            if self._door is not None:
                self._door.start(self.config.app)
            print(self._word, flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._door is not None:
            await asyncio.to_thread(self._door.stop)
        await super().shutdown(sockets)


def _run(server: uvicorn.Server, sockets: list[socket.socket]) -> None:
    def stop(number: int, frame: object) -> NoReturn:
        del number, frame
        raise SystemExit(0)

    # Uvicorn shuts down in order and then raises the signal once more; the default action of SIGTERM would end the
    # process there and then, with the store still open.
    previous = signal.signal(signal.SIGTERM, stop)
    logging.basicConfig(format="sojourn: %(message)s", level=logging.WARNING)
    try:
        asyncio.run(server.serve(sockets=sockets))
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, previous)
    if not server.started:
        raise GatewayFault("the gateway could not start; the lines above say why")


def _welcome(home: Home, settings: Settings, url: str, extra: dict[int, list[socket.socket]], door: Door | None) -> str:
    lines = [
        f"sojourn {version('sojourn')}",
        "",
        f"  dashboard   {url}",
        f"  API         {url}/v1",
        f"  data        {home.root if settings.engine is None else _server(settings.engine)}",
    ]
    for number, found in extra.items():
        use = {3000: "dashboard", 4318: "OTLP"}.get(number, "all")
        lines.append(
            f"  also        http://localhost:{number} ({use})" if found else f"  port {number} is taken and left alone"
        )
    if door is not None:
        lines.append(f"  OTLP/gRPC   {door.url}" if door.url else f"  port {GRPC_PORT} is taken and left alone")
    if settings.require_keys:
        lines += [
            "",
            "Whoever asks shows a key: `sojourn keys create NAME` makes one. Programs have it in SOJOURN_API_KEY,",
            "exporters in OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20KEY, browsers sign in with it.",
        ]
    otlp = "http://localhost:4318" if extra.get(4318) else url
    lines += [
        "",
        "Programs on this machine that call sojourn.init() deliver here by themselves.",
        "An OpenTelemetry exporter delivers here with",
        f"  OTEL_EXPORTER_OTLP_ENDPOINT={otlp} OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
        "",
        "Ctrl+C stops.",
    ]
    return "\n".join(lines)


def _server(address: Address) -> str:
    return f"ClickHouse at {address.place}, database {address.database}; journals and staged batches in the home"
