"""Functions and classes of the program whose calls are recorded as steps."""

from __future__ import annotations

import functools
import inspect
import os
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from sojourn import current, semconv
from sojourn.client import get_client
from sojourn.driving import driven, own_functions
from sojourn.events import ActionEvent, ErrorEvent, ToolEvent
from sojourn.faults import contained, trouble
from sojourn.scope import Scope
from sojourn.session import Session
from sojourn.steps import SHAPES, SpanContext, open_step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sojourn.current import Before, Stamp

__all__ = ["Recipe", "recorded"]


@dataclass(frozen=True)
class Recipe:
    """How calls of a function are recorded."""

    shape: str
    name: str | None = None
    """The function's or class's own name, when it is None."""
    facts: Mapping[str, Stamp] = field(default_factory=dict[str, "Stamp"])
    root: bool = False
    """Whether each call is a trace of its own."""
    capture_input: bool = True
    capture_output: bool = True
    process_inputs: Callable[[dict[str, Any]], Any] | None = None
    process_outputs: Callable[[Any], Any] | None = None
    tells_errors: bool = False
    """Whether an exception is recorded as an `ErrorEvent` besides, as AgentOps 0.3 does."""


def recorded(given: Any, recipe: Recipe) -> Any:
    """The function or class `given`, its calls recorded. A class is changed in place."""
    if isinstance(given, staticmethod):
        return staticmethod(recorded(given.__func__, recipe))
    if isinstance(given, classmethod):
        return classmethod(recorded(cast("Any", given).__func__, recipe))
    if isinstance(given, type):
        return _recorded_class(given, recipe)
    return driven(given, _Calls(recipe, given).begin)


class _Calls:
    """The calls of one function."""

    def __init__(self, recipe: Recipe, function: Any) -> None:
        self._recipe = recipe
        self._name = recipe.name or str(getattr(function, "__name__", type(function).__name__))
        self._function = function
        self._takes_session = _takes_session(function)

    @functools.cached_property
    def _signature(self) -> inspect.Signature | None:
        try:
            return inspect.signature(self._function)
        except (TypeError, ValueError):
            return None

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[_Call | None, dict[str, Any]]:
        """Open a step for a call. `session=` chooses its session, and is not the function's unless it asks for it."""
        session = kwargs.get("session")
        # By its type: programs of Flask hand on its `session`, which fails outside of a request when it is asked.
        if not issubclass(type(session), Session):
            session = None
        elif not self._takes_session:
            kwargs = {key: value for key, value in kwargs.items() if key != "session"}
        client = get_client()
        if client is None or client.settings.disabled:
            return None, kwargs
        stamps = {semconv.AGENT_NAME: self._name} if self._recipe.shape == "agent" else None
        shape, facts, root = SHAPES[self._recipe.shape], self._recipe.facts, self._recipe.root
        opened: list[SpanContext] = []
        with contained("decorated.begin"):
            opened.append(open_step(shape, self._name, facts, session=session, stamps=stamps, root=root))
        if not opened:
            return None, kwargs
        step = opened[0]
        if self._recipe.capture_input and client.policy.wants:
            with contained("decorated.inputs"):
                step.set_input(self._inputs(args, kwargs))
        return _Call(step, self._recipe, self._name, session), kwargs

    def _inputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        bound = None
        if self._signature is not None:
            try:
                bound = self._signature.bind(*args, **kwargs)
            except TypeError:  # the call itself is wrong, and will say so
                bound = None
        if bound is None:
            inputs: dict[str, Any] = {"args": list(args), "kwargs": kwargs}
        else:
            bound.apply_defaults()
            inputs = dict(bound.arguments)
        process = self._recipe.process_inputs
        told: Any = inputs if process is None else _processed(process, inputs)
        # After the program's own function, which may want to look at the object.
        if not _is_dict(told):
            return told
        # As a plain dict: one of the program's own may fail when it is asked for its items.
        return {key: value for key, value in dict[str, Any].items(told) if key not in {"self", "cls"}}


