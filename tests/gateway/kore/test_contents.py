"""What was said is read for what is shown alone, and at once; what nobody ever says is not looked for."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from sojourn_gateway.apis.kore import analysing
from tests.gateway.kore.chances import some_session
from tests.gateway.kore.reading import Kore, under
from tests.gateway.sender import SECOND, T0, span, trace_id, usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from sojourn_gateway.engine import Engine
    from sojourn_gateway.engine.backend import Row
    from tests.gateway.serving import Served

SEED = 2_211_221
DATES = {"fromDate": "2020-01-01T00:00:00Z", "toDate": "2200-01-01T00:00:00Z"}
MINUTE = 60 * SECOND


@pytest.fixture
def kore(gateway: Served) -> Kore:
    """The endpoints of a project that only this test sees."""
    return Kore(gateway)


@pytest.fixture
def contents(kore: Kore, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool]]:
    """Of each reading of contents, of how many steps they were, and whether what may be large was left out."""
    outlines = kore.gateway.services.queries.outlines
    read, found = outlines.spans, list[tuple[int, bool]]()

    def spans(project: str, steps: Any, *, lean: bool = False) -> Any:
        chosen = list(steps)
        if project == kore.gateway.project and chosen:
            found.append((len(chosen), lean))
        return read(project, chosen, lean=lean)

    monkeypatch.setattr(outlines, "spans", spans)
    return found


@pytest.fixture
def asked(kore: Kore, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Mapping[str, Any]]]:
    """What the engine is asked about this project, and with which values."""
    answer = engine.rows
    found: list[tuple[str, Mapping[str, Any]]] = []

    def rows(sql: str, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        if values is not None and values.get("project") == kore.gateway.project:
            found.append((sql, values))
        return answer(sql, values)

    monkeypatch.setattr(engine, "rows", rows)
    return found


def public(kore: Kore, part: str, **query: Any) -> dict[str, Any]:
    """A good answer of the public analytics."""
    answer = kore.gateway.get(f"/api/public/analytics/projects/{kore.gateway.project}/{part}", **{**DATES, **query})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def analytics(kore: Kore, part: str, **query: Any) -> dict[str, Any]:
    """A good answer of a project's analytics."""
    answer = kore.gateway.get(f"/api/projects/{kore.gateway.project}/analytics/{part}", **query)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()["data"]
    return told


def call(session: str, at_s: float, **more: Any) -> Span:
    """A call of a model that is a turn by itself."""
    said = {
        "gen_ai.input.messages": f'[{{"role":"user","content":"asked at {at_s}"}}]',
        "gen_ai.output.messages": f'[{{"role":"assistant","content":"answered at {at_s}"}}]',
    }
    return span(trace_id(), "chat", at_s=at_s, attributes=usage(**under(session__id=session)) | said | under(**more))


def test_a_conversation_of_many_sessions_is_read_at_once(kore: Kore, contents: list[tuple[int, bool]]) -> None:
    kore.keep(*(call(f"s{number:02}", number) for number in range(20)))

    told = public(kore, "conversation-history")["messages"]

    assert contents == [(20, False)]
    assert [(one["sessionId"], one["role"], one["content"]) for one in told] == [
        (f"s{number:02}", role, f"{did} at {number}")
        for number in range(20)
        for role, did in (("user", "asked"), ("assistant", "answered"))
    ]


def test_of_a_long_conversation_only_the_messages_of_a_page_are_read(
    kore: Kore, contents: list[tuple[int, bool]]
) -> None:
    kore.keep(*(call("long", 10 * number) for number in range(40)))

    told = public(kore, "conversation-history", limit=3, offset=41)["messages"]

    assert [one["content"] for one in told] == ["answered at 200", "asked at 210", "answered at 210"]
    assert contents == [(2, False)]


def test_the_pages_of_a_conversation_come_to_an_end_where_a_turn_lies_in_two_sessions(kore: Kore) -> None:
    turn = span(
        trace_id(), "turn", attributes=under(session__id="z", sojourn__kind="chain") | {"input.value": "asked of both"}
    )
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "look", "input.value": "looked for"}
    apart = span(turn.trace_id, "look", parent=turn, attributes=under(session__id="b") | tool)
    kore.keep(turn, apart, call("a", 0), call("y", 0))
    told = public(kore, "conversation-history")
    whole = [(one["sessionId"], one["id"]) for one in told["messages"]]
    assert told["totalRecords"] == len(whole)

    paged: list[tuple[str, str]] = []
    cursors: list[dict[str, str]] = [{}]
    while len(cursors) < 12:
        page = public(kore, "conversation-history", limit=1, **cursors[-1])
        paged += [(one["sessionId"], one["id"]) for one in page["messages"]]
        assert page["hasMore"] is (page["nextCursor"] is not None)
        if page["nextCursor"] is None:
            break
        cursors.append({"cursor": page["nextCursor"]})

    assert paged == whole
    assert len(cursors) < 12


