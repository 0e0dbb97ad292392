"""OTLP over gRPC: the stock exporters, a real socket, and the same answers as over HTTP."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace.export import SpanExportResult

from sojourn.home import Home
from sojourn_gateway.apis.otlp_grpc import SERVICES, GrpcDoor
from sojourn_gateway.command.doors import open_door
from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.model.metric_point import Number, PointsAsk
from sojourn_gateway.query.metric_points import read_points
from sojourn_gateway.settings import Settings
from tests.gateway.sender import event, logs, span, trace_id, traces
from tests.gateway.serving import served
from tests.gateway.story import support_session
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from sojourn_gateway.engine import Engine
    from tests.gateway.serving import Served

SEND_AGAIN = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED})
"""What a call is told that a stopping server did not begin: both are to be sent again, says the specification of OTLP.

The second is the word of the library for one that arrived with the stop.
"""


@contextmanager
def opened(gateway: Served) -> Generator[int]:
    """A door for gRPC into a running gateway; its port."""
    door = GrpcDoor(gateway.services.intake.limit)
    port = door.bind("127.0.0.1", 0)
    door.start(gateway.services)
    try:
        yield port
    finally:
        door.stop()


@pytest.fixture
def port(gateway: Served) -> Iterator[int]:
    """The port of a gateway's door."""
    with opened(gateway) as bound:
        yield bound


def call(
    port: int,
    body: bytes,
    *,
    of: str = "traces",
    metadata: dict[str, str] | None = None,
    compression: grpc.Compression = grpc.Compression.NoCompression,
) -> bytes:
    """One call with these very bytes. Raises `grpc.RpcError`."""
    service = next(name for name, told in SERVICES.items() if told == of)
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=(("grpc.max_send_message_length", -1),)) as channel:
        export = method(channel, f"/{service}/Export")
        return export(body, timeout=300, metadata=tuple((metadata or {}).items()), compression=compression)


def method(channel: grpc.Channel, path: str) -> grpc.UnaryUnaryMultiCallable[bytes, bytes]:
    """A method that takes and gives bytes as they are."""
    return channel.unary_unary(path)


def refusal(port: int, body: bytes, **how: Any) -> grpc.RpcError:
    """How a call is refused."""
    with pytest.raises(grpc.RpcError) as raised:
        call(port, body, **how)
    return raised.value


def code_of(fault: Any) -> tuple[grpc.StatusCode, str]:  # the library's errors are calls as well, which no type says
    return fault.code(), fault.details()


def details_of(fault: Any) -> tuple[status_pb2.Status, error_details_pb2.RetryInfo | None]:  # as above
    """The status in the trailers, and the time to wait that is told beside it."""
    trailers = dict[str, bytes](fault.trailing_metadata())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    wait = trailers.get("google.rpc.retryinfo-bin")
    return status, None if wait is None else error_details_pb2.RetryInfo.FromString(wait)


def leave(exporter: OTLPSpanExporter) -> None:
    exporter.shutdown()  # pyright: ignore[reportUnknownMemberType]  # its **kwargs have no types


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip], ids=["plain", "gzip"])
def test_the_stock_exporter_of_spans_delivers(gateway: Served, port: int, compression: grpc.Compression) -> None:
    story = support_session("s-grpc")
    exporter = OTLPSpanExporter(f"http://localhost:{port}", insecure=True, timeout=120, compression=compression)

    result = exporter.export(story.spans())

    leave(exporter)
    assert result is SpanExportResult.SUCCESS
    assert gateway.engine.settle(60)
    assert gateway.data("/v1/sessions/s-grpc")["span_count"] == 7


def test_the_stock_exporters_of_logs_and_metrics_deliver(gateway: Served, port: int) -> None:
    records = LoggerProvider(shutdown_on_exit=False)
    records.add_log_record_processor(
        SimpleLogRecordProcessor(OTLPLogExporter(endpoint=f"http://127.0.0.1:{port}", insecure=True, timeout=120))
    )
    reader = PeriodicExportingMetricReader(
        OTLPMetricExporter(f"http://127.0.0.1:{port}", insecure=True, timeout=120),
        export_interval_millis=3_600_000,
    )
    meters = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)

    records.get_logger("shop").emit(body="sold out", attributes={"session.id": "s-log"})
    meters.get_meter("shop").create_counter("sold").add(2, {"session.id": "s-log"})
    assert records.force_flush()
    assert meters.force_flush()

    records.shutdown()
    meters.shutdown()
    assert gateway.engine.settle(60)
    assert [one["message"] for one in gateway.data("/v1/sessions/s-log/logs")] == ["sold out"]
    found = read_points(gateway.engine, gateway.project, PointsAsk(name="sold")).items
    # The meter says it once more as it shuts down.
    assert {(one.value, one.session_id) for one in found} == {(Number(2), "s-log")}


def test_a_bad_span_is_told_as_partial_success(port: int) -> None:
    answer = call(port, traces([span(trace_id()), span(b"short")]))

    told = ExportTraceServiceResponse.FromString(answer).partial_success
    assert (told.rejected_spans, told.error_message) == (1, "1: a trace id has 5 bytes, not 16")


def test_what_is_no_otlp_is_an_invalid_argument_and_the_next_call_is_served(port: int) -> None:
    fault = refusal(port, b"\xff\xff\xff\xff")

    assert code_of(fault) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "the body is no OTLP traces request in protobuf",
    )
    status, wait = details_of(fault)
    assert (status.code, wait) == (3, None)
    assert ExportLogsServiceResponse.FromString(call(port, logs([event("x", "s")]), of="logs")).ByteSize() == 0


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip], ids=["plain", "bomb"])
def test_a_message_above_the_limit_is_refused_before_it_is_held(
    small_gateway: Served, compression: grpc.Compression
) -> None:
    with opened(small_gateway) as port:
        code, words = code_of(refusal(port, b" " * 60_000_000, compression=compression))

        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "larger than max" in words
        assert call(port, traces([span(trace_id())])) == b""


