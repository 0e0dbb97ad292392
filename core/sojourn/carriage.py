"""The current session, carried to other processes and taken over from them: by headers, and by variables."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar, overload

from sojourn import current, semconv, w3c
from sojourn.client import get_client
from sojourn.scope import Scope
from sojourn.settings import SESSION_VARIABLE, own_environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from sojourn.client import Client
    from sojourn.current import Before, Stamp
    from sojourn.session import Session

    Headers = Mapping[Any, Any] | Iterable[tuple[Any, Any]]
    """Names in any case, as text or bytes; values as text, bytes, or a list of either."""

H = TypeVar("H", bound=MutableMapping[Any, Any])

__all__ = ["Extracted", "environment", "extract", "inject"]


@overload
def inject() -> dict[str, str]: ...
@overload
def inject(headers: H, /) -> H: ...
def inject(headers: Any = None, /) -> Any:
    """Write the current session and span into headers, for a process of the program's own that takes them over.

    `baggage` keeps what others put there. Without a session, without `init`, or when recording is disabled, nothing
    is written that is not there. Returns the same object, or without one a new dict. Never call it for headers that
    go to a third party: the id of the session, and the user's if it was told, would go along.
    """
    into: Any = {} if headers is None else headers
    if not _is_mapping(into):
        raise TypeError(f"inject writes into a mapping such as a dict, not {type(headers).__name__}")
    if isinstance(into, type(os.environ)):
        raise TypeError(
            "inject never writes into this program's own environment; give sojourn.environment() to a child"
        )
    _write(into, str)
    return into


def environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a child process that shall work in the current session: `subprocess.run(..., env=...)`.

    A copy of `environ`, or of this program's own, which stays as it is. It carries the session and the span, and
    nothing else: no endpoint and no key.
    """
    copied = own_environment() if environ is None else dict(environ)
    # Some tools write these as headers are written; the child looks for the proper names first.
    for name in [name for name in copied if name in w3c.NAMES]:
        copied.setdefault(name.upper(), copied.pop(name))
    _write(copied, str.upper)
    return copied


def extract(headers: Headers) -> Extracted:
    """A block, for `with` and `async with`, that belongs to the session of headers and hangs below their span.

    `as` gives the session, None when the headers name none. What is malformed in them is ignored, and said once.
    The session is neither started nor ended by it, and the code behind the block belongs to what it belonged to.
    """
    return Extracted(w3c.read(headers))


class Extracted:
    """What `extract` gives. May be entered more than once, and left in another context than it was entered in."""

    def __init__(self, carried: w3c.Carried) -> None:
        self._carried = carried
        self._entered: list[tuple[Client, Scope, Before, Session | None] | None] = []

    def __enter__(self) -> Session | None:
        client, carried = get_client(), self._carried
        if client is None or client.settings.disabled:
            self._entered.append(None)
            return None
        session = None if carried.session_id is None else client.visits.enter(carried.session_id)
        context = None
        if carried.parent is not None:
            from sojourn.parentage import below

            context = below(carried.parent)
        scope = Scope(context=context, session=session, stamps=_stamps(carried))
        self._entered.append((client, scope, scope.activate(), session))
        return session

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        entered = self._entered.pop()
        if entered is None:
            return
        client, scope, before, session = entered
        scope.restore(before)
        if session is not None:
            client.visits.leave(session)

    async def __aenter__(self) -> Session | None:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, where)


def _stamps(carried: w3c.Carried) -> Mapping[str, Stamp] | None:
    """What spans inside are told: the user of the headers, and no session that a scope around has given them."""
    around = current.stamps()
    facts = dict(around)
    if carried.session_id is not None:
        facts.pop(semconv.SESSION_ID, None)
        if around is current.stamps_of_process():
            # The user that this process was started for has no part in a session from elsewhere.
            facts.pop(semconv.USER_ID, None)
    if carried.user_id is not None:
        facts[semconv.USER_ID] = carried.user_id
    return None if facts == around else facts


def _is_mapping(given: Any) -> TypeGuard[MutableMapping[Any, Any]]:
    return isinstance(given, MutableMapping)


def _write(headers: MutableMapping[Any, Any], spelled: Any) -> None:
    client = get_client()
    if client is None or client.settings.disabled:
        return
    there = {w3c.text_of(name).lower(): name for name in list(headers)}

    def put(name: str, text: str) -> None:
        key = there.get(name, spelled(name))
        headers[key] = text.encode("ascii") if isinstance(key, bytes) else text

    session_id = client.current_session_id()
    if session_id is not None:
        facts = {semconv.SESSION_ID: session_id}
        user = current.stamps().get(semconv.USER_ID)
        if isinstance(user, str):
            facts[semconv.USER_ID] = user
        before = w3c.texts(headers[there[w3c.BAGGAGE]]) if w3c.BAGGAGE in there else []
        put(w3c.BAGGAGE, w3c.merged(",".join(before), facts))
        if SESSION_VARIABLE in headers or spelled is str.upper:
            # It beats baggage, so it must not name another.
            headers[SESSION_VARIABLE] = session_id
    from sojourn.parentage import around

    told = around(client.provider)
    if told is not None:
        put(w3c.TRACEPARENT, told.header)
        if told.state:
            put(w3c.TRACESTATE, told.state)
        elif w3c.TRACESTATE in there:
            # It belonged to the span that stood there before.
            del headers[there[w3c.TRACESTATE]]
