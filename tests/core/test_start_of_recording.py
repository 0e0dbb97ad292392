"""What begins to record, and what it takes over from the environment and from `configure`."""

from __future__ import annotations

import pytest

import sojourn
from sojourn import semconv
from sojourn.client import get_client
from sojourn.settings import Settings
from sojourn.testing import captured

SECRET = "sk-1f0c"


def user_of(name: str) -> object:
    """The user that a step is told now."""
    with captured() as seen:
        with sojourn.span(name):
            pass
        return seen.span(name).attributes.get(semconv.USER_ID)


# --- the session of the environment -----------------------------------------------------------------------------------


def test_a_trace_that_begins_to_record_joins_the_session_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOJOURN_SESSION_ID", "of-our-parent")
    assert sojourn.start_trace("turn").session_id == "of-our-parent"
    with sojourn.span("step") as step:
        assert step.session_id == "of-our-parent"
    assert sojourn.init().session_id == "of-our-parent"


def test_a_trace_that_begins_to_record_starts_no_session_of_its_own() -> None:
    assert sojourn.start_trace("turn").session_id is None
    assert sojourn.current_session() is None


def test_a_span_or_a_decorated_call_begins_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOJOURN_SESSION_ID", "of-our-parent")

    @sojourn.task
    def work() -> int:
        return 1

    with sojourn.span("step") as step:
        assert work() == 1
    assert step.ids == (0, 0)
    assert get_client() is None


# --- the user of the environment --------------------------------------------------------------------------------------


@pytest.fixture
def for_ada(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAGGAGE", "session.id=of-our-parent,user.id=ada")


@pytest.mark.usefixtures("for_ada")
def test_spans_carry_the_user_of_the_environment_and_hand_it_on() -> None:
    assert user_of("step") == "ada"
    sojourn.init()
    assert sojourn.inject() == {"baggage": "session.id=of-our-parent,user.id=ada"}
    assert sojourn.environment()["BAGGAGE"] == "session.id=of-our-parent,user.id=ada"


@pytest.mark.usefixtures("for_ada")
def test_a_scope_or_headers_with_another_user_beat_that_of_the_environment() -> None:
    with captured() as seen:
        sojourn.init()
        with sojourn.with_agentmark(user_id="bob"), sojourn.span("of a scope"):
            pass
        with sojourn.extract({"baggage": "session.id=theirs,user.id=eve"}), sojourn.span("of headers"):
            pass
        with sojourn.span("after"):
            pass
        told = {span.name: span.attributes[semconv.USER_ID] for span in seen.spans}
    assert told == {"of a scope": "bob", "of headers": "eve", "after": "ada"}


@pytest.mark.usefixtures("for_ada")
def test_a_session_from_elsewhere_without_a_user_does_not_get_that_of_the_environment() -> None:
    with captured() as seen:
        sojourn.init()
        with sojourn.extract({"baggage": "session.id=theirs"}), sojourn.span("theirs"):
            assert "user.id" not in sojourn.inject()["baggage"]
        assert semconv.USER_ID not in seen.span("theirs").attributes


def test_the_user_of_the_environment_is_forgotten_with_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAGGAGE", "user.id=ada")
    sojourn.init()
    with sojourn.with_agentmark(tags=["a"]):
        sojourn.shutdown()
    monkeypatch.delenv("BAGGAGE")
    assert user_of("step") is None


# --- keys, endpoints, and what `configure` is told --------------------------------------------------------------------


def test_the_line_feed_at_the_end_of_a_key_from_a_file_is_no_part_of_it() -> None:
    assert Settings.read(environ={"SOJOURN_API_KEY": f"{SECRET}\n"}).api_key == SECRET
    sojourn.init(api_key=f"{SECRET}\n")
    sojourn.configure(api_key=f"{SECRET}\n")
    assert sojourn.get_api_key() == SECRET


@pytest.mark.parametrize("key", [f"{SECRET}\nX-Header: 1", f"{SECRET}é"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_quoted(key: str) -> None:
    with pytest.raises(ValueError, match="api_key holds characters") as refused:
        sojourn.init(api_key=key)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("endpoint", [f"http://me:{SECRET}@127.0.0.1:9418", f"http://me:{SECRET}@127.0.0.1:99999"])
def test_an_endpoint_with_a_password_is_refused_and_not_quoted(endpoint: str) -> None:
    with pytest.raises(ValueError, match="endpoint") as refused:
        sojourn.init(endpoint=endpoint)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:99999", "http://127.0.0.1:x", "http://[::1", "http://h:0"])
def test_an_endpoint_that_cannot_be_reached_by_any_means_is_refused_at_once(endpoint: str) -> None:
    with pytest.raises(ValueError, match="must be a base URL"):
        sojourn.init(endpoint=endpoint)


def test_configure_takes_the_running_endpoint_however_it_is_written() -> None:
    sojourn.init(endpoint="http://127.0.0.1:9/")
    sojourn.configure(endpoint="http://127.0.0.1:9/v1/traces", default_tags=["later"])
    assert sojourn.start_session().tags == ["later"]


def test_default_tags_may_come_from_a_generator() -> None:
    sojourn.configure(default_tags=(tag for tag in ["a"]))
    assert sojourn.init(tags=(tag for tag in ["b"])).tags == ["a", "b"]
