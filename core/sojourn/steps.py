"""Steps: spans that are opened and ended around code of the program, for every name that offers one."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self, TypeGuard

from sojourn import current, frameworks, semconv
from sojourn.arguments import demand_facts
from sojourn.client import get_client
from sojourn.content import ContentPolicy, utf8
from sojourn.endstate import EndState, is_success
from sojourn.facts import stamped
from sojourn.faults import contained
from sojourn.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from opentelemetry.trace import Span

    from sojourn.client import Client
    from sojourn.current import Before, Stamp
    from sojourn.session import Session

__all__ = ["SHAPES", "Shape", "SpanContext", "current_root", "open_step"]

MAX_ITEMS: Final = 10_000
"""Items of a generator that are kept for its output; what is beyond is counted."""
MAX_HELD_BYTES: Final = 4_000_000
"""What those items may take, as far as they tell: the program may want to be rid of each before the next."""


_LEAST_BYTES: Final = 64
_ROOT: Final = "sojourn-root"


@dataclass(frozen=True, slots=True)
class Shape:
    """How a kind of step is written: its attributes, where its name and its content go."""

    attributes: Mapping[str, Stamp] = field(default_factory=dict[str, "Stamp"])
    operation: str | None = None
    """Stands before the name in the span's name, as OpenTelemetry writes it."""
    named: str | None = None
    """The attribute that holds the name."""
    input: str = semconv.INPUT
    output: str = semconv.OUTPUT

    def span_name(self, name: str) -> str:
        """The name of the span of a step of this name."""
        return f"{self.operation} {name}" if self.operation is not None else name


def _operation(operation: str, named: str | None = None, **content: str) -> Shape:
    return Shape({semconv.OPERATION: operation}, operation, named, **content)


def _kind(kind: str) -> Shape:
    return Shape({semconv.KIND: kind})


SHAPES: Final[Mapping[str, Shape]] = {
    "": Shape(),
    "action": _kind("action"),
    "agent": _operation(semconv.INVOKE_AGENT, semconv.AGENT_NAME),
    "chain": _kind("chain"),
    "embedding": _operation(semconv.EMBEDDINGS),
    "endpoint": _kind("endpoint"),
    "guardrail": Shape({semconv.KIND: "guardrail"}, named=semconv.GUARDRAIL_NAME),
    "model": _operation(semconv.CHAT),
    "operation": _kind("operation"),
    "retrieval": _operation(semconv.RETRIEVAL),
    "task": _kind("task"),
    "tool": _operation(
        semconv.EXECUTE_TOOL,
        semconv.TOOL_NAME,
        input=semconv.TOOL_CALL_ARGUMENTS,
        output=semconv.TOOL_CALL_RESULT,
    ),
    "trace": _kind("trace"),
    "workflow": _operation(semconv.INVOKE_WORKFLOW, semconv.WORKFLOW_NAME),
}


