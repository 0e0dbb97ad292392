"""Keys: who may speak for which project. Only their hashes are kept; a key is shown once, when it is made."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import uuid4

from sqlalchemy import and_, insert, select, update

from sojourn_gateway.records.projects import Projects
from sojourn_gateway.records.tables import KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sojourn_gateway.records.records import Records

__all__ = ["EVERYTHING", "FoundKey", "Key", "KeyState", "Keys", "NewKey", "digest"]

EVERYTHING: Final = ("*",)
KeyState = Literal["live", "revoked", "expired"]

_SHOWN: Final = 10
_MINUTE_NS: Final = 60_000_000_000


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key: not the key."""

    id: str
    project: str
    name: str
    prefix: str
    """Its first characters, by which a person knows it again."""
    permissions: tuple[str, ...]
    """Names such as `trace.write`; `*` stands for all, `*.read` for everything that only reads."""
    created_ns: int
    last_used_ns: int | None = None
    """To the minute."""
    expires_ns: int | None = None
    revoked_ns: int | None = None

    def state(self, now_ns: int) -> KeyState:
        """Whether it opens anything."""
        if self.revoked_ns is not None:
            return "revoked"
        return "expired" if self.expires_ns is not None and self.expires_ns <= now_ns else "live"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made: the only moment at which its secret is known."""

    key: Key
    secret: str


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A key that somebody showed, and whether it still opens anything."""

    key: Key
    state: KeyState


class Keys:
    """The keys of all projects."""

    def __init__(self, records: Records, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._records = records
        self._now_ns = now_ns

    def make(
        self,
        project: str,
        name: str,
        *,
        permissions: Sequence[str] = EVERYTHING,
        expires_ns: int | None = None,
        as_uuid: bool = False,
    ) -> NewKey:
        """A fresh key of a project, which is made when it is not there.

        `as_uuid` gives it the shape of a UUID, the only one that AgentOps's clients take. Raises `GatewayFault` for a
        name of a project that cannot be.
        """
        Projects(self._records, now_ns=self._now_ns).make(project)
        secret = str(uuid4()) if as_uuid else f"sj_{secrets.token_urlsafe(32)}"
        key = Key(
            id=str(uuid4()),
            project=project,
            name=name,
            prefix=secret[:_SHOWN],
            permissions=tuple(permissions),
            created_ns=self._now_ns(),
            expires_ns=expires_ns,
        )
        with self._records.writing() as connection:
            connection.execute(
                insert(KEYS).values(
                    project=key.project,
                    id=key.id,
                    name=key.name,
                    digest=digest(secret),
                    prefix=key.prefix,
                    permissions=list(key.permissions),
                    created_ns=key.created_ns,
                    expires_ns=key.expires_ns,
                )
            )
        return NewKey(key, secret)

    def find(self, secret: str) -> FoundKey | None:
        """The key that this is, and that it was used; None when it is none of ours."""
        return self._found(KEYS.c.digest == digest(secret))

    def find_id(self, project: str, key_id: str) -> FoundKey | None:
        """The key of this id: for what was issued in its name."""
        return self._found(and_(KEYS.c.project == project, KEYS.c.id == key_id))

    def all(self, project: str | None = None) -> tuple[Key, ...]:
        """Those of a project, or of all, oldest first; also those that open nothing any more."""
        asked = select(KEYS).order_by(KEYS.c.created_ns, KEYS.c.id)
        if project is not None:
            asked = asked.where(KEYS.c.project == project)
        with self._records.reading() as connection:
            return tuple(_key(row) for row in connection.execute(asked).mappings())

    def revoke(self, project: str | None, key_id: str) -> bool:
        """Make a key open nothing from now on, for good; False when the project (None: any) has no such live key."""
        chosen = (KEYS.c.id == key_id.lower()) & KEYS.c.revoked_ns.is_(None)
        if project is not None:
            chosen &= KEYS.c.project == project
        with self._records.writing() as connection:
            return connection.execute(update(KEYS).where(chosen).values(revoked_ns=self._now_ns())).rowcount > 0

    def _found(self, which: Any) -> FoundKey | None:  # a condition; SQLAlchemy gives it several types
        now_ns = self._now_ns()
        with self._records.reading() as connection:
            row = connection.execute(select(KEYS).where(which)).mappings().first()
        if row is None:
            return None
        key = _key(row)
        state = key.state(now_ns)
        if state == "live" and (key.last_used_ns is None or now_ns - key.last_used_ns >= _MINUTE_NS):
            with self._records.writing() as connection:
                connection.execute(update(KEYS).where(which).values(last_used_ns=now_ns))
        return FoundKey(key, state)


def digest(secret: str) -> str:
    """What is kept of a key. It is random and long, so that a fast hash is as safe as a slow one."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _key(row: Mapping[Any, Any]) -> Key:  # a row of the database
    told: dict[str, Any] = {name: row[name] for name in Key.__slots__}
    told["permissions"] = tuple(row["permissions"])
    return Key(**told)
