"""The OpenAPI document of this contract: valid, and whole. That answers fit it, `Runtime.data` sees each time."""

from __future__ import annotations

from fastapi import FastAPI
from openapi_spec_validator import validate

from sojourn_gateway.apis.agentuity import openapi, reads, writes

_SPELLED = {"/cli/session/{rest}": "/cli/session/{id}/logs"}


def test_the_document_is_valid() -> None:
    validate(openapi.document())


def test_every_route_stands_in_the_document() -> None:
    app = FastAPI()
    app.include_router(reads.router)
    app.include_router(writes.router)
    served = {
        (method, _SPELLED.get(path, path.replace("{rest}", "{id}")))
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    }

    told = {(method, path) for path, methods in openapi.document()["paths"].items() for method in methods}
    assert told == served
