"""Observations: one call of a library, watched from its start to its single end."""

from __future__ import annotations

import _thread
import asyncio
from dataclasses import dataclass
from sys import modules
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Protocol

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from sojourn import semconv
from sojourn.behind import Holder, snapshot
from sojourn.faults import contained
from sojourn_instrumentors._kit.generation import Generation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanContext, Tracer
    from opentelemetry.util.types import AttributeValue

    from sojourn.content import ContentPolicy
    from sojourn_instrumentors._kit.measures import Instruments, Measures

__all__ = ["Fold", "Observation", "Record", "Tracing", "Watch", "suppressed"]

# Nobody measures before this module is imported, since the API alone measures nothing: until then no call is made.
_MEASURING: Final = "opentelemetry.sdk.metrics"
# The public half of the two keys that OpenTelemetry's `suppress_instrumentation()` sets; the other is private to it.
_SUPPRESSED: Final = "suppress_instrumentation"


class Record(Protocol):
    """What an observation writes on its span: filled by pure functions of the library modules."""

    wants_content: bool
    failure: str | None
    """What was answered of a call or step that failed without an exception."""
    failure_type: str

    @property
    def span_name(self) -> str: ...
    def request_facts(self) -> dict[str, AttributeValue]: ...
    def response_facts(self) -> dict[str, AttributeValue]: ...
    def request_content(self) -> Iterator[tuple[str, Any]]: ...
    def response_content(self) -> Iterator[tuple[str, Any]]: ...
    def forget(self) -> None:
        """Let go of all content; what is left of an ended call is its facts."""
        ...


@dataclass(frozen=True, slots=True)
class Tracing:
    """Where the spans of one instrumentor go, and what content they may carry."""

    tracer: Tracer
    policy: ContentPolicy
    measures: Measures | None = None
    hosted: bool = False
    """The spans go to the program's own provider, where OpenTelemetry's tools have put the instrumentor."""


def suppressed(here: Context | None = None) -> bool:
    """Whether the program (or an exporter) asked that nothing be recorded here."""
    return bool((otel_context.get_current() if here is None else here).get(_SUPPRESSED))


class Watch:
    """What streams and wrappers need to know of a call under way; `end` may be called by anyone, once counts."""

    __slots__ = ("_began", "complete", "ended", "pulling", "record", "started")

    def __init__(self, record: Record) -> None:
        self.record = record
        self.ended = False
        self.pulling = False
        """A chunk is being asked for: what closes the stream meanwhile is the library itself."""
        self.complete = False
        """The provider has said that there is nothing more."""
        self.started = False
        """The first chunk has come."""
        self._began = perf_counter()

    def first_chunk(self) -> None:
        """Note when the first chunk came."""
        self.started = True
        record = self.record
        if isinstance(record, Generation) and record.stream:
            record.time_to_first_chunk = perf_counter() - self._began

    def closed(self) -> None:
        """The stream was closed: its end when the library does so, leaving early when the program does."""
        if not (self.pulling or self.ended):
            self.end(abandoned=not self.complete)

    def collected(self) -> None:
        """The stream became garbage.

        The collector may run while this thread holds any lock, so nothing is ended on this thread: a processor
        that takes a lock of its own would wait for itself.
        """
        if self.ended:
            return
        try:
            _thread.start_new_thread(self.closed, ())
        except RuntimeError:  # the interpreter is going down and starts no threads; it holds no lock of ours either
            self.closed()

    def context(self) -> Context:
        """The context in which the library works for this call."""
        raise NotImplementedError

    def end(self, error: BaseException | None = None, *, abandoned: bool = False) -> None:
        raise NotImplementedError


