"""Programs of AgentOps, of both eras, with the import line changed."""

from __future__ import annotations

import asyncio
import threading
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

import sojourn as agentops
from sojourn import semconv
from tests.core.journalled import read_home
from tests.core.recorded import Seen, steps

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from pathlib import Path

ACTION = {semconv.KIND: "action"}


def tool_facts(name: str, arguments: str, result: str | None = None) -> dict[str, Any]:
    told = {semconv.OPERATION: "execute_tool", semconv.TOOL_NAME: name, semconv.TOOL_CALL_ARGUMENTS: arguments}
    return told if result is None else {**told, semconv.TOOL_CALL_RESULT: result}


def begun() -> agentops.Session:
    return agentops.init()


# --- 0.3 --------------------------------------------------------------------------------------------------------------


def test_a_program_of_the_session_era_runs_unchanged(home: Path) -> None:
    session = agentops.init(api_key="11111111-1111-4111-8111-111111111111", default_tags=["nightly"], max_wait_time=50)

    @agentops.record_tool("search")
    def search(query: str, limit: int = 3) -> list[str]:
        return [query] * limit

    @agentops.record_action("research")
    def research(topic: str) -> int:
        return len(search(topic))

    assert research("tea") == 3
    agentops.record(agentops.ActionEvent("noted", params={"n": 1}))
    agentops.add_tags(["more"])
    cost = agentops.end_session("Success", end_state_reason="done")

    assert cost == "0.000000"
    assert session.tags == ["nightly", "more"]
    assert steps(home) == [
        Seen(
            "research",
            {**ACTION, semconv.INPUT: '{"topic":"tea"}', semconv.OUTPUT: "3"},
            children=[
                Seen("execute_tool search", tool_facts("search", '{"query":"tea","limit":3}', '["tea","tea","tea"]'))
            ],
        ),
        Seen("noted", {**ACTION, semconv.INPUT: '{"n":1}'}),
    ]


async def test_async_functions_and_generators_are_recorded_to_their_end(home: Path) -> None:
    begun()

    @agentops.record_action("wait")
    async def wait(n: int) -> int:
        await asyncio.sleep(0)
        return n

    @agentops.record_tool("count")
    def count(n: int) -> Generator[int, None, str]:
        yield from range(n)
        return "done"

    @agentops.record_tool("stream")
    async def stream() -> AsyncGenerator[str, None]:
        yield "a"
        yield "b"

    assert list(await asyncio.gather(wait(1), wait(2))) == [1, 2]
    assert list(count(2)) == [0, 1]
    assert [text async for text in stream()] == ["a", "b"]

    assert steps(home) == [
        Seen("wait", {**ACTION, semconv.INPUT: '{"n":1}', semconv.OUTPUT: "1"}),
        Seen("wait", {**ACTION, semconv.INPUT: '{"n":2}', semconv.OUTPUT: "2"}),
        Seen("execute_tool count", tool_facts("count", '{"n":2}', "[0,1]")),
        Seen("execute_tool stream", tool_facts("stream", "{}", '"ab"')),
    ]


def test_a_generator_left_early_ends_its_step_and_hides_nothing_from_its_consumer(home: Path) -> None:
    begun()

    @agentops.record_action("numbers")
    def numbers() -> Generator[int, str, None]:
        sent = yield 1
        assert sent == "hello"
        yield 2
        yield 3

    made = numbers()
    assert next(made) == 1
    with agentops.span("between"):
        assert made.send("hello") == 2
    made.close()

    first, second = steps(home)
    assert first == Seen("numbers", {**ACTION, semconv.INPUT: "{}", semconv.OUTPUT: "[1,2]", semconv.ABANDONED: True})
    assert second == Seen("between")


def test_an_exception_is_recorded_as_the_step_and_as_an_error_linked_to_it_and_raised_again(home: Path) -> None:
    session = begun()

    @agentops.record_tool("divide")
    def divide(a: int) -> float:
        return a / 0

    with pytest.raises(ZeroDivisionError) as caught:
        divide(1)
    session.record(agentops.ErrorEvent(exception=caught.value))

    [step] = steps(home)
    assert step.failed
    assert step.facts[semconv.ERROR_TYPE] == "ZeroDivisionError"
    first, _ = read_home(home).named(semconv.EXCEPTION_EVENT)
    assert first[semconv.EXCEPTION_MESSAGE] == "division by zero"
    assert first[semconv.TRIGGER_TYPE] == "tools"
    assert session.get_analytics()["Tool calls"] == 1


