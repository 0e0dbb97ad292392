"""Streams: the library's own stream object goes to the program; only the iterator inside it is watched."""

from __future__ import annotations

import inspect
import weakref
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sojourn.faults import contained
from sojourn_instrumentors._kit.measures import timed

if TYPE_CHECKING:
    from collections.abc import Callable

    from sojourn_instrumentors._kit.body import Body
    from sojourn_instrumentors._kit.generation import Generation
    from sojourn_instrumentors._kit.observation import Watch

    Chunk = Callable[[Any, Generation], None]

__all__ = ["WatchedAsyncIterator", "WatchedIterator", "watch_bytes", "watch_close", "watched"]


class _Watched:
    """What both kinds of stream hold, and do when they are asked for more or thrown away.

    Their loops stay apart though they look alike: a call shared by both would be paid for every chunk.
    """

    def __init__(
        self,
        inner: Any,
        watch: Watch,
        record: Generation,
        chunk: Chunk,
        finish: Callable[[], None] | None,
    ) -> None:
        self._inner = inner
        self._watch = watch
        self._finish = finish
        # What each piece needs, in one: a class with a `__getattr__` is slow to give its attributes.
        self._at_hand = (inner, watch, chunk, record)
        self.unhear: list[Callable[[], None]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __del__(self) -> None:
        if not self._watch.ended:
            # Nobody reads any more, and what is left goes as soon as it would without us.
            for leave in self.unhear:
                leave()
            self._watch.collected()


class WatchedIterator(_Watched):
    """An iterator that yields what the library's yields, and ends the observation however it is left."""

    def __iter__(self) -> WatchedIterator:
        return self

    def __next__(self) -> Any:
        inner, watch, chunk, record = self._at_hand
        watch.pulling = True
        try:
            part = next(inner)
        except StopIteration:
            _exhausted(watch, self._finish)
            raise
        except BaseException as error:
            watch.end(error)
            raise
        watch.pulling = False
        if not watch.ended:
            try:
                if not watch.started:
                    watch.first_chunk()
                chunk(part, record)
            except Exception:  # the guard is built only when needed: this runs for every chunk
                with contained("stream.chunk"):
                    raise
        return part


class WatchedAsyncIterator(_Watched):
    """The same for asynchronous streams.

    Not an asynchronous generator: event loops keep track of those, and the program would have one more to close.
    """

    def __aiter__(self) -> WatchedAsyncIterator:
        return self

    async def __anext__(self) -> Any:
        inner, watch, chunk, record = self._at_hand
        watch.pulling = True
        try:
            part = await anext(inner)
        except StopAsyncIteration:
            _exhausted(watch, self._finish)
            raise
        except BaseException as error:
            watch.end(error)
            raise
        watch.pulling = False
        if not watch.ended:
            try:
                if not watch.started:
                    watch.first_chunk()
                chunk(part, record)
            except Exception:  # the guard is built only when needed: this runs for every chunk
                with contained("stream.chunk"):
                    raise
        return part


def watched(
    inner: Any, watch: Watch, record: Generation, chunk: Chunk, finish: Callable[[], None] | None = None
) -> Any:
    """The iterator to put in place of `inner`, sync or async as that is."""
    if record.chunk_gaps is not None:
        chunk = timed(chunk, record.chunk_gaps)
    if hasattr(inner, "__anext__"):
        return WatchedAsyncIterator(inner, watch, record, chunk, finish)
    return WatchedIterator(inner, watch, record, chunk, finish)


def watch_close(holder: object, watch: Watch, reader: object) -> list[Callable[[], None]]:
    """Hear of `close` or `aclose` on one object, whoever calls it; the object forgets us when that was heard.

    `reader` is what the program reads the stream by. When it is gone at that time, the collector is at work. Gives
    what makes the object forget us earlier.
    """
    alive = weakref.ref(reader)
    kind = type(holder)
    return [_hear(holder, name, watch, alive) for name in ("aclose", "close") if callable(getattr(kind, name, None))]


def watch_bytes(http: object, watch: Watch, body: Body) -> None:
    """See the bytes of an unread HTTP response as the program reads them, the first time that it does."""
    own = vars(http)
    taps: dict[str, Callable[..., Any]] = {}

    def tap(original: Callable[..., Any]) -> Callable[..., Any]:
        def iterate(*args: Any, **kwargs: Any) -> Any:
            for name, ours in taps.items():
                if own.get(name) is ours:
                    del own[name]
            taps.clear()
            return watched(original(*args, **kwargs), watch, body.record, body.feed, body.finish)

        return iterate

    for name in ("iter_bytes", "aiter_bytes"):
        original = getattr(http, name, None)
        if original is not None:
            own[name] = taps[name] = tap(original)


def _hear(holder: object, name: str, watch: Watch, alive: weakref.ref[object]) -> Callable[[], None]:
    own = vars(holder)
    before: Any = own.get(name)
    # A cycle through the object until it is closed, or its reader is gone. A weak reference would be empty when it is
    # needed most: when the collector finalises the library's generator, which then closes the response.
    original: Callable[..., Any] = getattr(holder, name)
    ours: Callable[..., Any] | None

    def leave() -> None:
        nonlocal ours
        if ours is not None and own.get(name) is ours:
            if before is None:
                del own[name]
            else:
                own[name] = before
        ours = None  # it holds this function in turn

    def heard() -> None:
        try:
            leave()
            if alive() is None:
                watch.collected()
            else:
                watch.closed()
        except Exception:  # the guard is built only when needed: this runs for every stream
            with contained("stream.close"):
                raise

    # Of a method of a class asked once; what somebody put on this object alone is not held.
    awaits = _awaits(getattr(type(holder), name)) if before is None else inspect.iscoroutinefunction(original)
    if awaits:

        async def aclose(*args: Any, **kwargs: Any) -> Any:
            try:
                return await original(*args, **kwargs)
            finally:
                heard()

        ours = aclose
    else:

        def close(*args: Any, **kwargs: Any) -> Any:
            try:
                return original(*args, **kwargs)
            finally:
                heard()

        ours = close
    own[name] = ours
    return leave


@lru_cache(maxsize=64)
def _awaits(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function)


def _exhausted(watch: Watch, finish: Callable[[], None] | None) -> None:
    if not watch.ended and finish is not None:
        with contained("stream.finish"):
            finish()
    watch.end()
