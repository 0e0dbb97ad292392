"""Erasing a session, or a user: out of every table, out of every sum, and for good."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Gauge,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from sojourn import semconv
from sojourn.home import Home
from sojourn_gateway.engine import erasure
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.ingest.metric_points import Pointbook
from sojourn_gateway.ingest.scores import NewScore, Scorebook
from sojourn_gateway.keeping import Keeper
from sojourn_gateway.model.metric_point import PointsAsk
from sojourn_gateway.query.metric_points import read_points
from tests.gateway.sender import SECOND, T0, end, event, key_values, span, trace_id, usage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.gateway.sender import Store

# Every table that holds what a sender sent, and the column that names its project.
TABLES = (
    "spans", "logs", "session_events", "trails", "places", "moved", "traces", "sessions", "scores", "metric_points",
)  # fmt: skip


@pytest.fixture
def keeper(store: Store, tmp_path: Path) -> Keeper:
    """A keeper of the shared store."""
    return Keeper(store.engine, Home(tmp_path))


def left(store: Store) -> dict[str, int]:
    """The rows, deleted or replaced ones included, that the parts of each table hold of the project."""
    found: dict[str, int] = {}
    for table in TABLES:
        rows = store.engine.rows(
            f"select count() from {DATABASE}.{table} where project = {{project:String}}", {"project": store.project}
        )
        if rows[0][0]:
            found[table] = rows[0][0]
    return found


def in_session(session: str, **attributes: Any) -> dict[str, Any]:
    """Attributes of a model call in a session."""
    return {"session.id": session, **usage(), **attributes}


def names(store: Store) -> Sequence[str]:
    """The ids of the sessions that a list shows."""
    return sorted(one.id for one in store.list(include_implicit=True))


def test_an_erased_session_leaves_no_row_in_any_table(store: Store, keeper: Keeper) -> None:
    trace = trace_id()
    root = span(trace, "root", attributes={"session.id": "s", "user.id": "ada"})
    child = span(trace, "call", parent=root, attributes=usage())
    store.send(root, child, span(trace_id(), attributes=in_session("s")))
    line = event("", "s", at_s=1)
    line.body.string_value = "a line"
    store.tell(event("session.start", "s"), line, end("s", "Success", at_s=2))
    scores = Scorebook(store.engine)
    scores.keep(
        store.project,
        [
            NewScore("s", "tone", 1.0),
            NewScore(trace.hex(), "tone", 1.0),
            NewScore(child.span_id.hex(), "tone", 1.0),
        ],
    )
    erased = keeper.erase_session(store.project, "s")
    assert erased == erasure.Erased(sessions=1, traces=2, spans=3, logs=3, scores=3)
    assert left(store) == {}
    assert store.queries.session(store.project, "s") is None
    assert keeper.erase_session(store.project, "s") is None


def test_points_of_metrics_go_with_their_session_and_stay_away(store: Store, keeper: Keeper) -> None:
    store.send(span(trace_id(), attributes=in_session("s")))
    late = [gauge("of it", {"session.id": "s"}), gauge("beside", {"session.id": "t"})]
    measure(store, late)
    erased = keeper.erase_session(store.project, "s")
    assert erased == erasure.Erased(sessions=1, traces=1, spans=1, points=1)
    assert left(store) == {"metric_points": 1}
    days = 365 * 86400
    measure(store, [*late, gauge("new", {"session.id": "s"}, at_s=5 * days)])
    assert measured(store) == ["beside", "new"]


@pytest.mark.parametrize("of_resource", [False, True])
def test_points_of_metrics_that_name_a_user_go_and_stay_away(store: Store, keeper: Keeper, of_resource: bool) -> None:
    """Also when nothing else is known of the user."""

    def told(user: str) -> ResourceMetrics:
        naming = {"user.id": user}
        metric = gauge(user, {} if of_resource else naming)
        return in_resource([metric], naming if of_resource else {})

    def send() -> None:
        body = MetricsData(resource_metrics=[told("ada"), told("ada lovelace")]).SerializeToString()
        Pointbook(store.engine).keep(store.project, body)

    send()
    assert keeper.erase_user(store.project, "adam") is None
    assert keeper.erase_user(store.project, "ada") == erasure.Erased(points=1)
    assert left(store) == {"metric_points": 1}
    send()
    assert measured(store) == ["ada lovelace"]
    assert keeper.erase_user(store.project, "ada") is None


def measure(store: Store, metrics: Sequence[Metric]) -> None:
    """Keep metrics of no resource in particular."""
    body = MetricsData(resource_metrics=[in_resource(metrics, {})]).SerializeToString()
    Pointbook(store.engine).keep(store.project, body)


def measured(store: Store) -> Sequence[str]:
    """The names of the points that are kept."""
    return [one.instrument.name for one in read_points(store.engine, store.project, PointsAsk()).items]


def gauge(name: str, attributes: dict[str, str], *, at_s: float = 0) -> Metric:
    """A gauge of one point."""
    point = NumberDataPoint(time_unix_nano=T0 + int(at_s * SECOND), as_int=1, attributes=key_values(attributes))
    return Metric(name=name, gauge=Gauge(data_points=[point]))


def in_resource(metrics: Sequence[Metric], resource: dict[str, str]) -> ResourceMetrics:
    """Metrics of a resource."""
    return ResourceMetrics(
        resource=Resource(attributes=key_values(resource)), scope_metrics=[ScopeMetrics(metrics=metrics)]
    )


def test_other_sessions_stay_as_they_were(store: Store, keeper: Keeper) -> None:
    store.send(span(trace_id(), attributes=in_session("a")), span(trace_id(), attributes=in_session("b")))
    before = store.session("b")
    keeper.erase_session(store.project, "a")
    assert store.session("b") == before
    assert names(store) == ["b"]


def test_of_a_trace_in_two_sessions_the_other_half_stays(store: Store, keeper: Keeper) -> None:
    trace = trace_id()
    outer = span(trace, "outer", attributes={"session.id": "a"})
    inner = span(trace, "inner", parent=outer, at_s=1, attributes=in_session("b"))
    leaf = span(trace, "leaf", parent=inner, at_s=2, attributes={})
    store.send(outer, inner, leaf)
    assert names(store) == ["a", "b"]
    erased = keeper.erase_session(store.project, "b")
    assert erased == erasure.Erased(sessions=1, spans=2)
    assert names(store) == ["a"]
    assert [one.name for one in store.session("a").spans] == ["outer"]
    assert store.session("a").summary.span_count == 1
    # What is sent again of the trace: the half that stays, and the half that went.
    store.send(outer, inner, leaf)
    assert names(store) == ["a"]
    assert [one.name for one in store.session("a").spans] == ["outer"]


def test_a_trace_without_a_session_is_erased_by_its_own_id(store: Store, keeper: Keeper) -> None:
    trace = trace_id()
    store.send(span(trace, attributes=usage()))
    assert keeper.erase_session(store.project, trace.hex()) == erasure.Erased(sessions=1, traces=1, spans=1)
    assert left(store) == {}


def test_what_is_sent_again_of_an_erased_session_stays_away_and_what_is_new_is_kept(
    store: Store, keeper: Keeper
) -> None:
    trace = trace_id()
    told = span(trace, "told", attributes=in_session("s"))
    store.send(told)
    start = event("session.start", "s", uid="1")
    store.tell(start)
    keeper.erase_session(store.project, "s")
    # The same again; a child without a session of its own; another trace of that time.
    store.send(told, span(trace, "child", parent=told, at_s=1), span(trace_id(), attributes=in_session("s")))
    store.tell(start)
    assert names(store) == []
    assert left(store).get("spans") is None
    days = 365 * 86400
    store.send(span(trace_id(), "new", at_s=5 * days, attributes=in_session("s")))
    assert [one.name for one in store.session("s").spans] == ["new"]


def test_erasing_a_user_takes_their_sessions_whole_and_of_shared_ones_their_part(store: Store, keeper: Keeper) -> None:
    hers, his = trace_id(), trace_id()
    store.send(
        span(trace_id(), attributes=in_session("hers", **{"user.id": "ada"})),
        span(hers, "asked by her", attributes=in_session("shared", **{"user.id": "ada"})),
        span(his, "asked by him", at_s=1, attributes=in_session("shared", **{"user.id": "bob"})),
        span(trace_id(), attributes=in_session("his", **{"user.id": "bob"})),
    )
    store.tell(event("session.start", "told of her", user__id="ada"))
    erased = keeper.erase_user(store.project, "ada")
    assert erased == erasure.Erased(sessions=2, traces=2, spans=2, logs=1)
    assert names(store) == ["his", "shared"]
    shared = store.session("shared")
    assert [one.name for one in shared.spans] == ["asked by him"]
    assert (shared.summary.user_id, shared.summary.trace_count, shared.summary.span_count) == ("bob", 1, 1)
    assert keeper.erase_user(store.project, "ada") is None
    store.send(span(trace_id(), attributes={"user.id": "ada"}))
    assert names(store) == ["his", "shared"]


def test_an_erasure_that_died_half_way_is_finished_at_the_next_start(store: Store, keeper: Keeper) -> None:
    store.send(span(trace_id(), attributes=in_session("s")))
    erasure.doom(store.engine, store.project, {"session": ["s"]}, bury=True)
    with store.engine.beside() as handle:
        handle.run(
            f"alter table {DATABASE}.spans delete where project = {{project:String}} settings mutations_sync = 2",
            {"project": store.project},
        )
    assert names(store) == ["s"]
    keeper.resume()
    assert names(store) == []
    assert left(store) == {}


def test_attached_files_go_with_the_last_session_that_names_them(store: Store, keeper: Keeper, tmp_path: Path) -> None:
    folder = tmp_path / "attachments"
    folder.mkdir()
    digests = {name: sha256(name.encode()).hexdigest() for name in ("own", "common")}
    for digest in digests.values():
        (folder / digest).write_bytes(b"content")

    def attach(session: str, name: str) -> Any:
        return event(
            semconv.SESSION_UPDATE,
            session,
            sojourn__session__attachment__name=name,
            sojourn__session__attachment__sha256=digests[name],
        )

    store.tell(attach("a", "own"), attach("a", "common"), attach("b", "common"))
    first = keeper.erase_session(store.project, "a")
    assert first is not None
    assert first.attachments == 1
    assert [path.name for path in folder.iterdir()] == [digests["common"]]
    second = keeper.erase_session(store.project, "b")
    assert second is not None
    assert second.attachments == 1
    assert list(folder.iterdir()) == []


def test_an_id_of_another_project_is_unknown(store: Store, keeper: Keeper) -> None:
    store.send(span(trace_id(), attributes=in_session("s", **{"user.id": "ada"})))
    assert keeper.erase_session("somebody else", "s") is None
    assert keeper.erase_user("somebody else", "ada") is None
    assert names(store) == ["s"]
