"""Projects: the tenants of a gateway, by name."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from sqlalchemy import insert, or_, select
from sqlalchemy.exc import IntegrityError

from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.records.tables import PROJECTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from sojourn_gateway.records.records import Records

__all__ = ["Project", "Projects", "checked_name"]

_LONGEST: Final = 128


@dataclass(frozen=True, slots=True)
class Project:
    """One tenant: what is stored bears its name; `id` is for contracts that know projects by a UUID."""

    name: str
    id: str
    created_ns: int


class Projects:
    """The projects of a gateway."""

    def __init__(self, records: Records, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._records = records
        self._now_ns = now_ns

    def make(self, name: str) -> Project:
        """The project of that name, made when it is not there. Raises `GatewayFault` for a name that cannot be."""
        found = self.find(checked_name(name))
        if found is not None:
            return found
        fresh = Project(name, str(uuid4()), self._now_ns())
        try:
            with self._records.writing() as connection:
                connection.execute(
                    insert(PROJECTS).values(name=fresh.name, id=fresh.id, created_ns=fresh.created_ns),
                )
        except IntegrityError:
            # Somebody else was first.
            return self.make(name)
        return fresh

    def find(self, name_or_id: str) -> Project | None:
        """The project of this name, else of this UUID."""
        asked = select(PROJECTS).where(or_(PROJECTS.c.name == name_or_id, PROJECTS.c.id == name_or_id.lower()))
        with self._records.reading() as connection:
            rows = connection.execute(asked).mappings().all()
        found = [Project(row["name"], row["id"], row["created_ns"]) for row in rows]
        return next((one for one in found if one.name == name_or_id), found[0] if found else None)

    def all(self) -> tuple[Project, ...]:
        """All, by name."""
        with self._records.reading() as connection:
            rows = connection.execute(select(PROJECTS).order_by(PROJECTS.c.name)).mappings().all()
        return tuple(Project(row["name"], row["id"], row["created_ns"]) for row in rows)


def checked_name(name: str) -> str:
    """A name that can be shown, typed and stored. Raises `GatewayFault`."""
    if not name or name != name.strip() or len(name) > _LONGEST or not name.isprintable():
        raise GatewayFault(f"a project's name has 1 to {_LONGEST} printable characters, and no blank at its ends")
    return name
