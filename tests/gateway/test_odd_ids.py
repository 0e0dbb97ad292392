"""Ids of sessions that are not UTF-8: whoever is shown one finds the session under it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.values import valid_text
from sojourn_gateway.ingest.metric_points import Pointbook
from sojourn_gateway.model.metric_point import PointsAsk
from sojourn_gateway.model.trace import TracesAsk
from sojourn_gateway.query.filters import parse_filter
from sojourn_gateway.query.metric_points import read_points
from tests.gateway.sender import Store, event, logs, span, trace_id, traces
from tests.gateway.test_otlp_metrics import gauge, number, request

if TYPE_CHECKING:
    from tests.gateway.serving import Served

SENT = b"s-\xff\xc3\x28\x80"
SHOWN = "s-\ufffd(\ufffd"


def odd(body: bytes) -> bytes:
    """The body with `s-XXXX` as it cannot be written in Python."""
    return body.replace(b"s-XXXX", SENT)


def test_a_session_is_listed_searched_read_and_erased_under_the_id_that_is_shown(gateway: Served) -> None:
    trace, told = trace_id(), {"session.id": "s-XXXX"}
    assert gateway.send(odd(traces([span(trace, "step", attributes=told)]))).status_code == 200
    line = event("", "s-XXXX")
    line.body.string_value = "a line"
    start = event("session.start", "s-XXXX", sojourn__session__name="odd one")
    assert gateway.send(odd(logs([start, line])), signal="logs").status_code == 200
    assert gateway.engine.settle(60)

    path = f"/v1/sessions/{quote(SHOWN)}"
    for query in ({}, {"search": "odd one"}, {"filter": "span_count > 0"}):
        assert [one["id"] for one in gateway.data("/v1/sessions", **query)] == [SHOWN]
    assert [one["name"] for one in gateway.data(path)["spans"]] == ["step"]
    assert [one["id"] for one in gateway.data("/v1/traces", session_id=SHOWN)] == [trace.hex()]
    assert [one["message"] for one in gateway.data(f"{path}/logs")] == ["a line"]
    assert gateway.client.delete(path).status_code == 200
    assert gateway.data("/v1/sessions") == []


def test_a_point_of_a_metric_is_found_by_the_session_that_its_spans_are_found_by(store: Store) -> None:
    store.post("traces", odd(traces([span(trace_id(), attributes={"session.id": "s-XXXX"})])))
    Pointbook(store.engine).keep(store.project, odd(request(gauge("g", number(1, {"session.id": "s-XXXX"})))))

    (session,) = store.list()
    assert session.id == SHOWN
    found = read_points(store.engine, store.project, PointsAsk(session_id=SHOWN)).items
    assert [one.instrument.name for one in found] == ["g"]


def test_what_an_earlier_version_kept_as_it_came_is_in_lists_with_a_filter_as_in_those_without(store: Store) -> None:
    store.send(span(trace_id(), attributes={"session.id": "plain"}))
    store.send(span(trace_id(), attributes={"session.id": "soon odd"}))
    with store.engine.beside() as handle:
        for table in ("sessions", "traces"):
            handle.run(
                f"""insert into {DATABASE}.{table} select * replace (unhex({{odd:String}}) as session_id) from (
                    select * from {DATABASE}.{table} final
                    where project = {{project:String}} and session_id = 'soon odd')""",
                {"odd": SENT.hex(), "project": store.project},
            )

    for where in (None, parse_filter("sessions", "span_count > 0")):
        assert sorted(one.id for one in store.list(where=where)) == ["plain", "s-\ufffd\ufffd(\ufffd", "soon odd"]
    page = store.queries.traces(store.project, TracesAsk(where=parse_filter("traces", "latency_ms >= 0")))
    assert len(page.items) == 2
    assert {shown for one in page.items for shown in one.session_ids} == {"plain", "soon odd", "s-\ufffd\ufffd(\ufffd"}


@pytest.mark.parametrize(
    "said",
    [
        SENT,
        b"a\xe2\x82(",
        b"\xed\xa0\x80x",
        b"\xf0\x9f\x98",
        b"ab\xc0\x80c",
        b"\xf4\x90\x80\x80z",
        b"\xf8\x88\x80\x80\x80q",
        b"\xef\xbf\xbd\xff",
        "€🜂 plain".encode(),
    ],
)
def test_python_marks_it_as_the_engine_does(store: Store, said: bytes) -> None:
    ((marked,),) = store.engine.rows("select toValidUTF8(unhex({said:String}))", {"said": said.hex()})
    assert marked.decode() == valid_text(said)
