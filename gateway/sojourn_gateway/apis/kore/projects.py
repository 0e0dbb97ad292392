"""Which project a request speaks of: its path names it, its key decides it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sojourn_gateway.apis.kore.faults import missing

if TYPE_CHECKING:
    from sojourn_gateway.asgi.services import Services

__all__ = ["demand_project"]

_ANY: Final = "default"
_LONGEST: Final = 128


def demand_project(serving: Services, project_id: str) -> None:
    """Raise a 404 unless it is the caller's: by its name, its UUID, or, without a key, as `default`."""
    if project_id == serving.project or (project_id == _ANY and serving.caller.key_id is None):
        return
    found = serving.access.projects.find(project_id) if 0 < len(project_id) <= _LONGEST else None
    if found is None or found.name != serving.project:
        raise missing("Project")
