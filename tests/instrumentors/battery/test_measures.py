"""Metrics of the GenAI conventions come from the same observation, where the program measures."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from sojourn import semconv
from sojourn.content import ContentPolicy
from tests.instrumentors.battery.catalogue import SUBJECTS, case_name, ways

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.instrumentors.battery.stage import Stage
    from tests.instrumentors.battery.subject import Subject, Way


class Meters:
    """A meter provider that keeps what it is told."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.provider = MeterProvider([self._reader], shutdown_on_exit=False)

    def points(self) -> dict[str, list[HistogramDataPoint]]:
        """The points of each metric."""
        found: dict[str, list[HistogramDataPoint]] = {}
        data = self._reader.get_metrics_data()
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    points: Any = metric.data.data_points
                    found.setdefault(metric.name, []).extend(points)
        return found

    def units(self) -> dict[str, str | None]:
        data = self._reader.get_metrics_data()
        return {
            metric.name: metric.unit
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def meters() -> Iterator[Meters]:
    made = Meters()
    yield made
    made.provider.shutdown()


@ways()
async def test_a_call_is_measured(subject: Subject, way: Way, stage: Stage, meters: Meters) -> None:
    stage.answers(subject, way)
    stage.install(subject, meter_provider=meters.provider)
    await stage.call(subject, way)

    points = meters.points()
    span = stage.one().attributes or {}
    (duration,) = points[semconv.METRIC_DURATION]
    assert (duration.count, duration.sum > 0) == (1, True)
    tokens = {(point.attributes or {})[semconv.TOKEN_TYPE]: point.sum for point in points[semconv.METRIC_TOKEN_USAGE]}
    assert tokens == {"input": 11, "output": 7}
    for point in (duration, *points[semconv.METRIC_TOKEN_USAGE]):
        told = dict(point.attributes or {})
        told.pop(semconv.TOKEN_TYPE, None)
        assert told == {name: span[name] for name in told}
        assert {semconv.OPERATION, semconv.PROVIDER, semconv.REQUEST_MODEL, semconv.RESPONSE_MODEL} <= set(told)
    assert (semconv.METRIC_TIME_TO_FIRST_CHUNK in points) is way.streamed
    if way.streamed:
        (first,) = points[semconv.METRIC_TIME_TO_FIRST_CHUNK]
        assert first.sum == pytest.approx(span[semconv.RESPONSE_TIME_TO_FIRST_CHUNK])


@ways(lambda way: way.streamed)
async def test_each_chunk_after_the_first_is_measured(subject: Subject, way: Way, stage: Stage, meters: Meters) -> None:
    """Where a library hands its chunks over; a listener to callbacks hears of tokens only."""
    stage.answers(subject, way)
    stage.install(subject, meter_provider=meters.provider)
    await stage.call(subject, way)

    points = meters.points().get(semconv.METRIC_TIME_PER_OUTPUT_CHUNK)
    if subject.looks is None:
        assert points is not None
        assert points[0].count >= 3
    else:
        assert points is None


@ways()
async def test_a_failed_call_is_measured_with_its_error(
    subject: Subject, way: Way, stage: Stage, meters: Meters
) -> None:
    stage.wire.answers = [subject.refusal("no rivers")]
    stage.install(subject, meter_provider=meters.provider)
    with pytest.raises(subject.refused) as caught:
        await stage.call(subject, way)

    (duration,) = meters.points()[semconv.METRIC_DURATION]
    assert (duration.attributes or {})[semconv.ERROR_TYPE] == f"{caught.type.__module__}.{caught.type.__qualname__}"
    assert semconv.METRIC_TOKEN_USAGE not in meters.points()


@ways()
async def test_a_call_that_is_not_sampled_is_measured_all_the_same(
    subject: Subject, way: Way, stage: Stage, meters: Meters
) -> None:
    """And still nothing of its content is read."""
    seen: list[str] = []

    def watch(text: str) -> str:
        seen.append(text)
        return text

    stage.answers(subject, way)
    stage.install(subject, ContentPolicy(redactors=(watch,)), stage.provider(ALWAYS_OFF), meters.provider)
    await stage.call(subject, way)

    assert {point.sum for point in meters.points()[semconv.METRIC_TOKEN_USAGE]} == {11, 7}
    assert seen == []


@pytest.mark.parametrize("subject", SUBJECTS, ids=case_name)
async def test_a_provider_that_measures_nothing_is_not_told(subject: Subject, stage: Stage) -> None:
    stage.answers(subject, subject.ways[0])
    stage.install(subject, meter_provider=NoOpMeterProvider())
    await stage.call(subject, subject.ways[0])

    assert len(stage.spans()) == 1


@pytest.mark.parametrize("subject", SUBJECTS[:1], ids=case_name)
async def test_units_and_boundaries_are_as_the_conventions_advise(
    subject: Subject, stage: Stage, meters: Meters
) -> None:
    way = next(way for way in subject.ways if way.streamed)
    stage.answers(subject, way)
    stage.install(subject, meter_provider=meters.provider)
    await stage.call(subject, way)

    points, units = meters.points(), meters.units()
    assert units[semconv.METRIC_TOKEN_USAGE] == "{token}"
    assert {units[name] for name in units if name != semconv.METRIC_TOKEN_USAGE} == {"s"}
    assert points[semconv.METRIC_TOKEN_USAGE][0].explicit_bounds[:4] == (1, 4, 16, 64)
    assert points[semconv.METRIC_DURATION][0].explicit_bounds[:3] == (0.01, 0.02, 0.04)
    assert points[semconv.METRIC_DURATION][0].explicit_bounds[-1] == pytest.approx(81.92)


PROGRAM = """
    import sys
    from sojourn.content import ContentPolicy
    from opentelemetry.sdk.trace import TracerProvider
    from sojourn_instrumentors.openai import INSTRUMENTOR
    import openai, httpx
    {httpx}

    INSTRUMENTOR.install(tracer_provider=TracerProvider(shutdown_on_exit=False), policy=ContentPolicy())
    answer = {{"id": "1", "object": "chat.completion", "created": 1, "model": "m",
              "choices": [], "usage": {{"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}}}
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=answer))
    client = openai.OpenAI(api_key="k", http_client=openai.DefaultHttpxClient(transport=transport))

    def call():
        client.chat.completions.create(model="m", messages=[])

    call()
    assert "opentelemetry.sdk.metrics" not in sys.modules
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import MeterProvider
    call()
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader], shutdown_on_exit=False))
    call()
    found = reader.get_metrics_data().resource_metrics[0].scope_metrics[0]
    print(found.scope.name, sorted((metric.name, sum(p.count for p in metric.data.data_points))
                                   for metric in found.metrics))
"""


def test_a_program_that_does_not_measure_imports_nothing_and_one_that_does_later_is_heard() -> None:
    """The global provider may be set at any time, before a call or after it."""
    import openai

    other = "import httpx2 as httpx" if int(openai.__version__.partition(".")[0]) >= 3 else ""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM.format(httpx=other))],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout == (
        "sojourn.openai [('gen_ai.client.operation.duration', 1), ('gen_ai.client.token.usage', 2)]\n"
    )
