"""OTLP over gRPC: the same ingest as over HTTP, by the calls that exporters make when nobody told them otherwise."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final, NoReturn

import grpc

from sojourn_gateway.apis.otlp_answers import retry_info, rpc_status, serialise_receipt
from sojourn_gateway.asgi.access import Unauthorized
from sojourn_gateway.asgi.faults import HttpFault, translate
from sojourn_gateway.asgi.permissions import grants, needed
from sojourn_gateway.model.faults import GatewayFault

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.ingest import Receipt
    from sojourn_gateway.ingest.otlp_json import Sent

__all__ = ["SERVICES", "GrpcDoor"]

_log = logging.getLogger("sojourn.gateway")

SERVICES: Final[dict[str, Sent]] = {
    "opentelemetry.proto.collector.trace.v1.TraceService": "traces",
    "opentelemetry.proto.collector.logs.v1.LogsService": "logs",
    "opentelemetry.proto.collector.metrics.v1.MetricsService": "metrics",
}
"""What is served; each has the one method `Export`."""

_THREADS: Final = 16
"""Calls that are read and written at one time. Others wait in their connections, where little of them is held."""
_PATIENCE_S: Final = 30.0
"""So long a call may take to bring its message: while it waits for that it keeps one of the threads."""
_KEEPALIVE: Final = (
    # A peer that vanished without a word is noticed, and its calls end.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)
_CODES: Final = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
}


class GrpcDoor:
    """A port that takes OTLP over gRPC."""

    def __init__(self, max_body_bytes: int, *, patience_s: float = _PATIENCE_S) -> None:
        """Messages larger than `max_body_bytes`, or that unfold to more, are refused before they are held.

        A call that brings none within `patience_s` is cancelled.
        """
        self._services: Services | None = None
        self._opened = _Opened(patience_s)
        handlers = [
            grpc.method_handlers_generic_handler(
                # Read as a stream of one message: so the caller is known before anything of it is taken.
                name,
                {"Export": grpc.stream_unary_rpc_method_handler(partial(self._export, signal))},
            )
            for name, signal in SERVICES.items()
        ]
        self._server = grpc.server(
            ThreadPoolExecutor(_THREADS, thread_name_prefix="sojourn-grpc"),
            handlers=handlers,
            options=(
                ("grpc.max_receive_message_length", max_body_bytes),
                ("grpc.so_reuseport", 0),
                *_KEEPALIVE,
            ),
        )

    def bind(self, host: str, port: int) -> int:
        """Take a port (0: any free one), for 127.0.0.1 also of ::1, and return it. Raises `GatewayFault`."""
        try:
            bound = self._server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        except RuntimeError:
            raise GatewayFault(f"cannot listen on {host} port {port} for gRPC") from None
        if host == "127.0.0.1":
            with suppress(RuntimeError):
                self._server.add_insecure_port(f"[::1]:{bound}")
        return bound

    def start(self, services: Services) -> None:
        """Answer from here on."""
        self._services = services
        self._opened.start()
        self._server.start()

    def stop(self, grace_s: float = 5.0) -> None:
        """Take no call any more, and wait for those under way."""
        self._server.stop(grace_s).wait()
        self._opened.stop()

    def _export(self, signal: Sent, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:  # noqa: RET503  # refusing raises
        try:
            return serialise_receipt(signal, self._keep(signal, requests, context))
        except grpc.RpcError:
            # The caller went away, or was refused by the library: nobody is there to be told.
            raise
        except GatewayFault as fault:
            told = translate(fault)
        except HttpFault as fault:
            told = fault
        except Exception as fault:  # noqa: BLE001  # told to the caller as a fault of ours, like a 500 over HTTP
            _log.exception("a call over gRPC failed")
            told = HttpFault(500, "internal_error", f"the gateway failed ({type(fault).__name__}); its log says more")
        _refuse(context, told)

    def _keep(self, signal: Sent, requests: Iterator[bytes], context: grpc.ServicerContext) -> Receipt:
        services = self._services
        assert services is not None
        project = _admit(services, signal, context)
        with self._opened.waiting(context):
            body = next(requests, b"")
        with services.intake.holding(len(body)):
            if signal == "metrics":
                return services.points.keep(project, body)
            return services.ingest.submit_now(signal, project, body)


class _Opened:
    """Calls that were opened and did not bring their message yet; one that takes too long is cancelled."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._since: dict[grpc.ServicerContext, float] = {}
        self._changing = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="sojourn-grpc-idle", daemon=True)

    def start(self) -> None:
        """Begin to look after them."""
        self._thread.start()

    def stop(self) -> None:
        """End; does nothing when it never began."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    @contextmanager
    def waiting(self, context: grpc.ServicerContext) -> Generator[None]:
        """While the message of a call is waited for."""
        with self._changing:
            self._since[context] = time.monotonic()
        try:
            yield
        finally:
            with self._changing:
                del self._since[context]

    def _watch(self) -> None:
        while not self._stopping.wait(self._patience_s / 4):
            before = time.monotonic() - self._patience_s
            with self._changing:
                late = [context for context, since in self._since.items() if since < before]
            for context in late:
                context.cancel()


def _admit(services: Services, signal: Sent, context: grpc.ServicerContext) -> str:
    """The project of a call. Raises `HttpFault`, as the same request over HTTP does."""
    headers: dict[str, str] = {}
    for name, value in context.invocation_metadata():
        if isinstance(value, str):
            headers.setdefault(name, value)
    address = context.peer().rpartition(":")[0]
    try:
        caller = services.access.resolve(headers)
    except Unauthorized:
        if services.throttle is not None:
            services.throttle.count(f"refused {address}")
        raise
    permission = needed("POST", f"/v1/{signal}")
    if not grants(caller.permissions, permission):
        raise HttpFault(403, "forbidden", f"this key has no permission {permission}")
    if services.throttle is not None:
        services.throttle.count(caller.key_id or address)
    return caller.project


def _refuse(context: grpc.ServicerContext, fault: HttpFault) -> NoReturn:
    """End the call with a status; one that may succeed later says when, in both ways that exporters look for."""
    code = _CODES.get(fault.status, grpc.StatusCode.INTERNAL)
    wait = fault.headers.get("Retry-After")
    number: int = code.value[0]
    if wait is None:
        details: tuple[tuple[str, bytes], ...] = (("grpc-status-details-bin", rpc_status(number, fault.message)),)
    else:
        details = (
            ("grpc-status-details-bin", rpc_status(number, fault.message, int(wait))),
            ("google.rpc.retryinfo-bin", retry_info(int(wait))),
        )
    context.set_trailing_metadata(details)
    context.abort(code, fault.message)
