"""Tags that spans bear: on their traces and sessions, by every spelling, and as filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sojourn_gateway.engine import dialects
from sojourn_gateway.model.session import SessionsAsk
from sojourn_gateway.model.spans_ask import SpansAsk
from sojourn_gateway.model.trace import TracesAsk
from sojourn_gateway.model.where import Among, Compare, Field
from tests.gateway.sender import event, span, trace_id

if TYPE_CHECKING:
    from sojourn_gateway.model.where import Where
    from tests.gateway.sender import Store

TAGS = Field("tags", "tags")


def bearing(session: str, **tags: Any) -> dict[str, Any]:
    return {"session.id": session, **{name.replace("__", "."): value for name, value in tags.items()}}


def tags_of_session(store: Store, session: str = "s") -> tuple[str, ...]:
    return store.session(session).summary.tags


def tags_of_traces(store: Store) -> list[tuple[str, ...]]:
    page = store.queries.traces(store.project, TracesAsk(sort_by="start_time", descending=False))
    return [trace.tags for trace in page.items]


SAID: tuple[tuple[object, tuple[str, ...]], ...] = (
    (["b", "a", "b"], ("a", "b")),
    ('["a", " b "]', ("a", "b")),
    (" a, b ,, a", ("a", "b")),
    ("one", ("one",)),
    ("", ()),
    ([], ()),
    (["", "  ", "\t"], ()),
    ([" with blanks\n"], ("with blanks",)),
    (["é" * 100, "é" * 101, "after"], ("after", "é" * 100)),
    (["x" * 20_000, "behind a long one"], ("behind a long one",)),
    (["x" * 3_000_000, "behind a huge one"], ()),
    # Of the second, half stands in front of where reading ends.
    (["x" * 65_480, "y" * 80], ()),
    ([1, True, ["nested"], "text", {"a": "b"}], ("text",)),
    ({"a": "b"}, ()),
    (b"\x0a\x03\x0a\x01a", ()),
    (7, ()),
    ("[not JSON", ()),
    (["=1+1", "<b>", "a,b", "\u202e", "\x00"], ("\x00", "<b>", "=1+1", "a,b", "\u202e")),
)
"""What an attribute says, and the tags that it stands for."""


def test_every_spelling_is_read(store: Store) -> None:
    store.send(*(span(trace_id(), name, attributes={name: ["vip", "refund"]}) for name in dialects.TAGS))
    assert set(tags_of_traces(store)) == {("refund", "vip")}
    assert store.queries.traces(store.project, TracesAsk()).total == len(dialects.TAGS) == 7


def test_what_is_no_tag_is_left_out(store: Store) -> None:
    store.send(
        *(
            span(trace_id(), "turn", at_s=number, attributes={"session.id": f"s{number:02d}", "agentmark.tags": said})
            for number, (said, _) in enumerate(SAID)
        )
    )
    read = [tags for _, tags in SAID]
    assert tags_of_traces(store) == read
    assert [session.tags for session in store.list(sort_by="id", descending=False)] == read


def test_the_first_twenty_of_a_span_count(store: Store) -> None:
    many = [f"t{number:02d}" for number in range(30)]
    store.send(span(trace_id(), "turn", attributes={"session.id": "s", "agentmark.tags": ["", *many]}))
    assert tags_of_session(store) == tuple(many[:20])


def test_a_trace_has_those_of_all_its_spans_and_a_session_those_of_all_its_traces(store: Store) -> None:
    first, second = trace_id(), trace_id()
    root = span(first, "turn", attributes=bearing("s", agentmark__tags=["b"], agentops__tags=["a"]))
    store.send(root, span(first, "step", parent=root, at_s=1, attributes={"sojourn.tags": ["c", "b"]}))
    store.send(span(second, "turn", at_s=10, attributes=bearing("s", tag__tags=["d"])))

    assert tags_of_traces(store) == [("a", "b", "c"), ("d",)]
    assert tags_of_session(store) == ("a", "b", "c", "d")
    listed = store.queries.sessions(store.project, SessionsAsk())
    assert [session.tags for session in listed.items] == [("a", "b", "c", "d")]


def test_what_is_told_of_a_session_stands_first_and_on_each_of_its_traces(store: Store) -> None:
    store.tell(event("session.start", "s", sojourn__session__tags=["told"]))
    store.send(span(trace_id(), "turn", attributes=bearing("s", agentmark__tags=["a"])))
    store.send(span(trace_id(), "turn", at_s=10, attributes=bearing("s", agentmark__tags=["b", "told"])))

    assert tags_of_session(store) == ("told", "a", "b")
    assert tags_of_traces(store) == [("told", "a"), ("told", "b")]

    # What is told anew takes the place of what was told, not of what spans bear.
    store.tell(event("sojourn.session.update", "s", at_s=20, sojourn__session__tags=["new"]))
    assert tags_of_session(store) == ("new", "a", "b", "told")


def test_a_span_that_is_sent_again_says_its_tags_anew(store: Store) -> None:
    trace = trace_id()
    store.send(span(trace, "turn", span_id=b"turn-001", attributes=bearing("s", agentmark__tags=["old", "same"])))
    store.send(span(trace, "turn", span_id=b"turn-001", attributes=bearing("s", agentmark__tags=["same"])))
    assert tags_of_session(store) == ("same",)
    assert tags_of_traces(store) == [("same",)]


def test_a_trace_in_two_sessions_shows_all_and_each_session_its_own(store: Store) -> None:
    trace = trace_id()
    root = span(trace, "turn", attributes=bearing("s", agentmark__tags=["a"]))
    store.send(root, span(trace, "step", parent=root, at_s=1, attributes=bearing("t", agentmark__tags=["b"])))

    assert tags_of_traces(store) == [("a", "b")]
    assert (tags_of_session(store, "s"), tags_of_session(store, "t")) == (("a",), ("b",))


def test_a_trace_without_a_session_has_its_own(store: Store) -> None:
    trace = trace_id()
    store.send(span(trace, "turn", attributes={"agentops.tags": ["a"]}))
    assert tags_of_session(store, trace.hex()) == ("a",)


def test_lists_are_filtered_by_the_tags_that_spans_bear(store: Store) -> None:
    store.tell(event("session.start", "told", sojourn__session__tags=["vip"]))
    store.send(span(trace_id(), "of a told one", attributes=bearing("told")))
    root = span(trace := trace_id(), "bearing", at_s=1, attributes=bearing("borne", agentmark__tags=["vip", "x"]))
    store.send(root, span(trace, "inside", parent=root, at_s=2))
    store.send(span(trace_id(), "plain", at_s=3, attributes=bearing("plain")))

    def sessions(where: Where | None = None, **asked: Any) -> set[str]:
        page = store.queries.sessions(store.project, SessionsAsk(where=where, **asked))
        return {session.id for session in page.items}

    def traces(where: Where | None = None, **asked: Any) -> set[str]:
        page = store.queries.traces(store.project, TracesAsk(where=where, **asked))
        return {trace.name for trace in page.items}

    def spans(where: Where) -> set[str]:
        return {one.name for one in store.queries.spans(store.project, SpansAsk(where=where)).items}

    vip, no_x = Compare(TAGS, "equals", "vip"), Compare(TAGS, "notEquals", "x")
    assert sessions(tag="vip") == sessions(vip) == {"told", "borne"}
    assert sessions(tag="x") == {"borne"}
    assert sessions(no_x) == {"told", "plain"}
    assert traces(tags=("vip",)) == traces(vip) == {"of a told one", "bearing"}
    assert traces(tags=("x", "y")) == traces(Among(TAGS, ("x", "y"), negated=False)) == {"bearing"}
    assert traces(no_x) == {"of a told one", "plain"}
    assert traces(tags=("vip",), session_id="borne") == {"bearing"}
    # A span has its own, and those told of its session.
    assert spans(vip) == {"of a told one", "bearing"}
    assert spans(Compare(TAGS, "contains", "VI")) == {"of a told one", "bearing"}
    assert spans(no_x) == {"of a told one", "inside", "plain"}
