"""Decorators: functions and classes of a program recorded as agents, tasks, tools, traces.

Each is written with and without parentheses, over sync and async functions, generators and classes, and leaves the
type of what it decorates as it was. A generator's step lasts until it is read to its end or left; that of a class,
for each object, from its making until it is garbage or its session ends, and the object's methods run inside it.

They begin nothing by themselves: before `init`, `start_session` or `start_trace` was called, calls just run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, overload

from sojourn import semconv
from sojourn.arguments import demand_flag, demand_number, demand_text, parse_tags

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sojourn.current import Stamp

__all__ = [
    "agent",
    "guardrail",
    "operation",
    "record_action",
    "record_function",
    "record_tool",
    "session",
    "task",
    "tool",
    "trace",
    "track_agent",
    "track_endpoint",
    "track_tool",
    "workflow",
]

F = TypeVar("F", bound="Callable[..., Any]")


class Decorator(Protocol):
    """Takes a function or class, and gives back the same."""

    def __call__(self, given: F, /) -> F: ...


class Named(Protocol):
    """A decorator that may be given options first."""

    @overload
    def __call__(self, given: F, /) -> F: ...
    @overload
    def __call__(
        self, *, name: str | None = None, version: object = None, tags: str | Iterable[str] | None = None
    ) -> Decorator: ...


class ByHand(Protocol):
    """A decorator that may be given a name first, by either keyword of AgentOps."""

    @overload
    def __call__(self, given: F, /) -> F: ...
    @overload
    def __call__(
        self,
        name: str | None = None,
        /,
        *,
        event_name: str | None = None,
        tool_name: str | None = None,
    ) -> Decorator: ...


def _apply(given: Any, shape: str, name: str | None = None, **more: Any) -> Any:
    demand_text(f"the name of {_article(shape)}", name)

    def decorate(function: Any) -> Any:
        if not callable(function) and not isinstance(function, staticmethod | classmethod):
            raise TypeError(
                f"a decorator was put on {type(function).__name__}, which is neither a function nor a class; "
                "options are given by name, as in name='search'"
            )
        # Here, not above: the package is imported by programs that decorate nothing.
        from sojourn.decorated import Recipe, recorded

        return recorded(function, Recipe(shape, name, **more))

    return decorate if given is None else decorate(given)


def _facts(version: object, tags: str | Iterable[str] | None) -> Mapping[str, Stamp]:
    from sojourn.content import as_text, utf8

    facts: dict[str, Stamp] = {}
    if version is not None:
        facts[semconv.STEP_VERSION] = utf8(as_text(version))
    if tags is not None:
        facts[semconv.TAGS] = tuple(map(utf8, parse_tags(tags)))
    return facts


def _article(shape: str) -> str:
    return f"an {shape}" if shape[0] in "aeiou" else f"a {shape}"


def _named(shape: str, docstring: str, *, root: bool = False) -> Named:
    def decorator(
        given: Any = None,
        /,
        *,
        name: str | None = None,
        version: object = None,
        tags: str | Iterable[str] | None = None,
    ) -> Any:
        return _apply(given, shape, name, facts=_facts(version, tags), root=root)

    decorator.__name__ = decorator.__qualname__ = shape
    decorator.__doc__ = docstring
    return decorator


agent = _named("agent", "An agent: everything recorded inside is attributed to it.")
task = _named("task", "A task of an agent.")
operation = _named("operation", "A step of an agent or task.")
workflow = _named("workflow", "Several agents or tasks together.")
trace = _named("trace", "A turn or run: each call is a trace of its own.", root=True)
session = _named("trace", "The same as `trace`, under the name that AgentOps gave it first.", root=True)
session.__name__ = session.__qualname__ = "session"  # type: ignore[attr-defined]


@overload
def tool(given: F, /) -> F: ...
@overload
def tool(
    *,
    cost: float | None = None,
    name: str | None = None,
    version: object = None,
    tags: str | Iterable[str] | None = None,
) -> Decorator: ...
def tool(
    given: Any = None,
    /,
    *,
    cost: float | None = None,
    name: str | None = None,
    version: object = None,
    tags: str | Iterable[str] | None = None,
) -> Any:
    """Record a tool; `cost` is what each use of it costs, in US dollars, and adds to the session's."""
    demand_number("cost", cost)
    facts = dict(_facts(version, tags))
    if cost is not None:
        facts[semconv.USAGE_COST] = float(cost)
    return _apply(given, "tool", name, facts=facts)


