"""A session and its span, carried by headers and variables."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from email.message import Message
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers

import sojourn
from sojourn import faults, semconv, w3c
from sojourn.client import get_client
from sojourn.w3c import Carried
from tests.core.journalled import plain, read_home
from tests.core.recorded import steps

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def step(name: str) -> None:
    sojourn.record(sojourn.ActionEvent(name))


def sessions_of(home: Path) -> dict[str, str | None]:
    """The session of each step that was recorded."""
    return {root.name: root.session for root in steps(home)}


# --- writing ------------------------------------------------------------------------------------------------------


def test_headers_carry_the_session_and_the_span_around() -> None:
    session = sojourn.init()
    with sojourn.span("ask the other service") as span:
        headers = sojourn.inject({"accept": "text/plain"})

    assert headers == {
        "accept": "text/plain",
        "baggage": f"session.id={session.session_id}",
        "traceparent": f"00-{span.trace_id}-{span.span_id}-01",
    }


def test_what_others_put_into_baggage_stays() -> None:
    sojourn.init(inherited_session_id="ours")
    headers = {"Baggage": "tenant=7;secret, session.id=old ,team=a%20b", "accept": "*/*"}

    assert sojourn.inject(headers) is headers
    assert headers == {"Baggage": "session.id=ours,tenant=7;secret,team=a%20b", "accept": "*/*"}


def test_baggage_that_is_full_loses_the_last_of_the_others_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    sojourn.init(inherited_session_id="ours")
    others = [f"n{number}={'x' * 90}" for number in range(100)]
    headers = sojourn.inject({"baggage": ",".join(others)})

    kept = headers["baggage"].split(",")
    assert len(headers["baggage"]) <= w3c.MAX_BAGGAGE
    assert kept == ["session.id=ours", *others[: len(kept) - 1]]
    assert len(kept) > 80
    assert "baggage is full" in caplog.text


def test_the_user_of_the_scope_is_carried_along() -> None:
    sojourn.init(inherited_session_id="s")
    with sojourn.with_agentmark(user_id="a, b"):
        assert sojourn.inject() == {"baggage": "session.id=s,user.id=a%2C%20b"}


def test_headers_of_a_client_library_and_of_bytes_are_written_in_their_own_kind() -> None:
    sojourn.init(inherited_session_id="s")
    of_httpx = sojourn.inject(httpx.Headers({"Baggage": "a=b"}))
    of_bytes = sojourn.inject({b"baggage": b"a=b"})

    assert of_httpx["baggage"] == "session.id=s,a=b"
    assert of_bytes == {b"baggage": b"session.id=s,a=b"}


def test_without_init_or_when_disabled_headers_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sojourn.inject({"a": "b"}) == {"a": "b"}
    monkeypatch.setenv("SOJOURN_DISABLED", "1")
    sojourn.init()

    assert sojourn.inject({"a": "b"}) == {"a": "b"}
    with sojourn.extract({"baggage": "session.id=other"}) as session:
        assert session is None


def test_the_programs_own_environment_is_never_written(monkeypatch: pytest.MonkeyPatch) -> None:
    sojourn.init()
    before = dict(os.environ)

    with pytest.raises(TypeError, match=r"sojourn\.environment\(\)"):
        sojourn.inject(os.environ)
    with pytest.raises(TypeError, match="a mapping such as a dict"):
        sojourn.inject([])  # type: ignore[call-overload]  # what an untyped caller may do
    sojourn.environment()

    assert dict(os.environ) == before


def test_the_environment_for_a_child_carries_the_session_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOJOURN_SESSION_ID", "of-our-parent")
    monkeypatch.setenv("traceparent", PARENT)
    sojourn.init(inherited_session_id="ours", api_key="secret", endpoint="http://127.0.0.1:9")
    with sojourn.span("start the child") as span:
        carried = sojourn.environment()

    changed = {name: text for name, text in carried.items() if os.environ.get(name) != text}
    assert changed == {
        "BAGGAGE": "session.id=ours",
        "SOJOURN_SESSION_ID": "ours",
        "TRACEPARENT": f"00-{span.trace_id}-{span.span_id}-01",
    }
    assert "traceparent" not in carried


def test_a_copy_of_the_environment_may_be_injected_into_as_well() -> None:
    sojourn.init(inherited_session_id="ours")

    told = {"BAGGAGE": "a=b", "SOJOURN_SESSION_ID": "old", "PATH": "/bin"}
    assert sojourn.inject(told) == {"BAGGAGE": "session.id=ours,a=b", "SOJOURN_SESSION_ID": "ours", "PATH": "/bin"}


def test_opentelemetry_reads_what_we_write_and_we_read_what_it_writes() -> None:
    sojourn.init(inherited_session_id="späte Sitzung, 100%")
    with sojourn.span("s") as span:
        headers = sojourn.inject()

    theirs = TraceContextTextMapPropagator().extract(headers, W3CBaggagePropagator().extract(headers))
    assert baggage.get_baggage("session.id", theirs) == "späte Sitzung, 100%"
    assert f"{trace.get_current_span(theirs).get_span_context().span_id:016x}" == span.span_id

    written: dict[str, str] = {}
    W3CBaggagePropagator().inject(written, baggage.set_baggage("session.id", "söme,id"))
    assert w3c.read(written).session_id == "söme,id"


# --- reading ------------------------------------------------------------------------------------------------------


def test_steps_inside_belong_to_the_session_and_hang_below_the_remote_span(home: Path) -> None:
    sojourn.init(inherited_session_id="our own")
    with sojourn.extract({"traceparent": PARENT, "baggage": "session.id=theirs,user.id=u-1"}) as session:
        assert session is not None
        assert sojourn.current_session() is session
        assert sojourn.inject()["baggage"] == "session.id=theirs,user.id=u-1"
        step("inside")
        with sojourn.span("a span"):
            pass
    step("outside")
    sojourn.flush(0)

    spans = {span.name: span for span in read_home(home).spans}
    assert {name: plain(span.attributes)[semconv.SESSION_ID] for name, span in spans.items()} == {
        "inside": "theirs",
        "a span": "theirs",
        "outside": "our own",
    }
    for name in ("inside", "a span"):
        assert f"00-{spans[name].trace_id.hex()}-{spans[name].parent_span_id.hex()}-01" == PARENT
        assert plain(spans[name].attributes)[semconv.USER_ID] == "u-1"
    assert spans["outside"].parent_span_id == b""
    assert session.session_id == "theirs"
    assert session.is_running


@pytest.mark.parametrize(
    "headers",
    [
        {"baggage": "session.id=s"},
        {"Baggage": "a=1, session.id = s;ttl=60 "},
        {"BAGGAGE": "session.id=first,session.id=s"},
        {"HTTP_BAGGAGE": "session.id=s"},
        {b"baggage": b"session.id=s"},
        {"baggage": ["a=1", "session.id=s"]},
        {"baggage": (b"session.id=s",), "x": None, 3: object()},
        [(b"host", b"h"), (b"baggage", b"a=1"), (b"baggage", b"session.id=s")],
        [("baggage", b"session.id=s"), "no pair", None],
        Headers(raw=[(b"baggage", b"a=1"), (b"baggage", b"session.id=s")]),
        httpx.Headers([("baggage", "a=1"), ("baggage", "session.id=s")]),
        {"baggage": "session.id=%73"},
    ],
)
def test_headers_come_in_many_kinds(headers: Any) -> None:
    assert w3c.read(headers) == Carried("s")  # type: ignore[arg-type]  # a SessionId equals its text


def test_headers_of_a_message_of_the_standard_library_are_read() -> None:
    message = Message()
    message["Baggage"] = "session.id=s"

    assert w3c.read(message).session_id == "s"


@pytest.mark.parametrize("wrong", [None, 3, "baggage", b"baggage"])
def test_what_cannot_be_headers_is_refused_in_words(wrong: Any) -> None:
    with pytest.raises(TypeError, match="headers must be a mapping or pairs"):
        sojourn.extract(wrong)


@pytest.mark.parametrize(
    "bad",
    [
        "session.id=" + "x" * 10_000,
        "session.id=" + "x" * 513,
        "session.id=",
        "session.id",
        "session.id=%00",
        "session.id=a%0d%0ab",
        "session.id=a\nb",
        "session.id=%zz",
        "session.id=%",
        "session.id=%ff%fe",
        "session.id=%ed%a0%80",
        "session.id=ä",
    ],
)
def test_a_malformed_session_is_ignored_and_said_once(bad: str, caplog: pytest.LogCaptureFixture) -> None:
    sojourn.init(inherited_session_id="our own")
    before = faults.counted().get("w3c.session.id", 0) + faults.counted().get("w3c.baggage", 0)
    for _ in range(3):
        with sojourn.extract({"baggage": bad}) as session:
            assert session is None
            assert sojourn.current_session() is not None

    assert faults.counted().get("w3c.session.id", 0) + faults.counted().get("w3c.baggage", 0) == before + 3
    assert len([text for text in caplog.messages if "is ignored" in text]) <= 1
    assert all(len(text) < 400 and "\n" not in text for text in caplog.messages)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "x",
        "00",
        PARENT.upper(),
        "ff" + PARENT[2:],
        PARENT + "-extra",
        PARENT.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32),
        PARENT.replace("b7ad6b7169203331", "0" * 16),
        PARENT + "\n",
        "00-" + "١" * 32 + "-b7ad6b7169203331-01",
        "0" * 10_000,
        [PARENT, PARENT],
    ],
)
def test_a_malformed_parent_is_as_if_it_were_not_there(bad: Any) -> None:
    assert w3c.read({"traceparent": bad, "baggage": "session.id=s"}) == Carried("s")  # type: ignore[arg-type]


def test_a_parent_of_a_later_version_of_the_standard_is_understood() -> None:
    parent = w3c.read({"traceparent": "01" + PARENT[2:] + "-what-comes"}).parent

    assert parent is not None
    assert parent.header == PARENT


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        ("a=1, b=2", "a=1,b=2"),
        (["a=1", "b=2"], "a=1,b=2"),
        ("A=1", ""),
        ("a=1,,b=2", "a=1,b=2"),
        ("a=\x01", ""),
        ("a=" + "x" * 600, ""),
        ("=,=", ""),
    ],
)
def test_what_vendors_keep_beside_the_parent_is_whole_or_not_there(state: Any, kept: str) -> None:
    parent = w3c.read({"traceparent": PARENT, "tracestate": state}).parent

    assert parent is not None
    assert parent.state == kept


@given(st.dictionaries(st.text(max_size=20) | st.binary(max_size=20), st.text() | st.binary() | st.lists(st.text())))
def test_no_mapping_of_texts_makes_reading_raise(headers: dict[str | bytes, Any]) -> None:
    w3c.read(headers)


@given(st.sampled_from(["baggage", "traceparent", "tracestate"]), st.text() | st.binary())
def test_no_value_makes_reading_raise(name: str, value: str | bytes) -> None:
    w3c.read({"traceparent": PARENT, name: value})
    w3c.read({"baggage": f"session.id={value!r}"})


@given(st.text(min_size=1, max_size=512).filter(lambda text: text.strip() == text and text.isprintable()), st.text())
def test_every_session_id_arrives_as_it_was_sent(session_id: str, others: str) -> None:
    written = w3c.merged(others, {semconv.SESSION_ID: session_id})
    if len(written) <= w3c.MAX_BAGGAGE and semconv.SESSION_ID not in others:
        assert w3c.read({"baggage": written}).session_id == session_id


def test_an_id_that_no_header_could_carry_is_refused_at_once() -> None:
    for bad in ("a\nb", "\x00", "\x7f", "half \ud800"):
        with pytest.raises(ValueError, match="control characters, or half a character"):
            sojourn.init(inherited_session_id=bad)


def test_nothing_of_ours_is_in_opentelemetrys_baggage_which_other_clients_would_send_on() -> None:
    sojourn.init()
    with sojourn.extract({"traceparent": PARENT, "baggage": "session.id=theirs"}):
        assert dict(baggage.get_all()) == {}


def test_a_span_of_the_same_trace_that_stands_around_keeps_its_place(home: Path) -> None:
    """As when a web framework's own instrumentation has read the same headers."""
    sojourn.init()
    with sojourn.span("caller"):
        headers = sojourn.inject()
        with sojourn.span("server"), sojourn.extract(headers):
            step("work")

    [root] = steps(home)
    assert [child.name for child in root.children] == ["server"]
    assert [child.name for child in root.children[0].children] == ["work"]


