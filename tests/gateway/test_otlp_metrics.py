"""Metrics are accepted and kept: every kind of point, exact, once."""

from __future__ import annotations

import json
import math
import secrets
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    AGGREGATION_TEMPORALITY_DELTA,
    Exemplar,
    ExponentialHistogramDataPoint,
    Gauge,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
    SummaryDataPoint,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogram as OtlpExponential
from opentelemetry.proto.metrics.v1.metrics_pb2 import Histogram as OtlpHistogram
from opentelemetry.proto.metrics.v1.metrics_pb2 import Summary as OtlpSummary
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View

from sojourn_gateway.ingest import metric_points
from sojourn_gateway.ingest.metric_points import Pointbook
from sojourn_gateway.model.faults import Malformed, Overloaded
from sojourn_gateway.model.metric_point import (
    ExponentialHistogram,
    Histogram,
    Instrument,
    MetricPoint,
    Number,
    PointsAsk,
    Summary,
)
from sojourn_gateway.query.metric_points import read_points
from tests.gateway.sender import T0, key_values

if TYPE_CHECKING:
    from sojourn_gateway.engine import Engine
    from tests.gateway.sender import Store
    from tests.gateway.serving import Served


def request(*metrics: Metric, resource: dict[str, Any] | None = None) -> bytes:
    """A request of one program's meter."""
    by_resource = ResourceMetrics(
        resource=Resource(attributes=key_values(resource or {"service.name": "shop", "session.id": "s-res"})),
        scope_metrics=[ScopeMetrics(scope=InstrumentationScope(name="meter", version="1"), metrics=metrics)],
    )
    return ExportMetricsServiceRequest(resource_metrics=[by_resource]).SerializeToString()


def gauge(name: str, *points: NumberDataPoint) -> Metric:
    return Metric(name=name, gauge=Gauge(data_points=points))


def number(value: float, attributes: dict[str, Any] | None = None, *, at: int = 0) -> NumberDataPoint:
    told: dict[str, Any] = {"as_int" if isinstance(value, int) else "as_double": value}
    return NumberDataPoint(time_unix_nano=T0 + at, attributes=key_values(attributes or {}), **told)


def one_of_every_kind() -> tuple[Metric, ...]:
    attributes = key_values({"gen_ai.request.model": "m", "n": 1, "list": [1, "a"], "session.id": "s-own"})
    times: dict[str, Any] = {"start_time_unix_nano": T0, "time_unix_nano": T0 + 5}
    exemplar = Exemplar(time_unix_nano=T0, as_int=3, trace_id=b"t" * 16, span_id=b"s" * 8)
    return (
        Metric(
            name="a.gauge",
            unit="By",
            description="free",
            gauge=Gauge(data_points=[NumberDataPoint(as_double=math.inf, attributes=attributes, flags=1, **times)]),
        ),
        Metric(
            name="b.sum",
            sum=Sum(
                aggregation_temporality=AGGREGATION_TEMPORALITY_DELTA,
                is_monotonic=True,
                data_points=[NumberDataPoint(as_int=-(2**63), exemplars=[exemplar], **times)],
            ),
        ),
        Metric(
            name="c.histogram",
            histogram=OtlpHistogram(
                aggregation_temporality=AGGREGATION_TEMPORALITY_CUMULATIVE,
                data_points=[
                    HistogramDataPoint(
                        count=2**64 - 1,
                        sum=0.1,
                        min=-1.5,
                        max=1e300,
                        bucket_counts=[1, 2, 3],
                        explicit_bounds=[0.0, 5e-324],
                        **times,
                    ),
                    HistogramDataPoint(count=0, start_time_unix_nano=T0, time_unix_nano=T0 + 6),
                ],
            ),
        ),
        Metric(
            name="d.exponential",
            exponential_histogram=OtlpExponential(
                aggregation_temporality=AGGREGATION_TEMPORALITY_CUMULATIVE,
                data_points=[
                    ExponentialHistogramDataPoint(
                        count=7,
                        sum=1.0,
                        scale=-3,
                        zero_count=2,
                        zero_threshold=1e-9,
                        positive=ExponentialHistogramDataPoint.Buckets(offset=-4, bucket_counts=[1, 0, 2]),
                        negative=ExponentialHistogramDataPoint.Buckets(offset=9, bucket_counts=[2]),
                        min=0.0,
                        max=2.0,
                        **times,
                    )
                ],
            ),
        ),
        Metric(
            name="e.summary",
            summary=OtlpSummary(
                data_points=[
                    SummaryDataPoint(
                        count=3,
                        sum=6.5,
                        quantile_values=[
                            SummaryDataPoint.ValueAtQuantile(quantile=0.5, value=2.0),
                            SummaryDataPoint.ValueAtQuantile(quantile=0.99, value=3.5),
                        ],
                        **times,
                    )
                ]
            ),
        ),
    )


