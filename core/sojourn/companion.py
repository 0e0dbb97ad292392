"""The host program's own OpenTelemetry provider: its spans of model calls are recorded too, and left as they are.

The global provider is never replaced by us, and set only when the program asks for it. Where the host has one of the
SDK's, now or later, a processor of ours joins it, and takes a copy of each finished span that speaks of models in one
of the known vocabularies; of a provider that was set for a program that asked, it takes every span.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from sojourn import faults, semconv
from sojourn.foreign import screen, screen_events, screen_status
from sojourn.forgetting import forget_oldest

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

    from sojourn.content import ContentPolicy

__all__ = ["Companion", "Taker"]

MAX_OPEN: Final = 100_000

# The one that was set for this program. OpenTelemetry lets a process set it once, so it outlives the client.
_made: TracerProvider | None = None


class Taker(Protocol):
    """What takes the copies."""

    def on_end(self, span: ReadableSpan) -> None:
        """Record a finished span."""
        ...


class Companion(SpanProcessor):
    """Joins the host's provider once there is one, and hands copies of its GenAI spans to the recorder.

    The host's spans get no attribute from us: the session that was current when a span began is noted here, and
    written on the copy.
    """

    def __init__(
        self, taker: Taker, current_session_id: Callable[[], str | None], ours: TracerProvider, policy: ContentPolicy
    ) -> None:
        self._taker = taker
        self._current_session_id = current_session_id
        self._ours = ours
        self._policy = policy
        self._joined: TracerProvider | None = None
        self._sessions: dict[int, str] = {}
        self._told: set[int] = set()
        self._set_provider: Any = None
        self._left = False
        self._everything = False
        """Whether the provider is there for our sake: then all its spans are recorded."""

    def watch(self, *, make: bool = False) -> None:
        """Join the provider that is there, or the one that will be set; `make` sets one where there is none."""
        global _made
        if make and isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            _made = TracerProvider(resource=self._ours.resource, shutdown_on_exit=False)
            trace.set_tracer_provider(_made)
        elif make and trace.get_tracer_provider() is not _made:
            faults.trouble(
                "companion",
                "init(global_provider=True) found a tracer provider that the program has set, and left it; of its spans"
                " those that speak of models are recorded",
            )
        if not self._join(trace.get_tracer_provider()):
            self._set_provider = before = trace.set_tracer_provider

            def set_tracer_provider(tracer_provider: trace.TracerProvider) -> None:
                """Set the global tracer provider."""
                before(tracer_provider)
                with faults.contained("companion.join"):
                    self.look()

            self._ours_set = set_tracer_provider
            trace.set_tracer_provider = set_tracer_provider

    def look(self) -> None:
        """Join the host's provider if it has been set since."""
        if self._joined is None and not self._left:
            self._join(trace.get_tracer_provider())

    def leave(self) -> None:
        """Take nothing any more. A provider offers no way to remove a processor, so an idle one stays."""
        self._left = True
        self._sessions.clear()
        self._told.clear()
        if self._set_provider is not None and trace.set_tracer_provider is self._ours_set:
            trace.set_tracer_provider = self._set_provider

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Note the session of a span that begins."""
        if self._left:
            return
        if otel_context.get_value(semconv.OBSERVED, parent_context) and len(self._told) < MAX_OPEN:
            # A library's own span of a call that an instrumentor of ours records: one call, not two.
            self._told.add(span.get_span_context().span_id)
            return
        session_id = self._current_session_id()
        if session_id is not None:
            self._sessions[span.get_span_context().span_id] = session_id
            forget_oldest(self._sessions, MAX_OPEN)

    def on_end(self, span: ReadableSpan) -> None:
        """Take a copy of a finished span that speaks of models."""
        context = span.get_span_context()
        session_id = None
        if context is not None:
            session_id = self._sessions.pop(context.span_id, None)
            if context.span_id in self._told:
                self._told.discard(context.span_id)
                return
        if self._left or not (self._everything or _speaks_of_models(span)):
            return
        with faults.contained("companion.copy"):
            self._taker.on_end(_copy(span, session_id, self._policy))

    def _join(self, provider: trace.TracerProvider) -> bool:
        if not isinstance(provider, TracerProvider) or provider is self._ours:
            return False
        self._joined = provider
        self._everything = provider is _made
        provider.add_span_processor(self)
        return True


def _speaks_of_models(span: ReadableSpan) -> bool:
    return any(key.startswith(semconv.FOREIGN_VOCABULARIES) for key in span.attributes or ())


def _copy(span: ReadableSpan, session_id: str | None, policy: ContentPolicy) -> ReadableSpan:
    attributes = screen(policy, span.attributes or {})
    if session_id is not None:
        attributes.setdefault(semconv.SESSION_ID, session_id)
    return ReadableSpan(
        name=span.name,
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        events=screen_events(policy, span.events),
        links=span.links,
        kind=span.kind,
        status=screen_status(policy, span.status),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
