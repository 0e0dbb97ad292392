"""The life of a session, through the public names, read back from the journal."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

import sojourn
from sojourn import semconv
from sojourn.session import present_duration
from tests.core.journalled import Journalled, plain, read_home

if TYPE_CHECKING:
    from pathlib import Path


def begun() -> sojourn.Session:
    session = sojourn.init()
    assert session is not None
    return session


def journalled(home: Path) -> Journalled:
    sojourn.flush(0)
    return read_home(home)


def test_init_starts_a_session_whose_id_is_a_uuid_as_text_and_as_object() -> None:
    session = begun()

    assert isinstance(session.session_id, str)
    assert session.session_id == UUID(session.session_id)
    assert session.is_running
    assert session.end_state == "Indeterminate"


def test_a_second_init_returns_the_running_session() -> None:
    session = begun()

    assert sojourn.init() is session


def test_a_second_init_adds_its_tags() -> None:
    session = begun()
    sojourn.init(tags=["late"])

    assert session.tags == ["late"]


def test_a_second_init_with_another_inherited_id_joins_that_session() -> None:
    first = begun()
    second = sojourn.init(inherited_session_id="other")

    assert second is not None
    assert second.session_id == "other"
    assert first.is_running


@pytest.mark.parametrize("change", [{"endpoint": "http://127.0.0.1:1"}, {"api_key": "k"}])
def test_a_second_init_with_another_endpoint_or_key_is_refused_in_words(change: dict[str, str]) -> None:
    begun()

    with pytest.raises(RuntimeError, match="already runs with another"):
        sojourn.init(**change)  # type: ignore[call-overload]  # one keyword of text each


def test_without_auto_start_the_inherited_id_is_kept_for_the_next_start() -> None:
    assert sojourn.init(auto_start_session=False, inherited_session_id="kept") is None
    assert sojourn.current_session() is None

    assert sojourn.start_session().session_id == "kept"
    assert sojourn.start_session().session_id != "kept"


def test_start_session_works_without_init() -> None:
    assert sojourn.start_session().is_running


def test_an_inherited_id_may_be_text_or_a_uuid_object(home: Path) -> None:
    given = uuid4()
    sojourn.init(auto_start_session=False)
    session = sojourn.start_session(inherited_session_id=given)

    assert session.session_id == given
    assert session.joined
    names = [name for name, _ in journalled(home).events]
    assert semconv.SESSION_JOIN in names
    assert semconv.SESSION_START not in names


def test_the_variable_joins_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOJOURN_SESSION_ID", "from-outside")

    assert begun().session_id == "from-outside"


@pytest.mark.parametrize("bad", ["  ", "x" * 513])
def test_an_impossible_inherited_id_is_refused_in_words(bad: str) -> None:
    with pytest.raises(ValueError, match="inherited_session_id"):
        sojourn.init(inherited_session_id=bad)


def test_an_inherited_id_of_another_type_is_refused_in_words() -> None:
    with pytest.raises(TypeError, match="inherited_session_id"):
        sojourn.init(inherited_session_id=7)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]  # the point


@pytest.mark.parametrize("bad", ["127.0.0.1:9418", "ftp://x", "http://"])
def test_an_endpoint_that_is_no_url_is_refused_in_words(bad: str) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        sojourn.init(endpoint=bad)


def test_start_and_end_are_in_the_journal_with_state_reason_and_tags(home: Path) -> None:
    session = sojourn.init(tags=["a", "b", "a"], name="nightly")
    assert session is not None
    session.end_session("Failure", "no luck")

    found = journalled(home)
    [start] = found.named(semconv.SESSION_START)
    [end] = found.named(semconv.SESSION_END)
    assert start[semconv.SESSION_ID] == end[semconv.SESSION_ID] == session.session_id
    assert start[semconv.SESSION_TAGS_ADDED] == ["a", "b"]
    assert start[semconv.SESSION_NAME] == "nightly"
    assert end[semconv.SESSION_END_STATE] == "Fail"
    assert end[semconv.SESSION_END_REASON] == "no luck"
    assert end[semconv.SESSION_END_EXPLICIT] is True


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("Success", "Success"),
        ("success", "Success"),
        ("Fail", "Fail"),
        ("Failure", "Fail"),
        ("EndState.FAIL", "Fail"),
        (sojourn.EndState.FAIL, "Fail"),
        ("Indeterminate", "Indeterminate"),
        (sojourn.EndState.INDETERMINATE, "Indeterminate"),
    ],
)
def test_every_spelling_of_an_end_state_is_understood(given: str, meant: str) -> None:
    session = begun()
    session.end_session(given)

    assert session.end_state == meant
    assert not session.is_running
    assert session.end_timestamp is not None


@pytest.mark.parametrize("bad", ["Done", "", None, 3])
def test_an_unknown_end_state_is_refused_and_the_session_stays_open(bad: object) -> None:
    session = begun()

    with pytest.raises(ValueError, match="'Success', 'Fail' or 'Indeterminate'"):
        session.end_session(bad)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # the point
    assert session.is_running


def test_ending_twice_changes_nothing_and_returns_the_same_cost(home: Path) -> None:
    session = begun()
    session.record(sojourn.LLMEvent(model="m", prompt_tokens=1, completion_tokens=1, cost=0.25))
    first = session.end_session("Success", "done")
    second = session.end_session("Fail", "again")

    assert first == second == "0.250000"
    assert session.end_state == "Success"
    assert len(journalled(home).named(semconv.SESSION_END)) == 1


def test_the_module_function_and_the_method_return_the_same_cost() -> None:
    begun()
    sojourn.record(sojourn.LLMEvent(model="m", cost=1.5))

    cost = sojourn.end_session("Success")

    assert cost == "1.500000"
    assert f"{cost:.2f}" == "1.50"
    assert f"${cost}" == "$1.500000"
    assert cost is not None
    assert float(cost) == 1.5


def test_module_functions_without_a_session_say_so_and_hurt_nobody(caplog: pytest.LogCaptureFixture) -> None:
    assert sojourn.end_session() is None
    assert sojourn.get_analytics() is None
    sojourn.record(sojourn.ActionEvent())
    sojourn.add_tags("a")
    sojourn.set_tags("a")

    assert len(caplog.messages) == 5
    assert all("call sojourn.init() first" in message for message in caplog.messages)


def test_tags_unite_and_replace_and_one_text_is_one_tag(home: Path) -> None:
    session = sojourn.init(tags="first")
    assert session is not None
    session.add_tags(["second", "first"])
    session.add_tags("third")
    assert session.tags == ["first", "second", "third"]
    sojourn.set_tags(["only"])
    assert session.tags == ["only"]

    updates = [
        update for update in journalled(home).named(semconv.SESSION_UPDATE) if semconv.SESSION_HOST not in update
    ]
    assert [update.get(semconv.SESSION_TAGS_ADDED) for update in updates] == [["second", "first"], ["third"], None]
    assert updates[-1][semconv.SESSION_TAGS] == ["only"]


def test_a_context_manager_ends_the_session_by_how_it_was_left() -> None:
    sojourn.init(auto_start_session=False)
    with sojourn.start_session() as good:
        assert sojourn.current_session() is good
    with pytest.raises(KeyError), sojourn.start_session() as bad:
        raise KeyError("k")

    assert (good.end_state, good.end_state_reason) == ("Success", None)
    assert (bad.end_state, bad.end_state_reason) == ("Fail", "KeyError: 'k'")


def test_the_outer_session_is_current_again_when_the_inner_one_has_ended() -> None:
    outer = begun()
    inner = sojourn.start_session()
    assert sojourn.current_session() is inner
    inner.end_session()

    assert sojourn.current_session() is outer


def test_threads_without_a_session_fall_back_to_the_first_of_the_process() -> None:
    session = begun()
    seen: list[object] = []
    thread = threading.Thread(target=lambda: seen.append(sojourn.current_session()))
    thread.start()
    thread.join()

    assert seen == [session]


async def test_each_task_has_the_session_that_it_started(home: Path) -> None:
    sojourn.init(auto_start_session=False)

    async def serve(name: str) -> str:
        session = sojourn.start_session(name=name)
        await asyncio.sleep(0)
        sojourn.record(sojourn.ActionEvent(action_type=name))
        await asyncio.sleep(0)
        assert sojourn.current_session() is session
        session.end_session("Success")
        return session.session_id

    ids = await asyncio.gather(*(serve(f"request {number}") for number in range(5)))

    spans = journalled(home).spans
    assert {span.name: plain(span.attributes)[semconv.SESSION_ID] for span in spans} == {
        f"request {number}": session_id for number, session_id in enumerate(ids)
    }


def test_events_by_hand_become_spans_with_their_times_and_content(home: Path) -> None:
    session = begun()
    began, ended = "2026-01-02T03:04:05.000001+00:00", "2026-01-02T03:04:06.500000+00:00"
    session.record(
        sojourn.ActionEvent(
            action_type="plan", params={"goal": "tea"}, returns="a plan", init_timestamp=began, end_timestamp=ended
        )
    )
    session.record(
        sojourn.ToolEvent(name="kettle", params={"litres": 1}, returns="hot", init_timestamp=began, end_timestamp=ended)
    )
    session.record(
        sojourn.LLMEvent(
            model="gpt-4o-mini",
            prompt=[{"role": "user", "content": "Hello"}],
            completion={"role": "assistant", "content": "Hi"},
            prompt_tokens=10,
            completion_tokens=5,
            init_timestamp=began,
            end_timestamp=ended,
        )
    )

    action, tool, call = journalled(home).spans
    assert [span.name for span in (action, tool, call)] == ["plan", "execute_tool kettle", "chat gpt-4o-mini"]
    for span in (action, tool, call):
        assert span.start_time_unix_nano == 1767323045_000001000
        assert span.end_time_unix_nano == 1767323046_500000000
    assert plain(action.attributes) == {
        semconv.SESSION_ID: session.session_id,
        semconv.KIND: "action",
        semconv.INPUT: '{"goal":"tea"}',
        semconv.OUTPUT: '"a plan"',
    }
    assert plain(tool.attributes) == {
        semconv.SESSION_ID: session.session_id,
        semconv.OPERATION: semconv.EXECUTE_TOOL,
        semconv.TOOL_NAME: "kettle",
        semconv.TOOL_CALL_ARGUMENTS: '{"litres":1}',
        semconv.TOOL_CALL_RESULT: '"hot"',
    }
    assert plain(call.attributes) == {
        semconv.SESSION_ID: session.session_id,
        semconv.OPERATION: semconv.CHAT,
        semconv.REQUEST_MODEL: "gpt-4o-mini",
        semconv.RESPONSE_MODEL: "gpt-4o-mini",
        semconv.USAGE_INPUT_TOKENS: 10,
        semconv.USAGE_OUTPUT_TOKENS: 5,
        semconv.INPUT_MESSAGES: '[{"role":"user","parts":[{"type":"text","content":"Hello"}]}]',
        semconv.OUTPUT_MESSAGES: '[{"role":"assistant","parts":[{"type":"text","content":"Hi"}]}]',
    }


def test_an_error_event_keeps_type_message_and_traceback(home: Path) -> None:
    session = begun()
    with pytest.raises(ValueError, match="too hot") as caught:
        raise ValueError("too hot")
    session.record(sojourn.ErrorEvent(exception=caught.value))

    [error_event] = journalled(home).named(semconv.EXCEPTION_EVENT)
    assert error_event[semconv.EXCEPTION_TYPE] == "ValueError"
    assert error_event[semconv.EXCEPTION_MESSAGE] == "too hot"
    assert 'raise ValueError("too hot")' in error_event[semconv.EXCEPTION_STACKTRACE]


def test_record_takes_nothing_but_events() -> None:
    with pytest.raises(TypeError, match="not str"):
        begun().record("hello")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # the point


def test_analytics_count_what_this_process_did_at_once() -> None:
    session = begun()
    session.record(sojourn.ActionEvent())
    session.record(sojourn.ToolEvent(name="t"))
    session.record(sojourn.ToolEvent(name="t"))
    session.record(sojourn.LLMEvent(model="gpt-4o-mini", prompt_tokens=1_000_000, completion_tokens=0))
    session.record(sojourn.LLMEvent(model="mine", cost=0.25))
    session.record(sojourn.ErrorEvent(error_type="Timeout"))

    analytics = session.get_analytics()

    assert analytics.pop("Duration").endswith("s")
    assert analytics == {"LLM calls": 2, "Tool calls": 2, "Actions": 1, "Errors": 1, "Cost": "0.400000"}


def test_a_call_of_an_unknown_model_is_unpriced_and_not_free() -> None:
    session = begun()
    session.record(sojourn.LLMEvent(model="nobody-knows-this-model", prompt_tokens=5, completion_tokens=5))

    cost = session.end_session("Success")

    assert cost == "0.000000"
    assert cost.unpriced == 1


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.1, "0.1s"), (65, "1m 5.0s"), (7200.3, "2h 0.3s"), (3661.25, "1h 1m 1.2s")]
)
def test_durations_read_as_agentops_writes_them(seconds: float, text: str) -> None:
    assert present_duration(seconds) == text


def test_disabled_everything_works_and_nothing_is_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOJOURN_DISABLED", "1")
    session = begun()
    session.add_tags("a")
    session.record(sojourn.ActionEvent())

    assert session.end_session("Success") == "0.000000"
    assert sojourn.flush()
    assert not home.exists()


def test_content_off_leaves_none_of_it_in_the_journal(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOJOURN_CAPTURE_CONTENT", "off")
    session = begun()
    session.record(sojourn.LLMEvent(model="m", prompt="canary-1", completion="canary-2"))
    session.record(sojourn.ToolEvent(name="t", params={"k": "canary-3"}, returns="canary-4"))
    sojourn.flush(0)

    for path in (home / "journal").iterdir():
        assert b"canary" not in path.read_bytes()
