"""`sojourn dev` and `sojourn serve`: the gateway in this process."""

from __future__ import annotations

import asyncio
import logging
import signal
from importlib.metadata import version
from typing import TYPE_CHECKING, NoReturn

import uvicorn

from sojourn_gateway.app import create_app
from sojourn_gateway.command.gateways import running_gateway
from sojourn_gateway.command.ports import listen, listen_if_free
from sojourn_gateway.engine import Engine
from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.settings import Settings, loopback

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from sojourn.home import Home

__all__ = ["serve"]


def serve(home: Home, settings: Settings, host: str | None, port: int | None, extra_ports: Sequence[int]) -> int:
    """Serve until a signal says stop. Raises `GatewayFault` in words when that cannot be."""
    address = loopback(host or settings.host)
    already = running_gateway(home)
    if already is not None:
        raise GatewayFault(f"a gateway already serves this home, at {already.url} (process {already.pid})")
    sockets = listen(address, settings.port if port is None else port)
    try:
        bound = int(sockets[0].getsockname()[1])
        extra = {number: listen_if_free(address, number) for number in extra_ports if number != bound}
        sockets += [found for several in extra.values() for found in several]
        url = f"http://{f'[{address}]' if ':' in address else address}:{bound}"
        # Before the server: that another process holds the store is a plain word here, and a traceback there.
        engine = Engine.open(home)
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
            _run(_Server(config, _welcome(home, url, extra)), sockets)
        finally:
            engine.close()
    finally:
        for found in sockets:
            found.close()
    return 0


class _Server(uvicorn.Server):
    """Says its word when it is ready, not before."""

    def __init__(self, config: uvicorn.Config, word: str) -> None:
        super().__init__(config)
        self._word = word

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(self._word, flush=True)


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


def _welcome(home: Home, url: str, extra: dict[int, list[socket.socket]]) -> str:
    lines = [
        f"sojourn {version('sojourn')}",
        "",
        f"  dashboard   {url}",
        f"  API         {url}/v1",
        f"  data        {home.root}",
    ]
    for number, found in extra.items():
        use = {3000: "dashboard", 4318: "OTLP"}.get(number, "all")
        lines.append(
            f"  also        http://localhost:{number} ({use})" if found else f"  port {number} is taken and left alone"
        )
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
