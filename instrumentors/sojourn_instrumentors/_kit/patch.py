"""Patches: a function of a library, replaced by one that watches its calls."""

from __future__ import annotations

import functools
import importlib
import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from sojourn import limits, semconv
from sojourn.faults import contained
from sojourn_instrumentors._kit import claim, parent
from sojourn_instrumentors._kit.body import Body
from sojourn_instrumentors._kit.generation import Generation
from sojourn_instrumentors._kit.observation import Fold, Observation, suppressed
from sojourn_instrumentors._kit.streams import watch_bytes, watch_close, watched

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.context import Context

    from sojourn_instrumentors._kit.observation import Tracing
    from sojourn_instrumentors._kit.operation import Operation

    Call = Mapping[str, Any]

__all__ = ["Hook", "MissingTarget", "Patch", "find"]


class MissingTarget(Exception):
    """The library has no such function any more (or not yet)."""


class Hook(Protocol):
    """One place of a library that an instrumentor holds on to."""

    @property
    def target(self) -> str: ...

    def attach(self, tracing: Tracing) -> None:
        """Hold on. Raises `MissingTarget` when the place is not there; then nothing was changed."""
        ...

    def detach(self) -> None:
        """Leave the place as it was found, if what is there is still ours."""
        ...


@dataclass
class Patch:
    """Watch a function through which calls of models go.

    `target` is written `module:Class.method`. `route` looks at the arguments by name and says which operation a call
    is, or None to leave it alone. For results that are streams: `iterator` names the attribute that holds their
    iterator, `transport` the attribute (of a stream, or of a raw response) that holds the HTTP response; see
    `docs/private-hooks.md`.
    """

    target: str
    route: Callable[[Call], Operation | None]
    iterator: str
    transports: tuple[str, ...]
    apart: bool = False
    """The library traces itself, and sends the current span's ids to the provider: it gets to see none of ours.

    Unless ours are the program's own (`Tracing.hosted`): then its span of the call hangs below ours, as it would below
    any other of the program, and whoever adds up tokens sees that both are one call.
    """

    held: tuple[Any, str, Any, Any] | None = field(default=None, init=False, repr=False)
    """Owner, name, the function that was there, and ours in its place; None while nothing is held."""

    def attach(self, tracing: Tracing) -> None:
        if self.held is not None:
            return
        owner, name = find(self.target)
        original = inspect.getattr_static(owner, name)
        wrapper = self._wrap(original, tracing)
        setattr(owner, name, wrapper)
        self.held = (owner, name, original, wrapper)

    def detach(self) -> None:
        if self.held is None:
            return
        owner, name, original, wrapper = self.held
        self.held = None
        if inspect.getattr_static(owner, name) is wrapper:
            setattr(owner, name, original)

    def _wrap(self, original: Any, tracing: Tracing) -> Any:
        names = tuple(inspect.signature(original).parameters)
        watching = functools.partial(_Watching.begin, self, tracing, names, original)

        @functools.wraps(original)
        async def watch_async(*args: Any, **kwargs: Any) -> Any:
            watching_it = watching(args, kwargs)
            if watching_it is None:
                return await original(*args, **kwargs)
            try:
                value = await original(*args, **kwargs)
            except BaseException as error:
                watching_it.failed(error)
                raise
            watching_it.settle(value)
            return value

        @functools.wraps(original)
        def watch(*args: Any, **kwargs: Any) -> Any:
            watching_it = watching(args, kwargs)
            if watching_it is None:
                return original(*args, **kwargs)
            try:
                value = original(*args, **kwargs)
            except BaseException as error:
                watching_it.failed(error)
                raise
            watching_it.settle(value)
            return value

        return watch_async if inspect.iscoroutinefunction(original) else watch


