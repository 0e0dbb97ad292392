"""Sums of sessions and traces: each span once, whatever is sent again, replaced, late or out of order."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from sojourn_gateway.engine import rollup
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.model.session import SessionsAsk
from sojourn_gateway.model.trace import TracesAsk
from sojourn_gateway.model.usage import Cost, Tokens
from tests.gateway.sender import CHAT, SECOND, T0, end, event, span, trace_id, usage

if TYPE_CHECKING:
    from tests.gateway.sender import Store

IN_S = {"session.id": "s"}


def copy(sent: Span) -> Span:
    again = Span()
    again.CopyFrom(sent)
    return again


def pending(sent: Span) -> Span:
    """The same span as it was before it ended."""
    open_span = copy(sent)
    open_span.end_time_unix_nano = 0
    open_span.attributes.add(key="sojourn.pending").value.bool_value = True
    return open_span


def test_a_session_sums_its_spans(store: Store) -> None:
    trace = trace_id()
    root = span(trace, "answer", lasts_s=9, attributes={**IN_S, "sojourn.kind": "action", "user.id": "u"})
    store.send(
        root,
        span(trace, "chat", parent=root, at_s=1, attributes=usage(1000, 100)),
        span(trace, "chat", parent=root, at_s=3, attributes=usage(500, 50)),
        span(trace, "look up", parent=root, at_s=5, attributes={"gen_ai.operation.name": "execute_tool"}),
        resource={"service.instance.id": "i-1"},
    )
    summary = store.session("s").summary
    assert summary == replace(
        summary,
        id="s",
        name="answer",
        start_ns=T0,
        end_ns=T0 + 9 * SECOND,
        user_id="u",
        trace_count=1,
        span_count=4,
        model_calls=2,
        tool_calls=1,
        actions=1,
        errors=0,
        tokens=Tokens(1500, 150),
        cost=Cost(Decimal("0.000315")),
        models=("gpt-4o-mini-2024-07-18",),
        process_count=1,
        implicit=False,
    )


def test_sending_again_changes_nothing(store: Store) -> None:
    trace = trace_id()
    root = span(trace, "root", attributes=IN_S)
    calls = [span(trace, "chat", parent=root, at_s=n, attributes=usage()) for n in range(5)]
    store.send(root, *calls)
    once = store.session("s")
    store.send(root, *calls)
    store.send(calls[3])
    assert store.session("s") == once
    assert [one.span_count for one in store.queries.traces(store.project, TracesAsk()).items] == [6]


def test_a_span_sent_again_with_another_start_is_still_one_span(store: Store) -> None:
    trace = trace_id()
    sent = span(trace, attributes={**IN_S, **usage()})
    moved = copy(sent)
    moved.start_time_unix_nano += 3 * 3600 * SECOND
    moved.end_time_unix_nano += 3 * 3600 * SECOND
    store.send(sent)
    store.send(moved)
    found = store.session("s")
    assert (found.summary.span_count, found.summary.tokens.input) == (1, 100)
    assert [one.start_ns for one in found.spans] == [moved.start_time_unix_nano]


@pytest.mark.parametrize("order", ["pending first", "finished first", "together"])
def test_the_finished_span_replaces_the_pending_one(store: Store, order: str) -> None:
    finished = span(trace_id(), "done", attributes={**IN_S, **usage()})
    before = pending(finished)
    before.name = "underway"
    match order:
        case "pending first":
            store.send(before)
            assert [one.end_ns for one in store.session("s").spans] == [None]
            store.send(finished)
        case "finished first":
            store.send(finished)
            store.send(before)
        case _:
            store.send(finished, before)
    found = store.session("s")
    assert [(one.name, one.end_ns) for one in found.spans] == [("done", finished.end_time_unix_nano)]
    assert found.summary.span_count == 1


def test_children_may_come_before_their_parents_and_in_other_batches(store: Store) -> None:
    trace = trace_id()
    root = span(trace, "root", attributes=IN_S, lasts_s=20)
    child = span(trace, "child", parent=root, at_s=1)
    leaf = span(trace, "leaf", parent=child, at_s=2, attributes=usage())
    store.send(leaf)
    # Nothing said yet which session this is.
    assert [(one.id, one.implicit) for one in store.list(include_implicit=True)] == [(trace.hex(), True)]
    store.send(child)
    store.send(root)
    assert [(one.id, one.implicit, one.span_count) for one in store.list(include_implicit=True)] == [("s", False, 3)]
    assert store.session("s").summary.name == "root"


def test_a_late_span_counts_and_does_not_reopen_the_session(store: Store) -> None:
    store.send(span(trace_id(), attributes={**IN_S, **usage()}))
    store.tell(event("session.start", "s"), end("s", "Success", at_s=10))
    store.send(span(trace_id(), at_s=4000, attributes={**IN_S, **usage()}))
    summary = store.session("s").summary
    assert (summary.state, summary.end_ns, summary.span_count) == ("Success", T0 + 10 * SECOND, 2)


def test_a_trace_longer_than_a_day_is_summed_whole(store: Store) -> None:
    trace = trace_id()
    root = span(trace, attributes=IN_S, lasts_s=100_000)
    store.send(root)
    for hours in (5, 11, 26):
        store.send(span(trace, parent=root, at_s=hours * 3600, attributes=usage()))
    assert store.session("s").summary.tokens == Tokens(300, 30)
    assert store.session("s").summary.span_count == 4


def test_spans_take_their_nearest_ancestors_session_and_count_once(store: Store) -> None:
    trace = trace_id()
    root = span(trace, "root", attributes={"session.id": "outer"}, lasts_s=30)
    inner = span(trace, "inner", parent=root, at_s=1, attributes={"session.id": "inner"})
    leaf = span(trace, "leaf", parent=inner, at_s=2, attributes=usage(1000, 1))
    beside = span(trace, "beside", parent=root, at_s=3, attributes=usage(10, 1))
    orphan = span(trace, "orphan", parent=b"nobody!!", at_s=4, attributes=usage(1, 1))
    store.send(leaf, beside, orphan, inner, root)

    outer, other = store.session("outer"), store.session("inner")

    assert [one.name for one in outer.spans] == ["root", "beside", "orphan"]
    assert [one.name for one in other.spans] == ["inner", "leaf"]
    assert (outer.summary.tokens.input, other.summary.tokens.input) == (11, 1000)
    assert (outer.summary.span_count, other.summary.span_count) == (3, 2)
    page = store.queries.traces(store.project, TracesAsk())
    assert [(one.id, one.tokens.input, one.span_count, one.session_ids) for one in page.items] == [
        (trace.hex(), 1011, 5, ("inner", "outer"))
    ]
    assert [one.tokens.input for one in store.queries.session_traces(store.project, "inner", 10, 0).items[0].spans] == [
        0,
        1000,
    ]


def test_a_trace_that_moves_to_another_session_leaves_the_first(store: Store) -> None:
    trace = trace_id()
    root = span(trace, attributes={"session.id": "old"})
    store.send(root, span(trace, parent=root, attributes=usage()))
    assert [one.id for one in store.list()] == ["old"]
    moved = copy(root)
    del moved.attributes[:]
    moved.attributes.add(key="session.id").value.string_value = "new"
    store.send(moved)
    assert [(one.id, one.span_count) for one in store.list(include_implicit=True)] == [("new", 2)]
    assert store.queries.session(store.project, "old") is None


def test_a_trace_without_a_session_is_one_under_its_own_id(store: Store) -> None:
    trace = trace_id()
    store.send(span(trace, "alone", attributes=usage()))
    assert store.list() == ()
    summary = store.list(include_implicit=True)[0]
    assert (summary.id, summary.implicit, summary.name, summary.model_calls) == (trace.hex(), True, "alone", 1)
    found = store.session(trace.hex())
    assert [(one.name, one.session_id) for one in found.spans] == [("alone", None)]


def test_a_span_names_its_session_where_no_fact_of_the_session_does(store: Store) -> None:
    first = span(trace_id(), "turn", attributes={"session.id": "a"})
    named = span(trace_id(), "later", at_s=5, attributes={"session.id": "a", "agentmark.session_name": "Holiday"})
    told = {"session.id": "b", "ai.telemetry.metadata.session_name": "by a span"}
    store.send(first, span(trace_id(), attributes=told))
    assert store.session("a").summary.name == "turn"
    store.send(named)
    store.tell(event("session.start", "b", sojourn__session__name="by a fact"))
    assert {one.id: one.name for one in store.list()} == {"a": "Holiday", "b": "by a fact"}


@pytest.mark.parametrize(
    ("said", "state"), [("Success", "Success"), ("Failure", "Fail"), ("error", "Fail"), ("Shutdown", "Indeterminate")]
)
def test_the_root_of_a_trace_without_a_session_says_how_it_ended(store: Store, said: str, state: str) -> None:
    trace = trace_id()
    root = span(trace, "root", attributes={"agentops.session.end_state": said}, lasts_s=9)
    # A trace inside the trace has ended before.
    child = span(trace, "child", parent=root, at_s=1, attributes={"agentops.session.end_state": "Success"})
    store.send(child)
    # Silent for long, and judged by nobody.
    assert store.session(trace.hex()).summary.state == "Indeterminate"
    store.send(root)
    summary = store.session(trace.hex()).summary
    assert (summary.state, summary.end_ns) == (state, root.end_time_unix_nano)


def test_a_trace_in_a_session_does_not_end_the_session(store: Store) -> None:
    store.send(span(trace_id(), attributes={"session.id": "s", "agentops.session.end_state": "Success"}))
    assert store.session("s").summary.state == "Indeterminate"


def test_how_far_sums_came_survives_a_kill(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollup, "REMEMBER_NS", 0)
    store.send(span(trace_id(), attributes=IN_S))
    kept = store.engine.rows(f"select value from {DATABASE}.marks final where name = 'rolled up'")
    assert [value for (value,) in kept] == [store.engine.rolled_up]


@pytest.mark.parametrize("between", [0, 1, 3])
def test_usage_of_a_call_inside_a_call_counts_once(store: Store, between: int) -> None:
    trace = trace_id()
    outer = span(trace, "framework", attributes={**IN_S, **usage(100, 10)}, lasts_s=30)
    chain = [outer]
    for n in range(between):
        chain.append(span(trace, f"step {n}", parent=chain[-1], at_s=1 + n))
    inner = span(trace, "provider", parent=chain[-1], at_s=9, attributes=usage(101, 10))
    store.send(*chain, inner)
    summary = store.session("s").summary
    assert (summary.tokens, summary.model_calls) == (Tokens(101, 10), 1)
    assert summary.cost.usd == store.session("s").spans[-1].cost


def test_a_tool_below_the_call_that_asked_for_it_makes_no_trace_a_special_one(store: Store) -> None:
    """Most agents record it so, and working out the place of each span takes as long as all the other sums."""
    trace = trace_id()
    root = span(trace, "agent", attributes=IN_S, lasts_s=30)
    call = span(trace, "call", parent=root, at_s=1, attributes=usage(100, 10), lasts_s=20)
    tool = span(trace, "tool", parent=call, at_s=2, attributes={"gen_ai.operation.name": "execute_tool"}, lasts_s=9)
    store.send(root, call, tool, span(trace, "call", parent=root, at_s=22, attributes=usage(7, 3)))
    places = f"select count() from {DATABASE}.places where project = {{project:String}}"
    assert store.engine.rows(places, {"project": store.project}) == [(0,)]
    summary = store.session("s").summary
    assert (summary.tokens, summary.model_calls, summary.tool_calls) == (Tokens(107, 13), 2, 1)
    # A call below that tool, however late: one call, seen twice.
    store.send(span(trace, "inner", parent=tool, at_s=3, attributes=usage(50, 5)))
    summary = store.session("s").summary
    assert (summary.tokens, summary.model_calls, summary.tool_calls) == (Tokens(57, 8), 2, 1)


def test_a_span_that_is_in_one_request_twice_counts_once(store: Store) -> None:
    call = span(trace_id(), attributes={**IN_S, **usage(100, 10)})
    store.send(call, copy(call))
    summary = store.session("s").summary
    assert (summary.span_count, summary.tokens, summary.model_calls) == (1, Tokens(100, 10), 1)


def test_usage_of_the_outer_call_counts_when_the_inner_one_reports_none(store: Store) -> None:
    trace = trace_id()
    outer = span(trace, "framework", attributes={**IN_S, **usage(100, 10)}, lasts_s=30)
    store.send(outer, span(trace, "provider", parent=outer, at_s=1, attributes=CHAT))
    summary = store.session("s").summary
    assert (summary.tokens.input, summary.model_calls) == (100, 1)


def test_spans_in_a_circle_are_kept_and_counted(store: Store) -> None:
    trace = trace_id()
    one = span(trace, "one", attributes={**IN_S, **usage()}, span_id=b"aaaaaaaa", parent=b"bbbbbbbb")
    two = span(trace, "two", attributes={"session.id": "t", **usage()}, span_id=b"bbbbbbbb", parent=b"aaaaaaaa")
    store.send(one, two, span(trace, "self", span_id=b"cccccccc", parent=b"cccccccc"))
    assert sum(summary.span_count for summary in store.list()) == 3


def test_one_error_on_its_way_up_is_one_error(store: Store) -> None:
    trace = trace_id()
    failed = {**IN_S, "error.type": "ValueError"}
    root = span(trace, "root", attributes=failed, error="no")
    middle = span(trace, "middle", parent=root, attributes=failed, error="no")
    leaf = span(trace, "leaf", parent=middle, attributes=failed, error="no")
    other = span(trace, "other", parent=root, attributes={"error.type": "KeyError"}, error="other")
    store.send(root, middle, leaf, other)
    assert store.session("s").summary.errors == 2


def test_of_more_failures_than_are_looked_through_none_is_lost(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollup, "_MOST", 2)
    trace = trace_id()
    root = span(trace, "passes on", attributes={"session.id": "s", "error.type": "ValueError"}, error="no")
    store.send(root, *(span(trace, parent=root, attributes={"error.type": "ValueError"}, error="no") for _ in range(4)))

    # The one that was passed on counts as well when it is not among those that are looked through.
    assert store.session("s").summary.errors in (4, 5)


def test_costs_tell_reported_priced_and_unpriced_apart(store: Store) -> None:
    trace = trace_id()
    store.send(
        span(trace, "reported", at_s=0, attributes={**IN_S, **usage(10, 1), "sojourn.usage.cost": 0.1}),
        span(trace, "priced", at_s=1, attributes=usage(1_000_000, 0)),
        span(trace, "by request", at_s=2, attributes={**usage(1_000_000, 0), "gen_ai.response.model": "local-model"}),
        span(
            trace,
            "unpriced",
            at_s=3,
            attributes={**usage(5, 5), "gen_ai.request.model": "x", "gen_ai.response.model": "x"},
        ),
        span(trace, "partial", at_s=4, attributes={**usage(9, 0), "gen_ai.usage.audio.input_tokens": 9}),
        span(trace, "none", at_s=5, attributes=CHAT),
        span(trace, "free", at_s=6, attributes={**CHAT, "sojourn.usage.cost": 0.0}),
    )
    found = store.session("s")
    assert [(one.name, one.cost_source, one.cost) for one in found.spans] == [
        ("reported", "reported", Decimal("0.1")),
        ("priced", "priced", Decimal("0.15")),
        ("by request", "priced", Decimal("0.15")),
        ("unpriced", "unpriced", None),
        ("partial", "partial", Decimal("0.00000135")),
        ("none", "none", None),
        ("free", "reported", Decimal(0)),
    ]
    assert found.summary.cost == Cost(Decimal("0.40000135"), unpriced=1, partial=1)
    assert found.summary.tokens.input == 2_000_024
    assert store.queries.facts(store.project).unpriced_models == ("x",)


def test_a_tool_that_says_what_it_costs_is_paid_for_beside_the_calls_in_it(store: Store) -> None:
    trace = trace_id()
    paid = {**IN_S, "gen_ai.operation.name": "execute_tool", "sojourn.usage.cost": 0.01}
    tool = span(trace, "search", attributes=paid)
    store.send(tool, span(trace, "chat", parent=tool, attributes={**usage(1000, 100), "sojourn.usage.cost": 0.002}))
    summary = store.session("s").summary
    assert (summary.cost, summary.model_calls, summary.tool_calls) == (Cost(Decimal("0.012")), 1, 1)


def test_a_session_with_unpriced_calls_only_has_no_cost(store: Store) -> None:
    store.send(
        span(trace_id(), attributes={**IN_S, **usage(), "gen_ai.request.model": "x", "gen_ai.response.model": "x"})
    )
    assert store.session("s").summary.cost == Cost(None, unpriced=1)


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-4o", "openai"),
        ("claude-sonnet-4-5", "anthropic"),
        ("gemini-2.5-pro", "gcp.gemini"),
        ("deepseek-chat", "deepseek"),
        ("grok-4", "x_ai"),
        ("sonar-pro", "perplexity"),
    ],
)
@pytest.mark.parametrize("tokens", [1_000, 250_000])
def test_sums_cost_what_their_spans_cost(store: Store, model: str, provider: str, tokens: int) -> None:
    trace = trace_id()
    attributes: dict[str, Any] = {
        **IN_S,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
        "gen_ai.usage.output_tokens": 321,
        "gen_ai.usage.cache_read.input_tokens": 17,
        "gen_ai.usage.cache_write.input_tokens": 11,
        "gen_ai.usage.reasoning.output_tokens": 100,
    }
    store.send(
        *(
            span(trace, at_s=at_s, attributes={**attributes, "gen_ai.usage.input_tokens": tokens + at_s})
            # Prices by the hour of the day change between these.
            for at_s in range(0, 86_400, 7_200)
        )
    )
    found = store.session("s")
    assert found.summary.cost.usd == sum(one.cost or 0 for one in found.spans)
    assert found.summary.cost.unpriced == 0


def test_the_store_counts_itself(store: Store) -> None:
    assert store.queries.facts(store.project).last_received_ns is None
    trace = trace_id()
    store.send(span(trace, attributes=IN_S), span(trace), span(trace_id()))
    store.tell(event("session.start", "s"), event("something else", "s"))
    facts = store.queries.facts(store.project)
    assert (facts.sessions, facts.traces, facts.spans, facts.logs) == (1, 2, 3, 2)
    assert facts.last_received_ns is not None


def test_lists_show_the_first_question_and_the_last_answer(store: Store) -> None:
    trace = trace_id()
    said = '{"role":"user","parts":[{"type":"text","content":"why?"}]}'
    question = f'[{{"role":"system","parts":[{{"type":"text","content":"rules"}}]}},{said}]'
    later = '[{"role":"user","content":"and then?"}]'
    answer = '[{"role":"assistant","parts":[{"type":"tool_call","name":"t"},{"type":"text","text":"because"}]}]'
    store.send(
        span(
            trace,
            attributes={**IN_S, "sojourn.kind": "chain", "sojourn.input": '{"a":1}', "sojourn.output": "raw"},
            lasts_s=9,
        ),
        span(trace, at_s=1, attributes={**CHAT, "gen_ai.input.messages": question, "gen_ai.output.messages": "[]"}),
        span(trace, at_s=2, attributes={**CHAT, "gen_ai.input.messages": later, "gen_ai.output.messages": answer}),
    )
    summary = store.session("s").summary
    assert (summary.first_input, summary.last_output) == ("why?", "because")
    ask = SessionsAsk(search="S")
    assert store.queries.sessions(store.project, ask).total == 1