def instrument(name: str, kind: Any, **more: Any) -> Instrument:
    usual: dict[str, Any] = {
        "unit": "",
        "description": "",
        "temporality": "unspecified",
        "monotonic": False,
        "scope": "meter",
        "scope_version": "1",
        "resource": {"service.name": "shop", "session.id": "s-res"},
    }
    return Instrument(name=name, kind=kind, **{**usual, **more})


def point(of: Instrument, value: Any, **more: Any) -> MetricPoint:
    usual: dict[str, Any] = {
        "start_ns": T0,
        "time_ns": T0 + 5,
        "flags": 0,
        "session_id": "s-res",
        "attributes": {},
        "exemplars": 0,
    }
    return MetricPoint(instrument=of, value=value, **{**usual, **more})


EVERY_KIND = (
    point(
        instrument("a.gauge", "gauge", unit="By", description="free"),
        Number(math.inf),
        flags=1,
        session_id="s-own",
        attributes={"gen_ai.request.model": "m", "n": 1, "list": [1, "a"], "session.id": "s-own"},
    ),
    point(instrument("b.sum", "sum", temporality="delta", monotonic=True), Number(-(2**63)), exemplars=1),
    point(
        instrument("c.histogram", "histogram", temporality="cumulative"),
        Histogram(2**64 - 1, 0.1, -1.5, 1e300, (0.0, 5e-324), (1, 2, 3)),
    ),
    point(
        instrument("c.histogram", "histogram", temporality="cumulative"),
        Histogram(0, None, None, None, (), ()),
        time_ns=T0 + 6,
    ),
    point(
        instrument("d.exponential", "exponential_histogram", temporality="cumulative"),
        ExponentialHistogram(7, 1.0, 0.0, 2.0, -3, 2, 1e-9, -4, (1, 0, 2), 9, (2,)),
    ),
    point(instrument("e.summary", "summary"), Summary(3, 6.5, ((0.5, 2.0), (0.99, 3.5)))),
)


@pytest.fixture
def points(engine: Engine) -> Pointbook:
    return Pointbook(engine)


def test_every_kind_of_point_comes_back_as_it_was_sent(store: Store, points: Pointbook) -> None:
    receipt = points.keep(store.project, request(*one_of_every_kind()))

    assert (receipt.accepted, receipt.rejected) == (6, ())
    assert read_points(store.engine, store.project, PointsAsk()).items == EVERY_KIND


def test_points_that_are_sent_again_are_there_once_with_their_newest_value(store: Store, points: Pointbook) -> None:
    for value in (1, 1, 2):
        points.keep(store.project, request(gauge("g", number(value, {"model": "a"}), number(7, {"model": "b"}))))

    page = read_points(store.engine, store.project, PointsAsk())

    assert {(one.attributes["model"], one.value) for one in page.items} == {("a", Number(2)), ("b", Number(7))}
    assert page.total == 2


