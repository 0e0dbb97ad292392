"""Traces by hand: turns or runs of a session, each a trace of its own however many are open."""

from __future__ import annotations

import os
from enum import Enum
from typing import TYPE_CHECKING, Final, Self

from sojourn import semconv
from sojourn.arguments import demand_facts, demand_text, is_mapping, parse_tags
from sojourn.client import get_client, open_client
from sojourn.content import utf8
from sojourn.endstate import EndState, parse_end_state
from sojourn.facts import stamped
from sojourn.settings import Settings
from sojourn.steps import SHAPES, current_root, open_step

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from opentelemetry.trace import Span

    from sojourn.current import Before, Stamp
    from sojourn.steps import SpanContext

__all__ = [
    "ERROR",
    "SUCCESS",
    "UNSET",
    "TraceContext",
    "TraceState",
    "end_trace",
    "start_trace",
    "update_trace_metadata",
]


class TraceState(str, Enum):  # noqa: UP042  # StrEnum has another repr and format than programs of AgentOps know
    """How a trace ended, in the words of AgentOps 0.4."""

    SUCCESS = "Success"
    ERROR = "Error"
    UNSET = "Unset"

    def __str__(self) -> str:
        return self.value


SUCCESS: Final = TraceState.SUCCESS
ERROR: Final = TraceState.ERROR
UNSET: Final = TraceState.UNSET


class TraceContext:
    """A trace under way, the current one of the context that started it. A `with` block ends it by how it is left."""

    def __init__(self, step: SpanContext, outer: TraceContext | None) -> None:
        self.step = step
        self.outer = outer
        """The trace in which it was started, and which is current again once this one has ended."""
        self.pid = os.getpid()
        self._before = step.activate()

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits."""
        return self.step.trace_id

    @property
    def span_id(self) -> str:
        """Of the root: 16 hexadecimal digits."""
        return self.step.span_id

    @property
    def span(self) -> Span:
        """The root as OpenTelemetry's span."""
        return self.step.otel_span

    @property
    def session_id(self) -> str | None:
        """The session that it was started in, if there was one."""
        return self.step.session_id

    @property
    def is_running(self) -> bool:
        """Whether nobody has ended it."""
        return not self.step.ended

    def set_attribute(self, key: str, value: object) -> None:
        """Record a fact under a name of the program's own."""
        self.step.set_attribute(key, value)

    def end(self, error: BaseException | None = None, *, state: EndState | None = None) -> None:
        """End it, once; the trace around it is the current one again."""
        if self.step.ended:
            return
        client = get_client()
        if client is not None:
            client.steps.release(self)
        self.step.restore(self._left())
        self.step.end(error, state=state)

    def _left(self) -> Before:
        """What was current before this trace and all those around it that have ended meanwhile."""
        trace = self
        while trace.outer is not None and trace.outer.step.ended:
            trace = trace.outer
        return trace._before  # noqa: SLF001  # of the same class

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.end(error)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.end(error)


def start_trace(
    trace_name: str = "session", tags: str | Iterable[str] | Mapping[str, object] | None = None
) -> TraceContext:
    """Start a trace in the current session; it is the current one of this thread or task until it ends.

    `tags` are labels, or facts by name. Begins to record, with default settings, when `init` was not called: in the
    session that the environment names, if it names one, else in none.
    """
    _demand_text("trace_name", trace_name)
    facts: dict[str, Stamp] = {}
    if is_mapping(tags):
        demand_facts("tags", tags)
        facts |= {semconv.METADATA_PREFIX + utf8(key): stamped(value) for key, value in tags.items()}
    elif labels := parse_tags(tags):
        facts[semconv.TAGS] = tuple(map(utf8, labels))
    client = get_client()
    if client is None:
        client = open_client(Settings.read())
        inherited = client.settings.inherited_session_id
        if inherited is not None:
            client.start_session(client.configuration.tags(None), inherited)
    step = open_step(SHAPES["trace"], trace_name, facts, root=True)
    trace = TraceContext(step, _current())
    if not client.settings.disabled:
        client.steps.hold(trace)
    return trace


def end_trace(trace_context: TraceContext | None = None, end_state: EndState | str | Enum = SUCCESS) -> None:
    """End a trace, or without one all that this process has open. `end_state` takes every spelling.

    Raises ValueError for a state that is none; then nothing is ended.
    """
    state = parse_end_state(end_state)
    if trace_context is not None and not isinstance(trace_context, TraceContext):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may be untyped
        raise TypeError(
            f"end_trace takes what start_trace gave, and then the state, not {type(trace_context).__name__}; "
            "without a trace the state is given as end_state='Success'"
        )
    if trace_context is not None:
        trace_context.end(state=state)
        return
    client = get_client()
    for held in [] if client is None else client.steps.open():
        if isinstance(held, TraceContext):
            held.end(state=state)


def update_trace_metadata(metadata: Mapping[str, object], prefix: str = "trace.metadata") -> bool:
    """Record facts on the current trace, else on the newest of the process; False when none is open.

    A `prefix` of the program's own stands before each name.
    """
    demand_facts("metadata", metadata)
    _demand_text("prefix", prefix)
    before = "" if prefix == "trace.metadata" else f"{prefix}."
    step = root_step()
    if step is None:
        return False
    for key, value in metadata.items():
        step.set_metadata(before + str(key), value)
    return True


def root_step() -> SpanContext | None:
    """The root of the trace that the calling code belongs to, else of the newest that is open."""
    found = current_root()
    if found is not None:
        return found
    client = get_client()
    held = [] if client is None else client.steps.open()
    return next((trace.step for trace in held if isinstance(trace, TraceContext)), None)


def _current() -> TraceContext | None:
    # Of this context only: what is put back at the end must not come from another request.
    root = current_root()
    client = get_client()
    held = [] if client is None else client.steps.open()
    return next((trace for trace in held if isinstance(trace, TraceContext) and trace.step is root), None)


def _demand_text(name: str, given: object) -> None:
    if given is None:
        raise TypeError(f"{name} must be text, not None")
    demand_text(name, given)