def test_one_failure_told_by_a_span_and_by_hand_is_one_error() -> None:
    session = begun()

    @agentops.record_action("fail")
    def fail(text: str) -> None:
        raise ValueError(text)

    for text in ("a", "b"):
        with pytest.raises(ValueError, match=text):
            fail(text)
    session.record(agentops.ErrorEvent(exception=ValueError("c")))

    assert session.event_counts == {"llms": 0, "tools": 0, "actions": 2, "errors": 3, "apis": 0}


def test_with_several_sessions_the_session_of_a_call_is_chosen_by_its_keyword(home: Path) -> None:
    agentops.init(auto_start_session=False)
    one, two = agentops.start_session(), agentops.start_session()

    @agentops.record_action("act")
    def act(n: int) -> None:
        if n < 0:
            raise ValueError("negative")

    act(1, session=one)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]  # as AgentOps documents it
    act(2)
    with pytest.raises(ValueError, match="negative"):
        act(-1, session=one)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]  # as AgentOps documents it
    one.patch(act)(4)

    assert [(seen.facts[semconv.INPUT], seen.session) for seen in steps(home)] == [
        ('{"n":1}', one.session_id),
        ('{"n":2}', two.session_id),
        ('{"n":-1}', one.session_id),
        ('{"n":4}', one.session_id),
    ]
    [error] = read_home(home).named(semconv.EXCEPTION_EVENT)
    assert error[semconv.SESSION_ID] == one.session_id


def test_a_function_with_a_session_parameter_of_its_own_gets_it() -> None:
    session = begun()

    @agentops.record_action("ask")
    def ask(session: object) -> object:
        return session

    assert ask(session=session) is session
    assert ask(session="mine") == "mine"


def test_agents_are_told_apart_by_the_running_context(home: Path) -> None:
    begun()

    @agentops.record_tool("look")
    def look() -> None: ...

    @agentops.track_agent(name="Finder")
    class Finder:
        @agentops.record_action("find")
        def find(self) -> None:
            look()

    @agentops.track_agent("Helper")
    def help_out() -> None:
        look()

    plain, named = Finder(), Finder(agentops_name="Second")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    plain.find()
    named.find()
    help_out()
    look()

    seen = steps(home)
    names = [(step.name, step.facts.get(semconv.AGENT_NAME)) for step in (*seen, *seen[0].children)]
    assert names == [
        ("find", "Finder"),
        ("find", "Second"),
        ("execute_tool look", "Helper"),
        ("execute_tool look", None),
        ("execute_tool look", "Finder"),
    ]
    assert seen[0].facts[semconv.AGENT_ID] == plain.agentops_agent_id  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    assert plain.agentops_agent_id != named.agentops_agent_id  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def test_create_agent_names_the_agent_of_later_events(home: Path) -> None:
    session = begun()
    agent_id = agentops.create_agent("Planner")
    assert agent_id is not None
    assert session.create_agent("Other", UUID(int=7)) == str(UUID(int=7))
    session.record(agentops.ActionEvent("plan", agent_id=agent_id))

    [step] = steps(home)
    assert step.facts == {**ACTION, semconv.AGENT_ID: agent_id, semconv.AGENT_NAME: "Planner"}


def test_sessions_are_found_by_text_and_by_uuid() -> None:
    session = begun()

    assert agentops.get_session(session.session_id) is session
    assert agentops.get_session(UUID(session.session_id)) is session
    assert agentops.get_session(uuid4()) is None


def test_end_all_sessions_ends_every_one() -> None:
    agentops.init(auto_start_session=False)
    sessions = [agentops.start_session() for _ in range(5)]

    agentops.end_all_sessions()

    assert [session.is_running for session in sessions] == [False] * 5


def test_a_session_has_what_programs_read_from_it(home: Path) -> None:
    session = begun()
    session.record(agentops.LLMEvent(model="m", cost=0.5), flush_now=True)
    assert [span.name for span in read_home(home).spans] == ["chat m"]
    session.attach("notes", b"tea")
    session.end_session("Success", video="http://127.0.0.1/v.mp4")

    assert session.token_cost == Decimal("0.5")
    assert session.video == "http://127.0.0.1/v.mp4"
    assert session.jwt is None
    assert session.host_env["python"]
    assert session.config == agentops.Configuration()
    agentops.flush(0)
    updates = read_home(home).named(semconv.SESSION_UPDATE)
    [attached] = [update for update in updates if semconv.SESSION_ATTACHMENT_NAME in update]
    assert attached[semconv.SESSION_ATTACHMENT_SIZE] == 3
    kept = home / "attachments" / attached[semconv.SESSION_ATTACHMENT_SHA256]
    assert kept.read_bytes() == b"tea"
    assert attached[semconv.SESSION_ATTACHMENT_PATH] == str(kept)
    assert any(update.get(semconv.SESSION_VIDEO) == "http://127.0.0.1/v.mp4" for update in updates)


