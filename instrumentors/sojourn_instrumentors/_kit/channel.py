"""Channels: connections over which a program and a model talk in events, both ways and for long."""

from __future__ import annotations

import functools
import inspect
import sys
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from opentelemetry import context as otel_context
from opentelemetry.trace import SpanKind

from sojourn import limits
from sojourn.faults import contained
from sojourn.imports import forget_import, once_imported
from sojourn_instrumentors._kit import parent
from sojourn_instrumentors._kit.generation import Generation
from sojourn_instrumentors._kit.observation import Observation, suppressed
from sojourn_instrumentors._kit.patch import MissingTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sojourn_instrumentors._kit.observation import Tracing

    Content = Callable[[Generation], None]
    Listener = Callable[[Any, "Turns"], None]

__all__ = ["Channel", "Turns"]


class Turns:
    """The answers that are under way on one connection, by the provider's ids, and what is known of the talk."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self._waiting: list[Observation] = []
        self._open: dict[str, Observation] = {}
        self.state: dict[str, Any] = {}
        """For the library module: what the connection and earlier events said."""

    @property
    def wants_content(self) -> bool:
        """Whether what is said here will be recorded; if not, there is no use in keeping it for the next answer."""
        return self._tracing.policy.wants

    def ask(self, record: Generation, content: Content) -> None:
        """The program asked for an answer, whose id the provider will tell."""
        self._waiting.append(self._observe(record, content))

    def begin(self, id: str, record: Callable[[], Generation], content: Content) -> Generation:
        """The provider says that an answer has begun: the oldest that was asked for, else one that it began itself."""
        if id not in self._open:
            self._open[id] = self._waiting.pop(0) if self._waiting else self._observe(record(), content)
        found = self._open[id].record
        assert isinstance(found, Generation)
        return found

    def find(self, id: str) -> Generation | None:
        found = self._open.get(id)
        return found.record if found is not None and isinstance(found.record, Generation) else None

    def chunk(self, id: str) -> None:
        """A piece of an answer has come."""
        found = self._open.get(id)
        if found is not None and not found.started:
            found.first_chunk()

    def end(self, id: str) -> None:
        found = self._open.pop(id, None)
        if found is not None:
            found.end()

    def refuse(self, failure: str, failure_type: str) -> None:
        """The provider refuses the oldest answer that was asked for."""
        if self._waiting:
            refused = self._waiting.pop(0)
            if isinstance(refused.record, Generation):
                refused.record.failure, refused.record.failure_type = failure, failure_type
            refused.end()

    def leave(self, error: BaseException | None = None) -> None:
        """Nothing more will come."""
        left = [*self._open.values(), *self._waiting]
        self._open, self._waiting = {}, []
        for one in left:
            one.end(error, abandoned=error is None)

    def __del__(self) -> None:
        for one in (*self._open.values(), *self._waiting):
            one.collected()

    def _observe(self, record: Generation, content: Content) -> Observation:
        around = parent.nearest()
        here = otel_context.get_current()
        placed = None if around is None else around.child_context(here)
        observation = Observation(self._tracing, record, SpanKind.CLIENT, here, placed)
        if record.wants_content:
            content(record)
            observation.requested()
        return observation


@dataclass
class Channel:
    """Watch the connections of a class and of its asynchronous twin, from the time that their module is imported.

    `target` is written `module:Class`, and the twin is `AsyncClass`. `opened` looks at a connection, once; `sent` reads
    an event before it leaves, `received` one that was parsed; `asks` tells whether an event asks for an answer. The
    class has the methods `send`, `recv_bytes`, `parse_event` and `close`.
    """

    target: str
    opened: Listener
    asks: Callable[[Any], bool]
    sent: Listener
    received: Listener

    _undo: list[Callable[[], None]] = field(default_factory=list["Callable[[], None]"], init=False, repr=False)

    def attach(self, tracing: Tracing) -> None:
        if self._undo:
            return
        module, _, name = self.target.partition(":")
        if module not in sys.modules and not _is_there(module):
            raise MissingTarget(f"no module named {module}")

        # Programs that open no connection do not pay for importing what it takes: that is as much as the library.
        def imported() -> None:
            for one in (name, f"Async{name}"):
                with contained("channel.attach"):
                    self._hold(getattr(sys.modules[module], one, None), tracing)

        self._undo.append(functools.partial(forget_import, module, imported))
        once_imported(module, imported)

    def detach(self) -> None:
        undo, self._undo = self._undo, []
        for one in undo:
            one()

    def _hold(self, owner: Any, tracing: Tracing) -> None:
        methods = {name: getattr(owner, name, None) for name in ("send", "recv_bytes", "parse_event", "close")}
        watching = _Watching(self, tracing)
        wrappers = {
            "send": watching.over_send,
            "recv_bytes": watching.over_receive,
            "parse_event": watching.over_parse,
            "close": watching.over_close,
        }
        if None not in methods.values():
            for name, original in methods.items():
                self._undo.append(_replace(owner, name, wrappers[name](original)))


class _Watching:
    """The methods of a connection, watched. Each is one function of ours over one of the library's, sync or async."""

    def __init__(self, channel: Channel, tracing: Tracing) -> None:
        self._channel = channel
        self._tracing = tracing
        self._talks: WeakKeyDictionary[Any, Turns] = WeakKeyDictionary()

    def over_send(self, original: Any) -> Any:
        return _around(original, self._before_send, self._failed, None)

    def over_receive(self, original: Any) -> Any:
        return _around(original, None, self._failed, None)

    def over_close(self, original: Any) -> Any:
        return _around(original, None, None, self._closed)

    def over_parse(self, original: Any) -> Any:
        @functools.wraps(original)
        def parse(connection: Any, *args: Any, **kwargs: Any) -> Any:
            event = original(connection, *args, **kwargs)
            if not suppressed():
                with contained("channel.received"):
                    self._channel.received(event, self._turns(connection))
            return event

        return parse

    def _before_send(self, connection: Any, event: Any) -> None:
        if suppressed():
            return
        asks = False
        with contained("channel.asks"):
            asks = self._channel.asks(event)
        if asks and limits.ask is not None:
            limits.ask()
        with contained("channel.sent"):
            self._channel.sent(event, self._turns(connection))

    def _failed(self, connection: Any, error: Exception) -> None:
        # To wait in vain is no end, and the library may connect again; what was under way is lost in any case.
        if not isinstance(error, TimeoutError):
            ended_well = type(error).__name__ == "ConnectionClosedOK"
            self._turns(connection).leave(None if ended_well else error)

    def _closed(self, connection: Any) -> None:
        self._turns(connection).leave()

    def _turns(self, connection: Any) -> Turns:
        found = self._talks.get(connection)
        if found is None:
            found = self._talks[connection] = Turns(self._tracing)
            with contained("channel.opened"):
                self._channel.opened(connection, found)
        return found


