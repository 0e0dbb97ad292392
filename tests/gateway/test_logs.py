"""The log of a session: its lines, the errors recorded by hand, and what else was told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sojourn_gateway.model.log import LogsAsk
from tests.gateway.sender import SECOND, T0, any_value, end, event, logs, span, trace_id
from tests.gateway.story import support_session

if TYPE_CHECKING:
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

    from tests.gateway.sender import Store
    from tests.gateway.serving import Served


def line(session: str, message: Any, *, at_s: float = 0, severity: int = 9, **attributes: Any) -> LogRecord:
    record = event("", session, at_s=at_s, **attributes)
    record.body.CopyFrom(any_value(message))
    record.severity_number = severity  # type: ignore[assignment]  # a plain number is what goes over the wire
    return record


def error(session: str, own: bool | None, **more: Any) -> LogRecord:
    told: dict[str, Any] = {} if own is None else {"sojourn__error__own": own}
    return event("exception", session, exception__type="ValueError", exception__message="odd", **told, **more)


def test_lines_come_in_order_of_time_without_the_facts_of_the_session(store: Store) -> None:
    store.tell(event("session.start", "s"), line("s", "second", at_s=2), line("s", {"a": [1]}, at_s=1, severity=17))
    store.tell(end("s", "Success", at_s=3), line("other", "elsewhere"))
    page = store.queries.session_logs(store.project, LogsAsk("s"))
    assert [(one.message, one.level, one.time_ns) for one in page.items] == [
        ({"a": [1]}, "ERROR", T0 + SECOND),
        ("second", "INFO", T0 + 2 * SECOND),
    ]
    assert page.total == 2


def test_lines_are_paged_and_chosen_by_level(store: Store) -> None:
    store.tell(*(line("s", f"{number}", at_s=number, severity=9 + 4 * (number % 3)) for number in range(6)))

    def told(**ask: Any) -> list[Any]:
        return [one.message for one in store.queries.session_logs(store.project, LogsAsk("s", **ask)).items]

    assert told(limit=2, offset=3) == ["3", "4"]
    assert told(severity=13) == ["1", "2", "4", "5"]
    assert told(severity=17) == ["2", "5"]


@pytest.mark.parametrize(("own", "errors"), [(True, 1), (False, 0), (None, 1)])
def test_an_error_by_hand_counts_unless_a_failed_span_tells_of_it(store: Store, own: bool | None, errors: int) -> None:
    store.tell(event("session.start", "s"), error("s", own))
    assert store.session("s").summary.errors == errors


def test_one_exception_that_a_foreign_logger_links_to_its_failed_span_counts_once(store: Store) -> None:
    failed = span(trace_id(), error="odd", attributes={"session.id": "s"})
    store.send(failed)
    record = error("s", None)
    record.trace_id, record.span_id = failed.trace_id, failed.span_id
    store.tell(record)
    assert store.session("s").summary.errors == 1


def test_an_error_that_is_sent_again_is_the_same_error(store: Store) -> None:
    record = error("s", True, at_s=1)
    store.tell(record)
    store.tell(record)
    assert store.session("s").summary.errors == 1


def test_what_was_told_of_a_session_is_read_back(store: Store) -> None:
    def told(at_s: float, **attributes: Any) -> None:
        store.tell(event("sojourn.session.update", "s", at_s=at_s, **attributes))

    told(1, sojourn__session__video="https://videos.example/1")
    told(2, gen_ai__agent__id="a1", gen_ai__agent__name="planner")
    told(
        3,
        sojourn__session__attachment__name="plan.txt",
        sojourn__session__attachment__path="/somewhere/plan.txt",
        sojourn__session__attachment__size=12,
        sojourn__session__attachment__sha256="ab",
    )
    found = store.session("s")
    assert (found.video, found.agents) == ("https://videos.example/1", {"a1": "planner"})
    (attachment,) = found.attachments
    assert (attachment.name, attachment.path, attachment.size, attachment.sha256) == (
        "plan.txt",
        "/somewhere/plan.txt",
        12,
        "ab",
    )


def test_the_api_gives_the_lines_of_a_session_whatever_its_id(gateway: Served) -> None:
    body = logs([line("a/b", "hello"), line("a/b", "oh no", severity=17, at_s=1), error("a/b", True, at_s=2)])
    assert gateway.send(body, signal="logs").status_code == 200
    assert gateway.engine.settle(60)

    lines = gateway.data("/v1/sessions/a%2Fb/logs", level="error")

    assert [(one["message"], one["level"]) for one in lines] == [("oh no", "ERROR")]
    assert [one["event"] for one in gateway.data("/v1/sessions/a%2Fb/logs")] == ["", "", "exception"]
    assert gateway.get("/v1/sessions/a%2Fb/logs", level="loud").status_code == 400
    assert gateway.data("/v1/sessions/nobody/logs") == []


def test_the_page_shows_the_log_and_names_the_failed_lines(gateway: Served) -> None:
    markup = "<script>alert(1)</script>"
    stack = error("s", True, at_s=2, exception__stacktrace="Traceback: here")
    body = logs([event("session.start", "s"), line("s", markup), line("s", "oh no", severity=17, at_s=1), stack])
    assert gateway.send(body, signal="logs").status_code == 200
    assert gateway.engine.settle(60)

    page = gateway.get("/sessions/s", view="logs").text

    assert "&lt;script&gt;alert(1)" in page
    assert markup not in page
    assert page.count('<tr class="failed') == 1
    assert "ValueError: odd" in page
    assert "Traceback: here" in page


def test_a_session_without_a_log_says_how_to_have_one(gateway: Served) -> None:
    assert gateway.send(logs([event("session.start", "quiet")]), signal="logs").status_code == 200
    assert gateway.engine.settle(60)

    assert "capture_logs=" in gateway.get("/sessions/quiet", view="logs").text


def test_an_end_whose_state_is_no_text_does_not_stop_the_lists(store: Store) -> None:
    store.tell(event("session.end", "s", sojourn__session__end_state=["Success"]))
    assert store.session("s").summary.state == "Indeterminate"


@pytest.mark.parametrize("offset", ["9" * 30, "9" * 5000])
def test_a_page_of_the_log_beyond_all_numbers_is_a_page(gateway: Served, offset: str) -> None:
    gateway.keep(support_session("s", started_ns=T0))
    assert gateway.get("/sessions/s", view="logs", offset=offset).status_code == 200