class _Watching:
    """One call through a patch: its observation is the current span for as long as the library's function runs."""

    __slots__ = ("_before", "_mine", "_observation", "_operation", "_patch", "_record")

    def __init__(
        self,
        patch: Patch,
        operation: Operation,
        record: Generation,
        observation: Observation | Fold,
        before: Context,
        *,
        hosted: bool,
    ) -> None:
        self._patch = patch
        self._operation = operation
        self._record = record
        self._observation = observation
        self._before = before
        apart = patch.apart and not hosted
        self._mine: Context = _apart(self._before) if apart else observation.context()
        otel_context.attach(self._mine)

    @staticmethod
    def begin(
        patch: Patch,
        tracing: Tracing,
        names: tuple[str, ...],
        original: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> _Watching | None:
        """Look at a call that is about to be made; None when it is none of ours.

        Raises what the program's own limits say: then the call is not made.
        """
        begun: _Watching | None = None
        operation: Operation | None = None
        around: Observation | None = None
        observation: Observation | Fold | None = None
        held = patch.held
        # A wrapper that another wrapper kept alive over this one is not at work any more.
        if held is None or held[2] is not original:
            return None
        call = dict(zip(names, args, strict=False))
        call.update(kwargs)
        here = otel_context.get_current()
        try:
            operation = patch.route(call)
            if operation is not None and suppressed(here):
                operation = None
            around = None if operation is None else claim.claim()
        except Exception:  # the guard is built only when needed: this runs for every call
            with contained("patch.route"):
                raise
        if operation is None:
            return None
        # A call that does the work of a framework's was asked about there.
        free = around is None or around.taken or not operation.folds
        if limits.ask is not None and free and (operation.asks or operation.name in semconv.MODEL_OPERATIONS):
            limits.ask()
        try:
            record = Generation(operation=operation.name)
            try:  # here, not in a function for both readers: it would be two calls more
                operation.request(call, record)
            except Exception:
                with contained("operation.request"):
                    raise
            observation = _observe(tracing, record, around, here, folds=operation.folds)
            if record.wants_content:
                try:
                    operation.content(call, record)
                except Exception:
                    with contained("operation.content"):
                        raise
                if isinstance(observation, Observation):
                    observation.requested()
            begun = _Watching(patch, operation, record, observation, here, hosted=tracing.hosted)
        except Exception:  # the guard is built only when needed: this runs for every call
            if observation is not None:
                observation.end()
            with contained("patch.begin"):
                raise
        return begun

    def failed(self, error: BaseException) -> None:
        self._leave()
        with contained("patch.failed"):
            if self._operation.failure is not None and self._observation.recording:
                self._operation.failure(error, self._record)
        self._observation.end(error)

    def settle(self, value: Any) -> None:
        """The result decides: a stream is watched to its end, a raw response to the end of its body."""
        self._leave()
        try:
            if not self._observation.recording:
                self._observation.end()
            elif _is_model(value.__class__, self._patch.iterator) or not (
                self._as_stream(value) or self._as_response(value)
            ):
                self._operation.response(value, self._record)
                self._observation.end()
        except Exception:  # the guard is built only when needed: this runs for every call
            self._observation.end()
            with contained("patch.settle"):
                raise

    def _as_stream(self, value: Any) -> bool:
        place = self._patch.iterator
        inner = getattr(value, "__dict__", {}).get(place)
        if inner is None and hasattr(value.__class__, place):
            inner = getattr(value, place)  # newer releases make it when it is first asked for
        if not (hasattr(inner, "__next__") or hasattr(inner, "__anext__")):
            return False
        operation, record = self._operation, self._record
        reader = watched(inner, self._observation, record, operation.chunk)
        transport = self._transport(value)
        if transport is not None:
            self._read_headers(transport)
            reader.unhear = watch_close(transport, self._observation, reader)
        setattr(value, place, reader)
        return True

    def _as_response(self, value: Any) -> bool:
        http = self._transport(value) or value
        if not (hasattr(http, "iter_bytes") and hasattr(http, "is_closed")):
            return False
        watch = self._observation
        self._read_headers(http)
        kind = str(getattr(http, "headers", {}).get("content-type", ""))
        body = Body(watch, self._operation, self._record, streamed=bool(self._record.stream), kind=kind)
        if http.is_closed:
            body.feed(http.content)
            body.finish()
            watch.end()
            return True
        watch_close(http, watch, body)
        watch_bytes(http, watch, body)
        return True

    def _read_headers(self, http: Any) -> None:
        if self._operation.headers is not None:
            self._operation.headers(http.headers, self._record)

    def _transport(self, value: Any) -> Any:
        for name in self._patch.transports:
            found = getattr(value, "__dict__", {}).get(name)
            if found is not None:
                return found
        return None

    def _leave(self) -> None:
        # Not `detach`: it fails, and says so aloud, when a coroutine is thrown away from within another context.
        if otel_context.get_current() is self._mine:
            otel_context.attach(self._before)


def _observe(
    tracing: Tracing, record: Generation, around: Observation | None, here: Context, *, folds: bool
) -> Observation | Fold:
    if around is not None and folds and not around.taken:
        return around.fold(record)
    above = around or parent.nearest()
    placed = None if above is None else above.child_context(here)
    observation = Observation(tracing, record, SpanKind.CLIENT, here, placed)
    if folds:
        observation.within = around
    return observation


@functools.lru_cache(maxsize=256)
def _is_model(kind: type[Any], iterator: str) -> bool:
    """Whether answers of a class are models of pydantic's, which are neither streams nor raw responses.

    Asked once of each: to learn from such a model that it lacks something takes two exceptions of its own.
    """
    names = {name for one in kind.__mro__ for name in vars(one)}
    return "model_extra" in names and names.isdisjoint((iterator, "__next__", "__anext__", "iter_bytes"))


def _apart(ambient: Context) -> Context:
    """The context for a library that traces itself: the program's own, as if we were not there."""
    context = otel_context.set_value(semconv.OBSERVED, True, ambient)
    span = trace.get_current_span(ambient)
    if span is trace.INVALID_SPAN or span.get_span_context().is_remote:
        return context
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider | trace.NoOpTracerProvider):
        # The program has no provider, so this span is one of the session's, by hand or by a decorator.
        return trace.set_span_in_context(trace.INVALID_SPAN, context)
    return context


def find(target: str) -> tuple[Any, str]:
    """The owner and the name that a target means. Raises `MissingTarget` when they are not there."""
    module, _, path = target.partition(":")
    *owners, name = path.split(".")
    try:
        owner: Any = importlib.import_module(module)
        for part in owners:
            owner = getattr(owner, part)
        inspect.getattr_static(owner, name)
    except (ImportError, AttributeError) as fault:
        raise MissingTarget(str(fault)) from fault
    return owner, name