def test_overload_tells_when_to_come_again(crowded_gateway: Served) -> None:
    with opened(crowded_gateway) as port:
        fault = refusal(port, b" " * 2_000)

        assert code_of(fault)[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
        status, wait = details_of(fault)
        assert wait is not None
        assert wait.retry_delay.seconds == 1
        told = error_details_pb2.RetryInfo()
        assert status.details[0].Unpack(told)
        assert told == wait
        assert call(port, traces([span(trace_id())])) == b""


def test_keys_are_demanded_as_over_http_and_choose_the_project(engine: Engine, home: Path) -> None:
    settings = Settings(project="unused", require_keys=True)
    with served(engine, Home(home), settings) as gateway, opened(gateway) as port:
        project = f"grpc-{os.urandom(4).hex()}"
        key = gateway.services.access.keys.make(project, "exporter").secret
        body = traces([span(trace_id(), attributes={"session.id": "s"})])

        assert code_of(refusal(port, body))[0] is grpc.StatusCode.UNAUTHENTICATED
        assert code_of(refusal(port, body, metadata={"x-api-key": "nobody's"}))[0] is grpc.StatusCode.UNAUTHENTICATED
        assert call(port, body, metadata={"authorization": f"Bearer {key}"}) == b""

        assert engine.settle(60)
        assert gateway.services.queries.session(project, "s") is not None
        assert gateway.services.queries.session("unused", "s") is None


def test_bad_keys_are_counted_and_keep_nobody_else_out(engine: Engine, home: Path) -> None:
    settings = Settings(require_keys=True, rate_limit="1/hour")
    with served(engine, Home(home), settings) as gateway, opened(gateway) as port:
        key = gateway.services.access.keys.make("p", "exporter").secret
        refused = [code_of(refusal(port, b"", metadata={"x-api-key": f"no-{each}"}))[0] for each in range(2)]

        assert refused == [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.RESOURCE_EXHAUSTED]
        assert call(port, b"", metadata={"x-api-key": key}) == b""


def test_calls_that_bring_nothing_keep_nobody_else_out(gateway: Served) -> None:
    """As many as there are threads."""
    door = GrpcDoor(65_536, patience_s=0.5)
    port = door.bind("127.0.0.1", 0)
    door.start(gateway.services)
    leave = threading.Event()

    def nothing() -> Iterator[bytes]:
        leave.wait(300)
        yield from ()

    def kept(port: int) -> bool:
        try:
            return call(port, traces([span(trace_id())])) == b""
        except grpc.RpcError as fault:
            if code_of(fault)[0] is not grpc.StatusCode.CANCELLED:
                raise
            return False

    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            export: grpc.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(
                "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
            )
            idle = [export.future(nothing(), timeout=300) for _ in range(16)]
            # Its turn comes when one of them is over; on a slow machine it may itself be taken for one.
            until(lambda: kept(port), within_s=120)
            assert {code_of(one.exception(300))[0] for one in idle} == {grpc.StatusCode.CANCELLED}
    finally:
        leave.set()
        door.stop()


def test_another_method_is_told_to_be_none(port: int) -> None:
    with (
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
        pytest.raises(grpc.RpcError) as raised,
    ):
        method(channel, "/opentelemetry.proto.collector.trace.v1.TraceService/Import")(b"")

    assert code_of(raised.value)[0] is grpc.StatusCode.UNIMPLEMENTED


def test_a_stopping_door_finishes_what_it_began(gateway: Served) -> None:
    story = support_session("s-stop")
    with opened(gateway) as port:
        channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        export = method(channel, "/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        assert export(b"") == b""
        running = export.future(story.encoded())
    settled = running.exception()

    channel.close()
    # It came through, or the caller knows that it did not.
    assert gateway.engine.settle(60)
    kept = gateway.get("/v1/sessions/s-stop").status_code == 200
    assert kept or settled is not None
    assert settled is None or code_of(settled)[0] in SEND_AGAIN


def test_a_taken_port_is_said_in_words_and_left_alone_when_it_is_only_welcome(port: int) -> None:
    with pytest.raises(GatewayFault, match=f"port {port} is taken"):
        open_door(Settings(), "127.0.0.1", port, welcome=False)

    assert open_door(Settings(), "127.0.0.1", None, welcome=False) is None


def test_without_the_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)

    with pytest.raises(GatewayFault, match=re.escape("pip install 'sojourn[grpc]'")):
        open_door(Settings(), "127.0.0.1", 0, welcome=False)
    assert open_door(Settings(), "127.0.0.1", None, welcome=True) is None


def test_serve_opens_the_door_says_where_and_stops_clean(tmp_path: Path) -> None:
    environment = {**os.environ, "SOJOURN_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-c", "from sojourn.command import main; main()", "serve", "--port", "0", "--grpc", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        said = next(line for line in process.stdout if "OTLP/gRPC" in line)
        port = int(said.rpartition(":")[2])
        exporter = OTLPSpanExporter(endpoint=f"http://127.0.0.1:{port}", insecure=True, timeout=120)
        result = exporter.export(support_session("s-served").spans())
        leave(exporter)
        process.send_signal(signal.SIGTERM)
        _, faults = process.communicate(timeout=300)

    assert (result, process.returncode, faults) == (SpanExportResult.SUCCESS, 0, "")
