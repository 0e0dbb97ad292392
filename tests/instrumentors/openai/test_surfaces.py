"""Every surface of the client by which instrumentors are compared has a span with a meaning of its own."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import openai
import pytest

from sojourn.content import ContentPolicy
from tests.instrumentors.openai.service import Service
from tests.instrumentors.openai.surfaces import SURFACES

if TYPE_CHECKING:
    from tests.instrumentors.observed import Observed, Seen
    from tests.instrumentors.openai.surfaces import Surface

CONTENT = (".messages", ".definitions", ".documents", "_instructions")

# The client says so of what its maker will take away: until then it is used, and so observed.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

each_surface = pytest.mark.parametrize("surface", SURFACES, ids=[surface.row for surface in SURFACES])


async def call(surface: Surface, answer: Any) -> None:
    if surface.spans > 1:
        # The tokens of a run count once in a process, in whatever order these tests are.
        answer = (*answer,) if isinstance(answer, tuple) else {**answer, "id": f"run_{uuid4().hex}"}
    service = Service([answer])
    client = service.async_client() if surface.is_async else service.client()
    try:
        result = surface.call(client)
        if inspect.isawaitable(result):
            await result
    except (AttributeError, TypeError) as missing:
        if "object has no attribute" in str(missing) or "unexpected keyword" in str(missing):
            pytest.skip(f"this release of the client has no {surface.row}")
        raise


def told(seen: Seen, names: Any) -> dict[str, Any]:
    return {name: seen[name] if name.endswith(CONTENT) else seen.attributes[name] for name in names}


def test_the_table_has_fifty_surfaces() -> None:
    assert len({surface.row for surface in SURFACES}) == len(SURFACES) == 50


@each_surface
async def test_the_span_says_what_was_done(surface: Surface, observed: Observed) -> None:
    await call(surface, surface.answer)

    spans = observed.all()
    assert len(spans) == surface.spans
    assert (spans[0].name, spans[0].kind, spans[0].status) == (surface.span, "client", "unset")
    assert told(spans[0], surface.told.keys() & spans[0].attributes.keys()) == surface.told


@each_surface
async def test_without_content_the_span_says_the_same_less_what_was_said(surface: Surface, observed: Observed) -> None:
    observed.install(ContentPolicy(capture="off"))
    await call(surface, surface.answer)

    seen = observed.all()[0]
    facts = {name: value for name, value in surface.told.items() if not name.endswith((*CONTENT, ".query.text"))}
    assert seen.name == surface.span
    assert told(seen, facts.keys() & seen.attributes.keys()) == facts
    assert not [name for name in seen.attributes if name.endswith((*CONTENT, ".query.text", ".input", ".output"))]


@each_surface
async def test_a_refusal_is_recorded_and_raised(surface: Surface, observed: Observed) -> None:
    with pytest.raises(openai.NotFoundError):
        await call(surface, (404, {"error": {"message": "no", "code": "gone"}}))

    seen = observed.one()
    assert (seen.name, seen.status, seen["error.type"]) == (surface.span, "error", "openai.NotFoundError")
    assert seen.attributes.get("http.response.status_code", 404) == 404
