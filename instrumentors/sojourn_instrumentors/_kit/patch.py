"""Patches: a function of a library, replaced by one that watches its calls."""

from __future__ import annotations

import functools
import importlib
import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry import context as otel_context
from opentelemetry.trace import SpanKind

from sojourn import limits
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

__all__ = ["Hook", "MissingTarget", "Patch"]


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

    _installed: tuple[Any, str, Any, Any] | None = field(default=None, init=False, repr=False)

    def attach(self, tracing: Tracing) -> None:
        if self._installed is not None:
            return
        owner, name = _find(self.target)
        original = inspect.getattr_static(owner, name)
        wrapper = self._wrap(original, tracing)
        setattr(owner, name, wrapper)
        self._installed = (owner, name, original, wrapper)

    def detach(self) -> None:
        if self._installed is None:
            return
        owner, name, original, wrapper = self._installed
        self._installed = None
        if inspect.getattr_static(owner, name) is wrapper:
            setattr(owner, name, original)

    def holds(self, original: Any) -> bool:
        """Whether the wrapper over `original` is at work. One that another wrapper kept alive is not, once detached."""
        return self._installed is not None and self._installed[2] is original

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

    def __init__(self, patch: Patch, operation: Operation, record: Generation, observation: Observation | Fold) -> None:
        self._patch = patch
        self._operation = operation
        self._record = record
        self._observation = observation
        self._before = otel_context.get_current()
        self._mine: Context = observation.context()
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
        if not patch.holds(original):
            return None
        call = dict(zip(names, args, strict=False))
        call.update(kwargs)
        try:
            operation = patch.route(call)
            if operation is not None and suppressed():
                operation = None
            around = None if operation is None else claim.claim()
        except Exception:  # the guard is built only when needed: this runs for every call
            with contained("patch.route"):
                raise
        if operation is None:
            return None
        # A call that does the work of a framework's was asked about there.
        if limits.ask is not None and (around is None or around.taken):
            limits.ask()
        try:
            record = Generation(operation=operation.name)
            _read(operation.request, call, record)
            observation = _observe(tracing, record, around)
            if record.wants_content and observation.recording:
                _read(operation.content, call, record)
                if isinstance(observation, Observation):
                    observation.requested()
            begun = _Watching(patch, operation, record, observation)
        except Exception:  # the guard is built only when needed: this runs for every call
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
            elif not (self._as_stream(value) or self._as_response(value)):
                self._operation.response(value, self._record)
                self._observation.end()
        except Exception:  # the guard is built only when needed: this runs for every call
            self._observation.end()
            with contained("patch.settle"):
                raise

    def _as_stream(self, value: Any) -> bool:
        inner = getattr(value, "__dict__", {}).get(self._patch.iterator)
        if not (hasattr(inner, "__next__") or hasattr(inner, "__anext__")):
            return False
        operation, record = self._operation, self._record
        reader = watched(inner, self._observation, record, operation.chunk)
        transport = self._transport(value)
        if transport is not None:
            watch_close(transport, self._observation, reader)
        setattr(value, self._patch.iterator, reader)
        return True

    def _as_response(self, value: Any) -> bool:
        http = self._transport(value) or value
        if not (hasattr(http, "iter_bytes") and hasattr(http, "is_closed")):
            return False
        watch = self._observation
        body = Body(watch, self._operation, self._record, streamed=bool(self._record.stream))
        if http.is_closed:
            body.feed(http.content)
            body.finish()
            watch.end()
            return True
        watch_close(http, watch, body)
        watch_bytes(http, watch, body)
        return True

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


def _observe(tracing: Tracing, record: Generation, around: Observation | None) -> Observation | Fold:
    if around is not None and not around.taken:
        return around.fold(record)
    around = around or parent.nearest()
    return Observation(tracing, record, SpanKind.CLIENT, None if around is None else around.child_context())


def _read(reader: Callable[[Call, Generation], None], call: Call, record: Generation) -> None:
    try:
        reader(call, record)
    except Exception:  # the guard is built only when needed: this runs for every call
        with contained("operation.request"):
            raise


def _find(target: str) -> tuple[Any, str]:
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