@pytest.mark.parametrize(
    "other",
    [
        request(gauge("other", number(1))),
        request(gauge("g", number(1, at=1))),
        request(gauge("g", number(1, {"model": "b"}))),
        request(gauge("g", number(1)), resource={"service.name": "another"}),
        request(Metric(name="g", unit="s", gauge=Gauge(data_points=[number(1)]))),
        request(Metric(name="g", sum=Sum(data_points=[number(1)]))),
    ],
    ids=["name", "time", "attributes", "resource", "unit", "kind"],
)
def test_points_of_another_series_or_time_stand_beside(store: Store, points: Pointbook, other: bytes) -> None:
    points.keep(store.project, request(gauge("g", number(1))))
    points.keep(store.project, other)

    assert read_points(store.engine, store.project, PointsAsk()).total == 2


def test_points_are_found_by_name_session_and_time_and_by_no_other_project(store: Store, points: Pointbook) -> None:
    mine = gauge("mine", *(number(at, {"session.id": f"s{at}"}, at=at) for at in range(5)))
    points.keep(store.project, request(mine, gauge("other", number(1))))

    def found(**ask: Any) -> list[Any]:
        page = read_points(store.engine, store.project, PointsAsk(**ask))
        return [(one.instrument.name, one.value.value) for one in page.items if isinstance(one.value, Number)]

    assert found(name="other") == [("other", 1)]
    assert found(session_id="s3") == [("mine", 3)]
    assert found(name="mine", since_ns=T0 + 1, until_ns=T0 + 2) == [("mine", 1), ("mine", 2)]
    assert found(name="mine", limit=2, offset=3) == [("mine", 3), ("mine", 4)]
    assert read_points(store.engine, "another", PointsAsk(name="mine")).total == 0


def test_hostile_texts_are_kept_and_text_that_is_no_utf_8_is_marked(store: Store, points: Pointbook) -> None:
    hostile = "'; drop table x; -- \x00\n\"\\ {a:String}"
    body = request(gauge(hostile, number(1, {hostile: hostile})), gauge("bad name", number(2)))
    points.keep(store.project, body.replace(b"bad name", b"bad\xff\xfename"[:8]))

    first, second = read_points(store.engine, store.project, PointsAsk()).items
    assert {first.instrument.name, second.instrument.name} == {hostile, "bad\ufffd\ufffdnam"}
    assert {**first.attributes, **second.attributes} == {hostile: hostile}


@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"plain text", request(gauge("g", number(1)))[:-1], b"\x10\x01"])
def test_what_is_no_metrics_request_is_refused(points: Pointbook, body: bytes) -> None:
    with pytest.raises(Malformed, match="OTLP metrics"):
        points.keep("p", body)


def test_an_empty_request_is_accepted(points: Pointbook) -> None:
    assert points.keep("p", b"").accepted == 0
    assert points.keep("p", request(Metric(name="without data"))).accepted == 0


def test_more_points_than_a_request_may_hold_are_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metric_points, "MOST_POINTS", 3)
    body = request(gauge("a", number(1), number(2, at=1)), gauge("b", number(3), number(4, at=1)))

    receipt = Pointbook(store.engine).keep(store.project, body)

    assert receipt.accepted == 3
    assert receipt.rejected == ((1, "a request may hold 3 points; send smaller batches"),)
    assert read_points(store.engine, store.project, PointsAsk()).total == 3


def test_while_the_store_rests_few_threads_wait_and_other_senders_are_told_to_come_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metric_points, "PATIENCE_S", 0.01)
    book = Pointbook(store.engine)
    bodies = [request(gauge("g", number(at, at=at))) for at in range(metric_points.AT_ONCE + 1)]

    with ThreadPoolExecutor(len(bodies)) as threads:
        with store.engine.exclusively():
            sent = [threads.submit(book.keep, store.project, body) for body in bodies]
            refused, waiting = wait(sent, 60, FIRST_EXCEPTION)
            assert [type(one.exception()) for one in refused] == [Overloaded]
        assert [one.result(60).accepted for one in waiting] == [1] * metric_points.AT_ONCE


