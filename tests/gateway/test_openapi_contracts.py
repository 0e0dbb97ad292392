"""The documents of all contracts: valid, served, whole, and kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types
from openapi_spec_validator import validate

from sojourn.home import Home
from sojourn_gateway.apis.agentops.openapi import SPELLED
from sojourn_gateway.apis.openapi import CONTRACTS, documents
from sojourn_gateway.app import create_app
from tests.gateway.story import session_events, support_session
from tests.gateway.walking import walk

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gateway.serving import Served

OTHERS = [name for name in CONTRACTS if name != "agentmark"]
"""`/v1` is asked in `test_openapi.py`."""
SESSION = "0a51c9f3-7f6e-4b62-9d2b-1f6a6c0c5b10"


@pytest.fixture
def told(home: Path) -> dict[str, Any]:
    return documents(create_app(Home(home)))


def test_every_document_is_valid_and_its_operations_have_names_of_their_own(told: dict[str, Any]) -> None:
    assert tuple(told) == CONTRACTS
    for document in told.values():
        validate(document)
    names = [
        operation["operationId"]
        for document in told.values()
        for methods in document["paths"].values()
        for operation in methods.values()
    ]
    assert len(names) == len(set(names))


def test_every_document_is_served(gateway: Served) -> None:
    for name in CONTRACTS:
        assert gateway.get(f"/openapi/{name}.json").json()["openapi"] == "3.1.0"
    for wrong in ("/openapi/nothing.json", "/openapi/agentops"):
        answer = gateway.get(wrong)
        assert answer.status_code == 404
        assert "/openapi/agentops.json" in answer.json()["error"]["message"]


def test_every_route_of_agentops_stands_in_its_document(home: Path, told: dict[str, Any]) -> None:
    served = {
        (method, spelled)
        for path, methods in create_app(Home(home)).openapi()["paths"].items()
        for method in methods
        if re.match(r"/(v2|v3|v4|public)/", path)
        for spelled in SPELLED.get(path, (path,))
    }

    assert {(method, path) for path, methods in told["agentops"]["paths"].items() for method in methods} == served - {
        ("post", "/v2/sessions")
    }


def _keep(gateway: Served) -> None:
    gateway.keep(support_session(SESSION))
    events = session_events(SESSION, name="Order", tags=("a",), end_state="Success")
    assert gateway.send(events, signal="logs", content_type="application/json").status_code == 200
    assert gateway.engine.settle(60)


@pytest.mark.parametrize("name", OTHERS)
def test_nothing_that_is_asked_gives_500_or_an_answer_that_the_document_does_not_know(
    gateway: Served, told: dict[str, Any], name: str
) -> None:
    _keep(gateway)

    walk(gateway, told[name], 1)


def test_what_agentops_answers_of_a_session_is_as_its_document_says(gateway: Served, told: dict[str, Any]) -> None:
    """What is invented meets no session; here one is there."""
    _keep(gateway)
    (trace,) = {one["trace_id"] for one in gateway.data("/v1/spans", limit=1)}
    (span,) = {one["id"] for one in gateway.data("/v1/spans", limit=1)}
    project = gateway.get("/public/v1/project").json()["id"]
    places = {"session_id": SESSION, "trace_id": trace, "log_id": SESSION, "span_id": span, "project_id": project}
    document = told["agentops"]
    for path, methods in document["paths"].items():
        names = re.findall(r"{(\w+)}", path)
        if "get" in methods and names and set(names) <= set(places):
            answer = gateway.get(path.format(**places))
            assert answer.status_code == 200, path
            _check(document, methods["get"]["responses"]["200"]["content"], answer.json(), path)


def _check(document: dict[str, Any], content: dict[str, Any], answer: Any, path: str) -> None:
    (media,) = content.values()
    validator: Any = Draft202012Validator
    faults = validator({**media["schema"], "components": document["components"]}).iter_errors(answer)
    assert [f"{path}: {fault.json_path} {fault.message}" for fault in faults] == []


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", OTHERS)
def test_nor_does_it_for_long(gateway: Served, told: dict[str, Any], name: str) -> None:
    _keep(gateway)

    walk(gateway, told[name], 300, by_chance=True)
