"""Lean spans: those of our instrumentors, for as long as nobody but our recorder takes them.

OpenTelemetry's own span checks each attribute as it is set, locks, samples and counts; for a call of a model that is a
third of what recording costs the program. A lean span keeps what it is told, and becomes one of OpenTelemetry's on the
recorder's thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from sojourn import semconv
from sojourn.behind import Holder
from sojourn.clock import now_ns, random_bits
from sojourn.faults import contained

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from opentelemetry.context import Context
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link, Tracer
    from opentelemetry.util.types import AnyValue, Attributes

    from sojourn.behind import Later
    from sojourn.content import ContentPolicy

__all__ = ["Keeper", "Keeping", "LeanSpan", "LeanTracer"]

_RECORDED: Final = TraceFlags(TraceFlags.SAMPLED)
_RANDOM: Final = 0x02
"""The bit of W3C's flags that says that a trace's id is random; who begins a trace says so, others hand it on."""
_RECORDED_RANDOM: Final = TraceFlags(TraceFlags.SAMPLED | _RANDOM)
_UNSET: Final = Status(StatusCode.UNSET)
_FIT: Final = frozenset({str, int, float, bool})


class Keeper:
    """What takes lean spans."""

    @property
    def policy(self) -> ContentPolicy:
        """What may be recorded of what errors say."""
        raise NotImplementedError

    def begin(self, span: LeanSpan) -> None:
        """A span has begun."""
        raise NotImplementedError

    def finish(self, span: LeanSpan) -> None:
        """A span has ended."""
        raise NotImplementedError


class Keeping:
    """Who takes the spans of a provider: the keeper alone, or others as well, who must see whole spans."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.keeper: Keeper | None = None
        self.others: tuple[SpanProcessor, ...] = ()

    def join(self, processor: SpanProcessor) -> None:
        """One more takes spans from now on."""
        if isinstance(processor, Keeper) and self.keeper is None:
            self.keeper = processor
        else:
            self.others = (*self.others, processor)


