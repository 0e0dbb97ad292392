"""The OpenAPI document of Kore's contract: valid, and as the endpoints read and answer."""

from __future__ import annotations

import re

from openapi_spec_validator import validate

from sojourn_gateway.apis.kore.openapi import document


def test_the_document_is_valid() -> None:
    validate(document())


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for methods in document()["paths"].values() for operation in methods.values()]

    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"\w+", name) for name in names)


def test_parameters_are_those_that_the_code_reads() -> None:
    paths = document()["paths"]
    listed = paths["/api/projects/{projectId}/sessions"]["get"]["parameters"]
    streamed = paths["/api/public/analytics/projects/{projectId}/traces"]["get"]["parameters"]

    assert {one["name"] for one in listed if one["in"] == "query"} == {
        "limit",
        "offset",
        "status",
        "channel",
        "from",
        "to",
        "agentName",
        "environment",
    }
    assert {one["name"] for one in streamed if one["in"] == "query" and one["required"]} == {"fromDate", "toDate"}