def test_a_stream_of_many_turns_is_read_at_once(kore: Kore, contents: list[tuple[int, bool]]) -> None:
    kore.keep(*(call(f"s{number % 4}", number) for number in range(20)))

    told = public(kore, "traces")["traces"]

    assert len(told) == 20
    assert contents == [(20, False)]


def test_what_tools_were_asked_stands_in_the_stream_of_any_order(kore: Kore) -> None:
    spans: list[Span] = []
    for number in range(3):
        turn = span(trace_id(), "turn", at_s=number, attributes=under(session__id="s", sojourn__kind="chain"))
        spans.append(turn)
        for name in ("first", "second"):
            tool = {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": f"{name} {number}",
                "gen_ai.tool.call.arguments": f'{{"of":"{name} {number}"}}',
            }
            spans.append(span(turn.trace_id, name, parent=turn, at_s=number, attributes=under(session__id="s") | tool))
    kore.keep(*spans)

    for order in ("asc", "desc"):
        told = public(kore, "traces", dataMode="full", sortOrder=order)["traces"]
        shown = [one["eventData"] for trace in told for one in trace["events"]]
        assert len(shown) == 6
        for one in shown:
            assert one["payloadData"]["input"] == {"of": one["toolName"]}


def test_the_analysis_of_a_large_session_says_what_that_of_a_small_one_does(
    kore: Kore, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(SEED)
    tools = [
        span(
            trace_id(),
            "tool",
            at_s=number,
            attributes=under(session__id="look", gen_ai__operation__name="execute_tool", gen_ai__tool__name="look")
            | {"gen_ai.tool.call.arguments": "{}", "gen_ai.tool.call.result": f'"seen{word}"'},
        )
        for number, word in enumerate(("read", "unread"))
    ]
    prompt = {"gen_ai.input.messages": '[{"role":"user","content":"what of seenread?"}]'}
    reads = span(trace_id(), "chat", at_s=5, attributes=usage(**under(session__id="look")) | prompt)
    kore.keep(*(step for number in range(4) for step in some_session(chance, f"s{number}")), *tools, reads)
    paths = ["/look/analysis", *(f"/s{number}/analysis" for number in range(4))]
    small = [kore.told(path) for path in paths]

    monkeypatch.setattr(analysing, "_FEW", 0)
    monkeypatch.setattr(analysing, "_WHOLE_AT_ONCE", 2)

    assert [kore.told(path) for path in paths] == small
    unused = {one["id"]: one["spanIds"] for one in small[0]["analysis"]["suggestions"]}
    assert unused == {"unused_tool_output:look": [tools[1].span_id.hex()]}


def test_the_analysis_reads_no_prompt_that_no_rule_looks_at(
    kore: Kore, contents: list[tuple[int, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysing, "_FEW", 0)
    kore.keep(*(call("talk", number) for number in range(10)))

    assert kore.told("/talk/analysis")["analysis"]["summary"]["healthy"] is True
    assert contents
    assert all(lean for _, lean in contents)


def test_names_that_no_step_says_are_not_looked_for_until_one_does(
    kore: Kore, asked: list[tuple[str, Mapping[str, Any]]]
) -> None:
    kore.keep(call("plain", 0))

    def groups(name: str) -> dict[str | None, int]:
        return {one[name]: one["count"] for one in analytics(kore, "metrics", groupBy=name)["buckets"]}

    def looked_for(word: str) -> int:
        return sum(word in sql for sql, _ in asked)

    assert groups("agent_name") == {None: 2}
    assert groups("channel") == {"api": 2}
    assert "escalated" not in analytics(kore, "session-metrics")["sessions_by_status"]
    assert looked_for("metadata.channel']") == looked_for("metadata.disposition']") == looked_for("recursive") == 0

    kore.keep(call("told", 0, gen_ai__agent__name="Ada", sojourn__metadata__channel="voice"))
    kore.keep(call("gone", 0, agentmark__metadata__disposition="transferred"))

    assert groups("agent_name") == {None: 4, "Ada": 2}
    assert groups("channel") == {"api": 4, "voice": 2}
    assert analytics(kore, "session-metrics")["sessions_by_status"]["escalated"] == 1
    assert looked_for("recursive") == 1


def test_steps_behind_the_time_that_is_asked_for_are_not_looked_at(
    kore: Kore, asked: list[tuple[str, Mapping[str, Any]]]
) -> None:
    kore.keep(*(call(f"at {at_s}", at_s) for at_s in (0, 7200)))
    happenings = kore.gateway.services.queries.happenings

    talk = happenings.messages(kore.gateway.project, T0, T0 + MINUTE, (), limit=10, offset=0)

    assert [one.session_id for one in talk.items] == ["at 0"]
    assert {values["latest"] for _, values in asked if "latest" in values} == {T0 // MINUTE}