@overload
def guardrail(
    given: str,
    /,
    *,
    spec: Literal["input", "output"] | None = None,
    version: object = None,
    tags: str | Iterable[str] | None = None,
) -> Decorator: ...
@overload
def guardrail(
    given: str,
    /,
    *,
    spec: Literal["input", "output"] | None = None,
    passed: bool | None = None,
    action: str | None = None,
    score: float | None = None,
    reason: object = None,
) -> None: ...
@overload
def guardrail(given: F, /) -> F: ...
@overload
def guardrail(
    *,
    spec: Literal["input", "output"] | None = None,
    name: str | None = None,
    version: object = None,
    tags: str | Iterable[str] | None = None,
) -> Decorator: ...
def guardrail(
    given: Any = None,
    /,
    *,
    spec: Literal["input", "output"] | None = None,
    name: str | None = None,
    version: object = None,
    tags: str | Iterable[str] | None = None,
    passed: bool | None = None,
    action: str | None = None,
    score: float | None = None,
    reason: object = None,
) -> Any:
    """Record a guardrail; `spec` says whether it looks at what goes into a model or at what comes out.

    Around a function: `passed` is what it returns, when that is True or False, and False when it raises. With a name in
    place of the function, it records how a check came out that ran elsewhere, as `Session.guardrail` does; with a name
    and nothing that came out, it is a decorator of that name.
    """
    outcome = (passed, action, score, reason)
    if issubclass(type(given), str) and all(one is None for one in outcome):
        # A name and nothing that came out: what comes next is the function that checks.
        given, name = None, given
    if issubclass(type(given), str):
        from sojourn.decisions import HERE

        HERE.guardrail(given, spec=spec, passed=passed, action=action, score=score, reason=reason)
        return None
    if any(one is not None for one in outcome):
        raise TypeError("how a check came out is recorded under a name: guardrail('pii', passed=False)")
    if spec not in (None, "input", "output"):  # a tuple: what cannot be hashed is wrong as well
        raise ValueError(f"spec is {spec!r}; it must be 'input' or 'output'")
    facts = dict(_facts(version, tags))
    if spec is not None:
        facts[semconv.GUARDRAIL_SPEC] = spec
    return _apply(given, "guardrail", name, facts=facts)


@overload
def track_endpoint(given: F, /) -> F: ...
@overload
def track_endpoint(
    *,
    name: str | None = None,
    version: object = None,
    tags: str | Iterable[str] | None = None,
    capture_request: bool = True,
    capture_response: bool = True,
) -> Decorator: ...
def track_endpoint(
    given: Any = None,
    /,
    *,
    name: str | None = None,
    version: object = None,
    tags: str | Iterable[str] | None = None,
    capture_request: bool = True,
    capture_response: bool = True,
) -> Any:
    """Record a handler of a web server: each request is a trace of its own, with what it was given and gave back."""
    demand_flag("capture_request", capture_request)
    demand_flag("capture_response", capture_response)
    return _apply(
        given,
        "endpoint",
        name,
        facts=_facts(version, tags),
        root=True,
        capture_input=capture_request,
        capture_output=capture_response,
    )


def _by_hand(shape: str, docstring: str) -> ByHand:
    def decorator(name: Any = None, /, *, event_name: str | None = None, tool_name: str | None = None) -> Any:
        if name is None or isinstance(name, str):
            return _apply(None, shape, name or event_name or tool_name, tells_errors=True)
        return _apply(name, shape, event_name or tool_name, tells_errors=True)

    decorator.__name__ = decorator.__qualname__ = f"record_{shape}"
    decorator.__doc__ = docstring
    return decorator


record_action = _by_hand(
    "action",
    """Record each call as an action, with its parameters and what it returns.

    An exception is recorded as an `ErrorEvent` besides, linked to the action, and raised again. A keyword argument
    `session=` chooses the session of one call, and reaches the function only if that has such a parameter.
    """,
)
record_tool = _by_hand("tool", "Record each call as a use of a tool; for the rest like `record_action`.")
record_function = record_action
track_tool = record_tool


@overload
def track_agent(given: F, /) -> F: ...
@overload
def track_agent(name: str | None = None) -> Decorator: ...
def track_agent(name: Any = None) -> Any:
    """Attribute to an agent what the methods of a class, or a function, do.

    Each object is an agent of its own, with `agentops_agent_id` and `agentops_agent_name`; the keyword argument
    `agentops_name` of its constructor overrides the name, and does not reach it.
    """

    called = name if isinstance(name, str) else None

    def decorate(given: Any) -> Any:
        if not callable(given):
            raise TypeError(f"track_agent was put on {type(given).__name__}, which is neither a function nor a class")
        from sojourn.agents import tracked

        return tracked(given, called)

    return decorate if name is None or isinstance(name, str) else decorate(name)
