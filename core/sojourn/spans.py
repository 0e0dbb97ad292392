"""Spans by hand: a step around a call or a block, with the names of AgentMark's SDK."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Generic, ParamSpec, TypeVar, cast, overload

from sojourn import current, semconv
from sojourn.arguments import demand_facts, demand_flag, demand_function, demand_id, demand_text, is_mapping
from sojourn.client import get_client
from sojourn.content import as_text, utf8
from sojourn.facts import stamped
from sojourn.scope import Scope
from sojourn.steps import SHAPES, SpanContext, open_step

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Mapping
    from uuid import UUID

    from sojourn.current import Stamp

__all__ = [
    "SpanContext",
    "SpanKind",
    "SpanOptions",
    "SpanResult",
    "observe",
    "span",
    "span_context",
    "span_context_sync",
    "with_agentmark",
]

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound="Callable[..., Any]")


class SpanKind(str, Enum):  # noqa: UP042  # StrEnum has another repr and format than programs of AgentMark know
    """What an observed function is."""

    FUNCTION = "function"
    LLM = "llm"
    TOOL = "tool"
    AGENT = "agent"
    RETRIEVAL = "retrieval"
    EMBEDDING = "embedding"
    GUARDRAIL = "guardrail"


_SHAPE_OF: Final = {
    SpanKind.FUNCTION: "chain",
    SpanKind.LLM: "model",
    SpanKind.TOOL: "tool",
    SpanKind.AGENT: "agent",
    SpanKind.RETRIEVAL: "retrieval",
    SpanKind.EMBEDDING: "embedding",
    SpanKind.GUARDRAIL: "guardrail",
}


@dataclass(frozen=True)
class SpanOptions:
    """What a span, and for session and user everything inside it, is told."""

    name: str
    metadata: Mapping[str, object] | None = None
    session_id: str | None = None
    session_name: str | None = None
    user_id: str | None = None
    prompt_name: str | None = None
    prompt_path: str | None = None
    dataset_run_id: str | None = None
    dataset_run_name: str | None = None
    dataset_item_name: str | None = None
    dataset_expected_output: str | None = None
    dataset_input: str | None = None
    dataset_path: str | None = None


_DATASET: Final = tuple(name for name in SpanOptions.__annotations__ if name.startswith("dataset_"))
_DATASET_CONTENT: Final = frozenset({"dataset_input", "dataset_expected_output"})


@dataclass(frozen=True)
class SpanResult(Generic[R]):
    """What a function returned, and the trace in which it ran."""

    result: R
    trace_id: str


@overload
def span(options: SpanOptions | str, /) -> SpanContext: ...
@overload
def span(
    options: SpanOptions | str, function: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
) -> Coroutine[Any, Any, SpanResult[R]]: ...
def span(
    options: SpanOptions | str, function: Callable[..., Awaitable[Any]] | None = None, /, *args: Any, **kwargs: Any
) -> SpanContext | Coroutine[Any, Any, SpanResult[Any]]:
    """A step inside the current one, or with none around it a trace.

    With a function: calls it with the arguments that follow, inside the span, when awaited. Without one: a context
    manager, for `with` and `async with` alike.
    """
    demand_function("span's function", function)
    if function is None:
        if args or kwargs:
            raise TypeError("span takes arguments only for a function: span(options, function, *args, **kwargs)")
        return _opened(options)
    return _called(options, function, args, kwargs)


def span_context(options: SpanOptions | str) -> SpanContext:
    """A step around an `async with` block."""
    return _opened(options)


def span_context_sync(options: SpanOptions | str) -> SpanContext:
    """A step around a `with` block."""
    return _opened(options)


@overload
def observe(given: F, /) -> F: ...
@overload
def observe(
    given: None = None,
    /,
    *,
    name: str | None = None,
    kind: SpanKind | str = SpanKind.FUNCTION,
    capture_input: bool = True,
    capture_output: bool = True,
    process_inputs: Callable[[dict[str, Any]], Any] | None = None,
    process_outputs: Callable[[Any], Any] | None = None,
) -> Callable[[F], F]: ...
def observe(
    given: Any = None,
    /,
    *,
    name: str | None = None,
    kind: SpanKind | str = SpanKind.FUNCTION,
    capture_input: bool = True,
    capture_output: bool = True,
    process_inputs: Callable[[dict[str, Any]], Any] | None = None,
    process_outputs: Callable[[Any], Any] | None = None,
) -> Any:
    """Record calls of a function, sync or async, plain or generator.

    `process_inputs` sees the arguments by name, `self` included, and returns what may be recorded of them;
    `process_outputs` the same for what is returned. When one of them raises, that content is left out.
    """
    from sojourn.decorated import Recipe, recorded

    demand_text("name", name)
    demand_flag("capture_input", capture_input)
    demand_flag("capture_output", capture_output)
    demand_function("process_inputs", process_inputs)
    demand_function("process_outputs", process_outputs)
    recipe = Recipe(
        _SHAPE_OF[_kind(kind)],
        name,
        capture_input=capture_input,
        capture_output=capture_output,
        process_inputs=process_inputs,
        process_outputs=process_outputs,
    )

    def decorate(function: Any) -> Any:
        if not callable(function) and not isinstance(function, staticmethod | classmethod):
            raise TypeError(f"observe was put on {type(function).__name__}, which is neither a function nor a class")
        return recorded(function, recipe)

    return decorate if given is None else decorate(given)


@contextmanager
def with_agentmark(
    *,
    session_id: str | UUID | None = None,
    session_name: str | None = None,
    user_id: str | UUID | None = None,
    trace_name: str | None = None,
    tags: Iterable[Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Generator[None]:
    """Tell every span that is started inside which session, user and group it belongs to.

    Scopes inside one another merge, the inner wins; None and empty lists leave what is around. Spans that
    instrumentors start are told as well.
    """
    demand_text("trace_name", trace_name)
    demand_facts("metadata", metadata)
    labels = _labels(tags)
    facts = _belonging(session_id, session_name, user_id)
    if trace_name is not None:
        facts[semconv.TRACE_NAME] = stamped(trace_name)
    if labels:
        facts[semconv.TAGS] = labels
    for key, value in (metadata or {}).items():
        if value is not None:
            facts[semconv.METADATA_PREFIX + utf8(key)] = stamped(value)
    scope = Scope(stamps={**current.stamps(), **facts})
    before = scope.activate()
    try:
        yield
    finally:
        scope.restore(before)


def _opened(options: SpanOptions | str) -> SpanContext:
    if isinstance(options, str):
        return open_step(SHAPES[""], options)
    if not isinstance(options, SpanOptions):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may be untyped
        raise TypeError(f"span takes a name or SpanOptions, not {type(options).__name__}")
    if options.name is None:  # pyright: ignore[reportUnnecessaryComparison]  # callers may be untyped
        raise TypeError("SpanOptions.name must be text, not None")
    for name in SpanOptions.__annotations__:
        if name not in {"metadata", "session_id"}:
            demand_text(f"SpanOptions.{name}", getattr(options, name))
    demand_facts("SpanOptions.metadata", options.metadata)
    facts: dict[str, Stamp] = {}
    for key, value in (options.metadata or {}).items():
        facts[semconv.METADATA_PREFIX + utf8(key)] = stamped(value)
    if options.prompt_name is not None:
        facts[semconv.PROMPT_NAME] = stamped(options.prompt_name)
    if options.prompt_path is not None:
        facts[semconv.PROMPT_PATH] = stamped(options.prompt_path)
    for name in _DATASET:
        told = getattr(options, name)
        if told is not None and name in _DATASET_CONTENT:
            client = get_client()
            told = None if client is None else client.policy.render_text(told)
        if told is not None:
            facts[semconv.DATASET_PREFIX + name.removeprefix("dataset_")] = stamped(told)
    stamps = _belonging(options.session_id, options.session_name, options.user_id)
    return open_step(SHAPES[""], options.name, facts, stamps=stamps)


async def _called(
    options: SpanOptions | str, function: Callable[..., Awaitable[Any]], args: Any, kwargs: Any
) -> SpanResult[Any]:
    async with _opened(options) as context:
        result = await function(*args, **kwargs)
        return SpanResult(result, context.trace_id)


def _kind(given: SpanKind | str) -> SpanKind:
    try:
        return SpanKind(given)
    except ValueError:
        raise ValueError(f"kind is {given!r}; it must be one of {', '.join(kind.value for kind in SpanKind)}") from None


def _labels(tags: object) -> tuple[str, ...]:
    """Tags of a scope, which AgentMark takes as any values."""
    if tags is None:
        return ()
    if isinstance(tags, str):
        return (utf8(tags),)
    if is_mapping(tags) or not hasattr(type(tags), "__iter__"):
        raise TypeError(f"tags must be several values, not {type(tags).__name__}")
    return tuple(utf8(as_text(tag)) for tag in cast("Iterable[object]", tags))


def _belonging(session_id: str | UUID | None, session_name: str | None, user_id: str | UUID | None) -> dict[str, Stamp]:
    demand_id("session_id", session_id)
    demand_id("user_id", user_id)
    demand_text("session_name", session_name)
    facts: dict[str, Stamp] = {}
    if session_id is not None:
        facts[semconv.SESSION_ID] = stamped(str(session_id))
    if user_id is not None:
        facts[semconv.USER_ID] = stamped(str(user_id))
    if session_name is not None:
        client = get_client()
        named = facts.get(semconv.SESSION_ID) or (None if client is None else client.current_session_id())
        if client is not None and named is not None:
            client.name_session(str(named), str(session_name))
    return facts
