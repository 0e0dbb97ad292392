"""The points of metrics in a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.engine.bound import Conditions, Sql
from sojourn_gateway.engine.dialects import USERS
from sojourn_gateway.engine.paging import read_page
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.wire import KEY_VALUE, RESOURCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.engine.engine import Engine
    from sojourn_gateway.engine.graves import Graves
    from sojourn_gateway.model.metric_point import PointsAsk

__all__ = ["POINT_COLUMNS", "insert_points", "list_points", "naming"]

POINT_COLUMNS: Final = (
    "name",
    "time_ns",
    "uid",
    "kind",
    "unit",
    "description",
    "temporality",
    "monotonic",
    "start_ns",
    "flags",
    "session_id",
    "service",
    "integer",
    "double",
    "count",
    "total",
    "least",
    "most",
    "scale",
    "zero_count",
    "zero_threshold",
    "offset",
    "buckets",
    "negative_offset",
    "negative_buckets",
    "bounds",
    "quantiles",
    "attributes",
    "exemplars",
    "resource",
    "scope",
    "scope_version",
    "scope_attributes",
    "metadata",
)
"""The columns of a point, in order; texts are bytes."""


_TIME: Final = POINT_COLUMNS.index("time_ns")
_SESSION: Final = POINT_COLUMNS.index("session_id")
_ATTRIBUTES: Final = POINT_COLUMNS.index("attributes")
_RESOURCE: Final = POINT_COLUMNS.index("resource")
_USER_KEYS: Final = frozenset(key.encode() for key in USERS)


def insert_points(engine: Engine, project: str, received_ns: int, points: Sequence[Sequence[Any]]) -> None:
    """Keep points, `POINT_COLUMNS` each. Returns when they would survive a crash; one that is there is replaced.

    Those of a session or a user that was erased after them are left out.
    """
    with engine.inserting() as (writer, graves):
        rows = [[project, *point, received_ns] for point in _unburied(graves, project, points)]
        if rows:
            writer.insert(f"{DATABASE}.metric_points", ("project", *POINT_COLUMNS, "version"), rows)


def naming(project: str, users: Sequence[str]) -> Sql:
    """The condition for points that name one of these users, in an attribute of their own or of their resource."""
    told = [_told(key, user.encode()).hex() for user in users for key in USERS]
    return Sql(
        """project = {of_project:String} and arrayExists(
            one -> has(attributes, unhex(one)) or position(toString(resource), unhex(one)) > 0,
            {of_users:Array(String)})""",
        {"of_project": project, "of_users": told},
    )


def _told(key: str, value: bytes) -> bytes:
    """An attribute as it stands in a point."""
    pair: Any = KEY_VALUE()
    pair.key = key.encode()
    pair.value.string_value = value
    serialised: bytes = pair.SerializeToString(deterministic=True)
    return serialised


def _unburied(graves: Graves, project: str, points: Sequence[Sequence[Any]]) -> Iterable[Sequence[Any]]:
    if not graves.any:
        return points
    named = [_named(point) for point in points]
    erased = graves.find(project, sorted({one for several in named for one in several}))
    return (
        point
        for point, several in zip(points, named, strict=True)
        if all(erased.get(one, 0) <= point[_TIME] for one in several)
    )


def _named(point: Sequence[Any]) -> list[tuple[str, bytes]]:
    """The session and the users of a point, as graves know them."""
    resource: Any = RESOURCE.FromString(point[_RESOURCE])
    pairs: list[Any] = [*map(KEY_VALUE.FromString, point[_ATTRIBUTES]), *resource.attributes]
    users = [("user", pair.value.string_value) for pair in pairs if pair.key in _USER_KEYS]
    session = point[_SESSION]
    return [(kind, one) for kind, one in [("session", session), *users] if one]


def list_points(engine: Engine, project: str, ask: PointsAsk) -> tuple[Sequence[Row], int]:
    """A page of points, `POINT_COLUMNS` each, by name and time; and how many there are in all."""
    where = Conditions(project=project)
    where.add("project = {project:String}")
    for condition, kind, value in (
        ("name =", "String", ask.name),
        ("session_id =", "String", ask.session_id),
        ("time_ns >=", "UInt64", None if ask.since_ns is None else max(ask.since_ns, 0)),
        ("time_ns <=", "UInt64", None if ask.until_ns is None else max(ask.until_ns, 0)),
    ):
        if value is not None:
            key = f"p{len(where.values)}"
            where.add(f"{condition} {{{key}:{kind}}}", **{key: value})
    source = f"from {DATABASE}.metric_points final where {where}"
    # First the keys, so that the rest is read of the points of the page alone.
    key = "name, time_ns, uid"
    keys, total = read_page(engine, key, source, key, where.values, limit=ask.limit, offset=ask.offset)
    if not keys:
        return [], total
    page = {
        "project": project,
        "names": [name.hex() for name, _, _ in keys],
        "times": [time_ns for _, time_ns, _ in keys],
        "uids": [uid.hex() for _, _, uid in keys],
    }
    rows = engine.rows(
        f"""select {", ".join(POINT_COLUMNS)} from {DATABASE}.metric_points final
        where project = {{project:String}} and (name, time_ns, uid) in (
            select arrayJoin(arrayZip(arrayMap(one -> unhex(one), {{names:Array(String)}}), {{times:Array(UInt64)}},
                arrayMap(id -> toFixedString(unhex(id), 16), {{uids:Array(String)}}))))
        order by {key}""",
        page,
    )
    return rows, total
