"""Who asks: the one place in which keys, tokens and cookies become the project that a request speaks of."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from starlette.concurrency import run_in_threadpool

from sojourn_gateway.asgi import permissions
from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.asgi.tokens import BadToken, Claims, Tokens, looks_like_token
from sojourn_gateway.records.keys import EVERYTHING, Keys, digest
from sojourn_gateway.records.projects import Projects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sojourn_gateway.records import FoundKey, Key, Records

__all__ = ["BROWSER", "COOKIE", "NOBODY", "OPERATOR", "Access", "Caller", "Reason", "Unauthorized", "credentials"]

Reason = Literal["missing", "malformed", "unknown", "expired", "revoked"]

COOKIE: Final = "sojourn_key"
BROWSER: Final = "browser"
"""The audience of tokens that lie in cookies; they open nothing when they are sent as a key."""
OPERATOR: Final = "operator"
"""The audience of tokens that a command issues itself: whoever can read the records needs no key."""

_KEY_HEADERS: Final = ("x-agentops-api-key", "x-api-key", "x-sdk-token")
_LONGEST: Final = 4096
_FRESH_S: Final = 1.0
_OPERATED_S: Final = 600
_MOST_REMEMBERED: Final = 4096


class Unauthorized(HttpFault):
    """Nobody that this gateway knows. How that is said is each contract's own affair; `reason` tells them apart."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(401, "unauthorized", message, headers={"WWW-Authenticate": 'Bearer realm="sojourn"'})
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the project they speak of, and with which key, if any."""

    project: str
    key_id: str | None = None
    permissions: tuple[str, ...] = (*EVERYTHING, permissions.OPERATOR)
    by_cookie: bool = False
    """A browser sent it by itself, so that a page of somebody else may be behind it."""
    operator: bool = False
    """It is a command of whoever has the home, and may do what concerns all projects."""


NOBODY: Final = Caller("default")


@dataclass(slots=True)
class _Remembered:
    at_s: float
    found: FoundKey | None


@dataclass(slots=True)
class _Memory:
    """Keys that were looked up within the last second: a client that sends often asks the database once."""

    rows: dict[str, _Remembered] = field(default_factory=dict[str, _Remembered])
    lock: threading.Lock = field(default_factory=threading.Lock)


class Access:
    """Resolves callers. Any thread may ask."""

    def __init__(
        self,
        records: Records,
        default_project: str,
        *,
        required: bool,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """With `required` a request without a good key is refused; else it speaks of the default project."""
        self.required = required
        self.default_project = default_project
        self.keys = Keys(records)
        self.projects = Projects(records)
        self._tokens = Tokens(lambda: records.secret("tokens"), now_s=now_s)
        self._memory = _Memory()

    async def admit(self, headers: Mapping[str, str], cookies: Mapping[str, str] | None = None) -> Caller:
        """As `resolve`, for code that must not wait."""
        if not self.required and not any(True for _ in credentials(headers)) and COOKIE not in (cookies or {}):
            return Caller(self.default_project)
        return await run_in_threadpool(self.resolve, headers, cookies)

    def resolve(self, headers: Mapping[str, str], cookies: Mapping[str, str] | None = None) -> Caller:
        """The caller of a request with these headers, whose names are in lower case. Raises `Unauthorized`.

        The first credential that is good counts. Without keys demanded anything else is the default project; but for
        a token of ours that has expired, which was meant for a project and must not write into another.
        """
        refused: Unauthorized | None = None
        is_late = False
        for shown in credentials(headers):
            try:
                return self._of(shown)
            except Unauthorized as fault:
                refused = refused or fault
                is_late = is_late or (fault.reason == "expired" and looks_like_token(shown))
        if cookies is not None and COOKIE in cookies:
            try:
                return self._of_cookie(cookies[COOKIE])
            except Unauthorized as fault:
                refused = refused or fault
        if not self.required and not is_late:
            return Caller(self.default_project)
        raise refused or Unauthorized("missing", "this gateway asks for a key: Authorization: Bearer <key>")

    def resolve_key(self, secret: str) -> Caller:
        """The caller that shows this key, and nothing else. Raises `Unauthorized` as `resolve` does."""
        try:
            return self._of_key(secret)
        except Unauthorized:
            if self.required:
                raise
            return Caller(self.default_project)

    def issue(self, caller: Caller, *, audience: str, lifetime_s: int, **more: Any) -> str:  # whatever JSON can say
        """A token that speaks for the caller; it opens nothing any more once the caller's key does not."""
        return self._tokens.issue(caller.project, caller.key_id, audience=audience, lifetime_s=lifetime_s, more=more)

    def operate(self, project: str) -> str:
        """A token for a command of whoever has the records; it is good for some minutes."""
        return self._tokens.issue(project, None, audience=OPERATOR, lifetime_s=_OPERATED_S)

    def read_token(self, token: str) -> Claims:
        """What a token of ours says. Raises `Unauthorized`."""
        try:
            return self._tokens.read(token)
        except BadToken as fault:
            raise Unauthorized("expired" if fault.expired else "unknown", str(fault)) from None

    def verify_token(self, token: str) -> Claims:
        """What a token of ours says, when its key still opens anything. Raises `Unauthorized`."""
        claims = self.read_token(token)
        self._of_claims(claims)
        return claims

    def project_id(self, project: str) -> str:
        """The UUID of a project, for contracts that want one."""
        return self.projects.make(project).id

    def forget(self) -> None:
        """Look every key up anew: one was revoked."""
        with self._memory.lock:
            self._memory.rows.clear()

    def _of(self, shown: str) -> Caller:
        if len(shown) > _LONGEST:
            raise Unauthorized("malformed", "this is no key of this gateway")
        if looks_like_token(shown):
            claims = self.read_token(shown)
            if claims.audience == BROWSER:
                raise Unauthorized("unknown", "a browser's sign-in is no key")
            return self._of_claims(claims)
        return self._of_key(shown)

    def _of_key(self, secret: str) -> Caller:
        found = self._recent(f"key:{digest(secret)}", lambda: self.keys.find(secret))
        if found is None:
            raise Unauthorized("unknown", "no such key")
        return _caller(_live(found))

    def _of_claims(self, claims: Claims) -> Caller:
        if claims.key_id is None:
            if self.required and claims.audience != OPERATOR:
                raise Unauthorized("unknown", "the token was issued when this gateway asked for no keys")
            return Caller(claims.project, operator=claims.audience == OPERATOR)
        key_id = claims.key_id
        found = self._recent(f"id:{claims.project}:{key_id}", lambda: self.keys.find_id(claims.project, key_id))
        if found is None:
            raise Unauthorized("unknown", "the token's key is gone")
        return _caller(_live(found))

    def _of_cookie(self, token: str) -> Caller:
        claims = self.read_token(token)
        if claims.audience != BROWSER:
            raise Unauthorized("unknown", "this is no sign-in of a browser")
        caller = self._of_claims(claims)
        return Caller(caller.project, caller.key_id, caller.permissions, by_cookie=True)

    def _recent(self, name: str, look: Callable[[], FoundKey | None]) -> FoundKey | None:
        now_s = time.monotonic()
        memory = self._memory
        with memory.lock:
            held = memory.rows.get(name)
            if held is not None and now_s - held.at_s < _FRESH_S:
                return held.found
        found = look()
        with memory.lock:
            if len(memory.rows) >= _MOST_REMEMBERED:
                memory.rows.clear()
            memory.rows[name] = _Remembered(now_s, found)
        return found


def credentials(headers: Mapping[str, str]) -> Iterator[str]:
    """Whatever a request shows as a key: a bearer, a bare key, or one in a header of its own."""
    authorization = headers.get("authorization", "").strip()
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        authorization = rest.strip()
    if authorization:
        yield authorization
    for name in _KEY_HEADERS:
        if shown := headers.get(name, "").strip():
            yield shown


def _live(found: FoundKey) -> Key:
    match found.state:
        case "revoked":
            raise Unauthorized("revoked", "this key was revoked")
        case "expired":
            raise Unauthorized("expired", "this key has expired")
        case "live":
            return found.key


def _caller(key: Key) -> Caller:
    return Caller(key.project, key.id, key.permissions)