def test_attaching_what_is_not_there_is_refused_in_words() -> None:
    with pytest.raises(FileNotFoundError, match="no such file"):
        begun().attach("log", "nowhere.txt")


def test_frameworks_cannot_end_a_session_that_its_owner_keeps() -> None:
    session = agentops.init(skip_auto_end_session=True)

    assert agentops.end_session("Success", is_auto_end=True) is None
    assert session.is_running
    agentops.end_session("Success")
    assert not session.is_running


def test_what_was_configured_ahead_holds_until_init_says_otherwise() -> None:
    agentops.configure(auto_start_session=False, default_tags=["b", "a"], endpoint="http://127.0.0.1:1")
    agentops.set_api_key("k")
    assert agentops.get_api_key() == "k"
    assert agentops.Client().initialize() is None

    session = agentops.start_session(tags="own")

    assert session.tags == ["a", "b", "own"]
    assert agentops.get_api_key() == "k"
    assert agentops.Client().current_session_ids == [session.session_id]
    with pytest.raises(RuntimeError, match="another api_key"):
        agentops.set_api_key("other")


@pytest.mark.parametrize("where", ["init", "configure"])
def test_unknown_options_are_named(where: str) -> None:
    with pytest.raises(TypeError, match="max_wait_tim"):
        getattr(agentops, where)(max_wait_tim=5)


def test_options_without_a_meaning_here_are_taken() -> None:
    session = agentops.init(
        parent_key="p",
        max_queue_size=10,
        app_url="http://127.0.0.1",
        fail_safe=True,
        log_level="DEBUG",
        exporter=None,
        trace_name="run",
    )

    assert session.name == "run"


def test_nothing_of_the_machine_is_told_when_the_program_opts_out(home: Path) -> None:
    session = agentops.init(env_data_opt_out=True)
    session.end_session("Success")
    agentops.shutdown()

    assert session.host_env == {}
    assert [update for update in read_home(home).events if semconv.SESSION_HOST in update[1]] == []


# --- 0.4 --------------------------------------------------------------------------------------------------------------


def test_a_program_of_the_trace_era_runs_unchanged(home: Path) -> None:
    session = begun()

    @agentops.tool(cost=0.25)
    def search(query: str) -> str:
        return query.upper()

    @agentops.guardrail(spec="input")
    def check(text: str) -> bool:
        return bool(text)

    @agentops.agent
    class Writer:
        def __init__(self, name: str) -> None:
            self.name = name

        @agentops.operation(name="draft", version=2, tags=["x"])
        def draft(self, topic: str) -> str:
            check(topic)
            return search(topic)

    @agentops.trace(name="turn")
    def turn() -> str:
        return Writer("w").draft("tea")

    assert isinstance(Writer, type)
    assert turn() == "TEA"

    assert steps(home) == [
        Seen(
            "turn",
            {
                semconv.KIND: "trace",
                semconv.INPUT: "{}",
                semconv.OUTPUT: '"TEA"',
                semconv.TRACE_END_STATE: "Success",
            },
            children=[
                Seen(
                    "invoke_agent Writer",
                    {semconv.OPERATION: "invoke_agent", semconv.AGENT_NAME: "Writer", semconv.INPUT: '{"name":"w"}'},
                    children=[
                        Seen(
                            "draft",
                            {
                                semconv.KIND: "operation",
                                semconv.AGENT_NAME: "Writer",
                                semconv.STEP_VERSION: "2",
                                semconv.TAGS: ["x"],
                                semconv.INPUT: '{"topic":"tea"}',
                                semconv.OUTPUT: '"TEA"',
                            },
                            children=[
                                Seen(
                                    "check",
                                    {
                                        semconv.KIND: "guardrail",
                                        semconv.AGENT_NAME: "Writer",
                                        semconv.GUARDRAIL_NAME: "check",
                                        semconv.GUARDRAIL_SPEC: "input",
                                        semconv.GUARDRAIL_PASSED: True,
                                        semconv.INPUT: '{"text":"tea"}',
                                        semconv.OUTPUT: "true",
                                    },
                                ),
                                Seen(
                                    "execute_tool search",
                                    {
                                        **tool_facts("search", '{"query":"tea"}', '"TEA"'),
                                        semconv.AGENT_NAME: "Writer",
                                        semconv.USAGE_COST: 0.25,
                                    },
                                ),
                            ],
                        )
                    ],
                )
            ],
        )
    ]
    assert session.end_session("Success") == "0.250000"


