"""The host program's own OpenTelemetry provider: its spans of model calls are recorded too, and left as they are.

The global provider is never set or replaced by us. Where the host has one of the SDK's, now or later, a processor of
ours joins it, and takes a copy of each finished span that speaks of models in one of the known vocabularies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from sojourn import faults, semconv
from sojourn.foreign import screen, screen_events, screen_status

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

    from sojourn.content import ContentPolicy

__all__ = ["Companion", "Taker"]

MAX_OPEN: Final = 100_000


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
        self._set_provider: Any = None
        self._left = False

    def watch(self) -> None:
        """Join the provider that is there, or the one that will be set."""
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
        if self._set_provider is not None and trace.set_tracer_provider is self._ours_set:
            trace.set_tracer_provider = self._set_provider

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002  # OTel's signature
        """Note the session of a span that begins."""
        if self._left:
            return
        session_id = self._current_session_id()
        if session_id is not None and len(self._sessions) < MAX_OPEN:
            self._sessions[span.get_span_context().span_id] = session_id

    def on_end(self, span: ReadableSpan) -> None:
        """Take a copy of a finished span that speaks of models."""
        context = span.get_span_context()
        session_id = self._sessions.pop(context.span_id, None) if context is not None else None
        if self._left or not any(key.startswith(semconv.FOREIGN_VOCABULARIES) for key in span.attributes or ()):
            return
        with faults.contained("companion.copy"):
            self._taker.on_end(_copy(span, session_id, self._policy))

    def _join(self, provider: trace.TracerProvider) -> bool:
        if not isinstance(provider, TracerProvider) or provider is self._ours:
            return False
        self._joined = provider
        provider.add_span_processor(self)
        return True


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
