"""Clients of other platforms: who provides, and where."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import TYPE_CHECKING, Any

import anthropic
import pytest
from anthropic.lib.bedrock import AnthropicBedrock
from anthropic.lib.vertex import AnthropicVertex

from tests.instrumentors.anthropic.clients import body, client, events, http, message

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.instrumentors.observed import Observed

ASKED: dict[str, Any] = {"model": "m-1", "max_tokens": 8, "messages": [{"role": "user", "content": "Hello"}]}
ANSWER = message({"type": "text", "text": "Hi"})


def bedrock(answer: Callable[[Any], Any]) -> Any:
    keys = {"aws_access_key": "a", "aws_secret_key": "s", "aws_region": "eu-west-1"}
    return client(answer, AnthropicBedrock, **keys)


def vertex(answer: Callable[[Any], Any]) -> Any:
    return client(answer, AnthropicVertex, region="us-east5", project_id="p", access_token="t")


def foundry(answer: Callable[[Any], Any]) -> Any:
    kind = getattr(anthropic, "AnthropicFoundry", None)
    if kind is None:
        pytest.skip("this release has no client for Foundry")
    return client(answer, kind, resource="mine", api_key="k")


def elsewhere(answer: Callable[[Any], Any]) -> Any:
    return client(answer, base_url="https://api.deepseek.com/anthropic")


def at_home(answer: Callable[[Any], Any]) -> Any:
    return client(answer, base_url="http://127.0.0.1:4000")


@pytest.mark.parametrize(
    ("make", "provider", "address", "port"),
    [
        (bedrock, "aws.bedrock", "bedrock-runtime.eu-west-1.amazonaws.com", 443),
        (vertex, "gcp.vertex_ai", "us-east5-aiplatform.googleapis.com", 443),
        (foundry, "anthropic", "mine.services.ai.azure.com", 443),
        (elsewhere, "deepseek", "api.deepseek.com", 443),
        (at_home, "anthropic", "127.0.0.1", 4000),
    ],
)
def test_a_client_names_its_provider(
    observed: Observed, make: Callable[[Any], Any], provider: str, address: str, port: int
) -> None:
    # These two need libraries of their platforms to sign what is sent.
    if make is bedrock:
        pytest.importorskip("boto3")
    if make is vertex:
        pytest.importorskip("google.auth")
    make(body(ANSWER)).messages.create(**ASKED)

    seen = observed.one()
    assert (seen.name, seen["gen_ai.request.model"]) == ("chat m-1", "m-1")
    assert (seen["gen_ai.provider.name"], seen["server.address"], seen["server.port"]) == (provider, address, port)
    assert seen["gen_ai.usage.input_tokens"] == 11


def test_a_client_of_the_programs_own_class_has_the_provider_of_its_parent(observed: Observed) -> None:
    pytest.importorskip("boto3")
    kind = type("Mine", (AnthropicBedrock,), {})
    client(body(ANSWER), kind, aws_access_key="a", aws_secret_key="s", aws_region="eu-west-1").messages.create(**ASKED)

    assert observed.one()["gen_ai.provider.name"] == "aws.bedrock"


def test_a_stream_of_bedrock_is_read_as_any_other(observed: Observed) -> None:
    pytest.importorskip("boto3")
    told = events(({"type": "text", "text": ""}, [{"type": "text_delta", "text": "Hi"}]))
    frames = b"".join(_frame(one) for one in told)
    kind = {"content-type": "application/vnd.amazon.eventstream", "x-amzn-requestid": "aws_1"}
    made = bedrock(lambda _: http.Response(200, headers=kind, content=frames))
    list(made.messages.create(**ASKED, stream=True))

    seen = observed.one()
    assert seen["gen_ai.output.messages"][0]["parts"] == [{"type": "text", "content": "Hi"}]
    assert (seen["gen_ai.usage.input_tokens"], seen["gen_ai.usage.output_tokens"]) == (11, 7)
    assert seen["anthropic.request.id"] == "aws_1"


def _frame(event: dict[str, Any]) -> bytes:
    """An event as AWS puts it on the wire."""
    payload = json.dumps({"bytes": base64.b64encode(json.dumps(event).encode()).decode()}).encode()
    headers = b"".join(
        struct.pack("!B", len(name)) + name + b"\x07" + struct.pack("!H", len(value)) + value
        for name, value in ((b":message-type", b"event"), (b":event-type", b"chunk"))
    )
    prelude = struct.pack("!II", len(headers) + len(payload) + 16, len(headers))
    head = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + payload
    return head + struct.pack("!I", zlib.crc32(head))