def _around(
    original: Any,
    before: Callable[[Any, Any], None] | None,
    failed: Callable[[Any, Exception], None] | None,
    after: Callable[[Any], None] | None,
) -> Any:
    """A method with a look before it, one at what it raises, and one after it however it ends."""

    def begin(connection: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if before is not None:
            before(connection, args[0] if args else kwargs.get("event"))

    def fail(connection: Any, error: Exception) -> None:
        if failed is not None:
            with contained("channel.failed"):
                failed(connection, error)

    def end(connection: Any) -> None:
        if after is not None:
            with contained("channel.closed"):
                after(connection)

    @functools.wraps(original)
    async def watch_async(connection: Any, *args: Any, **kwargs: Any) -> Any:
        begin(connection, args, kwargs)
        try:
            return await original(connection, *args, **kwargs)
        except Exception as error:
            fail(connection, error)
            raise
        finally:
            end(connection)

    @functools.wraps(original)
    def watch(connection: Any, *args: Any, **kwargs: Any) -> Any:
        begin(connection, args, kwargs)
        try:
            return original(connection, *args, **kwargs)
        except Exception as error:
            fail(connection, error)
            raise
        finally:
            end(connection)

    return watch_async if inspect.iscoroutinefunction(original) else watch


def _is_there(module: str) -> bool:
    """Whether a module could be imported; unlike `importlib.util.find_spec` this imports nothing on the way."""
    path: Sequence[str] | None = None
    name = ""
    for part in module.split("."):
        name = f"{name}.{part}" if name else part
        spec = PathFinder.find_spec(name, path)
        if spec is None:
            return False
        path = spec.submodule_search_locations
    return True


def _replace(owner: Any, name: str, wrapper: Any) -> Callable[[], None]:
    own: Mapping[str, Any] = owner.__dict__
    inherited = name not in own
    original = own.get(name)
    setattr(owner, name, wrapper)

    def undo() -> None:
        if own.get(name) is not wrapper:
            return
        if inherited:
            delattr(owner, name)
        else:
            setattr(owner, name, original)

    return undo
