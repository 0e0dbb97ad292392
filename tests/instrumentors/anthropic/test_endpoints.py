"""Everything that is no message: batches, counting, models, files, and whatever a release adds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anthropic
import pytest

from tests.instrumentors.anthropic.clients import HEADERS, body, client, http, message

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.instrumentors.observed import Observed, Seen

CALL: dict[str, Any] = {"model": "m-1", "max_tokens": 8, "messages": [{"role": "user", "content": "Hello"}]}
COUNTS = {"processing": 0, "succeeded": 2, "errored": 1, "canceled": 0, "expired": 0}
BATCH = {
    "id": "msgbatch_1",
    "type": "message_batch",
    "processing_status": "ended",
    "request_counts": COUNTS,
    "results_url": "https://api.anthropic.com/v1/messages/batches/msgbatch_1/results",
}
FILE = {"id": "file_1", "type": "file", "filename": "a.txt", "mime_type": "text/plain", "size_bytes": 2}
MODEL = {"id": "m-1", "type": "model", "display_name": "M"}
SERVER = {
    "gen_ai.provider.name": "anthropic",
    "server.address": "api.anthropic.com",
    "server.port": 443,
    "anthropic.request.id": "req_1",
}
COUNTED = {f"sojourn.batch.{name}": count for name, count in COUNTS.items()}


def page(*found: Any) -> dict[str, Any]:
    return {"data": list(found), "has_more": False, "first_id": None, "last_id": None}


def create_batch(made: Any) -> Any:
    return made.messages.batches.create(requests=[{"custom_id": str(one), "params": CALL} for one in range(3)])


CASES: list[tuple[Callable[[Any], Any], Any, str, dict[str, Any]]] = [
    (
        create_batch,
        BATCH,
        "messages.batches.create",
        {"sojourn.batch.requests": 3, "gen_ai.request.model": "m-1", **COUNTED, "sojourn.resource.status": "ended"},
    ),
    (
        lambda made: made.messages.batches.retrieve("msgbatch_1"),
        BATCH,
        "messages.batches.retrieve",
        {**COUNTED, "sojourn.resource.status": "ended", "sojourn.resource.id": "msgbatch_1"},
    ),
    (
        lambda made: made.messages.batches.cancel("msgbatch_1"),
        {**BATCH, "processing_status": "canceling"},
        "messages.batches.cancel",
        {**COUNTED, "sojourn.resource.status": "canceling"},
    ),
    (
        lambda made: list(made.messages.batches.list()),
        page(BATCH),
        "messages.batches.list",
        {"http.request.method": "GET", "url.template": "/v1/messages/batches"},
    ),
    (
        lambda made: made.messages.batches.delete("msgbatch_1"),
        {"id": "msgbatch_1", "type": "message_batch_deleted"},
        "messages.batches.delete",
        {"sojourn.resource.status": "deleted", "http.request.method": "DELETE"},
    ),
    (
        lambda made: made.messages.count_tokens(model="m-1", messages=CALL["messages"]),
        {"input_tokens": 9},
        "messages.count_tokens",
        {"sojourn.counted.input_tokens": 9, "gen_ai.request.model": "m-1"},
    ),
    (lambda made: made.models.retrieve("m-1"), MODEL, "models.retrieve", {"sojourn.resource.id": "m-1"}),
    (lambda made: list(made.models.list()), page(MODEL), "models.list", {"url.template": "/v1/models"}),
    (
        lambda made: made.beta.files.upload(file=("a.txt", b"hi", "text/plain")),
        FILE,
        "files.upload",
        {"sojourn.resource.id": "file_1", "http.request.method": "POST"},
    ),
    (
        lambda made: made.beta.files.retrieve_metadata("file_1"),
        FILE,
        "files.retrieve_metadata",
        {"sojourn.resource.id": "file_1"},
    ),
    (
        lambda made: made.post("/v1/new_things/thing_1/archive", body={}, cast_to=object),
        {"id": "thing_1"},
        "new_things.archive",
        {"url.template": "/v1/new_things/{id}/archive", "sojourn.resource.id": "thing_1"},
    ),
]


@pytest.mark.parametrize(
    ("call", "answer", "name", "facts"),
    CASES,
    ids=[name for _, _, name, _ in CASES],
)
def test_a_request_has_the_name_that_the_client_gives_it(
    observed: Observed, call: Callable[[Any], Any], answer: Any, name: str, facts: dict[str, Any]
) -> None:
    made = client(body(answer))
    # Releases differ in what they have, and older ones do not tell names, so that those are by the path.
    try:
        call(made)
    except AttributeError as missing:
        pytest.skip(f"this release of the client: {missing}")

    seen = observed.one()
    assert (seen.kind, seen.status) == ("client", "unset")
    if named():
        assert seen.name == name
    assert {**SERVER, **facts}.items() - seen.attributes.items() - no_id(seen) == set()
    assert "gen_ai.usage.input_tokens" not in seen.attributes
    assert "gen_ai.operation.name" not in seen.attributes


def named() -> bool:
    """Whether this release of the client says what a request is called."""
    return int(anthropic.__version__.split(".")[0]) >= 2


def no_id(seen: Seen) -> set[tuple[str, Any]]:
    """Lists and untyped answers have no id to tell."""
    return set() if "anthropic.request.id" in seen.attributes else {("anthropic.request.id", "req_1")}


RESULTS = [
    {
        "custom_id": "1",
        "result": {"type": "succeeded", "message": message(usage={"input_tokens": 5, "output_tokens": 3})},
    },
    {"custom_id": "2", "result": {"type": "errored", "error": {"type": "error", "error": {"type": "api_error"}}}},
    {
        "custom_id": "3",
        "result": {
            "type": "succeeded",
            "message": message(usage={"input_tokens": 2, "cache_read_input_tokens": 4, "output_tokens": 1}),
        },
    },
]


def results(request: Any) -> Any:
    if request.url.path.endswith("/results"):
        lines = b"".join(json.dumps(one).encode() + b"\n" for one in RESULTS)
        return http.Response(200, headers={**HEADERS, "content-type": "application/x-jsonl"}, content=lines)
    return http.Response(200, headers=HEADERS, json=BATCH)


@pytest.mark.parametrize("raw", [False, True], ids=["parsed", "raw"])
def test_results_of_a_batch_are_counted_apart_from_calls(observed: Observed, raw: bool) -> None:
    """They may be read any number of times, at half the price."""
    batches = client(results).messages.batches
    if raw:
        with batches.with_streaming_response.results("msgbatch_1") as response:
            response.read()
    else:
        assert [one.custom_id for one in batches.results("msgbatch_1")] == ["1", "2", "3"]

    seen = observed.roots()[-1]
    assert {name: told for name, told in seen.attributes.items() if ".batch." in name or ".usage." in name} == {
        "sojourn.batch.succeeded": 2,
        "sojourn.batch.errored": 1,
        "sojourn.batch.input_tokens": 11,
        "sojourn.batch.output_tokens": 4,
    }
    assert seen["gen_ai.response.model"] == "m-1-2026"


def test_a_refused_request_tells_its_status(observed: Observed) -> None:
    refused = {"type": "error", "error": {"type": "not_found_error", "message": "gone"}}
    with pytest.raises(anthropic.NotFoundError):
        client(body(refused, 404)).messages.batches.retrieve("msgbatch_1")

    seen = observed.one()
    assert (seen.status, seen["http.response.status_code"]) == ("error", 404)
    assert seen["sojourn.resource.id"] == "msgbatch_1"


def test_a_text_completion_of_older_clients(observed: Observed) -> None:
    made = client(body({"id": "c_1", "completion": "Hi", "model": "m-1-2026", "stop_reason": "stop_sequence"}))
    if not hasattr(made, "completions"):
        pytest.skip("this release of the client has no completions any more")
    made.completions.create(model="m-1", prompt="Hello", max_tokens_to_sample=8, temperature=0.5)

    told = observed.one()
    assert (told.name, told["gen_ai.operation.name"]) == ("text_completion m-1", "text_completion")
    assert told["gen_ai.request.max_tokens"] == 8
    assert told["gen_ai.input.messages"] == [{"role": "user", "parts": [{"type": "text", "content": "Hello"}]}]
    assert told["gen_ai.output.messages"][0]["parts"] == [{"type": "text", "content": "Hi"}]
    assert told["gen_ai.response.finish_reasons"] == ("stop",)