def test_what_a_meter_of_the_sdk_measures_arrives_in_both_notations(gateway: Served) -> None:
    views = [View(instrument_name="tokens", aggregation=ExponentialBucketHistogramAggregation())]
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader], views=views, shutdown_on_exit=False)
    name = f"m{secrets.token_hex(4)}"
    meter = provider.get_meter(name)
    meter.create_counter("calls").add(3, {"session.id": name})
    meter.create_histogram("latency", unit="s").record(0.25, {"session.id": name})
    meter.create_histogram("tokens").record(100, {"session.id": name})
    data = reader.get_metrics_data()
    assert data is not None
    encoded = encode_metrics(data)
    provider.shutdown()

    sent = gateway.send(encoded.SerializeToString(), signal="metrics")
    again = gateway.send(json.dumps(MessageToDict(encoded)).encode(), signal="metrics", content_type="application/json")

    assert (sent.status_code, again.status_code) == (200, 200)
    assert ExportMetricsServiceResponse.FromString(sent.content) == ExportMetricsServiceResponse()
    assert again.json()["partialSuccess"] == {}
    found = [
        one
        for metric in ("calls", "latency", "tokens")
        for one in read_points(gateway.engine, gateway.project, PointsAsk(name=metric, session_id=name)).items
    ]
    assert [type(one.value) for one in found] == [Number, Histogram, ExponentialHistogram]


def test_points_of_every_kind_are_read_over_http(gateway: Served) -> None:
    assert gateway.send(request(*one_of_every_kind()), signal="metrics").status_code == 200

    answer = gateway.get("/v1/metrics/points").json()
    told = [(one["name"], one["value"], one["distribution"]) for one in answer["data"]]

    assert answer["pagination"] == {"total": 6, "limit": 100, "offset": 0}
    measured = {"count": 2**64 - 1, "sum": 0.1, "min": -1.5, "max": 1e300}
    empty: dict[str, Any] = {"count": 0, "sum": None, "min": None, "max": None, "bounds": [], "bucket_counts": []}
    growing = {
        "count": 7,
        "sum": 1.0,
        "min": 0.0,
        "max": 2.0,
        "scale": -3,
        "zero_count": 2,
        "zero_threshold": 1e-9,
        "positive": {"offset": -4, "bucket_counts": [1, 0, 2]},
        "negative": {"offset": 9, "bucket_counts": [2]},
    }
    quantiles = [{"quantile": 0.5, "value": 2.0}, {"quantile": 0.99, "value": 3.5}]
    assert told == [
        ("a.gauge", "Infinity", None),
        ("b.sum", -(2**63), None),
        ("c.histogram", None, {**measured, "bounds": [0.0, 5e-324], "bucket_counts": [1, 2, 3]}),
        ("c.histogram", None, empty),
        ("d.exponential", None, growing),
        ("e.summary", None, {"count": 3, "sum": 6.5, "quantiles": quantiles}),
    ]
    assert {name: answer["data"][0][name] for name in ("kind", "unit", "session_id", "scope", "exemplars")} == {
        "kind": "gauge",
        "unit": "By",
        "session_id": "s-own",
        "scope": "meter",
        "exemplars": 0,
    }
    assert [one["name"] for one in gateway.data("/v1/metrics/points", session_id="s-own", limit="1")] == ["a.gauge"]
    assert gateway.data("/v1/metrics/points", name="nobody's") == []
    assert gateway.get("/v1/metrics/points", limit="0").status_code == 400


def test_metrics_that_are_none_are_refused_over_http_in_both_notations(gateway: Served) -> None:
    torn = gateway.send(b"\xff\xff", signal="metrics")
    other = gateway.send(b'{"resourceSpans": []}', signal="metrics", content_type="application/json")

    assert (torn.status_code, other.status_code) == (400, 400)
    assert "`resourceMetrics`" in other.json()["error"]["message"]