def test_a_trace_begun_inside_is_its_own_and_linked_with_the_remote_span(home: Path) -> None:
    sojourn.init()
    with sojourn.extract({"traceparent": PARENT}), sojourn.start_trace("turn"):
        pass
    sojourn.flush(0)

    [span] = read_home(home).spans
    assert span.parent_span_id == b""
    assert f"00-{span.links[0].trace_id.hex()}-{span.links[0].span_id.hex()}-01" == PARENT


# --- whose session, where -----------------------------------------------------------------------------------------


def test_coming_back_to_a_session_is_no_second_join_and_its_counts_go_on(home: Path) -> None:
    sojourn.init(auto_start_session=False)
    for _ in range(3):
        with sojourn.extract({"baggage": "session.id=a"}):
            step("work")
    session = sojourn.get_session("a")
    assert session is not None
    assert session.event_counts["actions"] == 3
    sojourn.flush(0)

    joins = [told[semconv.SESSION_ID] for told in read_home(home).named(semconv.SESSION_JOIN)]
    assert joins == ["a"]


def test_threads_without_a_session_never_fall_into_that_of_a_request(home: Path) -> None:
    sojourn.init(auto_start_session=False)
    with sojourn.extract({"baggage": "session.id=a"}):
        other = threading.Thread(target=lambda: sojourn.span("elsewhere").__enter__().end())
        other.start()
        other.join()

    assert sessions_of(home) == {"elsewhere": None}


