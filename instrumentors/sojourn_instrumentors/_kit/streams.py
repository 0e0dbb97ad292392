"""Streams: the library's own stream object goes to the program; only the iterator inside it is watched."""

from __future__ import annotations

import inspect
import weakref
from typing import TYPE_CHECKING, Any

from sojourn.faults import contained

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
        self._record = record
        self._chunk = chunk
        self._finish = finish

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __del__(self) -> None:
        self._watch.collected()


class WatchedIterator(_Watched):
    """An iterator that yields what the library's yields, and ends the observation however it is left."""

    def __iter__(self) -> WatchedIterator:
        return self

    def __next__(self) -> Any:
        watch = self._watch
        watch.pulling = True
        try:
            part = next(self._inner)
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
                self._chunk(part, self._record)
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
        watch = self._watch
        watch.pulling = True
        try:
            part = await anext(self._inner)
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
                self._chunk(part, self._record)
            except Exception:  # the guard is built only when needed: this runs for every chunk
                with contained("stream.chunk"):
                    raise
        return part


def watched(
    inner: Any, watch: Watch, record: Generation, chunk: Chunk, finish: Callable[[], None] | None = None
) -> Any:
    """The iterator to put in place of `inner`, sync or async as that is."""
    if hasattr(inner, "__anext__"):
        return WatchedAsyncIterator(inner, watch, record, chunk, finish)
    return WatchedIterator(inner, watch, record, chunk, finish)


def watch_close(holder: object, watch: Watch, reader: object) -> None:
    """Hear of `close` or `aclose` on one object, whoever calls it; the object forgets us when that was heard.

    `reader` is what the program reads the stream by. When it is gone at that time, the collector is at work.
    """
    alive = weakref.ref(reader)
    kind = type(holder)
    for name in ("aclose", "close"):
        if callable(getattr(kind, name, None)):
            _hear(holder, name, watch, alive)


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


def _hear(holder: object, name: str, watch: Watch, alive: weakref.ref[object]) -> None:
    own = vars(holder)
    before: Any = own.get(name)
    # A cycle through the object until it is closed. A weak reference would be empty when it is needed most: when
    # the collector finalises the library's generator, which then closes the response.
    original: Callable[..., Any] = getattr(holder, name)

    def heard(ours: object) -> None:
        if own.get(name) is ours:
            if before is None:
                del own[name]
            else:
                own[name] = before
        if alive() is None:
            watch.collected()
        else:
            watch.closed()

    if inspect.iscoroutinefunction(original):

        async def aclose(*args: Any, **kwargs: Any) -> Any:
            try:
                return await original(*args, **kwargs)
            finally:
                with contained("stream.close"):
                    heard(aclose)

        own[name] = aclose
    else:

        def close(*args: Any, **kwargs: Any) -> Any:
            try:
                return original(*args, **kwargs)
            finally:
                with contained("stream.close"):
                    heard(close)

        own[name] = close


def _exhausted(watch: Watch, finish: Callable[[], None] | None) -> None:
    if not watch.ended and finish is not None:
        with contained("stream.finish"):
            finish()
    watch.end()
