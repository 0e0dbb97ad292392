"""What most projects never have, spans that moved and tangled traces: where none is, nobody need look for any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sojourn_gateway.engine.moved import NEWEST
from sojourn_gateway.engine.remembered import Remembered
from sojourn_gateway.engine.tables import DATABASE

if TYPE_CHECKING:
    from sojourn_gateway.engine.engine import Engine

__all__ = ["has_tangled", "newest_rows"]


def _has_moved(engine: Engine, project: str) -> bool:
    moved = f"select 1 from {DATABASE}.moved where project = {{project:String}} limit 1"
    return bool(engine.rows(moved, {"project": project}))


def _has_places(engine: Engine, project: str) -> bool:
    placed = f"select 1 from {DATABASE}.places where project = {{project:String}} limit 1"
    return bool(engine.rows(placed, {"project": project}))


_HAS_MOVED: Final = Remembered(_has_moved)
_HAS_PLACES: Final = Remembered(_has_places)


def newest_rows(engine: Engine, project: str) -> str:
    """`NEWEST`, and what is true of all rows where nothing moved: then that need not be planned."""
    return NEWEST if _HAS_MOVED.of(engine, project) else "true"


def has_tangled(engine: Engine, project: str) -> bool:
    """Whether any trace of a project ever was tangled.

    Where none is, a trace lies in one session, and no call of a model lies in another one.
    """
    return _HAS_PLACES.of(engine, project)