def test_a_session_that_ended_is_joined_anew(home: Path) -> None:
    sojourn.init(auto_start_session=False)
    headers = {"baggage": "session.id=a"}
    with sojourn.extract(headers) as first:
        sojourn.end_session("Success")
    with sojourn.extract(headers) as second:
        step("late")

    assert first is not second
    assert sessions_of(home) == {"late": "a"}


def test_a_session_that_this_process_runs_is_not_joined_but_entered(home: Path) -> None:
    session = sojourn.init()
    with sojourn.extract(sojourn.inject()) as entered:
        assert entered is session
    sojourn.flush(0)

    assert read_home(home).named(semconv.SESSION_JOIN) == []


def test_only_so_many_sessions_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sojourn.visits.MAX_KEPT", 3)
    sojourn.init(auto_start_session=False)
    for number in range(10):
        with sojourn.extract({"baggage": f"session.id=s{number}"}):
            pass
    client = get_client()

    assert client is not None
    assert [session.session_id for session in client.visits.known()] == ["s7", "s8", "s9"]
    assert list(client.open_session_ids()) == []


async def test_tasks_at_the_same_time_keep_their_sessions_apart(home: Path) -> None:
    sojourn.init(auto_start_session=False)

    async def serve(number: int) -> None:
        async with sojourn.extract([(b"baggage", f"session.id=s{number}".encode())]):
            await asyncio.sleep(0)
            await asyncio.to_thread(step, f"thread {number}")
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.to_thread(step, f"task {number}"))
            step(f"own {number}")
        assert sojourn.current_session() is None

    await asyncio.gather(*map(serve, range(20)))

    found = sessions_of(home)
    assert len(found) == 60
    assert {name for name, session in found.items() if session != f"s{name.split()[1]}"} == set()


def test_a_block_that_is_left_in_another_context_leaves_that_one_alone() -> None:
    """Frameworks enter generators on one thread of a pool and close them on another."""
    sojourn.init(inherited_session_id="our own")

    def dependency() -> Generator[None]:
        with sojourn.extract({"baggage": "session.id=theirs"}):
            yield

    opened = dependency()
    contextvars.copy_context().run(next, opened)
    contextvars.copy_context().run(opened.close)
    current = sojourn.current_session()

    assert current is not None
    assert current.session_id == "our own"
    client = get_client()
    assert client is not None
    assert client.visits.under_way() == []


def test_a_scope_around_does_not_decide_inside(home: Path) -> None:
    sojourn.init(auto_start_session=False)
    with sojourn.with_agentmark(session_id="around"), sojourn.extract({"baggage": "session.id=theirs"}):
        step("inside")
        with sojourn.with_agentmark(session_id="nearest"), sojourn.span("nearer"):
            pass

    assert sessions_of(home) == {"inside": "theirs", "nearer": "nearest"}
