"""Sessions: how they start, are named and tagged, end, and fall silent; and how lists of them are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sojourn_gateway.model.session import SessionsAsk
from sojourn_gateway.model.trace import TracesAsk
from sojourn_gateway.query import Queries
from tests.gateway.sender import CHAT, SECOND, T0, Store, end, event, span, trace_id, usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from sojourn_gateway.engine import Engine
    from sojourn_gateway.ingest import Ingest

MINUTE = 60 * SECOND


def at(seconds: float) -> Callable[[], int]:
    return lambda: T0 + int(seconds * SECOND)


def test_a_session_is_there_before_its_first_span(store: Store) -> None:
    store.tell(
        event(
            "session.start",
            "s",
            sojourn__session__name="nightly run",
            sojourn__session__tags=["a", "b"],
            sojourn__session__host='{"os": "Linux"}',
            sojourn__metadata__release="r42",
            user__id="u",
        ),
        resource={"host.name": "h", "process.pid": 1},
    )
    found = store.session("s")
    assert (found.summary.name, found.summary.tags, found.summary.user_id) == ("nightly run", ("a", "b"), "u")
    assert (found.summary.start_ns, found.summary.trace_count, found.summary.span_count) == (T0, 0, 0)
    assert found.summary.process_count == 1
    assert found.summary.cost.usd is None
    assert (found.spans, found.host, found.metadata) == ((), {"os": "Linux"}, {"release": "r42"})


def test_facts_sent_again_are_the_same_facts(store: Store) -> None:
    start = event("session.start", "s", sojourn__session__tags__added=["a"])
    store.tell(start)
    store.tell(start)
    foreign = event("session.update", "s", uid="")
    store.tell(foreign)
    store.tell(foreign)
    assert store.queries.facts(store.project).logs == 2


def test_added_tags_unite_and_set_tags_replace(store: Store) -> None:
    def told(at_s: float, **attributes: Any) -> None:
        store.tell(event("sojourn.session.update", "s", at_s=at_s, **attributes))

    store.tell(event("session.start", "s", sojourn__session__tags=["a"]))
    told(1, sojourn__session__tags__added=["b", "a"])
    assert store.session("s").summary.tags == ("a", "b")
    told(2, sojourn__session__tags=["c"])
    told(3, sojourn__session__tags__added=["d"])
    assert store.session("s").summary.tags == ("c", "d")
    # What was said earlier and arrives later changes nothing that was said since.
    told(1.5, sojourn__session__tags__added=["late"], sojourn__session__name="named")
    assert store.session("s").summary.tags == ("c", "d")
    assert store.session("s").summary.name == "named"


def test_an_event_may_bear_its_name_as_an_attribute(store: Store) -> None:
    record = event("", "s", event__name="session.start", sojourn__session__name="n")
    store.tell(record)
    assert store.session("s").summary.name == "n"


@pytest.mark.parametrize(
    ("ends", "state", "ended_s", "reason"),
    [
        ([("Success", 1.0, True, "")], "Success", 1, ""),
        ([("Fail", 1.0, True, "first"), ("Success", 2.0, True, "last")], "Success", 2, "last"),
        ([("Success", 2.0, True, "last"), ("Fail", 1.0, True, "first")], "Success", 2, "last"),
        ([("Success", 1.0, True, "said"), ("Indeterminate", 2.0, False, "exit")], "Success", 1, "said"),
        ([("Indeterminate", 2.0, False, "exit"), ("Fail", 1.0, True, "said")], "Fail", 1, "said"),
        ([("Fail", 1.0, False, "one"), ("Indeterminate", 2.0, False, "two")], "Indeterminate", 2, "two"),
        ([("nonsense", 1.0, True, "")], "Indeterminate", 1, ""),
    ],
)
def test_the_last_explicit_end_holds_else_the_last_implicit_one(
    store: Store, ends: list[tuple[str, float, bool, str]], state: str, ended_s: int, reason: str
) -> None:
    store.tell(event("session.start", "s"))
    for said, at_s, explicit, why in ends:
        store.tell(end("s", said, at_s=at_s, explicit=explicit, reason=why))
    summary = store.session("s").summary
    assert (summary.state, summary.end_ns, summary.reason) == (state, T0 + ended_s * SECOND, reason)


def test_a_session_is_open_while_it_is_heard_of_and_indeterminate_after_half_an_hour(
    store: Store, engine: Engine
) -> None:
    store.tell(event("session.start", "s"))
    store.tell(event("sojourn.session.heartbeat", "s", at_s=60), event("sojourn.session.heartbeat", "s", at_s=120))

    def states(now_s: float) -> list[str]:
        return [one.state for one in Queries(engine, now_ns=at(now_s)).sessions(store.project, SessionsAsk()).items]

    assert states(120) == ["open"]
    assert states(120 + 1799) == ["open"]
    assert states(120 + 1801) == ["Indeterminate"]
    silent = Queries(engine, now_ns=at(9999)).session(store.project, "s")
    assert silent is not None
    assert (silent.summary.end_ns, silent.summary.reason) == (
        T0 + 120 * SECOND,
        "nothing was heard of it for 30 minutes",
    )
    store.send(span(trace_id(), at_s=3000, attributes={"session.id": "s"}))
    assert states(3100) == ["open"]


def test_states_can_be_asked_for(store: Store, engine: Engine) -> None:
    for name, state in (("won", "Success"), ("lost", "Fail"), ("left", "Indeterminate")):
        store.tell(event("session.start", name), end(name, state, at_s=1))
    store.tell(event("session.start", "running", at_s=3000), event("session.start", "silent"))
    queries = Queries(engine, now_ns=at(3001))

    def ids(state: Any) -> list[str]:
        return sorted(one.id for one in queries.sessions(store.project, SessionsAsk(state=state)).items)

    assert ids("Success") == ["won"]
    assert ids("Fail") == ["lost"]
    assert ids("Indeterminate") == ["left", "silent"]
    assert ids("open") == ["running"]


@pytest.fixture(scope="module")
def crowd(engine: Engine, ingest: Ingest) -> Store:
    """Five sessions of different sizes; `c` and `d` are equal in everything but their ids."""
    store = Store(engine, ingest, Queries(engine))
    spans: list[Span] = []
    events: list[LogRecord] = []
    for index, (name, at_s, calls, errors) in enumerate(
        [("a", 0, 3, 0), ("b", 10, 1, 2), ("c", 20, 2, 1), ("d", 20, 2, 1), ("e/f é", 40, 0, 0)]
    ):
        trace = trace_id()
        attributes = {"session.id": name, "user.id": f"user-{index % 2}"}
        title = f"run {'c' if name == 'd' else name[0]}"
        root = span(trace, title, at_s=at_s, lasts_s=5 + calls, attributes=attributes)
        spans.append(root)
        spans += [span(trace, parent=root, at_s=at_s + n / 10, attributes=usage()) for n in range(calls)]
        spans += [
            span(trace, parent=root, at_s=at_s, error="no", attributes={"error.type": str(n)}) for n in range(errors)
        ]
        events.append(event("session.start", name, at_s=at_s, sojourn__session__tags=["all", f"t{index}"]))
    store.send(*spans, span(trace_id(), "implicit", at_s=100))
    store.tell(*events)
    return store


@pytest.mark.parametrize(
    ("sort", "ascending"),
    [
        ("name", ["a", "b", "c", "d", "e/f é"]),
        ("start", ["a", "b", "c", "d", "e/f é"]),
        ("end", ["a", "b", "c", "d", "e/f é"]),
        ("trace_count", ["a", "b", "c", "d", "e/f é"]),
        ("total_cost", ["e/f é", "b", "c", "d", "a"]),
        ("total_tokens", ["e/f é", "b", "c", "d", "a"]),
        ("latency_ms", ["e/f é", "b", "c", "d", "a"]),
        ("errors", ["a", "e/f é", "c", "d", "b"]),
        ("model_calls", ["e/f é", "b", "c", "d", "a"]),
        ("state", ["a", "b", "c", "d", "e/f é"]),
    ],
)
def test_sessions_are_sorted_by_every_column_and_equal_ones_by_id(
    crowd: Store, sort: Any, ascending: list[str]
) -> None:
    up = crowd.queries.sessions(crowd.project, SessionsAsk(sort_by=sort, descending=False))
    assert [one.id for one in up.items] == ascending
    down = [one.id for one in crowd.queries.sessions(crowd.project, SessionsAsk(sort_by=sort)).items]
    assert sorted(down) == sorted(ascending)
    assert down.index("c") + 1 == down.index("d")


def test_sessions_are_sorted_by_user(crowd: Store) -> None:
    by_user = crowd.queries.sessions(crowd.project, SessionsAsk(sort_by="user_id", descending=False))
    assert [one.id for one in by_user.items] == ["a", "c", "e/f é", "b", "d"]


def test_pages_cover_the_list_once_and_count_it_exactly(crowd: Store) -> None:
    pages = [crowd.queries.sessions(crowd.project, SessionsAsk(limit=2, offset=offset)) for offset in (0, 2, 4, 6)]
    assert [page.total for page in pages] == [5, 5, 5, 5]
    assert [one.id for page in pages for one in page.items] == ["e/f é", "c", "d", "b", "a"]


@pytest.mark.parametrize(
    ("ask", "ids"),
    [
        ({"search": "E/F"}, ["e/f é"]),
        ({"search": "RUN A"}, ["a"]),
        ({"search": "%"}, []),
        ({"search": "'"}, []),
        ({"name": "run c"}, ["c", "d"]),
        ({"user_id": "user-1"}, ["b", "d"]),
        ({"tag": "t1"}, ["b"]),
        ({"tag": "all", "limit": 2, "sort_by": "start", "descending": False}, ["a", "b"]),
        ({"since_ns": T0 + 10 * SECOND, "until_ns": T0 + 20 * SECOND}, ["b", "c", "d"]),
        ({"until_ns": -1}, []),
        ({"include_implicit": True, "name": "implicit", "state": "Indeterminate"}, None),
    ],
)
def test_sessions_can_be_searched(crowd: Store, ask: dict[str, Any], ids: list[str] | None) -> None:
    found = [one.id for one in crowd.list(**ask)]
    if ids is None:
        assert len(found) == 1
    else:
        assert sorted(found) == ids


@pytest.mark.parametrize(
    ("ask", "names"),
    [
        ({"sort_by": "name", "descending": False, "limit": 2}, ["implicit", "run a"]),
        ({"sort_by": "start_time", "limit": 1}, ["implicit"]),
        ({"sort_by": "cost", "limit": 1}, ["run a"]),
        ({"sort_by": "tokens", "limit": 1}, ["run a"]),
        ({"sort_by": "latency", "limit": 1}, ["run a"]),
        ({"status": "ERROR", "sort_by": "name", "descending": False}, ["run b", "run c", "run c"]),
        ({"status": "OK", "sort_by": "name", "descending": False}, ["implicit", "run a", "run e"]),
        ({"session_id": "b"}, ["run b"]),
        ({"name": "RUN B"}, ["run b"]),
        ({"user_id": "user-1", "sort_by": "name"}, ["run c", "run b"]),
        ({"model": "gpt-4o-mini-2024-07-18", "sort_by": "name"}, ["run c", "run c", "run b", "run a"]),
        ({"tags": ("t0", "t1"), "sort_by": "name"}, ["run b", "run a"]),
        ({"since_ns": T0 + 40 * SECOND, "sort_by": "name"}, ["run e", "implicit"]),
        ({"session_id": "nobody"}, []),
    ],
)
def test_traces_can_be_sorted_and_searched(crowd: Store, ask: dict[str, Any], names: list[str]) -> None:
    page = crowd.queries.traces(crowd.project, TracesAsk(**ask))
    assert [one.name for one in page.items] == names
    assert page.total == len(names) or "limit" in ask


def test_traces_can_be_sorted_by_status(crowd: Store) -> None:
    page = crowd.queries.traces(crowd.project, TracesAsk(sort_by="status"))
    assert [one.status for one in page.items] == ["error"] * 3 + ["unset"] * 3


def test_a_page_of_a_sessions_traces_holds_their_spans(store: Store) -> None:
    for n in range(3):
        trace = trace_id()
        root = span(trace, f"turn {n}", at_s=n, attributes={"session.id": "s"})
        store.send(root, span(trace, "chat", parent=root, at_s=n, lasts_s=0.5, attributes=CHAT))
    page = store.queries.session_traces(store.project, "s", 2, 1)
    assert page.total == 3
    assert [(one.summary.name, [inner.name for inner in one.spans]) for one in page.items] == [
        ("turn 1", ["turn 1", "chat"]),
        ("turn 2", ["turn 2", "chat"]),
    ]
    assert store.queries.session_traces(store.project, "nobody", 2, 0).items == ()


@pytest.mark.parametrize("session_id", ["with/slash", "a'b\"c\\", "日本", " padded ", "x" * 600, "%00\x00"])
def test_any_text_may_be_a_sessions_id(store: Store, session_id: str) -> None:
    kept = session_id.strip()[:512]
    store.send(span(trace_id(), attributes={"session.id": session_id}))
    store.tell(event("session.start", session_id, sojourn__session__name="named"))
    assert [(one.id, one.name) for one in store.list()] == [(kept, "named")]
    assert store.session(kept).summary.span_count == 1


@pytest.mark.parametrize("session_id", ["", "null", "   "])
def test_no_id_is_no_session(store: Store, session_id: str) -> None:
    store.send(span(trace_id(), attributes={"session.id": session_id}))
    assert store.list() == ()


def test_a_resource_may_name_the_session_and_a_span_beats_it(store: Store) -> None:
    store.send(
        span(trace_id(), attributes={"gen_ai.conversation.id": "c"}),
        span(trace_id(), attributes={"session.id": "own"}),
        resource={"session.id": "shared"},
    )
    assert sorted(one.id for one in store.list()) == ["own", "shared"]