class _Call:
    """One call of a recorded function."""

    def __init__(self, step: SpanContext, recipe: Recipe, name: str, session: Session | None) -> None:
        self.step = step
        self._recipe = recipe
        self._name = name
        self._session = session

    def activate(self) -> Before:
        return self.step.activate()

    def restore(self, before: Before) -> None:
        self.step.restore(before)

    def yielded(self, item: object) -> None:
        if self._recipe.capture_output:
            self.step.yielded(item)

    def returned(self, value: object) -> None:
        with contained("decorated.returned"):
            self._output(self.step.gathered() or value)
            if type(value) is bool:
                self._judge(passed=value)
        self.step.end()

    def raised(self, error: BaseException) -> None:
        with contained("decorated.raised"):
            self._output(self.step.gathered() or None)
            if isinstance(error, Exception):  # a check that was cancelled, or left half way, found nothing
                self._judge(passed=False)
        self.step.end(error)
        if self._recipe.tells_errors and isinstance(error, Exception):
            with contained("decorated.error"):
                self._tell(error)

    def _output(self, value: object) -> None:
        if not self._recipe.capture_output or value is None:
            return
        if self._recipe.process_outputs is not None:
            value = _processed(self._recipe.process_outputs, value)
            if value is None:
                return
        self.step.set_output(value)
        picture = _screenshot(value) if self._recipe.shape == "action" else None
        if picture is not None:
            self.step.set_attribute(semconv.SCREENSHOT, picture)

    def _judge(self, *, passed: bool) -> None:
        if self._recipe.shape == "guardrail":
            self.step.set_attribute(semconv.GUARDRAIL_PASSED, passed)

    def _tell(self, error: Exception) -> None:
        client = get_client()
        session = self._session or (None if client is None else client.current_session())
        if session is None:
            return
        tool = self._recipe.shape == "tool"
        trigger = ToolEvent(name=self._name) if tool else ActionEvent(action_type=self._name)
        trigger.recorded_as = self.step.ids
        session.record(ErrorEvent(exception=error, trigger_event=trigger))


# Where the spans of living objects are found; an object itself may be unhashable, and pickled without them.
_living: dict[int, tuple[SpanContext, object]] = {}


def _recorded_class(kind: type, recipe: Recipe) -> type:
    """A class whose objects are steps: from their making until they are garbage, or the session ends."""
    calls = _Calls(recipe, kind)
    # By name: the checkers take an assignment to `__init__` for a slip, and here it is the point.
    make: Any = getattr(kind, "__init__")  # noqa: B009

    @functools.wraps(make)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        # A subclass that is recorded as well has begun already.
        run, kwargs = (None, kwargs) if id(self) in _living else calls.begin(args, kwargs)
        if run is None:
            make(self, *args, **kwargs)
            return
        step = run.step
        around = _span_around()
        before = run.activate()
        try:
            make(self, *args, **kwargs)
        except BaseException as error:
            run.restore(before)
            run.raised(error)
            raise
        run.restore(before)
        with contained("decorated.made"):
            _keep(self, step, around)

    setattr(kind, "__init__", __init__)  # noqa: B010
    for name, function in own_functions(kind).items():
        setattr(kind, name, driven(function, _within_object))
    return kind


def _keep(made: object, step: SpanContext, around: object) -> None:
    try:
        farewell = weakref.finalize(made, _let_go, id(made), step)
    except TypeError:  # slots without __weakref__: nobody will tell when it is gone
        step.end()
        return
    farewell.atexit = False
    _living[id(made)] = (step, around)
    client = get_client()
    if client is not None:
        client.steps.hold(step)


def _let_go(key: int, step: SpanContext) -> None:
    _living.pop(key, None)
    # What a fork carried over is the parent's to end.
    if step.pid == os.getpid():
        step.end()


def _within_object(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Scope | None, dict[str, Any]]:
    step, around = _living.get(id(args[0]), (None, None)) if args else (None, None)
    if step is None or step.ended:
        return None, kwargs
    if _span_around() is around:
        return step.scope, kwargs
    # Called from a nearer step than the one in which the object was made: that is the parent then.
    return Scope(stamps={**current.stamps(), **(step.scope.stamps or {})}), kwargs


def _span_around() -> object:
    from opentelemetry import trace

    return trace.get_current_span()


def _processed(process: Callable[[Any], Any], value: Any) -> Any:
    try:
        return process(value)
    except Exception as fault:  # noqa: BLE001  # the program's code, which may fail in any way
        # Not the value as it is: the function is there to take something out of it.
        trouble("observe.process", f"a process_inputs or process_outputs raised {type(fault).__name__}; left out")
        return None


def _screenshot(value: object) -> str | None:
    """What AgentOps takes from the result of an action; a property that would have to be run is none."""
    try:
        found = inspect.getattr_static(value, "screenshot", None)
    except Exception:  # noqa: BLE001  # an object of the program's own may fail in any way
        return None
    return found if type(found) is str else None


def _takes_session(function: Any) -> bool:
    try:
        return "session" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


def _is_dict(value: object) -> TypeGuard[dict[str, Any]]:
    return issubclass(type(value), dict)
