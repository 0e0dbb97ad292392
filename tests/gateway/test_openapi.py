"""The OpenAPI document of `/v1`: valid, whole, and kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from openapi_spec_validator import validate

from sojourn.home import Home
from sojourn_gateway.apis.agentmark.openapi import OPERATIONS, SPELLED, document
from sojourn_gateway.app import create_app
from tests.gateway.story import support_session
from tests.gateway.walking import walk

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gateway.serving import Served


@pytest.fixture
def paths(home: Path) -> Any:
    return document(create_app(Home(home)))["paths"]


def test_the_document_is_valid(home: Path) -> None:
    validate(document(create_app(Home(home))))


def test_the_document_is_served(gateway: Served) -> None:
    assert gateway.get("/v1/openapi.json").json()["openapi"] == "3.1.0"


def test_every_route_of_v1_stands_in_the_document(home: Path) -> None:
    app = create_app(Home(home))
    served = {
        (method, SPELLED.get(path, path))
        for path, methods in app.openapi()["paths"].items()
        for method in methods
        if path.startswith("/v1/")
    }

    told = {(method, path) for path, methods in document(app)["paths"].items() for method in methods}
    assert served - told == set()
    assert {(one.method, one.path) for one in OPERATIONS} <= told


def test_parameters_are_those_that_the_code_reads(paths: Any) -> None:
    told = paths["/v1/experiments"]["get"]["parameters"]

    assert {one["name"]: one["schema"] for one in told} == {
        "limit": {"type": "integer", "minimum": 1, "maximum": 200},
        "offset": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
        "start_date": {"type": "string", "format": "date"},
        "end_date": {"type": "string", "format": "date"},
        "prompt_name": {"type": "string"},
        "dataset_path": {"type": "string"},
    }
    metrics = paths["/v1/metrics"]["get"]["parameters"]
    assert {one["name"] for one in metrics if one["required"]} == {"start_date", "end_date"}


def test_operations_have_names_of_their_own(paths: Any) -> None:
    names = [operation["operationId"] for methods in paths.values() for operation in methods.values()]

    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in names)


@pytest.mark.parametrize("shape", ["jsonl", "csv", "openai"])
def test_an_export_comes_as_the_document_says_in_each_shape(gateway: Served, paths: Any, shape: str) -> None:
    gateway.keep(support_session("s-1"))

    answer = gateway.client.get("/v1/traces/export", params={"format": shape})

    assert answer.status_code == 200
    documented = paths["/v1/traces/export"]["get"]["responses"]["200"]["content"]
    assert answer.headers["content-type"].partition(";")[0] in documented


def test_nothing_that_is_asked_gives_500_or_an_answer_that_the_document_does_not_know(gateway: Served) -> None:
    gateway.keep(support_session("s-1"))

    walk(gateway, gateway.get("/v1/openapi.json").json(), 2)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_nor_does_it_for_long(gateway: Served) -> None:
    gateway.keep(support_session("s-1"))

    walk(gateway, gateway.get("/v1/openapi.json").json(), 300, by_chance=True)
