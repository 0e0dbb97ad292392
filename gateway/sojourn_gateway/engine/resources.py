"""What resources say of all their spans: read from the few that there are, since the engine keeps them undecoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from sojourn import semconv
from sojourn_gateway.engine import wire
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.values import as_json, key_values
from sojourn_gateway.engine.where import fields_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sojourn_gateway.engine.engine import Engine
    from sojourn_gateway.model.where import Where

__all__ = ["Resource", "resources_for"]

Resource = tuple[bytes, "Mapping[str, str]"]
"""A resource as it came, and the metadata in it, by the names of the attributes."""


def resources_for(engine: Engine, project: str, where: Where | None) -> Sequence[Resource]:
    """The resources of a project that say metadata; none when the filter does not ask for any."""
    if where is None or "metadata" not in fields_of(where):
        return ()
    rows = engine.rows(
        f"""select distinct toString(resource) as told from {DATABASE}.spans
        where project = {{project:String}} and multiSearchAny(told, {{names:Array(String)}})""",
        {"project": project, "names": list(semconv.METADATA_PREFIXES)},
    )
    return [(told, metadata) for (told,) in rows if (metadata := _metadata(told))]


def _metadata(told: bytes) -> Mapping[str, str]:
    try:
        attributes = key_values(wire.field(wire.RESOURCE.FromString(told), "attributes"))
    except DecodeError:
        return {}
    return {name: as_json(value) for name, value in attributes.items() if name.startswith(semconv.METADATA_PREFIXES)}
