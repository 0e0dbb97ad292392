"""How long and how much is kept: whole sessions go, those first that were silent longest; nothing else does."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Gauge,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
)

from sojourn.home import Home
from sojourn_gateway.engine import retention
from sojourn_gateway.engine.retention import Keeping
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.values import text
from sojourn_gateway.ingest.metric_points import Pointbook
from sojourn_gateway.keeping import Keeper, Policy
from sojourn_gateway.keeping.rounds import Rounds, free_space, low_space
from sojourn_gateway.model.metric_point import PointsAsk
from sojourn_gateway.query.metric_points import read_points
from tests.gateway.sender import SECOND, T0, event, key_values, span, trace_id, usage
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from sojourn_gateway.keeping.keeper import Swept
    from tests.gateway.sender import Store

DAY = 86400


@pytest.fixture
def keeper(store: Store, tmp_path: Path) -> Iterator[Keeper]:
    """A keeper of the shared store, ten days after `T0`."""
    made = Keeper(store.engine, Home(tmp_path), now_ns=lambda: T0 + 10 * DAY * SECOND)
    yield made
    # What is left of the project stays: if it went in a sweep of another test, the share of that one's would grow.
    made.keep(store.project, Keeping())


def sessions(store: Store) -> Sequence[str]:
    """Those that are left."""
    return sorted(one.id for one in store.list(include_implicit=True))


def swept(store: Store, keeper: Keeper) -> Swept | None:
    """What a sweep removed from this test's project."""
    return next((one for one in keeper.sweep() if one.project == store.project), None)


def test_a_session_goes_whole_when_it_was_silent_too_long_and_not_before(store: Store, keeper: Keeper) -> None:
    store.send(
        span(trace_id(), attributes={"session.id": "old", **usage()}),
        # Its begin is as old, its end is not.
        span(trace_id(), attributes={"session.id": "long"}),
        span(trace_id(), at_s=5 * DAY, attributes={"session.id": "long"}),
        span(trace_id(), at_s=9 * DAY, attributes={"session.id": "new"}),
        span(trace_id()),
    )
    loose = event("", "", at_s=0)
    store.tell(event("session.start", "old"), loose)
    assert swept(store, keeper) is None
    keeper.keep(store.project, Keeping(days=7))
    found = swept(store, keeper)
    assert found is not None
    assert (found.erased.sessions, found.erased.spans, found.erased.logs, found.loose_logs) == (2, 2, 1, 1)
    assert sessions(store) == ["long", "new"]
    assert store.session("long").summary.span_count == 2
    assert swept(store, keeper) is None


def test_the_setting_holds_for_projects_of_which_nothing_was_said(store: Store, tmp_path: Path) -> None:
    keeper = Keeper(store.engine, Home(tmp_path), Policy(days=30))
    assert keeper.keeping(store.project) == Keeping(30)
    keeper.keep(store.project, Keeping())
    assert keeper.keeping(store.project) == Keeping(0)


def test_beyond_its_size_a_project_loses_its_oldest_sessions_as_many_as_must_go(store: Store, keeper: Keeper) -> None:
    for number in range(10):
        store.send(*(span(trace_id(), at_s=number * 60, attributes={"session.id": f"s{number}"}) for _ in range(4)))
    taken = share(store, keeper)
    keeper.keep(store.project, Keeping(size=int(taken * 2)))
    assert swept(store, keeper) is None
    keeper.keep(store.project, Keeping(size=int(taken * 0.65)))
    assert swept(store, keeper) is not None
    left = sessions(store)
    assert 5 <= len(left) <= 7
    assert left == [f"s{number}" for number in range(10 - len(left), 10)]
    assert all(store.session(one).summary.span_count == 4 for one in left)


def share(store: Store, keeper: Keeper) -> float:
    """The bytes of the project but for points of metrics, as retention counts them, when nothing is merged any more."""
    # Nor does anything go any more that other tests let go.
    until(lambda: not keeper.sweep())
    with store.engine.beside() as handle:
        for (name,) in handle.rows(
            "select name from system.tables where database = {database:String} and engine like '%MergeTree'",
            {"database": DATABASE},
        ):
            # On a cluster, that of one server.
            handle.run(f"optimize table {DATABASE}.{text(name).removesuffix('_local')} final")
    own, every, stored = store.engine.rows(
        f"""select sumIf(span_count + 2, project = {{project:String}}), sum(span_count + 2),
            (select sumIf(bytes_on_disk, not startsWith(table, 'metric_points')) from system.parts
            where active and database = {{database:String}})
        from {DATABASE}.sessions final""",
        {"project": store.project, "database": DATABASE},
    )[0]
    return float(stored * own / every)


def test_what_was_removed_for_its_age_may_come_back(store: Store, keeper: Keeper) -> None:
    """Nobody asked to forget it; the next sweep takes it again."""
    told = span(trace_id(), attributes={"session.id": "s"})
    store.send(told)
    keeper.keep(store.project, Keeping(days=1))
    assert swept(store, keeper) is not None
    store.send(told)
    assert sessions(store) == ["s"]
    assert swept(store, keeper) is not None
    assert sessions(store) == []


