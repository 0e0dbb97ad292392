"""What our spans hang below: the span around them, else the span of the process that started this one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanLimits, Tracer, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from sojourn import frameworks
from sojourn.bygone import bygone
from sojourn.lean import Keeping, LeanTracer
from sojourn.spanids import SpanIds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
    from opentelemetry.util.types import Attributes

    from sojourn.w3c import Remote

__all__ = ["Provider", "around", "beginning", "below"]

_BEGINS: Final = "sojourn-begins-a-trace"
_INSTRUMENTORS: Final = "sojourn."
"""How the scopes begin under which instrumentors record: `sojourn.openai`."""


class Provider(TracerProvider):
    """Ours. Its spans that would begin a trace hang below `parent` instead, when the environment named one.

    The program's own provider is none of our business: its spans stay where it puts them.
    """

    def __init__(self, resource: Resource, parent: Remote | None) -> None:
        # Sampler and limits are given, so that variables meant for the host's own provider do not decide here.
        none = SpanLimits.UNSET
        super().__init__(
            sampler=ALWAYS_ON,
            id_generator=SpanIds(),
            resource=resource,
            shutdown_on_exit=False,
            span_limits=SpanLimits(
                max_attributes=none,
                max_events=none,
                max_links=none,
                max_span_attributes=none,
                max_event_attributes=none,
                max_link_attributes=none,
                max_attribute_length=none,
                max_span_attribute_length=none,
            ),
        )
        self.parent: trace.Span | None = None if parent is None else trace.NonRecordingSpan(_context_of(parent))
        self._keeping = Keeping(resource)

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Have one more take the spans; beside our recorder, it gets to see whole ones only."""
        self._keeping.join(span_processor)
        super().add_span_processor(span_processor)

    def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:
        """The SDK's tracer, a lean one for instrumentors, or one that hangs what it starts below the parent."""
        made = super().get_tracer(*args, **kwargs)
        name = args[0] if args else kwargs.get("instrumenting_module_name", "")
        if isinstance(made, Tracer) and str(name).startswith(_INSTRUMENTORS):
            made = LeanTracer(made, _scope(*args, **kwargs), self._keeping)
        return made if self.parent is None else _Below(made, self.parent)

    def bygone(
        self, name: str, attributes: Mapping[str, Any], times_ns: tuple[int, int], *, calls_out: bool
    ) -> ReadableSpan:
        """A span of something that already happened, in the current trace or in one of its own."""
        return bygone(name, self._parent_here(), self.resource, attributes, times_ns, calls_out=calls_out)

    def _parent_here(self) -> trace.SpanContext | None:
        told = trace.get_current_span(frameworks.context()).get_span_context()
        if told.is_valid:
            return told
        if self.parent is None or otel_context.get_value(_BEGINS):
            return None
        return self.parent.get_span_context()


class _Below(trace.Tracer):
    def __init__(self, inner: trace.Tracer, parent: trace.Span) -> None:
        self._inner = inner
        self._parent = parent

    def start_span(self, name: str, context: Context | None = None, *args: Any, **kwargs: Any) -> trace.Span:
        return self._inner.start_span(name, self._placed(context), *args, **kwargs)

    def start_as_current_span(self, name: str, context: Context | None = None, *args: Any, **kwargs: Any) -> Any:
        return self._inner.start_as_current_span(name, self._placed(context), *args, **kwargs)

    def _placed(self, context: Context | None) -> Context:
        asked = otel_context.get_current() if context is None else context
        if trace.get_current_span(asked).get_span_context().is_valid or otel_context.get_value(_BEGINS, asked):
            return asked
        return trace.set_span_in_context(self._parent, asked)


def below(remote: Remote) -> Context | None:
    """The current context with a span of another process as its span; None when it is of the same trace already.

    Then whoever took the request in has read the same headers, and its span stands between.
    """
    if trace.get_current_span(frameworks.context()).get_span_context().trace_id == remote.trace_id:
        return None
    return trace.set_span_in_context(trace.NonRecordingSpan(_context_of(remote)))


def around(provider: Provider) -> Remote | None:
    """The current span, else the one that our spans hang below without one."""
    # Whoever asks reads or writes headers, and has it loaded.
    from sojourn.w3c import Remote

    span = trace.get_current_span(frameworks.context())
    if not span.get_span_context().is_valid and provider.parent is not None:
        span = provider.parent
    told = span.get_span_context()
    if not told.is_valid:
        return None
    return Remote(told.trace_id, told.span_id, int(told.trace_flags), told.trace_state.to_header())


def beginning(provider: Provider) -> tuple[Context, list[trace.Link]]:
    """A context in which the next span begins a trace of its own, and its links to what it would have hung below."""
    context = frameworks.context() or otel_context.get_current()
    outer = trace.get_current_span(context).get_span_context()
    if outer.is_valid:
        context = trace.set_span_in_context(trace.INVALID_SPAN, context)
    if provider.parent is not None:
        outer = outer if outer.is_valid else provider.parent.get_span_context()
        context = otel_context.set_value(_BEGINS, True, context)
    return context, [trace.Link(outer)] if outer.is_valid else []


def _context_of(remote: Remote) -> trace.SpanContext:
    return trace.SpanContext(
        trace_id=remote.trace_id,
        span_id=remote.span_id,
        is_remote=True,
        trace_flags=trace.TraceFlags(remote.flags),
        trace_state=trace.TraceState.from_header([remote.state]) if remote.state else None,
    )


def _scope(
    instrumenting_module_name: str,
    instrumenting_library_version: str | None = None,
    schema_url: str | None = None,
    attributes: Attributes = None,
) -> InstrumentationScope:
    # Named as the arguments of `get_tracer`, which callers may give by their names.
    return InstrumentationScope(instrumenting_module_name, instrumenting_library_version, schema_url, attributes)