class SpanContext:
    """A step under way: what code inside it may say about it.

    Usable as a context manager, sync and async: inside it is current, and leaving it ends it. Without `init`, or when
    recording is disabled, it does nothing and its ids are noughts.
    """

    def __init__(self, client: Client | None, shape: Shape, span: Span, scope: Scope) -> None:
        self._client = client
        self._shape = shape
        self._span = span
        self.scope = scope
        """What is current inside it."""
        self._entered: list[Before] = []
        self._items: list[object] = []
        self._more = 0
        self._held = 0
        self._ended = client is None
        self.pid = os.getpid()
        context = span.get_span_context()
        self.ids = (context.trace_id, context.span_id)

    @property
    def trace_id(self) -> str:
        """The trace's id: 32 hexadecimal digits."""
        return f"{self.ids[0]:032x}"

    @property
    def span_id(self) -> str:
        """The span's id: 16 hexadecimal digits."""
        return f"{self.ids[1]:016x}"

    @property
    def otel_span(self) -> Span:
        """The step as OpenTelemetry's span."""
        return self._span

    @property
    def session_id(self) -> str | None:
        """The session that it belongs to, if it has one."""
        told: Mapping[str, Any] | None = getattr(self._span, "attributes", None)
        found = None if told is None else told.get(semconv.SESSION_ID)
        return None if found is None else str(found)

    @property
    def ended(self) -> bool:
        """Whether the step is over; what is said of it then is lost."""
        return self._ended

    def set_attribute(self, key: str, value: object) -> None:
        """Record a fact under a name of the program's own; what is no plain value is written as JSON."""
        _demand_name("set_attribute's key", key)
        self._span.set_attribute(utf8(key), self._fact(value))

    def set_metadata(self, key: str, value: object) -> None:
        """Record a fact under `sojourn.metadata.`; what is no plain value is written as JSON."""
        _demand_name("set_metadata's key", key)
        self._span.set_attribute(semconv.METADATA_PREFIX + utf8(key), self._fact(value))

    def set_input(self, value: Any) -> None:
        """Record what the step took in, if content is recorded at all."""
        self._content(self._shape.input, value)

    def set_output(self, value: Any) -> None:
        """Record what the step gave back, if content is recorded at all."""
        self._content(self._shape.output, value)

    def add_event(self, name: str, attributes: Mapping[str, object] | None = None) -> None:
        """Record that something happened during the step."""
        _demand_name("add_event's name", name)
        demand_facts("add_event's attributes", attributes)
        self._span.add_event(utf8(name), {utf8(key): self._fact(value) for key, value in (attributes or {}).items()})

    def span(self, name: str, metadata: Mapping[str, object] | None = None) -> SpanContext:
        """A step inside this one, for `with` and `async with`."""
        _demand_name("span's name", name)
        demand_facts("span's metadata", metadata)
        before = self.scope.activate()
        try:
            child = open_step(SHAPES[""], name)
        finally:
            self.scope.restore(before)
        for key, value in (metadata or {}).items():
            child.set_metadata(key, value)
        return child

    def end(self, error: BaseException | None = None, *, state: EndState | None = None) -> None:
        """End the step, once; `state` is that of a trace which the program ends by word."""
        if self._ended:
            return
        self._ended = True
        if self._client is not None:
            self._client.steps.release(self)
        with contained("steps.end"):
            self._close(error, state)
        # Processors that the program has put on our provider run in it.
        with contained("steps.end"):
            self._span.end()

    # --- what runs inside it: `driving.Run` -----------------------------------------------------------------------

    def activate(self) -> Before:
        """Make the step current in the calling context."""
        return self.scope.activate()

    def restore(self, before: Before) -> None:
        """Make current again what was before."""
        self.scope.restore(before)

    def yielded(self, item: object) -> None:
        """Keep an item that the step's generator gave."""
        if self._client is not None and self._client.policy.wants:
            self._held += _bytes_of(item)
            if len(self._items) < MAX_ITEMS and self._held <= MAX_HELD_BYTES:
                self._items.append(item)
            else:
                self._more += 1

    def gathered(self) -> object:
        """What a generator gave in all: texts joined, anything else as a list."""
        if self._more:
            return [*self._items, f"[{self._more} more]"]
        # By their types: an object of the program's own may fail when it is asked for its class.
        texts = [str.__str__(item) for item in self._items if _is_text(item)]
        return "".join(texts) if self._items and len(texts) == len(self._items) else self._items

    def returned(self, value: object) -> None:
        """The code inside is done."""
        if self._items:
            self.set_output(self.gathered())
        elif value is not None:
            self.set_output(value)
        self.end()

    def raised(self, error: BaseException) -> None:
        """The code inside raised."""
        if self._items:
            self.set_output(self.gathered())
        self.end(error)

    def __enter__(self) -> Self:
        self._entered.append(self.activate())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.restore(self._entered.pop())
        self.end(error)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, where)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _fact(self, value: object) -> Stamp:
        fact = stamped(value)
        return fact if self._client is None else self._client.policy.redact_fact(fact)

    def _content(self, key: str, value: Any) -> None:
        if self._client is None or not self._client.policy.wants:
            return
        text = self._client.policy.render(value)
        if text is not None:
            self._span.set_attribute(key, text)

    def _close(self, error: BaseException | None, state: EndState | None) -> None:
        from opentelemetry.trace import Status, StatusCode

        if self._shape is SHAPES["trace"]:
            state = state or (EndState.SUCCESS if error is None or is_success(error) else EndState.FAIL)
            self._span.set_attribute(semconv.TRACE_END_STATE, str(state))
        if isinstance(error, GeneratorExit):
            self._span.set_attribute(semconv.ABANDONED, True)
        elif error is not None and not is_success(error):
            policy = self._client.policy if self._client is not None else ContentPolicy("off")
            said = policy.message(error)
            facts = {semconv.EXCEPTION_TYPE: _type_of(error)}
            if said is not None:
                facts[semconv.EXCEPTION_MESSAGE] = said
            stack = policy.stack(error)
            if stack is not None:
                facts[semconv.EXCEPTION_STACKTRACE] = stack
            self._span.set_attribute(semconv.ERROR_TYPE, _type_of(error))
            self._span.add_event(semconv.EXCEPTION_EVENT, facts)
            self._span.set_status(Status(StatusCode.ERROR, said or type(error).__name__))
        elif state is EndState.FAIL:
            self._span.set_status(Status(StatusCode.ERROR))