def test_separate_traces_are_separate_and_keep_their_end_state_however_it_is_spelled(home: Path) -> None:
    session = begun()
    outer = agentops.start_trace("outer", tags=["a"])
    inner = agentops.start_trace("inner", tags={"user": "u"})
    assert agentops.update_trace_metadata({"n": 1, "deep": {"k": [1]}})
    agentops.end_trace(inner, agentops.SUCCESS)
    with agentops.span("in outer"):
        pass
    agentops.end_trace(outer, "Failure")
    with agentops.start_trace("third"):
        pass
    with pytest.raises(KeyError), agentops.start_trace("fourth"):
        raise KeyError("k")
    agentops.start_trace("left open")
    agentops.start_trace("too")
    agentops.end_trace(end_state=agentops.TraceState.UNSET)

    roots = steps(home)
    states = {seen.name: seen.facts[semconv.TRACE_END_STATE] for seen in roots}
    assert states == {
        "outer": "Fail",
        "inner": "Success",
        "third": "Success",
        "fourth": "Fail",
        "left open": "Indeterminate",
        "too": "Indeterminate",
    }
    assert len({seen.trace for seen in roots}) == 6
    assert {seen.session for seen in roots} == {session.session_id}
    assert [child.name for child in roots[0].children] == ["in outer"]
    assert roots[0].facts[semconv.TAGS] == ["a"]
    prefix = semconv.METADATA_PREFIX
    assert {key: value for key, value in roots[1].facts.items() if key.startswith(prefix)} == {
        f"{prefix}user": "u",
        f"{prefix}n": 1,
        f"{prefix}deep": '{"k":[1]}',
    }
    assert not agentops.update_trace_metadata({"late": 1})


@pytest.mark.parametrize("ended_by", ["session", "process"])
def test_a_trace_left_open_ends_with_its_session_or_process(home: Path, ended_by: str) -> None:
    session = begun()
    agentops.start_trace("open")
    if ended_by == "session":
        session.end_session("Success")
    agentops.shutdown()

    [root] = steps(home)
    assert root.facts[semconv.TRACE_END_STATE] == ("Success" if ended_by == "session" else "Indeterminate")


async def test_concurrent_tasks_have_traces_of_their_own(home: Path) -> None:
    begun()

    @agentops.task
    async def work(n: int) -> int:
        await asyncio.sleep(0)
        return n

    @agentops.session
    async def turn(n: int) -> int:
        return await work(n)

    assert await asyncio.gather(*(turn(n) for n in range(4))) == [0, 1, 2, 3]

    roots = steps(home)
    assert len({root.trace for root in roots}) == 4
    assert [[child.facts[semconv.INPUT] for child in root.children] for root in roots] == [
        [f'{{"n":{n}}}'] for n in range(4)
    ]


def test_threads_carry_no_trace_over_but_their_session(home: Path) -> None:
    session = begun()

    @agentops.workflow(name="flow")
    def flow() -> None: ...

    with agentops.start_trace("turn"):
        thread = threading.Thread(target=flow)
        thread.start()
        thread.join()

    assert [(root.name, root.session) for root in steps(home)] == [
        ("turn", session.session_id),
        ("invoke_workflow flow", session.session_id),
    ]


def test_an_endpoint_is_a_trace_whose_request_may_be_left_out(home: Path) -> None:
    begun()

    @agentops.track_endpoint(capture_request=False)
    def handle(secret: str) -> str:
        return "ok"

    handle("s")

    [root] = steps(home)
    assert root.facts == {semconv.KIND: "endpoint", semconv.OUTPUT: '"ok"'}


def test_an_object_that_is_gone_has_ended_its_step(home: Path) -> None:
    begun()

    @agentops.agent(name="Short")
    class Short: ...

    made = Short()
    del made

    assert [seen.name for seen in steps(home)] == ["invoke_agent Short"]


def test_end_session_takes_a_session_in_place_of_a_state() -> None:
    session = agentops.start_session()
    agentops.end_session(session)

    assert not session.is_running


def test_decorated_code_runs_without_init_and_records_nothing(home: Path) -> None:
    @agentops.agent
    class Quiet:
        @agentops.operation
        def work(self) -> int:
            return 1

    @agentops.record_action("x")
    def act() -> int:
        return 2

    @agentops.task
    def numbers() -> Generator[int, None, None]:
        yield 3

    with agentops.span("nothing") as context:
        context.set_input("x")
        assert context.trace_id == "0" * 32
    assert (Quiet().work(), act(), list(numbers())) == (1, 2, [3])
    assert not home.exists()


def test_static_and_class_methods_are_recorded_too(home: Path) -> None:
    begun()

    class Tools:
        @agentops.tool
        @staticmethod
        def plain(n: int) -> int:
            return n

        @agentops.tool
        @classmethod
        def kind(cls, n: int) -> int:
            return n

    assert Tools.plain(1) + Tools().kind(2) == 3
    assert [seen.facts[semconv.TOOL_CALL_ARGUMENTS] for seen in steps(home)] == ['{"n":1}', '{"n":2}']