class LeanSpan(trace.Span, Holder):
    """A span as far as our recorder needs one: plain fields, and content that is not in words yet."""

    def __init__(
        self,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        kind: SpanKind,
        attributes: dict[str, Any],
        scope: InstrumentationScope,
        keeping: Keeping,
        keeper: Keeper,
        *,
        records_errors: bool = True,
        fails_by_errors: bool = True,
    ) -> None:
        self.name = name
        self.parent = parent
        self.kind = kind
        self.attributes = attributes
        self.status = _UNSET
        self.start_time: int = now_ns()
        self.end_time: int | None = None
        self.size = 0
        """About how many bytes of content wait to be put into words."""
        self._context = context
        self._events: list[Event] = []
        self._links: list[Link] = []
        self._unended = [True]
        self._held: dict[str, Later] = {}
        self._scope = scope
        self._keeping = keeping
        self._keeper = keeper
        self._records_errors = records_errors
        self._fails_by_errors = fails_by_errors

    def hold(self, name: str, content: Later) -> None:
        if self.end_time is None:
            self._held[name] = content
            self.size += content.size

    @property
    def waits(self) -> bool:
        """Whether it holds anything that is not in words yet."""
        return any(content.waits for content in self._held.copy().values())

    def put_into_words(self) -> None:
        """Have all that it holds in words; redactors are called for that."""
        for content in self._held.copy().values():
            content.text()

    def withhold(self) -> None:
        """Record nothing of what is not in words yet."""
        for content in self._held.copy().values():
            content.withhold()
        self.size = 0

    def readable(self) -> ReadableSpan:
        """The span as OpenTelemetry knows it, with what is in words by now."""
        # Copies in one step of C: while the span is open, other threads may add to it.
        attributes = self.attributes.copy()
        for name, content in self._held.copy().items():
            said = content.said
            if said is not None:
                attributes[name] = said
        return ReadableSpan(
            name=self.name,
            context=self._context,
            parent=self.parent,
            resource=self._keeping.resource,
            attributes=BoundedAttributes(None, attributes),
            events=self.events,
            links=self.links,
            kind=self.kind,
            status=self.status,
            start_time=self.start_time,
            end_time=self.end_time,
            instrumentation_scope=self._scope,
        )

    # --- what programs read of OpenTelemetry's own spans, though its interface does not promise it ---------------

    @property
    def context(self) -> SpanContext:
        """Its ids."""
        return self._context

    @property
    def events(self) -> tuple[Event, ...]:
        """What happened, in order."""
        return tuple(self._events)

    @property
    def links(self) -> tuple[Link, ...]:
        """What else it goes on with."""
        return tuple(self._links)

    @property
    def resource(self) -> Resource:
        """Whose span it is."""
        return self._keeping.resource

    @property
    def instrumentation_scope(self) -> InstrumentationScope:
        """Who records it."""
        return self._scope

    # --- OpenTelemetry's interface --------------------------------------------------------------------------------

    def get_span_context(self) -> SpanContext:
        return self._context

    def is_recording(self) -> bool:
        return self.end_time is None

    def set_attributes(self, attributes: Mapping[str, AnyValue]) -> None:
        if self.end_time is None:
            own = self.attributes
            for key, value in attributes.items():
                own[key] = value if value.__class__ in _FIT else _fixed(value)

    def set_attribute(self, key: str, value: AnyValue) -> None:
        # What is no name OpenTelemetry drops as well, and it may be nothing that a dict can look up.
        if self.end_time is None and isinstance(key, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # as said
            self.attributes[key] = value if value.__class__ in _FIT else _fixed(value)

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        if self.end_time is None:
            told = BoundedAttributes(None, attributes)
            self._events.append(Event(name, told, now_ns() if timestamp is None else timestamp))

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        if self.end_time is None and (context.is_valid or attributes or context.trace_state):
            self._links.append(trace.Link(context, BoundedAttributes(None, attributes)))

    def update_name(self, name: str) -> None:
        if self.end_time is None:
            self.name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        told = status if isinstance(status, Status) else Status(status, description)
        # As everywhere: what was said to be well stays so, and nobody takes a status back.
        settled = self.status.status_code is StatusCode.OK or told.status_code is StatusCode.UNSET
        if self.end_time is None and not settled:
            self.status = told

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        kind, policy = type(exception), self._keeper.policy
        said: dict[str, str | None] = {
            semconv.EXCEPTION_TYPE: kind.__qualname__
            if kind.__module__ == "builtins"
            else f"{kind.__module__}.{kind.__qualname__}",
            # What errors say may quote a prompt.
            semconv.EXCEPTION_MESSAGE: policy.message(exception),
            semconv.EXCEPTION_STACKTRACE: policy.stack(exception),
            "exception.escaped": str(escaped),
        }
        facts: dict[str, AnyValue] = {key: value for key, value in said.items() if value is not None}
        self.add_event(semconv.EXCEPTION_EVENT, {**facts, **(attributes or {})}, timestamp)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        try:
            if error is not None and self.end_time is None:
                with contained("lean.exit"):
                    self._tell(error)
        finally:
            # A redactor raises what it likes, and not all of that is contained: what is over is over.
            self.end()

    def _tell(self, error: BaseException) -> None:
        name = type(error).__name__
        if self._fails_by_errors:
            self.set_status(Status(StatusCode.ERROR, name))
        if self._records_errors:
            self.record_exception(error, escaped=True)
        if self._fails_by_errors and (said := self._keeper.policy.message(error)):
            self.set_status(Status(StatusCode.ERROR, f"{name}: {said}"))

    def end(self, end_time: int | None = None) -> None:
        # Two threads may be here at once, and only one finds something to take.
        try:
            self._unended.pop()
        except IndexError:
            return
        self.end_time = now_ns() if end_time is None else end_time
        self._keeper.finish(self)
        if self._keeping.others:  # who joined while it was open
            self.put_into_words()
            told = self.readable()
            for processor in self._keeping.others:
                processor.on_end(told)


class LeanTracer(trace.Tracer):
    """Starts lean spans while only the keeper takes them, else those of the tracer that it stands before."""

    def __init__(self, inner: Tracer, scope: InstrumentationScope, keeping: Keeping) -> None:
        self._inner = inner
        self._scope = scope
        self._keeping = keeping

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> trace.Span:
        keeping = self._keeping
        keeper = keeping.keeper
        if keeper is None or keeping.others or links or start_time is not None:
            return self._inner.start_span(
                name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception
            )
        above = trace.get_current_span(context).get_span_context()
        if above.is_valid:
            parent, trace_id, state = above, above.trace_id, above.trace_state
            flags = _RECORDED_RANDOM if above.trace_flags & _RANDOM else _RECORDED
        else:
            parent, trace_id, state, flags = None, random_bits(128) or 1, None, _RECORDED
        made = SpanContext(trace_id, random_bits(64) or 1, False, flags, state)
        span = LeanSpan(
            name,
            made,
            parent,
            kind,
            {},
            self._scope,
            keeping,
            keeper,
            records_errors=record_exception,
            fails_by_errors=set_status_on_exception,
        )
        if attributes:
            span.set_attributes(attributes)
        keeper.begin(span)
        return span

    def start_as_current_span(self, *args: Any, **kwargs: Any) -> Any:
        return self._inner.start_as_current_span(*args, **kwargs)


def _fixed(value: Any) -> Any:
    """A value that whoever set it cannot change any more: as OpenTelemetry takes it, whatever it is."""
    if value.__class__ is list and _FIT.issuperset(map(type, value)):  # as nearly all are; for them that is dear
        return tuple(value)
    return BoundedAttributes(None, {"value": value})["value"]