def open_step(
    shape: Shape,
    name: str,
    facts: Mapping[str, Stamp] | None = None,
    *,
    session: Session | None = None,
    stamps: Mapping[str, Stamp] | None = None,
    root: bool = False,
) -> SpanContext:
    """Begin a step, which is not current yet.

    `facts` are its own, `stamps` those of everything inside it as well; `session` is the one that both belong to when
    it is not the current one. A `root` begins a trace of its own, linked with the step around it.
    """
    from opentelemetry import context as otel_context
    from opentelemetry import trace

    client = get_client()
    if client is None or client.settings.disabled:
        return SpanContext(None, shape, trace.INVALID_SPAN, Scope())
    inside: Mapping[str, Stamp] | None = {**current.stamps(), **stamps} if stamps else None
    attributes: dict[str, Stamp] = {**shape.attributes, **(stamps or {}), **(facts or {})}
    if session is not None:
        attributes[semconv.SESSION_ID] = str.__str__(session.session_id)
        if semconv.SESSION_ID in current.stamps():
            inside = {**(inside or current.stamps()), semconv.SESSION_ID: attributes[semconv.SESSION_ID]}
    around = frameworks.context() or otel_context.get_current()
    links: list[trace.Link] = []
    if root:
        from sojourn.parentage import beginning

        around, links = beginning(client.provider)
    if client.policy.redactors:
        name = client.policy.redact(name)
        attributes = {**client.policy.redact_facts(attributes), **shape.attributes}
    name = utf8(name)
    if shape.named is not None:
        attributes[shape.named] = name
    span = client.tracer.start_span(shape.span_name(name), around, attributes=attributes, links=links)
    scope = Scope(context=trace.set_span_in_context(span, around), session=session, stamps=inside)
    step = SpanContext(client, shape, span, scope)
    if root:
        scope.context = otel_context.set_value(_ROOT, step, scope.context)
    return step


def _demand_name(what: str, given: object) -> None:
    if not _is_text(given):
        raise TypeError(f"{what} must be text, not {type(given).__name__}")


def _is_text(given: object) -> TypeGuard[str]:
    return issubclass(type(given), str)


def current_root() -> SpanContext | None:
    """The root of the trace by hand that the calling code belongs to, while it is open."""
    from opentelemetry import context as otel_context

    root = otel_context.get_value(_ROOT)
    return root if isinstance(root, SpanContext) and not root.ended else None


def _bytes_of(item: object) -> int:
    # Of the program's own classes, whose `__sizeof__` may be anything, only the plain size of an object.
    return sys.getsizeof(item) if type(item) in {str, bytes, bytearray, memoryview} else _LEAST_BYTES


def _type_of(error: BaseException) -> str:
    kind = type(error)
    # asyncio.exceptions.CancelledError is known to everyone by its public name.
    module = kind.__module__.removesuffix(".exceptions") if kind.__module__ == "asyncio.exceptions" else kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"
