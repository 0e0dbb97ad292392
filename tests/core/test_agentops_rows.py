"""Rows of docs/agentops-behaviour.md that no other test shows."""

from __future__ import annotations

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from typing import TYPE_CHECKING, Any

import pytest

import sojourn
from sojourn import semconv
from sojourn.testing import captured
from tests.conftest import ROOT
from tests.core.collector import Collector
from tests.core.journalled import read_home
from tests.core.recorded import steps
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("Success", "Success"),
        ("Fail", "Fail"),
        ("Indeterminate", "Indeterminate"),
        ("Shutdown", "Indeterminate"),
        ("Reinitialized", "Indeterminate"),
        ("Unknown", "Indeterminate"),
        ("Error", "Fail"),
        ("Failure", "Fail"),
        (sojourn.TraceState.ERROR, "Fail"),
        (sojourn.EndState.FAIL, "Fail"),
    ],
)
def test_every_end_state_that_was_ever_seen_is_understood_for_traces_too(word: Any, meant: str) -> None:
    with captured() as seen:
        sojourn.init()
        sojourn.end_trace(sojourn.start_trace("t"), word)
        sojourn.end_session(word)

    assert seen.span("t").attributes[semconv.TRACE_END_STATE] == meant
    assert seen.span("t").status == ("error" if meant == "Fail" else "unset")
    assert seen.sessions[0].end_state == meant


def test_every_session_tells_its_machine_also_when_several_start_at_once(home: Path) -> None:
    sessions = [sojourn.start_session() for _ in range(5)]
    assert all(session.host_env["python"] for session in sessions)

    def told() -> bool:
        sojourn.flush(0)
        updates = read_home(home).named(semconv.SESSION_UPDATE)
        return {update[semconv.SESSION_ID] for update in updates if semconv.SESSION_HOST in update} == {
            session.session_id for session in sessions
        }

    assert until(told)


def test_what_the_recorder_imports_is_declared_and_nothing_is_pinned() -> None:
    """A newer OpenTelemetry, or an environment without what others bring along, must not break a program."""
    names = {name.partition(">=")[0].replace("-", "_") for name in DECLARED}
    imported: set[str] = set()
    for path in (ROOT / "core" / "sojourn").rglob("*.py"):
        # For programs that have LangChain, and for those that have pytest.
        if path.name not in {"langchain_handlers.py", "fixtures.py"}:
            imported |= _imported(ast.parse(path.read_text("utf-8")))
    distributions = packages_distributions()
    foreign = imported - sys.stdlib_module_names - {"sojourn"}

    assert foreign >= {"opentelemetry", "google"}
    # protobuf comes with OpenTelemetry's own messages, which are made by it.
    for name in foreign - {"google"}:
        assert {found.replace("-", "_") for found in distributions[name]} & names, name
    assert [name for name in DECLARED if "==" in name or "<" in name or "~=" in name] == []


def _imported(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_recording_starts_again_after_it_was_shut_down() -> None:
    """A notebook's cell may be run as often as one likes."""
    first = sojourn.init()
    assert sojourn.init() is first
    sojourn.shutdown()

    second = sojourn.init()

    assert (first.is_running, second.is_running) == (False, True)
    assert second.session_id != first.session_id


def test_after_its_end_init_begins_another_session() -> None:
    first = sojourn.init()
    first.end_session("Success")

    assert sojourn.init() is not first


def test_the_one_endpoint_gets_everything_and_nobody_else_anything() -> None:
    with Collector() as chosen, Collector() as other:
        sojourn.init(endpoint=chosen.url, exporter_endpoint=other.url, app_url=other.url)
        sojourn.record(sojourn.ToolEvent(name="t"))
        sojourn.end_session("Success")
        assert sojourn.flush(120)

        assert {request.path for request in chosen.requests} == {"/v1/traces", "/v1/logs"}
        assert other.requests == []


def test_with_only_the_exporters_endpoint_everything_goes_there() -> None:
    with Collector() as chosen:
        sojourn.init(exporter_endpoint=f"{chosen.url}/v1/traces")
        sojourn.end_session("Success")

        assert sojourn.flush(120)
        # In one request, or, when the machine is busy, the beginning before the end.
        assert {request.path for request in chosen.requests} == {"/v1/logs"}


def test_a_screenshot_and_a_tuple_are_kept_as_agentops_keeps_them(home: Path) -> None:
    sojourn.init()

    class Page:
        def __init__(self) -> None:
            self.screenshot = "https://example.org/page.png"

    @sojourn.record_action("look")
    def look() -> Page:
        return Page()

    @sojourn.record_action("pair")
    def pair() -> tuple[int, int]:
        return 1, 2

    look()
    assert pair() == (1, 2)

    seen = {step.name: step.facts for step in steps(home)}
    assert seen["look"][semconv.SCREENSHOT] == "https://example.org/page.png"
    assert seen["pair"][semconv.OUTPUT] == "[1,2]"


def test_a_session_says_whose_it_is_and_what_is_known_of_it() -> None:
    with captured() as seen:
        session = sojourn.start_session(tags={"plan": "pro", "seats": 3})
        session.set_user("ada")
        session.set_name("checkout")
        session.set_metadata({"seats": 4, "cart": ["a", "b"], "deep": {"k": [1]}})
        session.end_session("Success", is_test=True)

    assert (session.user_id, session.name) == ("ada", "checkout")
    assert session.metadata == {"plan": "pro", "seats": 4, "cart": ("a", "b"), "deep": '{"k":[1]}'}
    [kept] = seen.sessions
    assert kept.name == "checkout"
    prefix = semconv.METADATA_PREFIX
    expected = {
        semconv.USER_ID: "ada",
        f"{prefix}plan": "pro",
        f"{prefix}seats": 4,
        f"{prefix}cart": ["a", "b"],
        f"{prefix}deep": '{"k":[1]}',
        f"{semconv.LEGACY_PREFIX}is_test": True,
    }
    assert {key: kept.facts[key] for key in expected} == expected
