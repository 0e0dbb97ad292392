"""Wraps the program's own functions, so that each call runs inside something of ours: sync, async, generators."""

from __future__ import annotations

import functools
import inspect
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator

    from sojourn.current import Before

__all__ = ["Begin", "Run", "driven", "own_functions"]


class Run(Protocol):
    """One call under way: current while the function's own code runs, told of what comes out of it, never raising."""

    def activate(self) -> Before:
        """The function's code is about to run."""
        ...

    def restore(self, before: Before) -> None:
        """The function's code has given back control."""
        ...

    def yielded(self, item: object) -> None:
        """A generator gave an item."""
        ...

    def returned(self, value: object) -> None:
        """The call is over."""
        ...

    def raised(self, error: BaseException) -> None:
        """The call is over by an exception; GeneratorExit when a generator was left before its end."""
        ...


if TYPE_CHECKING:
    Begin = Callable[[tuple[Any, ...], dict[str, Any]], tuple[Run | None, dict[str, Any]]]
    """Looks at a call about to be made: what it runs inside (None: nothing), and its keyword arguments."""


def driven(function: Any, begin: Begin) -> Any:
    """A function of the same kind, name and signature, each call of which runs inside what `begin` gives.

    Nothing begins before the function's own code does: a generator's at its first item.
    """
    if inspect.isasyncgenfunction(function):
        return _driven_async_generator(function, begin)
    if inspect.isgeneratorfunction(function):
        return _driven_generator(function, begin)
    if inspect.iscoroutinefunction(function):
        return _driven_async(function, begin)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        run, kwargs = begin(args, kwargs)
        if run is None:
            return function(*args, **kwargs)
        before = run.activate()
        try:
            value = function(*args, **kwargs)
        except BaseException as error:
            run.restore(before)
            run.raised(error)
            raise
        run.restore(before)
        # A plain function that hands on a coroutine (a partial, a lambda) is over when that is.
        # By its type: an object of the program's own (an unbound proxy) may fail when it is asked for its class.
        if issubclass(type(value), CoroutineType):
            return _finished(run, value)
        run.returned(value)
        return value

    return call


def own_functions(kind: type) -> dict[str, Any]:
    """The plain functions that make up a class: its own, and those that it inherits from the same distribution.

    Special methods are left out, `__call__` apart.
    """
    home = kind.__module__.partition(".")[0]
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        if base is object or base.__module__.partition(".")[0] != home:
            continue
        found |= {
            name: value
            for name, value in vars(base).items()
            if inspect.isfunction(value) and (name == "__call__" or not name.startswith("__"))
        }
    return found


def _driven_async(function: Any, begin: Begin) -> Any:
    @functools.wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        run, kwargs = begin(args, kwargs)
        if run is None:
            return await function(*args, **kwargs)
        return await _finished(run, function(*args, **kwargs))

    return call


async def _finished(run: Run, coroutine: Coroutine[Any, Any, Any]) -> Any:
    before = run.activate()
    try:
        value = await coroutine
    except BaseException as error:
        run.restore(before)
        run.raised(error)
        raise
    run.restore(before)
    run.returned(value)
    return value


def _driven_generator(function: Any, begin: Begin) -> Any:
    @functools.wraps(function)
    def generate(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        run, kwargs = begin(args, kwargs)
        inner: Generator[Any, Any, Any] = function(*args, **kwargs)
        if run is None:
            return (yield from inner)
        try:
            value = yield from _generated(run, inner)
        except BaseException as error:
            run.raised(error)
            raise
        run.returned(value)
        return value

    return generate


def _generated(run: Run, inner: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Pull item after item with the run current only meanwhile: between two items the consumer's code runs."""
    pull: Callable[[], Any] = functools.partial(next, inner)
    while True:
        before = run.activate()
        try:
            item = pull()
        except StopIteration as stop:
            return stop.value
        finally:
            run.restore(before)
        run.yielded(item)
        try:
            sent = yield item
        except GeneratorExit:
            before = run.activate()
            try:
                inner.close()
            finally:
                run.restore(before)
            raise
        except BaseException as thrown:  # noqa: BLE001  # it goes to the inner generator, which decides
            pull = functools.partial(inner.throw, thrown)
        else:
            pull = functools.partial(inner.send, sent)


def _driven_async_generator(function: Any, begin: Begin) -> Any:
    @functools.wraps(function)
    async def generate(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        run, kwargs = begin(args, kwargs)
        inner: AsyncGenerator[Any, Any] = function(*args, **kwargs)
        pull: Callable[[], Any] = inner.__anext__
        try:
            while True:
                before = None if run is None else run.activate()
                try:
                    item = await pull()
                except StopAsyncIteration:
                    break
                finally:
                    if run is not None and before is not None:
                        run.restore(before)
                if run is not None:
                    run.yielded(item)
                try:
                    sent = yield item
                except GeneratorExit:
                    await inner.aclose()
                    raise
                except BaseException as thrown:  # noqa: BLE001  # it goes to the inner generator, which decides
                    pull = functools.partial(inner.athrow, thrown)
                else:
                    pull = functools.partial(inner.asend, sent)
        except BaseException as error:
            if run is not None:
                run.raised(error)
            raise
        if run is not None:
            run.returned(None)

    return generate
