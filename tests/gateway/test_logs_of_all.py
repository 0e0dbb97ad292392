"""Log lines over all sessions: newest first, chosen by level, words, session and time, counted exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sojourn_gateway.engine import log_lines
from sojourn_gateway.model.log import LinesAsk
from tests.gateway.sender import SECOND, T0, Store, any_value, end, event, span, trace_id

if TYPE_CHECKING:
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

    from tests.gateway.serving import Served


def line(session: str, message: str, at_s: float, severity: int = 9, **attributes: Any) -> LogRecord:
    record = event("", session, at_s=at_s, **attributes)
    record.body.CopyFrom(any_value(message))
    record.severity_number = severity  # type: ignore[assignment]  # a plain number is what goes over the wire
    return record


def found(store: Store, **ask: Any) -> list[tuple[str, Any]]:
    return [(one.session_id, one.message) for one in store.queries.logs(store.project, LinesAsk(**ask)).items]


@pytest.fixture
def told(store: Store) -> Store:
    store.tell(
        event("session.start", "a"),
        line("a", "the order left", 10),
        line("b", "no order", 4000, 17, place="Harbour"),
        line("", "of nobody", 90_000, 13),
        end("a", "Success", at_s=20),
    )
    return store


def test_lines_of_all_sessions_come_newest_first_without_the_facts_of_sessions(told: Store) -> None:
    assert found(told) == [("", "of nobody"), ("b", "no order"), ("a", "the order left")]
    assert found(told, descending=False) == [("a", "the order left"), ("b", "no order"), ("", "of nobody")]


@pytest.mark.parametrize(
    ("ask", "messages"),
    [
        ({"severity": 13}, ["of nobody", "no order"]),
        ({"search": "ORDER"}, ["no order", "the order left"]),
        ({"search": "harbour"}, ["no order"]),
        ({"session_id": "a"}, ["the order left"]),
        ({"since_ns": T0 + 4000 * SECOND}, ["of nobody", "no order"]),
        ({"until_ns": T0 + 4000 * SECOND}, ["no order", "the order left"]),
        ({"since_ns": T0 + 11 * SECOND, "until_ns": T0 + 3999 * SECOND}, []),
        ({"severity": 9, "search": "order", "session_id": "b", "until_ns": 2**63}, ["no order"]),
    ],
)
def test_lines_are_chosen_by_level_words_session_and_time(
    told: Store, ask: dict[str, Any], messages: list[str]
) -> None:
    assert [message for _, message in found(told, **ask)] == messages
    assert told.queries.logs(told.project, LinesAsk(**ask)).total == len(messages)


@pytest.mark.parametrize("deepest", [1_000_000, 6])
@pytest.mark.parametrize("descending", [True, False])
def test_pages_of_lines_of_one_moment_fit_together(
    store: Store, monkeypatch: pytest.MonkeyPatch, descending: bool, deepest: int
) -> None:
    monkeypatch.setattr(log_lines, "DEEPEST", deepest)
    store.tell(*(line("s", f"{number}", number // 5) for number in range(23)))
    whole = found(store, descending=descending)
    pages = [found(store, descending=descending, limit=4, offset=offset) for offset in range(0, 24, 4)]
    assert [one for page in pages for one in page] == whole
    assert len(set(whole)) == 23
    for offset in (100, 2**31 - 1):
        assert store.queries.logs(store.project, LinesAsk(limit=1, offset=offset, descending=descending)).total == 23


def test_a_line_that_was_sent_again_is_one_line_and_another_project_sees_none(store: Store) -> None:
    record = line("s", "once", 1)
    store.tell(record)
    store.tell(record)
    assert store.queries.logs(store.project, LinesAsk()).total == 1
    assert store.queries.logs("another", LinesAsk()).total == 0


def test_lines_are_read_over_http(gateway: Served) -> None:
    store = Store(gateway.engine, gateway.services.ingest, gateway.services.queries, gateway.project)
    at_span = span(trace_id(), attributes={"session.id": "s"})
    linked = line("s", "gone", 2, 17)
    linked.trace_id, linked.span_id = at_span.trace_id, at_span.span_id
    store.send(at_span)
    store.tell(line("t", "came", 1), linked, line("", "quiet", 0, 5))

    answer = gateway.get("/v1/logs", level="info", limit="1").json()
    assert answer["pagination"] == {"total": 2, "limit": 1, "offset": 0}
    (newest,) = answer["data"]
    assert (newest["message"], newest["level"], newest["session_id"]) == ("gone", "ERROR", "s")
    assert (newest["trace_id"], newest["span_id"]) == (at_span.trace_id.hex(), at_span.span_id.hex())
    assert [one["session_id"] for one in gateway.data("/v1/logs", sort_order="asc")] == [None, "t", "s"]
    assert [one["message"] for one in gateway.data("/v1/logs", session_id="t", search="AM")] == ["came"]
    assert gateway.get("/v1/logs", level="loud").status_code == 400
    assert gateway.get("/v1/logs", colour="red").json()["error"]["code"] == "invalid_query_params"
