"""Measures: the metrics of the GenAI conventions, from the same observations, where the program measures at all."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from sojourn import semconv
from sojourn_instrumentors._kit.attributes import Facts
from sojourn_instrumentors._kit.generation import Generation
from sojourn_instrumentors._kit.step import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context
    from opentelemetry.metrics import Histogram, Meter, MeterProvider
    from opentelemetry.util.types import AttributeValue

__all__ = ["Instruments", "Measures", "timed"]

_DURATIONS: Final = tuple(0.01 * 2**power for power in range(14))
_AGENT_DURATIONS: Final = tuple(0.1 * 2**power for power in range(13))
_WORKFLOW_DURATIONS: Final = (1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)
_TOKENS: Final = tuple(4.0**power for power in range(14))

_CALL: Final = Facts(
    ("operation", semconv.OPERATION),
    ("provider", semconv.PROVIDER),
    ("model", semconv.REQUEST_MODEL),
    ("response_model", semconv.RESPONSE_MODEL),
    ("server_address", semconv.SERVER_ADDRESS),
    ("server_port", semconv.SERVER_PORT),
)
_STEPS: Final = {
    semconv.EXECUTE_TOOL: Facts(("tool_name", semconv.TOOL_NAME)),
    semconv.INVOKE_AGENT: Facts(("agent_name", semconv.AGENT_NAME)),
    semconv.INVOKE_WORKFLOW: Facts(("workflow_name", semconv.WORKFLOW_NAME)),
}
_API: Final = "opentelemetry.metrics"


class Measures:
    """Finds the meter provider, given or of the whole program, set already or later."""

    def __init__(self, scope: str, release: str, provider: MeterProvider | None = None) -> None:
        self._scope = scope
        self._release = release
        self.given = provider
        self._of: MeterProvider | None = None
        self._instruments: Instruments | None = None

    def found(self) -> Instruments | None:
        """What to measure with; None where nobody would see it."""
        provider = self.given
        if provider is None:
            # Not above: a program that measures has imported it.
            from opentelemetry import metrics

            provider = metrics.get_meter_provider()
        if provider is not self._of:
            # The API's own stand for nobody; a real one comes from elsewhere.
            idle = type(provider).__module__.startswith(_API)
            self._instruments = None if idle else Instruments(provider.get_meter(self._scope, self._release))
            self._of = provider
        return self._instruments


class Instruments:
    """The histograms of one instrumentor."""

    def __init__(self, meter: Meter) -> None:
        def histogram(name: str, unit: str, what: str, boundaries: tuple[float, ...]) -> Histogram:
            return meter.create_histogram(name, unit, what, explicit_bucket_boundaries_advisory=boundaries)

        self._duration = histogram(semconv.METRIC_DURATION, "s", "Duration of a call of a provider.", _DURATIONS)
        self._tokens = histogram(semconv.METRIC_TOKEN_USAGE, "{token}", "Tokens that a call used.", _TOKENS)
        self._first_chunk = histogram(
            semconv.METRIC_TIME_TO_FIRST_CHUNK, "s", "Time from the request to the first chunk.", _DURATIONS
        )
        self._chunks = histogram(
            semconv.METRIC_TIME_PER_OUTPUT_CHUNK, "s", "Time from one chunk to the next.", _DURATIONS
        )
        self._steps = {
            semconv.EXECUTE_TOOL: histogram(
                semconv.METRIC_TOOL_DURATION, "s", "Duration of a tool's execution.", _DURATIONS
            ),
            semconv.INVOKE_AGENT: histogram(
                semconv.METRIC_AGENT_DURATION, "s", "Duration of an agent's work.", _AGENT_DURATIONS
            ),
            semconv.INVOKE_WORKFLOW: histogram(
                semconv.METRIC_WORKFLOW_DURATION, "s", "Duration of a workflow.", _WORKFLOW_DURATIONS
            ),
        }

    def take(self, record: object, seconds: float, error: str | None, context: Context) -> None:
        """Measure a call or step that has ended; `context` is that of its span."""
        if isinstance(record, Generation):
            self._take_call(record, seconds, error, context)
        elif isinstance(record, Step) and record.operation in _STEPS:
            known = _STEPS[record.operation].of(record)
            self._steps[record.operation].record(seconds, _with_error(known, error), context)

    def _take_call(self, record: Generation, seconds: float, error: str | None, context: Context) -> None:
        known = _CALL.of(record)
        if record.operation is not None:
            self._duration.record(seconds, _with_error(known, error), context)
        if record.time_to_first_chunk is not None:
            self._first_chunk.record(record.time_to_first_chunk, known, context)
        for gap in record.chunk_gaps or ():
            self._chunks.record(gap, known, context)
        self._take_tokens(record, known, context)
        if record.work is not None:
            self._take_tokens(record.work, _CALL.of(record.work), context)

    def _take_tokens(self, record: Generation, known: dict[str, AttributeValue], context: Context) -> None:
        for kind, count in (("input", record.input_tokens), ("output", record.output_tokens)):
            if count is not None:
                self._tokens.record(count, {**known, semconv.TOKEN_TYPE: kind}, context)


def timed(chunk: Callable[[Any, Generation], None], gaps: list[float]) -> Callable[[Any, Generation], None]:
    """A reader of chunks that also notes how long each but the first let wait."""
    last: float | None = None

    def read(part: Any, record: Generation) -> None:
        nonlocal last
        now = perf_counter()
        if last is not None:
            gaps.append(now - last)
        last = now
        chunk(part, record)

    return read


def _with_error(known: dict[str, AttributeValue], error: str | None) -> dict[str, AttributeValue]:
    return known if error is None else {**known, semconv.ERROR_TYPE: error}