class Observation(Watch):
    """A call with a span of its own."""

    __slots__ = (
        "_ambient",
        "_base",
        "_folds",
        "_instruments",
        "_policy",
        "_recorded_at_first",
        "_span",
        "_tracer",
        "_unended",
        "above",
        "failed_below",
        "graph",
        "group",
        "lineage",
        "taken",
        "told",
        "usage_below",
        "within",
        "yielded",
    )

    def __init__(
        self, tracing: Tracing, record: Record, kind: SpanKind, here: Context, parent: Context | None = None
    ) -> None:
        """`here` is the context that the call is made in, `parent` the one of the step that it belongs to."""
        super().__init__(record)
        base = here if parent is None else parent
        self._ambient = trace.get_current_span(here)
        self._span: Span = tracing.tracer.start_span(
            record.span_name,
            base,
            kind,
            record.request_facts(),
            record_exception=False,
            set_status_on_exception=False,
        )
        self._base = base
        self._policy = tracing.policy
        self._tracer = tracing.tracer
        self._folds: list[Generation] = []
        self._unended = [True]
        measures = tracing.measures
        idle = measures is None or (measures.given is None and _MEASURING not in modules)
        self._instruments = None if idle or measures is None else measures.found()
        if self._instruments is not None and isinstance(record, Generation):
            record.chunk_gaps = []
        # What bridges (see runs.py) need to know.
        self.told: Any = None
        self.lineage: Any = None
        self.graph: Any = None
        self.failed_below: bool | None = None
        """Of a step that tries one thing after the other: whether the last one failed."""
        self.above: Observation | None = None
        # The rest is what claims (see claim.py) need to know.
        self.group: object = None
        self.taken = False
        self.yielded = False
        self.usage_below = False
        self.within: Observation | None = None
        self._recorded_at_first = self._span.is_recording()
        record.wants_content = tracing.policy.wants and self._recorded_at_first

    @property
    def recording(self) -> bool:
        """Whether anyone will see this span, or its measures; if not, nothing is read for it."""
        return not self.ended and (self._recorded_at_first or self._instruments is not None)

    def context(self) -> Context:
        return trace.set_span_in_context(self._span, self._base)

    def child_context(self, here: Context | None = None) -> Context:
        """For a child that starts elsewhere: its own context, with this span as the parent."""
        return trace.set_span_in_context(self._span, otel_context.get_current() if here is None else here)

    def is_deepest(self) -> bool:
        """Whether the program opened no span of its own since this call began."""
        return trace.get_current_span() is self._ambient

    @property
    def place(self) -> SpanContext:
        """What another span needs to link to this one."""
        return self._span.get_span_context()

    def link(self, place: SpanContext) -> None:
        """Say that this span goes on with what the one at `place` began."""
        self._span.add_link(place)

    def happened(self, name: str, facts: dict[str, AttributeValue], content: Iterable[tuple[str, Any]] = ()) -> None:
        """Note what happened in the middle of the call."""
        if self.recording:
            said = self._rendered(content) if self.record.wants_content else {}
            self._span.add_event(name, {**facts, **said})

    def requested(self) -> None:
        """Write what the request holds in content, now: the program may change its lists while the call runs."""
        if self.record.wants_content:
            content = self._recorded(self.record.request_content())
            if content:
                self._span.set_attributes(content)

    def fold(self, record: Generation) -> Fold:
        """Watch the call of a provider that does the work of this one, without a span of its own."""
        self.taken = True
        record.wants_content = False
        self._folds.append(record)
        if self._instruments is not None:
            record.chunk_gaps = []
        return Fold(self, record)

    def end(self, error: BaseException | None = None, *, abandoned: bool = False) -> None:
        # Two threads may be here at once, and only one finds something to take.
        try:
            self._unended.pop()
        except IndexError:
            return
        self.ended = True
        span = self._span
        try:
            recording = span.is_recording()
            if recording or self._instruments is not None:
                abandoned = abandoned or isinstance(error, GeneratorExit)
                if self._folds or self.within is not None or self.usage_below:
                    self._gather(span)
                if recording:
                    self._close(span, error, abandoned=abandoned)
                if self._instruments is not None:
                    self._measure(self._instruments, None if abandoned else error)
        except Exception:  # the guard is built only when needed: this runs for every call
            with contained("observation.end"):
                raise
        finally:
            try:
                span.end()
            except Exception:  # a processor of the host's, which runs here
                with contained("span.end"):
                    raise
            # Contexts, streams and other runs may hold this observation for long; what was said is let go.
            self.told = self.within = self.above = self.graph = None
            self._folds.clear()
            self.record.forget()

    def _gather(self, span: Span) -> None:
        """Take over what the calls of providers beneath this one know."""
        record = self.record
        if not isinstance(record, Generation):
            return
        if self.usage_below:
            # A model made of models: the tokens are those of the innermost, and of what itself did beside them.
            record.drop_usage()
        if self._folds:
            for inner in self._folds:
                record.absorb(inner)
            span.set_attributes(record.request_facts())
            span.update_name(record.span_name)
        if self.within is not None and (self.usage_below or record.has_usage):
            self.within.usage_below = True

    def _measure(self, instruments: Instruments, error: BaseException | None) -> None:
        record = self.record
        failed = None if record.failure is None else record.failure_type
        instruments.take(
            record, perf_counter() - self._began, failed if error is None else error_type(error), self.context()
        )

    def _close(self, span: Span, error: BaseException | None, *, abandoned: bool) -> None:
        record = self.record
        attributes = record.response_facts()
        if record.wants_content:
            attributes.update(self._recorded(record.response_content()))
        if abandoned:
            attributes[semconv.ABANDONED] = True
        elif error is not None:
            attributes[semconv.ERROR_TYPE] = error_type(error)
        elif record.failure is not None:
            attributes[semconv.ERROR_TYPE] = record.failure_type
            span.set_status(Status(StatusCode.ERROR, self._policy.render_text(record.failure)))
        if attributes:
            span.set_attributes(attributes)
        if error is not None and not abandoned:
            self._tell_error(span, error)
        if isinstance(record, Generation) and record.work is not None:
            self._tell_work(record.work)

    def _tell_work(self, record: Generation) -> None:
        """A span for the work of a model that this call learned of: it bears the tokens, once."""
        facts = {**record.request_facts(), **record.response_facts()}
        self._tracer.start_span(record.span_name, self.context(), SpanKind.CLIENT, facts).end()

    def _tell_error(self, span: Span, error: BaseException) -> None:
        # Not `record_exception`: a provider's refusal quotes the prompt, so what errors say is content.
        facts: dict[str, AttributeValue] = {semconv.EXCEPTION_TYPE: error_type(error)}
        said, stack = self._policy.message(error), self._policy.stack(error)
        if said is not None:
            facts[semconv.EXCEPTION_MESSAGE] = said
        if stack is not None:
            facts[semconv.EXCEPTION_STACKTRACE] = stack
        span.add_event(semconv.EXCEPTION_EVENT, facts)
        span.set_status(Status(StatusCode.ERROR, said or type(error).__name__))

    def _recorded(self, content: Iterable[tuple[str, Any]]) -> dict[str, AttributeValue]:
        """What of some content is to be put into words now; of the rest the span holds a snapshot."""
        span = self._span
        if not isinstance(span, Holder):
            return self._rendered(content)
        at_once: list[tuple[str, Any]] = []
        for name, value in content:
            later = snapshot(self._policy, value)
            if later is None:
                at_once.append((name, value))
            else:
                span.hold(name, later)
        return self._rendered(at_once) if at_once else {}

    def _rendered(self, content: Iterable[tuple[str, Any]]) -> dict[str, AttributeValue]:
        rendered: dict[str, AttributeValue] = {}
        for name, value in content:
            # By itself, since a redactor is the program's code: when it fails, its text is not recorded, all else is.
            try:
                told = self._policy.render_text(value) if isinstance(value, str) else self._policy.render(value)
                if told is not None:
                    rendered[name] = told
            except Exception:  # the guard is built only when needed: this runs for every call
                with contained("content"):
                    raise
        return rendered


class Fold(Watch):
    """A provider's call whose facts go to the framework's observation around it."""

    __slots__ = ("_outer",)

    def __init__(self, outer: Observation, record: Generation) -> None:
        super().__init__(record)
        self._outer = outer

    @property
    def recording(self) -> bool:
        return self._outer.recording

    def context(self) -> Context:
        return self._outer.child_context()

    def end(self, error: BaseException | None = None, *, abandoned: bool = False) -> None:  # noqa: ARG002  # see below
        # The framework tells the outer observation how it ended; the facts are taken over then.
        self.ended = True


def error_type(error: BaseException) -> str:
    """The qualified name of an exception's class."""
    kind = type(error)
    # asyncio.exceptions.CancelledError is known to everyone by its public name.
    module = "asyncio" if kind is asyncio.CancelledError else kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"