def test_surplus_of_the_whole_store_names_its_oldest_sessions(store: Store) -> None:
    store.send(span(trace_id(), attributes={"session.id": "s"}))
    assert retention.surplus(store.engine, None, 2**62) == retention.Surplus()
    assert (store.project, "s") in retention.surplus(store.engine, None, 1).sessions


def test_points_of_metrics_age_and_go_with_their_sessions(store: Store, keeper: Keeper) -> None:
    """A point of a session that stays is kept however old it is; one of no session goes by its own age."""
    store.send(
        span(trace_id(), attributes={"session.id": "old"}),
        span(trace_id(), at_s=9 * DAY, attributes={"session.id": "new"}),
    )
    keep_points(store, ("a", {"session.id": "old"}, 0), ("b", {"session.id": "new"}, 0), ("c", {}, 0))
    keep_points(store, ("d", {}, 9 * DAY), ("e", {"session.id": "never heard of"}, 0))
    keeper.keep(store.project, Keeping(days=7))
    found = swept(store, keeper)
    assert found is not None
    assert (found.erased.points, found.loose_points) == (1, 2)
    assert names_of_points(store) == ["b", "d"]
    assert swept(store, keeper) is None


def test_beyond_its_size_a_project_of_metrics_alone_loses_the_oldest_points(store: Store, keeper: Keeper) -> None:
    keep_points(store, *((f"p{number}", dict[str, str](), number) for number in range(10)))
    keeper.keep(store.project, Keeping(size=2**40))
    assert swept(store, keeper) is None
    keeper.keep(store.project, Keeping(size=1))
    found = swept(store, keeper)
    assert found is not None
    assert found.loose_points >= 9
    assert names_of_points(store) in ([], ["p9"])


def test_points_of_metrics_of_another_project_cost_no_session(store: Store, keeper: Keeper) -> None:
    store.send(*(span(trace_id(), attributes={"session.id": "s"}) for _ in range(3)))
    taken = share(store, keeper)
    keeper.keep(store.project, Keeping(size=int(taken * 1.5)))
    book = Pointbook(store.engine)
    for number in range(8):
        noise = [number_point(f"{number} {one} {secrets.token_hex(200)}", {}, one) for one in range(400)]
        book.keep("all metrics", MetricsData(resource_metrics=[in_resource(noise)]).SerializeToString())
    assert swept(store, keeper) is None
    assert sessions(store) == ["s"]


def test_a_log_record_beside_a_trace_that_never_came_goes_by_its_age(store: Store, keeper: Keeper) -> None:
    kept = trace_id()
    store.send(span(kept, at_s=9 * DAY))
    unsampled, beside = event("", ""), event("", "")
    unsampled.trace_id, beside.trace_id = trace_id(), kept
    store.tell(unsampled, beside, event("app.line", "never heard of"))
    keeper.keep(store.project, Keeping(days=7))
    found = swept(store, keeper)
    assert found is not None
    assert (found.loose_logs, bool(found.erased)) == (2, False)
    assert swept(store, keeper) is None


def keep_points(store: Store, *points: tuple[str, Mapping[str, str], float]) -> None:
    """Points of gauges: their names, attributes and times."""
    told = in_resource(number_point(*one) for one in points)
    Pointbook(store.engine).keep(store.project, MetricsData(resource_metrics=[told]).SerializeToString())


def in_resource(metrics: Iterable[Metric]) -> ResourceMetrics:
    """Of no resource in particular."""
    return ResourceMetrics(scope_metrics=[ScopeMetrics(metrics=metrics)])


def number_point(name: str, attributes: Mapping[str, str], at_s: float) -> Metric:
    """A gauge of one point."""
    point = NumberDataPoint(time_unix_nano=T0 + int(at_s * SECOND), as_int=1, attributes=key_values(attributes))
    return Metric(name=name, gauge=Gauge(data_points=[point]))


def names_of_points(store: Store) -> list[str]:
    """Of all that are kept of the project."""
    return [one.instrument.name for one in read_points(store.engine, store.project, PointsAsk()).items]


def test_a_disk_that_is_nearly_full_is_told_once_an_hour(
    store: Store, keeper: Keeper, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    free = free_space(Home(tmp_path / "not" / "there"))
    assert free is not None
    assert low_space(Home(tmp_path), 0) is None
    now = 0.0
    rounds = Rounds(keeper, Home(tmp_path), 2**62, clock=lambda: now)
    store.send(span(trace_id(), attributes={"session.id": "s"}))
    keeper.keep(store.project, Keeping(days=1))
    with caplog.at_level(logging.WARNING, "sojourn.gateway"):
        rounds.look()
        rounds.look()
        now = 3601.0
        rounds.look()
    said = [record.getMessage() for record in caplog.records]
    assert len([words for words in said if "MB are free" in words]) == 2
    assert len([words for words in said if f"project {store.project} keeps" in words]) == 1
    assert sessions(store) == []
